"""What every run prints. The steps and the suite each have a listener of their own that prints the rest."""

from __future__ import annotations

from collections.abc import Iterable

from workshop import terminal
from workshop.checker.result import Result
from workshop.checker.run import Listener, Run, Summary
from workshop.plugins.under_test import PluginUnderTest


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
        if summary.gone:
            holds = f"{', '.join(summary.gone)} failed before, and no longer. Write the baseline anew:   --json FILE"
            say(terminal.wrap("  gone      ", holds))
        for word, lines in (("advice", summary.advice), ("left", summary.left)):
            for line in lines:
                say(terminal.wrap(f"  {word:10}", line))


def say(lines: Iterable[str]) -> None:
    """Print lines, and have them seen at once."""
    print("\n".join(lines), flush=True)
