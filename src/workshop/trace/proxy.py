"""Pass the bytes on, between a caller and the plugin."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from workshop.trace.conversation import Clock, Conversation, OnCall

GRACE = 2.0
"""How long a call that has begun may still take when the trace ends, in seconds."""


class Proxy:
    """Passes on what comes to a listening socket: two threads for each connection, one for each direction.

    reach returns a socket that is connected with the plugin, or raises OSError. A slow reader slows the writer: no
    more than a piece of 64 KiB is held for each direction.
    """

    def __init__(self, on_call: OnCall, clock: Clock, reach: Callable[[], socket.socket] | None = None) -> None:
        self.on_call, self.clock = on_call, clock
        self.reach: Callable[[], socket.socket] = reach or _no_plugin
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.open: dict[threading.Thread, tuple[list[socket.socket], Conversation]] = {}
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
                # there is no free file descriptor, or the trace ends
                self.ended.wait(0.05)
                continue
            _disable_delay(caller)
            ends, conversation = [caller], Conversation(self.clock, self.on_call)
            thread = threading.Thread(target=self.connect, args=[ends, conversation])
            with self.lock:
                self.open[thread] = (ends, conversation)
            thread.start()

    def connect(self, ends: list[socket.socket], conversation: Conversation) -> None:
        """Connect a caller with the plugin until one of them closes; ends has the caller, and then both."""
        with ends[0] as caller:
            try:
                plugin = self.reach()
            except OSError:
                self.refuse(caller, conversation)
            else:
                with plugin:
                    ends.append(plugin)
                    plugin.settimeout(None)
                    _disable_delay(plugin)
                    _join(caller, plugin, conversation)
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
        """Close all connections; a call that has begun gets a little time."""
        self.ended.set()
        if self.listener:
            hang_up(self.listener)
            self.acceptor.join()
            self.listener.close()
        limit = time.monotonic() + GRACE
        while any(conversation.waiting for _, conversation in self.connections()) and time.monotonic() < limit:
            time.sleep(0.01)
        with self.lock:
            threads = list(self.open)
        while any(thread.is_alive() for thread in threads):
            # close both ends: a plugin that never answers would not close its own
            for ends, _ in self.connections():
                for each in ends:
                    hang_up(each)
            time.sleep(0.01)

    def connections(self) -> list[tuple[list[socket.socket], Conversation]]:
        """Return what is open now."""
        with self.lock:
            return list(self.open.values())


def _no_plugin() -> socket.socket:
    """Raise OSError: there is no plugin yet."""
    raise ConnectionRefusedError


def _join(caller: socket.socket, plugin: socket.socket, conversation: Conversation) -> None:
    """Pass on both directions until both have ended."""

    def back() -> None:
        _relay(plugin, caller, lambda data: conversation.hear(conversation.plugin, data, "answer"))
        conversation.first_to_leave = conversation.first_to_leave or "plugin"
        # a plugin that has exited reads nothing more: the caller sees that at once, as it would without us
        hang_up(caller)
        hang_up(plugin)

    other = threading.Thread(target=back)
    other.start()
    _relay(caller, plugin, lambda data: conversation.hear(conversation.caller, data, "request"))
    conversation.first_to_leave = conversation.first_to_leave or "caller"
    # a caller may close its sending side, and still wait for the answer
    with contextlib.suppress(OSError):
        plugin.shutdown(socket.SHUT_WR)
    other.join()


def _relay(source: socket.socket, target: socket.socket, hear: Callable[[bytes], None]) -> None:
    """Pass on every byte until the source ends, or one of the two breaks."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            hear(data)
            target.sendall(data)
    with contextlib.suppress(OSError):
        hear(b"")


def hang_up(connection: socket.socket) -> None:
    """Close both directions of a connection, if they are not closed yet. A thread that waits for it continues."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _disable_delay(connection: socket.socket) -> None:
    """Over TCP, send small pieces without waiting for more."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
