"""The course builds the plugin: every step is an edit that fits, is needed, and is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from files import FILES, WrongFiles
from mutants import MUTANTS, Mutant
from steps import FOR_ROOT, STEPS, first_failure

from workshop.checker import steps
from workshop.checker.causes.table import CAUSES
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.target import Target
from workshop.course import course, edits
from workshop.course.course import CourseError, Step
from workshop.plugins.process import command_for
from workshop.plugins.under_test import Check

ROOT = Path(__file__).parent.parent
WRONG: list[Mutant | WrongFiles] = [*MUTANTS, *FILES]
ALL = [step for part in course.parts() for step in part.steps]
LONGEST = {1: 65, 2: 90, 3: 230}
"""How many lines the plugin of each part may have."""

of_each_step = pytest.mark.parametrize("step", ALL, ids=lambda step: step.id)


def up_to(step: Step) -> dict[str, Check]:
    """Return the checks of the steps up to this one, in their order."""
    ids = [each.id for each in ALL]
    return {each: STEPS[each] for each in ids[: ids.index(step.id) + 1]}


# The parts are the sum of the steps


@pytest.mark.parametrize("part", course.parts(), ids=lambda part: f"part{part.number}")
class TestPart:
    def test_it_is_what_its_steps_add_up_to(self, part: course.Part) -> None:
        for name, text in part.changed.items():
            there = (ROOT / f"part{part.number}" / name).read_text()
            assert there == str(text), f"part{part.number}/{name} is not the sum of its steps:   ./workshop build"

    def test_it_is_short(self, part: course.Part) -> None:
        lines = part.after["plugin.py"].lines
        assert len(lines) <= LONGEST[part.number]
        assert [line for line in lines if len(line) > 88] == []

    def test_it_is_as_ruff_writes_it(self, part: course.Part) -> None:
        command = ["format", "--isolated", "--line-length", "72", "--check", f"part{part.number}/plugin.py"]
        assert ruff(command) == ""

    def test_each_line_is_of_a_step_or_was_given(self, part: course.Part) -> None:
        ids = {"", *(step.id for step in ALL if int(step.id[0]) <= part.number)}
        for text in part.after.values():
            assert len(text.steps) == len(text.lines) and set(text.steps) <= ids


# A step is an edit that fits on a slide


@of_each_step
class TestStep:
    def test_it_changes_something(self, step: Step) -> None:
        assert step.edits and step.before != step.after

    def test_its_edit_fits_on_a_slide(self, step: Step) -> None:
        added = [line for edit in step.edits for line in edit.added]
        assert 0 < len(added) <= 15
        assert [line for line in added if len(line) > 72] == []

    def test_it_has_two_hints_in_words_and_the_edit_as_the_third(self, step: Step) -> None:
        question, fact, edit = step.hints
        assert "?" in question
        assert "\n    " not in f"\n{question}\n{fact}", "code belongs to the edit"
        assert all(line in edit for each in step.edits for line in each.added)
        assert [line for hint in step.hints for line in hint.splitlines() if len(line) > 78] == []

    def test_it_has_minutes_two_wrong_plugins_and_a_cause(self, step: Step) -> None:
        wrong = [each for each in WRONG if each.step == step.id]
        assert step.minutes > 0
        assert len(wrong) >= 2
        assert {mutant.diagnosis or mutant.name for mutant in wrong} <= {cause.key for cause in CAUSES}

    def test_no_name_is_missing_and_no_import_unused_after_it(self, step: Step, tmp_path: Path) -> None:
        file = plugin_of(step.after, tmp_path)
        assert ruff(["check", "--isolated", "--no-cache", "--quiet", "--select", "F", str(file)]) == ""


def ruff(arguments: list[str]) -> str:
    """Return what Ruff prints; "" where it finds nothing wrong."""
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


# A step is needed, and enough


@pytest.mark.slow
@of_each_step
def test_the_plugin_fails_the_step_before_the_edit_and_passes_after_it(step: Step, tmp_path: Path) -> None:
    if step.id == "3.15" and os.geteuid():
        pytest.skip("mounts something: sudo ./workshop test")
    result = report_of(plugin_of(step.before, tmp_path), step)
    assert result.outcome == "FAIL", "the step asks for nothing"
    assert result.diagnosis and result.diagnosis.key, "a learner who begins this step is not told why it fails"
    after = plugin_of(step.after, tmp_path)
    failed = first_failure(after, up_to(step), may_skip=FOR_ROOT)
    # a second time, because it may have failed only for the load of this machine
    assert not failed or first_failure(after, up_to(step), may_skip=FOR_ROOT) == ""


def plugin_of(files: edits.Files, folder: Path) -> Path:
    """Write the files of work/ into a folder, and return the plugin."""
    for name, text in files.items():
        (folder / name).write_text(str(text))
    return folder / "plugin.py"


def report_of(file: Path, step: Step) -> Result:
    """Return what the check of a step says of a plugin."""
    target = Target(command_for(str(file), None), file=file, beside=file.parent, patience=5)
    (result,) = Run(target, [steps.case_of(step.id, STEPS[step.id])]).execute().results
    return result


@pytest.mark.slow
@pytest.mark.parametrize("part", ["2", "3"])
def test_a_part_gets_no_advice(part: str) -> None:
    command = [sys.executable, "-m", "workshop", "check", part, "--plugin", f"part{part}/plugin.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "advice" not in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_without_the_lock_mount_and_remove_go_wrong_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # one round in seven goes wrong: with the usual rounds one check in a hundred sees none
    monkeypatch.setitem(vars(sys.modules[STEPS["3.16"].__module__]), "ROUNDS", 90)
    step = course.step("3.16")
    file = plugin_of(step.before, tmp_path)
    assert [first_failure(file, {step.id: STEPS[step.id]}) for _ in range(20)] == [step.id] * 20


# The edits themselves

HELLO = edits.Text(("one", "", "two", "", "one"), ("1.1", "1.1", "1.2", "1.2", "1.3"))


def hunk(text: str) -> edits.Edit:
    return edits.read("plugin.py", 7, "fruit.md", text.splitlines())


def patched(text: str) -> edits.Text:
    return edits.apply(hunk(text), {"plugin.py": HELLO}, "2.1")["plugin.py"]


def test_an_edit_replaces_what_it_finds_and_says_whose_each_line_is() -> None:
    after = patched(" one\n\n-two\n+three\n+four\n@@\n four\n+five")
    assert after.lines == ("one", "", "three", "four", "five", "", "one")
    assert after.steps == ("1.1", "1.1", "2.1", "2.1", "2.1", "1.2", "1.3")
    assert str(after) == "one\n\nthree\nfour\nfive\n\none\n"


def test_an_edit_of_plus_lines_alone_makes_a_file() -> None:
    after = edits.apply(edits.read("ddd.spec", 1, "x", ["+tcp://127.0.0.1:8787"]), {"plugin.py": HELLO}, "2.3")
    assert str(after["ddd.spec"]) == "tcp://127.0.0.1:8787\n" and after["plugin.py"] is HELLO


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (" two\n+x\n@@\n one\n+x", 10, "its lines to find are there 2 times: add a line of the context"),
        (" three\n+x", 7, "there is no line 'three'"),
        (" two\n one\n+x", 7, "its lines to find are not there in this order"),
        ("+x", 7, "it names no line of the file, and the file is there already"),
        (" one", 7, "this piece of an edit changes nothing"),
        (" one\n\ttwo", 8, "a line of an edit begins with a space, + or -, not with '\\t'"),
    ],
)
def test_an_edit_that_does_not_fit_is_named_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(CourseError) as error:
        patched(text)
    assert str(error.value).startswith(f"fruit.md:{line}: ") and said in str(error.value)


PLUGIN = edits.Text(("import os", "", "def get():", "    name = 1", "", "app = 2"), ("",) * 6)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("     name = 1\n+    more = 2", ("get", "    name = 1", 0)),
        (" def get():\n+    first = 0", ("", "def get():", 0)),
        (" \n+import sys\n app = 2", ("get", "    name = 1", 1)),
        ("+import abc\n import os", ("", "", 0)),
    ],
)
def test_a_hunk_has_a_line_under_which_it_stands(text: str, place: tuple[str, str, int]) -> None:
    (found,) = edits.places(hunk(text), {"plugin.py": PLUGIN})
    assert (found.function, found.line, found.empty) == place


@of_each_step
def test_the_line_under_which_a_hunk_stands_is_there_once(step: Step) -> None:
    for edit in step.edits:
        if edit.file not in step.before:
            continue
        lines, places = step.before[edit.file].lines, edits.places(edit, step.before)
        for place in (place for place in places if place.line):
            inside, found = "", 0
            for line in lines:
                inside = line if line[:1] not in ("", " ") else inside
                found += line == place.line and (not place.function or inside.startswith(f"def {place.function}("))
            assert found == 1, f"{step.id}: {place.line!r} is there {found} times"


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of slides/ to spoil."""
    for path in course.files():
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(course, "folder", lambda: tmp_path)
    course.parts.cache_clear()
    yield tmp_path
    course.parts.cache_clear()


def test_build_names_the_first_edit_that_no_longer_fits(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part2 = slides / "part2.md"
    part2.write_text(part2.read_text().replace("+def activate():", "+def say_what_it_is():"))
    before = course.version()
    for number in (1, 2, 3):
        (tmp_path / f"part{number}").mkdir()
    assert course.build(tmp_path) == 0
    said = capsys.readouterr().out
    wrote = [f"Wrote part{part.number}/{name}." for part in course.parts() for name in part.changed]
    assert said.splitlines()[:-1] == wrote and "Wrote part2/ddd-tcp.spec." in wrote
    assert "def say_what_it_is" in (tmp_path / "part3" / "plugin.py").read_text()
    part2.write_text(part2.read_text().replace('+    return {"Implements": ["VolumeDriver"]}', "+    return {}"))
    course.parts.cache_clear()
    assert course.build(tmp_path) == 1
    said = capsys.readouterr().out
    assert "part2.md:" in said and 'there is no line \'    return {"Implements": ["VolumeDriver"]}\'' in said
    assert said.endswith("./workshop build\n")
    assert before


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("!EDIT\n", 5, "an edit names a file of work/"),
        ("!EDIT plugin.py\nwords\n", 6, "below !EDIT plugin.py comes the edit itself"),
        ("!EDIT plugin.py\n!NOTE\n", 6, "below !EDIT plugin.py comes the edit itself"),
        ("!EDIT plugin.py\n```diff\n x\n```\n", 7, "changes nothing"),
    ],
)
def test_a_fault_in_an_edit_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = tmp_path / "fruit.md"
    path.write_text(f"---\ntitle: Fruit\nminutes: 5\n---\n{text}")
    with pytest.raises(CourseError) as error:
        course.slides(path)
    assert f"fruit.md:{line}: " in str(error.value) and said in str(error.value)
