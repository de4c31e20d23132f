"""The handout: every slide with its text and code, and behind each part its notes and answers, for paper."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from string import Template

from workshop.course import course
from workshop.course.course import Slide, heading
from workshop.course.questions import question
from workshop.course.site import deck, pictures, questions
from workshop.trace import page as web

HERE = Path(__file__).parent
LINK = re.compile(r'<a href="(?!https?://)[^"]*">(.*?)</a>', re.DOTALL)
"""A link to another page of the site, which leads nowhere on paper."""
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Write a Docker volume plugin: the handout</title>
<style>$style</style>
</head>
<body>
<header>
<h1>Write a Docker volume plugin</h1>
<p>The handout: all slides with their code, in the order of the day. A slide has the number that the deck shows for it.
The notes for those who teach, the answers to the questions and the solutions of the exercises are behind each part.</p>
</header>
$chapters
<script>$script</script>
</body>
</html>
""")


def page() -> str:
    """Return the handout as HTML that needs nothing from elsewhere. Raises CourseError."""
    colours = re.findall(r"^:root \{.*?^\}", (HERE / "theme.css").read_text(), re.MULTILINE | re.DOTALL)[0]
    style = "\n".join([colours, pictures.STYLE.read_text(), (HERE / "handout.css").read_text()])
    return PAGE.substitute(
        style=style,
        chapters="\n".join(_chapter(path) for path in course.files()),
        script=(web.FOLDER / "conversation.js").read_text(),
    )


def _chapter(path: Path) -> str:
    """Return the slides of a file, and then what belongs to them and is not for the screen. Raises CourseError."""
    title, minutes = html.escape(course.full_title(path)), course.front_matter(path)[1]
    slides = list(deck.numbered(path))
    shown = "\n".join(_slide(number, slide) for number, slide in slides)
    answers = "\n".join(filter(None, (_notes(number, slide) for number, slide in slides)))
    return (
        f'<h1 class="chapter">{title} <small>{minutes} minutes</small></h1>\n{shown}\n'
        f'<h1 class="answers">Notes and answers: {title}</h1>\n{answers}'
    )


def _slide(number: int, slide: Slide) -> str:
    """Return what a slide shows. Raises CourseError."""
    text = course.HEADING.sub("", deck.EDIT.sub("", deck.CODE.sub("", slide.text)), count=1).strip()
    tasks = "\n\n".join(questions.task(each) for each in slide.exercises)
    body = [_markdown(text, slide)]
    body += [f"<figure>{each.heading}{each.code}</figure>" for each in deck.listings(slide)]
    body += [questions.options(question(slide))] if slide.options else []
    body += [_markdown(tasks, slide)] if tasks else []
    body += [_conversation(deck.recording(found, slide.where)) for found in deck.TRACE.findall(slide.more)]
    return f'<section class="slide">\n{_head(number, slide)}\n{"".join(body)}\n</section>'


def _conversation(recording: str) -> str:
    """Return a conversation with all of its calls, below the command that caused it, without the page's controls."""
    title = json.loads(recording.partition("\n")[0])["title"]
    element = web.element(recording, compact=True).replace(" ", ' theme="light" ', 1)
    return f"<figure><h2>{html.escape(title)}</h2>{element}</figure>"


def _notes(number: int, slide: Slide) -> str:
    """Return what belongs to a slide for those who teach: notes, answer, solutions; "" for none. Raises CourseError."""
    body = [_markdown(deck.prompts(slide), slide)] if slide.notes else []
    body += [LINK.sub(r"\1", questions.explanation(question(slide)))] if slide.options else []
    solved = "\n\n".join(f"**{each.title}.**\n\n{each.solution}" for each in slide.exercises)
    body += [_markdown(solved, slide)] if solved else []
    return f'<section class="notes">\n{_head(number, slide)}\n{"".join(body)}\n</section>' if body else ""


def _head(number: int, slide: Slide) -> str:
    """Return the heading of a slide: its number in the deck, its step, its minutes."""
    title = questions.inline(heading(slide))
    step = f"Step {slide.step} · " if slide.step else ""
    return f'<h2><span class="number">{number}</span> {step}{title} <small>{slide.minutes} min</small></h2>'


def _markdown(text: str, slide: Slide) -> str:
    return LINK.sub(r"\1", deck.markdown(text, slide.where))
