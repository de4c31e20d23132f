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
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from workshop import repository
from workshop.course import course
from workshop.course.notebooks.cell import Answer, Cell, branches, mask, recording_of, row_of, side_by_side
from workshop.course.notebooks.sentences import IN_ORDER, LabError, load_ipython_extension
from workshop.daemon.daemon import Daemon, DockerError
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.discovery import DiscoveryError, Places, find
from workshop.protocol.exchange import Exchange
from workshop.trace import recording

MINE = "WORKSHOP_LAB_MINE"
"""The variable by which `./workshop lab --mine` tells the kernels to run the learner's plugin."""
COMMAND = re.compile(r"docker volume (?P<verb>create -d ddd|inspect|rm) (?P<name>[^\s-]\S*)")
COMMANDS = '"docker volume create -d ddd NAME", "docker volume inspect NAME" and "docker volume rm NAME".'
START_ANEW = "Change the program, or the text in lab.start, and run this cell again."
OTHER_TEXT = "Take another text, or run this cell with the course's plugin:   ./workshop lab"
# the kernel of a notebook can be killed: then Linux ends the plugin, by what prctl(2) calls PR_SET_PDEATHSIG
ENDS_WITH_US = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Bench:
    """A part's plugin in a folder of its own, and somebody who plays Docker."""

    def __init__(self, part: str, old: str, new: str) -> None:
        file, self.label = plugin_file(part)
        with ExitStack() as end:
            self.folder = end.enter_context(private_folder())
            if old:
                file = edited_copy(file, self.label, old, new, self.folder / "plugin.py")
            self.end = end.pop_all()
        command = [sys.executable, "-c", ENDS_WITH_US, str(file)]
        self.plugin = PluginUnderTest(command, self.folder / "ddd.sock", self.folder / "root")
        # every call is the learner's own, Remove of any name too, and the folder of the volumes is the laboratory's
        self.plugin.allow_outside_root = True
        self.end.callback(self.plugin.close)
        self.socket = self.plugin.socket
        self.calls: list[Exchange] = []
        self.daemon = Daemon(self.plugin.address(), on_exchange=self.calls.append, seed=1)

    def __repr__(self) -> str:
        return f"{self.label} listens at {mask(str(self.socket), self.folder)}"

    def post(self, path: str, body: dict[str, Any] | None = None, content_type: str = "") -> Answer:
        """Ask as Docker does: with JSON or an empty body, and without a Content-Type. curl and others name one."""
        return self.ask("POST", path, body, content_type)

    def get(self, path: str) -> Answer:
        """Ask as a browser does. Docker never asks a plugin so."""
        return self.ask("GET", path, None, "")

    def ask(self, method: str, path: str, body: dict[str, Any] | None, content_type: str) -> Answer:
        self.must_be_open()
        before = self.draw_volumes()
        answer = self.plugin.call(path.removeprefix("/"), body, method=method, content_type=content_type)
        return Answer(answer, self.folder, (before, self.draw_volumes()))

    def docker(self, command: str) -> Cell:
        """Do what Docker does at a command such as "docker volume create -d ddd mango": calls, and what it prints.

        The command is volume create, inspect or rm; the driver is this plugin. Raises LabError for any other.
        """
        self.must_be_open()
        found = COMMAND.fullmatch(command)
        if not found:
            raise LabError(f"plugin.docker cannot do   {command}\nIt takes   {COMMANDS}")
        verb = found["verb"].split()[0]
        given = (found["name"], "ddd") if verb == "create" else (found["name"],)
        self.calls.clear()
        before = self.draw_volumes()
        try:
            answer = getattr(self.daemon, f"volume_{verb}")(*given)
            said = answer if isinstance(answer, str) else json.dumps([answer], indent=4)
        except DockerError as error:
            said = f"Error response from daemon: {error}"
        return Cell(
            f"$ {command}",
            [row_of(call, self.folder) for call in self.calls],
            [f"docker prints:\n{mask(said, self.folder)}"],
            (before, self.draw_volumes()),
            recording_of(self.calls, self.folder),
        )

    def find(self, name: str) -> Cell:
        """Look for a plugin by its name as Docker does, with this folder for all those in which Docker looks."""
        self.must_be_open()
        try:
            said = f"{name} is at {find(name, Places(self.folder, (self.folder,)))}"
        except DiscoveryError as error:
            said = f"Docker says: {error}"
        return Cell(mask(said, self.folder))

    def volumes(self) -> Cell:
        """Draw the folder with the volumes."""
        self.must_be_open()
        return Cell(below=[self.draw_volumes()])

    def draw_volumes(self) -> str:
        """Return the folder with the volumes as a tree; "" where the plugin has made none."""
        root = self.folder / "root" / "volumes"
        return "\n".join(["root/volumes", *branches(root)]) if root.is_dir() else ""

    def stop(self) -> Cell:
        """End the plugin as an operator does, with SIGTERM."""
        self.must_be_open()
        return self.ended("SIGTERM", self.plugin.stop()) if self.plugin.runs else self.has_ended()

    def kill(self) -> Cell:
        """End the plugin as a power cut does, with SIGKILL."""
        self.must_be_open()
        return self.ended("SIGKILL", self.plugin.kill()) if self.plugin.runs else self.has_ended()

    def ended(self, signal: str, status: int) -> Cell:
        left = "is still there" if os.path.lexists(self.socket) else "is gone"
        return Cell(f"{signal}: {self.label} ended with status {status}. Its socket {left}.")

    def has_ended(self) -> Cell:
        return Cell(f"{self.label} has ended already. To start it again, run   plugin.again()")

    def again(self) -> Bench:
        """Start the plugin unless it runs, as it was, where it was. Raises LabError with what it printed."""
        self.must_be_open()
        try:
            self.plugin.ensure_running()
        except AssertionError as error:
            raise LabError(f"{self.label} does not start. It printed:\n{error}\n{START_ANEW}") from None
        return self

    def second(self) -> Cell:
        """Start the same program once more, on the same socket, and tell what it says."""
        self.must_be_open()
        if not self.plugin.runs:
            return self.has_ended()
        status = self.plugin.second()
        said = mask(self.plugin.output().strip().rpartition("\n")[2], self.folder)
        return Cell(f"It ended with status {status}, and said:\n{said}")

    def must_be_open(self) -> None:
        """Raise LabError after lab.close()."""
        if self not in BENCHES:
            raise LabError(f"lab.close() has ended this plugin. {IN_ORDER}")


BENCHES: list[Bench] = []


def start(part: str, old: str = "", new: str = "") -> Bench:
    """Start the plugin of a part, "part2", in a folder of its own; with a text of it replaced, to break it.

    With `./workshop lab --mine` it is the learner's plugin. Raises LabError.
    """
    bench = Bench(part, old, new)
    BENCHES.append(bench)
    return bench.again()


def plugin_file(part: str) -> tuple[Path, str]:
    """Return the file of a part's plugin, and its name for a reader. Raises LabError."""
    if os.environ.get(MINE):
        return learners_file(), "work/plugin.py"
    file = repository.clone_root() / part / "plugin.py"
    if not file.is_file():
        raise LabError(f'There is no part {part!r}. Run   plugin = lab.start("part1")')
    return file, f"{part}/plugin.py"


def learners_file() -> Path:
    """Return the learner's plugin. Raises LabError where there is none yet."""
    file = repository.work() / "plugin.py"
    if not file.is_file():
        raise LabError(f"There is no work/plugin.py yet. Type in a terminal   {repository.tool()} start")
    return file


@atexit.register
def close() -> Cell:
    """End every plugin that was started, and remove their folders."""
    if not BENCHES:
        return Cell(f"No plugin runs. {IN_ORDER}")
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
    title = f"$ {first['title']}\n({first['engine']}, recorded on {first['recorded']})"
    return Cell(title, rows, recording=course.conversation(name).read_text(), compact=False)


def exercise(solved: bool, pointer: str) -> Cell:
    """Say whether an exercise is solved, and where to look if it is not."""
    return Cell("Solved." if solved is True else f"Not yet. {pointer}")


def edited_copy(file: Path, label: str, old: str, new: str, target: Path) -> Path:
    """Return a copy of a plugin in which one text is another. Raises LabError."""
    text = file.read_text()
    if text.count(old) != 1:
        raise LabError(f"{label} has this text {text.count(old)} times, not once: {old!r}. {OTHER_TEXT}")
    target.write_text(text.replace(old, new))
    return target


if shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)():
    load_ipython_extension(shell)
