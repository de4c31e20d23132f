"""The console blocks of the course: read from its Markdown, typed into terminals, and what comes back compared.

A block is a fence ```console, ```console terminal 2 or ```console not run: REASON. In it

    $ docker volume create -d ddd mango      is typed, and
    > --label stage=test                     so is a line that goes on from it; then
    mango                                    is what the terminal has to show, and
    …                                        stands for any lines, inside a line for any characters;
    ^C                                       is Ctrl-C.

A terminal is bash on a pty, which lasts for a file, so `cd`, variables, `docker run -it` and Ctrl-C work as they do at
a desk. A command ends when bash asks for the next one, which it does with its exit status between two bytes that
nothing else prints. A command with nothing below it may print anything, and has to succeed; what is shown below one
has to be all that comes. A command that a ^C follows is a server: it stays in front while other terminals are typed
into, and is ready when what is shown below it has come. What it prints later may stand before the ^C, in that block.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

FENCE = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
INFO = re.compile(r"console(?: terminal (?P<terminal>[23])| not run: (?P<reason>\S.*))?")
UNRUN = {"bash", "sh", "shell", "shell-session", "sh-session", "bash-session", "zsh", "terminal"}
"""What others call a block of commands: nobody would run it."""

INTERRUPT = "^C"
PROMPT = re.compile(r"\x1e(\d+)\x1f")
SETUP = r"""
PS1='\036$?\037' PS2=
[ "$(id -u)" != 0 ] || sudo() { "$@"; }
"""
"""What bash reads first. Root needs no sudo, which would lose the way to the engine."""
COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")
AtADesk = Callable[[str, str], str]
"""Returns what a command prints without what only this machine makes it say."""
SECONDS = 90.0
"""How long a command may take. Docker alone waits 15 s for a plugin that is gone."""


class BlockError(Exception):
    """A block is not what it should be, or is not true. The text names its file and line."""


@dataclass
class Step:
    """A command, a Ctrl-C, or (nothing typed) more of what a server prints; and what is shown below it."""

    line: int
    typed: str
    shown: list[str] = field(default_factory=list)
    stays: bool = False
    """Whether it is a server, which a ^C ends."""


@dataclass
class Block:
    """One fence."""

    file: str
    line: int
    terminal: int
    reason: str
    """Why it is not run; "" where it is."""
    steps: list[Step]


# Reading


def blocks(path: Path, name: str) -> list[Block]:
    """Return the console blocks of a Markdown file, called `name` in messages. Raises BlockError."""
    found = []
    for line, info, content in fences(path.read_text()):
        where, language = f"{name}:{line}", info.partition(" ")[0]
        if language in UNRUN or (language != "console" and content and content[0].startswith("$ ")):
            raise BlockError(f"{where}: nobody runs this block: call it ```console, with `$ ` before what is typed.")
        if language == "console":
            said = INFO.fullmatch(info)
            if not said:
                raise BlockError(f"{where}: write ```console, ```console terminal 2 or ```console not run: REASON.")
            steps = list(read_steps(line, content))
            found.append(Block(name, line, int(said["terminal"] or 1), said["reason"] or "", steps))
    mark_servers(found)
    return found


def fences(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the line, the info and the content of each fence."""
    opened: re.Match[str] | None = None
    begin, content = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if not opened:
            opened, begin, content = fence, number, []
        elif fence and fence["marks"].startswith(opened["marks"]) and not fence["info"].strip():
            yield begin, opened["info"].strip(), content
            opened = None
        else:
            content.append(line.removeprefix(opened["indent"]))


def read_steps(begin: int, content: Sequence[str]) -> Iterator[Step]:
    """Yield the steps of a block whose fence is at the line `begin`."""
    step = Step(begin + 1, "")
    for number, line in enumerate(content, start=begin + 1):
        if line.startswith("$ ") or line == INTERRUPT:
            if step.typed or step.shown:
                yield step
            step = Step(number, line.removeprefix("$ "))
        elif line.startswith("> ") and step.typed and not step.shown:
            step.typed += "\n" + line.removeprefix("> ")
        else:
            step.shown.append(line.rstrip())
    if step.typed or step.shown:
        yield step


def mark_servers(found: Sequence[Block]) -> None:
    """Tell the commands that a ^C ends from those that end by themselves. Raises BlockError where this cannot be."""
    last: dict[int, Step] = {}
    for block in found:
        if not block.steps:
            raise BlockError(f"{block.file}:{block.line}: nothing is typed in this block: put `$ ` before a command.")
        for step in block.steps if not block.reason else ():
            server, where = last.get(block.terminal), f"{block.file}:{step.line}"
            if step.typed not in ("", INTERRUPT):
                if server and server.stays:
                    raise BlockError(
                        f"{where}: the command of line {server.line} still runs here: end it with a line ^C."
                    )
                last[block.terminal] = step
                continue
            if not server:
                raise BlockError(f"{where}: no command runs in terminal {block.terminal} here.")
            if not set(server.shown) - {"…"}:
                where = f"{block.file}:{server.line}"
                raise BlockError(f"{where}: a ^C ends this command: show below it what it prints when it is ready.")
            server.stays = True
            if step.typed == INTERRUPT:
                del last[block.terminal]


# Comparing


def pattern(shown: Sequence[str]) -> re.Pattern[str]:
    """Return what text with these lines looks like: `…` is any characters of a line, and alone any lines."""
    lines = (
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown
    )
    return re.compile("".join(lines))


def plain(output: str) -> str:
    """Return what a reader sees of a terminal's output: no colours, no blanks at the end of a line, whole lines."""
    text = re.sub(r"\r+\n", "\n", COLOURS.sub("", output))
    text = re.sub(r"[^\n]*\r", "", text)  # what was written over, from the start of its line
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def difference(shown: Sequence[str], output: str) -> str:
    """Return the first line of the text that has not come, beside what has."""
    right, rest = so_far(shown, output)
    wanted = shown[right] if right < len(shown) else "(the end)"
    return f"    in the text:     {wanted}\n    in the terminal: {rest[0] if rest else '(the end)'}"


def so_far(shown: Sequence[str], output: str) -> tuple[int, list[str]]:
    """Return how many lines of the text have come, and the lines of the output that come after them."""
    right = max(n for n in range(len(shown) + 1) if pattern(shown[:n]).match(output))
    come = pattern(shown[:right]).match(output)
    return right, output[come.end() if come else 0 :].splitlines()


def hopeless(shown: Sequence[str], output: str) -> bool:
    """Tell whether nothing that may still come makes the text true: a line stands in the place of another."""
    right, rest = so_far(shown, output)
    return right < len(shown) and "…" not in shown[: right + 1] and len(rest) > 1


# Typing


class Terminal:
    """One bash on a pty, which writes nothing into the folder that it starts in."""

    def __init__(
        self, inside: Callable[[list[str]], list[str]], folder: Path, env: Mapping[str, str], at_a_desk: AtADesk
    ) -> None:
        setup = folder.parent / "bashrc"
        setup.write_text(SETUP)
        # the pty becomes the terminal that Ctrl-C comes from, also in another namespace
        bash = ["setsid", "--ctty", "bash", "--noprofile", "--rcfile", str(setup), "--noediting", "-i"]
        self.at_a_desk = at_a_desk
        self.keyboard, screen = pty.openpty()
        settings = termios.tcgetattr(screen)
        settings[3] &= ~termios.ECHO  # what is typed is known
        termios.tcsetattr(screen, termios.TCSANOW, settings)
        termios.tcsetwinsize(screen, (24, 80))
        self.process = subprocess.Popen(inside(bash), cwd=folder, env=env, stdin=screen, stdout=screen, stderr=screen)
        os.close(screen)
        self.raw = b""
        """What it has printed since the last command was typed."""
        self.past = ""
        self.command = ""
        self.compared = 0
        """How many characters of the server's output have been compared."""

    def type(self, command: str) -> None:
        """Type a command and Enter, or Ctrl-C."""
        if command == INTERRUPT:
            os.write(self.keyboard, b"\x03")
            return
        self.past = self.everything() + f"$ {command}\n"
        self.raw, self.command, self.compared = b"", command, 0
        os.write(self.keyboard, f"{command}\n".encode())

    def read(self) -> None:
        """Take what has come. Raises BlockError when bash itself has ended."""
        try:
            self.raw += os.read(self.keyboard, 65536)
        except OSError:  # how a pty says that its other end is closed
            raise BlockError("bash has ended") from None

    def ended(self) -> str:
        """Return the exit status of the last command, as soon as bash asks for the next one; before, ""."""
        found = PROMPT.search(self.raw.decode(errors="replace"))
        return found[1] if found else ""

    def output(self) -> str:
        """Return what has come since the last command, as a reader sees it."""
        return self.at_a_desk(self.command, plain(PROMPT.split(self.raw.decode(errors="replace"), maxsplit=1)[0]))

    def everything(self) -> str:
        """Return all that stands in the terminal."""
        return self.past + self.output()

    def close(self) -> None:
        """End bash, and what runs in it: they get SIGHUP."""
        os.close(self.keyboard)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


class Terminals:
    """The terminals of one file, in a folder. Use it in a `with` statement."""

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str] | None = None,
        inside: Callable[[list[str]], list[str]] = lambda command: command,
        at_a_desk: AtADesk = lambda command, output: output,
        instead: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.env = os.environ if env is None else env
        self.inside = inside
        self.seconds = SECONDS
        self.at_a_desk = at_a_desk
        self.instead = instead
        """What is done for commands that cannot be typed here."""
        self.all: dict[int, Terminal] = {}

    def __enter__(self) -> Terminals:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self.all.values():
            terminal.close()

    def run(self, block: Block) -> None:
        """Type a block, and compare what comes. Raises BlockError at the first thing that is not true."""
        terminal = self.all.get(block.terminal) or self.opened(block.terminal)
        for step in block.steps:
            try:
                self.take(terminal, step)
            except BlockError as error:
                shown = ["", "  the text shows:", *step.shown] if step.shown else []
                there = ["", f"  all of terminal {block.terminal}:", terminal.everything()]
                raise BlockError("\n".join([f"{block.file}:{step.line}: {error}", *shown, *there])) from None

    def opened(self, number: int) -> Terminal:
        """Return a new terminal, which asks for a command."""
        terminal = self.all[number] = Terminal(self.inside, self.folder, self.env, self.at_a_desk)
        self.wait(terminal.ended, "bash asks for a command", seconds=SECONDS)
        terminal.raw = b""
        return terminal

    def take(self, terminal: Terminal, step: Step) -> None:
        """Take one step of a block. Raises BlockError."""
        if step.typed == INTERRUPT:
            self.interrupt(terminal, step)
        elif not step.typed:
            self.more(terminal, step.shown)
        elif step.stays:
            terminal.type(step.typed)
            self.more(terminal, step.shown)
        elif step.typed.removeprefix("sudo ") in self.instead:
            terminal.past = terminal.everything() + f"$ {step.typed}\n"
            terminal.raw = b""
            self.instead[step.typed.removeprefix("sudo ")]()
        else:
            terminal.type(step.typed)
            self.wait(terminal.ended, "the command ends (a server needs a ^C in a later block)")
            compare(terminal, step.shown)

    def more(self, terminal: Terminal, shown: Sequence[str]) -> None:
        """Wait until a server has printed these lines, after those that were compared before. Raises BlockError."""

        def come() -> re.Match[str] | None:
            return pattern(shown).match(terminal.output(), terminal.compared)

        def rest() -> str:
            return f"\n{difference(shown, terminal.output()[terminal.compared :])}"

        def wrong() -> bool:
            return hopeless(shown, terminal.output()[terminal.compared :])

        self.wait(lambda: come() or wrong() or terminal.ended(), "what is shown has come", rest)
        found = come()
        if terminal.ended():
            raise BlockError(f"the command has ended with status {terminal.ended()}, before the ^C")
        if not found:
            raise BlockError(f"something else has come:{rest()}")
        terminal.compared = found.end()

    def interrupt(self, terminal: Terminal, step: Step) -> None:
        """Press Ctrl-C, and compare the last lines that a server prints, if some are shown. Raises BlockError."""
        if terminal.ended():
            raise BlockError(f"the command has ended with status {terminal.ended()}, before the ^C")
        terminal.type(INTERRUPT)
        self.wait(terminal.ended, "the command ends after ^C")
        if step.shown:
            compare(terminal, ["…", *step.shown])

    def wait(
        self, condition: Callable[[], object], what: str, why: Callable[[], str] = str, seconds: float | None = None
    ) -> None:
        """Read all terminals until a condition holds: a server whose output nobody takes would stop.

        Raises BlockError when it does not hold in time.
        """
        seconds = self.seconds if seconds is None else seconds
        limit = time.monotonic() + seconds
        while not condition():
            terminals = {terminal.keyboard: terminal for terminal in self.all.values()}
            ready, _, _ = select.select(terminals, [], [], max(0, limit - time.monotonic()))
            if not ready or time.monotonic() > limit:
                raise BlockError(f"waited {seconds:g} s, in vain, until {what}{why()}")
            for keyboard in ready:
                terminals[keyboard].read()


def compare(terminal: Terminal, shown: Sequence[str]) -> None:
    """Compare what the last command has printed with what the text shows. Raises BlockError."""
    if not shown and terminal.ended() != "0":
        raise BlockError(f"the command has ended with status {terminal.ended()}: if it should, show what it prints")
    if shown and not pattern(shown).fullmatch(terminal.output()):
        raise BlockError(f"something else has come:\n{difference(shown, terminal.output())}")
