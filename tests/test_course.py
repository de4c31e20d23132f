"""The course lints: what every step has to have, and the reader of slides/."""

import re
from pathlib import Path

import pytest
from steps import STEPS, first_failure

from workshop.course import course, needs
from workshop.course.course import CourseError

ROOT = Path(__file__).parent.parent
FRONT = "---\ntitle: Fruit\nminutes: 5\n---\n"


def steps_in(number: int) -> list[str]:
    """Return the steps of a part, as they stand in its file of checks."""
    text = (ROOT / "tests" / f"test_part{number}.py").read_text()
    return [f"{part}.{step}" for part, step in re.findall(r"^def test_(\d+)_(\d+)_", text, re.MULTILINE)]


@pytest.mark.parametrize("part", course.parts(), ids=lambda part: f"part{part.number}")
class TestPart:
    def test_its_steps_are_its_checks_in_their_order(self, part: course.Part) -> None:
        assert [step.id for step in part.steps] == steps_in(part.number)

    def test_each_step_says_in_a_sentence_why_docker_needs_it(self, part: course.Part) -> None:
        said = {step.id: step.why for step in part.steps}
        assert [step for step, why in said.items() if not why.endswith(".") or len(why.split()) > 20] == []
        assert len(set(said.values())) == len(said)

    def test_its_minutes_are_those_of_its_slides(self, part: course.Part) -> None:
        slides = course.slides(course.folder() / f"part{part.number}.md")
        assert sum(slide.minutes for slide in slides) == part.minutes
        assert not [slide.where for slide in slides if not slide.minutes]

    def test_it_closes_with_an_achievement(self, part: course.Part) -> None:
        last = course.slides(course.folder() / f"part{part.number}.md")[-1]
        assert "## Achievement unlocked!" in last.text, last.where


def test_a_step_is_needed_by_those_that_use_its_lines_or_its_names() -> None:
    assert needs.steps_that_need("1.6") == ["1.7", "1.8"]
    assert needs.steps_that_need("3.4") == ["3.10"], "it looks for a line"
    assert "3.6" in needs.steps_that_need("3.3"), "it uses existing"
    assert needs.steps_that_need("3.16") == needs.steps_that_need("1.7") == []


def test_the_code_of_all_slides_is_there() -> None:
    slides = [slide for path in course.folder().glob("*.md") for slide in course.slides(path)]
    assert all(course.snippet(reference) for slide in slides for reference in slide.code)


@pytest.mark.parametrize("name", ["ddd-tcp.spec", "ddd-tls.json"])
def test_a_file_that_a_slide_shows_is_shown_as_it_is(name: str) -> None:
    steps = [step for step in course.part(2).steps if any(edit.file == name for edit in step.edits)]
    assert str(steps[-1].after[name]) == (ROOT / "part2" / name).read_text()
    slides = {slide.step: slide for slide in course.slides(course.folder() / "part2.md") if slide.step}
    assert all(edit in slides[step.id].edits for step in steps for edit in step.edits)


def test_the_skeleton_runs_and_fails_the_first_step(tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(str(course.part(1).before["plugin.py"]))
    assert first_failure(file, STEPS) == "1.1"


def read(tmp_path: Path, text: str) -> list[course.Slide]:
    path = tmp_path / "fruit.md"
    path.write_text(FRONT + text)
    return course.slides(path)


def test_a_slide_has_what_stands_on_it(tmp_path: Path) -> None:
    text = "!SLIDE\n# One\n!SUB\n!STEP 2.1 A title\n!MINUTES 5\nTwo\n!CODE part2/plugin.py:answer\nthree\n"
    text += "!EDIT plugin.py\n\n```diff\n+!SLIDE\n```\nfour\n"
    text += "!HINT\nWhy?\n\n    code\n!HINT\nSo.\n!MORE\nmore\n!NOTE\nAsk.\n!SLIDE\nend\n"
    one, two, end = read(tmp_path, text)
    assert (one.text, one.vertical, end.text, end.vertical) == ("# One", False, "end", False)
    assert (two.vertical, two.step, two.title, two.minutes) == (True, "2.1", "A title", 5)
    assert two.text == "Two\n!CODE part2/plugin.py:answer\nthree\n!EDIT 0\nfour"
    assert [edit.file for edit in two.edits] == ["plugin.py"] and two.edits[0].added == ["!SLIDE"]
    assert (two.hints, two.more, two.notes) == (["Why?\n\n    code", "So."], "more", "Ask.")
    assert two.code == ["part2/plugin.py:answer"] and two.where.endswith("fruit.md:7")


def test_a_slide_is_cut_first_where_it_says_so(tmp_path: Path) -> None:
    kept, cut = read(tmp_path, "# Kept\n!SUB\n!MINUTES 2\n!CUT\n## Cut\n")
    assert (kept.cut, cut.cut, cut.text) == (False, True, "## Cut")
    assert (kept.left_out, cut.left_out) == ("", "two-evenings")
    with pytest.raises(CourseError, match=r"behind !CUT stands nothing, or two-evenings, .*; not 'first'"):
        read(tmp_path, "!CUT first\n")


def test_a_plan_leaves_out_what_a_longer_one_does(tmp_path: Path) -> None:
    first, second = read(tmp_path, "# First\n!SUB\n!CUT half-day\n## Second\n")
    assert all(first.is_in(plan) for plan in course.PLANS)
    assert [plan for plan in course.PLANS if second.is_in(plan)] == ["day", "two-evenings"]
    assert not second.cut


@pytest.mark.parametrize("fence", ["```", "~~~~", "```console"])
def test_a_mark_in_a_code_fence_is_text(tmp_path: Path, fence: str) -> None:
    closing = re.sub(r"\w", "", fence)
    (slide,) = read(tmp_path, f"{fence}\n!SLIDE\n!FOO\n{closing}\nafter\n")
    assert "!FOO" in slide.text and slide.text.endswith("after")


def test_text_before_the_first_mark_is_a_slide(tmp_path: Path) -> None:
    assert [slide.text for slide in read(tmp_path, "# First\n!SUB\nsecond\n")] == ["# First", "second"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("!SLIDE\n!SLYDE\n", 6, "!SLYDE means nothing"),
        ("!STEP two A title\n", 5, "!STEP 2.1 title"),
        ("!STEP 2.1 A title\n!STEP 2.2 Another\n", 6, "one line !STEP"),
        ("!PAGE\n", 5, "one line !PAGE"),
        ("!PAGE One\n!PAGE Two\n", 6, "one line !PAGE"),
        ("!ABOUT A fruit.\n", 5, "one line !ABOUT"),
        ("!PAGE One\n!ABOUT\n", 6, "one line !ABOUT"),
        ("!WHY\n", 5, "one line !WHY"),
        ("!WHY One.\n!WHY Two.\n", 6, "one line !WHY"),
        ("!MINUTES some\n", 5, "whole number over 0"),
        ("!MINUTES 0\n", 5, "whole number over 0"),
        ("!CODE activate\n", 5, "named by file and function"),
        ("text\n```\nno end\n", 6, "has no end"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(CourseError) as error:
        read(tmp_path, text)
    assert f"fruit.md:{line}: " in str(error.value) and said in str(error.value)


@pytest.mark.parametrize("text", ["", "# No front matter\n", "---\nminutes: 3\n---\n", "---\ntitle: A\n---\n"])
def test_a_file_needs_its_front_matter(tmp_path: Path, text: str) -> None:
    (tmp_path / "fruit.md").write_text(text)
    with pytest.raises(CourseError, match=r"fruit\.md:1: "):
        course.front_matter(tmp_path / "fruit.md")


def test_a_snippet_begins_with_its_decorators() -> None:
    assert course.snippet("part2/plugin.py:activate").startswith('@app.post("/Plugin.Activate")\ndef activate():\n')


@pytest.mark.parametrize("reference", ["part2/plugin.py:activat", "part9/plugin.py:activate"])
def test_code_that_is_gone_is_an_error(reference: str) -> None:
    with pytest.raises(CourseError, match=re.escape(f"!CODE {reference}")):
        course.snippet(reference)


def test_an_unknown_step_or_part_names_those_there_are() -> None:
    with pytest.raises(CourseError, match=r"no step 9\.1: the steps are 1\.1 to "):
        course.step("9.1")
    with pytest.raises(CourseError, match="no part 9: the parts are 1, 2 and 3"):
        course.part(9)
