"""What the handler of the endpoint that was called reads of the request, where the plugin's file is one in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact
from workshop.checker.syntax import Function, answering, calls, dotted, functions, keyword, last, parsed


@fact
def reads_a_form(e: Evidence) -> str:
    """Return where the handler looks for what Docker sends, where it answered 400 because only browsers put it there.

    A key of the plugin's own, such as debug in request.args, is none of Docker's.
    """
    if e.last.status != 400:
        return ""
    pieces = answering(e.file, e.last.endpoint)
    values = _values(pieces)
    read = [(values.get(dotted(where), dotted(where)), key) for where, key in map(_read, pieces)]
    in_vain = [name for name, key in read if not isinstance(key, ast.Constant) or f'"{key.value!s}":' in e.last.sent]
    found = (re.search(r"\brequest\.(form|args|values)$", name) for name in in_vain)
    return next((each[0] for each in found if each), "")


@fact
def reads_with_a_type(e: Evidence) -> bool:
    """Tell whether the handler reads JSON only where a Content-Type says that it is some."""
    pieces = answering(e.file, e.last.endpoint)
    forced = [[*each.args, keyword(each, "force")] for each in calls(pieces, "get_json")]
    names = [dotted(each) for each in pieces if isinstance(each, ast.Attribute)]
    return any(values == [None] for values in forced) or any(
        re.search(r"\brequest\.(json|is_json)$", each) for each in names
    )


@fact
def reads_small_key(e: Evidence) -> str:
    """Return a key that the handler looks for in small letters, and in vain: "name", where Docker sends "Name"."""
    if not re.search(r"\b(None|null)\b", e.last.err):
        return ""
    return next((key for key in ("name", "id", "opts") if key in small_keys(e)), "")


def small_keys(e: Evidence) -> dict[str, str]:
    """Return the keys that the handler reads in another case than Docker sends, and not as Docker does; with Docker's.

    A variable of the file is no request, and a dict that stands where it is read is none either.
    """
    tree, pieces = parsed(e.file), answering(e.file, e.last.endpoint)
    own = functions(e.file)
    shared = {dotted(target) for each in (tree.body if tree else []) for target in getattr(each, "targets", [])}
    read = {key for where, key in (_key_read(each, own) for each in pieces) if where not in shared | {"os.environ"}}
    sent = {each.lower(): each for each in re.findall(r'"(\w+)":', e.last.sent)}
    return {
        key: sent[key.lower()] for key in read if key not in sent.values() and sent.get(key.lower(), key) not in read
    }


def looks_up(e: Evidence, line: str, key: str) -> bool:
    """Tell whether a line of the handler reads a key of the request: body["name"], body[key.lower()]."""
    lines, pieces = dict(e.code), answering(e.file, e.last.endpoint)
    found = [each for each in pieces if isinstance(each, ast.Subscript) and lines.get(each.lineno) == line]
    of_key = [each for each in found if not isinstance(each.slice, ast.Constant) or each.slice.value == key]
    return any(_is_request(each.value, pieces) for each in of_key)


def _is_request(where: ast.expr, pieces: list[ast.AST]) -> bool:
    """Tell whether an expression is what was sent: it comes from the request, or it is an argument of a function."""
    made = [each.value for each in pieces if isinstance(each, ast.Assign) and dotted(each.targets[0]) == dotted(where)]
    given = dotted(where) in {each.arg for each in pieces if isinstance(each, ast.arg)}
    names = {last(dotted(each)) for value in [where, *made] for each in ast.walk(value)}
    return given or bool(names & {"request", "get_json", "rfile"})


def _values(pieces: list[ast.AST]) -> dict[str, str]:
    """Return the names that stand for another one alone, and that one: body = request.args."""
    made = [(dotted(each.targets[0]), dotted(each.value)) for each in pieces if isinstance(each, ast.Assign)]
    names = [name for name, _ in made]
    return {name: value for name, value in made if name and names.count(name) == 1}


def _key_read(node: ast.AST, own: Mapping[str, Function]) -> tuple[str, str]:
    """Return what a piece reads a key from, by its name, and the key; asked("Name") reads one, too. "" for none."""
    where, key = _read(node)
    if not where and isinstance(node, ast.Call) and last(dotted(node.func)) in own:
        where, key = node.func, next(iter(node.args), None)
    is_key = isinstance(key, ast.Constant) and isinstance(key.value, str) and not isinstance(where, ast.Dict)
    return (dotted(where), str(key.value)) if is_key and isinstance(key, ast.Constant) else ("", "")


def _read(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """Return what a piece reads a key from, and the key: body["Name"], body.get("Name"); None for none."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return node.value, node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return node.func.value, next(iter(node.args), None)
    return None, None
