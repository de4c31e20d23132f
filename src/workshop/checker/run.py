"""Cases on a plugin, one after the other; the results go to listeners as they come, and so does the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workshop import interrupt
from workshop.checker.case import Case
from workshop.checker.judge import run_case
from workshop.checker.result import Result, our_fault
from workshop.checker.roots import OWNERS
from workshop.checker.target import Target
from workshop.plugins.errors import OurTrouble, Usage
from workshop.plugins.under_test import PluginUnderTest

BAD = ("FAIL", "error")
WORDS = {
    "Create": "it needs a volume, and Create is refused",
    "same ID": "a second Mount with the same ID is refused",
    "in use": "Remove takes a volume that somebody has",
    "restart": "the volumes are gone after a restart",
}
"""What is said of a case that follows, by its root."""


@dataclass(frozen=True)
class Run:
    """What was typed: which cases, on which plugin, and whether to go on after a failure."""

    target: Target
    cases: Sequence[Case]
    go_on: bool = False
    kind: type[PluginUnderTest] = PluginUnderTest
    first: str = ""
    """The case without whose answer the plugin is asked nothing more."""
    fail_on: str = "must"
    """Which broken rules fail the run: "must", or "should" for all."""
    baseline: frozenset[str] = frozenset()
    """The cases that have failed before: they are known, and do not fail the run."""

    def execute(self, *listeners: Listener) -> Summary:
        """Run the cases, tell the listeners, and return what there is to say at the end.

        The listeners hear of the end when the plugin has ended, also where a signal or a listener ends the run: that
        exception goes on. Raises OurTrouble, too.
        """
        summary = Summary(self)
        try:
            with self.target.opened(self.kind) as plugin:
                summary.plugin = plugin
                self._run(plugin, summary, listeners)
            interrupt.go_on()
        except BaseException as stop:
            summary.stop(stop)
            if isinstance(failure := _end(listeners, summary), Usage):
                print(failure, file=sys.stderr)
            raise
        if failure := _end(listeners, summary):
            raise failure
        return summary

    def _run(self, plugin: PluginUnderTest, summary: Summary, listeners: Sequence[Listener]) -> None:
        """Run the cases on the plugin, up to the one that ends it all."""
        if any(case.makes_volumes for case in self.cases):
            plugin.survey()
        for listener in listeners:
            listener.begin(self, plugin)
        for result in results_of(plugin, self.cases, self.go_on, self.target.file, self.first):
            if result.outcome == "warn" and self.fail_on == "should":
                result.outcome = "FAIL"
            if result.outcome == "FAIL" and result.step in self.baseline and not plugin.lost:
                result.outcome = "known"
            summary.results.append(result)
            for listener in listeners:
                listener.result(result)
        summary.complete = True


def results_of(
    plugin: PluginUnderTest, cases: Sequence[Case], go_on: bool, file: Path | None = None, first: str = ""
) -> Iterator[Result]:
    """Run cases on a plugin, and yield the result of each.

    The first failure is the last one unless go_on; so is the loss of a volume of others, and a case first without an
    answer, in any case.
    """
    verdicts = _Verdicts(plugin, cases, file)
    for case in cases:
        result = verdicts.of(case)
        yield result
        silent = not (result.exchanges and result.exchanges[-1].status)
        if plugin.lost or (case.id == first and silent) or (result.outcome in BAD and not go_on):
            return


class _Verdicts:
    """The result of each case, and from which other one it follows."""

    def __init__(self, plugin: PluginUnderTest, cases: Sequence[Case], file: Path | None) -> None:
        self.plugin = plugin
        self.file = file
        self.cases = {case.id: case for case in cases}
        self.known: dict[str, Result] = {}

    def of(self, case: Case) -> Result:
        """Return the result of a case. Where it shares its root with the owner, that is run first, and it follows."""
        result = self._run(case)
        if result.outcome in ("FAIL", "warn") and result.root and not self.plugin.lost:
            owner = next((self.cases[name] for name in OWNERS.get(result.root, ()) if name in self.cases), case)
            cause = self._run(owner) if owner is not case else result
            worse = cause.outcome == "FAIL" or result.outcome == "warn"
            if cause is not result and cause.root == result.root and cause.outcome in ("FAIL", "warn") and worse:
                result.outcome, result.follows = "skip", cause.step
                result.reason = f"follows from {cause.step}: {WORDS.get(result.root, result.root + ' does not work')}"
        return result

    def _run(self, case: Case) -> Result:
        """Run a case, unless it has been run."""
        if case.id not in self.known:
            self.known[case.id] = run_case(self.plugin, case, self.file)
        return self.known[case.id]


@dataclass
class Summary:
    """What there is to say of a run at its end."""

    run: Run
    results: list[Result] = field(default_factory=list)
    plugin: PluginUnderTest | None = None
    complete: bool = False
    interrupted: Case | None = None
    """The case in which the run was interrupted; None where it came to its end."""
    why: str = ""
    """What has interrupted it."""

    def stop(self, stop: BaseException) -> None:
        """Note where an exception has interrupted the run: in the first case without a result."""
        if not self.complete:
            known = {result.step for result in self.results}
            self.interrupted = next((case for case in self.run.cases if case.id not in known), None)
        if isinstance(stop, OurTrouble):
            self.why = str(stop)
        else:
            self.why = our_fault(stop) if isinstance(stop, Exception) else "A signal ended the check."

    @property
    def advice(self) -> list[str]:
        """What could be better."""
        return self.plugin.advice if self.plugin else []

    @property
    def left(self) -> list[str]:
        """What could not be cleaned up."""
        return self.plugin.what_is_left() if self.plugin else []

    def count(self, outcome: str) -> int:
        """Return how many cases had an outcome."""
        return sum(result.outcome == outcome for result in self.results)

    @property
    def gone(self) -> list[str]:
        """The cases of the baseline that hold now."""
        return [result.step for result in self.results if result.outcome == "ok" and result.step in self.run.baseline]

    @property
    def status(self) -> int:
        """The exit status: 0 where all that had to pass has passed, 1 where not, 3 where an error is ours."""
        return 3 if self.count("error") else 1 if self.count("FAIL") else 0


class Listener:
    """What is told of a run: how it begins, each result as it comes, and how it ends."""

    def begin(self, run: Run, plugin: PluginUnderTest) -> None:
        """Hear that the cases of a run begin, and whose volumes the plugin has."""

    def result(self, result: Result) -> None:
        """Hear what came of a case."""

    def end(self, summary: Summary) -> None:
        """Hear how the run ended: also of one that was interrupted before it began."""


def _end(listeners: Sequence[Listener], summary: Summary) -> BaseException | None:
    """Tell all listeners of the end, whatever one of them raises; return the first of these exceptions."""
    failure = None
    for listener in listeners:
        try:
            listener.end(summary)
        except BaseException as error:
            failure = failure or error
    return failure
