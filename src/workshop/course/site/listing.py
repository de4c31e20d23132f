"""Code as HTML: highlighted lines, the stretches a presenter points at, and what is new since the part before."""

from __future__ import annotations

import ast
import difflib
import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.course.course import CourseError

REASONS = Path(__file__).with_name("reasons.toml")


def lines(source: str) -> list[str]:
    """Return the lines of a Python text as HTML, each a span that knows how deep it is indented."""
    pygments = importlib.import_module("pygments")
    lexer = importlib.import_module("pygments.lexers").PythonLexer(stripnl=False)
    formatter = importlib.import_module("pygments.formatters").HtmlFormatter(nowrap=True)
    marked = pygments.highlight(source, lexer, formatter).splitlines()
    return [_line(html, plain) for html, plain in zip(marked, source.splitlines(), strict=False)]


def _line(html: str, plain: str) -> str:
    # a line that is too long goes on below, indented deeper than it began
    return f'<span class="line" style="--indent: {len(plain) - len(plain.lstrip()) + 4}ch">{html}\n</span>'


def stretches(source: str, most: int = 8) -> list[tuple[int, int]]:
    """Return the stretches of a function to point at in turn: whole statements, where that goes in `most` lines."""
    node = ast.parse(source).body[0]
    last = node.end_lineno or 1
    found = [(1, 0)]
    for begin, end in _between([*_ends(node, 0, most), last]):
        if end - found[-1][0] < most:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return [stretch for stretch in found if stretch[1]]


def _ends(node: ast.AST, least: int, most: int) -> Iterator[int]:
    """Yield the last line of each statement in a node; one that is too long is taken apart."""
    inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)]
    if inner and _last(node) - node.lineno >= least:  # type: ignore[attr-defined]
        yield inner[0].lineno - 1
        for child in inner:
            yield from _ends(child, most, most)
    else:
        yield _last(node)


def _last(node: ast.AST) -> int:
    return int(getattr(node, "end_lineno", 0) or 0)


def _between(ends: list[int]) -> Iterator[tuple[int, int]]:
    begin = 1
    for end in sorted(set(ends)):
        if end >= begin:
            yield begin, end
            begin = end + 1


@dataclass(frozen=True)
class Change:
    """A function, or other stretch of a part, that is new or different since the part before."""

    name: str
    reason: str
    html: str


def changes(number: int, root: Path) -> list[Change]:
    """Return what part `number` has that the part before has not, in its order, with the reasons.

    Raises CourseError for a change without a reason, and for a reason without a change.
    """
    before, after = (_units((root / f"part{n}" / "plugin.py").read_text()) for n in (number - 1, number))
    given = _reasons()[f"part{number}"]
    changed = [name for name in after if after[name] != before.get(name)]
    for name in changed:
        if name not in given:
            raise CourseError(f"{REASONS}: part {number} changes {name}, and [part{number}] does not say why.")
    for name in given:
        if name not in changed:
            raise CourseError(f"{REASONS}: [part{number}] has a reason for {name}, which does not change there.")
    return [Change(name, given[name], diff(before.get(name, ""), after[name])) for name in changed]


def _reasons() -> dict[str, dict[str, str]]:
    """Return why each change was made: part -> name -> reason."""
    return tomllib.loads(REASONS.read_text())


def _units(source: str) -> dict[str, str]:
    """Return a part's text in pieces: its functions by name; imports, settings and start by those words."""
    found: dict[str, str] = {}
    text = source.splitlines(keepends=True)
    begin = 0
    for node in ast.parse(source).body:
        end = node.end_lineno or begin
        piece = "".join(text[begin:end])
        name = _name(node)
        found[name] = found.get(name, "") + (piece if name in found else piece.lstrip("\n"))
        begin = end
    return found


def _name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name):
            return name
        case ast.Expr(value=ast.Constant()):
            return "purpose"
        case ast.Import() | ast.ImportFrom():
            return "imports"
        case ast.If():
            return "start"
    return "settings"


def diff(before: str, after: str) -> str:
    """Return the lines of two Python texts as HTML: <ins> around those that came, <del> around those that went."""
    old, new = lines(before), lines(after)
    html = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            html += new[c:d]
        else:
            html += [f"<del>{line}</del>" for line in old[a:b]] + [f"<ins>{line}</ins>" for line in new[c:d]]
    return "".join(html)
