"""A Python file as a program of its own, inside this process: where none can be started, as in a page of a browser.

The file runs as __main__ until it begins to serve; its server is kept, and each call is handed to that. What belongs to
a process of its own is replaced meanwhile: sockets, handlers of signals, what is to be done at the exit, the output.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import itertools
import logging
import os
import signal
import socket
import socketserver
import stat
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import werkzeug.serving


class Serves(BaseException):
    """The program serves, and goes on no further."""


class Exits(BaseException):
    """The program has called os._exit."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Output(io.TextIOBase):
    """What the program that runs prints. There is one, because loggers keep the stream that they begin with."""

    to = -1
    """The file that it goes to."""

    def write(self, text: str) -> int:
        """Print."""
        os.write(self.to, text.encode(errors="backslashreplace"))
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True


OUTPUT = Output()


class Program:
    """One run of a Python file. It is over when it has a status."""

    def __init__(self, file: Path, environment: Mapping[str, str], output: int, umask: int) -> None:
        self.file = file
        self.environment = {**os.environ, **environment}
        self.output = output
        self.umask = umask
        self.module = ModuleType("__main__")
        self.status: int | None = None
        """As Popen tells it: negative for the signal that ended it; None while it serves."""
        self.server: Any = None
        # a socket closes as soon as no variable holds it
        self.sockets: weakref.WeakSet[UnboundSocket] = weakref.WeakSet()
        self.numbers = itertools.count(1_000_000)
        self.serving: list[UnboundSocket] = []
        """The sockets that were there when it began to serve."""
        self.handlers: dict[int, Any] = {}
        self.at_exit: list[Callable[[], object]] = []

    def run(self) -> Self:
        """Run the file until it serves, or ends."""
        self.module.__file__ = str(self.file)
        with self.stage():
            code = self.file.read_bytes()
            self.end_with(lambda: exec(compile(code, str(self.file), "exec"), vars(self.module)))
        return self

    def listening(self) -> list[str]:
        """Return where it listens, as Address prints it."""
        return [each.address for each in self.serving if each.listens and self.status is None]

    def answer(self, sent: bytes) -> bytes:
        """Hand a call to the server; return the bytes that it answers, none where it breaks off."""
        caller = Caller(sent)
        with self.stage():
            try:
                self.server.finish_request(caller, "")
            except Exception:
                self.server.handle_error(caller, "")
            except SystemExit as ending:
                # in a thread of its own nobody hears of it
                if not isinstance(self.server, socketserver.ThreadingMixIn):
                    self.end_with(partial(sys.exit, ending.code))
            except Exits as ending:
                self.status = ending.status
        return bytes(caller.received)

    def signal(self, number: int) -> int:
        """Send it a signal; return its exit status. One that goes on is killed."""
        handler = self.handlers.get(number, signal.SIG_DFL)
        if number != signal.SIGKILL and callable(handler):
            with self.stage():
                self.end_with(lambda: (handler(number, None), self._serve(self.server)))
            number = signal.SIGKILL
        self.status = -number if self.status is None else self.status
        return self.status

    def end_with(self, action: Callable[[], object]) -> None:
        """Do the last that the program does, and note its exit status; unless it serves then."""
        try:
            action()
            self.status = 0
        except Serves:
            return
        except SystemExit as ending:
            if ending.code is not None and not isinstance(ending.code, int):
                print(ending.code, file=sys.stderr)
            self.status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except Exits as ending:
            self.status = ending.status
            return
        except Exception as error:
            self._print_exception(error)
            self.status = 1
        for last in reversed(self.at_exit):
            try:
                last()
            except Exception:
                traceback.print_exc()

    def _print_exception(self, error: Exception) -> None:
        """Print what Python would print of an exception that nothing has caught: without what is ours."""
        place = error.__traceback__
        while place and place.tb_frame.f_code.co_filename != str(self.file):
            place = place.tb_next
        found = traceback.TracebackException(type(error), error, place)
        found.stack[:] = [frame for frame in found.stack if frame.filename != __file__]
        if not found.stack:  # of a file that cannot be compiled
            found.stack = None  # type: ignore[assignment]
        print("".join(found.format()), end="", file=sys.stderr)

    def _serve(self, server: Any = None) -> Any:
        """Stand for serve_forever, and for a wait without a server."""
        self.server, self.serving = server, list(self.sockets)
        raise Serves

    @contextlib.contextmanager
    def stage(self) -> Iterator[None]:
        """Let the program's code run in here."""

        def exits(status: int) -> None:
            raise Exits(status)

        def registers(function: Callable[..., object], *arguments: Any, **named: Any) -> Callable[..., object]:
            self.at_exit.append(lambda: function(*arguments, **named))
            return function

        def handles(number: int, handler: Any) -> Any:
            before, self.handlers[number] = self.handlers.get(number, signal.SIG_DFL), handler
            return before

        def serves(server: Any, *_: object, **__: object) -> None:
            self._serve(server)

        def waits() -> None:
            self._serve()

        stands_for: list[tuple[Any, str, Any]] = [
            (sys, "stdout", OUTPUT),
            (sys, "stderr", OUTPUT),
            (OUTPUT, "to", self.output),
            (logging.root, "handlers", []),
            (os, "environ", self.environment),
            (os, "_exit", exits),
            (atexit, "register", registers),
            (signal, "signal", handles),
            (signal, "pause", waits),
            (socket, "socket", self.socket),
            (socket, "fromfd", self.socket_of),
            (socket, "AF_UNIX", getattr(socket, "AF_UNIX", 1)),
            (werkzeug.serving, "af_unix", getattr(socket, "AF_UNIX", 1)),
            (socket, "getfqdn", lambda name="": name),
            (socketserver.BaseServer, "serve_forever", serves),
            (werkzeug.serving.BaseWSGIServer, "serve_forever", serves),
            # after each answer it looks for what the caller has sent besides
            (werkzeug.serving, "selectors", SimpleNamespace(DefaultSelector=NothingMore, EVENT_READ=1)),
            # until a thread of its own is made for each
            (socketserver.ThreadingMixIn, "daemon_threads", True),
        ]
        with replaced(stands_for), main_module(self.module):
            umask = os.umask(self.umask)
            try:
                yield
            finally:
                self.umask = os.umask(umask)

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, *_: object) -> UnboundSocket:
        """Stand for socket.socket."""
        new = UnboundSocket(family, kind, next(self.numbers))
        self.sockets.add(new)
        return new

    def socket_of(self, number: int, *_: object) -> UnboundSocket:
        """Stand for socket.fromfd."""
        for each in self.sockets:
            if each.number == number:
                return each
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@contextlib.contextmanager
def replaced(stands_for: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    """Give attributes other values for a while: owner, name and value of each."""
    missing = object()
    before = [(owner, name, vars(owner).get(name, missing)) for owner, name, _ in stands_for]
    for each in stands_for:
        setattr(*each)
    try:
        yield
    finally:
        for owner, name, value in before:
            if value is missing:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


@contextlib.contextmanager
def main_module(module: ModuleType) -> Iterator[None]:
    """Let a module be __main__ for a while."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.modules["__main__"] = before


class Caller:
    """What a server gets of a call: its bytes are all there, and the answer is kept."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self.received = bytearray()
        self.is_shut = False

    def makefile(self, *_: object) -> io.BytesIO:
        """Return what was sent, as a file."""
        return io.BytesIO(self.sent)

    def sendall(self, data: bytes) -> None:
        """Keep a piece of the answer. Raises BrokenPipeError after shutdown."""
        if self.is_shut:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.received += data

    def shutdown(self, *_: object) -> None:
        """Hang up."""
        self.is_shut = True


class NothingMore:
    """A selector on a connection with nothing more to read."""

    def register(self, *_: object) -> None:
        """Do nothing."""

    def select(self, timeout: float | None = None) -> list[object]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""


class UnboundSocket:
    """A socket of the program, as far as a server needs one. Its file is on the disk; nobody else can connect to it."""

    def __init__(self, family: int, kind: int, number: int) -> None:
        self.family = family
        self.kind = kind
        self.number = number
        self.name: Any = ""
        self.listens = False

    @property
    def address(self) -> str:
        """Where it is bound, as Address prints it."""
        return f"unix://{self.name}" if isinstance(self.name, str) else f"http://{self.name[0]}:{self.name[1]}"

    def bind(self, address: Any) -> None:
        """Take an address. Raises OSError where a file has it."""
        if self.family != socket.AF_UNIX and not isinstance(address, tuple):
            raise TypeError(f"bind(): AF_INET address must be tuple, not {type(address).__name__}")
        if isinstance(address, str | bytes | os.PathLike):
            self.name = os.fsdecode(address)
            try:
                os.mknod(self.name, stat.S_IFSOCK | 0o777)
            except FileExistsError:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from None
        elif "/" in address[0]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        else:
            self.name = address

    def listen(self, *_: object) -> None:
        """Take calls. Raises OSError for a socket of datagrams."""
        if self.kind == socket.SOCK_DGRAM:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        self.listens = True

    def connect(self, address: Any) -> None:
        """Call. Raises OSError: nobody else listens in here."""
        exists = not isinstance(address, str) or os.path.exists(address)
        number = errno.ECONNREFUSED if exists else errno.ENOENT
        raise OSError(number, os.strerror(number))

    def accept(self) -> None:
        """Wait for a call: calls go to a server, and not to whoever accepts them."""
        raise Serves

    def getsockname(self) -> Any:
        """Return where it is bound."""
        return self.name

    def fileno(self) -> int:
        """Return its number."""
        return self.number

    def close(self) -> None:
        """Do nothing: a server that goes out of a with statement serves all the same."""

    def _nothing(self, *_: object) -> None:
        """Stand for what has no effect in here."""

    settimeout = setblocking = setsockopt = set_inheritable = shutdown = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
