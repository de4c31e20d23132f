"""Causes in the form of an answer: a page, no JSON, a wrong Err."""

from __future__ import annotations

import re

from workshop.checker.causes.table import cause, simple_cause
from workshop.checker.evidence import Evidence

# An answer that is a page, or no JSON


simple_cause(
    "reads an empty body",
    lambda e: e.last.status in (400, 415) and not e.last.sent and e.is_call_of("Activate"),
    (
        "Docker sends Plugin.Activate with an empty body and no Content-Type. request.get_json() refuses that, with "
        "force=True too. Activate needs nothing from the body: do not read it."
    ),
)
simple_cause(
    "get_json without force",
    lambda e: e.last.status == 415,
    (
        "Docker sends JSON without a Content-Type header, so Flask's request.get_json() refuses it. Tell it "
        "not to look: request.get_json(force=True)."
    ),
)


@cause("wrong case of a key")
def wrong_case_of_a_key(e: Evidence) -> str | None:
    found = re.match(r"KeyError: '(\w+)'", e.error)
    keys = {key.lower(): key for key in re.findall(r'"(\w+)":', e.last.sent)}
    if found and found[1] not in keys.values() and found[1].lower() in keys:
        sent = keys[found[1].lower()]
        return (
            f"The plugin looks for {found[1]!r} in the request, and Docker sends {sent!r}: upper and lower case count."
        )
    return None


simple_cause(
    "Create again refused",
    lambda e: e.step == "3.4" and e.is_call_of("Create") and e.refused and re.match("FileExistsError|$", e.error),
    "A Create of a volume that exists is harmless: Docker may send it twice. Answer success, change nothing.",
)


simple_cause(
    "deletes what is mounted inside",
    lambda e: e.step == "3.15" and (e.last.ok or "is mounted in it" in e.demand),
    (
        "Something is mounted in the volume, and Remove deleted its files: to the file system a mounted disk is a "
        "folder like any other. /proc/self/mounts says what is mounted."
    ),
)


@cause("exception in a handler")
def exception_in_a_handler(e: Evidence) -> str | None:
    if e.error and e.last.status == 500:
        page = "a page of HTML" if e.html else "status 500"
        return f"The handler raised {e.error}. Docker gets {page}, and prints it to the user."
    return None


simple_cause(
    "greets one method only",
    lambda e: e.step == "1.2" and e.last.status == 405,
    "The greeting has to come for GET, which curl sends, and for POST, which Docker sends: methods=[…].",
)


simple_cause(
    "nothing at /",
    lambda e: e.step == "1.2" and e.last.status == 404,
    (
        'Nothing answers at /. Is there a function with @app.route("/", …), and above the line that starts the '
        "server? That line never comes back: it has to be the last one of the file."
    ),
)


@cause("a route that the server does not know")
def a_route_that_the_server_does_not_know(e: Evidence) -> str | None:
    if e.unrouted and e.route(e.last.endpoint):
        return (
            f"The route /{e.last.endpoint} is in the file, but the server did not know it. Is it below the line that "
            "starts the server? That line never comes back: move it to the end of the file."
        )
    return None


@cause("no such route")
def no_such_route(e: Evidence) -> str | None:
    if e.unrouted:
        return f"The plugin has no route /{e.last.endpoint}. This is what Docker calls, in this spelling."
    return None


@cause("wrong method")
def wrong_method(e: Evidence) -> str | None:
    if e.last.status == 405 and e.step not in ("1.2", "2.2"):
        return (
            f"The route is there, but not for {e.last.request.split()[0].decode()}. Docker calls everything with POST."
        )
    return None


simple_cause(
    "error page in HTML",
    lambda e: e.html,
    (
        "The error is a page of HTML, and docker prints the whole page to its user. Answer errors as JSON, "
        '{"Err": "a sentence"}, for every path (app.errorhandler).'
    ),
)


@cause("status other than 200")
def status_other_than_200(e: Evidence) -> str | None:
    if e.last.status in range(201, 300):
        return f"Docker takes only status 200 for success: {e.last.status} is an error to it."
    return None


simple_cause(
    "bare text",
    lambda e: e.last.status == 200 and e.last.json is None and (e.step[0] != "1"),
    "The answer is text, and Docker wants a JSON object. Return a dict, or json.dumps of one.",
)
simple_cause(
    "JSON, but no object",
    lambda e: e.last.status and e.last.json is not None and (not isinstance(e.last.json, dict)),
    "The answer is JSON, but not an object: Docker reads {…}, and cannot decode anything else.",
)


# Err


simple_cause(
    "Err is no text",
    lambda e: not isinstance(e.last.object.get("Err"), str | None),
    "Err has to be a text: Docker cannot decode the whole answer otherwise.",
)


@cause("Err misspelt")
def err_misspelt(e: Evidence) -> str | None:
    near = [key for key in e.last.object if key.lower() in ("error", "errors", "message", "msg", "er", "errr")]
    if e.last.status != 200 and near and "Err" not in e.last.object:
        return f"The error stands under {near[0]!r}. Docker looks under 'Err', finds nothing, and prints the raw JSON."
    return None


simple_cause(
    "Err null",
    lambda e: "Err" in e.last.object and e.last.object["Err"] is None and (e.last.status not in (0, 200)),
    "Err is null, so there is no sentence to print. Say in it what is wrong, and what to do.",
)
simple_cause(
    "Err missing",
    lambda e: e.last.status not in (0, 200) and isinstance(e.last.json, dict) and (not e.last.err),
    'The answer is an error, but has no Err: docker prints the raw JSON. Send {"Err": "a sentence"}.',
)
simple_cause(
    "error under status 200",
    lambda e: e.last.status == 200 and e.last.err and ("error status" in e.demand),
    (
        "The error comes under status 200. Docker reads Err and takes it for an error; Podman takes every 200"
        " for success, and never reads Err. Send it with a status such as 400 or 404."
    ),
)
simple_cause(
    "success with an Err",
    lambda e: e.last.status == 200 and e.last.err,
    'Whatever stands in Err is an error to Docker. For success it is empty: {"Err": ""}.',
)
