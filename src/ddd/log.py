"""A line in the log for each call: what was asked, how long it took, and what came of it."""

import contextlib
import json
import logging
import os
import secrets
import time

from flask import Flask, Response, g, has_request_context, request

from ddd.app import body


def install(app: Flask) -> None:
    """Have a line logged for each call that the app answers, and each call named in what else is logged."""
    app.before_request(begin)
    app.after_request(write)
    app.logger.addFilter(name_call)


def begin() -> None:
    """Give a call a name for the log, and note when it began."""
    g.call, g.begun = secrets.token_hex(4), time.perf_counter()


def write(response: Response) -> Response:
    """Write a call into the log, in one line. Times are in milliseconds."""
    took, status = (time.perf_counter() - g.begun) * 1000, response.status_code
    outcome = "hung-up" if status == 503 else status
    sent: object = response.json
    err = sent["Err"] if isinstance(sent, dict) and status not in (200, 503) else ""
    asked = f"call={g.call} endpoint={quoted(request.path[1:])} volume={quoted(volume())}"
    # straight to stderr, which costs a third of Python's logging; a log that cannot be written costs no answer
    with contextlib.suppress(OSError):
        os.write(2, f"{asked} ms={took:.1f} outcome={outcome} err={quoted(err)}\n".encode())
    return response


def volume() -> str:
    """Return the name that was sent, whatever it is; nothing where none can be read."""
    try:
        return str(body().get("Name", ""))
    except Exception:
        return ""


def quoted(text: str) -> str:
    """Return a text short, and on one line whatever is in it: a volume's name is anything that was sent."""
    return json.dumps(text[:100])


def name_call(record: logging.LogRecord) -> bool:
    """Put the call's name before what the plugin itself logs in it."""
    if has_request_context():
        record.msg = f"call={g.call} {record.msg}"
    return True
