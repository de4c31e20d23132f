"""What is said on one connection: requests, and the outcome of each."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator

from workshop.trace.http_parser import Parser, Unreadable
from workshop.trace.recording import Call, Message

NO_ANSWER = "the connection was closed without an answer"  # as Exchange.failure says it


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


OnCall = Callable[[Call], None]


class Conversation:
    """What is said on one connection. on_call gets a copy of each call, when it is asked and when it is answered."""

    def __init__(self, clock: Clock, on_call: OnCall) -> None:
        self.clock, self.on_call = clock, on_call
        self.waiting: deque[Call] = deque()
        self.asked_at: dict[int, float] = {}
        self.blind = False
        self.first_to_leave = ""
        self.caller, self.plugin = Parser(self.requests), Parser(self.answers)

    def hear(self, parser: Parser, data: bytes, whose: str) -> None:
        """Read what passes. What cannot be read is reported once, and still passed on."""
        if self.blind:
            return
        try:
            parser.feed(data)
        except (Unreadable, ValueError) as error:
            # a request may break off because the plugin has refused it: still read the answer
            if parser.ended and parser is self.caller:
                return
            self.blind = True
            if not parser.ended and not self.waiting:
                self.begin("", "", [])
            self.give_up("the answer broke off" if parser.ended else f"the {whose} is not HTTP: {error}")

    def requests(self, parser: Parser) -> Generator[None]:
        """Read the requests, one after the other: a caller may send the next one before it has the answer."""
        while (yield from parser.more()):
            if parser.left[0] == 0x16:
                raise Unreadable("it is TLS, which only the two ends can read")
            method, path, _ = (yield from parser.line()).split(" ")
            call = self.begin(method, path, (yield from parser.headers()))
            yield from parser.body(call.request)
            self.report_request(call)

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
        self.blind = status == 101  # from here on, both sides speak another protocol
        self.finish(call)

    def begin(self, method: str, path: str, headers: list[list[str]]) -> Call:
        """Record a new call."""
        number, at = self.clock.stamp()
        call = Call(number, at, method=method, path=path, request=Message(headers))
        self.asked_at[number] = at
        self.waiting.append(call)
        return call

    def report_request(self, call: Call) -> None:
        """Report a complete request. A plugin may have refused it before that."""
        if not call.done:
            self.asked_at[call.n] = self.clock.now()
            self.on_call(dataclasses.replace(call, status=0, answer=Message()))

    def finish(self, call: Call, failure: str = "") -> None:
        """Report the outcome of a call."""
        self.waiting.remove(call)
        call.took = self.clock.now() - self.asked_at.pop(call.n)
        call.failure = failure
        self.on_call(dataclasses.replace(call))

    def give_up(self, failure: str) -> None:
        """Report all calls that were not answered."""
        for call in list(self.waiting):
            self.finish(call, failure)

    def close(self, failure: str = "") -> None:
        """Report the calls that were never answered: both sides have closed."""
        left = "the caller closed the connection before the answer came"
        for call in list(self.waiting):
            broken = "the answer broke off" if call.status else NO_ANSWER
            self.finish(call, failure or (left if self.first_to_leave == "caller" else broken))
