"""`trace`: every byte passes, every call is shown and recorded, and a socket that was taken is given back."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop.plugins.process import Plugin, accepts
from workshop.protocol.exchange import Address, exchange, request
from workshop.trace import place, proxy, recording, trace
from workshop.trace.conversation import Clock
from workshop.trace.errors import Refused
from workshop.trace.mask import Mask
from workshop.trace.proxy import Proxy, hang_up
from workshop.trace.recording import BODY_LIMIT, Call, Message
from workshop.trace.screen import Screen, body_text, wrap_sentences
from workshop.trace.trace import Options

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
START = (
    "import json, sys; from workshop.trace import trace; sys.exit(trace.main(trace.Options(**json.loads(sys.argv[1]))))"
)


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.01)


# The proxy, in this process, before a plugin of a few lines


class Proxied:
    """A proxy before a function that gets each connection."""

    def __init__(self, folder: Path, serve: Callable[[socket.socket], None]) -> None:
        self.calls: list[Call] = []
        self.path = folder / "public.sock"
        self.serve = serve
        self.plugin = place.bind_socket(folder / "private.sock")
        self.threads: list[threading.Thread] = []
        self.acceptor = threading.Thread(target=self.accept)
        self.acceptor.start()
        self.proxy = Proxy(self.calls.append, Clock(), lambda: Address(path=str(folder / "private.sock")).connect(5))
        self.proxy.serve(place.bind_socket(self.path))

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=self.one, args=[self.plugin.accept()[0]])
                self.threads.append(thread)
                thread.start()

    def one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.serve(connection)

    def close(self) -> None:
        self.proxy.close()
        hang_up(self.plugin)
        for thread in [self.acceptor, *self.threads]:
            thread.join()
        self.plugin.close()

    def open(self) -> socket.socket:
        return Address(path=str(self.path)).connect(20)

    @property
    def done(self) -> list[Call]:
        return [call for call in self.calls if call.done]


@pytest.fixture
def proxied(folder: Path) -> Iterator[Callable[[Callable[[socket.socket], None]], Proxied]]:
    with contextlib.ExitStack() as stack:

        def start(serve: Callable[[socket.socket], None]) -> Proxied:
            made = Proxied(folder, serve)
            stack.callback(made.close)
            return made

        yield start


Start = Callable[[Callable[[socket.socket], None]], Proxied]


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def answering(answer: bytes, until: bytes = b"}\n") -> Callable[[socket.socket], None]:
    """A plugin that answers each request that ends so, on a connection that stays open."""

    def serve(connection: socket.socket) -> None:
        heard = b""
        while data := connection.recv(65536):
            heard += data
            while until in heard:
                heard = heard.partition(until)[2]
                connection.sendall(answer)

    return serve


OK = b'HTTP/1.1 200 OK\r\nX-Odd:  two  spaces \r\ncontent-LENGTH: 11\r\n\r\n{"Err": ""}'


def test_every_byte_passes_as_it_is(proxied: Start) -> None:
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(OK)

    sent = request("VolumeDriver.Get", {"Name": "mango"}, "20.10").replace(b"Host: ", b"hOST:")
    through = proxied(serve)
    with through.open() as caller:
        caller.sendall(sent)
        assert read_all(caller) == OK
    assert heard == [sent]
    (call,) = through.done
    assert (call.method, call.path, call.status, call.reason) == ("POST", "/VolumeDriver.Get", 200, "OK")
    assert call.request.headers[0] == ["hOST", ""]
    assert call.request.text() == '{"Name":"mango"}\n'
    assert call.answer.headers == [["X-Odd", "two  spaces"], ["content-LENGTH", "11"]]
    assert (call.answer.text(), call.failure) == ('{"Err": ""}', "")
    assert call.took > 0


def test_a_question_is_told_before_its_answer(proxied: Start) -> None:
    told: list[str] = []

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        wait_for(lambda: through.calls, "the question")
        told.append("answered")
        connection.sendall(OK)

    through = proxied(serve)
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.List", {}))
        read_all(caller)
    assert [call.done for call in through.calls] == [False, True]
    assert told == ["answered"]


def test_a_connection_that_stays_open(proxied: Start) -> None:
    through = proxied(answering(OK))
    with through.open() as caller:
        for name in ("a", "b", "c"):
            caller.sendall(request("VolumeDriver.Get", {"Name": name}))
            assert caller.recv(65536) == OK
        assert len(through.done) == 3
    assert [json.loads(call.request.body)["Name"] for call in through.done] == ["a", "b", "c"]
    assert [call.n for call in through.done] == [1, 2, 3]


def test_requests_one_behind_the_other_in_pieces(proxied: Start) -> None:
    through = proxied(answering(OK))
    names = [f"v{number}" for number in range(20)]
    with through.open() as caller:
        for byte in b"".join(request("VolumeDriver.Get", {"Name": name}) for name in names):
            caller.sendall(bytes([byte]))
        caller.shutdown(socket.SHUT_WR)
        assert read_all(caller) == OK * 20
    assert [json.loads(call.request.body)["Name"] for call in through.done] == names


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
            "abcde",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "hi"),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "hi"),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", "hi"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
    ],
    ids=["chunks", "to the end", "100", "bare newlines", "no reason", "a header of two lines", "103"],
)
def test_the_ways_to_end_a_body(proxied: Start, answer: bytes, body: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    through = proxied(serve)
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.List", {}))
        assert read_all(caller) == answer
    wait_for(lambda: through.done, "the call")
    assert [(call.answer.text(), call.status, call.failure) for call in through.done] == [(body, 200, "")]


def test_eight_callers_at_once(proxied: Start) -> None:
    def serve(connection: socket.socket) -> None:
        heard = b""
        while not heard.endswith(b"}\n"):
            heard += connection.recv(65536)
        body = heard.partition(b"\r\n\r\n")[2]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    through = proxied(serve)

    def call(number: int) -> bool:
        got = exchange(Address(path=str(through.path)), "VolumeDriver.Get", request("X.Y", {"Name": f"v{number}"}), 20)
        return bool(got.json == {"Name": f"v{number}"})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(400)))
    wait_for(lambda: len(through.done) == 400, "all calls")
    assert all(call.request.body == call.answer.body and not call.failure for call in through.done)
    assert sorted(call.n for call in through.done) == list(range(1, 401))


def test_large_bodies_stream_through_and_are_cut_where_they_are_shown(proxied: Start) -> None:
    size = 40 * 1024 * 1024

    def serve(connection: socket.socket) -> None:
        # answers while it reads: nothing on the way may hold a body back
        connection.recv(1, socket.MSG_PEEK)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        left = size
        while left and (data := connection.recv(65536)):
            data = data.rpartition(b"\r\n\r\n")[2] if left == size else data
            connection.sendall(data)
            left -= len(data)

    through = proxied(serve)
    head = b"POST /VolumeDriver.Create HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size
    with through.open() as caller:
        sender = threading.Thread(target=caller.sendall, args=[head + "é".encode() * (size // 2)])
        sender.start()
        got = sum(len(piece) for piece in iter(lambda: caller.recv(65536), b""))
        sender.join()
    assert got == size + len(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    wait_for(lambda: through.done, "the call")
    assert [(call.path, call.status, call.failure) for call in through.done] == [("/VolumeDriver.Create", 200, "")]
    (call,) = through.done
    assert len(call.request.body) == len(call.answer.body) == BODY_LIMIT
    assert (call.request.size, call.answer.size) == (size, size)
    assert call.as_json()["answer_size"] == size
    assert body_text(call.answer).endswith(f"(cut: it has {size} bytes)")


def test_a_plugin_that_refuses_a_large_body_before_it_has_read_it(proxied: Start) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(refusal)

    through = proxied(serve)
    with through.open() as caller:
        with contextlib.suppress(OSError):
            caller.sendall(request("VolumeDriver.Create", b"x" * 10**7))
        # what follows may be a reset, as it is without the proxy: the plugin left something unread
        assert caller.recv(65536) == refusal
    through.proxy.close()
    assert [(call.path, call.status, call.failure) for call in through.done] == [("/VolumeDriver.Create", 413, "")]


def test_a_cut_does_not_go_through_a_character() -> None:
    message = Message()
    message.add(b"x" + "é".encode() * BODY_LIMIT)
    assert message.text() == "x" + "é" * (BODY_LIMIT // 2 - 1)


@pytest.mark.parametrize(
    ("said", "failure", "status"),
    [
        (b"", "the connection was closed without an answer", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "the answer broke off", 200),
        (b"Hello, Docker!\r\n", "the answer is not HTTP: 'Hello, Docker!'", 0),
    ],
    ids=["says nothing", "breaks off", "is no HTTP"],
)
def test_a_plugin_that_dies_half_way(proxied: Start, said: bytes, failure: str, status: int) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    through = proxied(serve)
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.Get", {"Name": "mango"}))
        assert read_all(caller) == said
    wait_for(lambda: through.done, "the call")
    assert [(call.failure, call.status) for call in through.done] == [(failure, status)]


def test_a_caller_that_leaves_is_said_to_have_left(proxied: Start) -> None:
    through = proxied(lambda connection: print(read_all(connection)))
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.Get", {"Name": "mango"}))
        wait_for(lambda: through.calls, "the question")
    wait_for(lambda: through.done, "the end")
    assert through.done[0].failure == "the caller closed the connection before the answer came"


def test_what_is_no_http_passes_all_the_same(proxied: Start) -> None:
    through = proxied(lambda connection: connection.sendall(read_all(connection)[::-1]))
    with through.open() as caller:
        caller.sendall(b"\x16\x03\x01 hello, TLS")
        caller.shutdown(socket.SHUT_WR)
        assert read_all(caller) == b"SLT ,olleh \x01\x03\x16"
    wait_for(lambda: through.done, "the call")
    assert through.done[0].failure == "the request is not HTTP: it is TLS, which only the two ends can read"


def test_the_end_lets_a_call_under_way_end(proxied: Start) -> None:
    go_on = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        go_on.wait(20)
        connection.sendall(OK)

    through = proxied(serve)
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.List", {}))
        wait_for(lambda: through.calls, "the question")
        ending = threading.Thread(target=through.proxy.close)
        ending.start()
        wait_for(through.proxy.ended.is_set, "the end")
        go_on.set()
        assert read_all(caller) == OK
        ending.join()


def test_the_end_does_not_wait_for_a_plugin_that_never_answers(proxied: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "GRACE", 0.1)
    ended = threading.Event()
    through = proxied(lambda connection: print(ended.wait(30)))
    with through.open() as caller:
        caller.sendall(request("VolumeDriver.List", {}))
        wait_for(lambda: through.calls, "the question")
        ending = threading.Thread(target=through.proxy.close)
        ending.start()
        ending.join(10)
        hung = ending.is_alive()
        ended.set()
        ending.join()
    assert not hung
    assert through.done[0].failure == "the trace ended before the answer came"


# Masking, recording, showing


def call_with(request_body: str, answer_body: str = '{"Err": ""}') -> Call:
    asked, answer = Message([["Host", ""]]), Message()
    asked.add(request_body.encode())
    answer.add(answer_body.encode())
    return Call(1, 0.0, 0.00251, "POST", "/VolumeDriver.Create", asked, 200, "OK", answer)


def test_masked_options_are_nowhere() -> None:
    mask, secret = Mask(), 'hunt"er2'
    coded = json.dumps(secret)
    masked = mask(
        call_with(f'{{"Name":"v","opts":{{"password":{coded}}}}}\n', f'{{"Err": "bad option {coded[1:-1]}"}}')
    )
    assert masked.request.text() == '{"Name":"v","opts":{"password":"***"}}\n'
    assert masked.answer.text() == '{"Err": "bad option ***"}'
    later = mask(call_with('{"Name":"v"}', f'{{"Volume": {{"Status": {{"p": {coded}}}}}}}'))
    assert "hunt" not in (later.answer.text() or "")


@pytest.mark.parametrize("body", ['{"Opts": {"p": "hunter2"}', '{"Name": "v"} {"Opts": {"p": "hunter2"}}', "p=hunter2"])
def test_a_body_that_cannot_be_read_is_masked_whole(body: str) -> None:
    assert Mask()(call_with(body)).request.text() == "***"


def test_a_body_that_was_cut_is_masked_whole() -> None:
    masked = Mask()(call_with('{"Opts": {"p": "' + "hunter2" * BODY_LIMIT))
    assert "hunter2" not in json.dumps(masked.as_json())
    assert masked.as_json()["request_size"] > BODY_LIMIT


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    binary = call_with("{}")
    binary.answer.body += b"\xff\xfe"
    binary.answer.size += 2
    rows = [call_with('{"Name":"mängo"}').as_json(), binary.as_json()]
    assert list(rows[0]) == ["n", "at", "took", "method", "path", "request_headers", "request", "status", "reason",
                             "answer_headers", "answer", "failure"]  # fmt: skip
    assert rows[0]["took"] == 0.0025
    assert "answer" not in rows[1] and rows[1]["answer_base64"]
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join(map(json.dumps, [recording.header("any"), *rows])))
    first, calls = recording.read(file)
    assert (first["title"], [call.as_json() for call in calls]) == ("any", rows)


def test_the_recordings_of_real_engines_are_read_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((ROOT / "traces").rglob("*.jsonl"))
    for file in files:
        _, calls = recording.read(file)
        lines = file.read_text().splitlines()[1:]
        assert [call.as_json() for call in calls] == [json.loads(line) for line in lines], file
        assert trace.show(file) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "\033" not in shown


@pytest.mark.parametrize(
    "text", ["", "{}", '{"format": "other"}', "no JSON", '{"format": "ddd-trace 1"}\n{"n": 1}', "[]"]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r").write_text(text)
    assert trace.show(tmp_path / "r") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is no recording of ours. Record one: ./workshop trace --record FILE" in said
    assert trace.show(tmp_path / "none") == 2


def test_sentences_fit_80_columns_and_what_is_copied_stays_whole() -> None:
    path, command = f"/run/{'a-long-name/' * 8}ddd.sock", "./workshop trace --tcp 127.0.0.1:5001 --to 127.0.0.1:5000"
    assert wrap_sentences(f"Give both:   {command}") == [f"Give both:   {command}"]
    assert wrap_sentences(f"Both ends of a conversation have to be given:   {command}") == [
        "Both ends of a conversation have to be given:",
        f"    {command}",
    ]
    assert wrap_sentences(f"There is no socket at {path}. Start it:\n    {path} --now") == [
        "There is no socket at",
        f"{path}.",
        "Start it:",
        f"    {path} --now",
    ]


def test_what_trace_refuses_is_said_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert trace.main(Options(socket="/run/docker/plugins/nobody.sock")) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "    ./workshop trace --plugin FILE"
    assert [line for line in said if len(line) > 80] == []


def test_an_answer_that_comes_after_another_question_says_to_which() -> None:
    screen = Screen(lambda call: f"{call.at:.1f} s")
    one, two = call_with('{"Name":"a"}'), call_with('{"Name":"b"}')
    two.n, two.at = 2, 1.5
    waiting = [Call(each.n, each.at, 0, each.method, each.path, each.request) for each in (one, two)]
    lines = [line for call in (*waiting, one, two) for line in screen.call(call)]
    assert len([line for line in lines if "[docker]" in line]) == 2
    assert "(to /VolumeDriver.Create at 0.0 s)" in " ".join(lines)
    assert "(to /VolumeDriver.Create at 1.5 s)" not in " ".join(lines)


# The verb, as a process of its own


class Tracing:
    """`trace` with these options; what it says is in a file."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.said = folder / "said"
        told = os.environ | {"DDD_SOCKET": str(folder / "p" / "ddd.sock"), "DDD_ROOT": str(folder / "root")}
        command = [sys.executable, "-W", "error", "-c", START, json.dumps(options)]
        with open(self.said, "w") as said:
            self.process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=said, stderr=subprocess.STDOUT)
        self.socket = folder / "p" / "ddd.sock"

    def text(self) -> str:
        return " ".join(self.said.read_text().split())

    def says(self, text: str) -> None:
        wait_for(lambda: text in self.text() or self.process.poll() is not None, text)
        assert text in self.text()

    def end(self, *numbers: int) -> int:
        for number in numbers or [signal.SIGTERM]:
            self.process.send_signal(number)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()

    def call(self, endpoint: str, **body: object) -> object:
        return exchange(Address(path=str(self.socket)), endpoint, request(endpoint, body), 20).json


@pytest.fixture
def tracing(folder: Path) -> Iterator[Callable[..., Tracing]]:
    started: list[Tracing] = []

    def start(**options: object) -> Tracing:
        started.append(Tracing(folder, **options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


@pytest.fixture
def running(folder: Path) -> Iterator[Plugin]:
    plugin = Plugin([sys.executable, str(ROOT / "part3" / "plugin.py")], folder / "p" / "ddd.sock", folder / "root")
    yield plugin.start()
    plugin.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_plugin_of_the_course(tracing: Callable[..., Tracing], folder: Path, number: int) -> None:
    record = folder / "r.jsonl"
    traced = tracing(plugin="part3/plugin.py", record=str(record))
    traced.says("The plugin runs: python part3/plugin.py")
    assert stat.S_IMODE(traced.socket.stat().st_mode) == 0o600
    assert traced.call("VolumeDriver.Create", Name="mango", Opts={}) == {"Err": ""}
    assert (folder / "root" / "volumes" / "mango").is_dir()
    traced.says("[plugin] 200 OK")
    assert traced.end(number) == 0
    assert not traced.socket.exists()
    assert [line for line in traced.said.read_text().splitlines() if len(line) > 80] == []
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    _, (call,) = recording.read(record)
    assert (call.path, call.status) == ("/VolumeDriver.Create", 200)


def test_it_is_started_again_when_its_file_changes(tracing: Callable[..., Tracing], tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    shutil.copy(ROOT / "part1" / "plugin.py", file)
    traced = tracing(plugin=str(file))
    traced.says("The plugin runs")
    before = traced.socket.stat()
    assert traced.call("Plugin.Activate") is None
    shutil.copy(ROOT / "part2" / "plugin.py", tmp_path / "new")
    (tmp_path / "new").rename(file)
    traced.says("changed: the plugin is started again.")
    assert traced.call("Plugin.Activate") == {"Implements": ["VolumeDriver"]}
    file.write_text("print('no idea')\nraise SystemExit(3)\n")
    traced.says("The plugin ended with status 3 before it listened. Its last lines: no idea")
    assert os.path.samestat(before, traced.socket.stat())
    # a call that comes now is held, until the file is fixed
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(traced.call, "Plugin.Activate")
        shutil.copy(ROOT / "part2" / "plugin.py", file)
        assert held.result() == {"Implements": ["VolumeDriver"]}


def test_it_is_started_again_when_it_dies(tracing: Callable[..., Tracing], tmp_path: Path) -> None:
    file, dying = tmp_path / "plugin.py", "    __import__('os')._exit(7)\n"
    text = (ROOT / "part2" / "plugin.py").read_text()
    file.write_text(text.replace("def greet():\n", "def greet():\n" + dying))
    traced = tracing(run=f"{sys.executable} {file}")
    traced.says("The plugin runs")
    assert traced.call("") is None
    traced.says("The plugin ended with status 7, and is started again.")
    assert traced.call("Plugin.Activate") == {"Implements": ["VolumeDriver"]}
    traced.says("(the connection was closed without an answer)")


def test_a_plugin_that_is_not_there_refuses_by_closing(tracing: Callable[..., Tracing], tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("raise SystemExit(3)\n")
    traced = tracing(plugin=str(tmp_path / "plugin.py"))
    traced.says("It is started again when its file changes.")
    got = exchange(Address(path=str(traced.socket)), "Plugin.Activate", request("Plugin.Activate"), 20)
    assert got.failure == "the connection was closed without an answer"
    traced.says("(there is no plugin: the connection was closed)")


def test_a_command_that_cannot_be_started_is_told(tracing: Callable[..., Tracing], folder: Path) -> None:
    (folder / "plugin").write_text("")
    (folder / "plugin").chmod(0o755)  # the kernel finds no program in it
    traced = tracing(run=str(folder / "plugin"))
    traced.says("Exec format error")
    traced.says("It is started again when its file changes.")
    assert traced.end() == 0
    assert "Traceback" not in traced.text()


def test_variables_without_a_value_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    @contextlib.contextmanager
    def public(path: Path) -> Iterator[socket.socket]:
        asked.append(path)
        raise Refused("This is enough.")
        yield

    monkeypatch.setattr(trace, "publish", public)
    for name in ("DDD_SOCKET", "DDD_ROOT"):
        monkeypatch.setenv(name, "")
    with trace.supervise(Options(run="false"), print) as supervisor:
        assert supervisor.plugin.root == Path("/var/lib/ddd")
    assert trace.main(Options(run="false")) == 1
    assert asked == [Path("/run/docker/plugins/ddd.sock")]


def test_masked_in_what_is_shown_and_in_what_is_recorded(tracing: Callable[..., Tracing], folder: Path) -> None:
    traced = tracing(plugin="part3/plugin.py", record=str(folder / "r"), mask=True)
    traced.says("The plugin runs")
    traced.call("VolumeDriver.Create", Name="v", Opts={"password": "hunter2"})
    traced.says("[plugin] 400")
    traced.end()
    assert '"password":"***"' in traced.text()
    assert "hunter2" not in traced.text() + (folder / "r").read_text()


def test_the_page_is_for_whoever_can_read_the_terminal(tracing: Callable[..., Tracing], running: Plugin) -> None:
    traced = tracing(socket=str(running.socket), web=True)
    traced.says("Ctrl-C ends the trace.")
    url = next(word for word in traced.text().split() if word.startswith("http://127.0.0.1:"))
    page, _, token = url.partition("?token=")
    running.call("VolumeDriver.Create", {"Name": "mango", "Opts": {"password": "hunter2"}})
    traced.says("[plugin]")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    for path in ("", "events", "conversation.js"):
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            opener.open(page + path, timeout=20)
        refused.value.close()
    with opener.open(url, timeout=20) as opened:
        assert b"plugin-conversation" in opened.read()
    with opener.open(f"{page}events", timeout=20) as stream:
        told = "".join(iter(lambda: stream.readline().decode(), "event: call\n")) + stream.readline().decode()
        assert "hunter2" in told and token not in told
        assert traced.end(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) == 0
    assert traced.text().count(token) == 1 and "GET /" not in traced.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_socket_is_taken_and_given_back(tracing: Callable[..., Tracing], running: Plugin, number: int) -> None:
    running.socket.chmod(0o660)
    theirs, aside = running.socket.stat(), place.aside_of(running.socket)
    traced = tracing(socket=str(running.socket))
    traced.says("Do not restart the plugin meanwhile.")
    assert os.path.samestat(aside.stat(), theirs)
    assert stat.S_IMODE(running.socket.stat().st_mode) == 0o660
    assert running.call("VolumeDriver.Create", {"Name": "mango", "Opts": {}}).ok
    traced.says("/VolumeDriver.Create")
    assert traced.end(number) == 0
    assert os.path.samestat(running.socket.stat(), theirs)
    assert os.listdir(running.socket.parent) == ["ddd.sock"]
    assert running.call("VolumeDriver.Get", {"Name": "mango"}).ok


def test_signals_that_come_together(tracing: Callable[..., Tracing], folder: Path) -> None:
    path = folder / "ddd.sock"
    with place.bind_socket(path):
        theirs = path.stat()
        for _ in range(3):
            traced = tracing(socket=str(path))
            traced.says("Ctrl-C ends the trace.")
            with Address(path=str(path)).connect(20) as caller:
                # a call that is not answered holds up the end until all signals have come
                caller.sendall(request("VolumeDriver.List", {}))
                traced.says("/VolumeDriver.List")
                assert traced.end(*[signal.SIGTERM, signal.SIGINT, signal.SIGHUP] * 100) == 0
            assert os.path.samestat(path.stat(), theirs)


def test_it_ends_when_nobody_reads_its_screen(tracing: Callable[..., Tracing], folder: Path, running: Plugin) -> None:
    theirs = running.socket.stat()
    (folder / "said").symlink_to("/dev/full")
    traced = tracing(socket=str(running.socket))
    assert traced.process.wait(20) == 0
    assert os.path.samestat(running.socket.stat(), theirs)


@pytest.mark.parametrize("name", [b"\0my\xffname", b"\0two\nlines", b"\0\xc2\x85"])
def test_sockets_of_any_name_are_passed_over(folder: Path, name: bytes) -> None:
    path = folder / "m\xe4ngo.sock"
    with (
        place.bind_socket(path) as plugin,
        Address(path=str(path)).connect(1),
        plugin.accept()[0],
        socket.socket(socket.AF_UNIX) as other,
    ):
        other.bind(name)
        assert place.connections_with(path) == 1


def test_a_connection_from_before_the_trace_is_told_of(folder: Path) -> None:
    path, said = folder / "ddd.sock", list[str]()
    with place.bind_socket(path) as plugin, Address(path=str(path)).connect(1) as docker, plugin.accept()[0]:
        with place.in_place_of(path, said.append) as listener:
            assert said[0].startswith("Connections with the plugin that are open already: 1. They do not come through")
        listener.close()
        docker.close()
    with place.bind_socket(folder / "b") as other, place.in_place_of(folder / "b", said.append) as listener:
        assert other and said[2:] == []
    listener.close()


def test_a_killed_trace_is_repaired_by_the_next(tracing: Callable[..., Tracing], running: Plugin) -> None:
    theirs = running.socket.stat()
    killed = tracing(socket=str(running.socket))
    killed.says("Ctrl-C ends")
    killed.end(signal.SIGKILL)
    assert not accepts(running.socket)
    other = tracing(plugin="part3/plugin.py")
    assert other.process.wait(20) == 1
    assert f"Give it its place back: ./workshop trace --socket {running.socket}" in other.text()
    traced = tracing(socket=str(running.socket))
    traced.says("it has its place back.")
    traced.says("Ctrl-C ends")
    assert running.call("Plugin.Activate").ok
    assert traced.end() == 0
    assert os.path.samestat(running.socket.stat(), theirs)
    assert os.listdir(running.socket.parent) == ["ddd.sock"]


def test_two_traces_of_one_socket_and_two_plugins_at_one(tracing: Callable[..., Tracing], running: Plugin) -> None:
    traced = tracing(socket=str(running.socket))
    traced.says("Ctrl-C ends")
    with (
        pytest.raises(Refused, match=r"is running already\. End it with Ctrl-C"),
        place.in_place_of(running.socket, print),
    ):
        pass
    with pytest.raises(Refused, match="has left a plugin"), place.publish(running.socket):
        pass
    assert running.call("Plugin.Activate").ok
    traced.end()
    with pytest.raises(Refused, match="A plugin listens at"), place.publish(running.socket):
        pass


def test_a_plugin_that_ended_or_came_meanwhile(folder: Path) -> None:
    path, said = folder / "ddd.sock", list[str]()
    for replaced in (False, True):
        plugin = place.bind_socket(path)
        with place.in_place_of(path, said.append) as listener:
            plugin.close()
            if replaced:
                path.unlink()
                newer = place.bind_socket(path)
        listener.close()
        assert path.exists() == replaced
    newer.close()
    assert "The plugin ended during the trace. Start it again" in said[0]
    assert said[1] == f"Another plugin took {path} during the trace: it stays."


def test_what_cannot_be_taken_is_said_in_a_sentence(folder: Path) -> None:
    (folder / "file").write_text("")
    place.bind_socket(folder / "stale.sock").close()
    with place.bind_socket(folder / "true.sock"):
        (folder / "link.sock").symlink_to("true.sock")
        for name, sentence in {
            "none.sock": "There is no socket at",
            "file": "is not a socket",
            "stale.sock": "Nothing listens at",
            "link.sock": f"Name the socket itself:   ./workshop trace --socket {folder}/true.sock",
            "x" * 100: "is too long for a socket",
        }.items():
            with pytest.raises(Refused, match=sentence), place.in_place_of(folder / name, print):
                pass
    assert sorted(os.listdir(folder)) == ["file", "link.sock", "stale.sock", "true.sock"]


def test_over_tcp(tracing: Callable[..., Tracing]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plugin, socket.create_server(("127.0.0.1", 0)) as free:
        to, at = plugin.getsockname()[1], free.getsockname()[1]
        free.close()
        traced = tracing(tcp=f"127.0.0.1:{at}", to=f"http://127.0.0.1:{to}")
        traced.says("is passed on to")
        caller = http.client.HTTPConnection("127.0.0.1", at)
        caller.request("POST", "/Plugin.Activate", "{}\n")
        with plugin.accept()[0] as connection:
            assert connection.recv(65536).startswith(b"POST /Plugin.Activate")
            connection.sendall(OK)
            answer = caller.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"Err": ""}')
        caller.close()
        traced.says("[plugin] 200 OK")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options(plugin="a", run="b"), "--plugin and --run name two plugins"),
        (Options(plugin="no.py"), "There is no file no.py."),
        (Options(run="python 'plugin.py"), "quot"),
        (Options(run=" "), "there is no such program."),
        (Options(run=""), "there is no such program."),
        (Options(tcp="127.0.0.1:1"), "Give both ends:"),
        (Options(tcp="here", to="127.0.0.1:1"), "here is no HOST:PORT."),
        (Options(plugin="part3/plugin.py", port=80), "--port is the page's"),
        (Options(plugin="part3/plugin.py", record="pyproject.toml"), "pyproject.toml is there already."),
        (Options(plugin="part3/plugin.py", record="/nowhere/x"), "/nowhere/x cannot be written"),
    ],
)
def test_wrong_usage(options: Options, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace.main(options) == 2
    assert sentence in capsys.readouterr().err
