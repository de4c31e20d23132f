"""The live diagram: a page on loopback that is told of each call as it happens; and the same view for other pages."""

from __future__ import annotations

import contextlib
import html
import itertools
import json
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

FOLDER = Path(__file__).parent / "web"
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/conversation.js": ("conversation.js", "text/javascript; charset=utf-8"),
}
KEPT = 32 * 1024 * 1024
"""How much of the conversation a page that comes late still gets, in bytes: the last of it."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Feed:
    """What happens, in order, for any number of pages. run tells one trace from the next at the same address."""

    def __init__(self, header: dict[str, str]) -> None:
        self.header = header
        self.run = secrets.token_hex(4)
        self.events: deque[tuple[int, str]] = deque()
        self.last = 0
        self.size = 0
        self.ended = False
        self.changed = threading.Condition()

    def call(self, row: dict[str, Any]) -> None:
        """Tell of a call: once when it was asked ("pending"), once when it was answered."""
        self.add("call", row)

    def note(self, text: str) -> None:
        """Tell what became of the plugin."""
        self.add("note", {"text": text})

    def add(self, kind: str, data: dict[str, Any]) -> None:
        """Number an event, and forget the oldest ones when there is too much to keep."""
        with self.changed:
            self.last += 1
            event = f"id: {self.run}-{self.last}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            self.events.append((self.last, event))
            self.size += len(event)
            while self.size > KEPT and len(self.events) > 1:
                self.size -= len(self.events.popleft()[1])
            self.changed.notify_all()

    def close(self) -> None:
        """Let those go who wait."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def after(self, number: int, seconds: float) -> list[tuple[int, str]]:
        """Return the events after this one; where there are none, wait so long for some."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.last > number, seconds)
            if not self.events:
                return []
            first = self.events[0][0]
            return list(itertools.islice(self.events, max(0, number + 1 - first), None))


class Web(ThreadingHTTPServer):
    """Serves the page on 127.0.0.1, while a `with` statement lasts. Raises OSError where the port is taken."""

    daemon_threads = False

    def __init__(self, feed: Feed, port: int = 0) -> None:
        self.feed = feed
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Page)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.thread = threading.Thread(target=self.serve_forever, args=[0.05], name="web")

    def __enter__(self) -> Web:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.close()
        self.shutdown()
        self.thread.join()
        with self.lock:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Keep the connection in mind: one that is open at the end is closed then."""
        with self.lock:
            self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self.lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a page that is closed in the middle is no error."""


class Page(BaseHTTPRequestHandler):
    """Answers a browser: the page, its script, and the events."""

    server: Web
    timeout = 30

    def do_GET(self) -> None:
        """Answer with a file, with the events, or with a sentence."""
        path = urlsplit(self.path).path
        if not self.meant_for_us():
            self.say(421, f"This page is at {self.server.url} only.")
        elif path == "/events":
            self.stream()
        elif path in FILES:
            name, kind = FILES[path]
            self.send(200, kind, (FOLDER / name).read_bytes())
        else:
            self.say(404, f"There is nothing here. The page is at {self.server.url}")

    def meant_for_us(self) -> bool:
        """Tell whether the browser means this machine.

        A page from elsewhere may give its own name the address 127.0.0.1, and would then be let read what we say: its
        name stands in Host (DNS rebinding).
        """
        names = ("127.0.0.1", "localhost", "[::1]")
        return self.headers.get("Host", "").lower() in {f"{name}:{self.server.server_port}" for name in names}

    def stream(self) -> None:
        """Send the events as they come, from the one on that this page has not seen."""
        self.head(200, "text/event-stream")
        for text in self.events():
            self.wfile.write(text.encode())

    def events(self) -> Iterator[str]:
        """Yield events; a comment where there are none for a while shows whether the page is still there."""
        feed = self.server.feed
        seen = self.seen()
        if seen < 0:
            yield f"retry: 500\nevent: start\ndata: {json.dumps(feed.header | {'run': feed.run})}\n\n"
        while not feed.ended:
            news = feed.after(max(seen, 0), 10)
            seen = news[-1][0] if news else seen
            yield "".join(text for _, text in news) or ": still here\n\n"

    def seen(self) -> int:
        """Return the last event that this page has had of this trace; -1 where it has had none."""
        asked = parse_qs(urlsplit(self.path).query).get("after", [""])
        run, _, number = (self.headers.get("Last-Event-ID") or asked[0]).partition("-")
        return int(number) if run == self.server.feed.run and number.isdecimal() else -1

    def say(self, status: int, text: str) -> None:
        """Answer with a sentence."""
        self.send(status, "text/plain; charset=utf-8", f"{text}\n".encode())

    def send(self, status: int, kind: str, body: bytes) -> None:
        """Answer with a body."""
        self.head(status, kind, len(body))
        self.wfile.write(body)

    def head(self, status: int, kind: str, length: int | None = None) -> None:
        """Send the headers."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        """Return the Server header."""
        return "ddd"

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows the conversation."""


def embedded(recording: str, name: str = "") -> str:
    """Return the element with a recording inside, as it stands in a page that may be opened from file://.

    recording is the text of a file of traces/. The page loads conversation.js once.
    """
    # "</script>" or "<!--" in a body must not end the data; \u003c means the same to JSON
    data = recording.strip().replace("<", "\\u003c")
    label = f' name="{html.escape(name)}"' if name else ""
    return (
        f'<plugin-conversation{label}>\n<script type="application/jsonl">\n{data}\n</script>\n</plugin-conversation>\n'
    )
