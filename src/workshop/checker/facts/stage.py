"""How far the plugin got, and what the check wanted of it there."""

from __future__ import annotations

import re
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact

DEMANDS = {
    # part 1
    "a socket": "a socket at .*",
    "a listener": "a plugin that listens( at .*)?",
    "a greeting": "200 and a greeting for (GET|POST) /, got .*",
    "an answer": "an answer, even an error, got .*|an answer on the new socket, got .*|an answer for",
    "a greeting beside silent callers": "a greeting while .* other callers send nothing, got .*",
    "closed to others": "a socket that other users cannot write to, not mode .*",
    "exit status 0": "exit status 0 after SIG.*",
    "no socket after the end": "no socket after SIG.*",
    "the first socket stays": "the first plugin's socket to stay",
    "the first goes on": "the first plugin to go on, got .*",
    "the second ends": ".* to end with status 1, .*",
    "a sentence": "a sentence, not",
    "a sentence at all": "a sentence that says why, but nothing was printed",
    "the file stays": "the file to stay as it was(, with its mode)?",
    # part 2
    "Implements": r'200 with {"Implements": \["VolumeDriver"\]} for',
    "the same Implements": "the same answer with Content-Type .*, got",
    "a usable file": "a file that leads Docker to the driver .*",
    "the learner's file": "your file to be the first that Docker finds for the driver .*",
    "an answer over TCP": "an answer for the driver .* over .*, not",
    "no impostor": "Docker to refuse a program that only claims to be the driver .*",
    "a port": "a port up to 65535, not",
    "loopback": "an address of this machine alone, not .*",
    # part 3
    "success": r'200 with {("Volumes?|"Mountpoint|"Capab|"Err": ).*} for',
    "an error status": "an error status, not 200, for",
    "a sentence in Err": "a sentence in Err, not HTML and not a traceback, for",
    "an Err": r'a JSON error, {"Err": "a sentence"}, for',
    "a Volume": r'{"Volume": {"Name": ".*", …}} in',
    "the Name": "the Name .*: Docker uses the name that it gets",
    "the usual Name": "the Name .* in",
    "a trace of the volume": "a new folder in DDD_ROOT after Create, but nothing is there",
    "a Status": "Status as an object, or no Status, in",
    "a CreatedAt": "CreatedAt (with its time zone|as .*, or no CreatedAt,) in",
    "no volume at first": "no volume at the very first start, got.*",
    "the folder of the volume": "no Mountpoint, or the folder of the volume, not .*, in",
    "no name of what Remove took": "nothing new in List after Remove, not .*, in",
    "no name but those of volumes": "only volumes in List, not .*, in",
    "each volume once": r"each of \[.*\] once in List, in",
    "all volumes of eight at once": r"\[.*\] in List, in",
    "the same after a restart": ".* as before the restart, got",
    "listed after the restart": ".* in List after the restart, in",
    "files after the restart": ".* to be there after the restart",
    "files at a second Create": ".* to stay at a second Create",
    "Volumes": r'{"Volumes": \[…\]} in',
    "names in List": r'{"Name": …} for each volume in',
    "a Mountpoint": "an absolute Mountpoint in",
    "a folder at the Mountpoint": "a folder at the Mountpoint that Mount named, .*",
    "no volume of a refused Mount": "no volume .* in",
    "the Mountpoint of Mount": "no Mountpoint, or the one that Mount named, .*, in",
    "a folder for each volume": "a folder for each volume, and not .* for two",
    "a folder that others can enter": "a folder that other users can enter, mode 0755, not .*",
    "the folder of Mount": "the Mountpoint .*, in",
    "the folder of the other container": ".* for both containers, got",
    "the folder of the first Mount": "the Mountpoint .* again, got",
    "a folder that stays": ".* to stay for the (second container|container, which runs on)",
    "files that stay": ".* to be there for the third container",
    "a new volume is empty": "a new volume .* to be empty, and not to have the files of the old one",
    "space comes back": "the files of .* deleted, so that their space comes back",
    "a neighbour stays": "the (volume|files of) .* to stay when .* is removed",
    "what a link leads to stays": ".* to stay: a link in the volume leads to it",
    "files at a refused Remove": ".* to stay, because Remove was refused",
    "gone from List": ".* gone from",
    "listed after the kill": ".* in List after the kill, in",
    "a file outside that stays": "a file outside the root to be left alone",
    "no file of a mount ID": "no file outside the root (made|deleted) for a mount ID, .*",
    "a folder for each name": "a folder for each of seven volumes, .*",
    "a place among the volumes": "a Mountpoint of its own among the volumes in",
    "the volumes of before": "the same volumes as before, .*, in",
    "the option's name": "the name of the option, .*, in",
    "no value of an option": "an error without the option's value, .*, in",
    "the same scope": "the same Scope as before the first volume, .*, got",
    "a scope": r'{"Capabilities": {"Scope": "local"}}, got',
    "what is mounted inside stays": ".* to stay: it belongs to what is mounted in the volume",
    "success for all": "success for all .* callers",
    "List while volumes are removed": "200 from List while volumes are removed, for",
    "an answer to Mount and to Remove": "an answer to Mount and to Remove, got",
    "Mount or Remove refused": "Mount or Remove refused, got success for both",
    # everywhere
    "the end of the case": "the case to end in .* s, its --time-limit, before .*",
    "usable files": "files that can be used, not the error .*",
    "the volumes of others": "the volumes of others to be left alone, and .* is gone",
    "what is outside stays": ".* to be left alone by",
}
"""The demands of the steps by their names: what an assert of a check says after "wanted", as a pattern."""

SEEN = (
    "closed to others",
    "exit status 0",
    "no socket after the end",
    "the first socket stays",
    "the second ends",
    "a sentence",
    "a sentence at all",
    "the file stays",
    "a folder at the Mountpoint",
    "a folder that stays",
    "files that stay",
    "a file outside that stays",
    "what is outside stays",
    "no file of a mount ID",
    "what is mounted inside stays",
    "a trace of the volume",
    "files at a second Create",
    "files after the restart",
    "a folder that others can enter",
    "a folder for each volume",
    "a folder for each name",
    "what a link leads to stays",
    "a neighbour stays",
    "a new volume is empty",
    "space comes back",
    "files at a refused Remove",
)
"""The demands on the process and on files: they fail whatever the last answer was."""


@fact
def wants(e: Evidence) -> str:
    """Return the name of what was wanted; "" for a demand of the conformance suite, which has a rule of its own."""
    text = e.wanted.partition("\n")[0].removeprefix("wanted ")
    return next((name for name, pattern in DEMANDS.items() if re.fullmatch(pattern, text)), "")


@fact
def stage(e: Evidence) -> Literal["start", "search", "no answer", "answer", "greeting", "seen"]:
    """Return how far it got: the plugin's start, Docker's search for it, a call without an answer, an answer.

    The greeting is apart, because no Docker asks for it. "seen" is what a check sees without a call: of the process,
    its socket, its files.
    """
    if e.trouble:
        return "start"
    if e.failed_lookup:
        return "search"
    if wants(e) in SEEN:
        return "seen"
    if e.last.failure:
        return "no answer"
    if e.last.status:
        return "answer" if e.last.endpoint else "greeting"
    return "seen"
