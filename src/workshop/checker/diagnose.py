"""From a failed check to its cause: what Docker does with such a plugin, and what to change.

A cause names the facts that it needs. Of those that fit, the one that needs more than the others counts. Where none
fits, that is said: nothing is guessed. A slip of the pen in the plugin's file is named with any cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workshop.checker import causes as _  # noqa: F401  each of its modules puts its causes into the table
from workshop.checker import tracebacks
from workshop.checker.causes.table import winners
from workshop.checker.evidence import Evidence, is_dockers
from workshop.checker.facts.files import line_of_file
from workshop.checker.facts.table import Facts
from workshop.checker.slips import slips
from workshop.daemon.calls import DriverError, decode
from workshop.protocol.exchange import Exchange


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
    key, why, look = "", "This tool does not know the cause. Compare what is above with what was wanted.", ""
    if len(found) == 1:  # tests/test_causes.py: there are never two
        key, why, look = found[0].key, found[0].sentence(facts), found[0].look
    others = [] if evidence.failed_lookup else [slip for slip in slips(evidence.file) if not slip.is_named(why)]
    return Diagnosis(key, " ".join([why, *(slip.sentence for slip in others)]), look)


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


DAEMON = "Error response from daemon: "
WRONG_KIND = "Plugin does not implement the requested driver"
VERBS = {"VolumeDriver.Create": "create", "VolumeDriver.Remove": "remove"}


def docker_prints(evidence: Evidence) -> str:
    """Return what docker prints when it meets this answer; "" where it prints nothing of it, or it is not known.

    Source: tests/engine/test_diagnoses.py, where a real engine prints it.
    """
    lookup, last = evidence.lookup, evidence.last
    if lookup:
        found = "legacy plugin: " if lookup.file else ""
        return _looking_up(lookup.driver, f"{found}{lookup.error}") if lookup.error else ""
    if not last.status or (last.headers.get("location") and 300 <= last.status < 400) or not is_dockers(last):
        return ""  # Docker follows a redirect
    words, name = _words(last), evidence.name
    if last.endpoint == "Plugin.Activate":
        return _looking_up("ddd", f"legacy plugin: {words}") if words else ""
    if words and last.endpoint in VERBS and name:
        return f"{DAEMON}{VERBS[last.endpoint]} {name}: {words}"
    if words and last.endpoint == "VolumeDriver.Mount" and name:
        return f"docker: {DAEMON}error while mounting volume '': {words}"
    if last.endpoint == "VolumeDriver.Get" and name and (words or not isinstance(last.object.get("Volume"), dict)):
        return f"{DAEMON}get {name}: no such volume"
    return ""


def _looking_up(driver: str, why: str) -> str:
    """Return what docker prints where it does not get as far as a call of a driver."""
    return f"{DAEMON}create mango: error looking up volume plugin {driver}: {why}"


def _words(answer: Exchange) -> str:
    """Return what Docker says of an answer that is no success to it, "" for one that is."""
    try:
        value = decode(answer)
    except DriverError as error:
        return str(error).strip()
    if answer.endpoint != "Plugin.Activate":
        return ""
    return "" if "VolumeDriver" in (value["Implements"] or []) else WRONG_KIND
