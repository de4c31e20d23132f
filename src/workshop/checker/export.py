"""The results as JUnit XML, as JSON, as JSON lines and as Markdown."""

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
from workshop.terminal import printable, shorten

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

    The case in which the run was interrupted has an error that says why. A warning is a property of the suite, because
    a testcase knows none. Source: the schema junit-10.xsd of jenkinsci/xunit-plugin.
    """
    if interrupted:
        broken = f"interrupted in {interrupted.id}: {why}"
        results = [*results, Result(interrupted.id, interrupted.title, "error", reason=broken)]
    counts = {kind: sum(result.outcome == kind for result in results) for kind in ("ok", "FAIL", "skip", "error")}
    seconds = f"{sum(result.seconds for result in results):.3f}"
    totals = {"tests": str(len(results)), "failures": str(counts["FAIL"]), "skipped": str(counts["skip"])}
    suite = ET.Element("testsuite", {"name": name, "time": seconds, "errors": str(counts["error"]), **totals})
    warnings = [result for result in results if result.outcome in ("warn", "known")]
    if warnings:
        properties = ET.SubElement(suite, "properties")
    for result in warnings:
        told = {"name": f"{result.outcome} {result.step}", "value": printable(result.title)}
        ET.SubElement(properties, "property", told)
    for result in results:
        case = {"classname": _class_of(result), "name": f"{result.step} {result.title}"}
        element = ET.SubElement(suite, "testcase", case | {"time": f"{result.seconds:.3f}"})
        if result.outcome == "skip":
            ET.SubElement(element, "skipped", {"message": printable(result.reason)})
            continue
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


def _class_of(result: Result) -> str:
    """Return what a case belongs to, as a class: Jenkins takes what is before its last dot for a package."""
    return f"conformance.{result.group}" if result.level else f"steps.part{result.group}"


def as_json(results: Sequence[Result], name: str, interrupted: Case | None = None, why: str = "") -> str:
    """Return the results as JSON, with every exchange: {"name", "steps": [{"step", "outcome", "exchanges", …}]}.

    A run that was interrupted also has "interrupted", the case in which that was, and "reason".
    """
    steps = [_result_as_json(result) for result in results]
    where = {"interrupted": interrupted.id, "reason": why} if interrupted else {}
    return json.dumps({"name": name, **where, "steps": steps}, indent=2, ensure_ascii=False) + "\n"


def as_json_lines(results: Sequence[Result], name: str, interrupted: Case | None = None, why: str = "") -> str:
    """Return a line of JSON for each result, as in as_json; of a run that was interrupted, the last one says where."""
    rows = [{"name": name} | _result_as_json(result) for result in results]
    rows += [{"name": name, "interrupted": interrupted.id, "reason": why}] if interrupted else []
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _result_as_json(result: Result) -> dict[str, object]:
    """Return all that is known of a result."""
    row: dict[str, object] = {"step": result.step, "title": result.title, "outcome": result.outcome}
    row |= {"seconds": round(result.seconds, 4), "reason": result.reason}
    row |= {"level": result.level} if result.level else {}
    row |= {"follows": result.follows} if result.follows else {}
    if result.diagnosis and result.evidence:
        row |= {"diagnosis": result.diagnosis.key, "why": result.diagnosis.why, "wanted": result.evidence.wanted}
    return row | {"exchanges": [_exchange_as_json(exchange) for exchange in result.exchanges]}


def failed_before(path: str, fail_on: str) -> frozenset[str]:
    """Return the cases that failed in the run of which a file is the JSON. Raises Usage."""
    bad = {"FAIL", "known", *(["warn"] if fail_on == "should" else [])}
    try:
        with open(path, encoding="utf-8") as file:
            return frozenset(row["step"] for row in json.load(file)["steps"] if row["outcome"] in bad)
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}. Write it with   --json {path}") from None
    except (ValueError, KeyError, TypeError):
        raise Usage(f"{path} is not the JSON of a check. Write it with   --json {path}") from None


def as_markdown(results: Sequence[Result], name: str, interrupted: Case | None = None, why: str = "") -> str:
    """Return a summary in Markdown, as a page of continuous integration shows it: the counts, and what is wrong."""
    words = {"FAIL": "failed", "error": "our errors", "known": "known failures", "warn": "advised", "ok": "ok"}
    counts = {word: sum(result.outcome == outcome for result in results) for outcome, word in words.items()}
    skipped = sum(result.outcome == "skip" and not result.follows for result in results)
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    lines = [f"### {_escaped(name)}", "", f"{told or 'nothing was run'}{f', {skipped} skipped' if skipped else ''}"]
    if interrupted:
        lines += ["", f"**Interrupted in {interrupted.id}**: {_escaped(why)}"]
    for outcome in ("FAIL", "error", "known", "warn"):
        for result in (result for result in results if result.outcome == outcome):
            reason = result.diagnosis.why if result.diagnosis else result.reason
            lines += ["", f"- **{outcome}** `{result.step}` {_escaped(result.title)}", f"  {_escaped(reason)}"]
            if following := [each.step for each in results if each.follows == result.step]:
                lines.append(f"  {len(following)} cases follow from it: {', '.join(following)}")
            if result.evidence and result.evidence.exchanges and outcome != "warn":
                lines += ["  ```text", f"  {_in_a_fence(str(result.evidence.last))}", "  ```"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_<>\[\]|#])", r"\\\1", " ".join(printable(text).split()))


def _in_a_fence(text: str) -> str:
    """Return text for a line between fences."""
    return shorten(" ".join(printable(text).split()), 500).replace("```", "'" * 3)


def _exchange_as_json(exchange: Exchange) -> dict[str, object]:
    """Return an exchange with all that was said; bytes that are no text are shown as U+FFFD."""
    return {
        "request": exchange.request.decode("utf-8", "replace"),
        "redirects": [_redirect_as_json(each) for each in exchange.redirects],
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "body": exchange.text,
        "failure": exchange.failure,
        "seconds": round(exchange.seconds, 6),
    }


def _redirect_as_json(answer: Exchange) -> dict[str, object]:
    """Return an answer that led elsewhere, on the way to the one at the end."""
    return {"url": answer.url, "status": answer.status, "headers": dict(answer.headers), "body": answer.text}
