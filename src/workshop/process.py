"""Start a plugin under test and stop it: a Python file, a command, or a socket that is already there."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop import interpreter
from workshop.wire import Address, Exchange, exchange, request


class NotReady(Exception):
    """The plugin ended, or did not listen in time; the text says which, with its last lines."""


class WrongCommand(ValueError):
    """What was given as a command is none; the text says why."""


class Plugin:
    """A plugin under test. command is empty for one that already runs: then it can be called, and no more."""

    patience = 10.0
    """How long to wait for a start, an answer or an end, in seconds."""

    def __init__(self, command: Sequence[str], socket_path: Path, root: Path | None) -> None:
        self.command = list(command)
        self.socket = socket_path
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None
        # without a name: nothing is left of it, however this ends
        self.log = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115 - close() closes it

    @property
    def limit(self) -> float:
        """How long to wait for an answer, in seconds."""
        return self.patience

    def environment(self) -> dict[str, str]:
        """Return what a plugin is told: DDD_SOCKET and DDD_ROOT, beside what this process has.

        A Python file runs in our Python and hears what that hears. A command's environment is its author's own.
        """
        given = interpreter.environment() if self.command[:1] == [sys.executable] else os.environ
        return {**given, "DDD_SOCKET": str(self.socket), "DDD_ROOT": str(self.root), "PYTHONUNBUFFERED": "1"}

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the program in a process group of its own. Its output goes to a file, because a pipe fills up.

        Raises NotReady.
        """
        try:
            return subprocess.Popen(
                self.command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise NotReady(f"{self.command[0]} cannot be started: {error.strerror}.") from None

    def start(self) -> Plugin:
        """Start the plugin and wait until its socket accepts. Raises NotReady."""
        self.process = self.launch()
        deadline = time.monotonic() + self.patience
        while not accepts(self.socket):
            if self.process.poll() is not None:
                raise NotReady(f"The plugin ended with status {self.process.returncode} before it listened.")
            if time.monotonic() > deadline:
                raise NotReady(f"The plugin did not listen at {self.socket} within {self.patience:.0f} s.")
            time.sleep(0.002)
        return self

    def exit_status(self, wait: float = 0) -> int | None:
        """Return the plugin's exit status, None while it runs; one that is just dying gets so many seconds for it."""
        return status_within(self.process, wait) if self.process else None

    def signal(self, number: int) -> int:
        """Send a signal to the plugin and all it started; return its exit status (negative: the signal that ended it).

        One that has not ended in time is killed, and so is what it leaves running: a worker would answer the next call.
        """
        assert self.process is not None
        deadline = time.monotonic() + self.patience
        self.pass_on(number)
        status_within(self.process, self.patience)
        # what it started may live longer than the plugin itself
        while session(self.process.pid) and time.monotonic() < deadline:
            time.sleep(0.002)
        if session(self.process.pid):
            self.pass_on(signal.SIGKILL)
        return self.process.wait(self.patience)

    def pass_on(self, number: int) -> None:
        """Send a signal to the process group of the plugin."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self) -> int:
        """End the plugin as an operator does, with SIGTERM; return its exit status."""
        return self.signal(signal.SIGTERM)

    def kill(self) -> int:
        """End the plugin as a power cut does: it can clean up nothing."""
        return self.signal(signal.SIGKILL)

    def listens(self) -> list[str]:
        """Return what the plugin, or a program that it started, listens on: paths of sockets, and "TCP port N"."""
        if self.process is None:
            return []
        inodes = {inode for pid in session(self.process.pid) for inode in sockets_of(pid)}
        return [where for inode, where in listening().items() if inode in inodes]

    def close(self) -> None:
        """End the plugin, and what it has started and left behind; give up what it has printed."""
        self.down()
        self.log.close()

    def down(self) -> Plugin:
        """End the plugin if it runs, or if something runs that it has started."""
        if self.process and session(self.process.pid):
            self.stop()
        return self

    def output(self) -> str:
        """Return what the plugin has printed so far."""
        written = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), written, 0).decode(errors="replace")

    def call(
        self,
        endpoint: str,
        body: dict[str, object] | bytes | None = None,
        shape: str = "28",
        method: str = "POST",
        content_type: str = "",
    ) -> Exchange:
        """Call an endpoint as a Docker Engine of that shape does; another method and type are for other callers."""
        sent = request(endpoint, body, shape, method=method, content_type=content_type)
        return exchange(self.address(), endpoint, sent, self.limit)

    def address(self) -> Address:
        """Return where the plugin listens."""
        return Address(path=str(self.socket))


def status_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return the exit status of a process as soon as it has ended, None for one that outlasts so many seconds."""
    if process.poll() is None:
        # Popen.wait would look every 50 ms; the kernel tells at once
        watched = os.pidfd_open(process.pid)
        select.select([watched], [], [], seconds)
        os.close(watched)
    return process.poll()


def session(leader: int) -> list[str]:
    """Return the living processes of a session, which is the plugin and all that it started."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # proc(5): from the third field on, state, ppid, pgrp, session; the twentieth is num_threads
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
            # a first thread that has ended is a zombie, but the others may still hold the socket
            gone = fields[0] in "ZX" and int(fields[17]) <= 1
            if int(fields[3]) == leader and not gone:
                found.append(pid)
    return found


def sockets_of(pid: str) -> Iterator[str]:
    """Yield the kernel's numbers of the sockets that a process has open."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{number}")
            if link.startswith("socket:["):
                yield link[8:-1]


def listening() -> dict[str, str]:
    """Return all listening sockets of this machine by the kernel's number: the path, or "TCP port N".

    Source: the kernel's Documentation/networking/proc_net_tcp, and proc(5) for /proc/net/unix.
    """
    found = {}
    # a path is any bytes, but no newline
    for line in Path("/proc/net/unix").read_text(errors="surrogateescape").split("\n")[1:-1]:
        _, _, _, flags, _, _, inode, *path = line.split(maxsplit=7)
        if int(flags, 16) & 0x10000 and path:
            found[inode] = path[0]
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == "0A":
                found[fields[9]] = f"TCP port {int(fields[1].rpartition(':')[2], 16)}"
    return found


def accepts(path: Path) -> bool:
    """Tell whether somebody listens on the socket at path."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
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
        raise WrongCommand(f"--run {run!r} is no command: {error}. Give it as you would type it.") from None
    if not words or not shutil.which(words[0]):
        raise WrongCommand(f"--run {run!r}: there is no such program. Give the command as you would type it.")
    return words


def stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is saved; None while an editor has it away."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder of this user's own with a short path: a socket's path is at most 107 bytes."""
    # in memory where Linux offers that: a plugin with fsync would wait for a slow disk at each of some hundred calls
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    with own_folder("ddd-", place) as folder:
        yield folder


@contextlib.contextmanager
def own_folder(prefix: str, place: str | None = None) -> Iterator[Path]:
    """Give a new folder, and remove it afterwards; but never what a plugin has left mounted in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place)).resolve()
    try:
        yield folder
    finally:
        for point in mounted_in(folder):
            subprocess.run(["umount", "--", point], stderr=subprocess.DEVNULL)
        if left := mounted_in(folder):
            print(f"{folder} stays, because something is mounted in it. Look what it is:", file=sys.stderr)
            print("\n".join(f"    umount '{point}'" for point in left), file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def mounted_in(folder: Path) -> list[str]:
    """Return where something is mounted below a folder, the innermost first. Source: proc_pid_mountinfo(5)."""
    text = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    points = [line.split(" ")[4] for line in text.split("\n")[:-1]]
    # the kernel writes a space as \040
    true = [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), point) for point in points]
    return sorted((point for point in true if point.startswith(f"{folder}/")), key=len, reverse=True)
