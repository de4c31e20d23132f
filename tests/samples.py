"""Long tables of plugins: `.ci/run` tries a sixth of each, some of every kind, and `.ci/nightly` tries all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import pytest

Row = TypeVar("Row")


def sample(rows: Sequence[Row], kind: Callable[[Row], Hashable]) -> list[Row]:
    """Return the first row of each kind, and each sixth one after it."""
    seen: Counter[Hashable] = Counter()
    chosen = []
    for row in rows:
        if seen[kind(row)] % 6 == 0:
            chosen.append(row)
        seen[kind(row)] += 1
    return chosen


def sampled(rows: Sequence[Row], kind: Callable[[Row], Hashable]) -> list[object]:
    """Return parameters for a test: each row, marked for the nightly run unless it is in the sample."""
    chosen = {id(row) for row in sample(rows, kind)}
    return [row if id(row) in chosen else pytest.param(row, marks=pytest.mark.thorough) for row in rows]
