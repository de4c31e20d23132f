"""Folders of ddd on the disk: opened without following a link, or what is in their place; and what to type for ddd."""

import contextlib
import errno
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from typing import Self


class Damaged(OSError):
    """A volume is there, but not as ddd has made it; the text says what is wrong, and what to do.

    Docker must not think that the volume is missing: it would forget the labels.
    """

    @classmethod
    def at(cls, path: str, found: str) -> Self:
        """Return the error for what was found in the place of a folder of ddd."""
        return cls(f"{found} is in the place of the folder {path}. Put the folder back, or restore it from a backup")


@contextlib.contextmanager
def opened(folder: str, inside: int | None = None) -> Iterator[int]:
    """Open a folder without following a link. The descriptor stays with this folder, even if that is moved."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def require_writable(folder: int, path: str) -> None:
    """Raise OSError if nothing can be written on the disk of an open folder, whose path is for the error.

    After an error, Linux can make a file system read-only. Source: mount(8), errors=remount-ro.
    """
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def found_at(name: str, inside: int) -> str:
    """Say what has this name in an open folder. A link is "a link", whatever it leads to."""
    try:
        mode = os.lstat(name, dir_fd=inside).st_mode
    except FileNotFoundError:
        return "nothing"
    return "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "a file"


def require_folder(path: str, inside: int) -> None:
    """Raise Damaged if a link or a file is at a path whose last name is looked up in an open folder."""
    if (found := found_at(os.path.basename(path), inside)) in ("a link", "a file"):
        raise Damaged.at(path, found)


def quoted(path: str) -> str:
    """Return a path as bash reads it, always on one line: containers choose the names of their files."""
    if path.isprintable():
        return shlex.quote(path)
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(path))
    return f"$'{''.join(plain)}'"


def command() -> str:
    """Return what to type for ddd: the path of the installed command if that is what runs, or `python -m ddd`."""
    return quoted(sys.argv[0]) if os.path.basename(sys.argv[0]) == "ddd-plugin" else "python -m ddd"


def to_install() -> str:
    """Return a sentence that says how to install what the metrics need."""
    return f"In the clone, type: {quoted(sys.executable)} -m pip install -c constraints.txt '.[serve]'"
