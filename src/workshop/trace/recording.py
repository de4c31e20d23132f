"""One call, and the format of its recording."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from workshop.protocol.exchange import Exchange
from workshop.repository import tool
from workshop.trace.errors import Usage

FORMAT = "ddd-trace 1"
BODY_LIMIT = 64 * 1024
"""How much of a body is shown and recorded, in bytes; all of it is passed on."""


@dataclass
class Message:
    """The headers and the body of a request or an answer; body is cut at KEPT bytes, size is its true length."""

    headers: list[list[str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0

    def add(self, piece: bytes | bytearray) -> None:
        """Count a piece of the body, and keep what is shown of it."""
        self.size += len(piece)
        self.body += piece[: BODY_LIMIT - len(self.body)]

    def header(self, name: str) -> str:
        """Return the last value of a header, "" if there is none."""
        return next((value for each, value in reversed(self.headers) if each.lower() == name), "")

    def text(self) -> str | None:
        """Return the body as text, None if it is not UTF-8. A character that was cut is left out."""
        # an incomplete character has at most three bytes
        for cut in range(4 if self.size > len(self.body) else 1):
            with contextlib.suppress(UnicodeDecodeError):
                return bytes(self.body[: len(self.body) - cut]).decode()
        return None

    def as_json(self, name: str) -> dict[str, Any]:
        """Return the body under its name in the format: as text, or base64; with the true size if it was cut."""
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
    """A request and its outcome: an answer, or a failure that says why there is none, or only a part of one.

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


def call_of(exchange: Exchange, number: int) -> Call:
    """Return an exchange as a call of a recording."""
    head, _, body = exchange.request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, *_ = first.split(" ")
    call = Call(number, 0.0, exchange.seconds, method, path)
    call.request.headers = [line.split(": ", 1) for line in lines]
    call.request.add(bytearray(body))
    call.answer = Message([[name.title(), value] for name, value in exchange.headers.items()])
    call.answer.add(bytearray(exchange.body))
    call.status, call.reason, call.failure = exchange.status, exchange.reason, exchange.failure
    return call


def header(title: str) -> dict[str, str]:
    """Return the first line of a recording. engine is empty if unknown: Docker does not name itself to a plugin."""
    return {"format": FORMAT, "engine": "", "recorded": datetime.date.today().isoformat(), "title": title}


def read(path: str | Path) -> tuple[dict[str, str], list[Call]]:
    """Return the first line and the calls of a recording. Raises Usage if the file is not a recording."""
    try:
        first, *rows = [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]
        if first["format"] != FORMAT:
            raise ValueError(first["format"])
        return first, [Call.from_json(row) for row in rows]
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}. Record one:   {tool()} trace --record FILE") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Usage(f"{path} is no recording of ours. Record one:   {tool()} trace --record FILE") from None


@contextlib.contextmanager
def open_recording(path: str | None, title: str) -> Iterator[IO[str] | None]:
    """Give the file of a recording, with its first line. Nobody else may read it. No file is overwritten."""
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
