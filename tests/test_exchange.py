"""What is sent, to the byte, and how an answer is read: as Docker would."""

import contextlib
import gzip
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop.checker.evidence import Evidence
from workshop.checker.facts import exchange as facts
from workshop.protocol import answers, gojson
from workshop.protocol.exchange import Address, Exchange, exchange, read_answer, request


def test_a_call_of_docker_20() -> None:
    assert request("VolumeDriver.Create", {"Name": "mango", "Opts": {}}, "20.10") == (
        b"POST /VolumeDriver.Create HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 27\r\n"
        b'Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n{"Name":"mango","Opts":{}}\n'
    )


def test_a_call_of_docker_28_without_a_body() -> None:
    assert request("Plugin.Activate", None, "28") == (
        b"POST /Plugin.Activate HTTP/1.1\r\nHost: plugin.moby.localhost\r\nUser-Agent: Go-http-client/1.1\r\n"
        b"Content-Length: 0\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n"
    )


def test_a_call_of_podman() -> None:
    """As Podman 4.3.1 was seen to send it."""
    assert request("VolumeDriver.Create", {"Name": "mango"}, "podman") == (
        b"POST /VolumeDriver.Create HTTP/1.1\r\nHost: plugin\r\nUser-Agent: Go-http-client/1.1\r\n"
        b"Content-Length: 16\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\n\r\n"
        b'{"Name":"mango"}'
    )


def test_json_is_escaped_as_go_does() -> None:
    assert request("x", {"Name": "<ä&>"}).endswith('{"Name":"\\u003cä\\u0026\\u003e"}\n'.encode())


@pytest.mark.parametrize(
    ("status", "body", "ok", "err"),
    [
        (200, b'{"Err": ""}', True, ""),
        (200, b'{"Err": null}', True, ""),
        (200, b"{} and more", True, ""),
        (200, b'{"Err": "no"}', False, "no"),
        (200, b"[]", False, ""),
        (200, b"hello", False, ""),
        (200, b"", False, ""),
        (201, b"{}", False, ""),
        (500, b'{"Err": "no"}', False, "no"),
        (200, b'{"err": "no"}', False, "no"),
        (200, b'{"Err": "no"} more', False, "no"),
        (500, b'{"Err": "no"} more', False, ""),
        (500, b'{"Err": "no"}{}', False, ""),
        (500, b'{"Err": "no", "x": NaN}', False, ""),
        (500, b'{"ERR": "no"}\n', False, "no"),
    ],
)
def test_what_docker_takes_for_success(status: int, body: bytes, ok: bool, err: str) -> None:
    answer = Exchange("x", b"", status=status, body=body)
    assert (answer.ok, answer.err) == (ok, err)
    if status != 200:
        assert answers.read_error(body) == (err or body.decode())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"Err": "no"} more', "broken JSON"),
        (b'{"Err": "no", "x": NaN}', "broken JSON"),
        (b'{"eRR": "no"}', "Err"),
        (b'{"eRR": 7}', "Err of another type"),
        (b"null", "JSON value"),
        (b"7", "JSON value"),
        (b"NaN", "text"),
    ],
)
def test_an_error_answer_is_read_whole_and_strictly(body: bytes, said: str) -> None:
    evidence = Evidence("3.3", "", [Exchange("VolumeDriver.Get", b"", status=500, body=body)])
    assert facts.said(evidence) == said
    assert bool(facts.not_json(evidence)) == (said in ("broken JSON", "text"))


def answering(path: Path, sent: bytes) -> None:
    """Listen at path, take one call, send these bytes and close."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(sent)

    threading.Thread(target=answer, daemon=True).start()


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        (b"", "the connection was closed without an answer"),
        (b"Hello!\n", "the answer is not HTTP: 'Hello!\\n'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "no answer: IncompleteRead(2 bytes read, 7 more expected)"),
    ],
)
def test_an_answer_that_is_none(tmp_path: Path, sent: bytes, failure: str) -> None:
    answering(tmp_path / "s", sent)
    answer = exchange(Address(path=str(tmp_path / "s")), "x", request("x"))
    assert (answer.status, answer.failure) == (0, failure)


@pytest.mark.parametrize("header", [b"Content-Length: 11", b"Transfer-Encoding: chunked", b"Connection: close"])
def test_an_answer_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: bytes) -> None:
    monkeypatch.setattr("workshop.protocol.exchange.LONGEST", 10)
    body = b"b\r\n{123456789}\r\n" if b"chunked" in header else b"{123456789}"
    answering(tmp_path / "s", b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n" + body)
    answer = exchange(Address(path=str(tmp_path / "s")), "x", request("x"))
    assert (answer.status, answer.failure) == (0, "no answer: it has more than 10 bytes")


@pytest.mark.parametrize("drop", [b" ", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_comes_drop_by_drop_is_given_up_in_time(tmp_path: Path, drop: bytes) -> None:
    over = threading.Event()

    def drip() -> None:
        with listener, listener.accept()[0] as connection, contextlib.suppress(OSError):
            connection.sendall(b"" if b"100" in drop else b"HTTP/1.1 200 OK\r\n\r\n")
            while not over.wait(0.01):
                connection.sendall(drop)

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    dripping = threading.Thread(target=drip)
    dripping.start()
    answer = exchange(Address(path=str(tmp_path / "s")), "x", request("x"), 0.2)
    over.set()
    dripping.join()
    assert (answer.status, answer.failure) == (0, "no answer in time")


@pytest.mark.parametrize("body", ['\f{"Err": ""}', '\u00a0{"Err": ""}', '{"Err": "", "Status": {"load": NaN}}'])
def test_what_go_cannot_read_is_no_json(body: str) -> None:
    assert not Exchange("x", b"", 200, body=body.encode()).ok


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": NaN}', "invalid character 'N' looking for beginning of value"),
        ("Infinity", "invalid character 'I' looking for beginning of value"),
        ("[-Infinity]", "invalid character 'I' in numeric literal"),
    ],
)
def test_go_has_no_such_numbers(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        gojson.decode(text)


def test_a_queue_that_is_full_is_tried_again(tmp_path: Path) -> None:
    address = Address(path=str(tmp_path / "s"))
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        waiting.enter_context(address.connect(5))
        assert exchange(address, "x", request("x"), 0.05).failure == "the queue of its socket is full"
        later = threading.Timer(0.05, lambda: listener.accept()[0].close())
        later.start()
        address.connect(5).close()
        later.join()


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert exchange(Address(path=str(tmp_path / "s")), "x", request("x")).failure == "there is no socket"


# What Go's client does by itself. tests/engine/test_go_client.py compares it with a real engine.

DONE = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"Err": ""}'
SENT = request("VolumeDriver.Create", {"Name": "mango"})


def moved(status: int, location: str = "/elsewhere") -> bytes:
    return f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


class Turns:
    """A plugin that gives one answer after the other, each on a connection of its own, and keeps what it is asked."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.asked: list[bytes] = []

    def give(self, *answers: bytes) -> None:
        def answer() -> None:
            for each in answers:
                with self.listener.accept()[0] as connection:
                    self.asked.append(connection.recv(65536))
                    connection.sendall(each)

        threading.Thread(target=answer, daemon=True).start()


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[tuple[Turns, Address]]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        yield Turns(listener), Address(path=str(tmp_path / "s"))


@pytest.fixture
def over_tcp() -> Iterator[tuple[Turns, Address]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Turns(listener), Address(host="127.0.0.1", port=listener.getsockname()[1])


@pytest.mark.parametrize(("status", "first"), [(302, b"GET /elsewhere"), (308, b"POST /elsewhere")])
def test_a_redirect_is_followed(turns: tuple[Turns, Address], status: int, first: bytes) -> None:
    plugin, address = turns
    plugin.give(moved(status), DONE)
    answer = exchange(address, "VolumeDriver.Create", SENT)
    assert answer.ok
    assert [each.status for each in answer.redirects] == [status]
    assert plugin.asked[0] == SENT
    assert plugin.asked[1].startswith(first)
    assert plugin.asked[1].endswith(b'{"Name":"mango"}\n' if status == 308 else b"\r\n\r\n")
    assert b"Referer: http://plugin.moby.localhost/VolumeDriver.Create\r\n" in plugin.asked[1]
    assert str(answer).endswith(f' -> {status} to /elsewhere -> 200 {{"Err": ""}}')


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http:///elsewhere", "http: no Host in request URL"),
        ("https://plugin/x", "TLS on a Unix socket is not tried here"),
        ("ftp://plugin/x", 'unsupported protocol scheme "ftp"'),
        ("http://[/x", "failed to parse Location header: Invalid IPv6 URL"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_no_answer(turns: tuple[Turns, Address], location: str, why: str) -> None:
    plugin, address = turns
    plugin.give(moved(307, location))
    answer = exchange(address, "VolumeDriver.Create", SENT)
    assert (answer.status, answer.headers, answer.body) == (0, {}, b"")
    assert answer.failure.startswith("the redirect to ")
    assert answer.failure.endswith(f" is not followed: {why}")


def test_after_ten_requests_a_redirect_is_not_followed(turns: tuple[Turns, Address]) -> None:
    plugin, address = turns
    plugin.give(*[moved(307)] * 10)
    answer = exchange(address, "VolumeDriver.Create", SENT)
    assert answer.failure == "the redirect to /elsewhere is not followed: stopped after 10 redirects"
    assert len(plugin.asked) == 10


def test_a_redirect_to_another_host_is_not_followed(over_tcp: tuple[Turns, Address]) -> None:
    plugin, address = over_tcp
    plugin.give(moved(307, "http://127.0.0.1:1/x"))
    answer = exchange(address, "x", request("x", host=f"127.0.0.1:{address.port}"))
    assert answer.failure.endswith("is not followed: another host, or another scheme, is not asked here")


def test_all_redirects_have_one_limit_of_time(turns: tuple[Turns, Address], monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, address = turns
    plugin.give(moved(307), moved(307), DONE)
    limits: list[float] = []
    connect = Address.connect

    def noted(self: Address, timeout: float) -> socket.socket:
        limits.append(timeout)
        return connect(self, timeout)

    monkeypatch.setattr(Address, "connect", noted)
    assert exchange(address, "VolumeDriver.Create", SENT, 10).ok
    assert limits[0] == 10
    assert limits == sorted(set(limits), reverse=True)


def test_what_comes_before_the_answer_is_passed_over(turns: tuple[Turns, Address]) -> None:
    plugin, address = turns
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    plugin.give(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + early + DONE)
    answer = exchange(address, "VolumeDriver.Create", SENT)
    assert (answer.status, answer.ok, "link" in answer.headers) == (200, True, False)


def test_other_protocols_are_an_answer(turns: tuple[Turns, Address]) -> None:
    plugin, address = turns
    plugin.give(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + DONE)
    assert exchange(address, "VolumeDriver.Create", SENT).status == 101


def zipped(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_gzip_is_unpacked_where_docker_asks_for_it(
    turns: tuple[Turns, Address], over_tcp: tuple[Turns, Address]
) -> None:
    packed = gzip.compress(b'{"Err": ""}')
    for (plugin, address), host in ((turns, None), (over_tcp, "plugin:80")):
        plugin.give(zipped(packed))
        assert exchange(address, "x", request("x", host=host)).ok == (host is not None)


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"{}", "its gzip is broken"),
        (gzip.compress(b"{}", mtime=0)[:-9], "its gzip is broken"),
        (gzip.compress(b" " * 41, mtime=0), "it has more than 40 bytes"),
    ],
)
def test_gzip_that_is_broken_or_too_long_is_no_answer(
    over_tcp: tuple[Turns, Address], monkeypatch: pytest.MonkeyPatch, body: bytes, failure: str
) -> None:
    monkeypatch.setattr("workshop.protocol.exchange.LONGEST", 40)
    plugin, address = over_tcp
    plugin.give(zipped(body))
    answer = exchange(address, "x", request("x", host="plugin:80"))
    assert answer.status == 0
    assert answer.failure.startswith(f"no answer: {failure}")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (b"X\r\nContent-Length: 11", 'malformed MIME header: missing colon: "X"'),
        (b"Content-Length: 11\r\nContent-Length: 12", 'multiple Content-Length headers; got ["11" "12"]'),
        (b"Content-Length: x", 'bad Content-Length "x"'),
        (b"Content-Length: -1", 'bad Content-Length "-1"'),
        (b"Content-Length: +11", 'bad Content-Length "+11"'),
        (b"Transfer-Encoding: gzip, chunked", 'unsupported transfer encoding: "gzip, chunked"'),
    ],
)
def test_headers_that_go_does_not_take_are_no_answer(turns: tuple[Turns, Address], headers: bytes, why: str) -> None:
    plugin, address = turns
    plugin.give(b"HTTP/1.1 200 OK\r\n" + headers + b'\r\n\r\n{"Err": ""}')
    answer = exchange(address, "VolumeDriver.Create", SENT)
    assert answer.status == 0
    assert answer.failure.startswith("no answer: ")
    assert answer.failure.endswith(why)


@pytest.mark.parametrize("headers", [b"Content-Length: 11\r\nContent-Length: 11", b"X: a\r\n b\r\nContent-Length: 11"])
def test_odd_headers_that_go_takes_are_an_answer(turns: tuple[Turns, Address], headers: bytes) -> None:
    plugin, address = turns
    plugin.give(b"HTTP/1.1 200 OK\r\n" + headers + b'\r\n\r\n{"Err": ""}')
    assert exchange(address, "VolumeDriver.Create", SENT).ok


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"])
def test_an_answer_that_cannot_be_read_is_closed(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.13 prints a traceback for an answer that is collected open, after what it reads from was closed."""
    made: list[http.client.HTTPResponse] = []

    class Response(http.client.HTTPResponse):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            made.append(self)

    monkeypatch.setattr(http.client, "HTTPResponse", Response)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(answer)
        with pytest.raises((http.client.HTTPException, OSError)):
            read_answer(ours, Exchange("Plugin.Activate", b""))
    assert [response.isclosed() for response in made] == [True]
