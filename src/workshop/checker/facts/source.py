"""What the plugin's file says, where it is one in Python; and whether the server knows the path that was called."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact
from workshop.checker.routes import blueprint, routes
from workshop.checker.slips import string_without_f
from workshop.checker.syntax import FUNCTIONS, answering, calls, dotted, last, nodes, parsed

FLASKS = "requested URL was not found"
"""Flask says so of a path that it does not know, and in abort(404) without a sentence."""
NAMED = (ast.Attribute, ast.Name)
ENDPOINTS = {"Plugin.Activate"} | {
    f"VolumeDriver.{method}"
    for method in ("Create", "Get", "List", "Remove", "Path", "Mount", "Unmount", "Capabilities")
}


@fact
def route(e: Evidence) -> Literal["/", "there", "not known", "not registered", "with a prefix", "missing"]:
    """Return whether the path that was called is one of the plugin's: in its file the server may still not know it."""
    if not e.last.endpoint:
        return "/"
    if e.last.status != 404:
        return "there"
    by_hand = FLASKS in e.last.text and any(re.search(r"abort\(404\)|NotFound\(\)", line) for _, line in e.code)
    if by_hand and _written_as(e, rf"""["']/{e.last.endpoint}/?["']"""):
        return "there"
    if e.route(e.last.endpoint):
        of_blueprint = _blueprint(e)
        if not _as_of_no_path(e):
            return "there"
        return of_blueprint if of_blueprint in ("not registered", "with a prefix") else "not known"
    return "missing" if _as_of_no_path(e) or not _written(e) else "there"


def _blueprint(e: Evidence) -> Literal["", "not registered", "with a prefix", "registered"]:
    """Return what becomes of the blueprint that has the route which was called, "" where no blueprint has it."""
    tree = parsed(e.file)
    own = [each.owner for each in routes(tree) if each.path == f"/{e.last.endpoint}"] if tree else []
    return blueprint(tree, own[0]) if tree and own else ""


def _as_of_no_path(e: Evidence) -> bool:
    """Tell whether the plugin answers as it does to a path that it cannot have, and not of a volume."""
    path, text = f"/{e.last.endpoint}", e.last.text
    if path in e.last.err or FLASKS in text:
        return True
    if e.to_no_path is not None:
        return e.to_no_path.status == 404 and e.to_no_path.text.replace(e.to_no_path.endpoint, e.last.endpoint) == text
    # these ask for no volume that could be unknown
    for_any = e.last.endpoint.rpartition(".")[2] in ("Activate", "Create", "List", "Capabilities")
    return text.lstrip().startswith("<") or (for_any and not e.route(e.last.endpoint))


def _written(e: Evidence) -> bool:
    """Tell whether the method that was called stands in the plugin's file; where that cannot be read, it may."""
    method = e.last.endpoint.rpartition(".")[2]
    return not e.code or any(re.search(rf"""[./"']{method}["']""", line) for _, line in e.code)


def _written_as(e: Evidence, pattern: str) -> str:
    """Return the first line of the plugin's file with a pattern in it, "" for none."""
    return next((line for _, line in e.code if re.search(pattern, line)), "")


@fact
def nearest_route(e: Evidence) -> str:
    """Return a sentence about a route in the file that is spelt nearly as the one that was called."""
    own = [route for _, line in e.code for route in re.findall(r"""["'](/[\w./]+)["']""", line)]
    near = difflib.get_close_matches(
        f"/{e.last.endpoint}", [each for each in own if each != f"/{e.last.endpoint}"], 1, 0.8
    )
    return f" Your file has {near[0]}." if near and near[0][1:] not in ENDPOINTS else ""


@fact
def errorhandler(e: Evidence) -> str:
    """Return the handler for errors that may get this one, or the first one; "@app.errorhandler(500)", "" for none."""
    found = _errorhandlers(e)
    return next((text for text, error in found if _may_get(error, e.last.status)), found[0][0] if found else "")


@fact
def gets_the_error(e: Evidence) -> bool:
    """Tell whether a handler for errors may get this one: a class of which nothing is known here may be its."""
    return any(_may_get(error, e.last.status) for _, error in _errorhandlers(e))


def _errorhandlers(e: Evidence) -> list[tuple[str, ast.expr]]:
    """Return the handlers for errors as the file names them, each with what it is for."""
    pieces = nodes(e.file)
    above = {id(each) for node in pieces if isinstance(node, FUNCTIONS) for each in node.decorator_list}
    found = calls(pieces, "errorhandler", "app_errorhandler", "register_error_handler")
    return [(f"{'@' if id(each) in above else ''}{ast.unparse(each)}", each.args[0]) for each in found if each.args]


def _may_get(error: ast.expr, status: int) -> bool:
    return not isinstance(error, ast.Constant) or error.value == status


@fact
def missing_f(e: Evidence) -> str:
    """Return a string of the file with {NAME} in it that lacks its f, where NAME is a variable of the file."""
    return string_without_f(e.file)


@fact
def never_serves(e: Evidence) -> bool:
    """Tell whether a file that makes Werkzeug's server does not let it serve."""
    return bool(_written_as(e, r"\bmake_server\(") and not _written_as(e, "serve_forever|handle_request"))


@fact
def unmount_ends(e: Evidence) -> Literal["", "all in a loop", "all by a filter"]:
    """Return how Unmount lets go of all entries of an ID at once: in a loop without a break, or by a filter."""
    for node in answering(e.file, "VolumeDriver.Unmount"):
        if isinstance(node, ast.For) and any(isinstance(each, ast.If) and _has_id(each.test) for each in node.body):
            inner = [each for statement in node.body for each in ast.walk(statement)]
            deletes = calls(inner, "unlink", "remove")
            if deletes and not any(isinstance(each, ast.Break | ast.Return) for each in inner):
                return "all in a loop"
        if isinstance(node, ast.ListComp) and any(
            isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotEq) and _has_id(test)
            for test in node.generators[0].ifs
        ):
            return "all by a filter"
    return ""


def _has_id(test: ast.AST) -> bool:
    """Tell whether a condition speaks of the mount's ID, by a name such as id, mount_id and mountID, or the key ID."""
    names = [last(dotted(each)) for each in ast.walk(test) if isinstance(each, NAMED)]
    keys = [each.value for each in ast.walk(test) if isinstance(each, ast.Constant)]
    return "ID" in keys or any(re.search(r"(^|_)(id|ID)$|[a-z]I[dD]$", name) for name in names)


@fact
def lock_taken(e: Evidence) -> str:
    """Return a lock that is taken with acquire(), where no finally releases it; "" if no thread waits for a lock."""
    pieces = nodes(e.file) if e.locked else []
    endings = [each for node in pieces if isinstance(node, ast.Try) for end in node.finalbody for each in ast.walk(end)]
    released = {dotted(each.func).rpartition(".")[0] for each in calls(endings, "release")}
    taken = (dotted(each.func).rpartition(".")[0] for each in calls(pieces, "acquire"))
    return next((lock for lock in taken if lock not in released), "")
