"""What runs in the page, in Pyodide: the learner's verbs on the files of the page, in the words of a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flask  # noqa: F401  the learner's time is not to be counted for this

from workshop import repository
from workshop.checker.diagnose import line_at_fault
from workshop.checker.result import Result
from workshop.checker.run import Listener
from workshop.course import check, contents, learner, options, progress, start
from workshop.course.options import Options, run_of
from workshop.course.page import docker
from workshop.course.page.tree import tree
from workshop.plugins.errors import OurTrouble, Usage, WrongCommand
from workshop.plugins.in_process import PluginInProcess
from workshop.protocol.exchange import Exchange
from workshop.repository import work
from workshop.trace.recording import call_of, header

Tell = Callable[[str], object]
"""Gets a message for the page: JSON."""
TOOL = (["./workshop"], ["workshop"])
KNOWN = """The page knows these commands:
    ./workshop check [PART]      ./workshop hint [STEP]      ./workshop diff [STEP] [--show]
    ./workshop start [PART] [--fresh]      ./workshop        docker volume create -d ddd mango"""


class Printed(io.TextIOBase):
    """A stream whose text goes to the page."""

    def __init__(self, page: Callable[..., None]) -> None:
        self.page = page

    def write(self, text: str) -> int:
        """Print."""
        if not isinstance(text, str):  # click tries whether a stream takes bytes
            raise TypeError(f"a str is printed here, and not {type(text).__name__}")
        if text:
            self.page(print=text)
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True


class Session:
    """The page's Python. It keeps nothing but the volumes: the files of work/ come with each command, and go back."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.play = docker.Play(self.tell_call, lambda request: self.tell(asks=request))
        self.calls: list[dict[str, Any]] = []
        options.KIND = type("ShownHere", (Shown,), {"session": self})

    def tell(self, **message: Any) -> None:
        """Tell the page."""
        self._tell(json.dumps(message))

    def do(self, request: str) -> None:
        """Do what was asked, {"line": what is typed, "files": those of work/}, and tell the page what came of it."""
        asked = json.loads(request)
        self.calls.clear()
        write_files(asked["files"])
        out = Printed(self.tell)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                status = self.typed(asked["line"])
            except (Usage, WrongCommand, OurTrouble, repository.Lacking) as wrong:
                print(wrong)
                status = 2
            except Exception:
                traceback.print_exc()
                status = 3
        if self.calls:
            self.tell(step="docker", outcome="", talk=recording(asked["line"], self.calls))
        upcoming = progress.next_step(progress.progress())
        where = contents.page_of_step(upcoming.id) if upcoming else "end.html"
        self.tell(done=status, files=read_files(), page=where)

    def typed(self, line: str) -> int:
        """Do what was typed; return its exit status. Raises Usage and others."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise Usage(f"The line cannot be read: {error}. Close the quotes.") from None
        at = next((number for number, word in enumerate(words[:2]) if word == "docker"), None)
        if at is not None and words[:at] in ([], *TOOL):  # messages name ./workshop docker
            return self.play.docker(words[at + 1 :])
        if words[:1] not in TOOL:
            raise Usage(KNOWN)
        flags = {word for word in words[2:] if word.startswith("-")}
        verb, number = next(iter(words[1:]), ""), next((word for word in words[2:] if word not in flags), None)
        match verb, flags - {"--show", "--fresh"}:
            case "", _:
                return learner.status()
            case "check", unknown if not unknown:
                return self.check(_part(number))
            case "hint", unknown if not unknown:
                return learner.hint(number)
            case "diff", unknown if not unknown:
                return learner.diff(number, "--show" in flags)
            case "start", unknown if not unknown:
                return start.start(_part(number), "--fresh" in flags)
        raise Usage(KNOWN)

    def check(self, part: int | None) -> int:
        """Check the learner's file; return 0, 1 or 3. Raises Usage and others."""
        typed = Options(part=part)
        return check.check_once(typed, run_of(typed), set(), Heard(self))

    def tell_call(self, exchange: Exchange, before: list[str], after: list[str]) -> None:
        """Keep a call for the page's diagram, with what was on the disk before it and after."""
        self.calls.append({"call": call_of(exchange, len(self.calls) + 1).as_json(), "before": before, "after": after})


def _part(word: str | None) -> int | None:
    """Return the number of a part. Raises Usage."""
    if word not in (None, "1", "2", "3"):
        raise Usage(f"There is no part {word}. For example:   ./workshop check 1")
    return int(word) if word else None


class Shown(PluginInProcess):
    """A plugin whose calls the page shows."""

    session: Session

    def watch(self, request: str | None) -> None:
        """Tell the page that the plugin's code runs, or has ended: it may never end."""
        self.session.tell(asks=request)

    def call(self, endpoint: str, *arguments: Any, **named: Any) -> Exchange:
        """Make a call, as PluginInProcess does."""
        before = tree(self.root)
        answer = super().call(endpoint, *arguments, **named)
        self.session.tell_call(answer, before, tree(self.root))
        return answer


class Heard(Listener):
    """Tells the page of each step: its conversation, and the line at fault."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def result(self, result: Result) -> None:
        """Tell what came of a step."""
        where = line_at_fault(result.evidence) if result.evidence else None
        line = {"file": where.file.name, "line": where.number} if where else None
        why = result.diagnosis.why if result.diagnosis else ""
        talk = recording(f"{result.step} {result.title}", self.session.calls)
        self.session.tell(step=result.step, outcome=result.outcome, talk=talk, mark=line, why=why)
        self.session.calls.clear()


def recording(title: str, calls: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return calls in the format of docs/trace.md, and the trees before and after each."""
    lines = [header(title), *(each["call"] for each in calls)]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    return {"recording": text, "trees": [[each["before"], each["after"]] for each in calls]}


def write_files(files: dict[str, str]) -> None:
    """Let work/ hold these files, and no others."""
    work().mkdir(exist_ok=True)
    for path in work().iterdir():
        if path.is_file() and path.name not in files:
            path.unlink()
    for name, text in files.items():
        (work() / name).write_text(text, errors="replace")  # half of an emoji is in no UTF-8


def read_files() -> dict[str, str]:
    """Return the files of work/ by name."""
    return {path.name: path.read_text(errors="replace") for path in sorted(work().iterdir()) if path.is_file()}


def like_linux(make_socket: Callable[[str, int], object]) -> None:
    """Add what Pyodide lacks, and a program of a Linux machine takes for granted.

    make_socket makes the file of a socket: its path and its mode are given.
    """

    masks = [0o022]

    def umask(mask: int) -> int:
        masks.append(mask & 0o777)  # the one of a browser is always 0
        return masks.pop(0)

    def mknod(path: str, mode: int) -> None:
        with open(path, "x"):
            make_socket(os.path.abspath(path), mode & ~masks[0])

    utime = os.utime

    def any_utime(path: str, *times: Any, follow_symlinks: bool = True, **more: Any) -> None:
        utime(path, *times, **more)  # of a link it changes what it leads to

    os.mknod = mknod  # type: ignore[assignment]
    os.umask = umask
    os.utime = any_utime  # type: ignore[assignment]
    os.geteuid = os.getuid
    for process in ("self", str(os.getpid())):  # nothing is mounted
        os.makedirs(f"/proc/{process}", exist_ok=True)
        for file in ("mounts", "mountinfo"):
            Path("/proc", process, file).write_text("")
    sys.argv[:] = ["./workshop"]
