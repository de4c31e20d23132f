"""The plans by the clock: each holds, nothing of a day is lost, nobody sits too long, and there is something to eat."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from steps import FOR_ROOT, STEPS, first_failure

from workshop import cli
from workshop.course import agenda, course, edits, needs
from workshop.course.agenda import DAY, PLANS, Plan

STARTS = range(8 * 60, 13 * 60, 15)
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
shorter_plans = pytest.mark.parametrize(
    "plan", [plan for plan in PLANS.values() if plan is not DAY], ids=lambda p: p.name
)


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


def over(plan: Plan) -> dict[str, int]:
    """Return how many minutes each sitting of a plan has too many, by the time when it ends."""
    start = agenda.minutes_of(plan.start)
    return {agenda.clock(each[-1].end): each[-1].end - start - plan.minutes for each in agenda.sittings(plan, start)}


@each_plan
def test_a_plan_ends_in_time(plan: Plan) -> None:
    assert all(minutes <= 0 for minutes in over(plan).values()), f"{plan.title}: {over(plan)}"


@each_plan
def test_a_plan_that_is_too_long_is_found(plan: Plan, slides: Path) -> None:
    (slides / "part1.md").write_text("---\ntitle: Long\nminutes: 400\n---\n!MINUTES 400\n# Long\n")
    assert max(over(plan).values()) > 0


@each_plan
def test_a_plan_shows_what_it_does_not_leave_out(plan: Plan) -> None:
    shown = [slide.where for each in agenda.sittings(plan, 0) for stretch in each for slide in stretch.slides]
    hidden = [slide.where for _, slide in agenda.left_out(plan)]
    assert sorted(shown + hidden) == sorted(slide.where for path in course.files() for slide in course.slides(path))
    assert not set(shown) & set(hidden)


@each_plan
def test_in_no_plan_anybody_sits_too_long(plan: Plan) -> None:
    for sitting in agenda.sittings(plan, agenda.minutes_of(plan.start)):
        since = 0
        for each in sitting:
            since = since + each.minutes if each.slides else 0
            assert since <= plan.longest <= plan.minutes


def test_there_are_as_few_breaks_as_can_be(slides: Path) -> None:
    for name, minutes in {"intro": [15], "part1": [41], "part2": [21, 21], "part3": [37, 40], "end": [8]}.items():
        text = "".join(f"!SUB\n!MINUTES {each}\n## {name}\n" for each in minutes)
        (slides / f"{name}.md").write_text(f"---\ntitle: {name}\nminutes: {sum(minutes)}\n---\n{text}")
    done = [(each.file or each.title, each.minutes) for each in agenda.day(13 * 60)]
    assert [each for each, _ in done].count("break") == 2
    assert done[-4:] == [("part3", 37), ("break", 15), ("part3", 40), ("end", 8)]


def test_a_break_inside_a_part_comes_before_a_slide_to_the_right(slides: Path) -> None:
    text = "".join(f"{mark}\n!MINUTES 20\n## Long\n" for mark in ("!SLIDE", "!SUB", "!SLIDE", "!SUB", "!SUB"))
    (slides / "part3.md").write_text(f"---\ntitle: Long\nminutes: 100\n---\n{text}")
    assert [each.minutes for each in agenda.day(13 * 60) if each.file == "part3"] == [40, 60]


@each_plan
def test_the_steps_of_a_plan_need_none_that_it_leaves_out(plan: Plan) -> None:
    cut = agenda.skipped(plan)
    last = max(course.part_of(course.folder() / f"{name}.md") for files in plan.sittings for name in files)
    needed = {step: needs.steps_that_need(step) + needs.checks_that_need(step) for step in cut}
    needed = {step: [each for each in later if int(each[0]) <= last] for step, later in needed.items()}
    assert {step: later for step, later in needed.items() if set(later) - set(cut)} == {}


@pytest.mark.slow
@shorter_plans
def test_the_plugin_of_a_plan_passes_the_checks_of_its_steps(plan: Plan, tmp_path: Path) -> None:
    files: edits.Files = {}
    shown = [slide for each in agenda.sittings(plan, 0) for stretch in each for slide in stretch.slides]
    for slide in shown:
        for edit in slide.edits:
            files = edits.apply(edit, files, slide.step)
    for name, text in files.items():
        (tmp_path / name).write_text(str(text))
    steps = {slide.step: STEPS[slide.step] for slide in shown if slide.step}
    assert len(steps) >= 5
    assert first_failure(tmp_path / "plugin.py", steps, may_skip=FOR_ROOT) == ""


def test_the_names_of_the_plans_are_the_same_everywhere() -> None:
    assert tuple(PLANS) == course.PLANS == cli.PLANS


@pytest.mark.parametrize(
    ("start", "name"), [("9:30", "day"), ("11:59", "day"), ("13:30", "half-day"), ("18:00", "two-evenings")]
)
def test_the_time_chooses_the_plan(start: str, name: str) -> None:
    assert agenda.plan_for(agenda.minutes_of(start)).name == name


def test_each_slide_has_the_minutes_that_its_text_and_its_edit_take() -> None:
    """To the nearest minute: a slide has whole ones."""
    slides = [slide for path in course.files() for slide in course.slides(path)]
    short = {
        slide.where: agenda.least_minutes(slide)
        for slide in slides
        if slide.minutes < round(agenda.least_minutes(slide))
    }
    assert short == {}


def test_what_typing_takes() -> None:
    text = f"## Ten\n\nThese are eight words, and code counts apart.\n\n```\n{'not counted ' * 9}\n```\n"
    slide = course.Slide("here", False, text + f"\n```console\n$ {'x' * 60}\n```")
    assert agenda.least_minutes(slide) == pytest.approx(10 / 150 + 60 / 120)
    step = course.step("1.4")
    shown = course.Slide("here", False, "", step="1.4", edits=list(step.edits))
    typed = 'f"unix://{SOCKET}", 0, app, threaded=True, fd=listener.fileno()'
    assert agenda.least_minutes(shown) == pytest.approx(len(typed) / 120 + 1)


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


@each_plan
def test_the_verb_with_a_plan(plan: Plan) -> None:
    printed = workshop("agenda", "--plan", plan.name).stdout
    assert printed.count(f"From {plan.start} to ") == len(plan.sittings)
    assert f"\nPlan: {plan.title.lower()}. Others: --plan " in printed
    assert printed.rstrip().endswith("check " + " ".join(f"--skip {step}" for step in agenda.skipped(plan)))


def test_every_example_in_the_texts_ends_in_time() -> None:
    root = Path(__file__).parent.parent
    texts = [path.read_text() for path in (root / "README.md", *sorted((root / "docs").glob("*.md")))]
    typed = {words for text in texts for words in re.findall(r"\./workshop (agenda(?: --[a-z]+ [\w:-]+)*)", text)}
    assert "agenda --at 13:30" in typed
    for words in typed:
        printed = workshop(*words.split()).stdout
        title = re.findall(r"^Plan: (.+?)\.", printed, re.MULTILINE)[0]
        plan = next(plan for plan in PLANS.values() if plan.title.lower() == title)
        times = re.findall(r"^From ([\d:]+) to ([\d:]+):", printed, re.MULTILINE)
        assert all(agenda.minutes_of(end) - agenda.minutes_of(start) <= plan.minutes for start, end in times), words


def test_the_verb_with_a_wrong_plan() -> None:
    done = workshop("agenda", "--plan", "week")
    assert done.returncode == 2 and "'week' is not one of 'day', 'two-evenings'" in done.stderr


def test_the_verb_with_a_wrong_time() -> None:
    done = workshop("agenda", "--at", "25:00")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'25:00' is not a time of day. Say when you begin, such as   --at 13:30" in done.stderr
