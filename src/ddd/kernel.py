"""What the kernel says: /proc on processes, their mounts and their folders, and SO_PEERCRED on who calls."""

import errno
import os
import re
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

Identity = tuple[int, int]
"""A device, and an inode on it."""


class Mounted(NamedTuple):
    """A line of a process's mount table. Source: proc_pid_mountinfo(5)."""

    parent: str  # the number of the mount that this one is mounted in
    device: str
    root: str  # which folder of the device is mounted
    point: str  # where, as the process sees it


Table = dict[str, Mounted]
"""What a process has mounted, by the number of the mount."""


# processes


def caller(connection: socket.socket) -> int:
    """Return the pid of the process at the other end; 0 when it calls over TCP or cannot be seen. Source: unix(7)."""
    if connection.family != socket.AF_UNIX:
        return 0
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", peer)[0]
    return pid


def exists(pid: int) -> bool:
    """Tell whether there is a process with this pid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def start_time(pid: int | str) -> str:
    """Return when a process started, in ticks of the kernel's clock; "0" for one that has exited.

    The kernel uses a pid again: pid and start time together name one process. Source: proc_pid_stat(5), field 22.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "0"
    return "0" if fields[0] in "ZX" else fields[19]


def boot() -> str:
    """Return the kernel's name for this boot: it changes when the machine boots again."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def pid_namespace() -> str:
    """Return the kernel's name for the set of processes that this one can see."""
    return os.readlink("/proc/self/ns/pid")


def sees_only_itself() -> bool:
    """Tell whether this is a container without `--pid host`: its first process is its own, not the machine's."""
    try:
        return os.path.exists("/.dockerenv") and os.path.samefile("/proc/1/root", "/")
    except PermissionError:
        return False


def limits() -> list[str]:
    """Say what this process cannot see of others, in sentences that tell how to run it instead."""
    if sees_only_itself():
        return ["In this container ddd sees no other process, and goes by its records alone: run it with --pid host."]
    pids = [pid for pid in os.listdir("/proc") if pid.isdecimal()]
    closed = [pid for pid in pids if not may_look(pid)]
    if not closed:
        return []
    count = f"{len(closed)} of {len(pids)} processes (such as process {closed[0]})"
    how = "run ddd with CAP_SYS_PTRACE: docker run --cap-add SYS_PTRACE --security-opt apparmor=unconfined"
    return [f"ddd may not look at the root of {count}, so it cannot see one that has chrooted into a volume: {how}"]


def may_look(pid: str) -> bool:
    """Tell whether the kernel shows the root of a process."""
    try:
        os.readlink(f"/proc/{pid}/root")
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EPERM)
    return True


def processes() -> Iterator[str]:
    """Yield the pid of every process, also of those that start meanwhile: one may exit, and its child continue."""
    seen: set[str] = set()
    for _ in range(100):
        new = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid not in seen]
        if not new:
            return
        yield from new
        seen.update(new)
    raise OSError(errno.EAGAIN, "Processes come and go too fast to see who uses a volume", "/proc")


def threads(pid: str) -> Iterator[str]:
    """Yield /proc/PID/task/TID of every thread. If one has exited meanwhile, look again: it may have started one."""
    folder, seen, listed = f"/proc/{pid}/task", set[str](), set[str]()
    for _ in range(100):
        before = listed
        try:
            listed = set(os.listdir(folder))
        except (FileNotFoundError, ProcessLookupError):
            return
        if before and before <= listed:
            return
        yield from (f"{folder}/{thread}" for thread in listed - seen)
        seen |= listed
    raise OSError(errno.EAGAIN, "Threads come and go too fast to see who uses a volume", folder)


def folders_above(path: str) -> Iterator[Identity]:
    """Yield the folder that a link of /proc leads to, and those above it, as far as the kernel shows them."""
    try:
        folder = os.open(path, os.O_PATH)
        try:
            below, here = None, identity(os.stat(folder))
            while here != below:  # the folder above the topmost one is itself
                yield here
                lower, folder = folder, os.open("..", os.O_PATH, dir_fd=folder)
                os.close(lower)
                below, here = here, identity(os.stat(folder))
        finally:
            os.close(folder)
    except OSError as error:
        # other errors are about that process; a shortage here says nothing about it
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise


def identity(found: os.stat_result) -> Identity:
    """Return what tells a folder from every other."""
    return found.st_dev, found.st_ino


def mount_table(of: str, about: str = "") -> Table:
    """Return what a thread has mounted: nothing if it has exited, or if none of its mounts names a file `about`."""
    try:
        # the kernel ends a row with LF, and writes a CR in a path as it is
        with open(f"{of}/mountinfo", errors="surrogateescape", newline="\n") as file:
            text = file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EINVAL):
            raise
        return {}
    if f"/{about}" not in text:
        return {}
    rows = [[unescape(field) for field in line.split(" ")[:5]] for line in text.split("\n")[:-1]]
    return {number: Mounted(*mounted) for number, *mounted in rows}


def unescape(field: str) -> str:
    """Return a path as it is: the kernel writes a space in it as \\040."""
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field)
