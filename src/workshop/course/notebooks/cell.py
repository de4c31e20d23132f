"""What a cell of a notebook shows: request and answer side by side, and the drawing of a folder; alike in every run."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workshop.protocol.exchange import Exchange

WIDTH = 46
"""How many characters a column has, where there is nothing but text."""
VARYING = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)", "(time)"),
    (r"process \d+", "process …"),
    # nobody reads all 64 digits of an ID
    (r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1…"),
]
SECRETIVE = {"server": "…", "date": "…"}
"""Headers whose values are others on another machine, or a second later."""
CELL = 'style="text-align: left; vertical-align: top"'
PRE = (
    '<pre style="margin: 0; background: none; white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere">'
    "{}</pre>"
)


@dataclass
class Cell:
    """What a cell shows: a title, a table, and what stands below it; as text, and as HTML for a notebook."""

    title: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    heads: tuple[str, str] = ("request", "answer")

    def __repr__(self) -> str:
        table = [*_beside(*self.heads), f"{'─' * WIDTH}─┼─{'─' * WIDTH}"] if self.rows else []
        for number, row in enumerate(self.rows):
            table += ["·" * WIDTH + " │ " + "·" * WIDTH] * bool(number) + _beside(*row)
        return "\n\n".join(filter(None, [self.title, "\n".join(table), *self.below]))

    def _repr_html_(self) -> str:
        heads = "".join(f"<th {CELL}>{head}</th>" for head in self.heads)
        rows = "".join(
            f"<tr><td {CELL}>{_pre(left)}</td><td {CELL}>{_pre(right)}</td></tr>" for left, right in self.rows
        )
        table = (
            f'<table class="exchange" width="100%"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            if rows
            else ""
        )
        blocks = [_pre(self.title), table, *map(_pre, self.below)]
        spaced = "".join(f'<div style="margin-bottom: 0.6em">{block}</div>' for block in blocks if block)
        return f'<div class="lab">{spaced}</div>'


class Answer(Cell):
    """An exchange, to look at (status, text, json, err) and to be shown."""

    def __init__(self, exchange: Exchange, place: Path, below: list[str]) -> None:
        super().__init__(rows=[row_of(exchange, place)], below=below)
        self.exchange, self.place = exchange, place
        self.status, self.text, self.json, self.err = exchange.status, exchange.text, exchange.json, exchange.err

    def whole(self) -> Cell:
        """Return the exchange with every header."""
        head = self.exchange.request.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        headers = {name: SECRETIVE.get(name, value) for name, value in self.exchange.headers.items()}
        lines = [f"HTTP/1.1 {self.exchange.status} {self.exchange.reason}"]
        lines += [f"{name.title()}: {value}" for name, value in headers.items()]
        body = mask(self.exchange.text.strip(), self.place)
        return Cell(rows=[(f"{head}\n\n{self.exchange.sent or '(empty body)'}", "\n".join([*lines, "", body]))])


def row_of(exchange: Exchange, place: Path) -> tuple[str, str]:
    """Return an exchange as a row: what was asked, what came."""
    method = exchange.request.partition(b" ")[0].decode()
    reason, body = exchange.reason or exchange.failure, mask(exchange.text, place)
    return side_by_side(method, f"/{exchange.endpoint}", exchange.sent, exchange.status, reason, body)


def side_by_side(
    method: str, path: str, sent: str | None, status: int, reason: str, body: str | None
) -> tuple[str, str]:
    asked = f"{method} {path}\n{(sent or '').strip() or '(empty body)'}"
    return mask(asked), mask(f"{status} {reason}\n{(body or '').strip()}" if status else f"({reason})")


def mask(text: str, place: Path | None = None) -> str:
    """Return a text without what is different in every run."""
    text = text.replace(str(place), "/lab") if place else text
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return text


def branches(folder: Path, indent: str = "") -> Iterator[str]:
    """Yield what is in a folder as the lines of a tree."""
    entries = sorted(folder.iterdir())
    for number, entry in enumerate(entries, start=1):
        last = number == len(entries)
        # a record is named ID.RANDOM, and random names differ in every run
        name = entry.stem if folder.name == "mounts" else entry.name
        yield f"{indent}{'└── ' if last else '├── '}{mask(name)}{_about(entry)}"
        if entry.is_dir():
            yield from branches(entry, indent + ("    " if last else "│   "))


def _about(entry: Path) -> str:
    """Return what is to be said of a file: what is written in it, and nothing of a record, which is empty."""
    if entry.is_dir() or entry.parent.name == "mounts":
        return ""
    return f": {textwrap.shorten(entry.read_text(), 24, placeholder=' …')}"


def _beside(left: str, right: str) -> list[str]:
    """Return two texts as the lines of two columns."""
    columns = [_fold(left), _fold(right)]
    height = max(map(len, columns))
    one, two = (column + [""] * (height - len(column)) for column in columns)
    return [f"{a:{WIDTH}} │ {b}".rstrip() for a, b in zip(one, two, strict=True)]


def _fold(text: str) -> list[str]:
    return [each for line in text.splitlines() for each in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]]


def _pre(text: str) -> str:
    return PRE.format(html.escape(text, quote=False)) if text else ""
