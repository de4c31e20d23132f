"""What the page try/ costs in Chromium, cold, from a local server: `.venv/bin/python benchmarks/try_page.py`.

It prints a table in Markdown. What else the machine does counts: run it on an idle one.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from workshop.course import course
from workshop.course.page import build
from workshop.course.site.build import CHROMIUM, QUIET

CHECKS = 100
PATIENCE = 600_000
"""In milliseconds."""


class Quiet(SimpleHTTPRequestHandler):
    """A server of files, and no more."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def timed_check(page: Any, part: int, source: str) -> float:
    """Return how long a check of a part takes, in seconds, from the click to its last line."""
    done = page.evaluate("Number(document.body.dataset.done || 0)")
    begun = time.perf_counter()
    page.evaluate("([part, text]) => { files = {[PLUGIN]: text}; run(`./workshop check ${part}`); }", [part, source])
    page.wait_for_function("(done) => Number(document.body.dataset.done || 0) > done", arg=done)
    return time.perf_counter() - begun


def renderers(pid: int) -> Iterator[int]:
    """Yield the memory of each renderer below a process that it shares with no other, in bytes. Source: proc(5)."""
    with contextlib.suppress(OSError):
        if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            yield sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from renderers(int(child))


def measure(folder: Path, checks: int) -> list[tuple[str, str, str]]:
    """Return the rows of the table: what, the limit, and what was measured."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = [path for path in folder.rglob("*") if path.is_file() and "licences" not in path.parts]
    raw = sum(path.stat().st_size for path in files)
    packed = sum(len(gzip.compress(path.read_bytes())) for path in files)
    whole, skeleton = str(course.part(3).after["plugin.py"]), str(course.part(1).before["plugin.py"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM + QUIET)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        begun = time.perf_counter()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html", wait_until="commit")
        page.wait_for_selector("body[data-usable]")
        usable = time.perf_counter() - begun
        page.evaluate("document.body.dataset.limit = 600000")
        timed_check(page, 1, skeleton)
        first = time.perf_counter() - begun
        early = timed_check(page, 1, skeleton)
        timed_check(page, 3, whole)
        all_of_3 = timed_check(page, 3, whole)
        for _ in range(checks):
            timed_check(page, 1, skeleton)
        memory = max(renderers(os.getpid()))
        browser.close()
    server.shutdown()
    return [
        ("the editor is usable", "1 s", f"{usable:.1f} s"),
        ("the first verdict", "8 s", f"{first:.1f} s"),
        ("the next, an early failure", "0.7 s", f"{early:.1f} s"),
        ("all of part 3", "2 s", f"{all_of_3:.1f} s"),
        ("download, compressed", "10 MB", f"{packed / 1e6:.1f} MB"),
        ("download, raw", "20 MB", f"{raw / 1e6:.1f} MB"),
        (f"memory after {checks} checks", "500 MB", f"{memory / 1e6:.0f} MB"),
    ]


def main() -> int:
    """Build the page, measure it, and print the table; return 0, or 1 where it cannot be built."""
    with tempfile.TemporaryDirectory() as folder:
        if why := build.build(Path(folder, "try")):
            print(why)
            return 1
        rows = measure(Path(folder, "try"), int(sys.argv[1]) if sys.argv[1:] else CHECKS)
    print("| what | limit | measured |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
