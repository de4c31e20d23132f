"""A step is an edit: hunks of a file of work/, as they are in slides/, and the program that they add up to.

    !EDIT plugin.py
    ```diff
     def serve():
    -    app.run(host=f"unix://{SOCKET}")
    +    listener = listen(SOCKET)
    @@
     import os
    +import signal
    ```

The lines with a space or a minus are what a hunk looks for, exactly once; those with a space or a plus replace them.
`@@` stands between two hunks. An edit of plus lines alone makes a file that is not there yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


class CourseError(Exception):
    """The course itself is wrong. The text names the file and the line."""


@dataclass(frozen=True)
class Hunk:
    """A piece of an edit."""

    where: str
    """The slides file and the line that it begins at, for messages."""
    lines: tuple[str, ...]
    """As they are in slides/: the first character of each is a space, - or +."""

    @property
    def before(self) -> list[str]:
        """The lines to be found."""
        return [line[1:] for line in self.lines if line[0] != "+"]

    @property
    def after(self) -> list[str]:
        """The lines that replace them."""
        return [line[1:] for line in self.lines if line[0] != "-"]

    @property
    def changed(self) -> tuple[str, ...]:
        """The lines from the first that changes to the last that does."""
        numbers = [number for number, line in enumerate(self.lines) if line[0] != " "]
        return self.lines[numbers[0] : numbers[-1] + 1]

    @property
    def shown(self) -> tuple[str, ...]:
        """What a slide shows of it: the lines that change, below the line or the function's head above them."""
        first = next(number for number, line in enumerate(self.lines) if line[0] != " ")
        above = [number for number in range(first) if self.lines[number].strip()]
        above = [number for number in above if self.lines[number].startswith(" def ")] or above
        last = first + len(self.changed)
        while not self.lines[last - 1][1:].strip():
            last -= 1
        return self.lines[above[-1] if above else first : last]

    def find(self, text: Sequence[str], file: str) -> int:
        """Return the index of the line of a text at which the hunk begins. Raises CourseError unless it is just one."""
        size = len(self.before)
        found = [n for n in range(len(text) - size + 1) if list(text[n : n + size]) == self.before]
        if size and len(found) == 1:
            return found[0]
        missing = next((line for line in self.before if line not in text), None)
        if not size:
            said = "it names no line of the file, and the file is there already"
        elif found:
            said = f"its lines to find are there {len(found)} times: add a line of the context"
        elif missing is not None:
            said = f"there is no line {missing!r}"
        else:
            said = "its lines to find are not there in this order"
        raise CourseError(f"{self.where}: this edit does not fit {file} as the steps before leave it: {said}.")


@dataclass(frozen=True)
class Edit:
    """What a step changes in one file."""

    file: str
    hunks: tuple[Hunk, ...]

    @property
    def added(self) -> list[str]:
        """The new lines that are not blank."""
        return [line[1:] for hunk in self.hunks for line in hunk.lines if line[0] == "+" and line[1:].strip()]


@dataclass(frozen=True)
class Place:
    """Where a hunk is in a file: in which function, under which line; "" if there is none."""

    function: str
    line: str
    empty: int
    """How many empty lines are between that line and the hunk."""


@dataclass(frozen=True)
class Text:
    """A file as the steps so far have made it: its lines, and for each of them the step that wrote it."""

    lines: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


Files = dict[str, Text]
"""The files of work/, by name."""


def read(file: str, first: int, where: str, lines: Sequence[str]) -> Edit:
    """Return the edit that the lines of a fence say; first is the number of the first one. Raises CourseError."""
    hunks: list[Hunk] = []
    begin, piece = first, list[str]()
    for number, line in enumerate([*lines, "@@"], start=first):
        if line == "@@":
            hunks.append(Hunk(f"{where}:{begin}", tuple(piece)))
            begin, piece = number + 1, []
        elif line and line[0] not in " +-":
            raise CourseError(f"{where}:{number}: a line of an edit begins with a space, + or -, not with {line[0]!r}.")
        else:
            piece.append(line or " ")
    for hunk in hunks:
        if all(line[0] == " " for line in hunk.lines):
            raise CourseError(f"{hunk.where}: this piece of an edit changes nothing: add a line with + or -.")
    return Edit(file, tuple(hunks))


def apply(edit: Edit, files: Files, step: str) -> Files:
    """Return the files after an edit, whose new lines are of this step. Raises CourseError if it does not fit."""
    text = files.get(edit.file)
    for hunk in edit.hunks:
        text = _replace(hunk, edit.file, text, step)
    return files | {edit.file: text or Text()}


def _replace(hunk: Hunk, file: str, text: Text | None, step: str) -> Text:
    """Return a file after a hunk, None being a file that is not there. Raises CourseError if it does not fit."""
    lines, steps = (text.lines, text.steps) if text else ((), ())
    begin = hunk.find(lines, file) if text or hunk.before else 0
    end = begin + len(hunk.before)
    owners, kept = [], iter(steps[begin:end])
    for line in hunk.lines:
        owner = step if line[0] == "+" else next(kept)
        if line[0] != "-":
            owners.append(owner)
    return Text((*lines[:begin], *hunk.after, *lines[end:]), (*steps[:begin], *owners, *steps[end:]))


def owners(edit: Edit, files: Files) -> set[str]:
    """Return the steps that wrote the lines which an edit looks for, in the files as they are before it."""
    found, text = set[str](), files.get(edit.file)
    for hunk in edit.hunks:
        if text and hunk.before:
            begin = hunk.find(text.lines, edit.file)
            found |= {text.steps[begin + number] for number, line in enumerate(hunk.before) if line.strip()}
        text = _replace(hunk, edit.file, text, "")
    return found - {""}


def places(edit: Edit, files: Files) -> list[Place]:
    """Return where each hunk of an edit belongs, in the files as they are before it. Raises CourseError."""
    found, text = [], files.get(edit.file)
    for hunk in edit.hunks:
        lines = text.lines if text else ()
        begin = hunk.find(lines, edit.file) if text or hunk.before else 0
        unchanged = next(number for number, line in enumerate(hunk.lines) if line[0] != " ")
        found.append(_place_of(lines[: begin + unchanged]))
        text = _replace(hunk, edit.file, text, "")
    return found


def _place_of(above: Sequence[str]) -> Place:
    """Return where a hunk belongs that comes below these lines."""
    line = next((line for line in reversed(above) if line.strip()), "")
    empty = len(above) - next((n for n, each in reversed([*enumerate(above, 1)]) if each.strip()), 0)
    # the same line may be in two functions
    heads = [each for each in above if re.match(r"\S", each)] if line.startswith(" ") else []
    function = re.match(r"def (\w+)", heads[-1]) if heads else None
    return Place(function[1] if function else "", line, empty)


def as_text(edit: Edit, files: Files) -> str:
    """Return an edit as the terminal shows it: each hunk below the line that precedes it. Raises CourseError."""
    pieces = []
    for hunk, place in zip(edit.hunks, places(edit, files), strict=True):
        where = f"In work/{edit.file}" + (f", in {place.function}" if place.function else "")
        if edit.file not in files:
            head = f"Make the file work/{edit.file}:"
        elif not place.line:
            head = f"{where}, at the top:"
        else:
            below = {0: "", 1: "\n  and an empty line:\n"}.get(place.empty, f"\n  and {place.empty} empty lines:\n")
            head = f"{where}, under the line\n\n      {place.line}\n{below}"
        # in a new file every line is new
        shown = hunk.changed if edit.file in files else hunk.after
        lines = [f"    {line}".rstrip() for line in shown]
        pieces.append("\n".join([head, *([] if head.endswith("\n") else [""]), *lines]))
    return "\n\n".join(pieces)
