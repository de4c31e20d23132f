"""What was said in the exchange that failed."""

from __future__ import annotations

import json
from typing import Any, Literal

from workshop.checker import tracebacks
from workshop.checker.evidence import Evidence
from workshop.checker.facts.source import route
from workshop.checker.facts.table import fact

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
    if number == 404 and not asked_for_nothing and route(e) in ("missing", "not known", "/"):
        return "no route"
    if number in (400, 415) and call(e) == "Activate" and not e.last.sent:
        return "empty body"
    if number in (405, 415) and not asked_for_nothing:
        return "405" if number == 405 else "415"
    return "4xx" if number < 500 else "exception" if tracebacks.last(e.log) else "5xx"


@fact
def said(
    e: Evidence,
) -> Literal["page", "text", "empty", "JSON value", "no Err", "null Err", "empty Err", "Err", "Err of another type"]:
    """Return the form of the last answer's body, and what is in its Err."""
    text = e.last.text
    if not text.strip():
        return "empty"
    if e.html:
        return "page"
    value = e.last.json
    if not isinstance(value, dict):
        return "text" if value is None and text.strip() != "null" else "JSON value"
    err = value.get("Err")
    if err is None:
        return "null Err" if "Err" in value else "no Err"
    if not isinstance(err, str):
        return "Err of another type"
    return "Err" if err else "empty Err"


@fact
def what_docker_gets(e: Evidence) -> str:
    """Return what Docker gets from a handler that has raised an exception."""
    return "a page of HTML" if e.html else "status 500"


@fact
def sends(e: Evidence) -> Literal["nothing", "an object", "anything else"]:
    """Return what the body of the last call was."""
    if not e.last.sent:
        return "nothing"
    return "an object" if sent_object(e) is not None else "anything else"


def sent_object(e: Evidence) -> dict[str, Any] | None:
    """Return the JSON object that was sent, None where the body is none."""
    return object_in(e.last.sent)


def object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is, None where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


@fact
def options(e: Evidence) -> Literal["", "null", "none", "some"]:
    """Return which options were sent: null and {} are both none."""
    sent = sent_object(e) or {}
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
def mountpoint(e: Evidence) -> Literal["missing", "no text", "relative", "absolute"]:
    """Return what an answer to Mount or Path has in Mountpoint."""
    told = e.last.object.get("Mountpoint")
    if not told:
        return "missing"
    if not isinstance(told, str):
        return "no text"
    return "absolute" if told.startswith("/") else "relative"


@fact
def instead_of_mountpoint(e: Evidence) -> str:
    """Return a sentence about the key that stands in Mountpoint's place, "" where there is none."""
    return f" The answer has {another_key(e)!r} instead." if another_key(e) else ""
