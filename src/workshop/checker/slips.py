"""Slips of the pen: what is wrong in a plugin's Python file whatever the check has seen of it.

They are no causes of their own, for what comes of them can be anything: a folder named {name}, an option that is not
named in an error, a volume that is gone after a restart. So the report names them beside what it has seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)(?:[.(\[][^{}]*)?(?:[!:][^{}\s]*)?\}")
"""What Python puts a value in for, where an f is before the string: {name}, {secrets.token_hex(8)}, {value!r}."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
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


def _without_f(tree: ast.Module) -> Iterator[str]:
    """Yield the strings with the name of a variable in braces that are filled in neither by an f nor by format()."""
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.Attribute) and node.attr in ("format", "format_map") for node in nodes):
        return
    known = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    known |= {(node.asname or node.name).partition(".")[0] for node in nodes if isinstance(node, ast.alias)}
    # a docstring is prose; a part of an f-string has {{ for a brace
    other = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    other |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    strings = (node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in other)
    for text in (each for each in strings if isinstance(each, str)):
        if any(found[1] in known for found in PLACEHOLDER.finditer(text)):
            yield f'"{text}"'


def _hidden(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield functions, each with a variable of the file that they set and never read: a global was meant."""
    shared = {
        target.id
        for each in tree.body
        if isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, NEW)
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name)
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
        inner = list(ast.walk(function))
        named = {name for node in inner if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
        named |= {node.arg for node in inner if isinstance(node, ast.arg)}
        names = [node for node in inner if isinstance(node, ast.Name)]
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        for node in names:
            if isinstance(node.ctx, ast.Store) and node.id in shared - named - read:
                yield function.name, node.id
