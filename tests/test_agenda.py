"""The day by the clock: nothing of it is lost, nobody sits too long, and there is something to eat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.course import agenda, course

STARTS = range(8 * 60, 13 * 60, 15)


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of slides of the test's own: five files with two slides each, of 20 minutes."""
    for name in course.ORDER:
        text = "".join(f"!SLIDE\n!STEP 1.{n} {name}\n!MINUTES 20\n## {name} {n}\n" for n in (1, 2))
        (tmp_path / f"{name}.md").write_text(f"---\ntitle: On {name}\nminutes: 40\n---\n{text}")
    monkeypatch.setattr(course, "folder", lambda: tmp_path)
    return tmp_path


def test_a_day_has_its_breaks(slides: Path) -> None:
    assert agenda.lines(13 * 60 + 30) == [
        "From 13:30 to 17:20: 200 minutes of slides, 30 of breaks",
        "",
        "13:30 14:10   40 min  On intro (1.1 to 1.2)",
        "14:10 14:50   40 min  Part 1 · On part1 (1.1 to 1.2)",
        "14:50 15:05   15 min  break",
        "15:05 15:45   40 min  Part 2 · On part2 (1.1 to 1.2)",
        "15:45 16:25   40 min  Part 3 · On part3 (1.1 to 1.2)",
        "16:25 16:40   15 min  break",
        "16:40 17:20   40 min  On end (1.1 to 1.2)",
    ]


def test_a_long_part_has_a_break_inside(slides: Path) -> None:
    text = "".join(f"!SUB\n!STEP 3.{n} Long\n!MINUTES 25\n## Long\n" for n in range(1, 5))
    (slides / "part3.md").write_text(f"---\ntitle: Long\nminutes: 100\n---\n{text}")
    assert [agenda.name(each) for each in agenda.day(13 * 60)][3:] == [
        "Part 2 · On part2 (1.1 to 1.2)",
        "break",
        "Part 3 · Long (3.1 to 3.3)",
        "break",
        "Part 3 · Long",
        "On end (1.1 to 1.2)",
    ]


def test_what_is_to_be_cut_first_stands_at_the_end(slides: Path) -> None:
    path = slides / "part2.md"
    path.write_text(path.read_text().replace("!MINUTES 20\n## part2 2", "!MINUTES 20\n!CUT\n## `part2` 2"))
    assert agenda.lines(0)[-5:] == [
        "Short of time? Cut these first: that gives back up to 20 minutes, and the day ends at 3:30.",
        "",
        " 20 min  1.2 part2 2, in part2",
        "",
        "Everybody then goes past these steps, from now on:   ./workshop check --skip 1.2",
    ]


def test_slides_without_a_step_are_cut_without_a_command(slides: Path) -> None:
    path = slides / "end.md"
    path.write_text(path.read_text().replace("!STEP 1.2 end\n!MINUTES 20", "!MINUTES 20\n!CUT"))
    assert agenda.lines(0)[-1] == " 20 min  end 2, in end"


def test_the_command_names_the_steps_that_the_slides_cut(tmp_path: Path) -> None:
    cut = [slide.step for path in course.files() for slide in course.slides(path) if slide.cut and slide.step]
    said = workshop("agenda").stdout.rstrip().splitlines()[-1].partition("./workshop ")[2]
    assert said == " ".join(["check", *(f"--skip {step}" for step in cut)]) and cut
    (tmp_path / "plugin.py").write_text(str(course.part(1).after["plugin.py"]))
    environment = os.environ | {"WORKSHOP_WORK": str(tmp_path)}
    command = [sys.executable, "-m", "workshop", *said.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / ".progress.json").read_text())["cut"] == cut


def test_nothing_is_lost() -> None:
    wanted = [slide.where for path in course.files() for slide in course.slides(path)]
    plan = agenda.day(570)
    assert [slide.where for each in plan for slide in each.slides] == wanted
    assert agenda.total(plan)[0] == sum(course.front_matter(path)[1] for path in course.files())
    assert sum(agenda.total(plan)) == plan[-1].end - 570


def test_one_follows_the_other_and_nobody_sits_too_long() -> None:
    since, before = 0, 570
    for each in agenda.day(570):
        assert each.start == before
        since, before = since + each.minutes if each.slides else 0, each.end
        assert since <= 80


@pytest.mark.parametrize("start", STARTS, ids=agenda.clock)
def test_a_day_that_goes_past_noon_has_one_lunch(start: int) -> None:
    plan = agenda.day(start)
    lunches = [each for each in plan if each.title == "lunch"]
    assert len(lunches) <= 1
    assert len(lunches) == 1 or not (start <= 11 * 60 + 30 and plan[-1].end >= 14 * 60)
    assert all(11 * 60 + 30 <= each.start < 14 * 60 and each.minutes == 60 and start < 12 * 60 for each in lunches)


@pytest.mark.parametrize(("time", "minutes"), [("0:00", 0), ("9:30", 570), ("09:30", 570), ("23:59", 1439)])
def test_a_time_of_the_day(time: str, minutes: int) -> None:
    assert agenda.minutes_of(time) == minutes
    assert agenda.minutes_of(agenda.clock(minutes)) == minutes


@pytest.mark.parametrize("time", ["", "24:00", "9:60", "9", "half past nine", "-1:00", "9:30pm", "٩:٣٠"])
def test_no_time_of_the_day(time: str) -> None:
    with pytest.raises(agenda.WrongTime, match=r"is not a time of day\. Say when you begin, such as   --at 13:30$"):
        agenda.minutes_of(time)


def workshop(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "workshop", *words], capture_output=True, text=True)


def test_the_verb() -> None:
    done = workshop("agenda", "--at", "13:30")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("From 13:30 to 1") and "\n13:30 " in done.stdout
    assert workshop("agenda").stdout.startswith("From 9:30 to ")


def test_the_verb_with_a_wrong_time() -> None:
    done = workshop("agenda", "--at", "25:00")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'25:00' is not a time of day. Say when you begin, such as   --at 13:30" in done.stderr
