"""Long tables of plugins: `.ci/run` tries one row of each kind, and `.ci/nightly` tries all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import pytest

Row = TypeVar("Row")


def sample(rows: Sequence[Row], kind: Callable[[Row], Hashable]) -> list[Row]:
    """Return the first row of each kind."""
    return list({kind(row): row for row in reversed(rows)}.values())[::-1]


def sampled(rows: Sequence[Row], kind: Callable[[Row], Hashable]) -> list[object]:
    """Return parameters for a test: each row, marked for the nightly run unless it is in the sample."""
    chosen = {id(row) for row in sample(rows, kind)}
    return [
        row
        if id(row) in chosen
        else pytest.param(*(row if isinstance(row, tuple) else [row]), marks=pytest.mark.thorough)
        for row in rows
    ]
