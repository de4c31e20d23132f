"""What the practice daemon prints: docker's own words, the exchanges, and what to do next."""

from __future__ import annotations

import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.daemon.calls import Clock
from workshop.daemon.daemon import Daemon, DockerError, NoSuchVolume, Unnamed
from workshop.daemon.drivers import WRONG_KIND
from workshop.protocol.exchange import Exchange, Shape
from workshop.terminal import in_colour

AGAIN = "No answer yet. As Docker does, the practice daemon tries again for 15 s …"


@dataclass
class Practice:
    """What the verbs share."""

    daemon: Daemon
    machine: Any
    folder: Path
    host: bool = False
    trace: bool = False

    def options(self) -> list[str]:
        """Return the options that make another practice daemon like this one."""
        flags = [name for name, given in (("--host", self.host), ("--trace", self.trace)) if given]
        return [*flags, "--engine", self.daemon.shape]

    def to_start(self, name: str) -> str:
        """Return how to start a plugin, by its driver name, where this daemon looks for it."""
        if self.host:
            return "The plugin does not listen where Docker looks. Start it:\n    sudo .venv/bin/python work/plugin.py"
        socket, root = self.folder / "plugins" / f"{name}.sock", self.folder / name
        told = f"DDD_SOCKET={shlex.quote(str(socket))} DDD_ROOT={shlex.quote(str(root))}"
        return (
            f"No plugin listens where the practice daemon looks for {name}.\n"
            f"Start yours there, in another terminal:\n    {told} .venv/bin/python work/plugin.py"
        )


class Failed(Exception):
    """Everything is printed; this is the exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def attempt(practice: Practice, action: Callable[[], Any], prefix: str = "") -> Any:
    """Return what a verb of the daemon returns. Raises Failed after docker's words for an error are printed."""
    try:
        return action()
    except DockerError as error:
        say(practice, error, prefix)
        raise Failed(125 if prefix else 1) from None


def say(practice: Practice, error: DockerError, prefix: str = "") -> None:
    """Print an error as docker does, and what to do about it."""
    line, old = _error_line(error, practice.daemon.shape), practice.daemon.shape == "20.10"
    line = line.removesuffix(".") if prefix and old else line
    more = ".\nSee 'docker run --help'." if old else "\n\nRun 'docker run --help' for more information"
    print(f"{prefix}{line}{more if prefix else ''}", file=sys.stderr)
    advice = _hint(error, practice)
    if advice:
        print(f"\n{advice}", file=sys.stderr)


class Missing(DockerError):
    """What is not there, to a docker that speaks for itself then: docker 20.10 does not name the daemon."""


class Unsaid(Exception):
    """An action did nothing, which is not a failure: its name is not printed."""


def each(practice: Practice, names: Iterable[str], action: Callable[[str], Any], end: bool = True) -> list[str]:
    """Do the same for several names, and print each that worked. Return those that did not; with end raise Failed."""
    failed = []
    for name in names:
        try:
            action(name)
            print(name)
        except DockerError as error:
            say(practice, error)
            failed.append(name)
        except Unsaid:
            pass
    if failed and end:
        raise Failed(1)
    return failed


def table(rows: list[list[str]]) -> None:
    """Print rows as docker does: three spaces between columns, and all but the last at least 10 wide."""
    widths = [max(10, *(len(row[column]) + 3 for row in rows)) for column in range(len(rows[0]))]
    for row in rows:
        print("".join(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)) + row[-1])


class PatientClock(Clock):
    """Real time. The first time that it waits, it says why."""

    said = False

    def sleep(self, seconds: float) -> None:
        """Wait."""
        if not self.said:
            note(AGAIN)
        self.said = True
        super().sleep(seconds)


def note(text: str) -> None:
    """Say something on stderr that docker would not say, in 80 columns."""
    print("\n".join(textwrap.fill(line, 79, break_long_words=False) for line in text.splitlines()), file=sys.stderr)


def show(exchange: Exchange) -> None:
    """Print an exchange on stderr, each line with its speaker."""
    _lines("docker", f"POST /{exchange.endpoint}  {exchange.sent or '(empty body)'}")
    answer = f"{exchange.status}  {exchange.text.strip()}" if exchange.status else exchange.failure
    _lines("plugin" if exchange.status == 200 else "error", exchange.way + answer)


def _lines(colour: str, text: str) -> None:
    """Print a speaker's words in 80 columns; in colour on a terminal, unless NO_COLOR is set."""
    speaker = "[docker]" if colour == "docker" else "[plugin]"
    wrapped = textwrap.wrap(text, 66, subsequent_indent="  ", break_on_hyphens=False) or [""]
    for number, line in enumerate(wrapped):
        row = f"  {speaker if number == 0 else '':8}  {line}"
        print(in_colour(colour, row, sys.stderr), file=sys.stderr, flush=True)


def _error_line(error: DockerError, shape: Shape) -> str:
    """Return what docker of this release prints of an error; 20.10 has other words for what is not there."""
    if isinstance(error, Unnamed):
        return "Error: No such volume: " if shape == "20.10" and error.what == "volume" else str(error)
    if shape == "20.10" and isinstance(error, NoSuchVolume):
        return f"Error: No such volume: {error.name}"
    if shape == "20.10" and isinstance(error, Missing):
        return f"Error: {error}"
    return f"Error response from daemon: {error}"


def _hint(error: DockerError, practice: Practice) -> str:
    """Return what to do about an error, as far as it is about the way to a plugin; it ends in the command to type."""
    text = str(error)
    if WRONG_KIND in text:
        return (
            "Docker keeps what a plugin says first until it is restarted. The practice\n"
            "daemon, too: fix the plugin, start it again, then type\n"
            "    ./workshop docker --restart"
        )
    missing = re.search(r'plugin "(.+)" not found|dial unix (\S+): connect: (?:no such file|connection refused)', text)
    return practice.to_start(missing[1] or Path(missing[2]).stem) if missing else ""
