"""Folders for this user alone, which are removed afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop.interrupt import at_end, deferred
from workshop.plugins.errors import OurTrouble

ROOM = 16 * 2**20
"""How many bytes have to be free where the check keeps its own files; a run of the suite takes less than half."""
LONGEST_PLACE = 107 - len("/ddd-12345678/plugins/ddd.sock")
"""A socket's path has at most 107 bytes (unix(7))."""


MEMORY = "/dev/shm"
DISKS = (*filter(None, [os.environ.get("TMPDIR")]), "/tmp", "/var/tmp")
NO_ROOM = f"Free at least {ROOM >> 20} MiB in /dev/shm, /tmp or /var/tmp, or name a folder:   TMPDIR=FOLDER"


def place_with_room(*places: str) -> str:
    """Return the first of these folders that is ours to write to, and has room. Raises OurTrouble."""
    for place in places:
        with contextlib.suppress(OSError):
            found = os.statvfs(place)
            # the files in a browser's memory are not counted
            files = 0 if sys.platform == "emscripten" else found.f_files
            room = found.f_bavail * found.f_frsize >= ROOM and (not files or found.f_favail >= 1000)
            if room and os.access(place, os.W_OK | os.X_OK):
                return place
    raise OurTrouble(f"No folder has room for the files of this check: {', '.join(places)}. {NO_ROOM}")


def place_on_disk() -> str:
    """Return a folder for what may become large, on a disk if one has room. Raises OurTrouble."""
    return place_with_room(*DISKS, MEMORY)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for this user alone, with a short path: a socket's path is at most 107 bytes. Raises OurTrouble."""
    # in memory where Linux offers that: a plugin with fsync would wait for a slow disk at each of some hundred calls
    short = [place for place in (MEMORY, *DISKS) if len(os.fsencode(os.path.realpath(place))) <= LONGEST_PLACE]
    with own_folder("ddd-", place_with_room(*short)) as folder:
        yield folder


@contextlib.contextmanager
def own_folder(prefix: str, place: str | None = None) -> Iterator[Path]:
    """Give a new folder, and remove it afterwards; but never what a plugin has left mounted in it."""
    with deferred():
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place or place_on_disk())).resolve()
        end = at_end(lambda: _take_away(folder))
    try:
        yield folder
    finally:
        end()


def _take_away(folder: Path) -> None:
    """Remove a folder of ours, after an umount of what is mounted in it, or from it. What cannot be unmounted stays."""
    unmount([*mounts_below(folder), *mounted_from(folder)])
    if left := mounts_below(folder):
        print(f"{folder} stays, because something is mounted in it. Look at it:", file=sys.stderr)
        print("\n".join(f"    umount '{point}'" for point in left), file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def closed_to_others(path: Path) -> bool:
    """Tell whether others cannot come to a file at all, because of a folder above it."""
    return any(not stat.S_IMODE(folder.stat().st_mode) & stat.S_IXOTH for folder in path.resolve().parents)


def unmount(points: Sequence[str]) -> None:
    """Unmount what is mounted there, as far as possible."""
    for point in points:
        # in a session of its own: a Ctrl-C in the terminal is not for it
        subprocess.run(["umount", "--", point], stderr=subprocess.DEVNULL, start_new_session=True)


def _mounts(pid: str = "self") -> list[tuple[str, str]]:
    """Return what a process sees mounted: what of its file system, and where. Source: proc_pid_mountinfo(5)."""
    text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    # the kernel writes a space as \040
    fields = [
        [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field) for field in line.split(" ")[3:5]]
        for line in text.split("\n")[:-1]
    ]
    return [(root, point) for root, point in fields]


def mounts_below(folder: Path, pid: str = "self") -> list[str]:
    """Return where something is mounted below a folder, the innermost first."""
    points = [point for _, point in _mounts(pid) if point.startswith(f"{folder}/")]
    return sorted(points, key=len, reverse=True)


def mounted_from(folder: Path) -> list[str]:
    """Return where a folder of ours, whose name is random, or what is in it, is mounted elsewhere; the latest first."""
    return [point for root, point in reversed(_mounts()) if folder.name in root.split("/")]
