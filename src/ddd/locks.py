"""One ddd in a root: a lock that only root can take, and the lock of earlier versions, which any user can take."""

import contextlib
import fcntl
import os
import re
import sys


class Taken(Exception):
    """Another ddd has the root; the text says in a sentence which process that is."""


def take(root: str) -> None:
    """Lock a root until this process, and all that it forks, have exited. Raises Taken, OSError."""
    # Neither descriptor is closed, so the locks stay. Both are open for reading only: a file that is open for writing
    # would prevent an operator from making the disk read-only
    # O_NONBLOCK: there may be a pipe, and to open a pipe is to wait for a writer
    own = os.open(os.path.join(root, "lock"), os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    os.fchmod(own, 0o600)
    folder = os.open(root, os.O_RDONLY)
    for lock in (own, folder):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = stranger(root) if lock == folder else None
            if not holder:
                raise Taken(f"Another ddd works in {root}. End it, or choose another folder with DDD_ROOT=…") from None
            told = f"{holder} has locked {root}. Any user can do that, and ddd starts anyway."
            print(f"{told} To close the folder to others, type: chmod 700 {root}", file=sys.stderr)
    os.fsync(folder)


def stranger(folder: str) -> str | None:
    """Name the process that has locked a folder, if it is not a process of root. None if it is, or cannot be known.

    Earlier versions of ddd have only this lock, and run as root. Every user who may list the folder can take the lock,
    too, and leave it to a child. Source: proc_locks(5).
    """
    place = os.stat(folder)
    with open("/proc/locks") as locks:
        held = re.findall(rf"^\d+: FLOCK +\S+ +\w+ (\d+) \w+:\w+:{place.st_ino} ", locks.read(), re.MULTILINE)
    others = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid != str(os.getpid())]
    if not held or any(user_of(pid) == "0" and has_open(pid, place, pid in held) for pid in others):
        return None
    return " and ".join(f"Process {pid} of user {user_of(pid) or 'unknown, which has exited,'}" for pid in held)


def user_of(pid: str) -> str | None:
    """Return the number of the user who has started a process; None if it has exited.

    This is the real user: the effective user of a setuid program is root. Source: proc_pid_status(5).
    """
    try:
        # a process chooses its name: a CR in it must not begin a line
        with open(f"/proc/{pid}/status", encoding="latin-1", newline="\n") as status:
            found = re.search(r"^Uid:\s+(\d+)", status.read(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return found[1] if found else None


def has_open(pid: str, place: os.stat_result, unless_seen: bool) -> bool:
    """Tell whether a process has this folder open; unless_seen is the answer if that cannot be seen."""
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), place):
                    return True
    except PermissionError:
        return unless_seen
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False
