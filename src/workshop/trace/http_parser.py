"""Read HTTP from the bytes that pass.

h11 was tried instead of this file, and instead of http.client in protocol/exchange.py. It reads all 238 recorded calls
as this file does, but it refuses what real programs send and a trace has to show: a request without Host, status 101, a
space before the colon of a header, "Transfer-Encoding: gzip, chunked", HTTP/2 in the first line. Of two equal
Content-Length headers it keeps one, so a recording would not be what passed. It has one object for each side, and the
reading side needs to know the request before it reads an answer: the code did not get smaller. Go refuses other
things than h11, and other things than http.client: tests/engine/test_go_client.py has them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from workshop.trace.recording import Message


class Unreadable(Exception):
    """Bytes that are not HTTP/1.1, or that end in the middle of a message."""


class Parser:
    """Reads messages from bytes that come in pieces. It keeps a line, and the part of a body that is shown.

    Each step is a generator, which says `yield` where it needs more bytes.
    """

    longest = 64 * 1024

    def __init__(self, reading: Callable[[Parser], Generator[None]]) -> None:
        self.left = bytearray()
        self.ended = False
        self.steps = reading(self)
        next(self.steps)

    def feed(self, data: bytes) -> None:
        """Continue with these bytes; empty bytes mean that no more will come. Raises Unreadable."""
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
            if line[0] in " \t" and headers:  # it continues the value before (RFC 9112, section 5.2)
                headers[-1][1] += " " + line.strip()
                continue
            name, colon, value = line.partition(":")
            if not colon or len(headers) > 500:
                raise Unreadable(f"{line[:60]!r}")
            headers.append([name, value.strip()])
        return headers

    def body(self, message: Message, to_the_end: bool = False) -> Generator[None]:
        """Read a body into the message, as its headers say; without these it is empty, or lasts until the end."""
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
