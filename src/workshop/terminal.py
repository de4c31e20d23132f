"""Text for a terminal: colours, lines of 80 columns, what cannot be printed, paths as somebody would type them."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import TextIO

WIDTH = 80
COLOURS = {"head": "1", "you": "33", "docker": "36", "plugin": "32", "error": "31"}
COLOURS |= {"ok": "32", "FAIL": "31", "skip": "33", "warn": "33", "note": "36", "known": "33"}
COLOURS |= {"+": "32", "-": "31", "@": "36"}  # the lines of a diff


def print_nowhere() -> None:
    """Lead stdout to /dev/null: nobody reads it, and what is in its buffer would make Python exit with status 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):  # a stdout that a test has put in its place has no descriptor
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def in_colour(colour: str, text: str, stream: TextIO | None = None) -> str:
    """Return text in colour for a stream (stdout) that is a terminal, as it is elsewhere or with NO_COLOR."""
    plain = not (stream or sys.stdout).isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\033[{COLOURS[colour]}m{text}\033[0m"


def last_lines(log: str, file: Path | None) -> list[str]:
    """Return the last lines of what the plugin printed, without colours and carets, and with short names of files."""
    plain = re.sub(r"\033\[[0-9;]*m", "", log).replace(str(file), short_path(file) if file else "None")
    # the place of a package says nothing, and would push the code of the line out of sight
    plain = re.sub(r'File "/[^"]*/([^/"]+/[^/"]+)"', r'File "…/\1"', plain)
    kept = [line for line in plain.strip().splitlines() if line.strip(" ~^")]
    return [f"    {part}" for line in kept[-6:] for part in _in_width(printable(line), WIDTH - 8)]


def _in_width(line: str, width: int) -> list[str]:
    """Return a line of a log in lines of this width: what is wrong is at its end. Code and places in code are cut."""
    if line[:1].isspace():
        return [shorten(line, width)]
    return textwrap.wrap(shorten(line, 3 * width), width, break_on_hyphens=False)


def printable(text: str) -> str:
    """Return text with its control characters made visible, and IDs as short as docker shows them."""
    visible = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return re.sub(r'"([0-9a-f]{12})[0-9a-f]{52}"', r'"\1…"', visible)


def shorten(text: str, length: int) -> str:
    """Return text, at most so long."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def wrap(head: str, text: str) -> list[str]:
    """Return text in lines of 80 columns behind a head of 12."""
    lines = textwrap.wrap(" ".join(text.split(" ")), WIDTH - 12, break_on_hyphens=False) or [""]
    return [f"{head}{lines[0]}", *(f"{'':12}{line}" for line in lines[1:])]


def short_path(path: Path) -> str:
    """Return a path as somebody would type it here."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
