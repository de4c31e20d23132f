"""From a failed check to its cause: what Docker does with such a plugin, and what to change.

A cause is a function that looks at the evidence and returns the explanation, or nothing where it is not the cause.
They are tried in order, and the first one counts. Where none fits, that is said: nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.checker.causes.discovery import line_of_file
from workshop.checker.causes.table import CAUSES
from workshop.checker.evidence import Evidence


@dataclass(frozen=True)
class Diagnosis:
    """A cause by its key, and why it keeps the check from passing."""

    key: str
    why: str


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the first cause that fits the evidence; one with an empty key where none does."""
    for key, function in CAUSES.items():
        why = function(evidence)
        if why:
            return Diagnosis(key, why)
    return Diagnosis("", "The cause is not known to this tool. Above is all that was said, to the byte.")


def line_at_fault(evidence: Evidence) -> tuple[int, str] | None:
    """Return the line of the plugin's file where to look, and its text: the traceback's, or that of the route."""
    if evidence.lookup:
        return line_of_file(evidence.lookup) if evidence.lookup.own else None
    if not evidence.file or not evidence.file.is_file():
        return None
    lines = evidence.file.read_text(errors="replace").splitlines()
    frames = re.findall(rf'File "{re.escape(str(evidence.file.resolve()))}", line (\d+)', evidence.log)
    if frames:
        number = int(frames[-1])
        return (number, lines[number - 1].strip()) if number <= len(lines) else None
    endpoint = AT_FAULT.get(diagnose(evidence).key, evidence.last.endpoint)
    return evidence.route(endpoint) if endpoint else None


# the causes that show only at a later call
AT_FAULT = {
    "Create again empties the volume": "VolumeDriver.Create",
    "files lost by a restart": "",
    "files lost at Unmount": "VolumeDriver.Unmount",
    "never lets go": "VolumeDriver.Unmount",
    "lets go too early": "VolumeDriver.Unmount",
    "Remove does not remove": "VolumeDriver.Remove",
    "Remove takes a neighbour": "VolumeDriver.Remove",
    "old files in a new volume": "VolumeDriver.Remove",
    "gives no space back": "VolumeDriver.Remove",
    "files lost at a refused Remove": "VolumeDriver.Remove",
}


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
    text = f"{last.endpoint}: {last.err or last.text.strip()}"
    if last.endpoint == "Plugin.Activate" and last.status not in (0, 200):
        return LOOKING_UP + text
    implements = evidence.last.object.get("Implements")
    if last.endpoint == "Plugin.Activate" and isinstance(implements, list) and "VolumeDriver" not in implements:
        return LOOKING_UP + WRONG_KIND
    if last.endpoint in VERBS and evidence.refused and last.status != 200 and name:
        return f"Error response from daemon: {VERBS[last.endpoint]} {name[1]}: {text}"
    if last.endpoint == "VolumeDriver.Get" and evidence.refused and name:
        return f"Error response from daemon: get {name[1]}: no such volume"
    return ""


VERBS = {"VolumeDriver.Create": "create", "VolumeDriver.Remove": "remove"}
