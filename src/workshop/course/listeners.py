"""Listeners to the steps as they come: the terminal, with what the course says about them, and the progress."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from workshop.checker import report
from workshop.checker.listeners import Text, say
from workshop.checker.result import Result
from workshop.checker.run import BAD, Listener, Summary
from workshop.course import course, progress, reading
from workshop.terminal import in_colour


class StepsText(Text):
    """The steps one by one, part by part."""

    noun = "step"

    def __init__(self, again: str, cut: Collection[str], explained: Collection[str], printed: set[str]) -> None:
        super().__init__(again)
        self.cut = cut
        """The steps that the check goes past."""
        self.explained = explained
        """The steps whose ok no longer needs a reason."""
        self.printed = printed
        """The steps whose ok is on the screen already: only their number is shown."""
        self.part: list[Result] = []
        self.site = reading.Site()

    def add(self, result: Result) -> None:
        """Print the report of a step, and why Docker needs it if it passes for the first time."""
        if not self.part:
            say([in_colour("head", course.part(int(result.group)).heading)])
        self.part.append(result)
        passes = result.outcome == "ok"
        if not (passes and result.step in self.printed):
            say(report.lines_of(result))
        if result.outcome == "FAIL" or (passes and result.step not in {*self.explained, *self.printed}):
            for line in reading.lines(result.step, passes, self.site):
                say([line])
        (self.printed.add if passes else self.printed.discard)(result.step)

    def end_group(self) -> None:
        """Print how many steps of the part pass."""
        if self.part:
            passed = sum(result.outcome == "ok" for result in self.part)
            ids = self.members[self.part[0].group]
            cut = sum(step in self.cut for step in ids)
            say([f"  {passed} of {len(ids)} steps pass{f', {cut} cut' if cut else ''}."])
        self.part = []


class Learner(Listener):
    """Keeps how far the learner is."""

    def end(self, summary: Summary) -> None:
        """Note the results of the steps, also those of a check that was interrupted."""
        if summary.results:
            part = int(summary.results[0].group)
            progress.record(part, by_step(summary.results), not never_started(summary.results))


def by_step(results: Sequence[Result]) -> dict[str, bool | None]:
    """Return of each step whether it passes, None for a skipped one."""
    return {result.step: None if result.outcome == "skip" else result.outcome == "ok" for result in results}


def never_started(results: Sequence[Result]) -> bool:
    """Tell whether no step could be tried: the first one failed because the plugin did not start."""
    first = next((result for result in results if result.outcome in BAD), None)
    passed = any(result.outcome == "ok" for result in results)
    return bool(first and first.step[0] != "1" and not passed and first.evidence and first.evidence.trouble)
