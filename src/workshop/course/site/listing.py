"""Code as HTML: highlighted lines, the stretches a presenter points at, and the edit of a step."""

from __future__ import annotations

import ast
import html
import importlib
from collections.abc import Iterator, Sequence


def lines(source: str) -> list[str]:
    """Return the lines of a Python text as HTML, each a span that knows how deep it is indented."""
    pygments = importlib.import_module("pygments")
    lexer = importlib.import_module("pygments.lexers").PythonLexer(stripnl=False)
    formatter = importlib.import_module("pygments.formatters").HtmlFormatter(nowrap=True)
    plain = source.removesuffix("\n").split("\n")
    marked = pygments.highlight("\n".join([*plain, ""]), lexer, formatter).split("\n")
    return [_line(*both) for both in zip(marked, plain, strict=False)]


def _line(marked: str, plain: str) -> str:
    # a line that is too long goes on below, indented deeper than it began
    return f'<span class="line" style="--indent: {len(plain) - len(plain.lstrip()) + 4}ch">{marked}\n</span>'


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


def changed(file: str, marked: Sequence[str]) -> list[str]:
    """Return the lines of a hunk as HTML: <ins> around those that come, <del> around those that go."""
    source = "".join(f"{line[1:]}\n" for line in marked)
    shown = lines(source) if file.endswith(".py") else [_line(html.escape(line[1:]), line[1:]) for line in marked]
    around = {"+": "ins", "-": "del"}
    return [
        f"<{around[line[0]]}>{each}</{around[line[0]]}>" if line[0] in around else each
        for line, each in zip(marked, shown, strict=True)
    ]
