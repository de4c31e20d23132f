"""The laboratory: what a notebook calls to speak to a part's plugin as Docker does, and to see what each of them says.

    from workshop.course.notebooks import lab
    plugin = lab.start("part2")
    plugin.post("/Plugin.Activate")

What is shown is the same in every run: a plugin's own folder is shown as /lab, and times and processes are left out.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from workshop import repository
from workshop.course import course
from workshop.course.notebooks.cell import Answer, Cell, branches, mask, row_of, side_by_side
from workshop.daemon.daemon import Daemon, DockerError
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.discovery import DiscoveryError, Places, find
from workshop.protocol.exchange import Exchange
from workshop.trace import recording

# the kernel of a notebook can be killed: then Linux ends the plugin, by what prctl(2) calls PR_SET_PDEATHSIG
ENDS_WITH_US = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Bench:
    """A part's plugin in a folder of its own, and somebody who plays Docker."""

    def __init__(self, part: str, old: str, new: str) -> None:
        self.part = part
        self.end = ExitStack()
        self.folder = self.end.enter_context(private_folder())
        file = repository.clone_root() / part / "plugin.py"
        if old:
            file = edited_copy(file, old, new, self.folder / "plugin.py")
        command = [sys.executable, "-c", ENDS_WITH_US, str(file)]
        self.plugin = PluginUnderTest(command, self.folder / "ddd.sock", self.folder / "root")
        # every call is the learner's own, Remove of any name too, and the folder of the volumes is the laboratory's
        self.plugin.allow_outside_root = True
        self.end.callback(self.plugin.close)
        self.socket = self.plugin.socket
        self.calls: list[Exchange] = []
        self.daemon = Daemon(self.plugin.address(), on_exchange=self.calls.append, seed=1)

    def __repr__(self) -> str:
        return f"{self.part}/plugin.py listens at {mask(str(self.socket), self.folder)}"

    def post(self, path: str, body: dict[str, Any] | None = None, content_type: str = "") -> Answer:
        """Ask as Docker does: with JSON or an empty body, and without a Content-Type. curl and others name one."""
        return self.ask("POST", path, body, content_type)

    def get(self, path: str) -> Answer:
        """Ask as a browser does. Docker never asks a plugin so."""
        return self.ask("GET", path, None, "")

    def ask(self, method: str, path: str, body: dict[str, Any] | None, content_type: str) -> Answer:
        answer = self.plugin.call(path.removeprefix("/"), body, method=method, content_type=content_type)
        return Answer(answer, self.folder, self.draw_volumes())

    def docker(self, command: str) -> Cell:
        """Do what Docker does at a command such as "docker volume create -d ddd mango": calls, and what it prints.

        The command is volume create, inspect or rm; the driver is this plugin.
        """
        verb, name = shlex.split(command)[2], shlex.split(command)[-1]
        self.calls.clear()
        given = (name, "ddd") if verb == "create" else (name,)
        try:
            answer = getattr(self.daemon, f"volume_{verb}")(*given)
            said = answer if isinstance(answer, str) else json.dumps([answer], indent=4)
        except DockerError as error:
            said = f"Error response from daemon: {error}"
        rows = [row_of(call, self.folder) for call in self.calls]
        return Cell(f"$ {command}", rows, [f"docker prints:\n{mask(said, self.folder)}", *self.draw_volumes()])

    def find(self, name: str) -> Cell:
        """Look for a plugin by its name as Docker does, with this folder for all those in which Docker looks."""
        try:
            said = f"{name} is at {find(name, Places(self.folder, (self.folder,)))}"
        except DiscoveryError as error:
            said = f"Docker says: {error}"
        return Cell(mask(said, self.folder))

    def volumes(self) -> Cell:
        """Draw the folder with the volumes."""
        return Cell(below=self.draw_volumes())

    def draw_volumes(self) -> list[str]:
        root = self.folder / "root" / "volumes"
        return ["\n".join(["root/volumes", *branches(root)])] if root.is_dir() else []

    def stop(self) -> Cell:
        """End the plugin as an operator does, with SIGTERM."""
        return self.end_cell("SIGTERM", self.plugin.stop())

    def kill(self) -> Cell:
        """End the plugin as a power cut does, with SIGKILL."""
        return self.end_cell("SIGKILL", self.plugin.kill())

    def end_cell(self, signal: str, status: int) -> Cell:
        left = "is still there" if os.path.lexists(self.socket) else "is gone"
        return Cell(f"{signal}: {self.part}/plugin.py ended with status {status}. Its socket {left}.")

    def again(self) -> Bench:
        """Start the plugin unless it runs, as it was, where it was. Raises AssertionError with what it printed."""
        self.plugin.ensure_running()
        return self

    def second(self) -> Cell:
        """Start the same program once more, on the same socket, and tell what it says."""
        status = self.plugin.second()
        said = mask(self.plugin.output().strip().rpartition("\n")[2], self.folder)
        return Cell(f"It ended with status {status}, and said:\n{said}")


BENCHES: list[Bench] = []


def start(part: str, old: str = "", new: str = "") -> Bench:
    """Start the plugin of a part, "part2", in a folder of its own; with a text of it replaced, to break it.

    Raises ValueError where the old text is not there just once, AssertionError where the plugin does not listen.
    """
    bench = Bench(part, old, new)
    BENCHES.append(bench)
    return bench.again()


@atexit.register
def close() -> Cell:
    """End every plugin that was started, and remove their folders."""
    while BENCHES:
        BENCHES.pop().end.close()
    return Cell("The plugins have ended, and their folders are gone.")


def conversation(name: str) -> Cell:
    """Show what a real Docker Engine and the plugin said: "20.10/run" is traces/20.10/run.jsonl. Raises CourseError."""
    first, calls = recording.read(course.conversation(name))
    rows = [
        side_by_side(call.method, call.path, call.request.text(), call.status, call.reason, call.answer.text())
        for call in sorted(calls, key=lambda call: (call.at, call.n))
    ]
    return Cell(f"$ {first['title']}\n({first['engine']}, recorded on {first['recorded']})", rows)


def exercise(solved: bool, pointer: str) -> Cell:
    """Say whether an exercise is solved, and where to look if it is not."""
    return Cell("Solved." if solved is True else f"Not yet. {pointer}")


def edited_copy(file: Path, old: str, new: str, target: Path) -> Path:
    """Return a copy of a plugin in which one text is another. Raises ValueError."""
    text = file.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{file.parent.name}/plugin.py has this text {text.count(old)} times, not once: {old!r}")
    target.write_text(text.replace(old, new))
    return target
