"""The live diagram: a page on loopback that shows each call as it happens, to everyone who has its address.

Every user of the machine can reach 127.0.0.1. As JupyterLab does, the page is for those who know the token of its
address; their browser gets a cookie for it, and without one of the two there is nothing.
"""

from __future__ import annotations

import hmac
import itertools
import json
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request, send_from_directory, session
from werkzeug.serving import WSGIRequestHandler, make_server

from workshop.trace.page import FOLDER

FEED_LIMIT = 32 * 1024 * 1024
"""How much of the conversation a page that is opened late still gets, in bytes: the end of it."""
NAMES = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Feed:
    """What happens, in order, for any number of pages. run distinguishes one trace from the next at this address."""

    def __init__(self, header: dict[str, str]) -> None:
        self.header = header
        self.run = secrets.token_hex(4)
        self.events: deque[tuple[int, str]] = deque()
        self.last = 0
        self.size = 0
        self.ended = False
        self.changed = threading.Condition()

    def call(self, row: dict[str, Any]) -> None:
        """Add a call: once when its request came ("pending"), once when it was answered."""
        self.add("call", row)

    def note(self, text: str) -> None:
        """Add what happened to the plugin."""
        self.add("note", {"text": text})

    def add(self, kind: str, data: dict[str, Any]) -> None:
        """Number an event, and forget the oldest ones when there is too much to keep."""
        with self.changed:
            self.last += 1
            event = f"id: {self.run}-{self.last}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            self.events.append((self.last, event))
            self.size += len(event)
            while self.size > FEED_LIMIT and len(self.events) > 1:
                self.size -= len(self.events.popleft()[1])
            self.changed.notify_all()

    def close(self) -> None:
        """Wake up those who wait."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def after(self, number: int, seconds: float) -> list[tuple[int, str]]:
        """Return the events after this one; if there are none, wait this long for some."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.last > number, seconds)
            if not self.events:
                return []
            first = self.events[0][0]
            return list(itertools.islice(self.events, max(0, number + 1 - first), None))

    def last_seen(self, event: str) -> int:
        """Return the number of an event, "RUN-NUMBER"; -1 if it is not an event of this trace."""
        run, _, number = event.partition("-")
        return int(number) if run == self.run and number.isdecimal() else -1

    def stream(self, seen: int) -> Iterator[str]:
        """Yield the events after this one, as they come, as server-sent events (-1: from the start).

        A comment if there are none for a while shows whether the page is still there.
        """
        if seen < 0:
            yield f"retry: 500\nevent: start\ndata: {json.dumps(self.header | {'run': self.run})}\n\n"
        while not self.ended:
            news = self.after(max(seen, 0), 10)
            seen = news[-1][0] if news else seen
            yield "".join(text for _, text in news) or ": still here\n\n"


class PageServer:
    """Serves the page on 127.0.0.1, while a `with` statement lasts. Raises OSError if the port is taken.

    url is the address with its token; only who started the trace sees it.
    """

    def __init__(self, feed: Feed, port: int = 0) -> None:
        self.feed = feed
        token = secrets.token_hex(16)
        # Werkzeug would print and exit if the port is taken
        with socket.create_server(("127.0.0.1", port)) as listener:
            self.port = int(listener.getsockname()[1])
            app = _application(feed, self.port, token)
            self.server = make_server(
                "127.0.0.1", self.port, app, True, request_handler=PageHandler, fd=listener.fileno()
            )
        self.url = f"http://127.0.0.1:{self.port}/?token={token}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.05], name="web")

    def __enter__(self) -> PageServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class PageHandler(WSGIRequestHandler):
    """Answers one request on each connection, and prints nothing: what it would print has the token in it."""

    protocol_version = "HTTP/1.0"
    timeout = 30

    def log(self, *_: object) -> None:
        """Say nothing: the terminal shows the conversation."""


def _application(feed: Feed, port: int, token: str) -> Flask:
    """Return the app that answers a browser: the page, its script, and the events."""
    app = Flask(__name__, static_folder=FOLDER, static_url_path="")
    app.secret_key = secrets.token_bytes(32)
    # a browser sends cookies to every port of a host: the name distinguishes two traces
    app.config |= {"SESSION_COOKIE_NAME": f"trace-{port}", "SESSION_COOKIE_SAMESITE": "Strict"}

    @app.before_request
    def guard() -> Response | None:
        """Refuse a request that names another host, or has neither token nor cookie.

        A page from elsewhere may give its own name the address 127.0.0.1, and could then read what is said here: its
        name is in Host (DNS rebinding).
        """
        if request.headers.get("Host", "").lower() not in {f"{name}:{port}" for name in NAMES}:
            return _sentence(421, f"This page is at 127.0.0.1:{port} only.")
        if hmac.compare_digest(request.args.get("token", "").encode(), token.encode()):
            session["token"] = True
        elif "token" not in session:
            return _sentence(403, "Open the address that the trace has printed: it has a token in it.")
        return None

    @app.get("/")
    def page() -> Response:
        return send_from_directory(FOLDER, "page.html")

    @app.get("/events")
    def events() -> Response:
        # after a lost connection the browser names the last event; the page names it when it connects again
        seen = feed.last_seen(request.headers.get("Last-Event-ID") or request.args.get("after", ""))
        return Response(feed.stream(seen), content_type="text/event-stream")

    @app.after_request
    def harden(answer: Response) -> Response:
        answer.headers.update(HEADERS)
        return answer

    return app


def _sentence(status: int, text: str) -> Response:
    """Return an answer that says why there is no page."""
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")
