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
            holders = strangers(root) if lock == folder else []
            if not holders:
                raise Taken(f"Another ddd works in {root}. End it, or choose another folder with DDD_ROOT=…") from None
            for holder in holders:
                told = f"{holder} has locked {root}. Any user can do that, and ddd starts anyway."
                print(f"{told} To close the folder to others, type: chmod 700 {root}", file=sys.stderr)
    os.fsync(folder)


def strangers(folder: str) -> list[str]:
    """Name the processes that have locked a folder; none if one of them is a process of root.

    Earlier versions of ddd have only this lock, and run as root. Every user who may list the folder can take the lock,
    too, and leave it to a child: /proc/locks has only the process that took it. Source: proc_locks(5).
    """
    place = os.stat(folder)
    with open("/proc/locks") as locks:
        took = re.findall(rf"^\d+: FLOCK +\S+ +\w+ (\d+) \w+:\w+:{place.st_ino} ", locks.read(), re.MULTILINE)
    others = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid != str(os.getpid())]
    users = {pid: user_of(pid) for pid in others if has_locked(pid, place, pid in took)}
    if "0" in users.values():
        return []
    return [f"Process {pid} of user {user}" for pid, user in users.items() if user] or ["A process that cannot be seen"]


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


def has_locked(pid: str, place: os.stat_result, unless_seen: bool) -> bool:
    """Tell whether a process has this folder open and locked; unless_seen is the answer if that cannot be seen.

    A child that got the descriptor has the lock, too. Source: proc_pid_fdinfo(5).
    """
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), place):
                    with open(f"/proc/{pid}/fdinfo/{descriptor}") as about:
                        if re.search(r"^lock:.* FLOCK ", about.read(), re.MULTILINE):
                            return True
    except PermissionError:
        return unless_seen
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False
