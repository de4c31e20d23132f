"""The learner's verbs: what they print, what they keep, and what they never lose."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from workshop import repository
from workshop.course import course, edits, learner, progress

ROOT = Path(__file__).parent.parent
FIRST = [step.id for step in course.part(1).steps]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "w"))
    return tmp_path / "w"


@pytest.fixture
def say(work: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a caller of a verb that returns what was printed, after what holds for every verb."""

    def call(verb: Callable[..., int], *arguments: object, status: int = 0) -> str:
        assert verb(*arguments) == status
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


def passed(part: int) -> None:
    progress.record(part, {step.id: True for step in course.part(part).steps})


def test_a_look_at_a_later_part_is_no_step_ahead(say: Say) -> None:
    say(learner.start)
    progress.record(1, {"1.1": True, "1.2": False})
    progress.record(2, {"2.1": False})
    assert progress.progress().part == 1
    passed(1)
    progress.record(2, {"2.1": False})
    assert progress.progress().part == 2


def test_a_newcomer_gets_the_first_three_commands(say: Say) -> None:
    text = say(learner.status)
    commands = re.findall(r"^  (\./workshop \w+)", text, re.MULTILINE)
    assert commands == ["./workshop tour", "./workshop start", "./workshop check"]
    assert text.rstrip().endswith("./workshop tour")


def test_status_marks_what_is_done_and_what_is_next(say: Say) -> None:
    say(learner.start)
    progress.record(1, {"1.1": True, "1.2": True, "1.3": False})
    text = say(learner.status)
    assert "  ok    1.2 " in text and "  next  1.3 " in text and "        1.4 " in text
    assert re.search(r"Part 1 .* 2 of +8 done", text) and re.search(r"Part 3 .* 0 of 16 done", text)


def test_status_after_a_part_names_the_next_and_at_the_end_the_diff(say: Say) -> None:
    say(learner.start)
    passed(1)
    assert say(learner.status).rstrip().endswith("./workshop start 2")
    for part in (2, 3):
        say(learner.start, part)
        passed(part)
    assert say(learner.status).rstrip().endswith("./workshop diff")
    assert "Achievement unlocked!" in say(learner.start)


def test_a_step_that_fails_again_is_next(work: Path) -> None:
    progress.record(1, dict.fromkeys(FIRST, True))
    progress.record(1, {"1.1": True, "1.2": False})
    upcoming = progress.next_step(progress.progress())
    assert upcoming and upcoming.id == "1.2"


def test_start_says_that_the_first_check_will_fail(say: Say, work: Path) -> None:
    text = say(learner.start)
    skeleton = (work / "plugin.py").read_text()
    assert skeleton == str(course.part(1).before["plugin.py"]) and "app = Flask(__name__)" in skeleton
    assert "will FAIL, at step 1.1" in text and "not a\nbroken install" in text
    assert all(f"  {what} " in text for what in ("Python", "Flask", "Docker Engine", "Rights"))


@pytest.mark.parametrize("part", [2, 3])
def test_a_part_starts_where_the_one_before_ends(say: Say, work: Path, part: int) -> None:
    say(learner.start, part)
    assert (work / "plugin.py").read_bytes() == (ROOT / f"part{part - 1}" / "plugin.py").read_bytes()
    assert progress.progress().part == part


def test_start_goes_on_to_the_next_part(say: Say) -> None:
    say(learner.start)
    passed(1)
    assert "Part 2 · " in say(learner.start)
    assert progress.progress().part == 2


def test_start_never_loses_a_file(say: Say, work: Path) -> None:
    work.mkdir()
    for count in (1, 2):
        (work / "plugin.py").write_text(f"mine = {count}\n")
        text = say(learner.start, 2)
        assert f"Your earlier file is now work/plugin-{count}.py." in text
        assert f"cp work/plugin-{count}.py work/plugin.py" in text
    assert [(work / f"plugin-{count}.py").read_text() for count in (1, 2)] == ["mine = 1\n", "mine = 2\n"]


def test_start_moves_a_link_aside_and_not_what_it_leads_to(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "elsewhere.py").write_text("mine\n")
    (work / "plugin.py").symlink_to("elsewhere.py")
    say(learner.start, 1)
    assert (work / "elsewhere.py").read_text() == "mine\n" and (work / "plugin-1.py").is_symlink()


def test_start_again_leaves_what_is_the_same(say: Say, work: Path) -> None:
    say(learner.start, 1)
    assert "is as part 1 begins already" in say(learner.start, 1)
    assert not (work / "plugin-1.py").exists()


def test_start_without_a_part_leaves_work_under_way(say: Say, work: Path) -> None:
    say(learner.start)
    (work / "plugin.py").write_text("mine\n")
    assert "stays as it is" in say(learner.start)
    assert (work / "plugin.py").read_text() == "mine\n"


def test_start_forgets_what_was_passed_of_the_part(say: Say) -> None:
    passed(1)
    passed(2)
    say(learner.start, 2)
    assert progress.progress().passed == FIRST


@pytest.mark.parametrize(
    ("verb", "wrong", "there"),
    [(learner.start, 9, "1, 2 and 3"), (learner.hint, "9.1", "1.1 to 1.8"), (learner.diff, "x", "1.1 to 1.8")],
)
def test_wrong_usage_names_what_there_is(say: Say, verb: Callable[..., int], wrong: object, there: str) -> None:
    assert there in say(verb, wrong, status=2)


def test_hints_rise_and_the_fourth_offers_the_diff(say: Say) -> None:
    for depth, hint in enumerate(course.step("1.1").hints, start=1):
        text = say(learner.hint)
        assert f"Hint {depth} of 3" in text and hint.splitlines()[0] in text
    assert say(learner.hint).rstrip().endswith("./workshop diff 1.1")
    assert "Hint 1 of 3" in say(learner.hint, "3.4")


def test_hints_are_for_the_first_step_that_is_not_done(say: Say) -> None:
    progress.record(1, {"1.1": True, "1.2": False})
    assert "Step 1.2 · " in say(learner.hint)


@pytest.mark.parametrize("step", [step.id for part in course.parts() for step in part.steps])
def test_every_hint_and_diff_fits_and_ends_in_a_command(say: Say, step: str) -> None:
    say(learner.start, int(step[0]))
    for _ in range(4):
        say(learner.hint, step)
    say(learner.diff, step)


def test_diff_shows_the_edit_of_the_step_and_how_much_of_it_is_there(say: Say, work: Path) -> None:
    work.mkdir()
    (work / "plugin.py").write_text('def greet():\n    return "Hi!"\n')
    text = say(learner.diff, "1.2")
    assert text.splitlines()[2:-2] == ["  work/plugin.py", "@@", *(line.rstrip() for line in hunk_of("1.2"))]
    assert "Of 3 new lines, yours has 1." in text
    assert "Of 1 new lines, yours has 0." in say(learner.diff, "1.4")


def hunk_of(step: str) -> tuple[str, ...]:
    ((hunk,),) = (edit.hunks for edit in course.step(step).edits)
    return hunk.lines


def test_diff_without_a_step_is_of_the_whole_file(say: Say) -> None:
    say(learner.start, 2)
    assert "+def activate():" in say(learner.diff)


def test_diff_of_what_is_the_same_says_so(say: Say, work: Path) -> None:
    assert "There is no work/plugin.py yet" in say(learner.diff, status=1)
    work.mkdir()
    (work / "plugin.py").write_text(str(course.part(1).after["plugin.py"]))
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
    say(learner.start, 2)
    assert sorted(path.name for path in work.glob("[!.]*")) == ["plugin.py"]
    (work / "ddd-tcp.spec").write_text("mine\n")
    assert "stays as it is" in say(learner.start)
    assert "Your earlier file is now work/ddd-tcp-1.spec." in say(learner.start, 2)
    assert sorted(path.name for path in work.glob("[!.]*")) == ["ddd-tcp-1.spec", "plugin.py"]
    assert (work / "ddd-tcp-1.spec").read_text() == "mine\n"


def test_start_is_done_though_nobody_reads_what_it_says(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(BrokenPipeError):
        patch.setattr("builtins.print", gone)
        learner.start(2)
    assert progress.progress().part == 2 and (work / "plugin.py").is_file()


def test_the_last_step_is_not_every_step(say: Say) -> None:
    for part in (1, 3):
        say(learner.start, part)
        passed(part)
    progress.record(2, {step.id: step.id != "2.4" for step in course.part(2).steps})
    progress.save(replace(progress.progress(), part=3))
    assert "The last step is done. Not done yet: 2.4." in say(learner.status)
    passed(2)
    progress.save(replace(progress.progress(), part=3))
    assert "Every step is done, up to the last." in say(learner.status)


def test_part_3_starts_with_all_files_of_part_2(say: Say, work: Path) -> None:
    text = say(learner.start, 3)
    for name in ("plugin.py", "ddd-tcp.spec", "ddd-tls.json"):
        assert (work / name).read_bytes() == (ROOT / "part2" / name).read_bytes()
        assert f"Made work/{name} from the end of part 2." in text


def test_status_names_the_file_that_the_step_is_about(say: Say) -> None:
    say(learner.start, 2)
    progress.record(2, {"2.1": True, "2.2": True, "2.3": False})
    assert "Next is step 2.3, Found over TCP. Work on work/ddd-tcp.spec." in say(learner.status)


def test_diff_is_of_all_files_and_counts_the_lines_of_each(say: Say, work: Path) -> None:
    say(learner.start, 2)
    (work / "ddd-tls.json").write_text('{\n  "Addr": "http://127.0.0.1:8788"\n}\n')
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
    for verb in (learner.status, learner.start, learner.hint, learner.diff, learner.status):
        assert verb() == 0
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
    say(learner.start, 2)
    say(learner.hint, "2.1")
    (work / "plugin.py").write_text("mine\n")
    now = json.loads((work / ".progress.json").read_text())
    for older in (now | {"course": "another"}, {key: now[key] for key in ("part", "passed", "hints")}):
        (work / ".progress.json").write_text(json.dumps(older))
        text = say(learner.status)
        assert text.startswith("The steps of the course have changed; your plugin is as it was. Check it anew:\n")
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
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_progress_begins_afresh_and_says_so_once(say: Say, work: Path, text: str) -> None:
    work.mkdir()
    (work / "plugin.py").write_text("mine\n")
    (work / ".progress.json").write_text(text)
    assert "begins afresh" in say(learner.status)
    assert "begins afresh" not in say(learner.status)
    assert (work / "plugin.py").read_text() == "mine\n"


def test_bytes_that_are_no_text_are_a_damaged_progress(say: Say, work: Path) -> None:
    work.mkdir()
    (work / ".progress.json").write_bytes(b"\xff\xfe")
    assert "begins afresh" in say(learner.status)


def test_progress_is_kept_in_one_file(work: Path) -> None:
    progress.record(2, {"2.1": True, "2.2": False})
    kept = {"part": 2, "passed": ["2.1"], "hints": {}, "course": course.version()}
    assert json.loads((work / ".progress.json").read_text()) == kept
    assert os.listdir(work) == [".progress.json"]
