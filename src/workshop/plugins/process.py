"""Start a plugin under test and stop it: a Python file, a command, or a socket that is already there."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from workshop import interpreter, interrupt
from workshop.interrupt import at_end, deferred
from workshop.plugins.errors import LACKING, NotReady, OurTrouble, WrongCommand
from workshop.plugins.folders import NO_ROOM, ROOM, place_on_disk
from workshop.plugins.kernel import (
    Wait,
    callers_waiting,
    exit_status,
    exit_status_within,
    session_listens,
    session_processes,
    with_environment,
)
from workshop.protocol import in_memory
from workshop.protocol.exchange import Address, Exchange, exchange, request

SETTLED = 0.5
"""How long a plugin that listens elsewhere stands still before it is settled there, in seconds."""
SHELL_LIMIT = 120.0
"""How long --prepare and --cleanup may take, in seconds."""
AGAIN = 0.2
"""How long to wait while a plugin stands still that has not answered before, in seconds."""


class Plugin:
    """A plugin under test. command is empty for one that already runs: such a plugin can only be called."""

    patience = 10.0
    """How long to wait for a start, an answer or an end, in seconds."""
    umask = 0o022
    """The umask that the plugin starts with: that of systemd, whatever the learner's is (systemd.exec(5), UMask=)."""
    waited = 0.0
    """How long the last end, or second start, was waited for, in seconds."""
    case_limit: float | None = None
    """How long a case may take, in seconds, and each call; None for as long as they do."""
    prepare = ""
    """A shell command that runs before the plugin starts with a fresh root: it may make a file system there."""
    cleanup = ""
    """A shell command that runs when the plugin has ended with that root for the last time."""
    silent = False
    """Whether a call got no answer in time: then the next calls are not waited for as long, see send."""

    def __init__(self, command: Sequence[str], socket_path: Path, root: Path | None) -> None:
        self.command = list(command)
        self.socket = socket_path
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None
        self.launched: list[subprocess.Popen[bytes]] = []
        # by this the processes are found that have left the plugin's session
        self.mark = f"WORKSHOP_CHECK={secrets.token_hex(8)}"
        # on a disk, because a plugin may print much; without a name: nothing is left of it, however this ends
        self.log = tempfile.TemporaryFile("ab+", buffering=0, dir=place_on_disk())  # noqa: SIM115
        self.deadline: float | None = None
        """When the case that is run has to be at its end, by time.monotonic(); None for no limit."""
        self.prepared: Path | None = None
        """The root for which prepare has run, and cleanup has not."""
        self.printed_before = 0
        """How many bytes the plugin had printed when it was last started, or asked to end."""
        self.ending = at_end(self.end)

    @property
    def standstill(self) -> float | None:
        """How long to wait, in seconds, while the plugin stands still; None for as long as patience."""
        return None

    @property
    def limit(self) -> float:
        """How long to wait for an answer, in seconds."""
        return self.in_time(min(self.patience, 2.0) if interrupt.happened() else self.patience)

    def in_time(self, seconds: float) -> float:
        """Return these seconds, or those that are left for the case, if they are fewer."""
        seconds = min(seconds, self.case_limit or seconds)
        return seconds if self.deadline is None else max(min(seconds, self.deadline - time.monotonic()), 0.01)

    def environment(self) -> dict[str, str]:
        """Return what a plugin is told: DDD_SOCKET and DDD_ROOT, beside what this process has.

        A Python file runs in our Python, with the variables of that. A command gets the environment of its author.
        """
        given = interpreter.environment() if self.command[:1] == [sys.executable] else os.environ
        name, _, value = self.mark.partition("=")
        told = {"DDD_SOCKET": str(self.socket), "DDD_ROOT": str(self.root), name: value}
        return {**given, **told, "PYTHONUNBUFFERED": "1"}

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the program. Raises NotReady; OurTrouble where this machine has no room for one more process."""
        try:
            with deferred():
                self.printed_before = self.printed()
                process = self._popen(self.command, self.environment())
                self.launched.append(process)
                return process
        except OSError as error:
            if error.errno in LACKING:
                raise OurTrouble(
                    f"No process can be started here: {error.strerror}. End some, and try again."
                ) from None
            raise NotReady(f"{self.command[0]} cannot be started: {error.strerror}.") from None

    def _popen(self, command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a command in a new session. Its output goes to a file, because a pipe fills up."""
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=self.umask,
        )

    def start(self) -> Self:
        """Start the plugin and wait until its socket accepts. Raises NotReady, and OurTrouble."""
        self.prepare_root()
        self.process = self.launch()
        wait = Wait(self.process.pid, self.patience, self.standstill, starting=True)
        settled = None
        while not accepts(self.socket):
            if not self.runs:
                raise NotReady(f"The plugin ended with status {self.process.returncode} before it listened.")
            # where it listens elsewhere, and does nothing more, it will not listen here
            elsewhere = self.listens() if wait.standstill and wait.still > 0 else []
            settled = None if not elsewhere else wait.still if settled is None else settled
            if wait.over() or (settled is not None and wait.still - settled > SETTLED):
                where = f" The plugin listens at {' and '.join(elsewhere)}." if elsewhere else ""
                raise NotReady(f"Waited {wait.seconds:.1f} s for the socket at {self.socket}.{where}")
            time.sleep(0.002 if wait.seconds < 1 else 0.02)
        return self

    def prepare_root(self) -> None:
        """Run prepare, unless it has run for this root; before that, cleanup for the last one. Raises OurTrouble."""
        if self.root == self.prepared or not (self.prepare or self.cleanup):
            return
        self._clean_root()
        self.prepared = self.root  # also where prepare fails: what it has begun is cleaned up
        self._shell("--prepare", self.prepare)

    def _clean_root(self) -> None:
        """Run cleanup for the root that was prepared. Raises OurTrouble."""
        if self.prepared is not None:
            try:
                self._shell("--cleanup", self.cleanup)
            finally:
                self.prepared = None

    def _shell(self, option: str, line: str) -> None:
        """Run a shell line of the author, who hears DDD_SOCKET and DDD_ROOT as the plugin does. Raises OurTrouble."""
        since = self.printed()
        with deferred():
            shell = self._popen(["sh", "-c", line], self.environment() | {"DDD_ROOT": str(self.prepared)})
        try:
            status = exit_status_within(shell, SHELL_LIMIT)
        finally:
            # what it has started in the background may be needed; the shell itself is not waited for any longer
            if exit_status(shell) is None:
                _pass_on(shell, signal.SIGKILL)
                exit_status_within(shell, 1)
        if status:
            said = self.output(since).strip().splitlines()[-3:]
            raise OurTrouble("\n".join([f"{option} ended with status {status}. Try it in a shell:   {line}", *said]))
        if status is None:
            raise OurTrouble(f"{option} did not end in {SHELL_LIMIT:.0f} s. Try it in a shell:   {line}")

    @property
    def runs(self) -> bool:
        """Whether the program that was started last still runs."""
        return self.process is not None and exit_status(self.process) is None

    @property
    def pid(self) -> int:
        """The number of the process that was started last."""
        assert self.process
        return self.process.pid

    def exit_status(self, wait: float = 0) -> int | None:
        """Return the plugin's exit status, None while it runs. A plugin that is exiting has this many seconds."""
        return exit_status_within(self.process, wait) if self.process else None

    def signal(self, number: int) -> int:
        """Send a signal to the plugin and all it started; return its exit status (negative: the signal that ended it).

        Kill it if it does not exit in time, and what it leaves running: a worker would answer the next call.
        """
        assert self.process is not None
        return self.end_session(self.process, number)

    def end_session(self, process: subprocess.Popen[bytes], number: int) -> int:
        """Send a signal to a process and all it started, and SIGKILL to what outlasts it; return its exit status."""
        patience = min(self.patience, 3.0) if interrupt.happened() else self.patience
        wait = Wait(process.pid, patience, self.standstill)
        _pass_on(process, number)
        while exit_status_within(process, Wait.EVERY) is None and not wait.over():
            pass
        # what it started may live longer than the plugin itself
        while session_processes(process.pid) and not wait.over():
            time.sleep(0.002)
        self.waited = wait.seconds
        if session_processes(process.pid):
            _pass_on(process, signal.SIGKILL)
        status = exit_status_within(process, self.patience)
        if status is None:
            raise OurTrouble(f"Process {process.pid} outlasts SIGKILL: it waits in the kernel. Look at its disk.")
        return status

    def stop(self) -> int:
        """End the plugin as an operator does, with SIGTERM; return its exit status."""
        return self.signal(signal.SIGTERM)

    def kill(self) -> int:
        """Kill the plugin as a power cut does: it cannot clean up anything."""
        return self.signal(signal.SIGKILL)

    def listens(self) -> list[str]:
        """Return what the plugin, or a program that it started, listens on: paths of sockets, and "TCP port N"."""
        return session_listens(self.process.pid) if self.process else []

    def callers_waiting(self) -> int:
        """Return how many callers of the plugin's socket nobody has taken."""
        return callers_waiting(self.socket)

    def close(self) -> None:
        """End the plugin, and all that it has started; give up what it has printed. A second time it does nothing."""
        self.ending()

    def end(self) -> None:
        """End the plugin, and what it has started, also what has left its session; give up what it has printed."""
        self.shut_down()
        try:
            self._clean_root()
        except OurTrouble as trouble:
            print(trouble, file=sys.stderr)
        for pid in with_environment(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log.close()

    def shut_down(self) -> Self:
        """End the plugin if it runs, or if something runs that it has started."""
        with deferred():
            for process in {*self.launched, *filter(None, [self.process])}:
                if session_processes(process.pid):
                    self.end_session(process, signal.SIGTERM)
                exit_status(process)
            # the number of one that has ended, with all that it started, may soon be another's
            self.launched.clear()
        return self

    def printed(self) -> int:
        """Return how many bytes the plugin has printed so far."""
        return os.fstat(self.log.fileno()).st_size

    def output(self, since: int = 0, until: int | None = None) -> str:
        """Return what the plugin has printed so far, or from one number of bytes to another; at most the last 4 MiB."""
        end = self.printed() if until is None else until
        begin = max(since, end - 2**22)
        return os.pread(self.log.fileno(), max(end - begin, 0), begin).decode(errors="replace")

    def our_trouble(self) -> str:
        """Return why the check itself cannot go on, "" if it can: what a plugin does without room is not its fault.

        Ask this after a failure: the plugin's folder and its output are where this check has put them.
        """
        folders = [self.socket.parent] if self.command and self.socket.parent.is_dir() else []
        for place, found in [(str(each), os.statvfs(each)) for each in folders] + [
            ("the folder for temporary files", os.fstatvfs(self.log.fileno()))
        ]:
            if found.f_bavail * found.f_frsize < ROOM // 16 or (found.f_files and found.f_favail < 16):
                printed = f"the plugin has printed {self.printed() // 2**20} MiB"
                return f"The disk became full during the check, in {place} ({printed}). {NO_ROOM}"
        return ""

    def call(
        self,
        endpoint: str,
        body: dict[str, object] | bytes | None = None,
        shape: str = "28",
        method: str = "POST",
        content_type: str = "",
    ) -> Exchange:
        """Call an endpoint as a Docker Engine of that shape does; another method and type are for other callers."""
        return self.send(endpoint, request(endpoint, body, shape, method=method, content_type=content_type))

    def send(self, endpoint: str, sent: bytes, standstill: float | None = None) -> Exchange:
        """Send the bytes of a call, and return its outcome. standstill limits the wait for a plugin that stands still.

        After a call without an answer the wait is shorter: the next calls, those that clean up too, will hang as well.
        """
        over, printed = None, self.printed()
        if self.process and self.standstill:
            still = min(filter(None, (self.standstill, standstill, AGAIN if self.silent else None)))
            over = Wait(self.process.pid, self.limit, still).over
        answer = exchange(self.address(), endpoint, sent, self.limit, over)
        answer.printed = printed
        self.silent = self.silent or answer.failure == "no answer in time"
        return answer

    def address(self) -> Address:
        """Return where the plugin listens."""
        return Address(path=str(self.socket))


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the process group of a program that was started here."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def accepts(path: Path) -> bool:
    """Tell whether somebody listens on the socket at path."""
    if f"unix://{path}" in in_memory.listeners:
        return True
    try:
        with in_memory.unix_socket(str(path)) as caller:
            caller.settimeout(1)
            caller.connect(str(path))
    except OSError:
        return False
    return True


def command_for(plugin: str | None, run: str | None) -> list[str]:
    """Return the command line for --plugin FILE or --run 'COMMAND'. Raises WrongCommand."""
    if run is None:
        return [sys.executable, str(Path(plugin or "").resolve())]
    try:
        words = shlex.split(run)
    except ValueError as error:
        raise WrongCommand(f"--run {run!r} is not a command: {error}. Give it as you would type it.") from None
    if not words or not shutil.which(words[0]):
        raise WrongCommand(f"--run {run!r}: there is no such program. Give the command as you would type it.")
    return words


def file_stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is saved; None while an editor has moved the file away."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
