"""Docker, played in the page: the practice daemon on the learner's plugin. A container is a small shell of the page."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from workshop.course.page.tree import tree
from workshop.daemon.daemon import Bound, Container, Daemon, Record
from workshop.daemon.practice import docker as verbs
from workshop.daemon.practice.talk import PatientClock, Practice
from workshop.plugins.errors import NotReady, Usage
from workshop.plugins.in_process import PluginInProcess
from workshop.protocol.discovery import Places
from workshop.protocol.exchange import Exchange
from workshop.repository import work

FOLDER = Path("/run/docker")
ROOT = Path("/var/lib/ddd")
SHELL = """A container of this page is a small shell. It knows:
    echo TEXT > FILE    echo TEXT >> FILE    cat FILE    ls [FOLDER]    rm FILE
    sh -c 'COMMAND; COMMAND'                 sleep SECONDS, behind run -d"""
NO_OPTIONS = """The page draws each call below, and plays one release of Docker. Before the verb, it knows one option:
    ./workshop docker --restart"""
OTHER = "The page has one plugin, ddd: yours. Name it:\n    docker volume create -d ddd mango"
ENDED = "Your plugin does not run any more. See why:   ./workshop check"


class PageDocker(Practice):
    """The practice daemon, which says what to do in a page."""

    def to_start(self, name: str) -> str:
        """Return what to do about a plugin that does not listen."""
        return ENDED if name == "ddd" else OTHER


class Play:
    """The practice daemon, and the learner's plugin where Docker looks for it. Both live as long as the page."""

    def __init__(
        self, on_call: Callable[[Exchange, list[str], list[str]], None], watch: Callable[[str | None], None]
    ) -> None:
        self.on_call = on_call
        self.kind = type("Played", (PluginInProcess,), {"watch": lambda _, request: watch(request)})
        self.plugin: PluginInProcess | None = None
        self.text = ""
        self.before: list[str] = []
        places = Places(FOLDER / "plugins", (Path("/etc/docker/plugins"),))
        self.clock = PatientClock()
        daemon = Daemon(places, on_exchange=self.shown, record=Record(), folder=FOLDER / "volumes", clock=self.clock)
        self.practice = PageDocker(daemon, Shell(), FOLDER)

    def shown(self, exchange: Exchange) -> None:
        """Hear of an exchange."""
        after = tree(ROOT)
        self.on_call(exchange, self.before, after)
        self.before = after

    def docker(self, arguments: list[str]) -> int:
        """Do what docker does with these arguments, on the learner's plugin as it is now; return the exit status.

        The files that docker cp names are those of work/. Raises Usage where the plugin does not start.
        """
        if any(each in ("--host", "--trace") or each.startswith("--engine") for each in arguments[:1]):
            raise Usage(NO_OPTIONS)
        self.start()
        self.before = tree(ROOT)
        self.clock.said = False
        with contextlib.chdir(work()):
            return verbs.play(arguments, self.practice)

    def start(self) -> None:
        """Start the plugin, unless it runs already and its file is the same. Raises Usage where it does not start."""
        file = work() / "plugin.py"
        text = file.read_text()
        if self.plugin and self.plugin.runs and text == self.text:
            return
        if self.plugin:
            self.plugin.close()
        (FOLDER / "plugins").mkdir(parents=True, exist_ok=True)
        self.plugin = plugin = self.kind([sys.executable, str(file)], FOLDER / "plugins" / "ddd.sock", ROOT)
        self.text = text
        try:
            plugin.start()
        except NotReady as why:
            last = "".join(f"    {line}\n" for line in plugin.output().splitlines()[-6:])
            raise Usage(f"{why}\n{last}Docker gets no answer from it. See why:   ./workshop check") from None


class Shell:
    """What runs the containers' commands: see SHELL. It stands for containers.Machine."""

    def foreground(self, practice: Practice, container: Container) -> int:
        """Run a container's command to its end; return its exit status."""
        commands = self.commands(practice, container)
        bound = practice.daemon.container_start(container)
        status = 0
        for words in commands:
            status = run(words, bound)
        if practice.daemon.container_ended(container, status) and container.remove:
            practice.daemon.container_rm(container, volumes=True)
        return status

    def commands(self, practice: Practice, container: Container) -> list[list[str]]:
        """Return a container's commands. Raises Usage for what the shell does not know; the container is gone then."""
        try:
            return parsed(container.command)
        except Usage:
            practice.daemon.container_rm(container, volumes=True)
            raise

    def detached(self, practice: Practice, container: Container) -> None:
        """Start a container's command: it runs until it is stopped."""
        self.commands(practice, container)
        practice.daemon.container_start(container)

    def end(self, container: Container, patience: float) -> None:
        """End a container's command."""

    def is_running(self, container: Container) -> bool:
        """Tell whether a container's command runs."""
        return True


def parsed(words: Sequence[str]) -> list[list[str]]:
    """Return the commands of a container's command. Raises Usage for what the page's shell does not know."""
    if list(words[:2]) == ["sh", "-c"] and len(words) == 3:
        tokens = list(shlex.shlex(words[2], posix=True, punctuation_chars=True))
        commands, now = [], list[str]()
        for token in [*tokens, ";"]:
            if token in (";", "&&"):
                commands += [now] if now else []
                now = []
            else:
                now.append(token)
        return [command for each in commands for command in parsed(each)]
    known = {"echo": range(0, 100), "cat": range(1, 2), "ls": range(0, 2), "rm": range(1, 2), "sleep": range(1, 2)}
    if not words or len(words) - 1 not in known.get(words[0], ()):
        raise Usage(SHELL)
    return [list(words)]


def run(words: Sequence[str], bound: Sequence[Bound]) -> int:
    """Run a command of the page's shell; return its exit status."""
    name, *arguments = words
    try:
        match name:
            case "echo":
                _echo(arguments, bound)
            case "cat":
                print(inside(arguments[0], bound).read_text(), end="")
            case "ls":
                print("".join(f"{each}\n" for each in _names(arguments[0] if arguments else "/", bound)), end="")
            case "rm":
                inside(arguments[0], bound).unlink()
    except OSError as error:
        print(f"{name}: {arguments[-1] if arguments else ''}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _names(path: str, bound: Sequence[Bound]) -> list[str]:
    """Return the names in a folder of a container, which has only its volumes. Raises OSError."""
    if os.path.normpath(os.path.join("/", path)) == "/":
        return sorted({each.destination.split("/")[1] for each in bound})
    return sorted(os.listdir(inside(path, bound)))


def _echo(arguments: list[str], bound: Sequence[Bound]) -> None:
    """Print words, or write them into a file. Raises OSError."""
    for sign, mode in ((">>", "a"), (">", "w")):
        if sign in arguments[-2:-1]:
            with open(inside(arguments[-1], bound), mode) as file:
                file.write(" ".join(arguments[:-2]) + "\n")
            return
    print(" ".join(arguments))


def inside(path: str, bound: Sequence[Bound]) -> Path:
    """Return the file of a volume that a container has at a path. Raises FileNotFoundError for any other path."""
    clean = os.path.normpath(os.path.join("/", path))
    for each in bound:
        if clean == each.destination or clean.startswith(f"{each.destination.rstrip('/')}/"):
            return Path(each.source) / clean.removeprefix(each.destination).lstrip("/")
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))  # its number is another one in a browser
