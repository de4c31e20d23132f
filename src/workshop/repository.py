"""The clone of the course: where it is, what to type in it, and the learner's folder in it."""

from __future__ import annotations

import os
from pathlib import Path


class Lacking(Exception):
    """This machine lacks something. The text is whole sentences, and ends in the command to type."""


def find_clone() -> Path | None:
    """The root of the clone, or None if the tool is an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "constraints.txt").is_file() and (root / "workshop").is_file() else None


def tool() -> str:
    """The command to type: the launcher in a clone, or the installed program."""
    return "./workshop" if find_clone() else "workshop"


def clone_root() -> Path:
    """The root of the clone. Raises Lacking outside of one."""
    root = find_clone()
    if root is None:
        raise Lacking("This needs the course's repository. Clone it, and type there:  ./workshop test")
    return root


def work() -> Path:
    """Return the folder of the learner's files: work/ in the clone, or in the current folder outside of one."""
    chosen = os.environ.get("WORKSHOP_WORK")
    return Path(chosen) if chosen else (find_clone() or Path.cwd()) / "work"
