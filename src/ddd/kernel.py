"""What the kernel says of processes and their mounts: /proc, and SO_PEERCRED for who calls."""

import errno
import os
import re
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

Place = tuple[str, str]
"""A device, and a path on it."""


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
    """Return when a process started, in ticks of the kernel's clock; "0" for one that has ended.

    The kernel uses a pid again: pid and start time together name one process. Source: proc_pid_stat(5), field 22.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "0"
    return "0" if fields[0] in "ZX" else fields[19]


def boot() -> str:
    """Return the kernel's name for the time since the machine started."""
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


# mounts


def user_of_folder(folder: int) -> str | None:
    """Name a process that has this folder, or one in it, mounted, or has something mounted inside it.

    A container's mounts are in /proc/PID/mountinfo of its processes, whichever daemon was killed in the meantime.
    """
    with open(f"/proc/self/fdinfo/{folder}") as file:
        number = re.findall(r"mnt_id:\s*(\d+)", file.read())[0]
    place = place_in(mount_table("self")[number], os.readlink(f"/proc/self/fd/{folder}"))
    for pid, table in mount_tables(about=os.path.basename(place[1])):
        for mounted in table.values():
            if within((mounted.device, mounted.root), place):
                return f"process {pid} has it mounted at {mounted.point}"
            if mounted.parent in table and within(place_in(table[mounted.parent], mounted.point), place):
                return f"something is mounted in it, at {mounted.point}"
    return None


def mount_tables(about: str) -> Iterator[tuple[str, Table]]:
    """Yield what each process has mounted. Of those that see the same mounts one is enough: reading them is slow."""
    known = set()
    for pid in processes():
        view = view_of(pid)
        if view in known:
            continue
        yield pid, mount_table(pid, about)
        # a process that has ended in the meantime, or changed its view, says nothing about another
        if view and view == view_of(pid):
            known.add(view)


def processes() -> Iterator[str]:
    """Yield the pid of every process, also of those that start in the meantime: one may end, and go on as its child."""
    seen: set[str] = set()
    for _ in range(100):
        new = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid not in seen]
        if not new:
            return
        yield from new
        seen.update(new)
    raise OSError(errno.EAGAIN, "Processes come and go too fast to see who uses a volume", "/proc")


def view_of(pid: str) -> tuple[str, str, int, int] | None:
    """Return what processes that see the same mounts have in common; None where it cannot be known."""
    try:
        root = os.stat(f"/proc/{pid}/root")
        return os.readlink(f"/proc/{pid}/ns/mnt"), os.readlink(f"/proc/{pid}/root"), root.st_dev, root.st_ino
    except OSError:
        return None


def mount_table(pid: str, about: str = "") -> Table:
    """Return what a process has mounted: nothing when it has ended, or no mount of it names a file called about."""
    try:
        with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
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
    """Return what the kernel means: it writes a space in a path as \\040."""
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field)


def place_in(mounted: Mounted, path: str) -> Place:
    """Return where a path that leads through this mount is: on which device, and at which path there."""
    return mounted.device, os.path.normpath(os.path.join(mounted.root, os.path.relpath(path, mounted.point)))


def within(place: Place, folder: Place) -> bool:
    """Tell whether a place is this folder, or in it."""
    return place[0] == folder[0] and f"{place[1]}/".startswith(f"{folder[1]}/")
