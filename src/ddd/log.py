"""A line in the log for each call: what was asked, how long it took, and what came of it. No call waits for it."""

import io
import json
import logging
import os
import secrets
import select
import socket
import stat
import threading
import time
from collections.abc import Callable
from functools import partial

from flask import Flask, Response, g, has_request_context, request


class Stderr(io.TextIOBase):
    """stderr, on which a write never waits: a line for which there is no room is dropped, and counted.

    The reader of the log may stop for a while. A Docker daemon with live-restore asks a plugin for every volume before
    it reads the logs of its containers again.
    """

    def __init__(self, descriptor: int) -> None:
        self.send = sender(descriptor)
        self.lock = threading.Lock()
        self.begun = ""  # the beginning of a line whose end is not written yet
        self.rest = b""  # the rest of a line of which only a part had room
        self.dropped = 0
        self.told = 0

    def write(self, text: str) -> int:
        """Send complete lines; keep the beginning of an incomplete one. Raises nothing if stderr fails."""
        with self.lock:
            if self.begun or text[-1:] != "\n":
                self.begun += text
                if text[-1:] != "\n":
                    return len(text)
                text, self.begun = self.begun, ""
            self.put(text)
        return len(text)

    def put(self, lines: str) -> None:
        """Send lines, or drop them. When there is room again, the first line says how many were dropped."""
        if untold := self.dropped - self.told:
            lines = f"{untold} of the lines before this one had no room in the log, and were dropped.\n{lines}"
        data = self.rest + lines.encode(errors="backslashreplace")
        try:
            sent = self.send(data)
        except OSError:
            sent = 0
        if sent > len(self.rest):
            self.rest, self.told = data[sent:], self.dropped
        else:
            self.rest = self.rest[sent:]
            self.dropped += 1

    def catch_up(self) -> None:
        """Write what waits for room: the rest of a line, and how many were dropped."""
        if self.rest or self.dropped > self.told:
            with self.lock:
                dropped = self.dropped
                self.put("")
                self.dropped = dropped


def sender(descriptor: int) -> Callable[[bytes], int]:
    """Return a function that sends bytes to a descriptor without waiting, and returns how many were taken.

    Never set O_NONBLOCK on the descriptor itself: every process that shares it, such as a shell, would have it, too.
    """
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFSOCK:  # of systemd's journal
        journal = socket.socket(fileno=os.dup(descriptor))
        return lambda data: journal.send(data, socket.MSG_DONTWAIT)
    if kind == stat.S_IFREG:
        return partial(os.write, descriptor)
    try:  # a pipe or a terminal that is opened again has its own settings
        return partial(os.write, os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:  # it belongs to another user
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        return lambda data: os.write(descriptor, data[: select.PIPE_BUF]) if room.poll(0) else 0


stderr = Stderr(2)


def install(app: Flask) -> None:
    """Log a line for each call that the app answers, and name the call in the plugin's other lines."""
    # before the app's own functions: they may refuse the call
    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(write)
    app.logger.addFilter(name_call)


def begin() -> None:
    """Give a call a name for the log, and note when it began."""
    g.call, g.begun = secrets.token_hex(4), time.perf_counter()


def write(response: Response) -> Response:
    """Write a line for a call into the log. Times are in milliseconds."""
    took = (time.perf_counter() - g.begun) * 1000
    # parse the answer only if it is an error: List may have named 100 000 volumes
    sent: object = response.json if response.status_code not in (200, 503) else None
    err = sent["Err"] if isinstance(sent, dict) else ""
    asked = f"call={g.call} endpoint={quoted(request.path[1:])} volume={quoted(str(g.get('volume', '')))}"
    # without Python's logging, which takes three times as long
    stderr.write(f"{asked} ms={took:.1f} outcome={outcome(response)} err={quoted(err)}\n")
    return response


def outcome(response: Response) -> str:
    """Return the outcome of a call: a status, or "hung-up" if no answer was given."""
    return "hung-up" if response.status_code == 503 else str(response.status_code)


def quoted(text: str) -> str:
    """Return a short text, always on one line: a volume's name can be anything that was sent."""
    return json.dumps(text[:100])


def name_call(record: logging.LogRecord) -> bool:
    """Put the call's name before what the plugin itself logs in it."""
    if has_request_context():
        record.msg = f"call={g.call} {record.msg}"
    return True
