"""The socket that the daemon finds: at a free path, or in the place of a running plugin, which gets it back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop.repository import tool
from workshop.trace.errors import Refused


@contextlib.contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Take turns with other programs that make sockets in this folder: a part of the course takes the same lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_alive(path: Path) -> bool:
    """Tell whether something listens. Raises Refused if that cannot be tried."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError as error:
            raise Refused(f"{path} cannot be tried: {error}. Look at it:   ls -l {path}") from None
    return True


def bind_socket(path: Path, mode: int = 0o600) -> socket.socket:
    """Return a socket that listens at path. From its first instant, only users that the mode allows can connect."""
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def aside_of(path: Path) -> Path:
    """Return where the socket of a plugin goes while a trace is in its place.

    Docker's scan passes over it: of a folder D it looks at D/D.sock only (moby pkg/plugins/discovery.go, Scan).
    """
    return path.parent / ".trace" / path.name


def _check_length(path: Path) -> Path:
    """Return path as it is, if a socket can have it. Raises Refused."""
    if len(os.fsencode(path)) > 107:
        raise Refused(f"{path} is too long for a socket: choose a path of at most 107 bytes with DDD_SOCKET=…")
    return path


@contextlib.contextmanager
def publish(path: Path) -> Iterator[socket.socket]:
    """Give a listening socket at path; its file is removed at the end. The caller closes the socket.

    Raises Refused.
    """
    _check_length(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock_folder(path.parent):
            _make_room(path)
            listener = bind_socket(path)
    except OSError as error:
        why = f"No socket can be made at {path}: {error.strerror}."
        raise Refused(f"{why} Run as root, or choose a place with DDD_SOCKET=…") from None
    ours = path.stat()
    try:
        yield listener
    finally:
        if _is_same(path, ours):
            path.unlink()


def _make_room(path: Path) -> None:
    """Remove the socket of a plugin that was killed, and nothing else. Raises Refused."""
    if os.path.lexists(aside_of(path)) and _is_alive(aside_of(path)):
        raise Refused(f"A trace that was killed has left a plugin at {aside_of(path)}. Give it its place back:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise Refused(f"{path} exists and is not a socket. Look at it, and move it away:   ls -l {path}")
    if _is_alive(path):
        raise Refused(f"A plugin listens at {path} already. End it, or trace it as it runs:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    path.unlink()


def _is_same(path: Path, ours: os.stat_result) -> bool:
    """Tell whether the file at path is this one."""
    return os.path.lexists(path) and os.path.samestat(path.lstat(), ours)


Note = Callable[[str], None]


@contextlib.contextmanager
def in_place_of(path: Path, note: Note) -> Iterator[socket.socket]:
    """Give a socket that listens in the place of a running plugin, which gets its place back at the end.

    At no instant is there no socket: ours is renamed over the plugin's, and the plugin's over ours. Raises Refused.
    """
    aside, unheard = aside_of(path), connections_with(path)
    try:
        _check_place(path)
        with _lock_folder(path.parent):
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            lock = _only_one(path)
            listener = _take_place(path, aside, note, lock)
    except OSError as error:
        raise Refused(f"{path} cannot be taken: {error.strerror}. Run as root:   sudo {tool()} trace …") from None
    ours = path.stat()
    if unheard:
        note(f"Connections with the plugin that are open already: {unheard}. They do not come through here. To hear "
             "what Docker says on them, end this trace, start the plugin again, and then the trace.")  # fmt: skip
    try:
        yield listener
    finally:
        with _lock_folder(path.parent):
            _give_back(path, aside, ours, note)
            _unlock(path, lock)


def connections_with(path: Path) -> int:
    """Return how many callers are connected to the socket at path, as far as this network namespace shows them.

    Docker keeps a connection for its next call, where the plugin lets it. Source: proc(5), /proc/net/unix.
    """
    # the kernel prints the names as they are, with any bytes: a newline in a name makes a line with fewer fields
    rows = [line.split(maxsplit=7) for line in Path("/proc/net/unix").read_bytes().split(b"\n")[1:]]
    return sum(row[5:6] == [b"03"] and row[7:] == [os.fsencode(path)] for row in rows)


def _check_place(path: Path) -> None:
    """Check whether a trace can take the place of this socket. Raises Refused."""
    _check_length(aside_of(path))
    if path.is_symlink():
        raise Refused(f"{path} is a link. Name the socket itself:   {tool()} trace --socket {path.resolve()}")
    if not os.path.lexists(path) and not os.path.lexists(aside_of(path)):
        raise Refused(f"There is no socket at {path}. Start the plugin, or let trace start it:\n"
                      f"    {tool()} trace --plugin FILE")  # fmt: skip
    if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        raise Refused(f"{path} is not a socket. Look for the plugin's:   ls -l {path.parent}")


def _only_one(path: Path) -> int:
    """Return the lock that a running trace of this socket holds: the kernel frees it when the process exits."""
    lock = os.open(aside_of(path).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Refused(f"A trace of {path} is running already. End it with Ctrl-C, then start again:\n"
                      f"    {tool()} trace --socket {path}") from None  # fmt: skip
    return lock


def _unlock(path: Path, lock: int) -> None:
    """Free the lock, and remove the folder that only a trace needs."""
    aside_of(path).with_suffix(".lock").unlink(missing_ok=True)
    os.close(lock)
    with contextlib.suppress(OSError):  # a trace of another plugin in this folder is running
        aside_of(path).parent.rmdir()


def _take_place(path: Path, aside: Path, note: Note, lock: int) -> socket.socket:
    """Move the plugin's socket aside, and put ours in its place, with its mode and owner."""
    try:
        _repair(path, aside, note)
        if not _is_alive(path):
            raise Refused(f"Nothing listens at {path}. Start the plugin, or let trace start it:\n"
                          f"    {tool()} trace --plugin FILE")  # fmt: skip
        theirs, new = path.stat(), aside.with_suffix(".new")
        new.unlink(missing_ok=True)
        listener = bind_socket(new, stat.S_IMODE(theirs.st_mode))
        if (theirs.st_uid, theirs.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, theirs.st_uid, theirs.st_gid)
        os.link(path, aside)
        os.rename(new, path)
    except BaseException:
        _unlock(path, lock)
        raise
    return listener


def _repair(path: Path, aside: Path, note: Note) -> None:
    """Undo what a killed trace has left. Raises Refused if two plugins are running."""
    if not os.path.lexists(aside):
        return
    if not _is_alive(aside) or _is_same(path, aside.lstat()):
        aside.unlink()
    elif _is_alive(path):
        raise Refused(f"Two plugins listen, at {path} and at {aside}. End the older one, then start again:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    else:
        aside.rename(path)
        note(f"A trace that was killed had left the plugin at {aside}: it has its place back.")


def _give_back(path: Path, aside: Path, ours: os.stat_result, note: Note) -> None:
    """Give the plugin its place back. If it has exited, leave no socket; another plugin that came meanwhile stays."""
    try:
        living = _is_alive(aside)
    except Refused:
        living = True  # it is busy
    if living and (_is_same(path, ours) or not os.path.lexists(path)):
        aside.rename(path)
        note(f"The plugin has its place at {path} back.")
        return
    aside.unlink(missing_ok=True)
    if _is_same(path, ours):
        path.unlink()
        note(f"The plugin ended during the trace. Start it again: nobody listens at {path}.")
    else:
        note(f"Another plugin took {path} during the trace: it stays.")
