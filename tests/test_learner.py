"""The learner's verbs: what they print, what they keep, and what they never lose."""

import json
import os
import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from workshop import repository
from workshop.course import check, course, edits, hints, learner, needs, progress
from workshop.course.start import start

ROOT = Path(__file__).parent.parent
FIRST = [step.id for step in course.part(1).steps]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "w"))
    return tmp_path / "w"


@pytest.fixture
def say(work: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a caller of a verb that returns what was printed, after what holds for every verb."""

    def call(verb: Callable[..., int], *arguments: object, status: int = 0, **options: object) -> str:
        assert verb(*arguments, **options) == status
        printed = capsys.readouterr()
        text = printed.out + printed.err
        typed = text.replace(str(work), "work")
        # a line of code in a diff is as long as it is
        wide = [line for line in typed.splitlines() if len(line) > 80]
        assert [line for line in wide if verb is not learner.diff or line[:1] not in "+- "] == []
        assert "./workshop " in typed.rstrip().splitlines()[-1], typed
        assert "\033" not in text
        return typed

    return call


Say = Callable[..., str]
STEPS = [step.id for part in course.parts() for step in part.steps]


def passed(part: int) -> None:
    progress.record(part, {step.id: True for step in course.part(part).steps})


def test_a_look_at_a_later_part_is_no_step_ahead(say: Say) -> None:
    say(start)
    progress.record(1, {"1.1": True, "1.2": False})
    progress.record(2, {"2.1": False})
    assert progress.progress().part == 1
    passed(1)
    progress.record(2, {"2.1": False})
    assert progress.progress().part == 2


def test_a_look_at_an_earlier_part_is_no_step_back(say: Say) -> None:
    say(start)
    passed(1)
    passed(2)
    progress.record(3, {"3.1": True, "3.2": False})
    progress.record(2, {"2.1": True})
    assert progress.progress().part == 3


def test_a_newcomer_gets_the_first_three_commands(say: Say) -> None:
    text = say(learner.status)
    commands = re.findall(r"^  (\./workshop \w+)", text, re.MULTILINE)
    assert commands == ["./workshop tour", "./workshop start", "./workshop check"]
    assert text.rstrip().endswith("./workshop tour")


def test_status_marks_what_is_done_and_what_is_next(say: Say) -> None:
    say(start)
    progress.record(1, {"1.1": True, "1.2": True, "1.3": False})
    text = say(learner.status)
    assert "  ok    1.2 " in text and "  next  1.3 " in text and "        1.4 " in text
    assert re.search(r"Part 1 .* 2 of +8 done", text) and re.search(r"Part 3 .* 0 of 16 done", text)


def test_status_after_a_part_names_the_next_and_at_the_end_the_diff(say: Say) -> None:
    say(start)
    passed(1)
    assert say(learner.status).rstrip().endswith("./workshop start 2")
    for part in (2, 3):
        say(start, part, fresh=True)
        passed(part)
    said = say(learner.status)
    assert re.search(r"^  Compare   \./workshop diff ", said, re.MULTILINE), said
    assert re.search(r"^  Read      docs/beyond\.md ", said, re.MULTILINE), said
    assert "Achievement unlocked! Every step is done." in say(start)


def test_a_step_that_fails_again_is_next(work: Path) -> None:
    progress.record(1, dict.fromkeys(FIRST, True))
    progress.record(1, {"1.1": True, "1.2": False})
    upcoming = progress.next_step(progress.progress())
    assert upcoming and upcoming.id == "1.2"


def test_start_says_that_the_first_check_will_fail(say: Say, work: Path) -> None:
    text = say(start)
    skeleton = (work / "plugin.py").read_text()
    assert skeleton == str(course.part(1).before["plugin.py"]) and "app = Flask(__name__)" in skeleton
    assert "will FAIL, at step 1.1" in text and "not a\nbroken install" in text
    assert all(f"  {what} " in text for what in ("Python", "Flask", "Docker Engine", "Rights"))


@pytest.mark.parametrize("part", [2, 3])
def test_a_part_starts_where_the_one_before_ends(say: Say, work: Path, part: int) -> None:
    say(start, part)
    assert (work / "plugin.py").read_bytes() == (ROOT / f"part{part - 1}" / "plugin.py").read_bytes()
    assert progress.progress().part == part


def results(monkeypatch: pytest.MonkeyPatch, found: dict[str, bool | None]) -> list[int]:
    """Let the check that start makes find this; return a list of the parts that are checked from now on."""
    checked: list[int] = []

    def results_of_own(part: int) -> dict[str, bool | None]:
        checked.append(part)
        return found

    monkeypatch.setattr(check, "results_of_own", results_of_own)
    return checked


@pytest.mark.parametrize("part", [2, 3])
def test_a_part_goes_on_with_the_own_files_if_they_pass_the_one_before(
    say: Say, work: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(start, part - 1)
    before = {path.name: path.read_text() for path in work.glob("[!.]*")}
    mine = {"plugin.py": "mine\n", "ddd-tcp.spec": "tcp://mine\n"}
    for name, text in mine.items():
        (work / name).write_text(text)
    say(learner.hint, f"{part - 1}.1")
    steps = [step.id for step in course.part(part - 1).steps]
    checked = results(monkeypatch, dict.fromkeys(steps, True))
    text = say(start, part)
    assert f"Part {part} goes on with your work/plugin.py, which stays as it is." in text
    assert f"will FAIL, at step {part}.1" in text
    assert {path.name: path.read_text() for path in work.glob("[!.]*")} == before | mine
    assert not list(work.glob("*-1.*")) and checked == [part - 1]
    now = progress.progress()
    assert (now.part, now.passed[-len(steps) :], now.hints) == (part, steps, {f"{part - 1}.1": 1})
    assert now.explained == [], "what the steps are for is still to be said"


def test_start_without_a_part_goes_on_with_the_own_file(say: Say, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(start)
    (work / "plugin.py").write_text("mine\n")
    passed(1)
    results(monkeypatch, dict.fromkeys(FIRST, True))
    assert "Part 2 goes on with your work/plugin.py" in say(start)
    assert progress.progress().part == 2 and (work / "plugin.py").read_text() == "mine\n"


def test_a_file_that_was_changed_since_it_passed_is_checked_anew(
    say: Say, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(start)
    passed(1)
    (work / "plugin.py").write_text("mine\n")
    results(monkeypatch, {"1.1": True, "1.2": False})
    text = say(start, 2, status=1)
    assert "It does not pass part 1 yet. Missing: 1.2." in text
    assert re.findall(r"\./workshop [\w -]+$", text, re.MULTILINE) == [
        "./workshop check 1",
        "./workshop start 2 --fresh",
    ]
    assert (work / "plugin.py").read_text() == "mine\n" and progress.progress().part == 1
    assert "1.2" not in progress.progress().passed


def test_what_is_missing_is_what_fails_and_what_was_never_passed(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say(start)
    results(monkeypatch, {"1.1": True, "1.2": True, "1.3": False})
    progress.record(1, {"1.4": True, "1.5": None})
    assert "Missing: 1.3, 1.6, 1.7, 1.8." in say(start, 2, status=1)


def test_a_step_that_is_skipped_or_cut_is_not_in_the_way(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say(start, 2)
    progress.save(replace(progress.progress(), cut=["2.4"]))
    results(monkeypatch, {"2.1": True, "2.2": True, "2.3": True, "2.4": None, "2.5": None})
    assert "Part 3 goes on with your work/plugin.py" in say(start, 3)
    assert progress.progress().skipped == ["2.5"]


def test_fresh_takes_the_courses_files_and_keeps_the_own_ones_aside(
    say: Say, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = results(monkeypatch, {})
    say(start)
    (work / "plugin.py").write_text("mine\n")
    assert "Your earlier file is now work/plugin-1.py." in say(start, 2, fresh=True)
    assert (work / "plugin.py").read_bytes() == (ROOT / "part1" / "plugin.py").read_bytes()
    assert ((work / "plugin-1.py").read_text(), checked) == ("mine\n", [])


def test_going_back_to_a_part_keeps_the_file_and_the_steps(say: Say, work: Path) -> None:
    say(start)
    passed(1)
    (work / "plugin.py").write_text("mine\n")
    progress.save(replace(progress.progress(), part=2))
    assert "Part 1 goes on with your work/plugin.py" in say(start, 1)
    now = progress.progress()
    assert (now.part, now.passed, (work / "plugin.py").read_text()) == (1, FIRST, "mine\n")


def test_start_never_loses_a_file(say: Say, work: Path) -> None:
    work.mkdir()
    for count in (1, 2):
        (work / "plugin.py").write_text(f"mine = {count}\n")
        text = say(start, 2, fresh=True)
        assert f"Your earlier file is now work/plugin-{count}.py." in text
        assert f"cp work/plugin-{count}.py work/plugin.py" in text
    assert [(work / f"plugin-{count}.py").read_text() for count in (1, 2)] == ["mine = 1\n", "mine = 2\n"]


def test_start_moves_a_link_aside_and_not_what_it_leads_to(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "elsewhere.py").write_text("mine\n")
    (work / "plugin.py").symlink_to("elsewhere.py")
    say(start, 1, fresh=True)
    assert (work / "elsewhere.py").read_text() == "mine\n" and (work / "plugin-1.py").is_symlink()


def test_start_again_leaves_what_is_the_same(say: Say, work: Path) -> None:
    say(start, 1)
    assert "is as part 1 begins already" in say(start, 1)
    assert not (work / "plugin-1.py").exists()


def test_start_without_a_part_leaves_work_under_way(say: Say, work: Path) -> None:
    say(start)
    (work / "plugin.py").write_text("mine\n")
    for part in (None, 1):
        text = say(start, part)
        assert "stays as it is" in text and "./workshop start 1 --fresh\n" in text
        assert (work / "plugin.py").read_text() == "mine\n"


def test_start_forgets_what_was_passed_of_the_part(say: Say) -> None:
    passed(1)
    passed(2)
    progress.save(replace(progress.progress(), cut=["3.7"], skipped=["1.8", "2.5"], hints={"1.1": 2, "2.1": 1}))
    say(start, 2)
    now = progress.progress()
    assert (now.passed, now.explained, now.skipped, now.cut) == (FIRST, FIRST, ["1.8"], ["3.7"])
    assert now.hints == {"1.1": 2}


@pytest.mark.parametrize(
    ("verb", "wrong", "there"),
    [(start, 9, "1, 2 and 3"), (learner.hint, "9.1", "1.1 to 1.8"), (learner.diff, "x", "1.1 to 1.8")],
)
def test_wrong_usage_names_what_there_is(say: Say, verb: Callable[..., int], wrong: object, there: str) -> None:
    assert there in say(verb, wrong, status=2)


def test_hints_rise_and_the_fourth_offers_the_diff(say: Say) -> None:
    for depth, hint in enumerate(course.step("1.1").hints, start=1):
        text = say(learner.hint)
        assert f"Hint {depth} of 3" in text and hint.splitlines()[0] in text
    assert say(learner.hint).rstrip().endswith("./workshop diff 1.1 --show")
    assert "Hint 1 of 3" in say(learner.hint, "3.4")


def test_hints_are_for_the_first_step_that_is_not_done(say: Say) -> None:
    progress.record(1, {"1.1": True, "1.2": False})
    assert "Step 1.2 · " in say(learner.hint)


@pytest.mark.parametrize("step", STEPS)
def test_every_hint_and_diff_fits_and_ends_in_a_command(say: Say, step: str) -> None:
    say(start, int(step[0]))
    for _ in range(4):
        say(learner.hint, step)
    say(learner.diff, step, show=True)
    say(learner.diff, step, status=1)


def test_diff_shows_the_edit_of_the_step_and_how_much_of_it_is_there(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "plugin.py").write_text('def greet():\n    return "Hi!"\n')
    progress.record(1, {"1.2": True})
    text = say(learner.diff, "1.2")
    assert text.splitlines()[2:-2] == ["  work/plugin.py", "@@", *(line.rstrip() for line in hunk_of("1.2"))]
    assert "Of 3 new lines, yours has 1." in text
    assert "Of 1 new lines, yours has 0." in say(learner.diff, "1.4", show=True)


@pytest.mark.parametrize("step", STEPS)
def test_diff_of_a_step_that_has_not_passed_asks_for_show(say: Say, step: str) -> None:
    text = say(learner.diff, step, status=1)
    assert text.rstrip().endswith(f"./workshop diff {step} --show") and f"./workshop hint {step}\n" in text
    assert not [line for edit in course.step(step).edits for line in edit.added if line.strip() in text]
    progress.record(int(step[0]), {step: True})
    assert all(f"\n+{line}" in say(learner.diff, step) for edit in course.step(step).edits for line in edit.added)


def hunk_of(step: str) -> tuple[str, ...]:
    ((hunk,),) = (edit.hunks for edit in course.step(step).edits)
    return hunk.lines


def test_diff_without_a_step_goes_as_far_as_the_learner(say: Say, work: Path) -> None:
    say(start, 2)
    text = say(learner.diff, status=1)
    assert "activate" not in text and text.rstrip().endswith("./workshop diff --show")
    progress.record(2, {"2.1": True, "2.2": False})
    text = say(learner.diff)
    assert "+def activate():" in text and "refuse" not in text and "step 2.1/plugin.py" in text
    progress.record(2, {"2.2": True, "2.3": None, "2.4": True})
    assert "+def refuse(error):" in say(learner.diff) and "TLSConfig" not in say(learner.diff)
    assert '+  "TLSConfig": {' in say(learner.diff, show=True)


def test_diff_of_what_is_the_same_says_so(say: Say, work: Path) -> None:
    assert "There is no work/plugin.py yet" in say(learner.diff, status=1)
    work.mkdir()
    (work / "plugin.py").write_text(str(course.part(1).after["plugin.py"]))
    passed(1)
    assert "work/plugin.py is the same as part1/plugin.py." in say(learner.diff)


def test_whoever_types_in_what_the_third_hints_say_ends_with_the_part(say: Say) -> None:
    for step in (step for part in course.parts() for step in part.steps):
        for _ in range(2):
            say(learner.hint, step.id)
        text = say(learner.hint, step.id)
        shown = [line[6:] for line in text.splitlines() if line.startswith("      ")]
        for edit in step.edits:
            new = edit.file not in step.before
            lines = [line for hunk in edit.hunks for line in (hunk.after if new else hunk.changed)]
            assert all(line.rstrip() in shown for line in lines if line.strip()), text
            assert (f"  Make the file work/{edit.file}:" in text.splitlines()) == new, text
            for place in [] if new else edits.places(edit, step.before):
                assert f"        {place.line}" in text.splitlines(), text


def test_start_moves_aside_a_file_that_only_a_later_step_makes(say: Say, work: Path) -> None:
    say(start, 2)
    assert sorted(path.name for path in work.glob("[!.]*")) == ["plugin.py"]
    (work / "ddd-tcp.spec").write_text("mine\n")
    assert "stays as it is" in say(start)
    assert "Your earlier file is now work/ddd-tcp-1.spec." in say(start, 2, fresh=True)
    assert sorted(path.name for path in work.glob("[!.]*")) == ["ddd-tcp-1.spec", "plugin.py"]
    assert (work / "ddd-tcp-1.spec").read_text() == "mine\n"


def test_start_is_done_though_nobody_reads_what_it_says(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(BrokenPipeError):
        patch.setattr("builtins.print", gone)
        start(2)
    assert progress.progress().part == 2 and (work / "plugin.py").is_file()


def test_the_last_step_is_not_every_step(say: Say) -> None:
    for part in (1, 3):
        say(start, part, fresh=True)
        passed(part)
    progress.record(2, {step.id: step.id != "2.4" for step in course.part(2).steps})
    progress.save(replace(progress.progress(), part=3))
    assert "The last step is done. Not done yet: 2.4." in say(learner.status)
    passed(2)
    progress.save(replace(progress.progress(), part=3))
    assert "Every step is done." in say(learner.status)


def test_part_3_starts_with_all_files_of_part_2(say: Say, work: Path) -> None:
    text = say(start, 3)
    for name in ("plugin.py", "ddd-tcp.spec", "ddd-tls.json"):
        assert (work / name).read_bytes() == (ROOT / "part2" / name).read_bytes()
        assert f"Made work/{name} from the end of part 2." in text


def test_status_names_the_file_that_the_step_is_about(say: Say) -> None:
    say(start, 2)
    progress.record(2, {"2.1": True, "2.2": True, "2.3": False})
    assert "Next is step 2.3, Found over TCP. Work on work/ddd-tcp.spec." in say(learner.status)


def test_diff_is_of_all_files_and_counts_the_lines_of_each(say: Say, work: Path) -> None:
    say(start, 2)
    (work / "ddd-tls.json").write_text('{\n  "Addr": "http://127.0.0.1:8788"\n}\n')
    passed(2)
    assert "+tcp://127.0.0.1:8787" in say(learner.diff) and '+  "TLSConfig": {' in say(learner.diff)
    assert "Of 3 new lines, yours has 3." in say(learner.diff, "2.4")
    assert "Of 7 new lines, yours has 0." in say(learner.diff, "2.5")
    assert "Of 1 new lines, yours has 0." in say(learner.diff, "2.3")


def test_outside_of_a_clone_work_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKSHOP_WORK", raising=False)
    monkeypatch.setattr(repository, "find_clone", lambda: None)
    monkeypatch.setattr(course, "folder", lambda: ROOT / "slides")
    course.parts.cache_clear()
    for verb in (learner.status, start, learner.hint, learner.status):
        assert verb() == 0
    assert learner.diff() == 1
    course.parts.cache_clear()
    said = capsys.readouterr().out
    assert (tmp_path / "work" / "plugin.py").is_file() and "work/plugin.py" in said
    assert "  workshop start" in said and "workshop check" in said and "./workshop" not in said, said


def test_diff_is_coloured_on_a_terminal_but_for_no_color(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    learner.print_diff(["+one", "-two", " three"])
    monkeypatch.setenv("NO_COLOR", "1")
    learner.print_diff(["+one"])
    assert capsys.readouterr().out == "\033[32m+one\033[0m\n\033[31m-two\033[0m\n three\n+one\n"


def test_when_the_course_has_changed_the_plugin_stays_and_the_counts_begin_afresh(say: Say, work: Path) -> None:
    passed(1)
    say(start, 2)
    say(learner.hint, "2.1")
    (work / "plugin.py").write_text("mine\n")
    now = json.loads((work / ".progress.json").read_text())
    for older in (now | {"course": "another"}, {key: now[key] for key in ("part", "passed", "hints")}):
        (work / ".progress.json").write_text(json.dumps(older))
        text = say(learner.status)
        assert text.startswith("The steps of the course have changed; your plugin is as it was. Check it again:\n")
        assert "    ./workshop check\n" in text
        assert "have changed" not in say(learner.status)
        assert progress.progress() == progress.Progress(2)
        assert (work / "plugin.py").read_text() == "mine\n"


def test_the_version_of_the_course_is_that_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    before = course.version()
    assert course.version() == before
    first, *others = course.parts()
    ((edit,), *_) = [step.edits for step in first.steps]
    moved = replace(edit, hunks=tuple(replace(hunk, where=f"elsewhere{hunk.where}") for hunk in edit.hunks))
    same = replace(first, steps=[replace(first.steps[0], edits=(moved,)), *first.steps[1:]])
    with monkeypatch.context() as patch:
        patch.setattr(course, "parts", lambda: [same, *others])
        assert course.version() == before, "a clone that was moved has the same steps"
    changed = replace(first, steps=[replace(first.steps[0], edits=()), *first.steps[1:]])
    monkeypatch.setattr(course, "parts", lambda: [changed, *others])
    assert course.version() != before


DAMAGED = [
    "",
    "{",
    "[]",
    "7",
    '{"part": 9}',
    '{"part": "1"}',
    '{"what": 1}',
    '{"passed": [1]}',
    '{"passed": ["x"]}',
    '{"hints": {"1.1": "x"}}',
    '{"cut": "1.1"}',
    '{"skipped": [1]}',
    '{"explained": ["x"]}',
    '{"starts": "x"}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_progress_begins_afresh_and_says_so_once(say: Say, work: Path, text: str) -> None:
    work.mkdir()
    (work / "plugin.py").write_text("mine\n")
    (work / ".progress.json").write_text(text)
    assert "counted from zero" in say(learner.status)
    assert "counted from zero" not in say(learner.status)
    assert (work / "plugin.py").read_text() == "mine\n"


def test_bytes_that_are_no_text_are_a_damaged_progress(say: Say, work: Path) -> None:
    work.mkdir()
    (work / ".progress.json").write_bytes(b"\xff\xfe")
    assert "counted from zero" in say(learner.status)


def test_progress_is_kept_in_one_file(work: Path) -> None:
    progress.record(2, {"2.1": True, "2.2": False})
    kept = {"part": 2, "passed": ["2.1"], "hints": {}, "course": course.version()}
    kept |= {"skipped": [], "cut": [], "explained": ["2.1"], "starts": True}
    assert json.loads((work / ".progress.json").read_text()) == kept
    assert os.listdir(work) == [".progress.json"]


# What was cut, what cannot be checked here, and a plugin that does not start


def test_a_step_that_was_cut_is_passed_over(say: Say) -> None:
    say(start)
    progress.record(1, {"1.1": True})
    progress.save(replace(progress.progress(), cut=["1.2", "1.3"]))
    text = say(learner.status)
    assert "  cut   1.2 " in text and "  next  1.4 " in text and "Next is step 1.4," in text
    assert "Step 1.4 · " in say(learner.hint)
    progress.record(1, {step: None if step in ("1.2", "1.3") else True for step in FIRST})
    assert "Part 1 is done. On with part 2:   ./workshop start 2" in say(learner.status)
    assert progress.progress().skipped == []


def test_a_step_that_cannot_be_checked_here_is_passed_over(say: Say) -> None:
    say(start, 2)
    progress.record(2, {**{step.id: True for step in course.part(2).steps}, "2.5": None})
    text = say(learner.status)
    assert "  skip  2.5 " in text
    assert "On with part 3:   ./workshop start 3" in text
    progress.record(2, {"2.5": True})
    assert progress.progress().skipped == []


def test_at_the_end_what_was_cut_is_named(say: Say) -> None:
    for part in (1, 2, 3):
        say(start, part, fresh=True)
        passed(part)
    now = progress.progress()
    progress.save(replace(now, passed=[step for step in now.passed if step != "1.7"], cut=["1.7"]))
    assert "Every step is done, but for those that were cut: 1.7." in say(learner.status)


def test_after_the_last_step_the_way_is_that_of_this_machine(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say(start, 3)
    progress.save(replace(progress.progress(), passed=STEPS))
    monkeypatch.setattr(learner, "engine_state", lambda: "yes")
    assert say(learner.status).rstrip().splitlines()[-1].startswith("  Go on     ./workshop tour --engine ")
    monkeypatch.setattr(learner, "engine_state", lambda: "yes, but this user may not speak to it: use sudo")
    assert say(learner.status).rstrip().splitlines()[-1].startswith("  Go on     sudo ./workshop tour --engine ")
    monkeypatch.setattr(learner, "engine_state", lambda: "no: there is no docker command here")
    assert say(learner.status).rstrip().splitlines()[-1].startswith("  Go on     ./workshop docker --help ")


def test_a_plugin_that_does_not_start_is_sent_to_the_hint_about_starting(say: Say) -> None:
    say(start, 3)
    progress.record(3, {"3.1": False}, starts=False)
    text = say(learner.hint)
    assert text.startswith("At the last check your plugin did not start,") and "Step " not in text
    assert re.search(
        r"^      DDD_SOCKET=/tmp/ddd\.sock DDD_ROOT=/tmp/ddd \\\n +\S+ work/plugin\.py$", text, re.MULTILINE
    )
    assert text.rstrip().endswith("./workshop check 3")
    assert say(learner.hint, "1.1") == text
    text = say(learner.hint, "3.1")
    assert "Hint 1 of 3\n\n  At the last check your plugin did not start. First type   ./workshop hint\n" in text
    progress.record(3, {"3.1": False})
    assert "Step 3.1 · " in say(learner.hint) and "did not start" not in say(learner.hint)


def test_a_step_that_has_passed_before_is_said_to_have(say: Say) -> None:
    say(start, 3)
    progress.record(3, {"3.1": True, "3.2": False})
    assert "has passed before" not in say(learner.hint)
    progress.record(3, {"3.1": False})
    text = say(learner.hint)
    assert "Step 3.1 · " in text and "  This step has passed before. Look first at what you have changed since." in text


# Hints look at the program

OTHER = """
from flask import Flask
api = Flask(__name__)

@api.route("/VolumeDriver.Mount", methods=["POST"])
def mount_volume():
    mountpoint = "a local name is no helper"
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_hint_gives_what_it_uses_and_the_program_lacks(say: Say, work: Path, step: str) -> None:
    about = course.step(step)
    work.mkdir()
    (work / "plugin.py").write_text(OTHER)
    given = [say(learner.hint, step) for _ in about.hints]
    known = needs.definitions(str(about.before.get("plugin.py", "")))
    mine = needs.names_in(OTHER) | {"app", "mount"}  # which are called otherwise there
    wanted = set(needs.names_used(about.after["plugin.py"], step))
    for name in [name for name in wanted if name in known]:
        wanted |= known[name].uses
    for name in wanted & set(known) - mine:
        assert all(f"       {line}".rstrip() in given[-1].splitlines() for line in known[name].lines), (name, given[-1])
    words = set(re.findall(r"\b(?:VOLUMES|ROOT|ASIDE|LOCK|NAME|make_room)\b", given[0] + given[1]))
    for name in words & set(known) - mine:
        assert any(known[name].lines[0] in text for text in given[:2]), name


@pytest.mark.parametrize("step", STEPS)
def test_a_hint_gives_nothing_to_the_courses_own_program(say: Say, work: Path, step: str) -> None:
    about = course.step(step)
    work.mkdir()
    for name, text in about.before.items():
        (work / name).write_text(str(text))
    for depth in range(len(about.hints)):
        said = say(learner.hint, step)
        assert textwrap.indent(about.hints[depth], "  ") in said
        assert "work/plugin.py has nothing" not in said and "in another way" not in said and "in yours" not in said


def test_a_hint_says_which_folder_the_learners_program_does_not_have(say: Say, work: Path) -> None:
    work.mkdir()
    program = str(course.step("3.5").before["plugin.py"])
    (work / "plugin.py").write_text(program.replace(' / "data"', ""))
    text = [say(learner.hint, "3.5") for _ in range(3)][-1]
    assert 'The course keeps something in a folder "data", and yours does not.' in text


def test_a_hint_says_which_lines_are_not_there_and_what_has_another_name(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "plugin.py").write_text(OTHER)
    for _ in range(2):
        say(learner.hint, "3.10")
    text = say(learner.hint, "3.10")
    assert "What is called mount here is mount_volume in yours." in text
    assert "Your work/plugin.py is written in another way. It does not have\n" in text
    assert "\n       def mount():\n" in text and "asked (3.1)" in text and "existing (3.3)" in text


def test_a_line_that_was_taken_away_already_is_not_missing(say: Say, work: Path) -> None:
    say(start)
    (work / "plugin.py").write_text("\n".join((work / "plugin.py").read_text().splitlines()[:-1]))
    done = str(course.step("1.4").after["plugin.py"])
    for step, program in (("1.1", (work / "plugin.py").read_text()), ("1.4", done)):
        (work / "plugin.py").write_text(program)
        for _ in range(3):
            text = say(learner.hint, step)
        assert "Hint 3 of 3" in text and "in another way" not in text


def test_a_hint_says_what_has_another_name_in_what_it_gives(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "plugin.py").write_text(str(course.step("3.6").before["plugin.py"]).replace("VOLUMES", "STORE"))
    mine = (work / "plugin.py").read_text()
    (work / "plugin.py").write_text(mine.replace("def existing", "def volume_of").replace("existing(", "volume_of("))
    for _ in range(3):
        text = say(learner.hint, "3.6")
    assert "existing (3.3)" in text and "What is called VOLUMES here is STORE in yours." in text


def test_a_hint_of_a_file_says_which_of_its_lines_are_not_there(say: Say, work: Path) -> None:
    say(start, 3)
    (work / "ddd-tls.json").write_text('{"Addr": "http://127.0.0.1:9000"}\n')
    for _ in range(2):
        say(learner.hint, "2.5")
    text = say(learner.hint, "2.5")
    assert "Your work/ddd-tls.json is written in another way. It does not have\n" in text


@pytest.mark.parametrize("step", [step for step in STEPS if step[0] == "3"])
def test_a_class_has_its_methods_its_attributes_and_its_lines_with_another_indent(step: str) -> None:
    source = (repository.clone_root() / "tests" / "mistakes" / "right" / "a_class.py").read_text()
    about = course.step(step)
    text = hints.text(about, len(about.hints), {"plugin.py": source})
    _, _, given = " ".join(text.split()).partition("is the step that made them:")
    named = set(re.findall(r"(\w+) \(", given.partition(". Take them")[0]))
    assert not named & {"app", "create", "get", "path", "mount", "unmount", "remove", "lock"}
    _, _, missing = text.partition("It does not have\n")
    lines = {line.strip() for line in missing.partition("\nLook for")[0].splitlines()} - {""}
    assert not lines & {line.strip() for line in source.splitlines()}


def test_a_program_that_is_not_python_has_the_names_of_its_words(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "plugin.py").write_text(str(course.step("3.6").before["plugin.py"]) + "def mount(:\n")
    for _ in range(3):
        text = say(learner.hint, "3.6")
    assert "work/plugin.py has nothing" not in text
    (work / "plugin.py").write_text("def mount(:\n")
    assert "existing (3.3)" in " ".join(say(learner.hint, "3.6").split())


NO_CLAIM = r"(?i)\byour (program|plugin|server|Get|Create|Remove) (ends|makes|exits|says|answers|does not|has no)\b"


@pytest.mark.parametrize("step", STEPS)
def test_a_hint_in_words_claims_nothing_of_the_learners_program(step: str) -> None:
    for hint in course.step(step).hints[:-1]:
        assert not re.search(NO_CLAIM, " ".join(hint.split())), hint
