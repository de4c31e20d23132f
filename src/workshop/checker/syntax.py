"""A plugin's Python file as a tree: what it calls, and the pieces of it that answer an endpoint.

A line of text may be a comment, a help text, or a part of a call. What a fact says of the file comes from the tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
INNER = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
METHODS = ("Activate", "Create", "Get", "List", "Remove", "Path", "Mount", "Unmount", "Capabilities")


def parsed(file: Path | None) -> ast.Module | None:
    """Return a Python file as a tree, None where there is none, or it cannot be read as one."""
    try:
        return _parsed(file.read_text()) if file and file.suffix == ".py" else None
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def nodes(file: Path | None) -> list[ast.AST]:
    """Return all nodes of a Python file, none where it cannot be read as one."""
    tree = parsed(file)
    return list(ast.walk(tree)) if tree else []


def dotted(node: ast.AST | None) -> str:
    """Return a name with its dots, "os.path.isfile"; "" for anything else, and ".run" of what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def last(name: str) -> str:
    """Return the last part of a name with dots."""
    return name.rpartition(".")[2]


def calls(pieces: list[ast.AST], *names: str) -> list[ast.Call]:
    """Return the calls among nodes whose name ends in one of these."""
    return [each for each in pieces if isinstance(each, ast.Call) and last(dotted(each.func)) in names]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument, None where the call has none."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def assigned(pieces: list[ast.AST], *made_by: str) -> set[str]:
    """Return the names, with their dots, that are set to what a call of one of these returns: app = Flask(…)."""
    return {
        dotted(target)
        for each in pieces
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
        for target in each.targets
        if last(dotted(each.value.func)) in made_by
    }


def functions(file: Path | None) -> dict[str, Function]:
    """Return the functions and methods of a file by their names."""
    return {each.name: each for each in nodes(file) if isinstance(each, FUNCTIONS)}


def own_steps(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a piece does itself: what is inside a function or a class in it happens at another time."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, INNER):
            yield from own_steps(child)


def answering(file: Path | None, endpoint: str) -> list[ast.AST]:
    """Return the nodes that answer an endpoint: its handlers, and all functions of the file that they speak of.

    None where no handler is found. What stands under a test for another endpoint is left out.
    """
    known, method = functions(file), endpoint.rpartition(".")[2]
    asked = [*_handlers(file, endpoint, method)] if endpoint else []
    found: dict[str, list[ast.AST]] = {}
    while asked:
        name = asked.pop()
        if name in known and name not in found:
            found[name] = list(_for_method(known[name], method))
            asked += [last(dotted(each)) for each in found[name] if isinstance(each, ast.Name) or _is_own(each)]
    return [node for piece in found.values() for node in piece]


def _is_own(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and dotted(node.value) in ("self", "cls")


def _handlers(file: Path | None, endpoint: str, method: str) -> Iterator[str]:
    """Yield the names of the functions that answer an endpoint: by a route, a table, a test of the path, or a name."""
    for node in nodes(file):
        if isinstance(node, FUNCTIONS):
            routes = [each for above in node.decorator_list for each in _strings(above)]
            before = any(last(dotted(above)) == "before_request" for above in node.decorator_list)
            tests = any(isinstance(each, ast.Compare) and _is_of(each, method) for each in ast.walk(node))
            if before or tests or any(_matches(route, endpoint) for route in routes) or node.name == method.lower():
                yield node.name
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (last(dotted(value)) for key, value in pairs if key and _is_of(key, method))
        elif isinstance(node, ast.Call) and any(_is_of(each, method) for each in node.args[:1]):
            yield from (last(dotted(each)) for each in [*node.args[1:], *(each.value for each in node.keywords)])


def _strings(node: ast.AST) -> list[str]:
    values = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [each for each in values if isinstance(each, str)]


def _is_of(node: ast.AST, method: str) -> bool:
    """Tell whether a piece names a method: "/VolumeDriver.Create", "Create"."""
    return any(re.fullmatch(rf"/?(\w+\.)?{method}/?", text) for text in _strings(node))


def _matches(route: str, endpoint: str) -> bool:
    """Tell whether a route of Flask is that of an endpoint: "/VolumeDriver.<method>" is that of all methods."""
    parts = [re.escape(part) for part in re.split(r"<[^<>]*>", route)]
    return bool(route.strip("/")) and bool(re.fullmatch(".+".join(parts), f"/{endpoint}"))


def _for_method(node: ast.AST, method: str) -> Iterator[ast.AST]:
    """Yield the nodes of a piece, without what stands under a test for another method."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.If) and child in node.body and _is_for_another(node.test, method):
            continue
        if isinstance(child, ast.match_case) and _is_for_another(child.pattern, method):
            continue
        yield from _for_method(child, method)


def _is_for_another(test: ast.AST, method: str) -> bool:
    return not _is_of(test, method) and any(_is_of(test, other) for other in METHODS)
