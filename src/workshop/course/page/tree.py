"""What is in a folder, for the page to draw."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def tree(root: Path | None) -> list[str]:
    """Return what is in a folder, by path; a folder ends with a slash."""
    found: list[str] = []
    if root:
        _look(str(root), "", found)
    return sorted(found)


def _look(folder: str, inside: str, found: list[str]) -> None:
    """Add what is in a folder. It is done twice for each call: os.walk would take half of the time of a check."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                found.append(f"{inside}{entry.name}")
                continue
            found.append(f"{inside}{entry.name}/")
            if not entry.is_symlink():
                _look(entry.path, f"{inside}{entry.name}/", found)
