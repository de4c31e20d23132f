"""Which calls a plugin's Python file has a function for, and where: routes, and tables of functions by their paths.

A path in a comment, in a list or in a comparison is no route.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from workshop.checker.syntax import FUNCTIONS, assigned, calls, dotted, keyword, last

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
        decorators = node.decorator_list if isinstance(node, FUNCTIONS) else []
        made = [each for each in decorators if isinstance(each, ast.Call) and last(dotted(each.func)) not in REGISTERS]
        yield from map(_of_call, [*made, *calls([node], *REGISTERS)])
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (Route(_text(key), key.lineno) for key, value in pairs if key and isinstance(value, FUNCTION))
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1 and isinstance(node.elts[1], FUNCTION):
            yield Route(_text(node.elts[0]), node.lineno)
        elif isinstance(node, ast.MatchValue):
            yield Route(_text(node.value), node.lineno)


def _of_call(call: ast.Call) -> Route:
    """Return the route that a call makes; one without a path where it makes none."""
    path = call.args[0] if call.args else keyword(call, "rule")
    return Route(_text(path), call.lineno, dotted(call.func).rpartition(".")[0])


def blueprint(tree: ast.Module, owner: str) -> Literal["", "not registered", "with a prefix", "registered"]:
    """Return what becomes of the routes of a blueprint by its name, "" where that is none."""
    pieces = list(ast.walk(tree))
    if owner not in (own := assigned(pieces, "Blueprint")):
        return ""
    # of what has another name, such as the variable of a loop, it may be this one
    others = {last(name) for name in own - {owner}}
    found = [call for call in calls(pieces, "register_blueprint") if call.args]
    registers = [call for call in found if last(dotted(call.args[0])) not in others]
    if not registers:
        return "not registered"
    made = [each.value for each in pieces if isinstance(each, ast.Assign) and owner in map(dotted, each.targets)]
    # the root alone is no prefix, and neither is None
    given = [keyword(call, "url_prefix") for call in (*made, *registers) if isinstance(call, ast.Call)]
    return "with a prefix" if any(_text(value).strip("/") for value in given) else "registered"


def _text(node: ast.AST | None) -> str:
    """Return a string, "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
