"""No report says what is not so, however near a plugin comes to another mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes.mistake import FILES, Mistake, check
from mistakes.traps_of_logs import ROWS
from samples import sampled


def test_each_edit_fits_and_has_what_is_never_said() -> None:
    assert all(row.text() != FILES[row.right].read_text() and row.never for row in ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("row", sampled(ROWS, lambda row: row.step), ids=lambda row: row.name)
def test_the_report_says_nothing_false(row: Mistake, tmp_path: Path) -> None:
    report = check(row, tmp_path)
    assert (report.step, report.verdict) == (row.step, "named"), f"{report.missed()}\n{report.text}"
