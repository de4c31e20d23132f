"""What is in a folder, for the page to draw."""

from __future__ import annotations

import os
from pathlib import Path


def tree(root: Path | None) -> list[str]:
    """Return what is in a folder, by path; a folder ends with a slash."""
    found: list[str] = []
    for folder, folders, names in os.walk(root) if root else ():
        inside = f"{os.path.relpath(folder, root)}/".removeprefix("./")
        found += [*(f"{inside}{name}/" for name in folders), *(f"{inside}{name}" for name in names)]
    return sorted(found)
