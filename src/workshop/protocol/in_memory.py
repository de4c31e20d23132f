"""Connections that do not leave this process: a page of a browser has no sockets, and the plugin runs in it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Self

listeners: dict[str, Callable[[bytes], bytes]] = {}
"""Who answers in this process, by address: it gets the bytes of a request, and returns those of the answer."""


def connect(address: str) -> Connection | None:
    """Return a connection to who listens at an address in this process, None where nobody does."""
    answer = listeners.get(address)
    return Connection(answer) if answer else None


@contextlib.contextmanager
def listening(address: str, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """Have calls to an address answered in this process for a while."""
    listeners[address] = answer
    try:
        yield
    finally:
        del listeners[address]


def unix_socket(path: str) -> socket.socket:
    """Return a new Unix socket. Raises OSError as connect(2) would, where this Python has none: nobody listens."""
    if hasattr(socket, "AF_UNIX"):
        return socket.socket(socket.AF_UNIX)
    number = errno.ECONNREFUSED if os.path.exists(path) else errno.ENOENT
    raise OSError(number, os.strerror(number))


class Connection:
    """A caller's end of a connection, as far as an exchange needs it: the answer is made when it is read."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.sent = b""
        self.received: io.BytesIO | None = None

    def sendall(self, data: bytes) -> None:
        """Send."""
        self.sent += data

    def recv_into(self, buffer: Any) -> int:
        """Read from the answer; return how many bytes, 0 at its end."""
        if self.received is None:
            self.received = io.BytesIO(self.answer(self.sent))
        return self.received.readinto(buffer)

    def settimeout(self, seconds: float | None) -> None:
        """Take a time limit, which does not count: who is called answers before the call returns."""

    def gettimeout(self) -> float | None:
        """Return None: there is no time limit."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the connection."""
