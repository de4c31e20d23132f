"""Whether the plugin's process runs, and where it listens."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact
from workshop.protocol.exchange import CLOSED

DOCKERS_PLACE = "/run/docker/plugins/ddd.sock"


def _ports(e: Evidence) -> list[str]:
    """Return the ports of TCP that the plugin listens on."""
    return [where for where in e.listens if where.startswith("TCP")]


def _beside(e: Evidence) -> list[str]:
    """Return the sockets in the right folder that the plugin listens on."""
    return [where for where in e.listens if Path(where).parent == e.socket.parent]


@fact
def exited(e: Evidence) -> Literal["no", "well", "badly"]:
    """Return whether the plugin has ended, and with status 0 or another."""
    return "no" if e.ended is None else "badly" if e.ended else "well"


@fact
def exit_status(e: Evidence) -> str:
    """Return the plugin's exit status, "" while it runs."""
    return "" if e.ended is None else str(e.ended)


@fact
def stale(e: Evidence) -> Literal["no", "perhaps", "yes"]:
    """Return whether the plugin found the socket of a killed one: in step 1.6 it does, after a kill it may."""
    if e.step in ("1.6", "socket.stale"):
        return "yes"
    return "perhaps" if e.ends and e.ends[-1][1] == signal.SIGKILL else "no"


@fact
def listens(e: Evidence) -> Literal["nowhere", "on a port", "beside", "elsewhere"]:
    """Return where the plugin listens instead of at its socket."""
    if _ports(e):
        return "on a port"
    if _beside(e):
        return "beside"
    return "elsewhere" if e.listens else "nowhere"


@fact
def in_its_place(e: Evidence) -> Literal["", "socket", "folder", "file"]:
    """Return what is in the place of the plugin's socket."""
    return e.place  # type: ignore[return-value]


@fact
def braces(e: Evidence) -> bool:
    """Tell whether the socket in another place has the name of a variable in its path: {SOCKET}."""
    return bool(re.search(r"\{\w+\}", other_socket(e)))


@fact
def mode(e: Evidence) -> str:
    """Return the mode that the socket has, "0777", "" where that was not asked."""
    found = re.search(r"not mode (\d+)", e.demand)
    return found[1] if found else ""


@fact
def begun_with(e: Evidence) -> str:
    """Return with which umask the check has started the plugin, where it has chosen one: a Python file of a learner."""
    return " The check started the plugin with umask 0, which removes no right." if e.file else ""


@fact
def port(e: Evidence) -> str:
    """Return the port of TCP that the plugin listens on, "TCP port 5000"."""
    return next(iter(_ports(e)), "")


@fact
def other_socket(e: Evidence) -> str:
    """Return the socket that the plugin listens on instead."""
    return next(iter(_beside(e) or e.listens), "")


@fact
def other_name(e: Evidence) -> str:
    """Return the file's name of the socket that the plugin listens on instead."""
    return Path(other_socket(e)).name


@fact
def removes_it(e: Evidence) -> str:
    """Return the command that removes the socket in another place."""
    return "./workshop clean" if other_socket(e) == DOCKERS_PLACE else f"rm {other_socket(e)}"


@fact
def socket(e: Evidence) -> str:
    """Return the path at which the plugin should listen."""
    return str(e.socket)


@fact
def socket_name(e: Evidence) -> str:
    """Return the file's name of the plugin's socket."""
    return e.socket.name


@fact
def failure(
    e: Evidence,
) -> Literal["none", "no socket", "nobody listens", "no answer in time", "closed", "no HTTP", "other"]:
    """Return why the last call got no answer."""
    text = e.last.failure
    kinds: dict[str, Literal["none", "no socket", "nobody listens", "no answer in time", "closed"]] = {
        "": "none",
        "there is no socket": "no socket",
        "nobody listens on the socket": "nobody listens",
        "no answer in time": "no answer in time",
        CLOSED: "closed",
    }
    return kinds.get(text) or ("no HTTP" if "not HTTP: " in text else "other")


@fact
def not_taken(e: Evidence) -> bool:
    """Tell whether nothing has accepted a caller that was not answered, nor answered one before."""
    return e.waiting and not any(each.status for each in e.exchanges)


@fact
def failure_text(e: Evidence) -> str:
    """Return why the last call got no answer, in words."""
    return e.last.failure.removeprefix("no answer: ")


@fact
def no_http(e: Evidence) -> str:
    """Return what came back where it is not HTTP."""
    return e.last.failure.partition("not HTTP: ")[2]


@fact
def status_at_end(e: Evidence) -> str:
    """Return the exit status that a check did not want, "" where the plugin still runs."""
    found = re.search(r"with status 1, not (-?\d+)", e.demand)
    return found[1] if found else ""


@fact
def well(e: Evidence) -> str:
    """Return what an exit status of 0 says."""
    return ", which tells a script that all is well" if status_at_end(e) == "0" else ""
