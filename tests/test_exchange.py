"""What is sent, to the byte, and how an answer is read: as Docker would."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from workshop.protocol import gojson
from workshop.protocol.exchange import Address, Exchange, exchange, request


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
    ],
)
def test_what_docker_takes_for_success(status: int, body: bytes, ok: bool, err: str) -> None:
    answer = Exchange("x", b"", status=status, body=body)
    assert (answer.ok, answer.err) == (ok, err)


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
