"""What the plugin has printed."""

from __future__ import annotations

import re
from typing import Literal

from workshop.checker import tracebacks
from workshop.checker.evidence import Evidence
from workshop.checker.facts.exchange import sent_object
from workshop.checker.facts.table import fact

# what the C libraries say of a machine that they cannot find; Werkzeug prints it in a line of its own
NO_SUCH_HOST = (
    "Name or service not known|nodename nor servname|Temporary failure in name resolution"
    "|No address associated with hostname"
)
Complaint = Literal["none", "syntax", "module", "in use", "refused", "no host", "exception"]
COMPLAINTS: dict[Complaint, str] = {
    "syntax": r"^\s*(Syntax|Indentation|Tab)Error\b",
    "module": r"ModuleNotFoundError: No module named '|Cannot find module '",
    "in use": "[Aa]ddress already in use",
    "refused": "Connection refused|ECONNREFUSED",
    # a word of more than 63 letters is no name of a machine at all
    "no host": rf"^({NO_SUCH_HOST})$|'idna' codec.*label",
}
HANDLER = r"^TypeError: .*(?:but 2 were given|, got 2)$"


@fact
def raised(e: Evidence) -> str:
    """Return the last exception that the plugin printed, "KeyError: 'name'", without a full stop; "" for none."""
    found = tracebacks.last(e.log)
    return found.error if found else ""


@fact
def complaint(e: Evidence) -> Complaint:
    """Return what the last complaint in the log is about: an exception that is about nothing of these is just that."""
    found = tracebacks.last(e.log)
    since = found.at if found else 0
    at = {kind: _last(pattern, e.log) for kind, pattern in COMPLAINTS.items()}
    later = [kind for kind in COMPLAINTS if at[kind] >= since]
    return max(later, key=lambda kind: at[kind]) if later else "exception" if found else "none"


def _last(pattern: str, text: str) -> int:
    """Return where a pattern is found for the last time, -1 where it is not."""
    return max((found.start() for found in re.finditer(pattern, text, re.MULTILINE)), default=-1)


@fact
def last_line(e: Evidence) -> str:
    """Return the last line that the plugin printed, without its full stop."""
    lines = e.log.strip().rstrip(".?!").splitlines()
    return lines[-1] if lines else ""


@fact
def module(e: Evidence) -> str:
    """Return the module that could not be imported, "" for none."""
    found = re.search(r"(?:ModuleNotFoundError: No module named|Cannot find module) '([^']+)'", e.log)
    return found[1] if found else ""


@fact
def exception(
    e: Evidence,
) -> Literal["none", "wrong case of a key", "the volume", "it exists", "no options", "other"]:
    """Return what the last exception is about."""
    text = raised(e)
    if not text:
        return "none"
    if wrong_key(e):
        return "wrong case of a key"
    name = (sent_object(e) or {}).get("Name")
    if isinstance(name, str) and text == f"KeyError: {name!r}":
        return "the volume"
    if text.startswith("FileExistsError"):
        return "it exists"
    return "no options" if re.search("NoneType.*(iterable|'items'|'keys'|'get')", text) else "other"


@fact
def wrong_key(e: Evidence) -> str:
    """Return the key that the plugin looked for in another case than Docker sends it in, "" for none."""
    found = re.match(r"KeyError: '(\w+)'", raised(e))
    keys = sent_keys(e)
    return found[1] if found and found[1] not in keys.values() and found[1].lower() in keys else ""


@fact
def right_key(e: Evidence) -> str:
    """Return the key that Docker sends, where the plugin looked for it in another case."""
    return sent_keys(e).get(wrong_key(e).lower(), "")


def sent_keys(e: Evidence) -> dict[str, str]:
    """Return the keys of the last call by their lower case."""
    return {key.lower(): key for key in re.findall(r'"(\w+)":', e.last.sent)}


@fact
def at_the_end(e: Evidence) -> Literal["nothing", "wrong arguments", "raised"]:
    """Return what the plugin printed when it was asked to end. Ctrl-C without a handler is no mistake in that."""
    # Python may go on after this one: where the signal comes during a call, Werkzeug catches what the handler raises
    if handler_error(e):
        return "wrong arguments"
    return "raised" if raised(e) and not raised(e).startswith("KeyboardInterrupt") else "nothing"


@fact
def handler_error(e: Evidence) -> str:
    """Return what Python says where a signal's handler does not take two arguments, "" otherwise."""
    found = re.search(HANDLER, e.log, re.MULTILINE)
    return found[0] if found else ""
