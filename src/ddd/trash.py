"""Delete what was moved aside; or say why it stays, and what to type."""

import contextlib
import fcntl
import os
import stat
import struct
import subprocess
import time
from collections.abc import Iterator

from ddd import holders
from ddd.folders import opened, quoted

GET_FLAGS = 2 << 30 | struct.calcsize("l") << 16 | ord("f") << 8 | 1
"""FS_IOC_GETFLAGS asks for the attributes that chattr sets. Source: ioctl_iflags(2)."""
PROTECTED = 0x10 | 0x20
"""Immutable, or append-only: not even root can delete such a file, or what is in such a folder."""
SUBVOLUME = 256
"""The inode of the top folder of a btrfs subvolume. It has a device of its own."""
SEARCHED = 10_000
"""How many files are searched for a reason. After an rm, only the files that it cannot delete are left."""

ON_ITS_WAY = 600
"""For so many seconds nobody asks why a path is aside: it is being made or deleted."""


def delete(path: str) -> str:
    """Delete a file, or a folder with all that is in it, but never what somebody uses.

    Return why it stays, and what to type; "" if it is gone.
    """
    with contextlib.suppress(OSError):
        os.utime(path, follow_symlinks=False)  # since now it is on its way: see why_stays()
    try:
        return remove(path)
    except OSError as error:  # rm cannot be started, or /proc cannot be read: the call has its answer already
        return f"{error}. Fix that, then type: {again(path)}"


def remove(path: str) -> str:
    """Delete it, as delete() does. Raises OSError if rm cannot be started, or /proc cannot be read."""
    if reason := user_of(path):
        return reason
    # rm follows no link, stays on this disk, and can delete folders nested 100 000 deep
    command = ["rm", "-rf", "--one-file-system", "--", path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", errors="replace") as rm:
        assert rm.stderr
        said = rm.stderr.readline().rstrip()
        for _ in rm.stderr:  # one line for each file that stays: the first one is enough
            pass
    return f"{said}. {why(path) or f'Fix that, then type: {again(path)}'}" if rm.returncode else ""


def why(path: str) -> str:
    """Return why a path that was moved aside stays, and what to type; "" if no reason is found."""
    if reason := user_of(path):
        return reason
    for found, status, outer in below(path):
        if status.st_ino == SUBVOLUME and status.st_dev != outer and stat.S_ISDIR(status.st_mode):
            remedy = f"btrfs subvolume delete {quoted(found)} && {again(path)}"
            return f"{quoted(found)} is a btrfs subvolume, which rm does not delete. Type: {remedy}"
        if attributes(found, status) & PROTECTED:
            remedy = f"chattr -R -ia {quoted(path)} && {again(path)}"
            return f"{quoted(found)} is immutable or append-only. Type: {remedy}"
    return ""


def why_stays(path: str) -> str:
    """Return why a path has not been deleted, and what to type; "" if it is gone, or may be on its way."""
    if reason := why(path):
        return reason
    with contextlib.suppress(FileNotFoundError):
        if time.time() - os.lstat(path).st_mtime > ON_ITS_WAY:
            return f"no reason is found. If no rm works on it any more, type: {again(path)}"
    return ""


def user_of(path: str) -> str:
    """Say who uses a folder that was moved aside, and what to type; "" if nobody does."""
    user = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), opened(path) as folder:
        user = holders.user_of_folder(folder)
    return f"{user}. End that, then type: {again(path)}" if user else ""


def again(path: str) -> str:
    """Return the command that deletes this path."""
    return f"rm -r --one-file-system {quoted(path)}"


def below(path: str) -> Iterator[tuple[str, os.stat_result, int]]:
    """Yield what is at a path and below it, following no link: its path, its status, and the device around it."""
    left = [(path, -1)]
    for _ in range(SEARCHED):
        if not left:
            return
        found, outer = left.pop()
        try:
            status = os.lstat(found)
            names = []
            if stat.S_ISDIR(status.st_mode):
                with opened(found) as folder:
                    names = os.listdir(folder)
        except OSError:  # it has just been deleted, or the path is too long
            continue
        yield found, status, status.st_dev if outer < 0 else outer
        left += [(os.path.join(found, name), status.st_dev) for name in names]


def attributes(path: str, status: os.stat_result) -> int:
    """Return the attributes of a file or folder that chattr sets; 0 if the file system has none."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            found = fcntl.ioctl(descriptor, GET_FLAGS, struct.pack("l", 0))
        finally:
            os.close(descriptor)
    except OSError:
        return 0
    flags: int = struct.unpack_from("i", found)[0]
    return flags
