"""A question for everybody, and the exercises, as HTML for decks and pages."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from workshop.course.course import Exercise, Option
from workshop.course.questions import Question


def options(question: Question, reasons: bool = False) -> str:
    """Return the options of a question as a list with letters.

    With reasons, for a slide, one key shows below each why it is right, or the misconception behind it.
    """
    rows = "\n".join(
        f"<li>{inline(option.text)}{f' {_reason(option)}' if reasons else ''}</li>" for _, option in question.options
    )
    return f'<ol class="options" type="A">\n{rows}\n</ol>'


def _reason(option: Option) -> str:
    kind, begin = ("reason right", "<strong>Right.</strong> ") if option.right else ("reason", "")
    return f'<span class="{kind} fragment" data-fragment-index="0">{begin}{inline(option.reason)}</span>'


def explanation(question: Question) -> str:
    """Return the answer, and below it the misconception behind each wrong option."""
    right, *wrong = (
        f"<strong>{letter}.</strong> {inline(option.reason)}" for letter, option in (question.answer, *question.wrong)
    )
    rows = "\n".join(f"<li>{each}</li>" for each in wrong)
    return f'<p>{right}</p>\n<ul class="misconceptions">\n{rows}\n</ul>'


def folded(question: Question) -> str:
    """Return options and explanation for a page, which shows the explanation after a click."""
    summary = "<summary>The answer, and why the others are wrong</summary>"
    return f'{options(question)}\n\n<details class="answer">{summary}\n{explanation(question)}\n</details>'


def task(exercise: Exercise) -> str:
    """Return what an exercise asks for, in Markdown: with its title and minutes before it."""
    return f"**{exercise.title}** ({exercise.minutes} minutes). {exercise.text}"


def exercise(exercise: Exercise) -> str:
    """Return an exercise for a page, in Markdown: its solution is shown after a click."""
    head = f"### {exercise.title}, {exercise.minutes} minutes"
    summary = "<summary>A solution</summary>"
    solution = f'<details class="solution" markdown="1">{summary}\n\n{exercise.solution}\n\n</details>'
    return f"{head}\n\n{exercise.text}\n\n{solution}"


def inline(text: str) -> str:
    """Return a paragraph of Markdown as HTML, without the paragraph around it, in one line."""
    shown = str(_converter().reset().convert(text))
    return shown.removeprefix("<p>").removesuffix("</p>").replace("\n", " ")


@cache
def _converter() -> Any:
    """Return what converts Markdown. To make one takes longer than to convert a paragraph."""
    return importlib.import_module("markdown").Markdown()
