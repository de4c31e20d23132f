"""A folder outside the root that tells of everything that is done to it. Source: inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

ALL_EVENTS = 0xFFF  # opened, read, written, closed, moved, made, removed; attributes
EVENT = struct.Struct("iIII")


class Canary:
    """A folder with a file and a folder in it, watched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "nest").mkdir(parents=True)
        (folder / "secret").write_text("sing\n")
        (folder / "nest" / "egg").write_text("blue\n")
        libc = ctypes.CDLL(None, use_errno=True)
        self.events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for watched in (folder, folder / "nest"):
            assert libc.inotify_add_watch(self.events, os.fsencode(watched), ALL_EVENTS) > 0, ctypes.get_errno()

    def untouched(self) -> None:
        """Fail when the canary, or what is in it, has been opened, read, changed or removed."""
        try:
            told = os.read(self.events, 65536)
        except BlockingIOError:
            return
        _, mask, _, length = EVENT.unpack_from(told)
        name = told[EVENT.size : EVENT.size + length].rstrip(b"\0").decode()
        raise AssertionError(f"the canary was touched: inotify event {mask:#x} of {name or 'the folder itself'}")

    def close(self) -> None:
        """End the watch."""
        os.close(self.events)
