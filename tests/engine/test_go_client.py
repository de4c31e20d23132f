"""What Go's client does by itself: the practice daemon sends the bytes that a real engine sends, and says its words."""

from __future__ import annotations

import ctypes
import gzip
import json
import re
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from .engine import Engine, child_of
from .images import REPOSITORY
from .plugins import ANSWERS, read_request
from .record import version_of
from .test_discovery_table import PRACTISE
from .wording import neutral

pytestmark = pytest.mark.engine
CLONE_NEWNET = 0x40000000


def answer(body: bytes, status: int = 200, *headers: str) -> bytes:
    """Return the bytes of an answer."""
    lines = [f"HTTP/1.1 {status} X", *headers, "Connection: close", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def moved(status: int, location: str = "/elsewhere") -> bytes:
    return answer(b"moved", status, f"Location: {location}")


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + EARLY
NO = answer(b'{"Err":"Elsewhere."}')
ZIPPED = answer(gzip.compress(b'{"Err":"Unpacked."}', mtime=0), 200, "Content-Encoding: gzip")
# What is answered to Create, and to what is asked next. HOST is what the request has named in Host.
TABLE: dict[str, list[bytes]] = {
    **{f"moved-{status}": [moved(status), NO] for status in (300, 301, 302, 303, 304, 305, 306, 307, 308)},
    "twice": [moved(307, "/a"), moved(308, "/b"), NO],
    "then-a-get": [moved(307, "/a"), moved(303, "/b"), moved(302, "/c"), NO],
    "nine": [*(moved(308, f"/{number}") for number in range(9)), NO],
    "ten": [moved(308, f"/{number}") for number in range(10)],
    "with-a-slash": [moved(308, "/VolumeDriver.Create/"), NO],
    "beside": [moved(308, "x/../y?a=b&c#d"), NO],
    "query": [moved(308, "?a=b"), NO],
    "no-path": [moved(308, "http://other"), NO],
    "other-host": [moved(308, "http://other:81/elsewhere"), NO],
    "no-scheme": [moved(308, "//other/elsewhere"), NO],
    "of-host": [moved(308, "http://HOST/elsewhere"), NO],
    "no-host": [moved(308, "http:///elsewhere"), NO],
    "ftp": [moved(308, "ftp://other/elsewhere"), NO],
    "no-location": [answer(b"moved", 308)],
    "gone-there": [moved(308), b""],
    "interim": [INTERIM + NO],
    "interim-moved": [EARLY + moved(307), EARLY * 2 + NO],
    "zipped": [ZIPPED],
    "elsewhere-404": [moved(302), answer(b"404 page not found\n", 404)],
}
BODY = b'{"Err":"Odd."}'
LENGTH = b"Content-Length: 14\r\n"
# Answers that are not as RFC 9112 wants them, or seldom seen.
ODD = {
    "odd-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n" + BODY[:5] + b"\r\n9\r\n" + BODY[5:]
    + b"\r\n0\r\nTrailer: t\r\n\r\n",
    "odd-gzip-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\ne\r\n" + BODY + b"\r\n0\r\n\r\n",
    "odd-chunks-and-length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\ne\r\n" + BODY
    + b"\r\n0\r\n\r\n",
    "odd-chunks-cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY,
    "odd-1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "odd-2": b"HTTP/2 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-0.9": BODY,
    "odd-bare": b"HTTP/1.1 200 OK\nContent-Length: 14\n\n" + BODY,
    "odd-no-reason": b"HTTP/1.1 200\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-no-colon": b"HTTP/1.1 200 OK\r\nX\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-lengths": b"HTTP/1.1 200 OK\r\n" + LENGTH + LENGTH + b"\r\n" + BODY,
    "odd-two-lengths": b"HTTP/1.1 200 OK\r\n" + LENGTH + b"Content-Length: 15\r\n\r\n" + BODY,
    "odd-length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + BODY,
    "odd-length-minus": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + BODY,
    "odd-length-plus": b"HTTP/1.1 200 OK\r\nContent-Length: +14\r\n\r\n" + BODY,
    "odd-short": b"HTTP/1.1 500 X\r\nContent-Length: 99\r\n\r\n" + BODY,
    "odd-short-200": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY,
    "odd-none-200": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    "odd-cut-200": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY[:9],
    "odd-long": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + BODY,
    "odd-600": b"HTTP/1.1 600 X\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-99": b"HTTP/1.1 99 X\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-status": b"HTTP/1.1 2OO OK\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "odd-204-body": b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-101": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + BODY,
    "odd-cut-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "odd-cut-line": b"HTTP/1.1 2",
    "odd-newline": b"\r\nHTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-nul": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-latin": b"HTTP/1.1 200 OK\r\nServer: gr\xf6\xdfe\r\n" + LENGTH + b"\r\n" + BODY,
    "odd-utf-8": b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n\xff\xfe",
}  # fmt: skip
# Answers of which tests/gojson/table.jsonl says how Go reads them: Docker reads them so.
JSON = {
    "json-number": b"1.e",
    "json-nan": b'{"x":NaN}',
    "json-literal": b"tru",
    "json-after": b'{"Err":"First."} x',
    "json-twice": b'{"Err":7,"err":""}',
    "json-null": b'{"Err":"Kept.","err":null}',
    "json-case": b'{"eRR":"Any case."}',
    "json-half-a-pair": b'{"Err":"\\ud83d"}',
    "json-bytes": b'{"Err":"\xff"}',
    "json-control": b'{"Err":"\x01"}',
    "json-bom": b"\xef\xbb\xbf{}",
    "json-deep": b'{"x":' + b"[" * 9999 + b"]" * 9999 + b',"Err":"Deep."}',
    "json-too-deep": b"[" * 10001,
}
TABLE |= {name: [answer(body)] for name, body in JSON.items()}
TABLE |= {f"{name}-500": [answer(body, 500)] for name, body in JSON.items() if "deep" not in name}
TABLE |= {name: [said] for name, said in ODD.items()}
# What Get answers: a yes, or a no, after which Create is asked.
GET = {
    "get-volume": b'{"Volume":{"Name":"get-volume"}}',
    "get-nameless": b'{"Volume":{}}',
    "get-null": b'{"Volume":null}',
    "get-null-later": b'{"Volume":{"Name":"x"},"volume":null}',
    "get-merged": b'{"Volume":{"Name":"get-merged"},"volume":{"Mountpoint":"/x"}}',
    "get-type": b'{"Volume":{"Name":7}}',
    "get-no-time": b'{"Volume":{"Name":"get-no-time","CreatedAt":""}}',
    "get-no-day": b'{"Volume":{"Name":"get-no-day","CreatedAt":"2026-02-29T12:00:00Z"}}',
    "get-infinite": b'{"Volume":{"Name":"get-infinite","Status":{"a":1e400}}}',
    "get-status": b'{"Volume":{"Name":"get-status","Status":["x"]}}',
}
TABLE |= {name: [answer(b'{"Err":"Asked."}')] for name in GET}
# What List answers: `docker volume ls` shows its volume, or the answer cannot be read.
LIST = {
    "list-volume": b'{"Volumes":[{"Name":"listed-volume","CreatedAt":null}]}',
    "list-no-time": b'{"Volumes":[{"Name":"listed-no-time","CreatedAt":""}]}',
    "list-type": b'{"Volumes":[{"Name":"listed-type"},{"Name":7}]}',
    "list-status": b'{"Volumes":[{"Name":"listed-status","Status":{"a":1}}]}',
}
TABLE |= {name: [answer(b"{}")] for name in LIST}
OVER_TCP: dict[str, list[bytes]] = {
    "tcp-zipped": [ZIPPED],
    "tcp-zipped-error": [answer(gzip.compress(b'{"Err":"Unpacked."}'), 500, "Content-Encoding: GZIP")],
    "tcp-zipped-elsewhere": [moved(307), ZIPPED],
    "tcp-moved": [moved(302), NO],
    "tcp-of-host": [moved(308, "http://HOST/elsewhere"), NO],
}


class Plugin:
    """A plugin that keeps the bytes of each call of its row, and gives the row's answers in turn."""

    def __init__(self, name: str, answers: list[bytes]) -> None:
        self.answers = answers
        self.get = GET.get(name, b'{"Err":"no such volume"}')
        self.list = LIST.get(name, b"{}")
        self.asked: list[bytes] = []

    def answer(self, request: bytes) -> bytes:
        endpoint = request.split()[1].decode().removeprefix("/")
        if endpoint in ("Plugin.Activate", "VolumeDriver.Capabilities"):
            return answer(json.dumps(ANSWERS[endpoint]).encode())
        if endpoint == "VolumeDriver.Get":
            return answer(self.get)
        if endpoint == "VolumeDriver.List":
            return answer(self.list)
        turn = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(request)
        host = re.search(rb"Host: (.*?)\r\n", request)
        assert host
        return turn.replace(b"HOST", host[1])


class Handler(socketserver.StreamRequestHandler):
    """One request, one answer, and the connection is closed."""

    def handle(self) -> None:
        if request := read_request(self.rfile):
            server: Any = self.server
            self.wfile.write(server.plugin.answer(request))


def beside(engine: Engine, make: Callable[[], Any]) -> Any:
    """Return what is made in the network of an engine: by a thread of its own, which ends there."""
    made = []

    def inside() -> None:
        assert engine._init
        with open(f"/proc/{child_of(engine._init)}/ns/net") as network:
            assert ctypes.CDLL(None).setns(network.fileno(), CLONE_NEWNET) == 0
        made.append(make())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    return made[0]


@pytest.fixture(scope="module")
def plugins(machine: None) -> Iterator[tuple[Engine, dict[str, Plugin]]]:
    """An engine, and a plugin for each row."""
    found = {name: Plugin(name, answers) for name, answers in (TABLE | OVER_TCP).items()}
    with Engine() as engine, ExitStack() as servers:
        for name, plugin in found.items():
            server: Any
            if name in TABLE:
                server = socketserver.ThreadingUnixStreamServer(str(engine.plugins / f"{name}.sock"), Handler)
            else:
                server = beside(engine, lambda: socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))
                address = f"tcp://127.0.0.1:{server.server_address[1]}"
                engine.specs.mkdir(parents=True, exist_ok=True)
                (engine.specs / f"{name}.spec").write_text(address)
            server.plugin = plugin
            servers.enter_context(server)
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            servers.callback(server.shutdown)
        yield engine, found


# What the practice daemon lists of these drivers, beside what it has made there itself.
LISTING = """
import sys
from workshop.daemon.daemon import Daemon
daemon = Daemon()
for name in sys.argv[1:]:
    daemon.volume_create(name, name)
print(*[each.name for each in daemon.volume_ls() if each.name.startswith("listed-")])
"""
Said = dict[str, tuple[str, list[bytes]]]


@pytest.fixture(scope="module")
def real(plugins: tuple[Engine, dict[str, Plugin]]) -> Said:
    """What docker says of each row, and what its daemon has sent."""
    engine, found = plugins

    def create(name: str) -> str:
        done = engine.docker("volume", "create", f"--driver={name}", name, check=False)
        return (done.stderr or done.stdout).strip()

    with ThreadPoolExecutor(len(found)) as pool:
        words = list(pool.map(create, found))
    return taken(found, words)


def without_options(request: bytes) -> bytes:
    """Return a request as it is where docker, the program, passes {} on for no options: some releases pass null."""
    head, _, body = request.replace(b'"Opts":null', b'"Opts":{}').partition(b"\r\n\r\n")
    return re.sub(rb"Length: [1-9]\d*", b"Length: %d" % len(body), head) + b"\r\n\r\n" + body


def taken(found: dict[str, Plugin], words: list[str]) -> Said:
    """Return what was said and sent, and start again."""
    asked = [[*map(without_options, plugin.asked)] for plugin in found.values()]
    said = dict(zip(found, zip(words, asked, strict=True), strict=True))
    for plugin in found.values():
        plugin.asked = []
    return said


@pytest.fixture(scope="module")
def version(plugins: tuple[Engine, dict[str, Plugin]]) -> str:
    return version_of(plugins[0])


@pytest.fixture(scope="module")
def practised(plugins: tuple[Engine, dict[str, Plugin]], version: str, real: Said) -> Said:
    """What the practice daemon says of each row, and what it has sent."""
    engine, found = plugins
    release = "20.10" if version.startswith("20.10") else "28"
    lines = engine.run(
        sys.executable, "-c", PRACTISE.replace('"v", name', "name, name"), release, *found, folder=REPOSITORY
    ).stdout.splitlines()
    return taken(found, [json.loads(line)[1].strip() for line in lines])


@pytest.mark.parametrize("name", [*TABLE, *OVER_TCP])
def test_both_send_the_same_and_say_the_same(name: str, version: str, real: Said, practised: Said) -> None:
    (said, _), (printed, _) = practised[name], real[name]
    if name == "odd-nul" and not version.startswith("20.10"):
        assert "malformed MIME header line" in printed, "newer Go does not refuse a NUL in a header"
        return
    assert neutral(said, version) == neutral(printed, version)
    assert practised[name][1] == real[name][1]
    assert real[name][1] or name in GET


def test_both_list_the_same(plugins: tuple[Engine, dict[str, Plugin]], real: Said) -> None:
    engine, _ = plugins
    found = engine.run(sys.executable, "-c", LISTING, *LIST, folder=REPOSITORY).stdout.split()
    listed = engine.output("volume", "ls", "--quiet").split()
    assert sorted(found) == sorted(name for name in listed if name.startswith("listed-")) != []
