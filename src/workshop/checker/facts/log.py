"""What the plugin has printed."""

from __future__ import annotations

import difflib
import re
import sys
from typing import Literal

from workshop.checker import tracebacks
from workshop.checker.evidence import Evidence
from workshop.checker.facts.reads import looks_up
from workshop.checker.facts.start import stale
from workshop.checker.facts.table import fact
from workshop.terminal import printable, shorten

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
ExceptionKind = Literal[
    "none",
    "wrong case of a key",
    "the volume",
    "no parents",
    "not imported",
    "global",
    "it exists",
    "no options",
    "status first",
    "same name",
    "a socket of TCP",
    "a bad descriptor",
    "not callable",
    "busy",
    "answered twice",
    "other",
]
EXPORTS = {
    "flask": ("Flask", "Blueprint", "Response", "abort", "jsonify", "make_response", "request"),
    "werkzeug.exceptions": ("HTTPException", "NotFound", "BadRequest", "Conflict"),
    "werkzeug.serving": ("make_server", "run_simple"),
    "pathlib": ("Path",),
    "contextlib": ("contextmanager", "suppress"),
}
"""What people import from these modules."""
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
    later = [kind for kind in COMPLAINTS if at[kind] >= since and _counts(e, kind, at[kind], found)]
    return max(later, key=lambda kind: at[kind]) if later else "exception" if found else "none"


def _counts(e: Evidence, kind: Complaint, at: int, found: tracebacks.Traceback | None) -> bool:
    """Tell whether a complaint is about the socket or the program: a plugin prints of other things, too."""
    if found and re.search(COMPLAINTS[kind], found.error):
        return True
    line = e.log[e.log.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    about_a_port = re.search(r"\bport\b|:\d{4,5}\b", line, re.IGNORECASE) and str(e.socket) not in line
    of_its_own = {"in use": not about_a_port, "refused": stale(e) != "no", "no host": True}
    return of_its_own.get(kind, False)


def _last(pattern: str, text: str) -> int:
    """Return where a pattern is found for the last time, -1 where it is not."""
    return max((found.start() for found in re.finditer(pattern, text, re.MULTILINE)), default=-1)


def last_line(e: Evidence) -> str:
    """Return the last line that the plugin printed, without its full stop, and at most a line long."""
    lines = e.log.strip().splitlines()
    return shorten(printable(lines[-1]).rstrip(".?!"), 160) if lines else ""


@fact
def module(e: Evidence) -> str:
    """Return the module that could not be imported, "" for none."""
    found = re.search(r"(?:ModuleNotFoundError: No module named|Cannot find module) '([^']+)'", e.log)
    return found[1] if found else ""


ABOUT: dict[ExceptionKind, str] = {
    "not imported": r"NameError: name '\w+' is not defined",
    "global": "UnboundLocalError: cannot access local variable",
    "it exists": "FileExistsError",
    "no options": r"NoneType.*(iterable|'items'|'keys'|'get')|Cannot convert undefined or null to object",
    "status first": "view function did not return a valid response.*it was an? int",
    "same name": "View function mapping is overwriting an existing endpoint function",
    "a socket of TCP": "AF_INET address must be tuple",
    "a bad descriptor": r"OSError: \[Errno 9\] Bad file descriptor",
    "not callable": "the first argument must be callable",
    "busy": r"OSError: \[Errno 16\]",
    "answered twice": "Cannot (write|set) headers after they are sent",
}


@fact
def exception(e: Evidence) -> ExceptionKind:
    """Return what the last exception is about."""
    text = raised(e)
    if not text:
        return "none"
    if wrong_key(e):
        return "wrong case of a key"
    if e.name is not None and text == f"KeyError: {e.name!r}":
        return "the volume"
    if text.startswith("FileNotFoundError") and re.search(r"mkdir\((?!.*parents)", raised_in(e)) and " -> " not in text:
        return "no parents"
    if text.startswith("NameError") and not import_line(e):
        return "other"
    return next((kind for kind, pattern in ABOUT.items() if re.search(pattern, text)), "other")


def raised_in(e: Evidence) -> str:
    """Return the line of the plugin's file that raised the last exception, "" where that is not known."""
    found = tracebacks.last(e.log)
    lines = dict(e.code)
    own = [number for file, number in (found.frames if found else ()) if e.file and file == str(e.file.resolve())]
    return lines.get(own[0], "") if own else ""


@fact
def import_line(e: Evidence) -> str:
    """Return the line that imports the name that Python does not know, "" where that is not known here."""
    found = re.search(r"NameError: name '(\w+)' is not defined", raised(e))
    if not found:
        return ""
    # else it may be a variable that is misspelt: code, token
    if found[1] in sys.stdlib_module_names and any(re.search(rf"\b{found[1]}\.\w", line) for _, line in e.code):
        return f"import {found[1]}"
    module = next((module for module, names in EXPORTS.items() if found[1] in names), "")
    return f"from {module} import {found[1]}" if module else ""


@fact
def meant(e: Evidence) -> str:
    """Return a question about the name that is meant where a module, or a name in one, is not there."""
    if not e.code:
        return ""
    name = re.search(r"cannot import name '(\w+)' from '([\w.]+)'", raised(e))
    if name:
        near = [each for each in EXPORTS.get(name[2], ()) if each.lower() == name[1].lower()]
        near = near or difflib.get_close_matches(name[1], EXPORTS.get(name[2], ()))
        return f" Do you mean {near[0]}?" if near else ""
    near = difflib.get_close_matches(module(e), [*sys.stdlib_module_names, *EXPORTS]) if module(e) else []
    return f" Do you mean {near[0]}?" if near else ""


@fact
def same_name(e: Evidence) -> str:
    """Return the name that two functions with a route have, "" where Flask says nothing of one."""
    return raised(e).rpartition("function: ")[2] if exception(e) == "same name" else ""


@fact
def no_global(e: Evidence) -> str:
    """Return the variable that a function reads before it has set its own of that name: in a log, or in Err."""
    found = re.search(r"cannot access local variable '(\w+)'", f"{e.last.err}\n{raised(e)}")
    return found[1] if found else ""


@fact
def last_words(e: Evidence) -> str:
    """Return a sentence with the last line that a program has printed, "" where it printed nothing."""
    return f' The last line that it printed: "{last_line(e)}".' if last_line(e) else ""


@fact
def wrong_key(e: Evidence) -> str:
    """Return the key that the plugin looked for in another case than Docker sends it in, "" for none."""
    found = re.match(r"KeyError: '(\w+)'", raised(e))
    keys = sent_keys(e)
    # a dict of the plugin itself can have such a key: where its file is known, the line has to read the request
    if not found or (e.file and not looks_up(e, raised_in(e), found[1])):
        return ""
    return found[1] if found[1] not in keys.values() and found[1].lower() in keys else ""


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
