"""The exercises for those who are fast: one of thought and one of code in each part, and the code works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from steps import FOR_ROOT, PART_FILES, first_failure, steps_of_part

from workshop.checker.target import Target
from workshop.course import course, edits
from workshop.course.course import Exercise, Part
from workshop.plugins.process import command_for
from workshop.plugins.under_test import PluginUnderTest

DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)

each_part = pytest.mark.parametrize("part", course.parts(), ids=lambda part: f"part{part.number}")


def exercises(part: Part) -> list[Exercise]:
    slides = course.slides(course.folder() / f"part{part.number}.md")
    return [exercise for slide in slides for exercise in slide.exercises]


def solved(number: int, folder: Path) -> Path:
    """Write the plugin with which a part ends, with its exercise of code solved, into a folder; return it."""
    part = course.part(number)
    _, code = exercises(part)
    (lines,) = DIFF.findall(code.solution)
    files = edits.apply(
        edits.read("plugin.py", 1, f"the exercise of part {number}", lines.splitlines()), part.after, ""
    )
    for name, text in files.items():
        (folder / name).write_text(str(text))
    return folder / "plugin.py"


def opened(file: Path) -> AbstractContextManager[PluginUnderTest]:
    """Return a plugin in a new folder, not yet started."""
    return Target(command_for(str(file), None)).opened(PluginUnderTest)


@each_part
def test_a_part_has_one_of_thought_and_one_of_code_each_with_minutes_and_a_solution(part: Part) -> None:
    thought, code = exercises(part)
    assert [len(DIFF.findall(each.solution)) for each in (thought, code)] == [0, 1]
    for each in (thought, code):
        assert each.text and each.solution and 5 <= each.minutes <= 20


@pytest.mark.slow
@each_part
def test_a_solved_exercise_still_passes_the_steps(part: Part, tmp_path: Path) -> None:
    steps = steps_of_part(str(part.number))
    assert first_failure(solved(part.number, tmp_path), steps, may_skip=FOR_ROOT) == ""


@each_part
def test_a_solution_fits_on_a_slide_as_a_step_does(part: Part, tmp_path: Path) -> None:
    file = solved(part.number, tmp_path)
    assert [line for line in file.read_text().splitlines() if len(line) > 88] == []
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_part_1_a_path_that_is_too_long_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / ("0" * 200) / "ddd.sock"
    environment = os.environ | {"DDD_SOCKET": str(path)}
    for file, sentence in ((PART_FILES["1"], False), (solved(1, tmp_path), True)):
        done = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert (f"{path} cannot be a socket: AF_UNIX path too long" in done.stderr) == sentence
        assert ("Traceback" in done.stderr) != sentence


def test_part_2_an_error_names_its_cause(tmp_path: Path) -> None:
    said, file = [], tmp_path / "plugin.py"
    full = "\n\n@app.post('/VolumeDriver.Create')\ndef full():\n    raise OSError(28, 'No space left on device')\n"
    for source in (PART_FILES["2"].read_text(), solved(2, tmp_path).read_text()):
        file.write_text(source.replace("\n\ndef listen(path):", f"{full}\n\ndef listen(path):"))
        with opened(file) as plugin:
            said.append(plugin.start().call("VolumeDriver.Create", {"Name": "mango"}).text)
    assert "internal error" in said[0]
    assert "ddd failed: [Errno 28] No space left on device" in said[1]


def test_part_3_a_volume_says_when_it_was_made(tmp_path: Path) -> None:
    with opened(solved(3, tmp_path)) as plugin:
        plugin.start()
        before = datetime.now(UTC) - timedelta(seconds=1)  # the answer has whole seconds
        plugin.call("VolumeDriver.Create", {"Name": "mango"})
        plugin.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"})
        made = datetime.fromisoformat(plugin.call("VolumeDriver.Get", {"Name": "mango"}).json["Volume"]["CreatedAt"])
        assert before <= made <= datetime.now(UTC)
