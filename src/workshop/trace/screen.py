"""Show a conversation in the terminal, and report it to listeners."""

from __future__ import annotations

import json
import queue
import textwrap
import threading
from collections.abc import Callable
from typing import IO

from workshop.terminal import WIDTH, in_colour, print_nowhere, printable, shorten
from workshop.trace.mask import Mask
from workshop.trace.recording import Call, Message

ON_SCREEN = 2000
"""How much of a body the terminal shows, in characters."""
PAUSE = 0.002
"""How long an exchange waits before it is shown, in seconds."""


class Screen:
    """Writes a conversation in 80 columns: when, who, what; and on the plugin's lines, how long it took."""

    def __init__(self, time_of: Callable[[Call], str]) -> None:
        self.time_of = time_of
        self.last = 0
        self.waiting: set[int] = set()

    def call(self, call: Call) -> list[str]:
        """Return the lines of a call: first for its request, then for its answer. The request is shown once."""
        lines = [] if call.n in self.waiting else self.question(call)
        if not call.done:
            self.waiting.add(call.n)
            return lines
        self.waiting.discard(call.n)
        return lines + self.result(call)

    def question(self, call: Call) -> list[str]:
        """Return what the daemon says."""
        self.last = call.n
        text = f"{call.method} {call.path}" if call.method else "(nothing that can be read)"
        return _lines_of(self.time_of(call), "docker", f"{text}  {body_text(call.request)}")

    def result(self, call: Call) -> list[str]:
        """Return the answer of the plugin, or why there is none; and to which request, if another came in between."""
        took = f"{call.took:.2f} s" if call.took >= 10 else f"{call.took * 1000:.1f} ms"
        said = [f"(to {call.path} at {self.time_of(call)})"] if call.n != self.last else []
        said += [f"{call.status} {call.reason}  {body_text(call.answer)}"] if call.status else []
        return _lines_of(took, "plugin", "  ".join([*said, f"({call.failure})"] if call.failure else said))


def body_text(message: Message) -> str:
    """Return a body for the terminal; a long one is cut, and says so."""
    text = message.text()
    if not message.size:
        return "(empty body)"
    if text is None:
        return f"({message.size} bytes that are no text)"
    plain = printable(text.strip())
    cut = message.size > len(message.body) or len(plain) > ON_SCREEN
    return shorten(plain, ON_SCREEN) + (f" (cut: it has {message.size} bytes)" if cut else "")


def _lines_of(left: str, speaker: str, text: str) -> list[str]:
    """Return text in lines of 80 columns behind its time and its speaker."""
    first, *more = textwrap.wrap(text, WIDTH - 24, break_on_hyphens=False) or [""]
    return [f"{left:>12}  {in_colour(speaker, f'[{speaker}]')}  {first}", *(f"{'':24}{line}" for line in more)]


def wrap_sentences(text: str) -> list[str]:
    """Return sentences in lines of 80 columns.

    What a person may copy stays whole: a path, an indented line, and a command, which comes after three spaces.
    """
    lines = []
    for line in text.splitlines():
        sentence, _, command = line.partition("   ")
        if not sentence or len(line) <= WIDTH:
            lines.append(line)
            continue
        lines += textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
        lines += [f"    {command}"] if command else []
    return lines


class Teller:
    """Prints what happens, on its own thread: a slow terminal does not delay the daemon.

    On screen, in the file of a recording, and to all who listen (the page). quit is called when nobody reads the
    screen any more.
    """

    def __init__(self, screen: Screen, record: IO[str] | None, mask: Mask | None, quit: Callable[[], None]) -> None:
        self.screen, self.record, self.mask, self.quit = screen, record, mask, quit
        self.listeners: list[Callable[[Call | str], None]] = []
        self.recorded = 0
        self.news: queue.SimpleQueue[Call | str | None] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.tell, name="teller")

    def __enter__(self) -> Teller:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.news.put(None)
        self.thread.join()

    def tell(self) -> None:
        """Print what comes, until the end."""
        while (item := self.news.get()) is not None:
            # the daemon comes first: printing at once would take the processor from the thread that passes the answer
            if self.news.empty():
                self.ended.wait(PAUSE)
            if isinstance(item, Call) and self.mask:
                item = self.mask(item)
            self.show(self.screen.call(item) if isinstance(item, Call) else wrap_sentences(item))
            if isinstance(item, Call) and item.done:
                self.write(item)
            for listener in self.listeners:
                listener(item)

    def show(self, lines: list[str]) -> None:
        """Print lines; if nobody reads them any more, end the trace."""
        try:
            print("\n".join(lines), flush=True)
        except OSError:
            print_nowhere()
            self.quit()

    def write(self, call: Call) -> None:
        """Write a line of the recording at once: then it stays, even if the trace is killed."""
        if not self.record:
            return
        try:
            self.record.write(json.dumps(call.as_json(), ensure_ascii=False) + "\n")
            self.record.flush()
            self.recorded += 1
        except OSError as error:
            self.show(wrap_sentences(f"The recording ends here, at {self.recorded} calls: {error.strerror}."))
            self.record = None
