"""Which calls a plugin's Python file has a function for, and where: routes, and tables of functions by their paths.

A path in a comment, in a list or in a comparison is no route.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FUNCTION = (ast.Name, ast.Attribute, ast.Lambda)
REGISTERS = {"add_url_rule", "add_route", "add_post", "route", "post", "Rule", "register", "handle"}
"""What the functions are called that take a path and a function, or return a decorator."""


@dataclass(frozen=True)
class Route:
    """A path that has a function, the line that says so, and the app or blueprint whose decorator it is."""

    path: str
    line: int
    owner: str = ""


def routes(tree: ast.Module) -> Iterator[Route]:
    """Yield all routes of a file."""
    for node in ast.walk(tree):
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
        calls = [each for each in decorators if isinstance(each, ast.Call) and _name(each.func) not in REGISTERS]
        yield from map(_of_call, calls)
        if isinstance(node, ast.Call) and _name(node.func) in REGISTERS:
            yield _of_call(node)
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (Route(_text(key), key.lineno) for key, value in pairs if key and isinstance(value, FUNCTION))
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1 and isinstance(node.elts[1], FUNCTION):
            yield Route(_text(node.elts[0]), node.lineno)
        elif isinstance(node, ast.MatchValue):
            yield Route(_text(node.value), node.lineno)


def _of_call(call: ast.Call) -> Route:
    """Return the route that a call makes; one without a path where it makes none."""
    first = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "rule")]
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return Route(_text(first[0]) if first else "", call.lineno, owner.id if isinstance(owner, ast.Name) else "")


def blueprint(tree: ast.Module, owner: str) -> Literal["", "not registered", "with a prefix", "registered"]:
    """Return what becomes of the routes of a blueprint by its name, "" where that is none."""
    made = {
        _name(target): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) == "Blueprint"
        for target in node.targets
    }
    if owner not in made:
        return ""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "register_blueprint"]
    # of what has another name, such as the variable of a loop, it may be this one
    others = made.keys() - {owner}
    registers = [call for call in calls if call.args and _name(call.args[0]) not in others]
    if not registers:
        return "not registered"
    # the root alone is no prefix, and neither is None
    given = [word.value for call in (made[owner], *registers) for word in call.keywords if word.arg == "url_prefix"]
    return "with a prefix" if any(_text(value).strip("/") for value in given) else "registered"


def _name(node: ast.AST) -> str:
    """Return a name, without the object that it belongs to; "" for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.AST) -> str:
    """Return a string, "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
