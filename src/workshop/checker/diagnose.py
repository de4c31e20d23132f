"""From a failed check to its cause: what Docker does with such a plugin, and what to change.

A cause names the facts that it needs. Of those that fit, the one that needs more than the others counts. Where none
fits, that is said: nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workshop.checker import causes as _  # noqa: F401  each of its modules puts its causes into the table
from workshop.checker import tracebacks
from workshop.checker.causes.table import winners
from workshop.checker.evidence import Evidence
from workshop.checker.facts.files import line_of_file
from workshop.checker.facts.table import Facts


@dataclass(frozen=True)
class Diagnosis:
    """A cause by its key, and why it keeps the check from passing."""

    key: str
    why: str
    look: str = ""
    """The method at fault, where that is another one than the last that was called."""


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the cause that fits the evidence; one with an empty key where none does."""
    facts = Facts(evidence)
    found = winners(facts)
    if len(found) == 1:  # tests/test_causes.py: there are never two
        return Diagnosis(found[0].key, found[0].sentence(facts), found[0].look)
    return Diagnosis("", "The cause is not known to this tool. Above is all that was said, to the byte.")


@dataclass(frozen=True)
class Line:
    """A line of a file, where to look."""

    file: Path
    number: int
    text: str


def line_at_fault(evidence: Evidence) -> Line | None:
    """Return the line where to look: that of the file which leads to a driver, the traceback's, or the route's.

    A cause that names another method than the last one that was called has its line in that method.
    """
    lookup = evidence.lookup
    if lookup:
        return Line(lookup.file, *line_of_file(lookup)) if lookup.own and lookup.file else None
    look = diagnose(evidence).look
    if not look and (raised := _raised_at(evidence)):
        return raised
    endpoint = f"VolumeDriver.{look}" if look else evidence.last.endpoint
    route = evidence.route(endpoint) if endpoint else None
    return Line(evidence.file, *route) if route and evidence.file else None


def _raised_at(evidence: Evidence) -> Line | None:
    """Return the line of the plugin's own files that raised the last exception in its log."""
    found = tracebacks.last(evidence.log)
    own = evidence.file.resolve() if evidence.file else None
    for name, number in found.frames if found else ():
        file = Path(name)
        if (own is None or file == own) and file.is_file():
            lines = file.read_text(errors="replace").splitlines()
            return Line(evidence.file or file, number, lines[number - 1].strip()) if number <= len(lines) else None
    return None


LOOKING_UP = "Error response from daemon: create mango: error looking up volume plugin ddd: legacy plugin: "
WRONG_KIND = "Plugin does not implement the requested driver"


def docker_prints(evidence: Evidence) -> str:
    """Return what docker prints when it meets this answer; "" where it prints nothing of it, or it is not known.

    Source: tests/engine/test_diagnoses.py, where a real engine prints it. A status other than 200 is printed with the
    method before it, and with the whole body where that is no JSON with an Err.
    """
    if evidence.lookup:
        looking = f"Error response from daemon: create mango: error looking up volume plugin {evidence.lookup.driver}: "
        found = "legacy plugin: " if evidence.lookup.file else ""
        return f"{looking}{found}{evidence.lookup.error}" if evidence.lookup.error else ""
    last, name = evidence.last, re.search(r'"Name":"([^"]*)"', evidence.last.sent)
    text, refused = f"{last.endpoint}: {last.err or last.text.strip()}", bool(last.status) and not last.ok
    if last.endpoint == "Plugin.Activate" and last.status not in (0, 200):
        return LOOKING_UP + text
    implements = evidence.last.object.get("Implements")
    if last.endpoint == "Plugin.Activate" and isinstance(implements, list) and "VolumeDriver" not in implements:
        return LOOKING_UP + WRONG_KIND
    if last.endpoint in VERBS and refused and last.status != 200 and name:
        return f"Error response from daemon: {VERBS[last.endpoint]} {name[1]}: {text}"
    if last.endpoint == "VolumeDriver.Get" and refused and name:
        return f"Error response from daemon: get {name[1]}: no such volume"
    return ""


VERBS = {"VolumeDriver.Create": "create", "VolumeDriver.Remove": "remove"}
