"""A run in the terminal: each step as it comes. The suite's own listener is in conformance/suite.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workshop import terminal
from workshop.checker import report
from workshop.checker.result import Result
from workshop.checker.run import Listener, Run, Summary
from workshop.plugins.under_test import PluginUnderTest
from workshop.terminal import in_colour


class Text(Listener):
    """What is printed of every run, before the first result and after the last one."""

    noun = "case"

    def __init__(self, again: str) -> None:
        self.again = again
        """The command that runs the same once more."""
        self.members: dict[str, list[str]] = {}
        """The cases of each group."""

    def begin(self, run: Run, plugin: PluginUnderTest) -> None:
        """Print what is not asked of the plugin, and why."""
        for case in run.cases:
            self.members.setdefault(case.group, []).append(case.id)
        for line in plugin.caution():
            say(terminal.wrap("  caution   ", line))

    def result(self, result: Result) -> None:
        """Hear a result, and whether it ends its group."""
        self.add(result)
        if result.step == self.members[result.group][-1]:
            self.end_group()

    def add(self, result: Result) -> None:
        """Hear a result."""

    def end_group(self) -> None:
        """Hear that the last group has ended. A second time this does nothing."""

    def end(self, summary: Summary) -> None:
        """Print where the run was interrupted, what could be better, and what could not be cleaned up."""
        self.end_group()
        if summary.interrupted:
            say([f"  Interrupted in {self.noun} {summary.interrupted.id}. To run it again:   {self.again}"])
        for word, lines in (("advice", summary.advice), ("left", summary.left)):
            for line in lines:
                say(terminal.wrap(f"  {word:10}", line))


class StepsText(Text):
    """The steps one by one, part by part."""

    noun = "step"

    def __init__(self, again: str, headings: Mapping[str, str]) -> None:
        super().__init__(again)
        self.headings = headings
        """What to print above each part."""
        self.part: list[Result] = []

    def add(self, result: Result) -> None:
        """Print the report of a step."""
        if not self.part:
            say([in_colour("head", self.headings[result.group])])
        self.part.append(result)
        say(report.lines_of(result))

    def end_group(self) -> None:
        """Print how many steps of the part pass."""
        if self.part:
            passed = sum(result.outcome == "ok" for result in self.part)
            say([f"  {passed} of {len(self.members[self.part[0].group])} steps pass."])
        self.part = []


def say(lines: Iterable[str]) -> None:
    """Print lines, and have them seen at once."""
    print("\n".join(lines), flush=True)
