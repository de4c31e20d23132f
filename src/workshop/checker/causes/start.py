"""Causes of no answer: the plugin does not start, does not listen, or breaks off."""

from __future__ import annotations

import re
from pathlib import Path

from workshop.checker.causes.table import cause, simple_cause
from workshop.checker.evidence import Evidence

# It does not start


# what the C libraries say of a machine that they cannot find; Werkzeug prints it in a line of its own
NO_SUCH_HOST = (
    "Name or service not known|nodename nor servname|Temporary failure in name resolution"
    "|No address associated with hostname"
)


@cause("syntax error")
def syntax_error(e: Evidence) -> str | None:
    if e.trouble and re.search(r"^\s*(Syntax|Indentation|Tab)Error", e.log, re.MULTILINE):
        return f"Python cannot read the file: {e.log.strip().rstrip('.?!').splitlines()[-1]}."
    return None


@cause("missing module")
def missing_module(e: Evidence) -> str | None:
    found = re.search(r"ModuleNotFoundError: No module named '([^']+)'", e.log)
    return f"The plugin imports {found[1]}, which this Python does not have." if e.trouble and found else None


simple_cause(
    "old server holds the place",
    lambda e: (
        e.trouble and re.search("address already in use", e.log, re.IGNORECASE) and (e.step not in ("1.6", "1.7"))
    ),
    (
        "The plugin wants a place that somebody has already: an earlier run of it that still goes on, or its "
        "socket. End that one, and let the plugin listen where DDD_SOCKET says."
    ),
)
simple_cause(
    "stale socket stops it",
    lambda e: e.trouble and e.step == "1.6" and (not e.error or re.search("in use|refused", e.error)),
    (
        "A plugin that is killed leaves its socket behind. The next start finds it, and has to see that "
        "nobody listens there (connect is refused), and replace it. Until then Docker has no plugin."
    ),
)


simple_cause(
    "a path taken for a host",
    # a word of more than 63 letters is no name of a machine at all
    lambda e: e.trouble and re.search(rf"^({NO_SUCH_HOST})$|'idna' codec.*label", e.log, re.MULTILINE),
    (
        "Flask took the path of the socket for the name of a machine, and there is no such machine. The host has to "
        'begin with unix://, and the path follows: app.run(host=f"unix://{SOCKET}").'
    ),
)


@cause("crash at the start")
def crash_at_the_start(e: Evidence) -> str | None:
    return f"The plugin crashed before it listened: {e.error}." if e.trouble and e.ended and e.error else None


@cause("ended at the start")
def ended_at_the_start(e: Evidence) -> str | None:
    if e.trouble and e.ended is not None:
        return (
            f"The program came to its end, with exit status {e.ended}, and nobody listens. "
            "A plugin goes on, and waits for Docker's calls."
        )
    return None


@cause("a port instead of the socket")
def a_port_instead_of_the_socket(e: Evidence) -> str | None:
    ports = [where for where in e.listens if where.startswith("TCP")]
    if e.trouble and ports:
        return (
            f"The plugin listens on {ports[0]}. Docker looks for plugins that are files: "
            f"let it listen on the Unix socket at {e.socket}, which DDD_SOCKET names."
        )
    return None


@cause("a socket with the wrong name")
def a_socket_with_the_wrong_name(e: Evidence) -> str | None:
    beside = [where for where in e.listens if Path(where).parent == e.socket.parent]
    if e.trouble and beside:
        return (
            f"The plugin listens at {Path(beside[0]).name}, not at {e.socket.name}. To Docker the file's name is the "
            "driver's name: nobody will find it under the name that was asked for. Take the path from DDD_SOCKET."
        )
    return None


DOCKERS_PLACE = "/run/docker/plugins/ddd.sock"


@cause("a socket in another place")
def a_socket_in_another_place(e: Evidence) -> str | None:
    if e.trouble and e.listens:
        remove = "./workshop clean" if e.listens[0] == DOCKERS_PLACE else f"rm {e.listens[0]}"
        return (
            f"The plugin listens at {e.listens[0]}, and not where DDD_SOCKET says, at {e.socket}. If its socket is "
            f"still there after this check, `{remove}` removes it."
        )
    return None


simple_cause(
    "does not listen",
    lambda e: e.trouble,
    ("The plugin runs, but does not listen on any socket. Docker tries for 15 s to reach one, and gives up."),
)


@cause("no socket")
def no_socket(e: Evidence) -> str | None:
    if e.last.failure == "there is no socket":
        return f"There is no socket at {e.socket}. The driver's name is the file's name, without .sock: is it this one?"
    return None


simple_cause(
    "nobody behind the socket",
    lambda e: e.last.failure == "nobody listens on the socket" and e.ended is None,
    (
        "The file is there, but nobody listens: a plugin that was killed leaves its socket behind. Start the "
        "plugin again. As long as it is so, each `docker volume ls` takes 15 s."
    ),
)


# No answer


@cause("crash at a call")
def crash_at_a_call(e: Evidence) -> str | None:
    if e.ended is not None and e.last.failure and e.step[0] != "1":
        return f"The plugin ended at this call, with exit status {e.ended}{': ' + e.error if e.error else ''}."
    return None


simple_cause(
    "one caller at a time",
    lambda e: e.step == "1.4" and e.last.failure == "no answer in time",
    (
        "While callers are connected and silent, nobody else is answered. Docker keeps connections open, "
        "and calls on several at once: answer each in a thread of its own (threaded=True)."
    ),
)
simple_cause(
    "hangs",
    lambda e: e.last.failure == "no answer in time",
    (
        "The plugin took the call and does not answer. Docker waits 60 s, 120 s for Create and Mount, and for"
        " Plugin.Activate without end: every docker command that asks this plugin hangs with it."
    ),
)
simple_cause(
    "closed without an answer",
    lambda e: e.last.failure.startswith("the connection was closed"),
    "The plugin closed the connection without an answer. Docker tries again for 15 s, then gives up.",
)


@cause("no HTTP")
def no_http(e: Evidence) -> str | None:
    found = re.search(r"not HTTP: (.*)", e.last.failure)
    return f"What comes back is not HTTP, but {found[1]}. Docker speaks nothing else to a plugin." if found else None
