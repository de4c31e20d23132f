"""The verb `trace`: which plugin, where the daemon finds it, and how it ends; and `trace show`."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop import repository
from workshop.plugins.errors import WrongCommand
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin, command_for
from workshop.protocol.exchange import Address
from workshop.repository import tool
from workshop.terminal import in_colour
from workshop.trace.conversation import Clock
from workshop.trace.errors import Refused, Usage
from workshop.trace.mask import Mask
from workshop.trace.place import Note, aside_of, in_place_of, publish
from workshop.trace.proxy import Proxy
from workshop.trace.recording import Call, header, open_recording, read
from workshop.trace.screen import Screen, Teller, wrap_sentences
from workshop.trace.supervisor import HOLD, Supervisor

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Each of these ends a trace."""


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


def main(options: Options) -> int:
    """Trace until Ctrl-C or SIGTERM; return 0, 1 (not possible here and now) or 2 (wrong usage)."""
    try:
        options = _check_options(options)
        with End() as end:
            trace(options, end)
    except (Usage, Refused, WrongCommand) as wrong:
        print("\n".join(wrap_sentences(str(wrong))), file=sys.stderr)
        return 1 if isinstance(wrong, Refused) else 2
    return 0


class End:
    """The end of a trace: a signal brings it, or set().

    A byte in a pipe, and no lock: a signal may come while another one is handled, and would wait for it for ever.
    """

    def __enter__(self) -> End:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.pipe_before = signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        self.before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self.pipe_before)
        os.close(self.reader)
        os.close(self.writer)

    def set(self) -> None:
        """End the trace, from any thread."""
        with contextlib.suppress(BlockingIOError):  # if the pipe is full, the end has come already
            os.write(self.writer, b"\0")

    def wait(self) -> None:
        """Wait for the end."""
        os.read(self.reader, 1)


def _check_options(options: Options) -> Options:
    """Return the options, with the learner's own plugin if none is named. Raises Usage and WrongCommand."""
    given = [f"--{name}" for name in ("plugin", "run", "socket", "tcp") if getattr(options, name)]
    if len(given) > 1:
        raise Usage(f"{' and '.join(given)} name two plugins: give one of them.   {tool()} trace --help")
    if bool(options.tcp) != bool(options.to):
        raise Usage(f"Give both ends:   {tool()} trace --tcp 127.0.0.1:5001 --to 127.0.0.1:5000")
    if options.port and not options.web:
        raise Usage(f"--port is the page's:   {tool()} trace --web --port {options.port}")
    if options.run is not None:
        command_for(None, options.run)
    if not given:
        options = dataclasses.replace(options, plugin=_own_plugin())
    if options.plugin and not os.path.isfile(options.plugin):
        raise Usage(f"There is no file {options.plugin}. Give the plugin's:   {tool()} trace --plugin FILE")
    return options


def _own_plugin() -> str:
    """Return the learner's own plugin. Raises Usage if there is none."""
    if repository.find_clone():
        from workshop.repository import work

        if (file := work() / "plugin.py").is_file():
            return str(file)
    raise Usage(f"Name a plugin:   {tool()} trace --plugin FILE")


def trace(options: Options, end: End) -> None:
    """Start everything, wait for the end, and stop it in reverse order. Raises Usage and Refused."""
    clock = Clock()
    with contextlib.ExitStack() as stack:
        title = f"trace of {options.plugin or options.run or options.socket or options.to}"
        record = stack.enter_context(open_recording(options.record, title))
        screen = Screen(lambda call: _clock_time(clock.began + call.at))
        teller = Teller(screen, record, Mask() if options.mask else None, end.set)
        if options.web:
            stack.enter_context(_web_page(options, teller, title, clock))
        stack.enter_context(teller)
        with contextlib.ExitStack() as passing:
            where = _start(options, passing, Proxy(teller.news.put, clock), teller.news.put)
            teller.news.put(f"{where}\nCtrl-C ends the trace.")
            end.wait()
    if record:
        print(f"{teller.recorded} calls are recorded. See them:\n    {tool()} trace show {options.record}")


def _start(options: Options, passing: contextlib.ExitStack, proxy: Proxy, note: Note) -> str:
    """Begin to pass on; return a sentence that says where. What passing holds ends in this order: the place is given
    back first, then the calls under way end, then the plugin.
    """
    if options.tcp and options.to:
        to = _host_and_port(options.to)
        passing.callback(proxy.close)
        proxy.reach = lambda: socket.create_connection(to, HOLD)
        proxy.serve(_tcp_listener(options.tcp))
        return f"What comes to {options.tcp} is passed on to {options.to}."
    if options.socket:
        path = Path(os.path.abspath(options.socket))
        passing.callback(proxy.close)
        proxy.reach = lambda: Address(path=str(aside_of(path))).connect(HOLD)
        proxy.serve(passing.enter_context(in_place_of(path, note)))
        return f"This trace stands in for the plugin at {path}. Do not restart the plugin meanwhile."
    path = Path(os.path.abspath(os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"))
    supervisor = passing.enter_context(supervise(options, note))
    passing.callback(proxy.close)
    proxy.reach = supervisor.connect
    proxy.serve(passing.enter_context(publish(path)))
    return f"The daemon's side is at {path}, and stays there while you edit the plugin."


@contextlib.contextmanager
def supervise(options: Options, note: Note) -> Iterator[Supervisor]:
    """Give a Keeper of the plugin that was named, on a private socket."""
    root = Path(os.environ.get("DDD_ROOT") or "/var/lib/ddd")
    command = command_for(options.plugin, options.run)
    with private_folder() as folder, Supervisor(Plugin(command, folder / "ddd.sock", root), note) as supervisor:
        yield supervisor


def _tcp_listener(text: str) -> socket.socket:
    """Return a socket that listens at HOST:PORT. Raises Usage and Refused."""
    host, port = _host_and_port(text)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Refused(
            f"Nothing can listen at {text}: {error.strerror}. Choose another port:   --tcp HOST:PORT"
        ) from None


def _host_and_port(text: str) -> tuple[str, int]:
    """Return HOST:PORT as a pair; an IPv6 address is in brackets. Raises Usage."""
    match = re.fullmatch(r"(?:tcp://|https?://)?\[?([^\[\]/]+?)\]?:(\d{1,5})/?", text)
    if not match or int(match[2]) > 65535:
        raise Usage(
            f"{text} is no HOST:PORT. Type for example:   {tool()} trace --tcp 127.0.0.1:5001 --to 127.0.0.1:5000"
        )
    return match[1], int(match[2])


@contextlib.contextmanager
def _web_page(options: Options, teller: Teller, title: str, clock: Clock) -> Iterator[None]:
    """Serve the page while this lasts, and say where. Raises Refused."""
    from workshop.trace import live

    feed = live.Feed(header(title))

    def listen(item: Call | str) -> None:
        if isinstance(item, Call):
            feed.call(item.as_json() | {"pending": not item.done, "clock": clock.began + item.at})
        else:
            feed.note(item)

    teller.listeners.append(listen)
    try:
        server = live.PageServer(feed, options.port)
    except OSError as error:
        raise Refused(f"The page cannot have port {options.port}: {error.strerror}. Let trace choose one:   "
                      f"{tool()} trace --web") from None  # fmt: skip
    with server:
        # printed here, and not by the teller: the page would show its own token
        teller.show([f"The page:   {server.url}"])
        yield


def _clock_time(seconds: float) -> str:
    """Return a time as a clock shows it, with milliseconds."""
    return datetime.datetime.fromtimestamp(seconds).isoformat(timespec="milliseconds")[11:]


def show(path: str | Path) -> int:
    """Print a recording; return 0, or 2 if there is none."""
    try:
        first, calls = read(path)
    except Usage as wrong:
        print("\n".join(wrap_sentences(str(wrong))), file=sys.stderr)
        return 2
    about = ", ".join(filter(None, [first.get("title"), first.get("engine"), first.get("recorded")]))
    print("\n".join(wrap_sentences(in_colour("head", about))))
    screen = Screen(lambda call: f"{call.at:.3f} s")
    for call in sorted(calls, key=lambda call: (call.at, call.n)):
        print("\n".join(screen.call(call)))
    return 0
