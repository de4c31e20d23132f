"""What a teacher asks and sets: questions for everybody, prompts with their answers, and exercises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from test_site import needs_markdown

from workshop.course import agenda, course, questions
from workshop.course.course import CourseError, Slide
from workshop.course.site import deck
from workshop.course.site import pages as maker

LONGEST = 20
"""How many minutes of slides may pass in a sitting without a question for everybody. Breaks do not count."""
NEAREST = 5
"""How many minutes of slides are at least between two questions."""
FRONT = "---\ntitle: Fruit\nminutes: 5\n---\n"
QUESTION = """!SLIDE
!MINUTES 2
## Which fruit?

Which of these is a **mango**?

!WRONG an `apple`
Takes green for unripe.
!RIGHT a mango
It has a stone.
!WRONG a kiwi
Takes every fruit for a mango.
!WRONG a pear
Has only ever seen pears.

!NOTE
Ask: why? (Because.)
"""
EXERCISE = """!SUB
!MINUTES 1
## For the fast

!EXERCISE 10 Peel it

Peel a mango.

!SOLUTION
```diff
-    bite()
+    peel()
```

!NOTE
Note: no hurry.
"""

each_file = pytest.mark.parametrize("path", course.files(), ids=lambda path: path.stem)
each_plan = pytest.mark.parametrize("plan", agenda.PLANS.values(), ids=agenda.PLANS)


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A slides file with a question and an exercise."""
    path = tmp_path / "fruit.md"
    path.write_text(FRONT + QUESTION + EXERCISE)
    return path


def waits(slides: Iterable[Slide]) -> Iterator[int]:
    """Yield the minutes of slides before, between and after the questions."""
    since = 0
    for slide in slides:
        if slide.options:
            yield since
            since = 0
        else:
            since += slide.minutes
    yield since


def taught(plan: agenda.Plan) -> list[list[Slide]]:
    """Return the slides of each sitting of a plan, as they are taught, one file after the other."""
    sittings = agenda.sittings(plan, agenda.minutes_of(plan.start))
    return [[slide for stretch in sitting for slide in stretch.slides] for sitting in sittings]


@each_plan
def test_in_no_sitting_anybody_waits_long_for_a_question(plan: agenda.Plan) -> None:
    found = [list(waits(slides)) for slides in taught(plan)]
    assert [each for each in found if max(each) > LONGEST] == []


@each_plan
def test_no_question_follows_soon_on_another(plan: agenda.Plan) -> None:
    between = [list(waits(slides))[1:-1] for slides in taught(plan)]
    assert all(between) and [each for each in between if min(each) < NEAREST] == []


@each_plan
def test_a_plan_asks_what_it_does_not_leave_out(plan: agenda.Plan) -> None:
    """The notes in the speaker view say so by is_in()."""
    asked = [slide.where for slides in taught(plan) for slide in slides if slide.options]
    files = [course.folder() / f"{name}.md" for sitting in plan.sittings for name in sitting]
    slides = [slide for path in files for slide in course.slides(path)]
    assert asked == [slide.where for slide in slides if slide.options and slide.is_in(plan.name)]


@each_file
def test_each_question_has_four_options_one_right_and_a_misconception_behind_each_wrong_one(path: Path) -> None:
    for question in questions.questions(path):
        assert [letter for letter, _ in question.options] == ["A", "B", "C", "D"]
        assert len(question.wrong) == 3 and question.answer[1].right and question.text
        assert all(option.reason.endswith(".") for _, option in question.options), question.where


def test_the_right_answer_cannot_be_guessed_from_its_letter() -> None:
    letters = [question.answer[0] for path in course.files() for question in questions.questions(path)]
    assert set(letters) == set("ABCD")
    assert max(letters.count(letter) for letter in "ABCD") < len(letters) / 2
    assert not [one for one, two in pairwise(letters) if one == two], letters


@each_file
def test_the_answer_to_each_prompt_stands_behind_it(path: Path) -> None:
    prompts = [(slide.where, line) for slide in course.slides(path) for line in slide.notes.splitlines()]
    asked = [(where, line) for where, line in prompts if line.startswith("Ask:")]
    assert [(where, line) for where, line in asked if not re.fullmatch(r"Ask: .+\? \([A-Z`].*[.?!]\)", line)] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("!WRONG a pear\nHas only ever seen pears.\n", "", "has 3 options: give it 4, each with !RIGHT or !WRONG"),
        ("!RIGHT", "!WRONG", "has 0 right options: mark one with !RIGHT"),
        ("!WRONG a kiwi", "!RIGHT a kiwi", "has 2 right options"),
        ("Takes green for unripe.\n", "", "lacks, below 'an `apple`', the misconception behind it"),
        ("It has a stone.\n", "", "lacks, below 'a mango', why it is right"),
    ],
)
def test_a_question_that_is_not_whole_fails_the_build(slides: Path, old: str, new: str, said: str) -> None:
    slides.write_text(slides.read_text().replace(old, new))
    with pytest.raises(CourseError, match=r"fruit\.md:5: this question .*" + re.escape(said)):
        questions.questions(slides)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("!RIGHT", "an option stands behind !RIGHT, and its reason below"),
        ("!EXERCISE Peel it", "an exercise has minutes and a title: !EXERCISE 10 title"),
        ("!SOLUTION", "!SOLUTION stands alone on its line, below the text of its exercise"),
    ],
)
def test_a_mark_that_lacks_something_is_named_with_its_line(tmp_path: Path, mark: str, said: str) -> None:
    path = tmp_path / "fruit.md"
    path.write_text(f"{FRONT}!SLIDE\n{mark}\n")
    with pytest.raises(CourseError, match=r"fruit\.md:6: " + re.escape(said)):
        course.slides(path)


def test_a_question_is_data_for_whoever_prints_it(slides: Path) -> None:
    (question,) = questions.questions(slides)
    assert (question.title, question.text) == ("Which fruit?", "Which of these is a **mango**?")
    assert [(letter, option.text, option.right) for letter, option in question.options] == [
        ("A", "an `apple`", False),
        ("B", "a mango", True),
        ("C", "a kiwi", False),
        ("D", "a pear", False),
    ]
    assert question.answer[1].reason == "It has a stone."
    assert [option.reason for _, option in question.wrong][1] == "Takes every fruit for a mango."


@needs_markdown
def test_a_page_tells_the_answer_after_a_click(slides: Path) -> None:
    shown, _, folded = maker.page(slides).partition('<details class="answer">')
    folded = folded.partition("</details>")[0]
    for option in ("an <code>apple</code>", "a mango", "a kiwi", "a pear"):
        assert f"<li>{option}</li>" in shown
    for reason in ("It has a stone.", "Takes green for unripe.", "Takes every fruit", "only ever seen pears"):
        assert reason in folded and reason not in shown


@needs_markdown
def test_a_deck_tells_what_is_right_and_wrong_in_one_fragment_and_in_the_notes(slides: Path) -> None:
    shown, _, rest = deck.page(slides).partition('<aside class="notes">')
    notes = rest.partition("</aside>")[0]
    fragment = '<span class="{}" data-fragment-index="0">{}</span>'
    assert f"<li>an <code>apple</code> {fragment.format('reason fragment', 'Takes green for unripe.')}</li>" in shown
    right = fragment.format("reason right fragment", "<strong>Right.</strong> It has a stone.")
    assert f"<li>a mango {right}</li>" in shown
    assert shown.count('class="reason fragment"') == 3
    assert "Takes green for unripe." in notes and "<strong>B.</strong> It has a stone." in notes


@needs_markdown
def test_an_exercise_stands_in_the_deck_and_its_solution_on_the_page_alone(slides: Path) -> None:
    page, shown = maker.page(slides), deck.page(slides)
    assert "### Peel it, 10 minutes" in page and "+    peel()" in page
    assert "<strong>Peel it</strong> (10 minutes). Peel a mango." in shown and "peel()" not in shown


@needs_markdown
def test_each_deck_begins_with_date_place_and_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "folder", lambda: tmp_path)
    deck_of = tmp_path / "part1.md"
    deck_of.write_text(FRONT + "!SLIDE\n!MINUTES 3\n# Fruit\n!SUB\n!MINUTES 2\n## Mango\n")
    intro = tmp_path / "intro.md"
    intro.write_text("---\ntitle: All\nminutes: 1\ndate:\nplace:\naddress:\n---\n")
    assert "occasion" not in deck.page(deck_of).partition("<body")[2]
    intro.write_text("---\ntitle: All\nminutes: 1\ndate: 4 May\nplace: Room <2>\naddress: http://kiwi/\n---\n")
    shown = deck.page(deck_of).partition("<body")[2]
    assert shown.count('<p class="occasion">4 May · Room &lt;2&gt; · http://kiwi/</p>') == 1
    assert shown.index("occasion") < shown.index("Mango")


@pytest.mark.parametrize("part", course.parts(), ids=lambda part: f"part{part.number}")
def test_a_part_begins_with_its_objectives_and_ends_with_what_to_remember(part: course.Part) -> None:
    slides = course.slides(course.folder() / f"part{part.number}.md")
    headings = [course.heading(slide) for slide in slides]
    assert (headings[1], headings[-2]) == ("After this part you can", "What to remember")
    objectives, remember = slides[1], slides[-2]
    assert objectives.text.count("\n- ") >= 4 and remember.text.count("\n- ") >= 4
    skills, _, answers = objectives.more.partition('<details class="answer"')
    tests = re.findall(r"^\| (?!you can|---).+ \| .+ \|$", skills, re.MULTILINE)
    assert "### What you need to know before" in skills and len(tests) >= 3
    assert len(re.findall(r"^\d\. ", answers, re.MULTILINE)) == len(tests)
