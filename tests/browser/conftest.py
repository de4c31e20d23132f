"""What the tests in a browser share. Where there is none, each of them is skipped, with one reason."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives a browser. Only one is allowed at a time: it ends with the module."""
    if not importlib.util.find_spec("playwright"):
        pytest.skip("No page can be opened here (no playwright): ./workshop test --require browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium without a window."""
    if not shutil.which(CHROMIUM):
        pytest.skip("No page can be opened here (no chromium): ./workshop test --require browser")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield browser
    browser.close()


class Watched:
    """A context of the browser that keeps what its pages ask for, and what goes wrong in them."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.addresses: list[str] = []
        self.errors: list[str] = []

    def page(self, address: str = "") -> Page:
        """A new page, at this address."""
        page = self.context.new_page()
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        if address:
            page.goto(address)
        return page


@pytest.fixture
def watched(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Makes contexts; an error in a script of a page fails the test."""
    made: list[Watched] = []

    def make(**options: object) -> Watched:
        made.append(Watched(browser.new_context(**options)))
        return made[-1]

    yield make
    for each in made:
        each.context.close()
        assert each.errors == []


@pytest.fixture
def page(watched: Callable[..., Watched]) -> Page:
    """A page in light colours, 1280 x 720."""
    return watched(viewport={"width": 1280, "height": 720}, color_scheme="light").page()


@pytest.fixture
def element() -> Path:
    """The file of the element."""
    return Path(__file__).parents[2] / "src" / "workshop" / "trace" / "static" / "conversation.js"
