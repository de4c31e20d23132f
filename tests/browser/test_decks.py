"""The decks in a real Chromium: what stands on a slide is seen, from the last row too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from workshop.course import contents, course
from workshop.course.site import build, deck

from .site_fixtures import CONTRASTS, Chromium, chromium, machine, site

pytestmark = pytest.mark.browser
__all__ = ["chromium", "machine", "site"]

LOWEST = """
(slide) => {
  const shown = [...slide.children].filter((e) => !e.matches('.page, .notes, i.fragment'));
  const own = (edge) => edge / Reveal.getScale();
  const box = slide.getBoundingClientRect();
  const edges = shown.map((e) => e.getBoundingClientRect());
  // for the text in a drawing see test_pictures.py: its scrollWidth is not its width
  const parts = [...slide.querySelectorAll('*')].filter((e) => !e.ownerSVGElement);
  const wide = parts.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth);
  return {
    down: own(Math.max(...edges.map((e) => e.bottom - box.top))),
    right: own(Math.max(...edges.map((e) => e.right - box.left))),
    link: own(slide.querySelector('.page').getBoundingClientRect().top - box.top),
    inside: box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight,
    wide: wide.map((e) => e.className || e.tagName),
  };
}
"""
"""Returns how far down and right a slide reaches, in its own pixels, where the link at its foot begins, and whether the
window shows all of it."""

CUT = """
() => [...document.querySelectorAll('.pdf-page')].filter((sheet) => {
  const foot = sheet.querySelector('.page').getBoundingClientRect();
  return [...sheet.querySelectorAll('section > *')].some((e) => {
    const box = e.getBoundingClientRect();
    if (e.matches('.page, .notes, .fragment')) return false;
    return box.bottom > foot.top || box.left < 60 || box.right > 1240 || e.scrollHeight > e.clientHeight + 2;
  });
}).map((sheet) => sheet.querySelector('section').id)
"""
"""Returns the slides that do not fit their sheet of paper, with a margin around them."""

BROKEN = """
(slide) => [...document.querySelectorAll(`${slide} .edit`)].flatMap((listing) => {
  const tall = listing.scrollHeight > listing.clientHeight + 1 ? [`${slide} is cut below`] : [];
  const wide = [...listing.querySelectorAll('.line')].filter((line) =>
    line.scrollWidth > line.clientWidth + 1 || line.offsetHeight > 1.5 * parseFloat(getComputedStyle(line).lineHeight));
  return [...tall, ...wide.map((line) => line.textContent)];
})
"""
"""Returns the lines of an edit that have no room on one line of a slide, and the slides whose edit is cut below."""

FULL = 0.5
"""How far down a slide is filled at least, but for a title: half of what is above the link at its foot."""
each_deck = pytest.mark.parametrize("name", course.ORDER)
each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])


def slides(page: Any) -> list[str]:
    """Return the names of the slides of a deck."""
    return [str(name) for name in page.evaluate("Reveal.getSlides().map((slide) => slide.id)")]


def show(page: Any, name: str) -> None:
    """Go to a slide, with none of its fragments shown."""
    go = "(n) => { const i = Reveal.getIndices(document.getElementById(n)); Reveal.slide(i.h, i.v, -1) }"
    page.evaluate(go, name)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768)], ids=["16:9", "4:3"])
@each_deck
def test_nothing_reaches_over_the_edge_of_a_slide(
    chromium: Chromium, site: Path, name: str, width: int, height: int
) -> None:
    page = chromium.open(site / "decks" / f"{name}.html", width=width, height=height)
    over = []
    for slide in slides(page):
        show(page, slide)
        edges = page.eval_on_selector(f"#{slide}", LOWEST)
        if edges["down"] > edges["link"] or edges["right"] > 1240 or edges["wide"] or not edges["inside"]:
            over.append((slide, edges))
    page.context.close()
    assert not over


@each_deck
@each_scheme
def test_text_can_be_read_from_the_last_row(chromium: Chromium, site: Path, name: str, scheme: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html", scheme=scheme)
    weak = []
    for slide in slides(page):
        show(page, slide)
        weak += [(slide, text) for text in page.evaluate(CONTRASTS, f"#{slide}") if not readable(text)]
    page.context.close()
    assert not weak


@each_deck
def test_no_slide_is_half_empty(chromium: Chromium, site: Path, name: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html")
    low = {}
    for slide in slides(page):
        if page.locator(f"#{slide}.title").count():
            continue
        show(page, slide)
        edges = page.eval_on_selector(f"#{slide}", LOWEST)
        if edges["down"] < FULL * edges["link"]:
            low[slide] = round(edges["down"] / edges["link"], 2)
    page.context.close()
    assert low == {}


def test_one_key_shows_the_answer_and_every_misconception(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "intro.html")
    show(page, next(slide for slide in slides(page) if page.query_selector(f"#{slide}.question")))
    reasons = page.locator(".question.present .reason")
    before = reasons.locator("visible=true").count()
    page.keyboard.press("Space")
    for number in range(4):
        reasons.nth(number).wait_for()
    after = reasons.count()
    page.context.close()
    assert (before, after) == (0, 4)


def readable(text: dict[str, Any]) -> bool:
    """Tell whether a text has the contrast of WCAG AA for small type, and is large: code 24 pixels, the foot 20."""
    least = 20 if text["text"] == "on the page" else 24
    return bool(text["ratio"] >= 4.5 and text["size"] >= least)


@each_deck
def test_prose_is_set_in_28_pixels_or_more(chromium: Chromium, site: Path, name: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html")
    sizes = page.eval_on_selector_all(
        "section > p, section li, section td, section h2, .picture text",
        "(all) => all.map((e) => parseFloat(getComputedStyle(e).fontSize))",
    )
    page.context.close()
    assert min(sizes) >= 28


@each_deck
def test_every_slide_leads_to_its_place_on_the_page(chromium: Chromium, site: Path, name: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html")
    links = page.eval_on_selector_all(".page", "(all) => all.map((a) => a.getAttribute('href'))")
    page.context.close()
    pages = {f"../{page.name}.html" for page in contents.pages(course.folder() / f"{name}.md")}
    texts = {file: (site / "decks" / file).read_text() for file in pages}
    assert len(links) >= len(course.slides(course.folder() / f"{name}.md"))
    for link in links:
        file, _, anchor = link.partition("#")
        assert f'id="{anchor}"' in texts[file], link


@pytest.mark.parametrize(("name", "slide"), [("part2", "slide-11-calls-1"), ("part3", "step-3-6-calls-1")])
def test_a_conversation_goes_on_call_by_call(chromium: Chromium, site: Path, name: str, slide: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html", f"#/{slide}")
    calls = page.locator(f"#{slide} plugin-conversation li")
    total, seen = calls.count(), []
    for _ in range(total):
        seen.append(page.locator(f"#{slide} .call:visible").count())
        page.keyboard.press("Space")
    foot = page.locator(f"#{slide} .page").bounding_box()["y"]
    box = calls.last.bounding_box()
    still_here = page.evaluate("Reveal.getCurrentSlide().id")
    page.context.close()
    assert seen == list(range(total)) and total > 3
    assert still_here == slide
    assert box["y"] + box["height"] < foot


@each_scheme
def test_a_conversation_in_a_deck_has_its_colours(chromium: Chromium, site: Path, scheme: str) -> None:
    page = chromium.open(site / "decks" / "part3.html", scheme=scheme)
    themes = page.eval_on_selector_all("plugin-conversation", "(all) => all.map((each) => each.getAttribute('theme'))")
    page.keyboard.press("t")
    turned = page.eval_on_selector_all("plugin-conversation", "(all) => all.map((each) => each.getAttribute('theme'))")
    page.context.close()
    assert set(themes) == {scheme} and set(turned) == {"light", "dark"} - {scheme}


@pytest.mark.parametrize(("query", "width", "slide"), [("?print-pdf", 1280, ".pdf-page"), ("", 390, ".scroll-page")])
def test_on_paper_and_on_a_phone_a_conversation_is_whole(
    chromium: Chromium, site: Path, query: str, width: int, slide: str
) -> None:
    page = chromium.open(site / "decks" / "part3.html", query, width=width)
    page.wait_for_selector(slide, state="attached")
    calls = [page.locator(f"plugin-conversation {each}").count() for each in (".call", ".call:visible")]
    page.context.close()
    assert calls[0] == calls[1] > 5


def test_code_is_pointed_at_stretch_by_stretch(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "part1.html", "#/step-1-5-edit-2")
    seen = []
    steps = page.locator("#step-1-5-edit-2 .fragment").count()
    for _ in range(steps):
        page.keyboard.press("Space")
        lines = page.locator("#step-1-5-edit-2 .spoken")
        assert lines.count() and lines.last.is_visible()
        seen += lines.all_inner_texts()
    page.context.close()
    assert steps > 1
    (edit,) = course.step("1.5").edits
    shown = [line[1:] for hunk in edit.hunks[-steps:] for line in hunk.shown]
    assert "".join(seen).split() == "\n".join(shown).split()


@pytest.mark.parametrize("width", [1440, 1024])
@each_deck
def test_no_line_of_code_is_clipped_or_broken(chromium: Chromium, site: Path, name: str, width: int) -> None:
    page = chromium.open(site / "decks" / f"{name}.html", width=width, height=width * 9 // 16)
    broken = []
    for slide in slides(page):
        show(page, slide)
        broken += page.evaluate(BROKEN, f"#{slide}")
    page.context.close()
    assert broken == []


def test_the_key_t_turns_light_into_dark(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "intro.html")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.context.close()
    assert before != after


@each_deck
def test_a_deck_opens_on_a_phone(chromium: Chromium, site: Path, name: str) -> None:
    before = list(chromium.errors)
    chromium.open(site / "decks" / f"{name}.html", width=390, height=844).context.close()
    assert chromium.errors == before


IN_THE_MIDDLE = "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('section[id]').id"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)], ids=["screen", "phone"])
@pytest.mark.parametrize("address", ["step-3-12", "3.12"])
def test_an_address_leads_to_its_slide(chromium: Chromium, site: Path, address: str, width: int, height: int) -> None:
    page = chromium.open(site / "decks" / "part3.html", f"#/{address}", width=width, height=height)
    shown = page.evaluate(IN_THE_MIDDLE)
    page.reload()
    page.wait_for_selector(".reveal[data-painted]", state="attached")
    again = page.evaluate(IN_THE_MIDDLE)
    page.context.close()
    assert shown == again == "step-3-12"


def test_on_a_phone_the_address_follows_the_slide(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "part3.html", "#/step-3-12", width=390, height=844)
    page.evaluate("document.getElementById('step-3-13').closest('.scroll-page').scrollIntoView()")
    page.wait_for_function("location.hash === '#/step-3-13'")
    page.context.close()


@each_scheme
def test_a_deck_is_as_light_or_dark_as_the_site_and_the_site_as_the_deck(
    chromium: Chromium, site: Path, scheme: str
) -> None:
    page = chromium.open(site / "part3-2.html", scheme=scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.locator("label.md-header__button[for^=__palette]:visible").press("Enter")
    page.wait_for_function(f"(before) => {background} !== before", arg=before)
    page.get_by_role("link", name="Show the slides").click()
    page.wait_for_selector(".reveal[data-painted]", state="attached")
    assert page.evaluate("document.documentElement.dataset.theme") != scheme
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.locator("#step-3-6 .page").click()
    page.wait_for_function(f"(before) => {background} === before", arg=before)
    button = page.locator("label.md-header__button[for^=__palette]:visible").get_attribute("title")
    page.context.close()
    assert button == {"light": "Switch to dark", "dark": "Switch to light"}[scheme]


def test_without_javascript_a_deck_leads_to_its_page(chromium: Chromium, site: Path) -> None:
    context = chromium.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "decks" / "part1.html").as_uri())
    assert page.get_by_role("link", name="The page").get_attribute("href") == "../part1.html"
    context.close()


def test_each_prompt_of_the_notes_is_a_paragraph(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "part3.html")
    prompts = page.eval_on_selector_all("aside.notes p", "(all) => all.map((p) => p.textContent)")
    page.context.close()
    assert [prompt for prompt in prompts if len(re.findall(r"\b(?:Ask|Demo|Note):", prompt)) > 1] == []


def test_the_speaker_view_has_notes_and_minutes(chromium: Chromium, site: Path) -> None:
    page = chromium.open(site / "decks" / "part1.html")
    with page.context.expect_page() as opening:
        page.keyboard.press("s")
    notes = opening.value.locator(".speaker-controls-notes .value")
    notes.get_by_text("Ask:").wait_for()
    minutes = course.slides(course.folder() / "part1.md")[0].minutes
    assert f"{minutes} min" in notes.inner_text()
    assert opening.value.locator(".speaker-controls-pace, .speaker-controls-time").first.is_visible()
    page.context.close()


@each_deck
def test_the_seconds_of_the_slides_are_the_minutes_of_the_deck(chromium: Chromium, site: Path, name: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html")
    seconds = page.eval_on_selector_all("[data-timing]", "(all) => all.map((s) => Number(s.dataset.timing))")
    page.context.close()
    assert sum(seconds) == course.front_matter(course.folder() / f"{name}.md")[1] * 60


@each_deck
def test_on_paper_each_slide_is_one_page_and_nothing_is_cut(chromium: Chromium, site: Path, name: str) -> None:
    page = chromium.open(site / "decks" / f"{name}.html", "?print-pdf")
    page.wait_for_selector(".pdf-page", state="attached")
    cut = page.evaluate(CUT)
    sheets = page.locator(".pdf-page").count()
    page.context.close()
    assert not cut
    assert sheets == deck.page(course.folder() / f"{name}.md").count('<section id="')


def test_a_pdf_is_made(chromium: Chromium, site: Path) -> None:
    made = build.print_deck(chromium.browser, site / "decks" / "end.html")
    pages = made.read_bytes().count(b"/Type /Page\n")
    made.unlink()
    assert pages == len(course.slides(course.folder() / "end.md"))


def test_no_request_left_the_machine_and_nothing_broke(chromium: Chromium, site: Path) -> None:
    for name in course.ORDER:
        chromium.open(site / "decks" / f"{name}.html").context.close()
    assert not chromium.left
    assert not chromium.errors
