"""What beginners do wrong, and what the report says to it: the score of the corpus in tests/mistakes."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mistakes import fresh, fresh_again, fresh_third, part1, part2, part3
from mistakes.mistake import FILES, Mistake, Report, check, table
from samples import sample

from workshop.course import course

NAMED = 0.95
"""The least share of mistakes whose cause the report names. It is only ever raised."""
WRONG = 0
"""The most reports that say something false."""
ROWS = [*part1.ROWS, *part2.ROWS, *part3.ROWS]
RIGHT = [
    Mistake(f"{name} in part {part}", name, f"{part}.", "")
    for name, file in FILES.items()
    if file.parent.name == "right"
    for part in ("1", "2", "3")
]
"""The right plugins of tests/mistakes/right, with nothing wrong in them, in each part."""
PAGE = Path(__file__).parent.parent / "docs" / "contributing.md"
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder inside a volume, which only root can do")


def test_the_rows_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("part", ["1", "2", "3"])
def test_each_edit_fits(part: str) -> None:
    rows = [row for row in ROWS if row.step.startswith(part)]
    assert rows and all(row.text() != FILES[row.right].read_text() or row.moved for row in rows)


def test_each_edit_of_the_fresh_mistakes_fits() -> None:
    for rows in (fresh.ROWS, fresh_again.ROWS, fresh_third.ROWS):
        assert all(row.text() != FILES[row.right].read_text() for row in rows) and len(rows) == 30


def test_the_mistakes_are_spread_over_steps_and_styles() -> None:
    steps = {step.id for part in course.parts() for step in part.steps}
    assert {row.step for row in ROWS} == steps
    written = Counter("course" if row.right.startswith(("part", "ddd")) else row.right for row in ROWS)
    assert len(ROWS) >= 120 and all(count >= 8 for count in written.values()), written


ALL = pytest.param("all", marks=pytest.mark.thorough)


@pytest.fixture(scope="module", params=["a sample", ALL])
def reports(request: pytest.FixtureRequest) -> Iterator[dict[str, Report]]:
    """The reports of mistakes, and of the right plugins, by the name of the row."""
    rows = ROWS if request.param == "all" else sample(ROWS, lambda row: row.step)
    with tempfile.TemporaryDirectory(prefix="mistakes-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            report.mistake.name: report for report in pool.map(lambda row: judged(row, Path(folder)), [*RIGHT, *rows])
        }


def of_mistakes(reports: dict[str, Report]) -> list[Report]:
    """Return the reports of mistakes, without those of right plugins."""
    return [report for report in reports.values() if report.mistake not in RIGHT]


def judged(row: Mistake, folder: Path) -> Report:
    """Return the report of a mistake; of one that is not as it should be a second one: this machine may be busy."""
    report = check(row, folder)
    expected = "" if row in RIGHT else row.step
    return report if report.step == expected and report.verdict != "wrong" else check(row, folder)


@pytest.mark.slow
@only_root
class TestReports:
    @pytest.mark.parametrize("right", RIGHT, ids=lambda row: row.name)
    def test_a_right_plugin_passes(self, reports: dict[str, Report], right: Mistake) -> None:
        report = reports[right.name]
        assert report.status == 0 and not report.step, report.text

    def test_each_mistake_fails_its_step(self, reports: dict[str, Report]) -> None:
        ours = [(report.mistake, report.step) for report in of_mistakes(reports)]
        assert {mistake.step for mistake, _ in ours} == {row.step for row in ROWS}
        other = {mistake.name: (mistake.step, step) for mistake, step in ours if step != mistake.step}
        assert not other, other

    def test_the_report_names_the_cause(self, reports: dict[str, Report]) -> None:
        ours = of_mistakes(reports)
        missed = [report.missed() for report in ours if report.verdict == "no help"]
        wrong = [report.missed() for report in ours if report.verdict == "wrong"]
        assert len(wrong) <= WRONG, "\n".join(wrong)
        assert 1 - len(missed + wrong) / len(ours) >= NAMED, "\n".join(missed)

    @pytest.mark.parametrize("reports", [ALL], indirect=True)
    def test_the_page_has_the_score(self, reports: dict[str, Report]) -> None:
        text, mark, _ = PAGE.read_text().partition("<!-- what follows is written by ./workshop check --accept -->\n")
        if "WORKSHOP_ACCEPT" in os.environ:
            PAGE.write_text(f"{text}{mark}\n{table([reports[row.name] for row in ROWS])}")
        # which rows are named may differ by one on a busy machine: how many there are does not
        expected = f"\n{table([reports[row.name] for row in ROWS])}"
        assert _first_columns(PAGE.read_text().partition(mark)[2]) == _first_columns(expected)


def _first_columns(text: str) -> list[list[str]]:
    """Return the step and the number of mistakes in each line of a table."""
    return [line.split("|")[1:3] for line in text.splitlines()]
