"""What the suite prints: the cases group by group, and how many of them hold."""

from __future__ import annotations

from collections.abc import Sequence

from workshop import terminal
from workshop.checker import report
from workshop.checker.conformance.case import LEVELS
from workshop.checker.listeners import Text, say
from workshop.checker.result import Result
from workshop.checker.run import Summary
from workshop.terminal import in_colour

WORST_FIRST = ("FAIL", "error", "known", "warn", "note", "ok", "skip")
# a plugin that never gets as far as this has nothing to be asked
FIRST = "activate.names-volume-driver"


class SuiteText(Text):
    """The cases group by group, in each what is wrong first; at the end the counts by level."""

    def __init__(self, again: str) -> None:
        super().__init__(again)
        self.group: list[Result] = []

    def add(self, result: Result) -> None:
        """Keep a result until its group has ended."""
        self.group.append(result)

    def end_group(self) -> None:
        """Print the group."""
        if self.group:
            say(group_lines(self.group))
        self.group = []

    def end(self, summary: Summary) -> None:
        """Print what is left to print, the counts, and what every run has at its end."""
        self.end_group()
        say(summary_lines(summary.results))
        super().end(summary)


def group_lines(results: Sequence[Result]) -> list[str]:
    """Return the report of a group, with what is wrong first."""
    lines = [in_colour("head", results[0].group)]
    for result in sorted(results, key=lambda result: WORST_FIRST.index(result.outcome)):
        lines += lines_of(result)
    return lines


def lines_of(result: Result) -> list[str]:
    """Return the report of one case: a line, and after a failure all that helps to mend it."""
    text = result.reason if result.outcome in ("note", "skip", "error") else result.title
    line = f"  {result.outcome:5} {result.step:28} {terminal.printable(text)}"
    if result.outcome in ("FAIL", "warn", "known") or not (result.evidence and result.diagnosis):
        line = terminal.shorten(line, terminal.WIDTH)
    lines = [line.replace(result.outcome, in_colour(result.outcome, result.outcome), 1)]
    if result.outcome in ("FAIL", "warn") and result.evidence and result.diagnosis:
        rule = f"{result.title} ({result.level})"
        lines += [*terminal.wrap("  rule      ", rule), *report.failure_lines(result.evidence, result.diagnosis)]
    return lines


def summary_lines(results: Sequence[Result]) -> list[str]:
    """Return the counts by level, and the cases that failed."""
    lines = [""]
    for level in LEVELS:
        mine = [result.outcome for result in results if result.level == level]
        bad = sum(outcome in ("FAIL", "warn", "known") for outcome in mine)
        follow = sum(bool(result.follows) for result in results if result.level == level)
        words = f"{mine.count('ok'):4} ok {bad:4} not" if level != "record" else f"{mine.count('note'):4} noted"
        more = f"{follow:4} follow from others" if follow else ""
        lines.append(f"  {level:7}{words:20}{mine.count('skip') - follow:4} skipped{more}")
    for kind, words in (("FAIL", "broken"), ("known", "known"), ("warn", "advice"), ("error", "our fault")):
        named = [result.step for result in results if result.outcome == kind]
        if named:
            lines += terminal.wrap(f"  {words:10}", ", ".join(named))
        for cause in named:
            if following := [result.step for result in results if result.follows == cause]:
                lines += terminal.wrap(f"{'':12}", f"{len(following)} follow from {cause}: {', '.join(following)}")
    return lines
