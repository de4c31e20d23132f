"""What an edit needs of the steps before it: the lines that it looks for, and the names that its new lines use.

The learner's program may be written in another way. What it lacks is found here by its names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from workshop.course import course, edits
from workshop.course.course import Step
from workshop.course.edits import Text


@dataclass(frozen=True)
class Definition:
    """Where a Python file defines a name at its top level."""

    name: str
    lines: tuple[str, ...]
    first: int
    """The index of its first line."""
    uses: frozenset[str]
    """The names that it uses."""
    meaning: str
    """What it is, whatever its name is: the value, the module, the route; "" if only the name says it."""


def definitions(source: str) -> dict[str, Definition]:
    """Return what a Python file defines at its top level, by name; nothing if it is not Python."""
    tree, lines = _parse(source), source.splitlines()
    found = {}
    for node in tree.body if tree else []:
        above = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in above)]) - 1
        for name, meaning in _names_of(node):
            uses = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name)) - {name}
            found[name] = Definition(name, tuple(lines[first : node.end_lineno]), first, uses, meaning)
    return found


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _names_of(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield each name that a statement defines, and its meaning."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], f"import {module}{alias.name}"
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, ast.dump(node.value)
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        routes = re.findall(r"""["'](/[\w.]*)["']""", " ".join(ast.unparse(each) for each in node.decorator_list))
        yield node.name, f"route {routes[0]}" if routes else ""


def names_in(source: str) -> frozenset[str]:
    """Return the names that a Python file binds outside of its functions; of a text that is not Python, all words.

    The methods of a class count, and what is set as self.NAME: the program of a class has the same under these names.
    """
    tree = _parse(source)
    return frozenset([*_bound(tree.body), *_of_classes(tree)] if tree else re.findall(r"\w+", source))


def _of_classes(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the methods and attributes of a file's classes."""
    for each in (node for one in ast.walk(tree) if isinstance(one, ast.ClassDef) for node in ast.walk(one)):
        if isinstance(each, ast.FunctionDef):
            yield each.name
        elif isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self":
            yield each.attr


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that are bound in these nodes, but not what is inside a function or a class."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from _bound(ast.iter_child_nodes(node))


@cache
def names_used(text: Text, step_id: str) -> frozenset[str]:
    """Return the names that the lines of a step use, in a file as the step leaves it."""
    mine = {number for number, owner in enumerate(text.steps, start=1) if owner == step_id}
    nodes = ast.walk(_parse(str(text)) or ast.Module([], []))
    return frozenset(each.id for each in nodes if isinstance(each, ast.Name) and each.lineno in mine)


def lacking(step: Step, mine: str, wanted: frozenset[str]) -> list[Definition]:
    """Return what a learner's plugin.py lacks of these names, and of those that they need.

    What it has under another name is not lacking: see renamed.
    """
    known, own = _known_before(step), names_in(mine)
    others = set(renamed(step, mine))
    found: dict[str, Definition] = {}
    asked = sorted(wanted)
    while asked:
        name = asked.pop()
        if name in known and name not in own and name not in others and name not in found:
            found[name] = known[name]
            asked += sorted(known[name].uses)
    return sorted(found.values(), key=lambda each: each.first)


def renamed(step: Step, mine: str) -> dict[str, str]:
    """Return, for each name of the steps before that the learner's plugin.py lacks, the name that it has there."""
    own = names_in(mine)
    by_meaning = {each.meaning: each.name for each in definitions(mine).values() if each.meaning}
    known = _known_before(step)
    return {
        name: by_meaning[each.meaning] for name, each in known.items() if name not in own and each.meaning in by_meaning
    }


def _known_before(step: Step) -> dict[str, Definition]:
    """Return what plugin.py defines before a step."""
    return definitions(str(step.before["plugin.py"])) if "plugin.py" in step.before else {}


def giver(step: Step, definition: Definition) -> str:
    """Return the step that gave a definition of plugin.py; "" for what the learner begins with."""
    return step.before["plugin.py"].steps[definition.first]


CHECKED_WITH = {"1.6": ["3.10"], "3.10": ["3.12"]}
"""Steps whose later checks need what they do, though no edit does: 3.10 kills the plugin, which leaves its socket, and
starts it again; 3.12 sends an Unmount without a name."""


def checks_that_need(step_id: str) -> list[str]:
    """Return the later steps whose checks fail without what a step does, though their edits do not need it."""
    return CHECKED_WITH.get(step_id, [])


def steps_that_need(step_id: str) -> list[str]:
    """Return the later steps whose edits look for lines of a step, or use a name that it gives. Raises CourseError."""
    about = course.step(step_id)
    steps = [step for part in course.parts() for step in part.steps]
    return [step.id for step in steps[steps.index(about) + 1 :] if _needs(step, step_id)]


def _needs(step: Step, step_id: str) -> bool:
    """Tell whether a step looks for lines of an earlier one, or uses a name that it gives."""
    known = _known_before(step)
    used = names_used(step.after["plugin.py"], step.id) if "plugin.py" in step.after else frozenset()
    given = any(name in known and giver(step, known[name]) == step_id for name in used)
    return given or any(step_id in edits.owners(edit, step.before) for edit in step.edits)
