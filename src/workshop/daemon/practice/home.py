"""Where the practice daemon lives: its folder, and its record on disk."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from workshop.daemon.store import Record
from workshop.protocol.discovery import Places


class Unreadable(Exception):
    """The record is broken; the text ends in the command that removes it."""


class Homeless(Exception):
    """There is no folder to write to; the text ends in how to name one."""

    def __init__(self, wrong: str) -> None:
        name_one = "Name a folder for it that you may write to:\n    export WORKSHOP_PRACTICE=/tmp/practice"
        super().__init__(f"{wrong}\n{name_one}")


def home() -> Path:
    """Return the practice daemon's folder: WORKSHOP_PRACTICE, or one in this user's state folder. Raises Homeless."""
    named, state = os.environ.get("WORKSHOP_PRACTICE"), os.environ.get("XDG_STATE_HOME")
    try:
        return Path(named or Path(state or Path.home() / ".local/state", "docker-plugin-workshop/practice")).absolute()
    except RuntimeError:
        raise Homeless("The practice daemon has no folder: this user has no home folder.") from None


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise Homeless if the folder cannot be written to."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Homeless(f"The practice daemon cannot write to its folder ({why}):\n    {folder}") from None


def places(folder: Path) -> Places:
    """Return the practice daemon's own folders for plugins, which are there afterwards. Raises Homeless."""
    own = Places(folder / "plugins", (folder / "specs",))
    with _writing(folder):
        for each in (own.sockets, *own.specs):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
    return own


class DiskRecord(Record):
    """The record in a file. While one verb works, the others wait: each sees what the last one has left."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.file = folder / "record.json"
        self.lock: IO[str] | None = None
        self.depth = 0

    def __enter__(self) -> Record:
        if self.depth == 0:
            with _writing(self.file.parent):
                self.lock = open(self.file.with_suffix(".lock"), "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            try:
                self.load()
            except Unreadable:
                self.lock.close()
                raise
        self.depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth == 0 and self.lock:
            aside = self.file.with_suffix(".new")
            aside.write_text(json.dumps(self.data, indent=1))
            aside.rename(self.file)
            self.lock.close()

    def load(self) -> None:
        """Read what the last verb has left. Raises Unreadable."""
        if not self.file.exists():
            return
        try:
            self.data |= json.loads(self.file.read_text())
        except ValueError:
            where = shlex.quote(str(self.file))
            raise Unreadable(f"The practice daemon cannot read its own record. Remove it:\n    rm {where}") from None
