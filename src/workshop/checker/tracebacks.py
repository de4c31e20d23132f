"""The exception that a program has printed last, and where it was raised: Python, Node, Go, Ruby and Java."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

FOREIGN = re.compile(
    r"node_modules/|^node:|/site-packages/|/dist-packages/|/lib/python3|/gems/|/lib/ruby/"
    r"|/usr/(local/)?(lib|share)/go|/pkg/mod/|^<|/rubygems"
)
"""Files of a language and of its libraries: what is to be changed is not in them."""
HEADER = re.compile(r"(Exception Group )?Traceback \(most recent call last\):$")
FRAME = re.compile(r' +File "([^"]+)", line (\d+)')
BAR = re.compile(r"^ *[|+] ")
"""What stands before each line of a group of exceptions."""
EXCEPTION = re.compile(r"[A-Za-z_][\w.<>]*(:( .*)?)?$")
"""The line below the frames: any class may be an exception, whatever its name ends in."""
UNREADABLE = re.compile(r"(Syntax|Indentation|Tab)Error\b")


@dataclass(frozen=True)
class Traceback:
    """An exception: what it says ("TypeError: boom", without a full stop), and the frames of the plugin's own files."""

    error: str
    at: int
    """Where in the log it is."""
    frames: tuple[tuple[str, int], ...] = ()
    """File and line, the place where it was raised first."""


@lru_cache(maxsize=8)
def last(log: str) -> Traceback | None:
    """Return the exception that was printed last, None where there is none."""
    plain = re.sub(r"\033\[[0-9;]*m", "", log)
    found = [each for read in (_python, _node, _go, _ruby, _java) for each in read(plain)]
    return max(found, key=lambda each: each.at, default=None)


def _traceback(error: str, at: int, frames: list[tuple[str, str]]) -> Traceback:
    """Return an exception with those of its frames that are no library's."""
    own = [(file, int(line)) for file, line in frames if not FOREIGN.search(file)]
    return Traceback(error.strip().rstrip(".?!"), at, tuple(own))


def _python(log: str) -> Iterator[Traceback]:
    """Yield the exceptions of Python, which names the place where one was raised last, and then the exception."""
    frames: list[tuple[str, str]] = []
    at, begun = 0, ""
    for whole in log.splitlines(keepends=True):
        line = BAR.sub("", whole.rstrip()) if begun == "group" else whole.rstrip()
        if header := HEADER.search(line):
            begun, frames = "group" if header[1] else "one", []
        elif frame := FRAME.match(line):
            frames.append((frame[1], frame[2]))
        elif not line.startswith("  "):
            # a file that cannot be read as a program has no header
            if frames and (EXCEPTION if begun else UNREADABLE).match(line):
                yield _traceback(line.removeprefix("__main__."), at, frames[::-1])
            begun, frames = "", []
        at += len(whole)


def _node(log: str) -> Iterator[Traceback]:
    """Yield the exceptions of Node: the message, and a line "    at …" for each frame."""
    message = r"^(?:Uncaught )?([A-Za-z]\w*(?: \[\w+\])?(?:: [^\n]*)?)"
    for found in re.finditer(
        rf"{message}((?:\nRequire stack:|\n- [^\n]+)*)((?:\n {{4}}at [^\n]+)+)", log, re.MULTILINE
    ):
        frames = re.findall(r"at (?:[^\n(]*\()?(?:file://)?((?:node:|/)[^\s():]+):(\d+):\d+\)?", found[3])
        # where the file itself cannot be read, no frame names it, but the lines before the message do
        place = re.search(r"^(/[^\n:]+):(\d+)\n(?:[^\n]*\n){1,5}\Z", log[: found.start()], re.MULTILINE)
        own = [(place[1], place[2])] if place and found[1].startswith("SyntaxError") else []
        if frames:
            yield _traceback(re.sub(r" \[\w+\]", "", found[1]), found.start(), own + frames)
    # what is thrown may be any value: then the line is shown that throws it, and no frame
    thrown = r"^(/[^\n:]+):(\d+)\n[^\n]*\n *\^+\n([^\n]+)\n(?:\([^\n]*\)\n)?\nNode\.js v"
    for found in re.finditer(thrown, log, re.MULTILINE):
        yield _traceback(found[3], found.start(), [(found[1], found[2])])


def _go(log: str) -> Iterator[Traceback]:
    """Yield the panics of Go, those too that net/http has caught."""
    for found in re.finditer(r"(?:^|: )(panic: |panic serving [^:\n]*(?::\d+)?: )([^\n]+)", log, re.MULTILINE):
        frames = re.findall(r"^\t([^\s:]+\.go):(\d+)", log[found.end() :], re.MULTILINE)
        yield _traceback(f"panic: {found[2]}", found.start(), frames)
    # what Go cannot go on after is no panic
    for found in re.finditer(r"^(fatal error: [^\n]+)\n(?=[\s\S]*^goroutine \d+)", log, re.MULTILINE):
        frames = re.findall(r"^\t([^\s:]+\.go):(\d+)", log[found.end() :], re.MULTILINE)
        yield _traceback(found[1], found.start(), frames)


def _ruby(log: str) -> Iterator[Traceback]:
    """Yield the exceptions of Ruby: file, line, message and class, then a line "from …" for each frame."""
    first = r"^(?:\S*: )?([^\s:]+):(\d+):in [`'][^'\n]*': (.*) \((\w+(?:::\w+)*)\)"
    pattern = rf"{first}((?:\n\s+(?:\d+: )?from [^\n]+)*)"
    for found in re.finditer(pattern, log, re.MULTILINE):
        frames = [(found[1], found[2]), *re.findall(r"from ([^\s:]+):(\d+)", found[5])]
        yield _traceback(f"{found[4]}: {found[3]}", found.start(), frames)


def _java(log: str) -> Iterator[Traceback]:
    """Yield the exceptions of Java."""
    first = r'^(?:Exception in thread "[^"]*" )?((?:\w+\.)+\w*(?:Exception|Error)\b[^\n]*)'
    pattern = rf"{first}((?:\n\s+(?:at|\.\.\.) [^\n]+)+)"
    for found in re.finditer(pattern, log, re.MULTILINE):
        frames = re.findall(r"at (?!java\.|javax\.|jdk\.|sun\.|com\.sun\.)\S+\((\w+\.java):(\d+)\)", found[2])
        yield _traceback(found[1], found.start(), frames)
