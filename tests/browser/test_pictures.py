"""The pictures in a real Chromium: on a page, on a phone, in a deck and alone, nothing of them is cut or too small."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from workshop.course import course
from workshop.course.site import pictures

from .site_fixtures import CONTRASTS, Chromium, chromium, machine, site

pytestmark = pytest.mark.browser
__all__ = ["chromium", "machine", "site"]

TEXTS = """
(svg) => {
  const inside = (a, b) =>
    a.left >= b.left - 0.5 && a.right <= b.right + 0.5 && a.top >= b.top - 0.5 && a.bottom <= b.bottom + 0.5;
  const middle = (a, b) => {
    const [x, y] = [(a.left + a.right) / 2, (a.top + a.bottom) / 2];
    return b.left < x && x < b.right && b.top < y && y < b.bottom;
  };
  const boxes = [...svg.querySelectorAll('rect')].map((each) => each.getBoundingClientRect());
  return [...svg.querySelectorAll('text')].map((text) => {
    const here = text.getBoundingClientRect();
    const box = boxes.filter((each) => middle(here, each)).pop();
    const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    const cut = !inside(here, svg.getBoundingClientRect()) || (box && !inside(here, box));
    return {text: text.textContent, size, cut};
  });
}
"""
"""Returns each text of a picture, its size on the screen, and whether it reaches over the picture or over its box."""
TWICE = """
() => {
  const names = [...document.querySelectorAll('.picture [id]')].map((each) => each.id);
  return names.filter((name) => document.querySelectorAll(`[id="${name}"]`).length > 1);
}
"""
"""Returns the names in pictures that something else on the page has, too."""


def with_pictures(site: Path) -> list[Path]:
    """Return the pages that have pictures."""
    return [path for path in sorted(site.glob("*.html")) if 'class="picture"' in path.read_text()]


def drawings(page: Any) -> list[Any]:
    """Return the pictures of a page."""
    return list(page.locator(".picture svg").all())


@pytest.mark.parametrize("width", [390, 1440])
def test_on_a_page_no_picture_is_cut_and_its_type_is_large_enough(chromium: Chromium, site: Path, width: int) -> None:
    wrong: list[object] = []
    seen = 0
    for path in with_pictures(site):
        page = chromium.open(path, width=width, height=844)
        assert page.evaluate(TWICE) == [], path.name
        for svg in drawings(page):
            box = svg.bounding_box()
            texts = svg.evaluate(TEXTS)
            wrong += [(path.name, text) for text in texts if text["cut"] or text["size"] < 11]
            wrong += [path.name] * (box["x"] < 0 or box["x"] + box["width"] > width)
            seen += len(texts)
        page.context.close()
    assert wrong == []
    assert seen > 100


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768)], ids=["16:9", "4:3"])
def test_in_a_deck_no_picture_is_cut_and_the_last_row_reads_it(
    chromium: Chromium, site: Path, width: int, height: int
) -> None:
    wrong: list[object] = []
    seen = 0
    for name in course.ORDER:
        page = chromium.open(site / "decks" / f"{name}.html", width=width, height=height)
        scale = page.evaluate("Reveal.getScale()")
        for slide in page.evaluate("Reveal.getSlides().filter((s) => s.querySelector('.picture')).map((s) => s.id)"):
            page.evaluate("(n) => Reveal.slide(...Object.values(Reveal.getIndices(document.getElementById(n))))", slide)
            svg = page.locator(f"#{slide} .picture svg")
            texts = svg.evaluate(TEXTS)
            # of a slide 720 high, as for all prose
            wrong += [(slide, text) for text in texts if text["cut"] or text["size"] < 28 * scale]
            foot, box = page.locator(f"#{slide} .page").bounding_box(), svg.bounding_box()
            wrong += [(slide, "over the foot")] * (box["y"] + box["height"] > foot["y"])
            seen += 1
        page.context.close()
    assert wrong == []
    assert seen >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_alone_can_be_read(chromium: Chromium, scheme: str) -> None:
    weak, papers = [], set()
    for path in sorted(pictures.folder().glob("*.svg")):
        page = chromium.browser.new_context(color_scheme=scheme).new_page()
        page.set_content(path.read_text())
        weak += [(path.name, text) for text in page.evaluate(CONTRASTS, "svg") if text["ratio"] < 4.5]
        papers.add(page.eval_on_selector("svg", "(svg) => getComputedStyle(svg).backgroundColor"))
        page.context.close()
    assert weak == []
    (paper,) = papers
    assert (max(map(int, re.findall(r"\d+", paper))) < 50) == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["screen", "phone"])
def test_the_first_page_begins_with_its_button_and_a_picture(
    chromium: Chromium, site: Path, width: int, height: int, scheme: str
) -> None:
    page = chromium.open(site / "index.html", scheme=scheme, width=width, height=height)
    button = page.get_by_role("link", name="Start the course")
    boxes = [button.bounding_box(), page.locator(".picture svg").first.bounding_box()]
    leads = button.get_attribute("href")
    page.context.close()
    assert leads == "intro.html"
    assert all(box["y"] + box["height"] <= height for box in boxes)
