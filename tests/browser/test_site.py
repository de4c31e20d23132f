"""The site in a real Chromium: it fits a phone, can be read in light and dark, and asks no other machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from workshop.course import contents, course

from .site_fixtures import CONTRASTS, Chromium, chromium, machine, site

pytestmark = pytest.mark.browser
__all__ = ["chromium", "machine", "site"]

CLIPPED = """
() => [...document.querySelectorAll('.edit .line, .whole .line')].filter((line) => {
  const box = line.closest('pre').getBoundingClientRect(), here = line.getBoundingClientRect();
  const height = parseFloat(getComputedStyle(line).lineHeight);
  return here.right > box.right + 1 || line.scrollWidth > line.clientWidth + 1 || here.height > height * 1.5;
}).map((line) => line.textContent)
"""
"""Returns the lines of code that reach over their box, or that have no room on one line."""


def pages(site: Path) -> list[Path]:
    """Return the pages of the site."""
    return sorted(site.glob("*.html"))


@pytest.mark.parametrize(
    ("scheme", "first"),
    [
        ("light", 0),
        ("dark", 1),
        pytest.param("light", 1, marks=pytest.mark.thorough),
        pytest.param("dark", 0, marks=pytest.mark.thorough),
    ],
)
def test_what_is_written_can_be_read(chromium: Chromium, site: Path, scheme: str, first: int) -> None:
    weak = []
    for path in pages(site)[first::2]:
        page = chromium.open(path, scheme=scheme)
        page.add_style_tag(content="* { transition: none !important }")
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            texts = page.evaluate(CONTRASTS, ".md-content, .md-main")
            weak += [(path.name, media, text) for text in texts if text["ratio"] < 4.5 and text["text"] != "¶"]
        page.context.close()
    assert not weak


def test_no_page_is_wider_than_a_phone(chromium: Chromium, site: Path) -> None:
    wide = []
    for path in pages(site):
        page = chromium.open(path, width=390, height=800)
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
        page.context.close()
    assert not wide


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_conversation_is_drawn_in_the_colours_of_its_page(chromium: Chromium, site: Path, scheme: str) -> None:
    drawn = 0
    for path in pages(site):
        if "<plugin-conversation" not in path.read_text():
            continue
        page = chromium.open(path, scheme=scheme)
        for conversation in page.locator("plugin-conversation").all():
            assert conversation.get_attribute("theme") == scheme
            # a cell of a notebook can have one call
            fewest = 1 if conversation.get_attribute("calls") else 3
            assert conversation.locator("ol > li .call").count() >= fewest, path.name
            drawn += 1
        page.context.close()
    assert drawn >= 3


def test_a_conversation_follows_the_palette(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "part2.html")
    page.locator("label.md-header__button[for^=__palette]:visible").press("Enter")
    page.locator("plugin-conversation[theme=dark]").wait_for()
    page.context.close()


def test_the_search_finds_what_is_on_a_page_without_a_server(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "index.html")
    page.keyboard.press("/")
    page.keyboard.type("contextmanager")
    page.locator(".md-search-result__link").first.wait_for()
    assert "part3.html" in page.locator(".md-search-result__link").first.get_attribute("href")
    page.context.close()


def test_the_palette_can_be_changed_by_keyboard(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "index.html")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("label.md-header__button[for^=__palette]:visible").press("Enter")
    page.wait_for_function("(b) => getComputedStyle(document.body).backgroundColor !== b", arg=before)
    page.context.close()


def test_what_is_copied_is_what_is_typed(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "part1-2.html")
    block = page.locator("code", has_text="--user 1000").first
    assert block.inner_text().startswith("$ ") and "\n> " in block.inner_text() and "curl: (7)" in block.inner_text()
    # how Material's button marks a block while it reads it
    block.evaluate("(code) => code.setAttribute('data-md-copying', '')")
    copied = block.inner_text()
    page.context.close()
    assert copied.startswith("docker run") and copied.rstrip().endswith("http://ddd/")
    assert not [line for line in copied.splitlines() if line.startswith((">", "$", "curl: "))]


@pytest.mark.parametrize("width", [1440, 1024])
@pytest.mark.parametrize("part", [1, 2, 3])
def test_no_line_of_a_part_is_clipped_or_broken(chromium: Chromium, site: Path, part: int, width: int) -> None:
    lines, found = 0, []
    for each in contents.pages(course.folder() / f"part{part}.md"):
        page = chromium.open(site / f"{each.name}.html", width=width, height=900)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        lines += page.locator(".edit .line, .whole .line").count()
        found += page.evaluate(CLIPPED)
        page.context.close()
    assert lines > len(course.part(part).after["plugin.py"].lines)
    assert found == []


def test_no_request_left_the_machine_and_nothing_broke(chromium: Chromium, site: Path) -> None:
    for path in pages(site):
        chromium.open(path).context.close()
    assert not chromium.left
    assert not chromium.errors


def loaded(chromium: Chromium, path: Path) -> int:
    """Return how many bytes the files have that a page loads, itself among them."""
    context, asked = chromium.browser.new_context(), set[str]()
    context.on("request", lambda request: asked.add(urlsplit(request.url).path))
    page = context.new_page()
    if path.parent.name == "decks":
        page.goto(path.as_uri())
    else:
        # what the search needs comes last, and is the largest
        with context.expect_event("request", lambda request: request.url.endswith("search_index.js")):
            page.goto(path.as_uri())
    context.close()
    return sum(Path(url2pathname(each)).stat().st_size for each in asked)


def test_a_deck_and_a_page_are_light(chromium: Chromium, site: Path) -> None:
    # 404.html asks for its files at the root of a server
    heavy = {path.name: loaded(chromium, path) for path in pages(site) if path.stem != "404"}
    assert min(heavy.values()) > 500_000, "what a page loads is not seen"
    assert {name: size for name, size in heavy.items() if size >= 1_000_000} == {}
    decks = {path.name: loaded(chromium, path) for path in (site / "decks").glob("*.html")}
    assert min(decks.values()) > 200_000, "what a deck loads is not seen"
    assert {name: size for name, size in decks.items() if size >= 700_000} == {}


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1440)])
def test_the_chart_of_the_costs_has_the_colours_of_its_page(
    chromium: Chromium, site: Path, scheme: str, width: int
) -> None:
    page = chromium.open(site / "cost.html", scheme=scheme, width=width)
    page.add_style_tag(content="* { transition: none !important }")
    button = page.locator("label.md-header__button[for^=__palette]:visible")
    seen = {}
    for _ in range(2):
        texts = page.evaluate(CONTRASTS, ".chart")
        weak = [text for text in texts if text["ratio"] < 4.5 or text["size"] < 9]
        assert len(texts) > 20 and weak == []
        paper = page.eval_on_selector(".chart rect", "(rect) => getComputedStyle(rect).fill")
        seen[paper] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        button.press("Enter")
    page.context.close()
    assert len(seen) == 2 and all(paper == background for paper, background in seen.items())


@pytest.mark.parametrize(
    ("name", "step", "now"),
    [("part3", "step-3-12", "part3-3"), ("part2", "step-2-4", "part2-2"), ("part1", "slide-18", "part1-2")],
)
def test_an_address_that_people_have_kept_leads_on(
    chromium: Chromium, site: Path, name: str, step: str, now: str
) -> None:
    page = chromium.open(site / f"{name}.html", f"#{step}")
    page.wait_for_url(f"**/{now}.html#{step}")
    page.context.close()


@pytest.mark.parametrize(("width", "tallest"), [(1280, 12_000), (390, 15_000)], ids=["screen", "phone"])
def test_a_page_of_the_course_is_for_one_sitting(chromium: Chromium, site: Path, width: int, tallest: int) -> None:
    heights = {}
    for path in course.files():
        for each in contents.pages(path):
            page = chromium.open(site / f"{each.name}.html", width=width, height=800)
            heights[each.name] = page.evaluate("document.documentElement.scrollHeight")
            page.context.close()
    assert {name: height for name, height in heights.items() if height > tallest} == {}


def test_a_name_in_a_table_is_not_broken(chromium: Chromium, site: Path) -> None:
    broken = []
    for width in (390, 1440):
        page = chromium.open(site / "operators.html", width=width)
        names = page.locator("article td:first-child code").all()
        broken += [name.inner_text() for name in names if name.inner_text().isidentifier() and lines(name) > 1]
        page.context.close()
    assert broken == []


def lines(name: Any) -> int:
    """Return on how many lines a text stands."""
    return int(name.evaluate("(code) => code.getClientRects().length"))
