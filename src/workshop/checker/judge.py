"""One case on a plugin, from the look at whose volumes are there to the clean-up, and what came of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from unittest import SkipTest

from workshop.checker import tracebacks
from workshop.checker.case import CLIENTS, Case
from workshop.checker.diagnose import Diagnosis, diagnose, line_at_fault
from workshop.checker.evidence import Evidence, gather_evidence
from workshop.checker.report import demand
from workshop.checker.result import Result, our_fault
from workshop.checker.roots import LOST, diagnose_root, root_of
from workshop.plugins.errors import OurTrouble
from workshop.plugins.traits import TRAITS
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import Exchange
from workshop.terminal import short_path

OUTCOMES = {"": "FAIL", "must": "FAIL", "should": "warn"}
"""What a failure is, by the level of its case; of any other level, a note."""


def run_case(plugin: PluginUnderTest, case: Case, file: Path | None = None) -> Result:
    """Run a case on a plugin, in each shape of calls that it wants, and return what came of it. Raises OurTrouble.

    file is the plugin's, for the report to name the line at fault; None where that is not known.
    """
    result = Result(case.id, case.title, level=case.level(plugin.profile), page=case.page)
    plugin.said.clear()
    with around(plugin, case):
        begun, printed = time.perf_counter(), plugin.printed()
        try:
            with plugin.judged():
                for shape in case.shapes_for(plugin.profile):
                    case.test(ready(plugin, case, shape))
            if not case.levels and plugin.not_ours in (None, ""):
                # else Get was asked for the check's own sake, and that may be what crashed
                _advise_of_crash(plugin, plugin.said, Evidence(case.id, "", file=file))
        except SkipTest as reason:
            result.outcome, result.reason = "skip", str(reason)
        except AssertionError as failure:
            result.root = root_of(plugin, failure) if case.levels or plugin.by_others else ""
            fail(result, plugin, case, gather_evidence(plugin, case.id, str(failure), printed, file))
        except OurTrouble:
            raise
        except Exception as error:
            result.outcome, result.reason = "error", our_fault(error)
        result.exchanges = list(plugin.said)
    if plugin.lost:
        _blame_for_the_lost(result, plugin)
    if result.outcome in ("FAIL", "warn", "error") and result.root != "Create":  # which has made nothing
        plugin.start_afresh()
    if result.level == "record" and result.outcome == "ok":
        result.outcome, result.reason = "note", "; ".join(plugin.notes)
    result.seconds = time.perf_counter() - begun
    return result


@contextlib.contextmanager
def around(plugin: PluginUnderTest, case: Case) -> Iterator[None]:
    """Before a case, see whose volumes are there; after it, remove what it has made, and see whether they still are.

    plugin.lost then has the names of those that are gone.
    """
    if case.makes_volumes:
        plugin.survey()
    patience = plugin.patience
    if plugin.case_limit:
        plugin.deadline = time.monotonic() + plugin.case_limit
        plugin.patience = min(patience, plugin.case_limit)
    try:
        yield
    finally:
        plugin.patience, plugin.deadline = patience, None
        plugin.clean_up()
    with contextlib.suppress(AssertionError):
        plugin.look_for_the_others()


def ready(plugin: PluginUnderTest, case: Case, shape: str) -> PluginUnderTest:
    """Return the plugin, ready for a case: it runs, unless the case starts it. Raises SkipTest and AssertionError."""
    plugin.shape = shape
    plugin.exchanges.clear()
    plugin.notes.clear()
    if case.level(plugin.profile) == "none":
        raise SkipTest(f"{CLIENTS[plugin.profile]} never asks for it")
    for trait in case.unless:
        if trait in plugin.traits:
            raise SkipTest(f"--trait {trait}: {TRAITS[trait]}")
    if case.needs_process:
        plugin.needs_process()
    if case.destructive:
        plugin.needs_own_store()
    return plugin.ready_for(case.test)


def fail(result: Result, plugin: PluginUnderTest, case: Case, evidence: Evidence) -> None:
    """Put into a result that its case does not hold: how bad that is, and why."""
    result.outcome = OUTCOMES.get(case.level(plugin.profile), "note")
    result.reason = f"wanted {demand(evidence.wanted)}" if result.outcome == "note" else ""
    result.evidence = evidence
    found = Diagnosis(case.id, case.why) if result.root == LOST and case.why else _diagnose(case, evidence)
    result.diagnosis = _with_root(diagnose_root(plugin, result.root), found, case)


def _with_root(root: Diagnosis | None, found: Diagnosis, case: Case) -> Diagnosis:
    """Return the cause of a failure: a step's own cause, where it says more than that the plugin refused."""
    if not root or (not case.why and found.key not in ("", "refused")):
        return found
    return Diagnosis(root.key, f"{found.why} {root.why}") if not case.why and found.key else root


def _diagnose(case: Case, evidence: Evidence) -> Diagnosis:
    """Return the cause that fits a step's evidence; why a rule matters, unless there was no answer, or a page."""
    if not case.why:
        return diagnose(evidence)
    found = diagnose(evidence) if evidence.trouble or evidence.last.failure or evidence.html else None
    return found if found and found.key else Diagnosis(case.id, case.why)


def _blame_for_the_lost(result: Result, plugin: PluginUnderTest) -> None:
    """Make a result a failure, whatever else it is, because List has lost a volume that this check did not make."""
    names = ", ".join(plugin.lost)
    result.outcome = "FAIL"
    result.evidence = result.evidence or Evidence(
        result.step, f"wanted {names} to be left alone", list(result.exchanges), socket=plugin.socket
    )
    why = "List named it before this check, which did not make it, and does not name it any more"
    result.diagnosis = Diagnosis("others lost", f"{names}: {why}. The check ends here. Look what is left.")


def _advise_of_crash(plugin: PluginUnderTest, calls: list[Exchange], known: Evidence) -> None:
    """Advise against a refusal that is none: the handler has raised an exception, and the user gets to hear nothing.

    What a plugin prints of an exception that it refuses with another status, it prints on purpose.
    """
    for call, after in zip_longest(calls, calls[1:]):
        known.log = plugin.output(call.printed, after.printed if after else None) if call.status >= 500 else ""
        found = tracebacks.last(known.log)
        where = line_at_fault(known) if found else None
        if found and where:
            line = f"{short_path(where.file)}:{where.number}"
            plugin.advise(f"Step {known.step} passes, but only by a crash: {line} raised {found.error}")
            return
