"""The mutation run: each operator does what it says, and a mutant dies or has its reason."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from judge import SLOW, Verdict, judge, namespaces
from mutation import (
    FLOOR,
    PAGE,
    PARTS,
    Judged,
    complaints,
    find_row,
    run,
    sample,
    score,
    source_of,
    steps_of,
    survivors,
)
from operators import OPERATORS, Program, mutants_of
from survivors import ROWS, Row

SEED = "mango"
ALL = [(part, mutant) for part in PARTS for mutant in mutants_of(source_of(part))]


def changes(operator: str, source: str) -> list[str]:
    """Return what an operator makes of the lines of a program."""
    program = Program(source)
    return [program.mutate(operator, edit).after for edit in OPERATORS[operator](program)]


# the operators

NEGATED = [
    f"x = {x}" for x in ("(not a or b) and c", "(a or not b) and c", "(not (a or b)) and c", "(a or b) and not c")
]
NOTS = ["x = not a or b or not c", "x = a or not b or not c", "x = a or b or c"]
EXAMPLES = [
    ("delete a statement", "import os\ndef f(a):\n    a.go()\n    return a\n", ["pass"]),
    ("delete a statement", "def f(a):\n    for b in a:\n        if b:\n            break\n", ["pass", "pass"]),
    ("delete a statement", "def f(a):\n    if a:\n        return 1\n    return 2\n", ["pass"]),
    ("delete a statement", "if a:\n    b()\nelse:\n    c()\n", ["pass", "pass", "pass"]),
    (
        "delete a statement",
        "def f(a):\n    'Doc.'\n    1\n    if a:\n        return\n    return\n",
        ["pass", "pass", "pass"],
    ),
    ("delete a statement", "def f(a):\n    return a\n    b()\n", ["pass", "pass"]),
    ("change a condition", "if a:\n    b()\n", ["if True:", "if False:", "if not a:"]),
    ("change a condition", "while not a:\n    b()\n", ["while True:", "while False:", "while a:"]),
    ("change a condition", "x = 1 if a == b else 2\n", ["x = 1 if True else 2", "x = 1 if False else 2"]),
    (
        "change a condition",
        "[b for b in c if b]\n",
        ["[b for b in c if True]", "[b for b in c if False]", "[b for b in c if not b]"],
    ),
    (
        "change a condition",
        "all(a < b for a in c)\n",
        ["all(True for a in c)", "all(False for a in c)", "all(not a < b for a in c)"],
    ),
    ("change a condition", "x = a or not b\n", ["x = not b", "x = not a or not b", "x = a", "x = a or b"]),
    ("change a condition", "if -a:\n    b()\n", ["if True:", "if False:", "if not -a:"]),
    (
        "change a condition",
        "if a and b:\n    c()\n",
        ["if True:", "if False:", "if b:", "if a:", "if not a and b:", "if a and not b:"],
    ),
    ("change a condition", "x = a or b or not c\n", ["x = b or not c", "x = a or not c", "x = a or b", *NOTS]),
    (
        "change a condition",
        "any(a for a in b)\n",
        ["any(True for a in b)", "any(False for a in b)", "any(not a for a in b)"],
    ),
    ("change a condition", "x = a or 'b'\n", ["x = 'b'", "x = not a or 'b'", "x = a"]),
    ("change a condition", "x = a and b < c\n", ["x = b < c", "x = not a and b < c", "x = a", "x = a and not b < c"]),
    (
        "change a condition",
        "x = (a or b) and c\n",
        ["x = (b) and c", "x = (a) and c", "x = (a or b)", "x = c", *NEGATED],
    ),
    ("swap a comparison", "x = a == b < c\n", ["x = a != b < c", "x = a == b <= c"]),
    ("swap a comparison", "x = a not in (b)\ny = a is b\n", ["x = a in (b)", "y = a is not b"]),
    ("swap a comparison", "x = (a) >= b\ny = c > d\nz = e <= f\n", ["x = (a) > b", "y = c >= d", "z = e < f"]),
    ("swap a comparison", "x = a != b\ny = c in d\nz = e is not f\n", ["x = a == b", "y = c not in d", "z = e is f"]),
    ("drop a keyword argument", "f(\n    a,\n    b=1,\n    **c,\n)\n", ["f(a, **c)", "f(a, b=1)"]),
    ("drop a decorator", "@a\n@b.c(1)\ndef f():\n    g()\n", ["", ""]),
    ("return None", "def f():\n    return 1\n", ["return None"]),
    ("return None", "f = lambda: g()\ndef h():\n    yield 1\n", ["f = lambda: None", "yield None"]),
    ("change a number", "a(0o177)\nb = 1\n", ["a(0o200)", "a(0)", "b = 2", "b = 0"]),
    ("change a string", "@app.post('/a')\ndef f():\n    g()\n", ["@app.post('/ax')"]),
    ("change a string", "def f():\n    return {'b': ''}\n", ["return {'bx': ''}", "return {'b': 'x'}"]),
    ("remove a with", "with a:\n    b()\n", ["if True:"]),
    ("remove a with", "with a as b:\n    b()\n", ["if (b := a):"]),
    ("remove a with", "with a, b as c:\n    c()\n", ["with b as c:", "with a:"]),
    ("remove a with", "with a, b, c:\n    d()\n", ["with b, c:", "with a, c:", "with a, b:"]),
    ("remove a try", "try:\n    a()\nexcept B:\n    c()\nelse:\n    d()\n", ["if True: a()"]),
    ("remove a try", "try:\n    a()\nexcept B:\n    c()\nexcept D:\n    e()\n", ["if True: a()", "", ""]),
    ("remove a try", "try:\n    a()\n    b()\nexcept C:\n    d()\nfinally:\n    e()\n", ["if True: a() b()", "d()"]),
    ("remove a try", "try:\n    a()\nfinally:\n    b()\n", ["if True: a()"]),
]


@pytest.mark.parametrize(("operator", "source", "wanted"), EXAMPLES)
def test_an_operator_changes_this_and_nothing_else(operator: str, source: str, wanted: list[str]) -> None:
    assert sorted(changes(operator, source)) == sorted(wanted)


def test_each_operator_has_an_example() -> None:
    assert {operator for operator, _, _ in EXAMPLES} == OPERATORS.keys()


WORDS = '''"""A docstring."""
def f(path):
    """Another."""
    print("hello", end="")
    logger.error("bad")
    sys.exit(f"{path} is in the way" + "now")
    abort(400, "Mango")
    return "two words", f"{path}/data"
'''


def test_what_people_read_is_left_alone() -> None:
    assert changes("change a string", WORDS) == []
    assert not any("print" in mutant.before or "logger" in mutant.before for mutant in mutants_of(WORDS))


TWICE = ["x = not a or a", "x = a or not a"]


def test_what_does_not_compile_and_what_is_there_already_are_left_out() -> None:
    assert [mutant.after for mutant in mutants_of('f("""a""")\n')] == ["pass"]
    assert [mutant.after for mutant in mutants_of("x = a or a\n")] == ["pass", "x = a", *TWICE]
    assert [mutant.after for mutant in mutants_of("if 1:\n    pass\n")] == ["if True:", "if False:", "if 2:", "if 0:"]
    assert [mutant.after for mutant in mutants_of("a = 0\n")] == ["pass", "a = 1"]


def test_a_mutant_says_where_it_is() -> None:
    source = "class A:\n    @b\n    def c(self):\n        # …\n        d(1,\n          2)\n"
    mutants = {mutant.operator: mutant for mutant in mutants_of(source)}
    deleted, bare = mutants["delete a statement"], mutants["drop a decorator"]
    assert (deleted.function, deleted.line, deleted.lines) == ("A.c", 5, 2)
    assert (deleted.before, deleted.after) == ("d(1, 2)", "pass")
    assert (bare.function, bare.line, bare.lines, bare.before, bare.after) == ("A.c", 2, 1, "@b", "")
    assert bare.key == ("A.c", "@b", "")


def test_a_mutant_is_of_the_function_that_it_is_in() -> None:
    source = "a = 1\ndef f():\n    b = 2\n\ndef g():\n    c = 3\nd = 4\n"
    assert [mutant.function for mutant in mutants_of(source) if mutant.after == "pass"] == ["", "f", "g", ""]


# the list of survivors, and what is drawn


def test_each_row_names_a_mutant_of_its_parts_and_says_why() -> None:
    rows = Counter(find_row(part, mutant) for part, mutant in ALL)
    assert {row: rows[row] for row in ROWS if rows[row] != len(row.parts)} == {}, "these name code that is gone"
    assert [row for row in ROWS if not row.reason.endswith(".")] == []


def test_the_page_is_of_these_mutants_and_above_the_floor() -> None:
    text = PAGE.read_text()
    rows = re.findall(r"^\| (part\d|\*\*all\*\*) \| (\d+) \|.* ([\d.]+) % \|$", text, re.MULTILINE)
    count = Counter(part for part, _ in ALL)
    wanted = {**count, "**all**": len(ALL)}
    found = {name: int(mutants) for name, mutants, _ in rows[: len(wanted)]}
    assert found == wanted and text.endswith(survivors()), "type   .venv/bin/python tests/mutation.py"
    assert float(rows[len(PARTS)][2]) >= FLOOR


def test_no_two_mutants_of_a_part_read_the_same() -> None:
    assert [key for key, count in Counter((part, mutant.key) for part, mutant in ALL).items() if count > 1] == []


def test_a_tenth_is_always_the_same_and_has_all_parts() -> None:
    drawn = sample(ALL, 10, SEED)
    assert drawn == sample(ALL, 10, SEED) != sample(ALL, 10, "pear")
    assert len(ALL) / 15 < len(drawn) < len(ALL) / 7
    assert {part for part, _ in drawn} == {*PARTS}


def test_the_step_of_a_line_is_the_one_that_brings_it() -> None:
    by_change = {mutant.after: steps_of(part, mutant) for part, mutant in ALL if part == "part3"}
    assert by_change['server = make_server(f"unix://{SOCKET}", 0, app, fd=listener.fileno())'] == ["1.3", "1.4"]
    assert by_change['@app.post("/VolumeDriver.Createx")'] == ["3.1"]


def judged(step: str, row: Row | None = None) -> Judged:
    """Return a mutant that a step kills, or none."""
    (mutant, *_) = mutants_of("a = 1\n")
    return Judged("part1", mutant, Verdict(step))


def test_what_has_no_reason_and_what_needs_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaints([judged("1.1")]) == []
    (alone,) = complaints([judged("1.1"), judged("")])
    assert alone.startswith("It survives, and tests/survivors.py has no row for it. part1:1 (outside): ")
    row = Row("1", "", "a = 1", "pass", "Nobody sees it.", equivalent=True)
    monkeypatch.setattr("mutation.ROWS", [row])
    assert complaints([judged("")]) == []
    assert score([judged("")]) == 0
    (unneeded,) = complaints([judged("1.2")])
    assert unneeded.startswith("Step 1.2 kills it: remove its row from tests/survivors.py. ")


# mutants at work

needs_namespaces = pytest.mark.skipif(
    subprocess.run([*namespaces(), "true"], capture_output=True).returncode != 0,
    reason="judges mutants in namespaces of their own, which only root may make here: sudo ./workshop test",
)
HARM = """\
    import shutil, subprocess
    shutil.rmtree({folder!r}, ignore_errors=True)
    subprocess.Popen(["sleep", {number!r}], env={{}}, start_new_session=True)
    open("/dev/shm/{number}", "w").close()
    make_room(path)
"""


@needs_namespaces
def test_a_mutant_does_no_harm_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("alive")
    number = f"9{random.randrange(10**8):08}"
    source, start = source_of("part1"), "    make_room(path)\n"
    assert source.count(start) == 1
    harmful = source.replace(start, HARM.format(folder=str(tmp_path), number=number))
    # it runs, but does not greet: the steps are done soon
    assert judge("part1", harmful.replace("def greet():\n    return", "def greet():\n    raise")) == Verdict("1.2")
    assert (tmp_path / "canary").read_text() == "alive"
    assert not Path("/dev/shm", number).exists()
    assert [pid for pid in filter(str.isdecimal, os.listdir("/proc")) if number in command_line(pid)] == []


def command_line(pid: str) -> str:
    """Return the command line of a process, "" for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@needs_namespaces
def test_a_mutant_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.LIMIT", 0.5)  # the steps of a part take longer
    assert judge("part1", source_of("part1")) == Verdict(SLOW)


@pytest.mark.slow
@needs_namespaces
@pytest.mark.parametrize("one_in", [10, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_mutant_dies_or_has_its_reason(one_in: int) -> None:
    assert complaints(list(run(sample(ALL, one_in, SEED)))) == []
