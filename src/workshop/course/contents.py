"""The pages that the slides make: a file of slides/ is one page, and begins another at each slide with a line !PAGE."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from workshop.course import course
from workshop.course.course import CourseError, Slide


@dataclass(frozen=True)
class Page:
    """A page of the site, short enough for one sitting."""

    name: str
    """Its address without .html: "part3" for the first page of that file, then "part3-2", "part3-3"."""
    title: str
    about: str = ""
    """What it is about, in a sentence; "" for the first page of a file, which begins with an introduction."""
    slides: list[tuple[str, Slide]] = field(default_factory=list)
    """Its slides, each with the name of its place on the page and in the deck."""


def anchor(slide: Slide, number: int) -> str:
    """Return the name of a slide in the addresses of deck and page; number is its place in the file, from 1."""
    return step_anchor(slide.step) if slide.step else f"slide-{number}"


def step_anchor(step_id: str) -> str:
    """Return the name of a step in the addresses of deck and page, "step-3-6"."""
    return f"step-{step_id.replace('.', '-')}"


def pages(path: Path) -> list[Page]:
    """Return the pages of a slides file, in their order. Raises CourseError."""
    found = [Page(path.stem, course.front_matter(path)[0])]
    for number, slide in enumerate(course.slides(path), start=1):
        if slide.page and number == 1:
            raise CourseError(f"{slide.where}: the first page begins here already: remove the line !PAGE.")
        if slide.page:
            if not slide.about:
                raise CourseError(f"{slide.where}: say below !PAGE what the page is about: !ABOUT a sentence")
            found.append(Page(f"{path.stem}-{len(found) + 1}", slide.page, slide.about))
        found[-1].slides.append((anchor(slide, number), slide))
    return found


@cache
def places() -> dict[tuple[str, str], str]:
    """Return the page that each slide is on: ("part3", "step-3-12") is on "part3-3". Raises CourseError."""
    return {(path.stem, name): page.name for path in course.files() for page in pages(path) for name, _ in page.slides}


def page_of_step(step_id: str) -> str:
    """Return the address of a step on its page, "part3-2.html#step-3-6". Raises CourseError."""
    name = step_anchor(step_id)
    return f"{places()[f'part{step_id[0]}', name]}.html#{name}"
