"""What the plugin's file says, where it is one in Python; and whether the server knows the path that was called."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact
from workshop.checker.routes import blueprint, routes
from workshop.checker.slips import parsed, string_without_f

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
def reads_a_form(e: Evidence) -> str:
    """Return where the file looks for what Docker sends, where it answered 400 because only browsers put it there."""
    if e.last.status != 400:
        return ""
    found = re.search(r"request\.(form|args|values)", _written_as(e, r"request\.(form|args|values)\b"))
    return found[0] if found else ""


@fact
def reads_with_a_type(e: Evidence) -> bool:
    """Tell whether the file reads JSON only where a Content-Type says that it is some."""
    return bool(_written_as(e, r"get_json\((?!.*force=True)|request\.json\b|\.is_json\b"))


@fact
def reads_small_key(e: Evidence) -> str:
    """Return a key that the file looks for in small letters, and in vain: "name", where Docker sends "Name"."""
    if not re.search(r"\b(None|null)\b", e.last.err):
        return ""
    line = _written_as(e, r"""(\.get\(|asked\(|\[)["'](name|id|opts)["']""")
    found = re.search(r"""["'](name|id|opts)["']""", line)
    return found[1] if found and found[1].capitalize() in e.last.sent else ""


@fact
def errorhandler(e: Evidence) -> str:
    """Return the decorator of the first handler for errors, "@app.errorhandler(500)", "" for none."""
    return _written_as(e, r"^@\w+\.(app_)?errorhandler\(")


@fact
def catches_all(e: Evidence) -> bool:
    """Tell whether a handler for errors is for all of them."""
    return bool(re.search(r"HTTPException|\(Exception", errorhandler(e)))


@fact
def decimal_mode(e: Evidence) -> str:
    """Return a mode that is written as a decimal number, "177" for 0o177, or as a string; "" for none."""
    found = re.search(
        r"""\b(?:umask|f?chmod|mode=)\(?(?:[^()]*,\s*)?["']?([1-7][0-7]{2})["']?\s*\)""",
        "\n".join(t for _, t in e.code),
    )
    return found[1] if found else ""


@fact
def missing_f(e: Evidence) -> str:
    """Return a string of the file with {NAME} in it that lacks its f, where NAME is a variable of the file."""
    return string_without_f(e.file)


@fact
def called_not_named(e: Evidence) -> str:
    """Return a function that is called where its name has to stand: for a signal, at the exit, as a thread's target."""
    pattern = r"(?:signal\.signal\([^,()]+,\s*|atexit\.register\(|target=)(?!lambda|partial)([\w.]+)\(.*\)"
    found = re.search(pattern, _written_as(e, pattern))
    return found[1] if found else ""


@fact
def named_not_called(e: Evidence) -> str:
    """Return a function that is only named in a line of its own, and so is never called."""
    line = _written_as(e, r"^(?!pass$|return$|break$|continue$|raise$|else$)[a-zA-Z_][\w.]*$")
    return line if line.isidentifier() or "." in line else ""


@fact
def main_word(e: Evidence) -> str:
    """Return what the file compares __name__ with, where that is not "__main__"."""
    found = re.search(r"""(?<![\w.])__name__ *== *["'](\w*)["']""", _written_as(e, r"(?<![\w.])__name__ *=="))
    return found[1] if found and found[1] != "__main__" else ""


@fact
def runs_nothing(e: Evidence) -> bool:
    """Tell whether the file only makes definitions: nothing in it begins the server."""
    tree = parsed(e.file)
    body = tree.body if tree else []
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    # a name may get what a function returns that serves: status = serve()
    own = {node.name for each in body for node in ast.walk(each) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    may_serve = own | {"run", "run_simple", "serve_forever"}
    given = [each for each in body if isinstance(each, ast.Assign | ast.AnnAssign)]
    if any(may_serve.intersection(_calls(each)) for each in given):
        return False
    return bool(body) and all(isinstance(each, quiet) or _is_text(each) for each in body)


def _is_text(statement: ast.stmt) -> bool:
    """Tell whether a statement is a string alone, such as a docstring."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


@fact
def never_serves(e: Evidence) -> bool:
    """Tell whether a file that makes Werkzeug's server does not let it serve."""
    return bool(_written_as(e, r"\bmake_server\(") and not _written_as(e, "serve_forever|handle_request"))


@fact
def file_test(e: Evidence) -> str:
    """Return a sentence about a test for plain files, where the file has one: a socket is none to it."""
    found = re.search(r"\b(isfile|is_file)\(", _written_as(e, r"\b(isfile|is_file)\("))
    return (
        f" {found[1]}() is false for a socket: os.path.lexists() finds one, and stat.S_ISSOCK() tells that it is one."
        if found
        else ""
    )


@fact
def flasks_server(e: Evidence) -> str:
    """Return what makes the socket where Werkzeug does it, which removes whatever is in its place.

    Source: werkzeug serving.py (BaseWSGIServer): with a unix:// host, and no fd, what is at the path is unlinked.
    """
    if _written_as(e, r"\bapp\.run\("):
        return "app.run()"
    found = re.search(r"\b(run_simple|make_server)\(", _written_as(e, r"\b(run_simple|make_server)\("))
    return f"{found[1]}()" if found and not _written_as(e, r"\bfd=") else ""


@fact
def set_too_late(e: Evidence) -> str:
    """Return the function whose call begins to serve above the line that sets a signal's handler, "" for none."""
    tree = parsed(e.file)
    if not tree:
        return ""
    serving = {"serve_forever", "run", "run_simple"}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for _ in functions:  # a function that calls one that serves does not come back either
        serving |= {function.name for function in functions if serving.intersection(_calls(function))}
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    for body in (each for each in bodies if isinstance(each, list)):
        for at, statement in enumerate(body):
            name = next((name for name in _calls(statement) if name in serving), "")
            if name and isinstance(statement, ast.Expr) and "signal" in [n for each in body[at:] for n in _calls(each)]:
                return f"{name}()"
    return ""


def _calls(node: ast.AST) -> list[str]:
    """Return the names of what is called in a piece of a program, without the objects that they belong to."""
    called = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    return [each.attr if isinstance(each, ast.Attribute) else each.id for each in called if isinstance(each, NAMED)]


@fact
def unmount_ends(e: Evidence) -> Literal["", "all in a loop", "all by a filter"]:
    """Return how the file lets go of all entries of an ID at once: in a loop without a break, or by a filter."""
    tree = parsed(e.file)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.For) and any(isinstance(each, ast.If) for each in node.body):
            inner = [each for statement in node.body for each in ast.walk(statement)]
            deletes = {"unlink", "remove"}.intersection(_calls(node))
            if deletes and not any(isinstance(each, ast.Break | ast.Return) for each in inner):
                return "all in a loop"
        if isinstance(node, ast.ListComp) and any(
            isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotEq) and "id" in ast.unparse(test).lower()
            for test in node.generators[0].ifs
        ):
            return "all by a filter"
    return ""


@fact
def lock_taken(e: Evidence) -> str:
    """Return a lock that is taken with acquire(), where no finally releases it; "" if no thread waits for a lock."""
    tree = parsed(e.file) if e.locked else None
    nodes = list(ast.walk(tree)) if tree else []
    endings = [each for node in nodes if isinstance(node, ast.Try) for each in node.finalbody]
    released = {lock for each in endings for lock in _used(each, "release")}
    return next((lock for node in nodes for lock in _used(node, "acquire", False) if lock not in released), "")


def _used(node: ast.AST, method: str, inside: bool = True) -> Iterator[str]:
    """Yield the objects whose method is called: in a piece of a program, or by this call itself."""
    for each in ast.walk(node) if inside else [node]:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == method:
            yield ast.unparse(each.func.value)


@fact
def datagrams(e: Evidence) -> bool:
    """Tell whether the file makes a socket for datagrams."""
    return bool(_written_as(e, "SOCK_DGRAM"))
