"""What the verbs `site`, `slides` and `handout` call: the site built or served, its decks and the handout as PDF."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from workshop import interpreter, interrupt, repository
from workshop.course import course
from workshop.course.course import CourseError
from workshop.course.site import handout

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FOOT = """<div style="width: 100%; font: 8pt sans-serif; text-align: center; color: #51606f">
<span class="pageNumber"></span> / <span class="totalPages"></span></div>"""


# What the verbs call


def build(folder: Path) -> None:
    """Build the site into a folder. Raises CourseError with what mkdocs says where that fails."""
    done = subprocess.run([*_mkdocs("build"), "--strict", "--quiet", "--site-dir", str(folder)], **_process_options())
    if done.returncode:
        raise CourseError(done.stdout.strip())


def build_decks(folder: Path) -> list[Path]:
    """Build the site, whose pages the slides lead to, into a folder, and return its decks. Raises CourseError."""
    build(folder)
    return [folder / "decks" / f"{name}.html" for name in course.ORDER]


def pdf(folder: Path) -> list[Path]:
    """Return each deck as a PDF beside it, built like build_decks, and the handout.

    Raises CourseError, and Lacking without Chromium.
    """
    with _chromium() as browser:
        return [*(print_deck(browser, path) for path in build_decks(folder)), print_handout(browser, folder)]


def handout_pdf(folder: Path) -> Path:
    """Return the handout as a PDF, made in a folder of the site. Raises CourseError, and Lacking without Chromium."""
    with _chromium() as browser:
        return print_handout(browser, folder)


@contextmanager
def _chromium() -> Iterator[Any]:
    """Give a browser that prints. Raises Lacking where there is none."""
    found = shutil.which("chromium")
    if not found:
        raise repository.Lacking("A PDF is printed by Chromium. Install it:\n    sudo apt-get install chromium")
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM + QUIET)
        yield browser
        browser.close()


def print_deck(browser: Any, path: Path) -> Path:
    """Return the PDF of a deck, made beside it."""
    page = browser.new_page()
    page.goto(f"{path.as_uri()}?print-pdf")
    page.wait_for_selector(".reveal[data-painted]", state="attached")
    page.wait_for_function("Reveal.isReady() && document.querySelector('.pdf-page')")
    target = path.with_suffix(".pdf")
    page.pdf(path=str(target), prefer_css_page_size=True, print_background=True)
    page.close()
    return target


def print_handout(browser: Any, folder: Path) -> Path:
    """Return the handout as a PDF on A4, made where the decks are. Raises CourseError."""
    page = browser.new_page()
    page.set_content(handout.page(), wait_until="load")
    target = folder / "decks" / "handout.pdf"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.pdf(
        path=str(target),
        format="A4",
        margin={"top": "16mm", "bottom": "18mm", "left": "17mm", "right": "17mm"},
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOT,
        tagged=True,
        outline=True,
    )
    page.close()
    return target


def serve() -> int:
    """Serve the site until Ctrl-C, building it anew at every change; say where. Returns mkdocs' exit status."""
    port = free_port()
    print(f"The course is at http://127.0.0.1:{port}/ as soon as it is built. Ctrl-C ends it.", flush=True)
    command = [*_mkdocs("serve"), "--quiet", "--dev-addr", f"127.0.0.1:{port}"]
    with interrupt.handled(), suppress(KeyboardInterrupt):
        with interrupt.deferred():
            # in a group of its own mkdocs gets one signal, whether a terminal sends it or kill
            serving = subprocess.Popen(command, process_group=0, **_process_options(False))
            interrupt.at_end(lambda: _end(serving))
        return serving.wait()
    return 0


def _end(serving: subprocess.Popen[str]) -> None:
    """End mkdocs as Ctrl-C does: at SIGTERM it would leave its folder of the site in /tmp."""
    serving.send_signal(signal.SIGINT)
    serving.wait()


def free_port(wanted: int = 8000) -> int:
    """Return a port of this machine that nobody has: the wanted one if it is free."""
    for port in (wanted, 0):
        with socket.socket() as listener, suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    return wanted


def _mkdocs(verb: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mkdocs", verb, "--config-file", str(repository.clone_root() / "mkdocs.yml")]


def _process_options(capture: bool = True) -> dict[str, Any]:
    """Return how mkdocs is run: without an advertisement of Material's, and with what it says kept if wanted."""
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if capture else {}
    return {"cwd": repository.clone_root(), "env": interpreter.environment() | {"NO_MKDOCS_2_WARNING": "1"}, **kept}
