"""A conversation between a daemon and its plugin: pass it on byte for byte, show it, record it, read it back."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import fcntl
import itertools
import json
import os
import queue
import re
import signal
import socket
import stat
import sys
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from workshop import setup
from workshop.process import NotReady, Plugin, command_for, private_folder
from workshop.report import WIDTH, printable, printed, say, shortened, shown_path
from workshop.wire import Address

FORMAT = "ddd-trace 1"
KEPT = 64 * 1024
"""How much of a body is shown and recorded, in bytes; all of it is passed on."""
ON_SCREEN = 2000
"""How much of a body stands in the terminal, in characters."""
HOLD = 5.0
"""How long a call waits for a plugin that is just being started, in seconds."""
PAUSE = 0.002
"""How long what was said waits before it is shown, in seconds."""
GRACE = 2.0
"""How long a call that is under way may take to end when the trace ends, in seconds."""
MASKED = "***"
NO_ANSWER = "the connection was closed without an answer"  # as wire.failure says it


class Usage(Exception):
    """What was typed is not what trace takes: the text says why, and ends in a command."""


class Refused(Exception):
    """What was typed cannot be done on this machine now: the text says why, and ends in a command."""


class Unreadable(Exception):
    """Bytes that are no HTTP/1.1, or an end in the middle of it."""


@dataclass(frozen=True)
class Options:
    """What was typed."""

    plugin: str | None = None
    run: str | None = None
    socket: str | None = None
    tcp: str | None = None
    to: str | None = None
    record: str | None = None
    mask: bool = False
    web: bool = False
    port: int = 0


# One call, and the format that it is recorded in


@dataclass
class Message:
    """The headers and the body of a request or an answer; body is cut at KEPT bytes, size is its true length."""

    headers: list[list[str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0

    def add(self, piece: bytes | bytearray) -> None:
        """Count a piece of the body, and keep what is shown of it."""
        self.size += len(piece)
        self.body += piece[: KEPT - len(self.body)]

    def header(self, name: str) -> str:
        """Return the last value of a header, "" where there is none."""
        return next((value for each, value in reversed(self.headers) if each.lower() == name), "")

    def text(self) -> str | None:
        """Return the body as text, None where it is no UTF-8. A character that the cut went through is left out."""
        # an incomplete character has at most three bytes
        for cut in range(4 if self.size > len(self.body) else 1):
            with contextlib.suppress(UnicodeDecodeError):
                return bytes(self.body[: len(self.body) - cut]).decode()
        return None

    def as_json(self, name: str) -> dict[str, Any]:
        """Return the body under its name in the format: text, or base64; with the true size where it was cut."""
        text = self.text()
        row: dict[str, Any] = {name: text}
        if text is None:
            row = {f"{name}_base64": base64.b64encode(self.body).decode()}
        return row | ({f"{name}_size": self.size} if self.size > len(self.body) else {})

    @classmethod
    def from_json(cls, row: dict[str, Any], name: str) -> Message:
        """Return what as_json wrote. Raises KeyError, TypeError or ValueError for what is not in the format."""
        coded = row.get(f"{name}_base64")
        body = row[name].encode() if coded is None else base64.b64decode(coded)
        headers = [[str(key), str(value)] for key, value in row[f"{name}_headers"]]
        return cls(headers, bytearray(body), int(row.get(f"{name}_size", len(body))))


@dataclass
class Call:
    """A request and what came of it: an answer, or a failure that says why there is none, or no whole one.

    at is when it came, in seconds after the first call; took is how long the plugin took, in seconds.
    """

    n: int = 0
    at: float = 0.0
    took: float = 0.0
    method: str = ""
    path: str = ""
    request: Message = field(default_factory=Message)
    status: int = 0
    reason: str = ""
    answer: Message = field(default_factory=Message)
    failure: str = ""

    @property
    def done(self) -> bool:
        """It was answered, or will never be."""
        return bool(self.status or self.failure)

    def as_json(self) -> dict[str, Any]:
        """Return the call in the format of docs/trace.md."""
        row: dict[str, Any] = {"n": self.n, "at": round(self.at, 4), "took": round(self.took, 4)}
        row |= {"method": self.method, "path": self.path, "request_headers": self.request.headers}
        row |= self.request.as_json("request")
        row |= {"status": self.status, "reason": self.reason, "answer_headers": self.answer.headers}
        return row | self.answer.as_json("answer") | {"failure": self.failure}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Call:
        """Return what as_json wrote. Raises KeyError, TypeError or ValueError for what is not in the format."""
        call = cls(int(row["n"]), float(row["at"]), float(row["took"]), str(row["method"]), str(row["path"]))
        call.request, call.answer = Message.from_json(row, "request"), Message.from_json(row, "answer")
        call.status, call.reason, call.failure = int(row["status"]), str(row["reason"]), str(row["failure"])
        return call


def header(title: str) -> dict[str, str]:
    """Return the first line of a recording. engine is for whoever knows it: Docker does not name itself to a plugin."""
    return {"format": FORMAT, "engine": "", "recorded": datetime.date.today().isoformat(), "title": title}


def read(path: str | Path) -> tuple[dict[str, str], list[Call]]:
    """Return the first line and the calls of a recording. Raises Usage for what is none."""
    try:
        first, *rows = [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]
        if first["format"] != FORMAT:
            raise ValueError(first["format"])
        return first, [Call.from_json(row) for row in rows]
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}. Record one:   {tool()} trace --record FILE") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Usage(f"{path} is no recording of ours. Record one:   {tool()} trace --record FILE") from None


class Mask:
    """Hides the values of options: in the request that sets them, and where they come back in an answer."""

    names = ("opts", "options")
    short = 4
    """A value of fewer characters is looked for in its own place only: "1" is no secret, and stands everywhere."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def __call__(self, call: Call) -> Call:
        """Return a copy of the call without the values of options."""
        masked = dataclasses.replace(call, request=self.request(call.request), answer=self.answer(call.answer))
        return dataclasses.replace(masked, failure=self.hide(call.failure))

    def request(self, message: Message) -> Message:
        """Return a copy with masked options; what is no JSON is masked whole, because nobody knows what it holds."""
        if not message.body:
            return message
        try:
            value = self.value(json.loads(message.body))
        except (ValueError, RecursionError):
            return dataclasses.replace(message, body=bytearray(MASKED.encode()), size=message.size)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return of_text(message, self.hide(text) + "\n" * message.body.endswith(b"\n"))

    def answer(self, message: Message) -> Message:
        """Return a copy in which no secret that was sent before is left."""
        text = message.text()
        if text is None or not self.secrets:
            return message
        hidden = self.hide(text)
        return message if hidden == text else of_text(message, hidden)

    def value(self, value: Any, secret: bool = False) -> Any:
        """Return a JSON value with masked options, at any depth, and remember what was masked."""
        if isinstance(value, dict):
            return {key: self.value(each, secret or key.lower() in self.names) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, secret) for each in value]
        if not secret or value is None:
            return value
        if len(str(value)) >= self.short:
            self.secrets |= {str(value), json.dumps(str(value))[1:-1], json.dumps(str(value), ensure_ascii=False)[1:-1]}
        return MASKED

    def hide(self, text: str) -> str:
        """Return text without the secrets; the longest first, because one may hold another."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASKED)
        return text


def of_text(message: Message, text: str) -> Message:
    """Return a copy of a message with another body; one that was cut stays marked as cut."""
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    cut = message.size > len(message.body)
    return dataclasses.replace(message, body=body, size=max(message.size, len(body) + 1) if cut else len(body))


# Reading HTTP off the bytes that pass


class Parser:
    """Reads messages off bytes that come in pieces. It keeps a line, and of a body what is shown: never all of it.

    Each step is a generator, which says `yield` where it needs more bytes.
    """

    longest = 64 * 1024

    def __init__(self, reading: Callable[[Parser], Generator[None]]) -> None:
        self.left = bytearray()
        self.ended = False
        self.steps = reading(self)
        next(self.steps)

    def feed(self, data: bytes) -> None:
        """Go on with these bytes; none mean that no more will come. Raises Unreadable."""
        self.left += data
        self.ended = not data
        if next(self.steps, "over") == "over":
            self.left.clear()

    def more(self) -> Generator[None, None, bool]:
        """Wait for the first byte of a message, and return whether there is one."""
        while not self.left and not self.ended:
            yield
        return bool(self.left)

    def line(self) -> Generator[None, None, str]:
        """Return a line without its end."""
        while (end := self.left.find(b"\n")) < 0:
            if self.ended or len(self.left) > self.longest:
                raise Unreadable(f"{bytes(self.left[:60])!r}")
            yield
        line = self.left[:end].decode("latin-1").rstrip("\r")
        del self.left[: end + 1]
        return line

    def headers(self) -> Generator[None, None, list[list[str]]]:
        """Return the headers as they were written."""
        headers: list[list[str]] = []
        while line := (yield from self.line()):
            name, colon, value = line.partition(":")
            if not colon or len(headers) > 500:
                raise Unreadable(f"{line[:60]!r}")
            headers.append([name, value.strip()])
        return headers

    def body(self, message: Message, to_the_end: bool = False) -> Generator[None]:
        """Read a body into the message, as its headers say; without any it is empty, or goes on to the end."""
        if message.header("transfer-encoding").lower().endswith("chunked"):
            yield from self.chunks(message)
        elif length := message.header("content-length"):
            yield from self.take(int(length), message)
        elif to_the_end:
            while (yield from self.more()):
                yield from self.take(len(self.left), message)

    def chunks(self, message: Message) -> Generator[None]:
        """Read a body in chunks: a size in hexadecimal before each, 0 before the trailers (RFC 9112, section 7.1)."""
        while size := int((yield from self.line()).partition(";")[0], 16):
            yield from self.take(size, message)
            yield from self.line()
        while (yield from self.line()):
            pass

    def take(self, count: int, message: Message) -> Generator[None]:
        """Read so many bytes into the message."""
        while count > 0:
            if not (yield from self.more()):
                raise Unreadable("an end in the middle of it")
            piece = self.left[:count]
            del self.left[:count]
            message.add(piece)
            count -= len(piece)


class Clock:
    """Numbers the calls, and counts the seconds from the first one."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.zero = 0.0
        self.began = 0.0

    def stamp(self) -> tuple[int, float]:
        """Return the number of a new call, and its time in seconds after the first."""
        with self.lock:
            now, number = time.perf_counter(), next(self.numbers)
            if not self.zero:
                self.zero, self.began = now, time.time()
            return number, now - self.zero

    def now(self) -> float:
        """Return the seconds since the first call."""
        return time.perf_counter() - self.zero


Told = Callable[[Call], None]


class Conversation:
    """What is said on one connection. told gets a copy of each call when it is asked, and again when it is answered."""

    def __init__(self, clock: Clock, told: Told) -> None:
        self.clock, self.told = clock, told
        self.waiting: deque[Call] = deque()
        self.asked_at: dict[int, float] = {}
        self.blind = False
        self.first_to_leave = ""
        self.caller, self.plugin = Parser(self.requests), Parser(self.answers)

    def hear(self, parser: Parser, data: bytes, whose: str) -> None:
        """Read what passes. What cannot be read is told once, and passes all the same."""
        if self.blind:
            return
        try:
            parser.feed(data)
        except (Unreadable, ValueError) as error:
            # a request may break off because the plugin has refused it: what it answers is still read
            if parser.ended and parser is self.caller:
                return
            self.blind = True
            if not parser.ended and not self.waiting:
                self.begin("", "", [])
            self.give_up("the answer broke off" if parser.ended else f"the {whose} is not HTTP: {error}")

    def requests(self, parser: Parser) -> Generator[None]:
        """Read the requests, one after the other: a caller may send the next before it has the answer."""
        while (yield from parser.more()):
            if parser.left[0] == 0x16:
                raise Unreadable("it is TLS, which only the two ends can read")
            method, path, _ = (yield from parser.line()).split(" ")
            call = self.begin(method, path, (yield from parser.headers()))
            yield from parser.body(call.request)
            self.asked(call)

    def answers(self, parser: Parser) -> Generator[None]:
        """Read the answers: they come in the order of the requests."""
        while (yield from parser.more()):
            first = yield from parser.line()
            version, status, reason = f"{first}  ".split(" ", 2)
            if not version.startswith("HTTP/"):
                raise Unreadable(f"{first[:60]!r}")
            headers = yield from parser.headers()
            if 100 <= int(status) < 200 and status != "101":
                continue  # "100 Continue": the answer itself follows
            yield from self.answer(parser, int(status), reason.strip(), headers)

    def answer(self, parser: Parser, status: int, reason: str, headers: list[list[str]]) -> Generator[None]:
        """Read one answer: an answer to HEAD has no body, nor has 204 or 304 (RFC 9112, section 6.3)."""
        call = self.waiting[0] if self.waiting else self.begin("", "", [])
        call.status, call.reason, call.answer = status, reason, Message(headers)
        if call.method != "HEAD" and status not in (101, 204, 304):
            yield from parser.body(call.answer, to_the_end=True)
        self.blind = status == 101  # from here on another protocol is spoken
        self.finish(call)

    def begin(self, method: str, path: str, headers: list[list[str]]) -> Call:
        """Take note of a new call."""
        number, at = self.clock.stamp()
        call = Call(number, at, method=method, path=path, request=Message(headers))
        self.asked_at[number] = at
        self.waiting.append(call)
        return call

    def asked(self, call: Call) -> None:
        """Tell of a request that is whole. A plugin may have refused it before that."""
        if not call.done:
            self.asked_at[call.n] = self.clock.now()
            self.told(dataclasses.replace(call, status=0, answer=Message()))

    def finish(self, call: Call, failure: str = "") -> None:
        """Tell what came of a call."""
        self.waiting.remove(call)
        call.took = self.clock.now() - self.asked_at.pop(call.n)
        call.failure = failure
        self.told(dataclasses.replace(call))

    def give_up(self, failure: str) -> None:
        """Tell of all that was not answered."""
        for call in list(self.waiting):
            self.finish(call, failure)

    def close(self, failure: str = "") -> None:
        """Tell what came of the calls that were never answered: both sides have ended."""
        left = "the caller closed the connection before the answer came"
        for call in list(self.waiting):
            broken = "the answer broke off" if call.status else NO_ANSWER
            self.finish(call, failure or (left if self.first_to_leave == "caller" else broken))


# Passing the bytes on


class Proxy:
    """Passes on what comes to a listening socket: two threads for each connection, one for each direction.

    reach returns a socket that is connected with the plugin, or raises OSError. A slow reader slows the writer: no
    more than a piece of 64 KiB is held for each direction.
    """

    def __init__(self, told: Told, clock: Clock, reach: Callable[[], socket.socket] | None = None) -> None:
        self.told, self.clock = told, clock
        self.reach: Callable[[], socket.socket] = reach or nobody
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.open: dict[threading.Thread, tuple[socket.socket, Conversation]] = {}
        self.listener: socket.socket | None = None
        self.acceptor = threading.Thread(target=self.accept, name="accept")

    def serve(self, listener: socket.socket) -> None:
        """Begin to accept."""
        self.listener = listener
        self.acceptor.start()

    def accept(self) -> None:
        """Give each connection a thread, until the end."""
        assert self.listener
        while not self.ended.is_set():
            try:
                caller = self.listener.accept()[0]
            except OSError:
                # no file descriptor is left, or this is the end
                self.ended.wait(0.05)
                continue
            at_once(caller)
            conversation = Conversation(self.clock, self.told)
            thread = threading.Thread(target=self.connect, args=[caller, conversation])
            with self.lock:
                self.open[thread] = (caller, conversation)
            thread.start()

    def connect(self, caller: socket.socket, conversation: Conversation) -> None:
        """Join a caller with the plugin until one of them ends it."""
        with caller:
            try:
                plugin = self.reach()
            except OSError:
                self.refuse(caller, conversation)
            else:
                with plugin:
                    plugin.settimeout(None)
                    at_once(plugin)
                    join(caller, plugin, conversation)
                conversation.close("the trace ended before the answer came" if self.ended.is_set() else "")
        with self.lock:
            del self.open[threading.current_thread()]

    def refuse(self, caller: socket.socket, conversation: Conversation) -> None:
        """Show a call that nobody can take; the caller finds the connection closed, after which Docker tries again."""
        caller.settimeout(1)
        with contextlib.suppress(OSError):
            conversation.hear(conversation.caller, caller.recv(65536), "request")
        conversation.close("there is no plugin: the connection was closed")

    def close(self) -> None:
        """End all connections; a call that is under way gets a moment."""
        self.ended.set()
        if self.listener:
            hang_up(self.listener)
            self.acceptor.join()
            self.listener.close()
        limit = time.monotonic() + GRACE
        while any(conversation.waiting for _, conversation in self.connections()) and time.monotonic() < limit:
            time.sleep(0.01)
        with self.lock:
            for caller, _ in self.open.values():
                hang_up(caller)
            threads = list(self.open)
        for thread in threads:
            thread.join()

    def connections(self) -> list[tuple[socket.socket, Conversation]]:
        """Return what is open now."""
        with self.lock:
            return list(self.open.values())


def nobody() -> socket.socket:
    """Raise OSError: there is no plugin yet."""
    raise ConnectionRefusedError


def join(caller: socket.socket, plugin: socket.socket, conversation: Conversation) -> None:
    """Pass on both directions until both have ended."""

    def back() -> None:
        relay(plugin, caller, lambda data: conversation.hear(conversation.plugin, data, "answer"))
        conversation.first_to_leave = conversation.first_to_leave or "plugin"
        # a plugin that has ended takes nothing more: the caller learns it at once, as it would without us
        hang_up(caller)
        hang_up(plugin)

    other = threading.Thread(target=back)
    other.start()
    relay(caller, plugin, lambda data: conversation.hear(conversation.caller, data, "request"))
    conversation.first_to_leave = conversation.first_to_leave or "caller"
    # a caller may end its own side, and still wait for the answer
    with contextlib.suppress(OSError):
        plugin.shutdown(socket.SHUT_WR)
    other.join()


def relay(source: socket.socket, target: socket.socket, hear: Callable[[bytes], None]) -> None:
    """Pass on every byte until the source ends, or one of the two breaks."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            hear(data)
            target.sendall(data)
    with contextlib.suppress(OSError):
        hear(b"")


def hang_up(connection: socket.socket) -> None:
    """End both directions of a connection; one that has ended stays so. A thread that waits for it goes on."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def at_once(connection: socket.socket) -> None:
    """Over TCP, send small pieces without waiting for more."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


# The socket that the daemon finds


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Take turns with whoever makes sockets in this folder: a part of the course takes the same lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def alive(path: Path) -> bool:
    """Tell whether somebody listens. Raises Refused where that cannot be tried."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError as error:
            raise Refused(f"{path} cannot be tried: {error}. Look what it is:   ls -l {path}") from None
    return True


def bound(path: Path, mode: int = 0o600) -> socket.socket:
    """Return a socket that listens at path. From its first instant nobody may use it whom the mode leaves out."""
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def aside_of(path: Path) -> Path:
    """Return where the socket of a plugin goes while a trace stands in its place.

    Docker's scan passes over it: of a folder D it looks at D/D.sock only (moby pkg/plugins/discovery.go, Scan).
    """
    return path.parent / ".trace" / path.name


def fitting(path: Path) -> Path:
    """Return path as it is, if a socket can have it. Raises Refused."""
    if len(os.fsencode(path)) > 107:
        raise Refused(f"{path} is too long for a socket: choose a path of at most 107 bytes with DDD_SOCKET=…")
    return path


@contextlib.contextmanager
def public(path: Path) -> Iterator[socket.socket]:
    """Give a listening socket at path; its file is removed at the end, and it is left to the user to close it.

    Raises Refused.
    """
    fitting(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with turn(path.parent):
            make_room(path)
            listener = bound(path)
    except OSError as error:
        why = f"No socket can be made at {path}: {error.strerror}."
        raise Refused(f"{why} Run as root, or choose a place with DDD_SOCKET=…") from None
    ours = path.stat()
    try:
        yield listener
    finally:
        if is_same(path, ours):
            path.unlink()


def make_room(path: Path) -> None:
    """Remove the socket of a plugin that was killed, and nothing else. Raises Refused."""
    if os.path.lexists(aside_of(path)) and alive(aside_of(path)):
        raise Refused(f"A trace that was killed has left a plugin at {aside_of(path)}. Give it its place back:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise Refused(f"{path} is there and is no socket. Look what it is, and move it away:   ls -l {path}")
    if alive(path):
        raise Refused(f"A plugin listens at {path} already. End it, or trace it as it runs:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    path.unlink()


def is_same(path: Path, ours: os.stat_result) -> bool:
    """Tell whether the file at path is this one."""
    return os.path.lexists(path) and os.path.samestat(path.lstat(), ours)


Note = Callable[[str], None]


@contextlib.contextmanager
def in_place_of(path: Path, note: Note) -> Iterator[socket.socket]:
    """Give a socket that listens in the place of a living plugin, which gets its place back at the end.

    At no instant is there no socket: ours is renamed over the plugin's, and the plugin's over ours. Raises Refused.
    """
    aside = aside_of(path)
    try:
        check_place(path)
        with turn(path.parent):
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            lock = only_one(path)
            listener = take_place(path, aside, note, lock)
    except OSError as error:
        raise Refused(f"{path} cannot be taken: {error.strerror}. Run as root:   sudo {tool()} trace …") from None
    ours = path.stat()
    try:
        yield listener
    finally:
        with turn(path.parent):
            give_back(path, aside, ours, note)
            leave(path, lock)


def check_place(path: Path) -> None:
    """See whether a trace can stand in for this socket. Raises Refused."""
    fitting(aside_of(path))
    if path.is_symlink():
        raise Refused(f"{path} is a link. Name the socket itself:   {tool()} trace --socket {path.resolve()}")
    if not os.path.lexists(path) and not os.path.lexists(aside_of(path)):
        raise Refused(f"There is no socket at {path}. Start the plugin, or let trace start it:\n"
                      f"    {tool()} trace --plugin FILE")  # fmt: skip
    if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        raise Refused(f"{path} is no socket. Look for the plugin's:   ls -l {path.parent}")


def only_one(path: Path) -> int:
    """Return the lock that a living trace of this socket holds: the kernel frees it with the process."""
    lock = os.open(aside_of(path).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Refused(f"A trace of {path} runs already. End it with Ctrl-C, then start again:\n"
                      f"    {tool()} trace --socket {path}") from None  # fmt: skip
    return lock


def leave(path: Path, lock: int) -> None:
    """Free the lock, and remove the folder that only a trace needs."""
    aside_of(path).with_suffix(".lock").unlink(missing_ok=True)
    os.close(lock)
    with contextlib.suppress(OSError):  # another plugin of this folder is being traced
        aside_of(path).parent.rmdir()


def take_place(path: Path, aside: Path, note: Note, lock: int) -> socket.socket:
    """Put a socket of ours over the plugin's, with its mode and owner, and the plugin's aside."""
    try:
        repair(path, aside, note)
        if not alive(path):
            raise Refused(f"Nobody listens at {path}. Start the plugin, or let trace start it:\n"
                          f"    {tool()} trace --plugin FILE")  # fmt: skip
        theirs, new = path.stat(), aside.with_suffix(".new")
        new.unlink(missing_ok=True)
        listener = bound(new, stat.S_IMODE(theirs.st_mode))
        if (theirs.st_uid, theirs.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, theirs.st_uid, theirs.st_gid)
        os.link(path, aside)
        os.rename(new, path)
    except BaseException:
        leave(path, lock)
        raise
    return listener


def repair(path: Path, aside: Path, note: Note) -> None:
    """Undo what a trace that was killed has left. Raises Refused where two plugins live."""
    if not os.path.lexists(aside):
        return
    if not alive(aside) or is_same(path, aside.lstat()):
        aside.unlink()
    elif alive(path):
        raise Refused(f"Two plugins listen, at {path} and at {aside}. End the older one, then start again:\n"
                      f"    {tool()} trace --socket {path}")  # fmt: skip
    else:
        aside.rename(path)
        note(f"A trace that was killed had left the plugin at {aside}: it has its place back.")


def give_back(path: Path, aside: Path, ours: os.stat_result, note: Note) -> None:
    """Give the plugin its place; one that has ended leaves none, and one that came meanwhile stays."""
    try:
        living = alive(aside)
    except Refused:
        living = True  # it is busy
    if living and (is_same(path, ours) or not os.path.lexists(path)):
        aside.rename(path)
        note(f"The plugin has its place at {path} back.")
        return
    aside.unlink(missing_ok=True)
    if is_same(path, ours):
        path.unlink()
        note(f"The plugin ended during the trace. Start it again: nobody listens at {path}.")
    else:
        note(f"Another plugin took {path} during the trace: it stays.")


# The plugin that trace starts


class Keeper:
    """Keeps a plugin running on a private socket: starts it again when one of its files changes, and when it dies."""

    def __init__(self, plugin: Plugin, note: Note) -> None:
        self.plugin, self.note = plugin, note
        self.files = [Path(word) for word in plugin.command if os.path.isfile(word)]
        self.running, self.ended = threading.Event(), threading.Event()
        self.seen: list[object] = []
        self.thread = threading.Thread(target=self.keep, name="keeper")

    def __enter__(self) -> Keeper:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        process = self.plugin.process
        if process and process.poll() is None:
            self.plugin.stop()
        self.thread.join()
        self.plugin.close()

    def reach(self) -> socket.socket:
        """Return a connection with the plugin; one that is just being started is waited for. Raises OSError."""
        limit = time.monotonic() + HOLD
        while True:
            self.running.wait(max(0, limit - time.monotonic()))
            try:
                return self.plugin.address().connect(HOLD)
            except OSError:
                if time.monotonic() > limit or self.ended.wait(0.02):
                    raise

    def keep(self) -> None:
        """Start the plugin again and again, until the end; one that lives for a moment only, more and more slowly."""
        pause = 0.0
        while not self.ended.wait(pause):
            begun = time.monotonic()
            changed = self.life()
            short = time.monotonic() - begun < 5 and not changed
            pause = min(max(2 * pause, 0.25), 10) if short else 0.0

    def life(self) -> bool:
        """Run the plugin until it ends or a file changes; return whether a file has changed."""
        self.seen = [stamp(file) for file in self.files]
        before = len(self.plugin.output())
        self.plugin.socket.unlink(missing_ok=True)
        try:
            self.plugin.start()
        except NotReady as reason:
            return self.failed(str(reason), before)
        self.running.set()
        self.note(f"The plugin runs: {' '.join(map(short_word, self.plugin.command))}")
        while not self.changed() and self.plugin.exit_status() is None and not self.ended.wait(0.1):
            pass
        self.running.clear()
        return self.gone(before)

    def failed(self, reason: str, before: int) -> bool:
        """Tell why a plugin does not start; wait until a file changes, as far as there is one."""
        if self.ended.is_set():
            return False
        self.note(f"{reason} {self.last_lines(before)}")
        self.stop()
        if self.files:
            self.note("It is started again when its file changes.")
        while self.files and not self.changed() and not self.ended.wait(0.1):
            pass
        return bool(self.files)

    def gone(self, before: int) -> bool:
        """Tell why a plugin runs no more; return whether a file has changed."""
        if self.ended.is_set():
            return False
        status = self.plugin.exit_status()
        if status is None:
            self.note(f"{', '.join(shown_path(file) for file in self.files)} changed: the plugin is started again.")
            self.stop()
            return True
        self.note(f"The plugin ended with status {status}, and is started again. {self.last_lines(before)}")
        return False

    def stop(self) -> None:
        """End the plugin if it runs."""
        if self.plugin.process and self.plugin.process.poll() is None:
            self.plugin.stop()

    def changed(self) -> bool:
        """Tell whether a file of the plugin is another one than at its start, and whole."""
        now = [stamp(file) for file in self.files]
        return now != self.seen and None not in now

    def last_lines(self, before: int) -> str:
        """Return what the plugin has printed last, each line on its own."""
        lines = printed(self.plugin.output()[before:], self.files[-1] if self.files else None)
        return "\n".join(["Its last lines:", *lines]) if lines else "It printed nothing."


def stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is saved; None while an editor has it away."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def short_word(word: str) -> str:
    """Return a word of a command as somebody would type it."""
    return "python" if word == sys.executable else shown_path(Path(word)) if os.path.isfile(word) else word


# Showing and recording


class Screen:
    """Writes a conversation in 80 columns: when, who, what; and on the plugin's lines, how long it took."""

    def __init__(self, time_of: Callable[[Call], str]) -> None:
        self.time_of = time_of
        self.last = 0
        self.waiting: set[int] = set()

    def call(self, call: Call) -> list[str]:
        """Return the lines of a call when it was asked, and when it was answered; what was asked is shown once."""
        lines = [] if call.n in self.waiting else self.question(call)
        if not call.done:
            self.waiting.add(call.n)
            return lines
        self.waiting.discard(call.n)
        return lines + self.result(call)

    def question(self, call: Call) -> list[str]:
        """Return what the daemon says."""
        self.last = call.n
        text = f"{call.method} {call.path}" if call.method else "(nothing that can be read)"
        return lines_of(self.time_of(call), "docker", f"{text}  {shown_body(call.request)}")

    def result(self, call: Call) -> list[str]:
        """Return what the plugin says, or why it says nothing; and to what, where another question came between."""
        took = f"{call.took:.2f} s" if call.took >= 10 else f"{call.took * 1000:.1f} ms"
        said = [f"(to {call.path} at {self.time_of(call)})"] if call.n != self.last else []
        said += [f"{call.status} {call.reason}  {shown_body(call.answer)}"] if call.status else []
        return lines_of(took, "plugin", "  ".join([*said, f"({call.failure})"] if call.failure else said))


def shown_body(message: Message) -> str:
    """Return a body for the terminal: cut where it is long, which is said."""
    text = message.text()
    if not message.size:
        return "(empty body)"
    if text is None:
        return f"({message.size} bytes that are no text)"
    plain = printable(text.strip())
    cut = message.size > len(message.body) or len(plain) > ON_SCREEN
    return shortened(plain, ON_SCREEN) + (f" (cut: it has {message.size} bytes)" if cut else "")


def lines_of(left: str, speaker: str, text: str) -> list[str]:
    """Return text in lines of 80 columns behind its time and its speaker."""
    first, *more = textwrap.wrap(text, WIDTH - 24, break_on_hyphens=False) or [""]
    return [f"{left:>12}  {say(speaker, f'[{speaker}]')}  {first}", *(f"{'':24}{line}" for line in more)]


def noted(text: str) -> list[str]:
    """Return a note in lines of 80 columns; an indented line stays on its own."""
    return [each for line in text.splitlines() for each in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]]


class Teller:
    """Tells what happens, on a thread of its own: a slow terminal does not hold up the daemon.

    On screen, in the file of a recording, and to all who listen (the page). quit is called when nobody reads the
    screen any more.
    """

    def __init__(self, screen: Screen, record: IO[str] | None, mask: Mask | None, quit: Callable[[], None]) -> None:
        self.screen, self.record, self.mask, self.quit = screen, record, mask, quit
        self.listeners: list[Callable[[Call | str], None]] = []
        self.recorded = 0
        self.news: queue.SimpleQueue[Call | str | None] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.tell, name="teller")

    def __enter__(self) -> Teller:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.news.put(None)
        self.thread.join()

    def tell(self) -> None:
        """Tell what comes, until the end."""
        while (item := self.news.get()) is not None:
            # the daemon goes first: to tell at once would take the processor from the thread that passes the answer on
            if self.news.empty():
                self.ended.wait(PAUSE)
            if isinstance(item, Call) and self.mask:
                item = self.mask(item)
            self.show(self.screen.call(item) if isinstance(item, Call) else noted(item))
            if isinstance(item, Call) and item.done:
                self.write(item)
            for listener in self.listeners:
                listener(item)

    def show(self, lines: list[str]) -> None:
        """Print lines; where nobody reads them any more, end the trace."""
        try:
            print("\n".join(lines), flush=True)
        except OSError:
            self.quit()

    def write(self, call: Call) -> None:
        """Write a line of the recording: what was answered is in the file, whatever becomes of us."""
        if not self.record:
            return
        try:
            self.record.write(json.dumps(call.as_json(), ensure_ascii=False) + "\n")
            self.record.flush()
            self.recorded += 1
        except OSError as error:
            self.show([f"The recording ends here, at {self.recorded} calls: {error.strerror}."])
            self.record = None


@contextlib.contextmanager
def recording(path: str | None, title: str) -> Iterator[IO[str] | None]:
    """Give the file of a recording, with its first line. Nobody else may read it, and none is overwritten."""
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Usage(f"{path} is there already. Name another file, or remove it:   rm {path}") from None
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}. Name another file:   --record FILE") from None
    with open(descriptor, "w") as file:
        file.write(json.dumps(header(title), ensure_ascii=False) + "\n")
        file.flush()
        yield file


# The verb


def main(options: Options) -> int:
    """Trace until Ctrl-C or SIGTERM; return 0, 1 (it cannot be done here now) or 2 (what was typed is wrong)."""
    ended = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        options = checked(options)
        for number in before:
            signal.signal(number, lambda *_: ended.set())
        trace(options, ended)
    except (Usage, Refused) as wrong:
        print(wrong, file=sys.stderr)
        return 2 if isinstance(wrong, Usage) else 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def checked(options: Options) -> Options:
    """Return the options with the learner's own plugin where none is named. Raises Usage."""
    given = [f"--{name}" for name in ("plugin", "run", "socket", "tcp") if getattr(options, name)]
    if len(given) > 1:
        raise Usage(f"{' and '.join(given)} name two plugins: give one of them.   {tool()} trace --help")
    if bool(options.tcp) != bool(options.to):
        raise Usage(f"Give both ends:   {tool()} trace --tcp 127.0.0.1:5001 --to 127.0.0.1:5000")
    if options.port and not options.web:
        raise Usage(f"--port is the page's:   {tool()} trace --web --port {options.port}")
    if not given:
        options = dataclasses.replace(options, plugin=own_plugin())
    if options.plugin and not os.path.isfile(options.plugin):
        raise Usage(f"There is no file {options.plugin}. Give the plugin's:   {tool()} trace --plugin FILE")
    return options


def own_plugin() -> str:
    """Return the learner's own plugin. Raises Usage where there is none."""
    if setup.home():
        from workshop import learner

        if (file := learner.work() / "plugin.py").is_file():
            return str(file)
    raise Usage(f"Name a plugin:   {tool()} trace --plugin FILE")


def trace(options: Options, ended: threading.Event) -> None:
    """Put everything together, wait for the end, and take it apart in the other order. Raises Usage and Refused."""
    clock = Clock()
    with contextlib.ExitStack() as stack:
        title = f"trace of {options.plugin or options.run or options.socket or options.to}"
        record = stack.enter_context(recording(options.record, title))
        screen = Screen(lambda call: clock_time(clock.began + call.at))
        teller = Teller(screen, record, Mask() if options.mask else None, ended.set)
        page = stack.enter_context(web_page(options, teller, title, clock)) if options.web else ""
        stack.enter_context(teller)
        with contextlib.ExitStack() as passing:
            where = start(options, passing, Proxy(teller.news.put, clock), teller.news.put)
            teller.news.put(f"{where}{page}\nCtrl-C ends the trace.")
            ended.wait()
    if record:
        print(f"{teller.recorded} calls are recorded. See them:\n    {tool()} trace show {options.record}")


def start(options: Options, passing: contextlib.ExitStack, proxy: Proxy, note: Note) -> str:
    """Begin to pass on; return a sentence that says where. What passing holds ends in this order: the place is given
    back first, then the calls under way end, then the plugin.
    """
    if options.tcp and options.to:
        to = host_and_port(options.to)
        passing.callback(proxy.close)
        proxy.reach = lambda: socket.create_connection(to, HOLD)
        proxy.serve(tcp_listener(options.tcp))
        return f"What comes to {options.tcp} is passed on to {options.to}."
    if options.socket:
        path = Path(os.path.abspath(options.socket))
        passing.callback(proxy.close)
        proxy.reach = lambda: Address(path=str(aside_of(path))).connect(HOLD)
        proxy.serve(passing.enter_context(in_place_of(path, note)))
        return f"This trace stands in for the plugin at {path}. Do not restart the plugin meanwhile."
    path = Path(os.path.abspath(os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")))
    keeper = passing.enter_context(kept(options, note))
    passing.callback(proxy.close)
    proxy.reach = keeper.reach
    proxy.serve(passing.enter_context(public(path)))
    return f"The daemon's side is at {path}, and stays there while you edit the plugin."


@contextlib.contextmanager
def kept(options: Options, note: Note) -> Iterator[Keeper]:
    """Give a Keeper of the plugin that was named, on a private socket."""
    root = Path(os.environ.get("DDD_ROOT", "/var/lib/ddd"))
    command = command_for(options.plugin, options.run)
    with private_folder() as folder, Keeper(Plugin(command, folder / "ddd.sock", root), note) as keeper:
        yield keeper


def tcp_listener(text: str) -> socket.socket:
    """Return a socket that listens at HOST:PORT. Raises Usage and Refused."""
    host, port = host_and_port(text)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Refused(
            f"Nothing can listen at {text}: {error.strerror}. Choose another port:   --tcp HOST:PORT"
        ) from None


def host_and_port(text: str) -> tuple[str, int]:
    """Return HOST:PORT as a pair; an IPv6 address stands in brackets. Raises Usage."""
    match = re.fullmatch(r"(?:tcp://|https?://)?\[?([^\[\]/]+?)\]?:(\d{1,5})/?", text)
    if not match or int(match[2]) > 65535:
        raise Usage(
            f"{text} is no HOST:PORT. Type for example:   {tool()} trace --tcp 127.0.0.1:5001 --to 127.0.0.1:5000"
        )
    return match[1], int(match[2])


@contextlib.contextmanager
def web_page(options: Options, teller: Teller, title: str, clock: Clock) -> Iterator[str]:
    """Serve the page while this lasts; give the sentence that says where. Raises Refused."""
    from workshop import web

    feed = web.Feed(header(title))

    def listen(item: Call | str) -> None:
        if isinstance(item, Call):
            feed.call(item.as_json() | {"pending": not item.done, "clock": clock.began + item.at})
        else:
            feed.note(item)

    teller.listeners.append(listen)
    try:
        server = web.Web(feed, options.port)
    except OSError as error:
        raise Refused(f"The page cannot have port {options.port}: {error.strerror}. Leave it to us:   "
                      f"{tool()} trace --web") from None  # fmt: skip
    with server:
        yield f"\nThe page:   {server.url}"


def clock_time(seconds: float) -> str:
    """Return a time as a clock shows it, with milliseconds."""
    return datetime.datetime.fromtimestamp(seconds).isoformat(timespec="milliseconds")[11:]


def show(path: str | Path) -> int:
    """Print a recording; return 0, or 2 where there is none."""
    try:
        first, calls = read(path)
    except Usage as wrong:
        print(wrong, file=sys.stderr)
        return 2
    about = ", ".join(filter(None, [first.get("title"), first.get("engine"), first.get("recorded")]))
    print("\n".join(noted(say("head", about))))
    screen = Screen(lambda call: f"{call.at:.3f} s")
    for call in sorted(calls, key=lambda call: (call.at, call.n)):
        print("\n".join(screen.call(call)))
    return 0


def tool() -> str:
    """Return the command that was typed: the launcher in a clone, or the installed program."""
    return "./workshop" if setup.home() else "workshop"
