"""The laboratory: what a notebook calls to speak to a part's plugin as Docker does, and to see what each of them says.

    from workshop import lab
    plugin = lab.start("part2")
    plugin.post("/Plugin.Activate")

What is shown is the same in every run: a plugin's own folder is shown as /lab, and times and processes are left out.
"""

from __future__ import annotations

import atexit
import html
import json
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop import course, setup, trace
from workshop.daemon import Daemon, DockerError
from workshop.discovery import DiscoveryError, Places, find
from workshop.process import private_folder
from workshop.subject import PluginUnderTest
from workshop.wire import Exchange

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

# the kernel of a notebook can be killed: then Linux ends the plugin, by what prctl(2) calls PR_SET_PDEATHSIG
ENDS_WITH_US = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@dataclass
class Shown:
    """What a cell shows: a title, a table, and what stands below it; as text, and as HTML for a notebook."""

    title: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    heads: tuple[str, str] = ("request", "answer")

    def __repr__(self) -> str:
        table = [*beside(*self.heads), f"{'─' * WIDTH}─┼─{'─' * WIDTH}"] if self.rows else []
        for number, row in enumerate(self.rows):
            table += ["·" * WIDTH + " │ " + "·" * WIDTH] * bool(number) + beside(*row)
        return "\n\n".join(filter(None, [self.title, "\n".join(table), *self.below]))

    def _repr_html_(self) -> str:
        heads = "".join(f"<th {CELL}>{head}</th>" for head in self.heads)
        rows = "".join(f"<tr><td {CELL}>{pre(left)}</td><td {CELL}>{pre(right)}</td></tr>" for left, right in self.rows)
        table = (
            f'<table class="exchange" width="100%"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            if rows
            else ""
        )
        blocks = [pre(self.title), table, *map(pre, self.below)]
        spaced = "".join(f'<div style="margin-bottom: 0.6em">{block}</div>' for block in blocks if block)
        return f'<div class="lab">{spaced}</div>'


class Answer(Shown):
    """An exchange, to look at (status, text, json, err) and to be shown."""

    def __init__(self, exchange: Exchange, place: Path, below: list[str]) -> None:
        super().__init__(rows=[shown(exchange, place)], below=below)
        self.exchange, self.place = exchange, place
        self.status, self.text, self.json, self.err = exchange.status, exchange.text, exchange.json, exchange.err

    def whole(self) -> Shown:
        """Return the exchange with every header."""
        head = self.exchange.request.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        headers = {name: SECRETIVE.get(name, value) for name, value in self.exchange.headers.items()}
        lines = [f"HTTP/1.1 {self.exchange.status} {self.exchange.reason}"]
        lines += [f"{name.title()}: {value}" for name, value in headers.items()]
        body = masked(self.exchange.text.strip(), self.place)
        return Shown(rows=[(f"{head}\n\n{self.exchange.sent or '(empty body)'}", "\n".join([*lines, "", body]))])


class Bench:
    """A part's plugin in a folder of its own, and somebody who plays Docker."""

    def __init__(self, part: str, old: str, new: str) -> None:
        self.part = part
        self.end = ExitStack()
        self.folder = self.end.enter_context(private_folder())
        file = setup.clone() / part / "plugin.py"
        if old:
            file = changed(file, old, new, self.folder / "plugin.py")
        command = [sys.executable, "-c", ENDS_WITH_US, str(file)]
        self.plugin = PluginUnderTest(command, self.folder / "ddd.sock", self.folder / "root")
        self.end.callback(self.plugin.close)
        self.socket = self.plugin.socket
        self.calls: list[Exchange] = []
        self.daemon = Daemon(self.plugin.address(), told=self.calls.append, seed=1)

    def __repr__(self) -> str:
        return f"{self.part}/plugin.py listens at {masked(str(self.socket), self.folder)}"

    def post(self, path: str, body: dict[str, Any] | None = None, content_type: str = "") -> Answer:
        """Ask as Docker does: with JSON or an empty body, and without a Content-Type. curl and others name one."""
        return self.ask("POST", path, body, content_type)

    def get(self, path: str) -> Answer:
        """Ask as a browser does. Docker never asks a plugin so."""
        return self.ask("GET", path, None, "")

    def ask(self, method: str, path: str, body: dict[str, Any] | None, content_type: str) -> Answer:
        answer = self.plugin.call(path.removeprefix("/"), body, method=method, content_type=content_type)
        return Answer(answer, self.folder, self.drawn())

    def docker(self, command: str) -> Shown:
        """Do what Docker does at a command such as "docker volume create -d ddd mango": calls, and what it prints.

        The command is volume create, inspect or rm; the driver is this plugin.
        """
        verb, name = shlex.split(command)[2], shlex.split(command)[-1]
        self.calls.clear()
        given = (name, "ddd") if verb == "create" else (name,)
        try:
            answer = getattr(self.daemon, f"volume_{verb}")(*given)
            said = answer if isinstance(answer, str) else json.dumps([answer], indent=4)
        except DockerError as error:
            said = f"Error response from daemon: {error}"
        rows = [shown(call, self.folder) for call in self.calls]
        return Shown(f"$ {command}", rows, [f"docker prints:\n{masked(said, self.folder)}", *self.drawn()])

    def find(self, name: str) -> Shown:
        """Look for a plugin by its name as Docker does, with this folder for all those in which Docker looks."""
        try:
            said = f"{name} is at {find(name, Places(self.folder, (self.folder,)))}"
        except DiscoveryError as error:
            said = f"Docker says: {error}"
        return Shown(masked(said, self.folder))

    def volumes(self) -> Shown:
        """Draw the folder with the volumes."""
        return Shown(below=self.drawn())

    def drawn(self) -> list[str]:
        root = self.folder / "root" / "volumes"
        return ["\n".join(["root/volumes", *branches(root)])] if root.is_dir() else []

    def stop(self) -> Shown:
        """End the plugin as an operator does, with SIGTERM."""
        return self.ended("SIGTERM", self.plugin.stop())

    def kill(self) -> Shown:
        """End the plugin as a power cut does, with SIGKILL."""
        return self.ended("SIGKILL", self.plugin.kill())

    def ended(self, signal: str, status: int) -> Shown:
        left = "is still there" if os.path.lexists(self.socket) else "is gone"
        return Shown(f"{signal}: {self.part}/plugin.py ended with status {status}. Its socket {left}.")

    def again(self) -> Bench:
        """Start the plugin unless it runs, as it was, where it was. Raises AssertionError with what it printed."""
        self.plugin.running()
        return self

    def second(self) -> Shown:
        """Start the same program once more, on the same socket, and tell what it says."""
        status = self.plugin.second()
        said = masked(self.plugin.output().strip().rpartition("\n")[2], self.folder)
        return Shown(f"It ended with status {status}, and said:\n{said}")


BENCHES: list[Bench] = []


def start(part: str, old: str = "", new: str = "") -> Bench:
    """Start the plugin of a part, "part2", in a folder of its own; with a text of it replaced, to break it.

    Raises ValueError where the old text is not there just once, AssertionError where the plugin does not listen.
    """
    bench = Bench(part, old, new)
    BENCHES.append(bench)
    return bench.again()


@atexit.register
def close() -> Shown:
    """End every plugin that was started, and remove their folders."""
    while BENCHES:
        BENCHES.pop().end.close()
    return Shown("The plugins have ended, and their folders are gone.")


def conversation(name: str) -> Shown:
    """Show what a real Docker Engine and the plugin said: "20.10/run" is traces/20.10/run.jsonl. Raises CourseError."""
    first, calls = trace.read(course.conversation(name))
    rows = [
        side_by_side(call.method, call.path, call.request.text(), call.status, call.reason, call.answer.text())
        for call in sorted(calls, key=lambda call: (call.at, call.n))
    ]
    return Shown(f"$ {first['title']}\n({first['engine']}, recorded on {first['recorded']})", rows)


def exercise(solved: bool, pointer: str) -> Shown:
    """Say whether an exercise is solved, and where to look if it is not."""
    return Shown("Solved." if solved is True else f"Not yet. {pointer}")


def changed(file: Path, old: str, new: str, target: Path) -> Path:
    """Return a copy of a plugin in which one text is another. Raises ValueError."""
    text = file.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{file.parent.name}/plugin.py has this text {text.count(old)} times, not once: {old!r}")
    target.write_text(text.replace(old, new))
    return target


def shown(exchange: Exchange, place: Path) -> tuple[str, str]:
    """Return an exchange as a row: what was asked, what came."""
    method = exchange.request.partition(b" ")[0].decode()
    reason, body = exchange.reason or exchange.failure, masked(exchange.text, place)
    return side_by_side(method, f"/{exchange.endpoint}", exchange.sent, exchange.status, reason, body)


def side_by_side(
    method: str, path: str, sent: str | None, status: int, reason: str, body: str | None
) -> tuple[str, str]:
    asked = f"{method} {path}\n{(sent or '').strip() or '(empty body)'}"
    return masked(asked), masked(f"{status} {reason}\n{(body or '').strip()}" if status else f"({reason})")


def masked(text: str, place: Path | None = None) -> str:
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
        yield f"{indent}{'└── ' if last else '├── '}{masked(entry.name)}{about(entry)}"
        if entry.is_dir():
            yield from branches(entry, indent + ("    " if last else "│   "))


def about(entry: Path) -> str:
    """Return what is to be said of a file: how many Mounts a record has, or what is written in it."""
    if entry.is_dir():
        return ""
    text = entry.read_text()
    if entry.parent.name == "mounts":
        return f": {text.count(chr(10))} × mounted"
    return f": {textwrap.shorten(text, 24, placeholder=' …')}"


def beside(left: str, right: str) -> list[str]:
    """Return two texts as the lines of two columns."""
    columns = [folded(left), folded(right)]
    height = max(map(len, columns))
    one, two = (column + [""] * (height - len(column)) for column in columns)
    return [f"{a:{WIDTH}} │ {b}".rstrip() for a, b in zip(one, two, strict=True)]


def folded(text: str) -> list[str]:
    return [each for line in text.splitlines() for each in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]]


def pre(text: str) -> str:
    return PRE.format(html.escape(text, quote=False)) if text else ""
