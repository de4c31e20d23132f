"""axe-core on each page, deck and conversation: no violation that is serious or critical, in light and dark."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from workshop.course import course
from workshop.trace import live
from workshop.trace.recording import header

from .site_fixtures import Chromium, chromium, machine, site

pytestmark = pytest.mark.browser
__all__ = ["chromium", "machine", "site"]

RUN = """
async (root) => {
  const wanted = (rule) => ["critical", "serious"].includes(rule.impact);
  const { violations } = await axe.run(root, { resultTypes: ["violations"] });
  const lines = ({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.html}`);
  return violations.filter(wanted).flatMap(lines);
}
"""
"""Returns what axe-core finds in a place of the page, a line for each element."""
SCROLLS = "scrollable-region-focusable"
each_scheme = pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of a folder, and prints nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served: 404.html asks for its style at the root of a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


AXE = "axe_playwright_python"


def violations(page: Any, root: str = "html") -> list[str]:
    """Return what axe-core finds in a place of a page."""
    source = Path(str(importlib.import_module(AXE).__file__)).parent / "axe.min.js"
    page.evaluate(source.read_text())
    return list(page.evaluate(RUN, root))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("<input type=checkbox> peel it", "label"),
        ("<img src=data:, width=9 height=9>", "image-alt"),
        ("<p style='color: #999; background: #fff'>Mango</p>", "color-contrast"),
        ("<div role=dialog>Mango</div>", "aria-dialog-name"),
        ("<div style='width: 90px; overflow: auto'><p style='width: 900px'>Mango and kiwi</p></div>", SCROLLS),
    ],
    ids=lambda value: value if "<" not in value else "",
)
def test_axe_sees_what_is_broken(chromium: Chromium, address: str, broken: str, rule: str) -> None:
    page = opened(chromium, f"{address}/machines.html", "light", 1280)
    before = violations(page)
    page.eval_on_selector("article", "(article, broken) => article.insertAdjacentHTML('beforeend', broken)", broken)
    after = violations(page)
    page.context.close()
    assert before == [] and [each.split(":")[0] for each in after] == [rule]


# what a phone shows, and what only a wide window shows: tests/browser/test_site.py looks at all colours in both
@pytest.mark.parametrize(
    ("scheme", "width", "one_in"),
    [
        ("light", 390, 3),
        pytest.param("light", 390, 1, marks=pytest.mark.thorough),
        pytest.param("dark", 1440, 1, marks=pytest.mark.thorough),
    ],
)
def test_no_page_has_a_violation(
    chromium: Chromium, site: Path, address: str, scheme: str, width: int, one_in: int
) -> None:
    found = {}
    for path in sorted(site.glob("*.html"))[::one_in]:
        page = opened(chromium, f"{address}/{path.name}", scheme, width)
        # the whole of a part has the colours of its edits, and thousands of elements
        page.evaluate("document.querySelectorAll('details:not(.whole)').forEach((each) => { each.open = true; })")
        found[path.name] = violations(page)
        page.context.close()
    assert {name: seen for name, seen in found.items() if seen} == {}
    assert len(found) > 20 // one_in


@each_scheme
@pytest.mark.parametrize("name", course.ORDER)
def test_no_slide_has_a_violation(chromium: Chromium, address: str, name: str, scheme: str) -> None:
    found = []
    # all slides at once, as on a phone, and then as on a projector
    for view in ("?view=scroll", ""):
        page = opened(chromium, f"{address}/decks/{name}.html{view}", scheme, 1280)
        page.wait_for_selector(".reveal[data-painted]", state="attached")
        found += violations(page)
        page.context.close()
    assert found == []


@each_scheme
def test_the_notes_of_the_speaker_view_have_no_violation(chromium: Chromium, address: str, scheme: str) -> None:
    page = opened(chromium, f"{address}/decks/part2.html", scheme, 1280)
    page.wait_for_selector(".reveal[data-painted]", state="attached")
    with page.context.expect_page() as opening:
        page.keyboard.press("s")
    notes = opening.value.locator(".speaker-controls-notes .value")
    notes.get_by_text("Ask:").wait_for()
    found = violations(opening.value, ".speaker-controls-notes .value")
    page.context.close()
    assert found == []


@each_scheme
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_of_a_trace_has_no_violation(chromium: Chromium, scheme: str, width: int) -> None:
    call = {"n": 1, "at": 0.1, "took": 0.002, "method": "POST", "path": "/VolumeDriver.Get", "request_headers": []}
    call |= {"request": '{"Name": "mango"}', "status": 200, "reason": "OK", "answer_headers": [], "failure": ""}
    with live.PageServer(live.Feed(header("test"))) as server:
        page = opened(chromium, server.url, scheme, width)
        page.get_by_text("Waiting for the first call").wait_for()
        found = violations(page)
        server.feed.call(call | {"answer": '{"Err": ""}', "pending": False})
        server.feed.call(call | {"n": 2, "answer": '{"Err": "no such volume"}', "pending": False})
        server.feed.call(call | {"n": 3, "answer": "", "status": 0, "pending": True})
        server.feed.note("plugin.py changed")
        page.get_by_text("plugin.py changed").wait_for()
        for number in range(3):
            page.locator(".call").nth(number).click()
        assert page.locator(".detail").count() == 3
        found += violations(page)
        page.context.close()
    assert found == []


def opened(chromium: Chromium, address: str, scheme: str, width: int) -> Any:
    """Return a page at an address, as high as a phone, in which nothing moves."""
    size = {"width": width, "height": 844}
    context = chromium.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    return page
