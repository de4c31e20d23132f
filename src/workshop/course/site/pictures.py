"""The pictures of slides/pictures/. A page and a deck draw them in their own colours; a file alone has colours, too.

A line of Markdown that is an image from slides/pictures/ stands for one. GitHub shows the file. Here the file's text
takes the place of the line, without the file's own style, so that it follows the theme of what is around it.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.course import CourseError

STYLE = Path(__file__).parent / "pictures.css"
"""How pictures look: by variables, which theme.css, docs/stylesheets/site.css and ALONE give their values."""
LIGHT = """--paper: #fbf9f4; --ink: #1d2733; --quiet: #51606f; --raised: #f1ece0; --accent: #9a4300;
--docker: #dbeaf1; --plugin: #f6e7cf; --new: #dcefdc; --gone: #f8dfdd;"""
DARK = """--paper: #12181f; --ink: #e9edf1; --quiet: #a9b6c3; --raised: #1c252e; --accent: #ffb454;
--docker: #1d3440; --plugin: #41321c; --new: #1d3a26; --gone: #4a2524;"""
ALONE = f"""svg {{ background: var(--paper); font-family: system-ui, sans-serif; {LIGHT} }}
@media (prefers-color-scheme: dark) {{ svg {{ {DARK} }} }}
"""
"""The colours of a picture that is opened by itself."""
LINE = re.compile(r"^!\[([^\]\n]*)\]\((?:[\w./]+/)?pictures/([\w-]+)\.svg\)[ \t]*$", re.MULTILINE)
"""A line that stands for a picture: its title, and its name."""
CHART = re.compile(r"^!\[[^\]\n]*\]\(([\w-]+)\.svg\)[ \t]*$", re.MULTILINE)
"""A line that stands for a chart of docs/, which a command draws."""
OWN_STYLE = re.compile(r"<style>.*?</style>\n", re.DOTALL)
TEXTS = re.compile(r"<title\b[^>]*>([^<]+)</title>\s*<desc\b[^>]*>[^<]{40,}</desc>\n")
"""What a picture says to those who do not see it: its title, and a description."""


def folder() -> Path:
    """Return where the pictures are."""
    return course.folder() / "pictures"


def inline(text: str, where: str) -> str:
    """Return Markdown with each picture itself in the place of its line. where is for messages. Raises CourseError."""
    return CHART.sub(_chart, LINE.sub(lambda found: _figure(found[2], found[1], where), text))


def _chart(line: re.Match[str]) -> str:
    """Return a chart in the place of its line. It has small type: on a phone it scrolls, and Tab leads to it."""
    drawing = (repository.clone_root() / "docs" / f"{line[1]}.svg").read_text()
    return f'\n<figure class="chart" tabindex="0">\n{OWN_STYLE.sub("", drawing).strip()}\n</figure>\n'


def _figure(name: str, title: str, where: str) -> str:
    """Return one picture as HTML, without an empty line: Markdown would end the HTML there. Raises CourseError."""
    path = folder() / f"{name}.svg"
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in folder().glob("*.svg")))
        raise CourseError(f"{where}: there is no picture {name} in slides/pictures/. There are: {there}.")
    drawing = path.read_text()
    texts = TEXTS.search(drawing)
    if not texts:
        raise CourseError(
            f"{where}: the picture {name} has no text: add a <title>, and a <desc> of what is to be seen."
        )
    if html.unescape(texts[1]) != title:
        raise CourseError(f"{where}: the picture {name} has another title: write ![{html.unescape(texts[1])}](…).")
    return f'\n<figure class="picture">\n{OWN_STYLE.sub("", drawing).strip()}\n</figure>\n'


def with_style(path: Path) -> str:
    """Return a picture that has its colours when it is opened by itself. Raises CourseError where it has no text."""
    bare = OWN_STYLE.sub("", path.read_text())
    texts = TEXTS.search(bare)
    if not texts:
        raise CourseError(f"{path}:1: a picture begins with a <title>, and a <desc> of what is to be seen.")
    return f"{bare[: texts.end()]}<style>\n{ALONE}{STYLE.read_text()}</style>\n{bare[texts.end() :]}"


def build() -> int:
    """Write the style into each picture, and print those that have changed.

    Return 0, or 1 where a picture has no text: the first such one is printed.
    """
    try:
        for path in sorted(folder().glob("*.svg")):
            if path.read_text() != (wanted := with_style(path)):
                path.write_text(wanted)
                print(f"Wrote slides/pictures/{path.name}.")
    except CourseError as error:
        print(f"{error}\nMend it, and write the style into the others:   ./workshop build")
        return 1
    return 0
