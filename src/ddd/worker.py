"""gunicorn's worker: a call gets a thread when all of it has arrived, and what is not a call gets an answer in JSON."""
# mypy: allow-subclassing-any, allow-untyped-calls

import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import time
from collections import deque
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from ddd import log
from ddd.app import MEDIA_TYPE, app

ARRIVAL = 10
"""How long a call may take to arrive, from its first byte to its last, in seconds."""
SENDING = 30
"""How long an answer waits for a caller that does not read it, in seconds."""
LARGEST: int = app.config["MAX_CONTENT_LENGTH"]
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
ENDING = {signal.SIGTERM, signal.SIGQUIT, signal.SIGINT}
"""The signals that end a worker. The master blocks them while it starts one."""
STATUS = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}
"""What gunicorn answers by itself is 400, except for these errors."""


class OneThreadEach(ThreadWorker):
    """gunicorn's worker with threads, but a call gets one only when all of it has arrived: half a call blocks nobody.

    A thread that has answered waits a moment for the next call on its connection. Docker's calls come in pairs, such as
    Get and Create. The way from gunicorn's main thread to another and back takes as long as all the rest of a Get. If
    there are more connections than threads, no thread waits: the others need it.
    """

    def init_signals(self) -> None:
        """Let the signals come that had to wait: from here on, the worker has its own handlers."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def enqueue_req(self, conn: Any) -> None:
        """Give a call to a thread when all of it has arrived; until then, wait for it beside the other connections."""
        if not conn.initialized:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SENDING, 0))
        if arrived(conn):
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        if conn.parser.unreader.buf.getvalue():
            conn.timeout = time.monotonic() + ARRIVAL
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))
        else:
            conn.set_timeout()
            self.keepalived_conns.append(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Continue with a call that has come in part. Further bytes do not give it more time."""
        if arrived(conn):
            super().on_pending_socket_readable(conn, client)

    def is_parent_alive(self) -> bool:
        """Tell whether gunicorn's master lives. Without it, the worker stops as at SIGTERM, and frees the root.

        Otherwise gunicorn would keep a busy connection without limit, and the worker for 30 seconds.
        """
        if not super().is_parent_alive():
            self.alive = False
        return bool(self.alive)

    def murder_pending(self) -> None:
        """Close the connections whose call has not arrived in time; when the plugin stops, those of incomplete calls.

        Without an answer: any error that Get answers means "no such volume" to Docker.
        """
        for conn in list(self.pending_conns):
            if not self.alive or conn.timeout < time.monotonic():
                self.log.warning("A call had not arrived whole after %s seconds: its connection is closed.", ARRIVAL)
                self.drop(conn, self.pending_conns)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that were idle for too long; when no more can be accepted, the first of the idle ones.

        Otherwise the calls of others would wait in the socket.
        """
        super().murder_keepalived(force)
        if self.nr_conns >= self.worker_connections:
            idle = next((conn for conn in self.keepalived_conns if not readable(conn, 0)), None)
            if idle:
                self.log.warning("There are %s connections: the one that was idle longest is closed.", self.nr_conns)
                self.drop(idle, self.keepalived_conns)

    def drop(self, conn: Any, among: deque[Any]) -> None:
        """Close a connection that waits for its next bytes among others."""
        self.poller.unregister(conn.sock)
        among.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """Answer a call, and those that follow it at once on the same connection."""
        kept = super().handle(conn)
        while kept is True and self.alive and self.nr_conns <= self.cfg.threads and readable(conn) and arrived(conn):
            kept = super().handle(conn)
        if not kept:
            hurry(conn.sock)
        return kept

    def handle_error(self, req: Any, client: socket.socket, addr: object, error: Exception) -> None:
        """Answer what is not HTTP, or too large, in the form that Docker reads."""
        status = HTTPStatus(STATUS.get(type(error), 400 if isinstance(error, errors.ParseException) else 500))
        sentence = f"ddd cannot read this call: {str(error)[:200]}."
        self.log.error("A call is answered with status %d: %s", status, sentence, exc_info=status == 500)
        body = json.dumps({"Err": sentence}) + "\n"
        head = f"HTTP/1.1 {status} {status.phrase}", f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {len(body)}"
        with contextlib.suppress(OSError):
            util.write_nonblock(client, "\r\n".join([*head, "Connection: close", "", body]).encode())

    def notify(self) -> None:
        """Tell gunicorn that the worker lives. When the log has room again, write there what was dropped."""
        super().notify()
        log.stderr.catch_up()


def arrived(conn: Any) -> bool:
    """Read what has arrived of a call, and tell whether a thread could answer it without waiting. Never wait here.

    It could if all of the call is there, if its end will never come, or if it is more than ddd reads.
    """
    conn.init()
    while not whole(conn.parser.unreader.buf.getvalue()):
        try:
            data = conn.sock.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        if not data:
            return True
        conn.parser.unreader.buf.seek(0, os.SEEK_END)
        conn.parser.unreader.buf.write(data)
        invite(conn)
    return True


def invite(conn: Any) -> None:
    """Answer 100 Continue, once, to a caller that waits for that before it sends the body. Source: RFC 9110, 10.1.1."""
    data = conn.parser.unreader.buf.getvalue()
    head = data.find(b"\r\n\r\n")
    expects = EXPECT.search(data, 0, head + 2) if head >= 0 and not whole(data) else None
    if expects and data.partition(b"\r\n")[0].endswith(b" HTTP/1.1"):
        with contextlib.suppress(OSError):
            conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n", socket.MSG_DONTWAIT)
        conn.parser.unreader.buf.seek(0)
        conn.parser.unreader.buf.truncate()
        conn.parser.unreader.buf.write(data[: expects.start()] + data[expects.end() :])


def whole(data: bytes) -> bool:
    """Tell whether these bytes are a call with all of its body, or more than ddd reads."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        # lines that end with LF alone are refused: the end of such a head never comes
        return len(data) > LARGEST or data.count(b"\n") > data.count(b"\r\n")
    found = LENGTH.search(data, 0, head + 2)
    length = int(found[1]) if found else 0
    return length > LARGEST or len(data) >= head + 4 + length


def readable(conn: Any, milliseconds: int = 5) -> bool:
    """Tell whether something arrives on a connection within this time, or has arrived with the call before."""
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(conn.parser.unreader.buf.getvalue() or poll.poll(milliseconds))


def hurry(connection: socket.socket) -> None:
    """Close a connection at once. Otherwise gunicorn's main thread waits 2 seconds for the other end to close it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
