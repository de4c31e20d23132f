"""Usual causes: a report speaks the plugin's language, and explains what a library says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.checker.diagnose import diagnose
from workshop.checker.evidence import Evidence
from workshop.checker.facts.usual import GO_BUILT, USUAL, language
from workshop.checker.facts.words import WORDS
from workshop.plugins.kernel import waits_for_lock
from workshop.protocol.exchange import Exchange

SAID = {
    "directory not empty": "OSError: [Errno 39] Directory not empty: 'data'",
    "is a directory": "EISDIR: illegal operation on a directory, read",
    "not a directory": "mkdir /dev/null/mango: not a directory",
    "no such file": "unlink: no such file or directory",
    "file exists": "FileExistsError: [Errno 17] File exists: 'mango'",
    "permission denied": "open /srv/mango: permission denied",
    "too many open files": "EMFILE: too many open files, open 'x'",
    "locked": "database is locked",
    "no such table": "no such table: volume",
    "UNIQUE": "UNIQUE constraint failed: volumes.name",
    "objects created in a thread": "SQLite objects created in a thread can only be used in that same thread",
    "bindings": "Error binding parameter 1: type 'PosixPath' is not supported",
    "JSON input": "unexpected end of JSON input",
    "serializable": "TypeError: Object of type set is not JSON serializable",
    "bytes": "TypeError: a bytes-like object is required, not 'str'",
    "indices": "string indices must be integers, not 'str'",
    "unmarshal": "json: cannot unmarshal object into Go struct field Request.Opts of type []string",
    "None": "AttributeError: 'NoneType' object has no attribute 'get'",
    "undefined": "Cannot read properties of undefined (reading 'Name')",
    "not a function": "TypeError: volume.save is not a function",
    "not defined": "ReferenceError: name is not defined",
    "nil map": "panic: assignment to entry in nil map",
    "nil pointer": "panic: runtime error: invalid memory address or nil pointer dereference",
    "asleep": "fatal error: all goroutines are asleep - deadlock!",
    "concurrent map": "fatal error: concurrent map writes",
    "unexpected token": "Unexpected token 'b', \"body\" is not valid JSON",
    "a variable": "KeyError: 'DDD_SOCK'",
    "a key": "KeyError: 'made'",
    "its own name": "ImportError: cannot import name 'Flask' from partially initialized module 'flask'",
    "itself": "RecursionError: maximum recursion depth exceeded",
    "changed size": "RuntimeError: dictionary changed size during iteration",
    "list.remove": "ValueError: list.remove(x): x not in list",
    "for /": "TypeError: unsupported operand type(s) for /: 'str' and 'str'",
    "concatenate": 'TypeError: can only concatenate str (not "int") to str',
    "positional": "TypeError: create() takes 0 positional arguments but 1 was given",
    "view function": "TypeError: The view function for 'create' did not return a valid response.",
    "context": "RuntimeError: Working outside of request context.",
    "dump": "TypeError: dump() missing 1 required positional argument: 'fp'",
    "closed": "ValueError: I/O operation on closed file.",
    "an attribute": "AttributeError: 'str' object has no attribute 'mkdir'",
    "a key in Err": "ddd cannot do this: 'made'",
}
"""What languages and libraries say, a text for each row of WORDS, in its order."""


@pytest.mark.parametrize(("pattern", "text"), [*zip(WORDS, SAID.values(), strict=True)], ids=SAID)
def test_the_words_of_a_library_are_explained_by_their_own_row(pattern: str, text: str) -> None:
    assert next(row for row in WORDS if re.search(row, text, re.IGNORECASE)) == pattern
    refused = Exchange("VolumeDriver.Remove", b"", 400, body=b'{"Err": "%b"}' % text.replace('"', "").encode())
    known = Evidence("3.9", 'wanted 200 with {"Err": ""} for', [refused])
    assert WORDS[pattern] in diagnose(known).why


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([sys.executable, "app.py"], "Python"),
        (["/usr/bin/python3", "app.py"], "Python"),
        (["node", "app.js"], "Node"),
        (["go", "run", "main.go"], "Go"),
        (["sh", "plugin.sh"], "shell"),
        (["/nowhere/plugin"], ""),
        ([], ""),
    ],
)
def test_the_command_says_which_language_it_is(command: list[str], expected: str) -> None:
    assert language(Evidence("", "", command=command)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"#!/usr/bin/env node\n", "Node"),
        (b"#!/bin/sh\n", "shell"),
        (b"#!/usr/bin/python3 -u\n", "Python"),
        (b"\x7fELF" + bytes(99) + GO_BUILT, "Go"),
        (b"\x7fELF", ""),
    ],
)
def test_a_program_says_which_language_it_is(content: bytes, expected: str, tmp_path: Path) -> None:
    program = tmp_path / "plugin"
    program.write_bytes(content)
    assert language(Evidence("", "", command=[str(program)])) == expected


@pytest.mark.parametrize("words", [["Python"], ["node", "app.js"], ["sh", "app.sh"], []])
def test_advice_about_signals_is_in_the_language_of_the_plugin(words: list[str]) -> None:
    why = diagnose(Evidence("1.5", "wanted exit status 0 after SIGTERM, not -15", command=words)).why
    advised = {"node": "process.on(", "sh": "trap '"}.get(words[0] if words else "", "signal.signal")
    assert advised in why


@pytest.mark.parametrize("kind", USUAL)
def test_usual_causes_fit_into_a_sentence(kind: str) -> None:
    for text in USUAL[kind].values():
        assert not text.endswith(".") and len(text) < 240


def test_a_thread_that_waits_for_a_lock_is_seen() -> None:
    waiting = "import threading; lock = threading.Lock(); lock.acquire(); print(flush=True); lock.acquire()"
    sleeping = "import signal; print(flush=True); signal.pause()"
    for program, expected in ((waiting, True), (sleeping, False)):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                assert process.stdout and process.stdout.readline()
                # it prints a line, and then waits
                assert any(waits_for_lock(process.pid) for _ in range(10_000 if expected else 1)) == expected
            finally:
                process.kill()


def test_a_lock_is_named_only_where_a_thread_waits_for_one() -> None:
    hanging = Exchange("VolumeDriver.Get", b"", failure="no answer in time")
    wanted = 'wanted 200 with {"Volume": {…}} for'
    named = {
        locked: "RLock" in diagnose(Evidence("3.2", wanted, [hanging], locked=locked, command=["python3"])).why
        for locked in (True, False)
    }
    assert named == {True: True, False: False}
