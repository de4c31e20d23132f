"""The socket at Docker's place: made safely, or taken from systemd."""

import contextlib
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Iterator

SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"
LONGEST = 107  # bytes in the path of a Unix socket: unix(7)
# Docker's calls wait in this queue until a thread is free. A caller that finds it full is turned away
QUEUE = 1024


def from_systemd() -> bool:
    """Tell whether systemd has made the socket and passes it to this process. Source: sd_listen_fds(3)."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def listen(path: str) -> socket.socket:
    """Return a socket that listens at path. If none can be made, exit with a sentence."""
    if len(os.fsencode(path)) > LONGEST:
        sys.exit(f"{path} is too long for a socket: choose a path of at most {LONGEST} bytes with DDD_SOCKET=…")
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with turn(f"{path}.lock"):
            remove_stale(path)
            listener = socket.socket(socket.AF_UNIX)
            # anyone who can write to the socket can get every volume: let only the owner write, whatever the umask was
            umask = os.umask(0o177)
            listener.bind(path)
            os.umask(umask)
            listener.listen(QUEUE)
    except OSError as error:
        sys.exit(f"No socket can be made at {path}: {error.strerror}. Run as root, or choose a place with DDD_SOCKET=…")
    return listener


class Made:
    """The file of a socket, as it was when it was made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = self.look()

    def look(self) -> tuple[int, int, int]:
        """Return what identifies the file: a later one at its path may get the same inode. Raises OSError."""
        now = os.lstat(self.path)
        return now.st_dev, now.st_ino, now.st_mtime_ns

    def is_there(self) -> bool:
        """Tell whether the file is still in its place."""
        try:
            return self.look() == self.file
        except OSError:
            return False


@contextlib.contextmanager
def turn(path: str) -> Iterator[None]:
    """Hold a lock: a file that exists only while it is held.

    Two plugins that start at once take turns: the second one finds the first one listening. Only root can open this
    file. Every user may open the socket's folder: with a lock on it, any user could stop the plugin from starting.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # the process that held it before has removed the file, and a third process may have made another
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                break
        os.close(lock)
    try:
        yield
    finally:
        os.unlink(path)
        os.close(lock)


def remove_stale(path: str) -> None:
    """Remove the socket that a plugin left behind when it was killed, and nothing else."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        sys.exit(f"{path} exists and is not a socket. Look at it, and move it away: ls -l {path}")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            sys.exit(f"{path} exists, but cannot be tried: {error}. Look at it, and move it away: ls -l {path}")
        else:
            sys.exit(f"A plugin listens at {path} already. End it, or choose another place with DDD_SOCKET=…")
