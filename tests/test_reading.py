"""Where a step is explained: its slide, its page while the site is served, and why Docker needs it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_site import needs_markdown

from workshop import repository
from workshop.course import contents, course, reading
from workshop.course.site import pages

ROOT = Path(__file__).parent.parent


@contextmanager
def server(page: bytes, held: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Give the port of a server of this page, which does not answer before held returns."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((reading.HOST, 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield served.server_port
        finally:
            served.shutdown()
            thread.join()


def site_at(port: int, monkeypatch: pytest.MonkeyPatch) -> reading.Site:
    monkeypatch.setattr(reading, "PORT", port)
    return reading.Site()


def test_the_page_is_named_while_the_site_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b"<title>Write a Docker volume plugin</title>") as port:
        site = site_at(port, monkeypatch)
        site.look.join()
    assert reading.lines("3.10", False, site) == [f"  Page      http://127.0.0.1:{port}/part3-2.html#step-3-10"]


@needs_markdown
def test_the_page_that_is_named_has_the_step() -> None:
    assert "{ #step-3-10 }" in pages.page(course.folder() / "part3.md", 2)


def test_another_server_or_none_is_not_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b"<title>Something else</title>") as port:
        site = site_at(port, monkeypatch)
        site.look.join()
    assert reading.lines("3.10", False, site) == []
    site = site_at(port, monkeypatch)  # where nobody listens any more
    site.look.join()
    assert reading.lines("3.10", False, site) == []


def test_nobody_waits_for_a_site_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(reading, "PATIENCE", 30.0)
    with server(b"<title>Write a Docker volume plugin</title>", lambda: answer.wait(5)) as port:
        site = site_at(port, monkeypatch)
        assert reading.lines("1.1", False, site) == []
        answer.set()
        site.look.join()


def test_why_docker_needs_a_step_is_said_when_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_at(9, monkeypatch)
    site.look.join()
    for step in (step for part in course.parts() for step in part.steps):
        said = reading.lines(step.id, True, site)
        assert " ".join(" ".join(said).split()) == step.why
        assert all(len(line) <= 80 for line in said)


@needs_markdown
def test_the_page_says_why_docker_needs_a_step() -> None:
    for part in course.parts():
        path = course.folder() / f"part{part.number}.md"
        page = "".join(pages.page(path, number + 1) for number in range(len(contents.pages(path))))
        assert all(f"*Why Docker needs it:* {step.why}" in page for step in part.steps)


def test_outside_of_a_clone_no_slide_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading.file_and_line("2.1").startswith("slides/part2.md:")
    monkeypatch.setattr(repository, "find_clone", lambda: None)
    assert reading.file_and_line("2.1") == ""


def test_the_title_is_that_of_the_site() -> None:
    assert f"site_name: {reading.TITLE.decode()}\n" in (ROOT / "mkdocs.yml").read_text()
