"""A report says nothing that is false: plugins that are nearly right, and what is never said of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mistakes.mistake import FILES, Mistake, check
from mistakes.traps import ROWS
from samples import sampled

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder inside a volume, which only root can do")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_trap_is_another_plugin_and_has_words_that_are_never_said(row: Mistake) -> None:
    assert row.text() != FILES[row.right].read_text() and row.never


@pytest.mark.slow
@only_root
@pytest.mark.parametrize("row", sampled(ROWS, lambda row: row.step), ids=lambda row: row.name)
def test_the_report_of_a_trap_says_nothing_false(row: Mistake, tmp_path: Path) -> None:
    report = check(row, tmp_path)
    assert report.step == row.step, report.text
    assert report.verdict == "named", report.missed()
