"""What was said in the exchange that failed."""

from __future__ import annotations

import re
from typing import Literal

from workshop.checker import tracebacks
from workshop.checker.evidence import Evidence, sent_object, string_of
from workshop.checker.facts.source import route
from workshop.checker.facts.table import fact
from workshop.protocol import gojson

NEARLY_ERR = ("error", "errors", "message", "msg", "er", "errr")


@fact
def call(e: Evidence) -> str:
    """Return the method that was called last: "Get", "Activate"; "" for the greeting, and without a call."""
    return e.last.endpoint.rpartition(".")[2]


@fact
def endpoint(e: Evidence) -> str:
    """Return the endpoint that was called last: "VolumeDriver.Get"."""
    return e.last.endpoint


@fact
def method(e: Evidence) -> str:
    """Return the HTTP method of the last call."""
    return e.last.request.partition(b" ")[0].decode()


@fact
def code(e: Evidence) -> int:
    """Return the status of the last answer, 0 where there is none."""
    return e.last.status


@fact
def status(
    e: Evidence,
) -> Literal["none", "200", "2xx", "3xx", "no route", "405", "415", "empty body", "4xx", "exception", "5xx"]:
    """Return what the status of the last answer says, where it says more than "no"."""
    number = e.last.status
    asked_for_nothing = e.last.endpoint.endswith(".Bake")  # step 2.2 calls what no plugin has
    if number < 400:
        return "none" if not number else "200" if number == 200 else "2xx" if number < 300 else "3xx"
    if number == 404 and not asked_for_nothing and route(e) != "there":
        return "no route"
    if number in (400, 415) and call(e) == "Activate" and not e.last.sent:
        return "empty body"
    if number in (405, 415) and not asked_for_nothing:
        return "405" if number == 405 else "415"
    return "4xx" if number < 500 else "exception" if tracebacks.last(e.log) else "5xx"


@fact
def said(
    e: Evidence,
) -> Literal[
    "page",
    "text",
    "empty",
    "broken JSON",
    "JSON value",
    "no Err",
    "null Err",
    "empty Err",
    "Err",
    "Err of another type",
]:
    """Return the form of the last answer's body, and what is in its Err."""
    text = e.last.text
    if not text.strip():
        return "empty"
    if e.html:
        return "page"
    value = e.last.json
    if not isinstance(value, dict):
        if value is not None or text.strip() == "null":
            return "JSON value"
        return "broken JSON" if text.lstrip().startswith(("{", "[")) else "text"
    err = value.get("Err")
    if err is None:
        return "null Err" if "Err" in value else "no Err"
    if not isinstance(err, str):
        return "Err of another type"
    return "Err" if err else "empty Err"


@fact
def what_docker_gets(e: Evidence) -> str:
    """Return what Docker gets from a handler that has raised an exception."""
    return "a page of HTML" if e.html else f"status {e.last.status}"


@fact
def is_printed(e: Evidence) -> str:
    """Return that Docker prints this answer, where it does: of Get it prints that there is no such volume.

    Source: tests/engine/test_diagnoses.py.
    """
    return ", and prints the error to the user" if call(e) in ("Activate", "Create", "Remove") else ""


@fact
def not_json(e: Evidence) -> str:
    """Return what Go's decoder says of an answer that is not JSON, "" where it is."""
    try:
        gojson.decode(e.last.text, whole=e.last.is_error)
    except ValueError as error:
        return str(error)
    return ""


@fact
def location(e: Evidence) -> str:
    """Return where a redirect leads."""
    return e.last.headers.get("location", "")


@fact
def redirect(e: Evidence) -> Literal["none", "adds a slash", "elsewhere"]:
    """Return where a redirect leads: to the same path with a slash at its end, or elsewhere."""
    if not 300 <= e.last.status < 400:
        return "none"
    return "adds a slash" if location(e).endswith(f"/{e.last.endpoint}/") else "elsewhere"


@fact
def how_docker_follows(e: Evidence) -> str:
    """Return what Docker does with a redirect. Source: tests/engine/test_diagnoses.py."""
    if not location(e):
        return " It does not say where to."
    if e.last.status in (307, 308):
        return " Docker follows it with the same call, but other clients may not."
    return " Docker follows it with a GET without a body, so the plugin does not learn what Docker wants."


@fact
def unsupported_post(e: Evidence) -> bool:
    """Tell whether it is Python's http.server that answers, because its handler has no do_POST or do_GET."""
    return "Unsupported method (" in e.last.text


@fact
def second_answer(e: Evidence) -> bool:
    """Tell whether the body of the answer begins as another answer does, with a status line."""
    return e.last.text.startswith("HTTP/1.")


@fact
def options(e: Evidence) -> Literal["", "null", "none", "some"]:
    """Return which options were sent: null and {} are both none."""
    sent = sent_object(e.last)
    if "Opts" not in sent:
        return ""
    return "null" if sent["Opts"] is None else "some" if sent["Opts"] else "none"


@fact
def nearly_err(e: Evidence) -> str:
    """Return the key that is meant for Err in an answer without one."""
    return next((key for key in e.last.object if key.lower() in NEARLY_ERR), "")


@fact
def speaks_of_mounts(e: Evidence) -> bool:
    """Tell whether Err has the word mount in it."""
    return "mount" in e.last.err.lower()


@fact
def speaks_of_options(e: Evidence) -> bool:
    """Tell whether Err is about the options, or about a null."""
    return bool(re.search("opt|none|null|nil", e.last.err, re.IGNORECASE))


@fact
def speaks_of_the_name(e: Evidence) -> bool:
    """Tell whether Err is about the name, as that of a volume that cannot be."""
    return "name" in e.last.err.lower() and bool(re.search(r"\b(valid|allowed|not a name)\b", e.last.err))


@fact
def speaks_of_no_volume(e: Evidence) -> bool:
    """Tell whether Err says that there is no such volume."""
    return bool(re.search(r"no (such )?volume|not (found|exist)|unknown", e.last.err, re.IGNORECASE))


@fact
def implements(e: Evidence) -> Literal["missing", "another key", "no list", "no VolumeDriver", "VolumeDriver"]:
    """Return what an answer to Activate has in Implements."""
    answer = e.last.object
    if "Implements" not in answer:
        return "another key" if another_key(e) else "missing"
    listed = answer["Implements"]
    if not isinstance(listed, list):
        return "no list"
    return "VolumeDriver" if "VolumeDriver" in listed else "no VolumeDriver"


@fact
def another_key(e: Evidence) -> str:
    """Return the first key of the answer that is not Err."""
    return next((key for key in e.last.object if key != "Err"), "")


@fact
def volumes(e: Evidence) -> Literal["missing", "null", "no list", "null inside", "nameless inside", "names"]:
    """Return what an answer to List has in Volumes."""
    answer = e.last.object
    if "Volumes" not in answer:
        return "missing"
    listed = answer["Volumes"]
    if not isinstance(listed, list):
        return "null" if listed is None else "no list"
    if None in listed:
        return "null inside"
    return "names" if all(isinstance(each, dict) and each.get("Name") for each in listed) else "nameless inside"


@fact
def mountpoint(e: Evidence) -> Literal["missing", "empty", "no text", "relative", "absolute"]:
    """Return what an answer to Mount or Path has in Mountpoint."""
    told = e.last.object.get("Mountpoint")
    if not told:
        return "empty" if told == "" else "missing"
    if not isinstance(told, str):
        return "no text"
    return "absolute" if told.startswith("/") else "relative"


@fact
def instead(e: Evidence) -> str:
    """Return a sentence about the key that stands in the wanted one's place, "" where there is none."""
    return f" The answer has {another_key(e)!r} instead." if another_key(e) else ""


@fact
def volume_answered(e: Evidence) -> Literal["missing", "null", "no object", "no Name", "another Name", "the Name"]:
    """Return what an answer to Get has in Volume."""
    answer = e.last.object
    if answer.get("Volume") is None:
        return "null" if "Volume" in answer else "missing"
    if not isinstance(answer["Volume"], dict):
        return "no object"
    name = answer["Volume"].get("Name")
    return "no Name" if not name else "the Name" if name == e.name else "another Name"


@fact
def scope(e: Evidence) -> Literal["missing", "alone", "no object", "wrong case", "another", "right"]:
    """Return what an answer to Capabilities has for a scope."""
    told = e.last.object.get("Capabilities")
    if told is None and "Scope" in e.last.object:
        return "alone"
    if not isinstance(told, dict):
        return "missing" if told is None else "no object"
    named = str(told.get("Scope"))
    if named in ("local", "global"):
        return "right"
    return "wrong case" if named.lower() in ("local", "global") else "another"


@fact
def listed_and_not(e: Evidence) -> str:
    """Return which of the volumes that were created List leaves out, in a sentence; "" where it is none of them."""
    wanted = [string_of(each, "Name") for each in e.exchanges if each.ok and each.endpoint.endswith(".Create")]
    found = e.last.object.get("Volumes")
    names = [each.get("Name") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    left_out = [name for name in wanted if name and name not in names]
    others = [str(name) for name in names if name not in wanted]
    if left_out and others:
        return f" The answer leaves out {left_out[0]}, and names {others[0]} instead."
    if len(left_out) > 1 and not names:
        return " The answer leaves out all of them. Does List look into another folder than Create?"
    twice = [name for name in wanted if names.count(name) > 1]
    if left_out:
        return f" The answer leaves out {left_out[0]}."
    return f" The answer names {twice[0]} twice." if twice else ""
