"""The learner's way: whoever follows nothing but the last hint of each step gets a plugin that passes the checks.

What a hint says in words (in which function its lines belong, and where there) is done here in code, in BY_HAND. All
that ends up in the plugin, its imports too, is read from the hints: one that is wrong or leaves something out fails.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from steps import STEPS, first_failure, steps_of_part

from workshop.course import course, learner

pytestmark = pytest.mark.slow

MAIN = "__name__ == '__main__'"


@pytest.mark.parametrize(("first", "last"), [(1, 3), (2, 2), (3, 3)])
def test_the_hints_lead_from_the_beginning_of_a_part_to_its_end(first: int, last: int, tmp_path: Path) -> None:
    draft = Draft(learner.beginning(first).decode())
    file = tmp_path / "plugin.py"
    for part in range(first, last + 1):
        for step, check in steps_of_part(str(part)).items():
            follow(step, draft)
            file.write_text(draft.text)
            assert not first_failure(file, {step: check}), f"{step} fails, with its hint followed:\n{draft.text}"
    steps = {step: check for step, check in STEPS.items() if int(step.partition(".")[0]) <= last}
    failed = first_failure(file, steps)
    assert not failed, f"{failed} fails, with all hints up to the end of part {last} followed:\n{draft.text}"
    wrong = wrong_names(file)
    assert not wrong, f"{wrong}with all hints up to the end of part {last} followed:\n{draft.text}"


def wrong_names(file: Path) -> str:
    """Return what Ruff says of names without an import and imports without a use; "" for nothing.

    The checks do not see that: a NameError is an error 500, and where they want an error, any will do.
    """
    options = ["--isolated", "--no-cache", "--quiet", "--output-format", "concise", "--select", "F"]
    done = subprocess.run([sys.executable, "-m", "ruff", "check", *options, str(file)], capture_output=True, text=True)
    return done.stdout + done.stderr


class Draft:
    """The learner's plugin, and what an editor does with it. A piece of code is named by the text it begins with."""

    def __init__(self, text: str) -> None:
        self.text = text

    def define(self, code: str) -> None:
        """Write functions, values and the end of the file: over those of the same name, or else where they belong."""
        for new in ast.parse(code).body:
            source = "\n".join(code.splitlines()[first_line(new) - 1 : new.end_lineno])
            old, next_one = self.found(name_of(new)), self.found("app" if isinstance(new, ast.Assign) else MAIN)
            if old:
                self.write(source, first_line(old), end_line(old))
            elif next_one:
                self.write(f"{source}\n\n", first_line(next_one))
            else:
                self.write(f"\n\n{source}", len(self.text.splitlines()) + 1)

    def replace(self, function: str, beginning: str, code: str) -> None:
        """Write code in place of a statement of a function."""
        old = self.statement(function, beginning)
        self.write(like(old, code), old.lineno, end_line(old))

    def insert_above(self, function: str, beginning: str, code: str) -> None:
        """Write code above a statement of a function."""
        below = self.statement(function, beginning)
        self.write(like(below, code), below.lineno)

    def insert_below(self, function: str, beginning: str, code: str) -> None:
        """Write code below a statement of a function."""
        above = self.statement(function, beginning)
        self.write(like(above, code), end_line(above) + 1)

    def replace_body(self, function: str, code: str) -> None:
        """Write code in place of all that stands in a function."""
        body = self.function(function).body
        self.write(like(body[0], code), body[0].lineno, end_line(body[-1]))

    def lock(self, function: str) -> None:
        """Put `with LOCK:` around all that stands between asked(…) and the return of a function."""
        begin = end_line(self.statement(function, "name")) + 1
        end = self.statement(function, "return").lineno - 1
        within = "\n".join(self.text.splitlines()[begin - 1 : end])
        self.write(f"    with LOCK:\n{textwrap.indent(within, '    ')}", begin, end)

    def add_import(self, line: str) -> None:
        """Import a module, or a name from one."""
        if line not in self.text.splitlines():
            self.write(line, self.import_of_flask().lineno)

    def add_import_from_flask(self, name: str) -> None:
        """Import one more name from flask."""
        line = self.import_of_flask()
        names = sorted({name, *(known.name for known in line.names)})
        self.write(f"from flask import {', '.join(names)}", line.lineno, end_line(line))

    def import_of_flask(self) -> ast.ImportFrom:
        """Return the statement that imports Flask."""
        body = ast.parse(self.text).body
        return next(each for each in body if isinstance(each, ast.ImportFrom) and each.module == "flask")

    def found(self, name: str) -> ast.stmt | None:
        """Return what has this name at the top level of the file; None where there is no such thing."""
        return next((each for each in ast.parse(self.text).body if name_of(each) == name), None)

    def function(self, name: str) -> ast.FunctionDef:
        """Return a function of the file."""
        found = self.found(name)
        assert isinstance(found, ast.FunctionDef), f"there is no function {name} in\n{self.text}"
        return found

    def statement(self, function: str, beginning: str) -> ast.stmt:
        """Return the one statement of a function that begins with this text."""
        inside = [each for each in ast.walk(self.function(function)) if isinstance(each, ast.stmt)]
        found = [each for each in inside if (ast.get_source_segment(self.text, each) or "").startswith(beginning)]
        assert len(found) == 1, f"{len(found)} statements begin with {beginning!r} in {function} of\n{self.text}"
        return found[0]

    def write(self, code: str, begin: int, end: int = 0) -> None:
        """Write code in place of the lines from begin to end; without an end, above the line begin."""
        lines = self.text.splitlines()
        lines[begin - 1 : end or begin - 1] = code.split("\n")
        self.text = "\n".join(lines) + "\n"


def name_of(statement: ast.stmt) -> str:
    """Return the name that a statement gives to something; for the end of the file MAIN, and "" for any other."""
    match statement:
        case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.If(test=test):
            return ast.unparse(test)
    return ""


def first_line(statement: ast.stmt) -> int:
    """Return the line that a statement begins at, with its decorators."""
    return course.first_line(statement) if isinstance(statement, ast.FunctionDef) else statement.lineno


def end_line(statement: ast.stmt) -> int:
    """Return the last line of a statement."""
    return statement.end_lineno or statement.lineno


def like(statement: ast.stmt, code: str) -> str:
    """Return code indented as a statement is."""
    return textwrap.indent(textwrap.dedent(code), " " * statement.col_offset)


def last_hint(step: str) -> str:
    """Return the hint of a step that has the code."""
    return course.step(step).hints[2]


def blocks(step: str) -> list[str]:
    """Return the blocks of code of a hint: lines that are indented, with the empty ones between them."""
    found = re.findall(r"(?:^    .*\n(?:^\n)*)+", last_hint(step) + "\n", re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).rstrip() for block in found]


def in_the_prose(step: str, pattern: str) -> str:
    """Return the code that a sentence of a hint names."""
    found = re.search(pattern, last_hint(step))
    assert found, f"the hint of {step} has no {pattern}"
    return found[1]


def follow(step: str, draft: Draft) -> None:
    """Do what the last hint of a step says."""
    prose = re.sub(r"^    .*$", "", last_hint(step), flags=re.MULTILINE)
    for line in re.findall(r"(?:from\s+[\w.]+\s+)?\bimport\s+\w+", prose):
        draft.add_import(" ".join(line.split()))
    for name in re.findall(r"(\w+)\s+(?:imported\s+)?from\s+flask\b", prose):
        draft.add_import_from_flask(name)
    BY_HAND.get(step, define_all)(draft, *blocks(step))


def define_all(draft: Draft, *codes: str) -> None:
    assert codes, f"the hint has no code for\n{draft.text}"
    for code in codes:
        draft.define(code)


def serve_several_at_once(draft: Draft, server: str) -> None:
    draft.replace("serve", "server = ", server)


def replace_a_stale_socket(draft: Draft, make_room: str) -> None:
    draft.define(make_room)
    draft.insert_above("listen", "listener = ", in_the_prose("1.6", r"Call  (.+?)  in listen"))


def leave_a_living_socket(draft: Draft, attempt: str) -> None:
    draft.replace("make_room", "try:", attempt)


def leave_a_file(draft: Draft, question: str) -> None:
    draft.insert_above("make_room", "with socket.socket(", question)


def answer_errors(draft: Draft, answer_and_refuse: str) -> None:
    draft.define(answer_and_refuse)
    draft.replace("activate", "return", in_the_prose("2.3", r"Activate too:  (return .+)"))


def refuse_to_get_the_unknown(draft: Draft, must_exist: str, call: str) -> None:
    draft.define(must_exist)
    draft.insert_below("get", "name = ", call)


def create_again(draft: Draft, make_mountpoint: str) -> None:
    draft.replace("create", "os.makedirs(mountpoint", make_mountpoint)


def share(draft: Draft, answer: str) -> None:
    draft.replace("mount", "return", answer)


def remove_when_unused(draft: Draft, notes: str, lines: str) -> None:
    draft.define(notes)
    in_create, in_mount, in_unmount, in_remove = lines.split("\n\n")
    draft.insert_above("create", "os.makedirs(mountpoint", in_create)
    draft.replace("mount", "name = ", in_mount)
    draft.insert_below("unmount", "name, mount_id = ", in_unmount)
    draft.insert_below("remove", "name = ", in_remove)


def count_each_mount(draft: Draft, make_note: str, remove_note: str) -> None:
    draft.replace("mount", "open(", make_note)
    draft.replace("unmount", "os.unlink(", remove_note)


def refuse_unknown_volumes(draft: Draft, call: str) -> None:
    for function in ("path", "mount", "unmount", "remove"):
        draft.insert_below(function, "name", call)


def ask_for_the_id(draft: Draft, question: str) -> None:
    for function in ("mount", "unmount"):
        draft.replace(function, "name, mount_id = ", question)


def want_a_body(draft: Draft, body: str, name: str) -> None:
    draft.define(body)
    draft.replace("asked", "name = ", name)


def take_turns(draft: Draft, lock: str, body_of_mount: str) -> None:
    draft.define(lock)
    draft.replace_body("mount", body_of_mount)
    for function in ("create", "unmount", "remove"):
        draft.lock(function)


def notes_before_data(draft: Draft, both: str, _diff_command: str) -> None:
    make_notes, make_mountpoint = both.splitlines()
    draft.replace("create", "os.makedirs(notes", make_notes)
    draft.replace("create", "os.makedirs(mountpoint", make_mountpoint)


BY_HAND: dict[str, Callable[..., None]] = {
    "1.4": serve_several_at_once,
    "1.6": replace_a_stale_socket,
    "1.7": leave_a_living_socket,
    "1.8": leave_a_file,
    "2.3": answer_errors,
    "3.3": refuse_to_get_the_unknown,
    "3.4": create_again,
    "3.9": share,
    "3.11": remove_when_unused,
    "3.12": count_each_mount,
    "3.13": refuse_unknown_volumes,
    "3.15": ask_for_the_id,
    "3.16": want_a_body,
    "3.18": take_turns,
    "3.20": notes_before_data,
}
"""The steps whose code belongs inside functions that are there; in all others the code has whole functions."""
