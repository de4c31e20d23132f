"""A file of slides/ as a reveal.js deck: an HTML page that needs no network, but ../vendor and ../scripts."""

from __future__ import annotations

import html
import importlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby, pairwise
from pathlib import Path
from string import Template
from typing import Any

from workshop.course import contents, course
from workshop.course.course import CourseError, Slide, heading
from workshop.course.edits import Edit
from workshop.course.questions import question
from workshop.course.site import listing, pictures, questions
from workshop.trace import page as web

HERE = Path(__file__).parent
CODE = re.compile(r"^!CODE[ \t]+(\S+)[ \t]*$", re.MULTILINE)
EDIT = re.compile(r"^!EDIT (\d+)$", re.MULTILINE)
"""Where an edit of the slide is shown, by its number."""
CONSOLE = re.compile(r"^( {0,3}`{3,}console)[ \t]+(?:terminal ([23])|not run: .*)$", re.MULTILINE)
"""A block of commands for another terminal, or one that the tests cannot run; for the reason see tests/terminals.py."""
CAPTION = {"2": ' title="In a second terminal"', "3": ' title="In a third terminal"', None: ""}
TRACE = re.compile(r"^!TRACE[ \t]+(\S+)[ \t]*$", re.MULTILINE)
"""Where a recorded conversation is shown, by its name in traces/."""
COLUMNS = 76
"""How many characters of code a line of a slide has."""
ROWS = 13
"""How many lines of code a slide has, below the reason of its step."""
HEIGHT, ROW = 505, 31
"""How many pixels text and code have on the slide of a step, below its heading, and a line of code: see theme.css."""
LINES = HEIGHT // ROW
"""How many lines of code a slide would have without a text."""


@dataclass(frozen=True)
class Listing:
    """Code for a slide of its own: a name for its address, a heading, the code itself, and how many lines that has."""

    name: str
    heading: str
    code: str
    rows: int


def page(path: Path) -> str:
    """Return the deck of a slides file as HTML. Raises CourseError."""
    title, minutes = course.full_title(path), course.front_matter(path)[1]
    slides = [(page.name, *each) for page in contents.pages(path) for each in page.slides]
    return Template((HERE / "template.html").read_text()).substitute(
        title=html.escape(title),
        page=f"{path.stem}.html",
        seconds=minutes * 60,
        theme=(HERE / "theme.css").read_text(),
        pictures=pictures.STYLE.read_text(),
        script=(HERE / "deck.js").read_text(),
        slides="".join(_stacks(slides, path)),
    )


def numbered(path: Path) -> Iterator[tuple[int, Slide]]:
    """Yield each slide of a file, with the number that the deck shows on its first screen. Raises CourseError."""
    number = 1
    for each in contents.pages(path):
        for name, slide in each.slides:
            yield number, slide
            number += len(list(_sections(each.name, name, slide, path)))


def _stacks(slides: list[tuple[str, str, Slide]], path: Path) -> Iterator[str]:
    """Yield each row of slides that stand one below the other. Raises CourseError."""
    begun = 0

    def stack(item: tuple[str, str, Slide]) -> int:
        nonlocal begun
        begun += not item[2].vertical
        return begun

    for _, group in groupby(slides, stack):
        yield f"<section>\n{''.join(''.join(_sections(*each, path)) for each in group)}</section>\n"


def _sections(page: str, name: str, slide: Slide, path: Path) -> Iterator[str]:
    """Yield a slide, and one more for each piece of code and each conversation on it. Raises CourseError.

    page is the page of the site that has the same text.
    """
    heading(slide)
    words = EDIT.sub("", CODE.sub("", slide.text)).strip()
    code = listings(slide)
    drawn = bool(pictures.LINE.search(words))
    inline = code.pop(0).code if code and code[0].rows <= _room(words) else ""
    talks = [recording(found, slide.where) for found in TRACE.findall(slide.more)]
    # the minutes are shared out, so that the speaker view's clock follows the slides as they are shown
    seconds = slide.minutes * 60 // (1 + len(code) + len(talks))
    first = slide.minutes * 60 - seconds * (len(code) + len(talks))
    kind = "title" if words.startswith("# ") else "text dense" if words.count("\n") > 14 else "text"
    kind += " question" if slide.options else " step" if inline else ""
    part = f"Part {course.part_of(path)}" if kind == "title" and course.part_of(path) else ""
    others = [edit.file for edit in slide.edits if edit.file != "plugin.py"]
    label = " · ".join([f"Step {slide.step}", *others]) if slide.step else "For everybody" if slide.options else part
    badge = f'<p class="badge">{label}</p>' if label else ""
    link = f'<a class="page" href="../{page}.html#{name}">on the page</a>'
    notes = _aside(slide)
    why = f'<p class="why">{html.escape(slide.why)}</p>' if slide.why else ""
    shown = badge + markdown(words, slide.where) + _choices(slide)
    shown += _occasion() if kind == "title" else ""
    # beside a picture the text takes what it needs, and the picture the rest: see theme.css
    shown = f'<div class="drawn">{shown}</div>' if drawn else shown
    yield _section(name, kind, first, shown + inline + notes + link)
    for each in code:
        yield _section(f"{name}-{each.name}", "code", seconds, each.heading + why + each.code + notes + link)
    for number, talk in enumerate(talks, start=1):
        yield _section(f"{name}-calls-{number}", "code", seconds, _conversation(talk) + notes + link)


def recording(name: str, where: str) -> str:
    """Return the text of a recorded conversation, "20.10/run". where is for messages. Raises CourseError."""
    try:
        return course.conversation(name).read_text()
    except CourseError as error:
        raise CourseError(f"{where}: {error}") from None


def _conversation(recording: str) -> str:
    """Return a conversation below the command that caused it, with a fragment for each call: deck.js shows as many."""
    about, *calls = [json.loads(line) for line in recording.splitlines()]
    head = f'<h2><span class="function">{html.escape(about["title"])}</span></h2>'
    return head + web.element(recording) + '<i class="fragment"></i>' * len(calls)


def listings(slide: Slide) -> list[Listing]:
    """Return the code that a slide shows: its functions of a file, and its edits. Raises CourseError."""
    found = [_function_listing(reference) for reference in CODE.findall(slide.text)]
    room = _room(EDIT.sub("", slide.text).strip())
    groups = [(edit.file, group) for edit in slide.edits for group in _grouped(edit, room)]
    return found + [_edit_listing(slide, file, group, number) for number, (file, group) in enumerate(groups, start=1)]


def _grouped(edit: Edit, room: int) -> list[list[tuple[str, ...]]]:
    """Return the hunks of an edit as they stand on slides: on as few as can be, and none of them nearly empty.

    The first slide has the text of the step, and room for that many lines below it.
    """
    hunks = [hunk.shown for hunk in edit.hunks]
    cuts = [cut for number in range(len(hunks)) for cut in combinations(range(1, len(hunks)), number)]
    divisions = [[hunks[begin:end] for begin, end in pairwise((0, *cut, len(hunks)))] for cut in cuts]
    return max(divisions, key=lambda groups: _worth(groups, room))


def _worth(groups: list[list[tuple[str, ...]]], room: int) -> tuple[int, int, int]:
    """Return how well hunks stand on slides; more is better: lines without room, slides, lines of the emptiest one."""
    rows = [sum(len(hunk) + 1 for hunk in group) - 1 for group in groups]
    beside = rows.pop(0) if rows[0] <= room else 0
    filled = [LINES - room + beside, *(LINES - ROWS + row for row in rows)]
    return -sum(max(0, row - ROWS) for row in rows), -len(filled), min(filled)


def _edit_listing(slide: Slide, file: str, hunks: list[tuple[str, ...]], number: int) -> Listing:
    """Return hunks of an edit, each of them a stretch to point at."""
    label = f"step {slide.step}" if slide.step else "as you begin"
    head = f'<h2><span class="file">{file}</span> <span class="function">{label}</span></h2>'
    lines, fragments = list[str](), list[str]()
    for hunk in hunks:
        lines += ['<span class="line gap">⋮\n</span>'] * bool(lines)
        fragments.append(f'<i class="fragment" data-lines="{len(lines) + 1}-{len(lines) + len(hunk)}"></i>')
        lines += listing.changed(file, hunk)
    steps = "".join(fragments) if len(fragments) > 1 else ""
    return Listing(f"edit-{number}", head, _code_block(lines, len(lines), "listing edit") + steps, len(lines))


def _code_block(lines: list[str], rows: int, kind: str = "listing") -> str:
    return f'<pre class="{kind}" style="--rows: {rows}" tabindex="0"><code>{"".join(lines)}</code></pre>'


def _section(name: str, kind: str, seconds: int, content: str) -> str:
    """Return one slide."""
    return f'<section id="{name}" class="{kind}" data-timing="{seconds}">\n{content}\n</section>\n'


def _aside(slide: Slide) -> str:
    """Return what only the presenter sees."""
    minutes = f"<p><strong>{slide.minutes} min</strong> {html.escape(slide.title)}</p>"
    minutes += "<p><strong>Cut this first</strong> when time is short.</p>" if slide.cut else ""
    shorter = [plan for plan in course.PLANS if not slide.is_in(plan)] if not slide.cut else []
    minutes += f"<p><strong>Left out</strong> of: {', '.join(shorter)}.</p>" if shorter else ""
    explained = questions.explanation(question(slide)) if slide.options else ""
    return f'<aside class="notes">{minutes}{markdown(prompts(slide), slide.where)}{explained}</aside>'


def prompts(slide: Slide) -> str:
    """Return the notes of a slide in Markdown, each prompt as a paragraph."""
    return re.sub(r"\n(?=(?:Ask|Demo|Note):)", "\n\n", slide.notes)


def _occasion() -> str:
    """Return when and where the course is, for a title slide; "" where nobody has said so."""
    said = html.escape(" · ".join(course.occasion()))
    return f'<p class="occasion">{said}</p>' if said else ""


def _choices(slide: Slide) -> str:
    """Return what follows the text of a slide: options, with what is right and wrong as a fragment, and exercises."""
    tasks = "".join(markdown(questions.task(each), slide.where) for each in slide.exercises)
    return questions.options(question(slide), reasons=True) if slide.options else tasks


def _room(words: str) -> int:
    """Return how many lines of code there is room for below a text, by the heights in theme.css."""
    if pictures.LINE.search(words):
        return 0
    return int((HEIGHT - sum(map(_height, words.split("\n\n")[1:]))) // ROW)


def _height(block: str) -> int:
    """Return how many pixels a block of a text takes on the slide of a step."""
    lines = block.splitlines()
    if block.startswith("|"):
        return 56 * (len(lines) - 1) + 14
    if block.startswith("```"):
        return 34 * (len(lines) - 2) + 36
    return 39 * math.ceil(len(" ".join(lines)) / 70) + 14


def _rows(source: str) -> int:
    """Return how many lines a text takes on a slide, where long ones are broken."""
    return sum(max(1, math.ceil(len(line) / COLUMNS)) for line in source.splitlines())


def _function_listing(reference: str) -> Listing:
    """Return a function of a file, with the stretches to point at as fragments. Raises CourseError."""
    file, _, function = reference.partition(":")
    head = f'<h2><span class="file">{file}</span> <span class="function">{function}</span></h2>'
    source = course.snippet(reference)
    found = listing.stretches(source)
    steps = "".join(f'<i class="fragment" data-lines="{a}-{b}"></i>' for a, b in found if len(found) > 1)
    return Listing(function, head, _code_block(listing.lines(source), _rows(source)) + steps, _rows(source))


def markdown(text: str, where: str) -> str:
    """Return Markdown as HTML. Raises CourseError for a picture that is not there, or has no text."""
    return str(_converter().reset().convert(consoles(pictures.inline(text, where))))


@cache
def _converter() -> Any:
    """Return what converts Markdown. To make one takes longer than to convert most slides."""
    return importlib.import_module("markdown").Markdown(
        extensions=["tables", "pymdownx.superfences", "pymdownx.highlight"]
    )


def consoles(text: str) -> str:
    """Return Markdown in which a block of commands says in a caption that it is typed in another terminal."""
    return CONSOLE.sub(lambda found: found[1] + CAPTION[found[2]], text)
