"""The site, built once, and a Chromium that notes every request which leaves the machine."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop.course.site import build

AT_HOME = ("file:", "data:", "blob:", "about:")
CONTRASTS = """
(root) => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const holds = (outer, inner) => {
    const [a, b] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
    const [x, y] = [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
    return a.left < x && x < a.right && a.top < y && y < a.bottom;
  };
  const behind = (element) => {
    const boxes = [...(element.ownerSVGElement?.querySelectorAll('rect') ?? [])].filter((box) => holds(box, element));
    if (boxes.length) return rgba(getComputedStyle(boxes.pop()).fill);
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility({checkVisibilityCSS: true})) continue;
    if (element.closest('style, title, desc, .notes')) continue;
    const style = getComputedStyle(element);
    const colour = rgba(element.ownerSVGElement ? style.fill : style.color);
    const [a, b] = [light(colour), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize) * (element.ownerSVGElement ? element.getScreenCTM().a : 1);
    found.push({text: texts.currentNode.data.trim().slice(0, 40), ratio: (a + 0.05) / (b + 0.05), size});
  }
  return found;
}
"""
"""Returns each visible text in a place of the page, with its size on the screen and its contrast to what is behind."""


class Chromium:
    """Opens pages from the disk. What asks another machine for anything is in `left`, what breaks in `errors`."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.left: list[str] = []
        self.errors: list[str] = []

    def open(self, file: Path, query: str = "", scheme: str = "light", width: int = 1280, height: int = 720) -> Any:
        """Return a page, with its pictures drawn when it is a deck."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.on("request", lambda request: self.note(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{file.name}: {error}"))
        page.goto(file.as_uri() + query)
        if file.parent.name == "decks":
            page.wait_for_selector(".reveal[data-painted]", state="attached")
        return page

    def note(self, address: str) -> None:
        if not address.startswith(AT_HOME):
            self.left.append(address)


@pytest.fixture(scope="session")
def machine() -> str:
    """The path of a Chromium; where one cannot be used, the test is skipped."""
    lacking = [f"no {name}" for name in ("playwright", "mkdocs", "material") if importlib.util.find_spec(name) is None]
    found = shutil.which("chromium")
    if not found:
        lacking.insert(0, "no chromium")
    if lacking or not found:
        pytest.skip(f"The site cannot be looked at here ({', '.join(lacking)}): ./workshop test --require browser")
    return found


@pytest.fixture(scope="session")
def site(machine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the built site."""
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.fixture(scope="module")
def chromium(machine: str) -> Iterator[Chromium]:
    """A browser, whose pages are closed with it."""
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine, args=build.CHROMIUM + build.QUIET)
        yield Chromium(browser)
        browser.close()
