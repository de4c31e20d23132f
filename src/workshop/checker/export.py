"""The results as JUnit XML and as JSON."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from workshop.checker.report import lines_of
from workshop.checker.result import Result
from workshop.protocol.exchange import Exchange
from workshop.terminal import printable


def junit(results: Sequence[Result], name: str) -> str:
    """Return the results as JUnit XML, as continuous integration reads it."""
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


def as_json(results: Sequence[Result], name: str) -> str:
    """Return the results as JSON, with every exchange: {"name", "steps": [{"step", "outcome", "exchanges", …}]}."""
    steps = []
    for result in results:
        row: dict[str, object] = {"step": result.step, "title": result.title, "outcome": result.outcome}
        row |= {"seconds": round(result.seconds, 4), "reason": result.reason}
        row |= {"level": result.level} if result.level else {}
        if result.diagnosis and result.evidence:
            row |= {"diagnosis": result.diagnosis.key, "why": result.diagnosis.why, "wanted": result.evidence.wanted}
        row["exchanges"] = [_exchange_as_json(exchange) for exchange in result.exchanges]
        steps.append(row)
    return json.dumps({"name": name, "steps": steps}, indent=2, ensure_ascii=False) + "\n"


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
