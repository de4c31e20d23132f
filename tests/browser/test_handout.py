"""The PDFs, as they are printed: the handout has all that was said, and code on paper is large enough to be read."""

from __future__ import annotations

import html
import importlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop.course import course
from workshop.course.questions import questions
from workshop.course.site import build, events, handout

from .site_fixtures import Chromium, chromium, machine, site

pytestmark = pytest.mark.browser
__all__ = ["chromium", "machine", "site"]

A4 = (210 / 25.4 * 72, 297 / 25.4 * 72)
"""In points."""
each_deck = pytest.mark.parametrize("name", course.ORDER)


def code_on(sheet: Any) -> Iterator[tuple[float, str]]:
    """Yield what a page of a PDF has in a monospaced font, with its size in points."""
    found: list[tuple[float, str]] = []

    def visit(text: str, outer: list[float], inner: list[float], font: dict[str, Any] | None, size: float) -> None:
        if text.strip() and "Mono" in str((font or {}).get("/BaseFont")):
            across, down = inner[0] * outer[0] + inner[1] * outer[2], inner[0] * outer[1] + inner[1] * outer[3]
            found.append((size * math.hypot(across, down), text.strip()))

    sheet.extract_text(visitor_text=visit)
    yield from found


def pages(path: Path) -> list[Any]:
    """Return the pages of a PDF."""
    return list(importlib.import_module("pypdf").PdfReader(path).pages)


@pytest.fixture(scope="module")
def printed(chromium: Chromium, site: Path) -> Path:
    """The handout as a PDF."""
    return build.print_handout(chromium.browser, site)


def test_code_on_the_handout_has_nine_points_or_more(printed: Path) -> None:
    code = [each for sheet in pages(printed) for each in code_on(sheet)]
    assert len(code) > 500
    assert [each for each in code if each[0] < 8.99] == []


@each_deck
def test_code_on_the_pdf_of_a_deck_has_fourteen_points_or_more(chromium: Chromium, site: Path, name: str) -> None:
    """On the page as it is, and on A4 too."""
    deck = build.print_deck(chromium.browser, site / "decks" / f"{name}.html")
    sheets = pages(deck)
    deck.unlink()
    on_a4 = min(1.0, A4[1] / float(sheets[0].mediabox.width), A4[0] / float(sheets[0].mediabox.height))
    code = [each for sheet in sheets for each in code_on(sheet)]
    assert len(code) > 10
    assert [each for each in code if each[0] * on_a4 < 14] == []


def test_the_handout_is_a4_in_portrait_with_the_number_on_each_page(printed: Path) -> None:
    sheets = pages(printed)
    for number, sheet in enumerate(sheets, start=1):
        assert (float(sheet.mediabox.width), float(sheet.mediabox.height)) == pytest.approx(A4, abs=2)
        assert f"{number} / {len(sheets)}" in sheet.extract_text()


def test_the_handout_has_what_the_decks_have(chromium: Chromium) -> None:
    page = chromium.browser.new_page()
    page.set_content(handout.page())
    titles = page.locator(".slide h2:not(figure h2)").count()
    calls = page.locator("plugin-conversation .call").count()
    text = " ".join(page.locator("body").inner_text().split())
    lost = page.locator("a:not([href^=http])").count()
    page.close()
    slides = [slide for path in course.files() for slide in course.slides(path)]
    assert titles == len(slides) and calls > 5 and lost == 0
    for slide in slides:
        for edit in slide.edits:
            assert all(" ".join(line.split()) in text for line in edit.added), slide.where
        for exercise in slide.exercises:
            assert exercise.title in text


def test_the_handout_has_each_question_its_answer_and_the_misconceptions() -> None:
    plain = html.unescape(re.sub(r"<[^>]+>", "", handout.page()))
    asked = [question for path in course.files() for question in questions(path)]
    assert len(asked) > 10
    for question in asked:
        for _, option in question.options:
            for said in (option.text, option.reason):
                assert _plain(said) in " ".join(plain.split()), question.where


def _plain(markdown: str) -> str:
    """Return a paragraph of Markdown without its marks."""
    return " ".join(re.sub(r"`|\*\*", "", markdown).split())


def test_nothing_on_the_handout_is_wider_than_the_paper(chromium: Chromium) -> None:
    page = chromium.browser.new_page(viewport={"width": 665, "height": 1000})  # A4 without its margins, at 96 dpi
    page.emulate_media(media="print")
    page.set_content(handout.page())
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter((e) => !e.ownerSVGElement)"
        ".filter((e) => e.getBoundingClientRect().right > 666).map((e) => e.textContent.slice(0, 60))"
    )
    page.close()
    assert wide == []


def test_an_old_handout_is_named(printed: Path, site: Path) -> None:
    assert "handout.pdf" not in events.outdated(site)
    old = (course.folder() / "part1.md").stat().st_mtime - 10
    os.utime(printed, (old, old))
    assert "Older than their slides: handout.pdf." in events.outdated(site)
