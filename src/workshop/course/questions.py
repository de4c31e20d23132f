"""The questions for everybody: four options, the right one, and the misconception behind each wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.course import course
from workshop.course.course import Option, Slide

LETTERS = "ABCD"


@dataclass(frozen=True)
class Question:
    """A question for everybody, as it is printed: all texts are Markdown."""

    where: str
    """The slides file, and the line that its slide begins at."""
    title: str
    """The heading of its slide."""
    text: str
    """The question."""
    options: tuple[tuple[str, Option], ...]
    """Each option behind its letter. An option has a text, "right", and a reason."""

    @property
    def answer(self) -> tuple[str, Option]:
        """The right option, behind its letter."""
        return next(each for each in self.options if each[1].right)

    @property
    def wrong(self) -> list[tuple[str, Option]]:
        """The other options: the reason of each is the misconception of those who choose it."""
        return [each for each in self.options if not each[1].right]


def questions(path: Path) -> list[Question]:
    """Return the questions of a slides file in their order. Raises CourseError."""
    return [question(slide) for slide in course.slides(path) if slide.options]


def question(slide: Slide) -> Question:
    """Return the question that a slide with options is. Raises CourseError."""
    if problem := "; ".join(_problems(slide)):
        raise course.CourseError(f"{slide.where}: this question {problem}.")
    title = course.heading(slide)
    text = course.HEADING.sub("", slide.text, count=1).strip()
    return Question(slide.where, title, text, tuple(zip(LETTERS, slide.options, strict=True)))


def _problems(slide: Slide) -> Iterator[str]:
    """Yield what a question lacks."""
    right = [option for option in slide.options if option.right]
    if len(slide.options) != len(LETTERS):
        yield f"has {len(slide.options)} options: give it {len(LETTERS)}, each with !RIGHT or !WRONG"
    if len(right) != 1:
        yield f"has {len(right)} right options: mark one with !RIGHT"
    for option in slide.options:
        if not option.reason:
            what = "why it is right" if option.right else "the misconception behind it"
            yield f"lacks, below {option.text!r}, {what}"
