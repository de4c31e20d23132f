"""Where a step is explained: its slide in the clone, and its page while the site is served; and why Docker needs it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from workshop import repository, terminal
from workshop.course import contents, course

HOST, PORT = "127.0.0.1", 8000
"""Where mkdocs serves the site, and `./workshop site` if it can."""
TITLE = b"Write a Docker volume plugin"
"""What the title of the site's first page has: another server may be there."""
BEGINNING = 8192
"""How many bytes of the page are read."""
PATIENCE = 1.0
"""How many seconds the site has for each piece of its answer. Nobody waits for it."""


class Site:
    """The site, looked for in a separate thread, so that no verdict waits for it."""

    def __init__(self) -> None:
        self.address = ""
        """Where the site is served, if that is known yet; "" if it is not served."""
        self.look = threading.Thread(target=self._look, daemon=True)
        with suppress(RuntimeError):  # where there are no threads, nothing is served either
            self.look.start()

    def _look(self) -> None:
        request, answer = f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode(), b""
        with suppress(OSError), socket.create_connection((HOST, PORT), PATIENCE) as caller:
            caller.sendall(request)
            while len(answer) < BEGINNING and (piece := caller.recv(BEGINNING)):
                answer += piece
        if TITLE in answer:
            self.address = f"http://{HOST}:{PORT}"


def file_and_line(step_id: str) -> str:
    """Return the slide of a step, "slides/part1.md:57"; "" outside of a clone, which has no slides to open."""
    root = repository.find_clone()
    where = next((step.where for part in course.parts() for step in part.steps if step.id == step_id), "")
    file, _, line = where.rpartition(":")
    return f"{Path(file).relative_to(root)}:{line}" if root and Path(file).is_relative_to(root) else ""


def lines(step_id: str, passes: bool, site: Site) -> list[str]:
    """Return the lines below a step: why Docker needs it if it passes, and its page if the site is served."""
    about = course.step(step_id)
    why = terminal.wrap(" " * 12, about.why) if passes and about.why else []
    page = [f"  {'Page':10}{site.address}/{contents.page_of_step(step_id)}"] if site.address else []
    return [*why, *page]
