"""The results as JUnit XML and as JSON."""

from __future__ import annotations

import contextlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence

from workshop.checker import whole_file
from workshop.checker.case import Case
from workshop.checker.report import lines_of
from workshop.checker.result import Result
from workshop.checker.run import Listener, Summary
from workshop.plugins.errors import Usage
from workshop.protocol.exchange import Exchange
from workshop.terminal import printable

Form = Callable[[Sequence[Result], str, Case | None, str], str]
"""Makes the text of a file from the results, the plugin's name, and where and why the run was interrupted."""


class Export(Listener):
    """Writes a file when the run has ended, whole and in one move, also of a run that was interrupted."""

    def __init__(self, path: str, form: Form) -> None:
        self.path = path
        self.form = form

    def end(self, summary: Summary) -> None:
        """Write the file. Raises Usage."""
        text = self.form(summary.results, summary.run.target.name, summary.interrupted, summary.why)
        with _cannot_be_written(self.path):
            whole_file.write(self.path, text.encode("utf-8", "backslashreplace"))


def try_out(path: str) -> None:
    """See that a file can be written, before the time is spent. Raises Usage."""
    with _cannot_be_written(path):
        whole_file.try_out(path)


@contextlib.contextmanager
def _cannot_be_written(path: str) -> Iterator[None]:
    """Raise Usage where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def junit(results: Sequence[Result], name: str, interrupted: Case | None = None, why: str = "") -> str:
    """Return the results as JUnit XML, as continuous integration reads it.

    The case in which the run was interrupted has an error that says why.
    """
    if interrupted:
        broken = f"interrupted in {interrupted.id}: {why}"
        results = [*results, Result(interrupted.id, interrupted.title, "error", reason=broken)]
    counts = {kind: sum(result.outcome == kind for result in results) for kind in ("ok", "FAIL", "skip", "error")}
    seconds = f"{sum(result.seconds for result in results):.3f}"
    totals = {"tests": str(len(results)), "failures": str(counts["FAIL"]), "skipped": str(counts["skip"])}
    suite = ET.Element("testsuite", {"name": name, "time": seconds, "errors": str(counts["error"]), **totals})
    for result in results:
        case = {"classname": name, "name": f"{result.step} {result.title}", "time": f"{result.seconds:.3f}"}
        element = ET.SubElement(suite, "testcase", case)
        if result.outcome == "skip":
            ET.SubElement(element, "skipped", {"message": printable(result.reason)})
        if result.evidence and result.diagnosis:
            # XML has no place for control characters
            text = "\n".join(printable(re.sub(r"\033\[[0-9;]*m", "", line)) for line in lines_of(result))
            kind = "failure" if result.outcome == "FAIL" else "system-out"
            ET.SubElement(
                element, kind, {"message": printable(result.diagnosis.why)} if kind == "failure" else {}
            ).text = text
        elif result.outcome in ("note", "error"):
            ET.SubElement(element, "system-out" if result.outcome == "note" else "error").text = printable(
                result.reason
            )
    return ET.tostring(suite, "unicode", xml_declaration=True)


def as_json(results: Sequence[Result], name: str, interrupted: Case | None = None, why: str = "") -> str:
    """Return the results as JSON, with every exchange: {"name", "steps": [{"step", "outcome", "exchanges", …}]}.

    A run that was interrupted also has "interrupted", the case in which that was, and "reason".
    """
    steps = []
    for result in results:
        row: dict[str, object] = {"step": result.step, "title": result.title, "outcome": result.outcome}
        row |= {"seconds": round(result.seconds, 4), "reason": result.reason}
        row |= {"level": result.level} if result.level else {}
        if result.diagnosis and result.evidence:
            row |= {"diagnosis": result.diagnosis.key, "why": result.diagnosis.why, "wanted": result.evidence.wanted}
        row["exchanges"] = [_exchange_as_json(exchange) for exchange in result.exchanges]
        steps.append(row)
    where = {"interrupted": interrupted.id, "reason": why} if interrupted else {}
    return json.dumps({"name": name, **where, "steps": steps}, indent=2, ensure_ascii=False) + "\n"


def _exchange_as_json(exchange: Exchange) -> dict[str, object]:
    """Return an exchange with all that was said; bytes that are no text are shown as U+FFFD."""
    return {
        "request": exchange.request.decode("utf-8", "replace"),
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "body": exchange.text,
        "failure": exchange.failure,
        "seconds": round(exchange.seconds, 6),
    }
