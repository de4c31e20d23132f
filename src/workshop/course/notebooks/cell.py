"""What a cell of a notebook shows: request and answer side by side, and the drawing of a folder; alike in every run."""

from __future__ import annotations

import html
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workshop.course.site.notebook_pages import LOADER
from workshop.protocol.exchange import Exchange
from workshop.trace.page import element
from workshop.trace.recording import call_of

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
EXCHANGE = ("request", "response")
FOLDERS = ("volumes folder before", "volumes folder after")
UNCHANGED = "The volumes folder, before and after:"
CELL = 'style="text-align: left; vertical-align: top"'
PRE = (
    '<pre style="margin: 0; background: none; white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere">'
    "{}</pre>"
)


@dataclass
class Cell:
    """What a cell shows: a title, a conversation, what stands below it, and the volumes folder before and after."""

    title: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    """The conversation as a table: for text, and for a page that does not run scripts."""
    below: list[str] = field(default_factory=list)
    trees: tuple[str, str] = ("", "")
    """The volumes folder before and after, each drawn as a tree; "" where there is none."""
    recording: str = ""
    """The conversation in the format of docs/trace.md; "" where it is only a table."""
    compact: bool = True
    """Whether the conversation is drawn without its title and its times."""

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, [self.title, _table(EXCHANGE, self.rows), *self.below, self._folders()]))

    def _folders(self) -> str:
        before, after = self.trees
        if before == after:
            return f"{UNCHANGED}\n{after}" if after else ""
        return _table(FOLDERS, [self.trees])

    def _repr_html_(self) -> str:
        changed = self.trees[0] != self.trees[1]
        folders = _html_table("folders", FOLDERS, [self.trees]) if changed else _pre(self._folders())
        blocks = [_pre(self.title), self._talk_html(), *map(_pre, self.below), folders]
        spaced = "".join(f'<div style="margin-bottom: 0.6em">{block}</div>' for block in blocks if block)
        return f'<div class="lab">{spaced}</div>'

    def _talk_html(self) -> str:
        """Return the conversation as HTML. One call has its words below it; of more calls each can be opened."""
        words = _html_table("exchange", EXCHANGE, self.rows)
        if not self.recording:
            return words
        alone = len(self.rows) == 1
        return element(self.recording, compact=self.compact, instead="" if alone else words) + LOADER + words * alone


class Answer(Cell):
    """An exchange, to look at (status, text, json, err) and to be shown."""

    def __init__(self, exchange: Exchange, place: Path, trees: tuple[str, str]) -> None:
        super().__init__(rows=[row_of(exchange, place)], trees=trees, recording=recording_of([exchange], place))
        self.exchange, self.place = exchange, place
        self.status, self.text, self.json, self.err = exchange.status, exchange.text, exchange.json, exchange.err

    def whole(self) -> Cell:
        """Return the exchange with every header."""
        head = self.exchange.request.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        lines = [f"HTTP/1.1 {self.exchange.status} {self.exchange.reason}"]
        lines += [f"{name}: {value}" for name, value in _answer_headers(self.exchange)]
        body = mask(self.exchange.text.strip(), self.place)
        return Cell(rows=[(f"{head}\n\n{self.exchange.sent or '(empty body)'}", "\n".join([*lines, "", body]))])


def _answer_headers(exchange: Exchange) -> list[tuple[str, str]]:
    """Return the headers of an answer, alike in every run."""
    return [(name.title(), SECRETIVE.get(name, value)) for name, value in exchange.headers.items()]


def recording_of(calls: Sequence[Exchange], place: Path) -> str:
    """Return calls as the lines that <plugin-conversation> draws: alike in every run, so without times."""
    rows = []
    for number, exchange in enumerate(calls, start=1):
        row = call_of(exchange, number).as_json()
        row |= {"request": mask(exchange.sent), "answer_headers": _answer_headers(exchange)}
        row |= {"answer": mask(exchange.text.strip(), place)}
        rows.append({name: value for name, value in row.items() if name not in ("at", "took")})
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


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


def _table(heads: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of two columns as text; "" without a row."""
    if not rows:
        return ""
    lines = [*_beside(*heads), f"{'─' * WIDTH}─┼─{'─' * WIDTH}"]
    for number, row in enumerate(rows):
        lines += ["·" * WIDTH + " │ " + "·" * WIDTH] * bool(number) + _beside(*row)
    return "\n".join(lines)


def _html_table(kind: str, heads: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of two columns as HTML; "" without a row."""
    if not rows:
        return ""
    head = "".join(f"<th {CELL}>{each}</th>" for each in heads)
    body = "".join(f"<tr><td {CELL}>{_pre(left)}</td><td {CELL}>{_pre(right)}</td></tr>" for left, right in rows)
    return f'<table class="{kind}" width="100%"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


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
