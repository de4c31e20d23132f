"""Long tables of plugins: `.ci/run` tries a third of each, always the same one, and `.ci/nightly` tries all."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def in_the_third(name: str) -> bool:
    """Tell whether `.ci/run` tries the row of this name."""
    return zlib.crc32(name.encode()) % 3 == 0


def thirds(rows: Iterable[Any], name: Callable[[Any], str]) -> list[Any]:
    """Return parameters for a test: each row, marked for the nightly run unless it is in the third."""
    return [row if in_the_third(name(row)) else pytest.param(row, marks=pytest.mark.thorough) for row in rows]
