"""The page of `trace --web`: for everyone who has its address, and for nobody else on this machine."""

from __future__ import annotations

import hmac
import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from workshop.trace.live import Feed, PageServer

SECRET = "hunter2"
PATHS = ["/", "/events", "/conversation.js", "/page.css", "/page.js", "/page.html", "/nothing", "/../verb.py"]


@dataclass
class Answer:
    """What came: of a stream, its first event."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer(Feed({"title": SECRET})) as server:
        server.feed.call({"n": 1, "request": SECRET})
        yield server


def get(server: PageServer, path: str, token: str = "", method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, f"{path}?token={token}" if token else path, headers=headers)
        answer = connection.getresponse()
        stream = answer.status == 200 and path == "/events"
        return Answer(answer.status, answer.headers, (answer.readline if stream else answer.read)().decode())
    finally:
        connection.close()


def token_of(server: PageServer) -> str:
    return server.url.partition("token=")[2]


def cookie_of(server: PageServer) -> str:
    given = get(server, "/", token_of(server)).headers["Set-Cookie"]
    return str(given).partition(";")[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_without_the_token_there_is_nothing(server: PageServer, path: str, method: str) -> None:
    name = f"trace-{server.port}"
    with PageServer(Feed({})) as other:
        foreign = cookie_of(other).replace(str(other.port), str(server.port))
    for token in ("", "x", token_of(server)[:-1], f"{token_of(server)}x", "%C3%A9", "%FF"):
        for cookie in ("", f"{name}=", f"{name}={token_of(server)}", foreign):
            answer = get(server, path, token, method, **{"Cookie": cookie} if cookie else {})
            assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)
            said = "" if method == "HEAD" else "Open the address that the trace has printed: it has a token in it.\n"
            assert answer.text == said


def test_who_has_the_token_gets_the_page_and_a_cookie(server: PageServer) -> None:
    answer = get(server, "/", token_of(server))
    assert answer.status == 200 and '<plugin-conversation live="events">' in answer.text
    name, *flags = answer.headers["Set-Cookie"].split("; ")
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    assert name.startswith(f"trace-{server.port}=") and token_of(server) not in name
    assert len(token_of(server)) >= 32


@pytest.mark.parametrize("path", ["/", "/events", "/conversation.js", "/page.css", "/page.js"])
def test_the_cookie_opens_all_that_the_page_asks_for(server: PageServer, path: str) -> None:
    answer = get(server, path, Cookie=cookie_of(server))
    assert answer.status == 200 and answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/events", "/page.css"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "", "[::1", "a b"])
def test_a_page_of_another_name_is_refused_with_token_and_cookie(server: PageServer, path: str, host: str) -> None:
    answer = get(server, path, token_of(server), Cookie=cookie_of(server), Host=host.format(port=server.port))
    assert answer.status in (400, 421) and not answer.headers["Set-Cookie"]
    assert SECRET not in answer.text and "plugin-conversation" not in answer.text


def test_the_token_is_compared_in_constant_time(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, two: bytes) -> bool:
        compared.append((one, two))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert get(server, "/", token_of(server)).status == 403
    assert (token_of(server).encode(), token_of(server).encode()) in compared


def test_nothing_is_printed(server: PageServer, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("/", "/events", "/nothing"):
        get(server, path, token_of(server))
        get(server, path)
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_an_error(server: PageServer) -> None:
    with pytest.raises(OSError, match="in use"):
        PageServer(Feed({}), server.port)


def test_events_go_on_after_the_one_that_was_seen(server: PageServer) -> None:
    opened = {"Cookie": cookie_of(server)}
    assert get(server, "/events", **opened).text == "retry: 500\n"
    server.feed.note("second")
    run = server.feed.run
    assert get(server, "/events", **opened, **{"Last-Event-ID": f"{run}-1"}).text == f"id: {run}-2\n"
    assert get(server, "/events", **opened, **{"Last-Event-ID": "other-1"}).text == "retry: 500\n"
    assert re.fullmatch("[0-9a-f]{8}", run)
