"""Run the cases on a plugin, and tell what came of them, group by group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from unittest import SkipTest

from workshop import terminal
from workshop.checker import report
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import LEVELS, Case, cases
from workshop.checker.diagnose import Diagnosis, diagnose
from workshop.checker.evidence import Evidence, gather_evidence
from workshop.checker.result import Result, look_for_the_others, our_fault
from workshop.plugins.errors import OurTrouble
from workshop.terminal import in_colour

WORST_FIRST = ("FAIL", "error", "warn", "note", "ok", "skip")
# a plugin that never gets as far as this has nothing to be asked
FIRST = "activate.names-volume-driver"


def run(plugin: Candidate, file: Path | None) -> Iterator[Result]:
    """Run all cases, and yield the result of each. A plugin that does not answer the first one gets no other."""
    for case in cases():
        result = run_case(plugin, case, file)
        yield result
        if plugin.lost or (case.id == FIRST and not (plugin.exchanges and plugin.exchanges[-1].status)):
            return


def run_case(plugin: Candidate, case: Case, file: Path | None) -> Result:
    """Run one case, and return what came of it."""
    result = Result(case.id, case.rule, level=case.levels[plugin.profile])
    plugin.survey()
    begun, printed, patience = time.perf_counter(), plugin.printed(), plugin.patience
    try:
        with plugin.judged():
            case.test(plugin.prepare(case))
    except SkipTest as reason:
        result.outcome, result.reason = "skip", str(reason)
    except AssertionError as failure:
        fail(result, plugin, case, gather_evidence(plugin, case.id, str(failure), plugin.output(printed), file))
    except OurTrouble:
        raise
    except Exception as error:
        result.outcome, result.reason = "error", our_fault(error)
    finally:
        plugin.patience = patience
        result.exchanges = list(plugin.exchanges)
        plugin.clean_up()
    look_for_the_others(plugin, result)
    if result.outcome in ("FAIL", "warn", "error"):
        plugin.start_afresh()
    if result.level == "record" and result.outcome == "ok":
        result.outcome, result.reason = "note", "; ".join(plugin.notes)
    result.seconds = time.perf_counter() - begun
    return result


def fail(result: Result, plugin: Candidate, case: Case, evidence: Evidence) -> None:
    """Put into a result that its case does not hold: how bad that is, and why."""
    result.outcome = {"must": "FAIL", "should": "warn"}.get(case.levels[plugin.profile], "note")
    result.reason = f"wanted {report.demand(evidence.wanted)}" if result.outcome == "note" else ""
    result.evidence, result.diagnosis = evidence, _diagnose_case(case, evidence)


def _diagnose_case(case: Case, evidence: Evidence) -> Diagnosis:
    """Return why it matters: of no answer at all, or a page, what the tool makes of that; else what the rule says."""
    found = diagnose(evidence) if evidence.trouble or evidence.last.failure or evidence.html else None
    return found if found and found.key else Diagnosis(case.id, case.why)


def render(results: Iterator[Result]) -> Iterator[tuple[Result, str]]:
    """Yield each result with the text to print by then: a group's, with what is wrong first, after its last case."""
    for group, members in groupby(results, key=lambda result: result.step.partition(".")[0]):
        done = list(members)
        lines = [in_colour("head", group)]
        for result in sorted(done, key=lambda result: WORST_FIRST.index(result.outcome)):
            lines += lines_of(result)
        yield from ((result, "") for result in done[:-1])
        yield done[-1], "\n".join(lines)


def lines_of(result: Result) -> list[str]:
    """Return the report of one case: a line, and after a failure all that helps to mend it."""
    text = result.reason if result.outcome in ("note", "skip", "error") else result.title
    line = f"  {result.outcome:5} {result.step:28} {terminal.printable(text)}"
    if result.outcome in ("FAIL", "warn") or not (result.evidence and result.diagnosis):
        line = terminal.shorten(line, terminal.WIDTH)
    lines = [line.replace(result.outcome, in_colour(result.outcome, result.outcome), 1)]
    if result.outcome in ("FAIL", "warn") and result.evidence and result.diagnosis:
        rule = f"{result.title} ({result.level})"
        lines += [*terminal.wrap("  rule      ", rule), *report.failure_lines(result.evidence, result.diagnosis)]
    return lines


def summary(results: Sequence[Result]) -> list[str]:
    """Return the counts by level, and the cases that failed."""
    lines = [""]
    for level in LEVELS:
        mine = [result.outcome for result in results if result.level == level]
        bad = sum(outcome in ("FAIL", "warn") for outcome in mine)
        words = f"{mine.count('ok'):4} ok {bad:4} not" if level != "record" else f"{mine.count('note'):4} noted"
        lines.append(f"  {level:7}{words:20}{mine.count('skip'):4} skipped")
    for kind, words in (("FAIL", "broken"), ("warn", "advice"), ("error", "our fault")):
        named = [result.step for result in results if result.outcome == kind]
        if named:
            lines += terminal.wrap(f"  {words:10}", ", ".join(named))
    return lines
