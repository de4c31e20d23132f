"""Slips of the pen: what is wrong in a plugin's Python file whatever the check has seen of it.

They are no causes of their own, for what comes of them can be anything: a folder named {name}, an option that is not
named in an error, a volume that is gone after a restart. So the report names them beside what it has seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.checker.syntax import FUNCTIONS, calls, own_steps, parsed

PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)(?:[.(\[][^{}]*)?(?:[!:][^{}\s]*)?\}")
"""What Python puts a value in for, where an f is before the string: {name}, {secrets.token_hex(8)}, {value!r}."""
NEW = (ast.List, ast.Dict, ast.Set, ast.Call, ast.Constant)
"""What a variable of a file begins with, where functions are to change it: [], {}, set(), None."""


@dataclass(frozen=True)
class Slip:
    """A slip by the words that any sentence has that names it already, and the sentence."""

    words: str
    sentence: str

    def is_named(self, why: str) -> bool:
        """Tell whether a sentence names this slip."""
        return self.words in why


def slips(file: Path | None) -> list[Slip]:
    """Return the first slip of each kind in a file: no f before a string, no global in a function."""
    tree = parsed(file)
    if tree is None:
        return []
    found = []
    if string := string_without_f(file):
        found.append(Slip("an f before", f"The string {string} has braces, and no f before it: put an f before it."))
    for function, name in _hidden(tree):
        sentence = (
            f"The function {function}() makes a local variable {name}, and the {name} of the file does not change. "
            f"Write global {name} at the beginning of the function."
        )
        return [*found, Slip(f"global {name}", sentence)]
    return found


def string_without_f(file: Path | None) -> str:
    """Return the first string of a file that has a variable in braces and no f before it, "" for none."""
    tree = parsed(file)
    return next(_without_f(tree), "") if tree else ""


def _without_f(tree: ast.Module) -> Iterator[str]:
    """Yield the strings with the name of a variable in braces that are filled in neither by an f nor by a call.

    The variable has to be known where the string is: a text of the file knows no variable of a function.
    """
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.Attribute) and node.attr in ("format", "format_map") for node in nodes):
        return
    replaced = [each.args[0] for each in calls(nodes, "replace") if each.args]
    filled = {found[1] for each in replaced for found in PLACEHOLDER.finditer(ast.unparse(each))}
    # a docstring is prose; a part of an f-string has {{ for a brace
    other = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    other |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node, text, known in _strings(tree, frozenset()):
        if node not in other and any(found[1] in known - filled for found in PLACEHOLDER.finditer(text)):
            yield f'"{text}"'


def _strings(node: ast.AST, known: frozenset[str]) -> Iterator[tuple[int, str, frozenset[str]]]:
    """Yield the strings in a piece, each with its node's id(), and the variables that are known where it is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield id(node), node.value, known
    inside = known | _bound(node) if isinstance(node, (ast.Module, ast.Lambda, *FUNCTIONS)) else known
    for child in ast.iter_child_nodes(node):
        yield from _strings(child, known if child in getattr(node, "decorator_list", []) else inside)


def _bound(scope: ast.AST) -> frozenset[str]:
    """Return the names of the variables, arguments and modules of a function or a file itself."""
    nodes = list(own_steps(scope))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return frozenset(
        names | {(node.asname or node.name).partition(".")[0] for node in nodes if isinstance(node, ast.alias)}
    )


def _hidden(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield functions, each with a variable of the file that they set and never read: a global was meant."""
    shared = {
        target.id
        for each in tree.body
        if isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, NEW)
        for target in _targets(each)
        if isinstance(target, ast.Name)
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
        inner = list(ast.walk(function))
        named = {name for node in inner if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
        named |= {node.arg for node in inner if isinstance(node, ast.arg)}
        read = {node.id for node in inner if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        # the target of a loop, and a part of a pair, are there for the function alone
        made = {target.id for node in inner for target in _targets(node) if isinstance(target, ast.Name)}
        for name in sorted(made & shared - named - read):
            yield function.name, name


def _targets(node: ast.AST) -> list[ast.expr]:
    """Return what a statement sets: names, and what is no name."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []
