"""A client that costs next to nothing: it sends bytes that are ready, and keeps its connection as Docker does.

h2load and its like send one body again and again; Create, Mount, Unmount and Remove need another body in each call.
This client adds about the same few hundredths of a millisecond to every figure, whichever plugin answers.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workshop.protocol.exchange import request


class Caller:
    """One connection to a plugin, or to an engine. It is opened again only if the other side closes it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.connection: socket.socket | None = None
        self.answer = b""

    def send(self, asked: bytes) -> None:
        """Send a request."""
        if self.connection is None:
            self.connection = socket.socket(socket.AF_UNIX)
            # a limit of the kernel's: Python's own would cost a poll before each call
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 60, 0))
            self.connection.connect(self.path)
        self.connection.sendall(asked)

    def receive(self) -> bytes:
        """Return the whole answer. Raises RuntimeError unless it tells of success."""
        assert self.connection
        chunks = [self.connection.recv(1 << 20)]
        while b"\r\n\r\n" not in chunks[0]:
            chunks[0] += self._more()
        head = chunks[0].partition(b"\r\n\r\n")[0].lower()
        length, chunked = content_length(head), b"transfer-encoding: chunked" in head
        missing = len(head) + 4 + length - len(chunks[0])
        while missing > 0 or (chunked and not chunks[-1].endswith(b"0\r\n\r\n")):
            chunks.append(self._more())
            missing -= len(chunks[-1])
        if b"connection: close" in head:
            self.close()
        self.answer = b"".join(chunks)
        if self.answer[9:10] != b"2":
            raise RuntimeError(f"{self.path} answers {self.answer[:500]!r}")
        return self.answer

    def _more(self) -> bytes:
        assert self.connection
        more = self.connection.recv(1 << 20)
        if not more:
            raise RuntimeError(f"{self.path} has closed the connection")
        return more

    def call(self, asked: bytes) -> float:
        """Send a request, read the answer, and return how long that took, in milliseconds."""
        begun = time.perf_counter()
        self.send(asked)
        self.receive()
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        """Close the connection."""
        if self.connection:
            self.connection.close()
            self.connection = None


def content_length(head: bytes) -> int:
    """Return what a head in lower case says of the length of its body, in bytes."""
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r")[0]) if found else 0


def to_plugin(verb: str, name: str = "", mount_id: str = "") -> bytes:
    """Return the bytes with which Docker calls an endpoint of a plugin."""
    if verb == "Activate":
        return request("Plugin.Activate")
    body: dict[str, Any] = {"Name": name} if name else {}
    if verb == "Create":
        body["Opts"] = {}
    if mount_id:
        body["ID"] = mount_id
    return request(f"VolumeDriver.{verb}", body)


def to_engine(method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
    """Return the bytes with which the docker command calls the engine."""
    text = json.dumps(body).encode() if body is not None else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: docker", f"Content-Length: {len(text)}"]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + text


def at_once(callers: Sequence[Caller], requests: Sequence[bytes]) -> float:
    """Send requests on several connections, as many at once as there are; return how many were answered in a second."""
    begun = time.perf_counter()
    for first in range(0, len(requests), len(callers)):
        now = list(zip(callers, requests[first : first + len(callers)], strict=False))
        for caller, asked in now:
            caller.send(asked)
        for caller, _ in now:
            caller.receive()
    return len(requests) / (time.perf_counter() - begun)
