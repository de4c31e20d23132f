"""Start a plugin under test and stop it: a Python file, a command, or a socket that is already there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
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

from workshop import interpreter, interrupt
from workshop.interrupt import at_end, deferred
from workshop.protocol.exchange import Address, Exchange, exchange, request

ROOM = 16 * 2**20
"""How many bytes have to be free where the check keeps its own files; a run of the suite takes less than half."""
LONGEST_PLACE = 107 - len("/ddd-12345678/plugins/ddd.sock")
"""A socket's path has at most 107 bytes (unix(7))."""
# what this process lacks, and no plugin is to blame for
LACKING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class OurTrouble(Exception):
    """The check itself cannot go on, and the plugin is not to blame: the text says why, and what to do."""


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
        self.launched: list[subprocess.Popen[bytes]] = []
        # by this the processes are found that have left the plugin's session
        self.mark = f"WORKSHOP_CHECK={secrets.token_hex(8)}"
        # on a disk, because a plugin may print much; without a name: nothing is left of it, however this ends
        self.log = tempfile.TemporaryFile("ab+", buffering=0, dir=place_with_room(*DISKS, MEMORY))  # noqa: SIM115
        self.ending = at_end(self.end)

    @property
    def limit(self) -> float:
        """How long to wait for an answer, in seconds."""
        return min(self.patience, 2.0) if interrupt.happened() else self.patience

    def environment(self) -> dict[str, str]:
        """Return what a plugin is told: DDD_SOCKET and DDD_ROOT, beside what this process has.

        A Python file runs in our Python and hears what that hears. A command's environment is its author's own.
        """
        given = interpreter.environment() if self.command[:1] == [sys.executable] else os.environ
        name, _, value = self.mark.partition("=")
        told = {"DDD_SOCKET": str(self.socket), "DDD_ROOT": str(self.root), name: value}
        return {**given, **told, "PYTHONUNBUFFERED": "1"}

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the program in a session of its own. Its output goes to a file, because a pipe fills up.

        Raises NotReady; OurTrouble where this machine has no room for one more process.
        """
        try:
            with deferred():
                process = subprocess.Popen(
                    self.command,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=self.log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self.launched.append(process)
                return process
        except OSError as error:
            if error.errno in LACKING:
                raise OurTrouble(
                    f"No process can be started here: {error.strerror}. End some, and try again."
                ) from None
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
        return self.end_session(self.process, number)

    def end_session(self, process: subprocess.Popen[bytes], number: int) -> int:
        """Send a signal to a process and all it started, and SIGKILL to what outlasts it; return its exit status."""
        patience = min(self.patience, 3.0) if interrupt.happened() else self.patience
        deadline = time.monotonic() + patience
        pass_on(process, number)
        status_within(process, patience)
        # what it started may live longer than the plugin itself
        while session(process.pid) and time.monotonic() < deadline:
            time.sleep(0.002)
        if session(process.pid):
            pass_on(process, signal.SIGKILL)
        return process.wait(self.patience)

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
        """End the plugin, and all that it has started; give up what it has printed. A second time it does nothing."""
        self.ending()

    def end(self) -> None:
        """End the plugin, and what it has started, also what has left its session; give up what it has printed."""
        self.down()
        for pid in with_environment(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log.close()

    def down(self) -> Plugin:
        """End the plugin if it runs, or if something runs that it has started."""
        with deferred():
            for process in {*self.launched, *filter(None, [self.process])}:
                if session(process.pid):
                    self.end_session(process, signal.SIGTERM)
                process.poll()
            # the number of one that has ended, with all that it started, may soon be another's
            self.launched.clear()
        return self

    def printed(self) -> int:
        """Return how many bytes the plugin has printed so far."""
        return os.fstat(self.log.fileno()).st_size

    def output(self, since: int = 0) -> str:
        """Return what the plugin has printed so far, or since so many bytes; at most the last 4 MiB of it."""
        begin = max(since, self.printed() - 2**22)
        return os.pread(self.log.fileno(), 2**22, begin).decode(errors="replace")

    def our_trouble(self) -> str:
        """Return why the check itself cannot go on, "" where it can: what a plugin does without room is not its fault.

        It is for a look after a failure: the plugin's folder and its output lie where this check has put them.
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
        sent = request(endpoint, body, shape, method=method, content_type=content_type)
        return exchange(self.address(), endpoint, sent, self.limit)

    def address(self) -> Address:
        """Return where the plugin listens."""
        return Address(path=str(self.socket))


def pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the process group of a program that was started here."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


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


def with_environment(mark: str) -> list[int]:
    """Return the processes that have NAME=VALUE in their environment: of this user, or of all for root."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(int(pid))
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


MEMORY = "/dev/shm"
DISKS = (*filter(None, [os.environ.get("TMPDIR")]), "/tmp", "/var/tmp")
NO_ROOM = f"Free at least {ROOM >> 20} MiB in /dev/shm, /tmp or /var/tmp, or name a folder:   TMPDIR=FOLDER"


def place_with_room(*places: str) -> str:
    """Return the first of these folders that is ours to write to, and has room. Raises OurTrouble."""
    for place in places:
        with contextlib.suppress(OSError):
            found = os.statvfs(place)
            room = found.f_bavail * found.f_frsize >= ROOM and (not found.f_files or found.f_favail >= 1000)
            if room and os.access(place, os.W_OK | os.X_OK):
                return place
    raise OurTrouble(f"No folder has room for the files of this check: {', '.join(places)}. {NO_ROOM}")


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder of this user's own with a short path: a socket's path is at most 107 bytes. Raises OurTrouble."""
    # in memory where Linux offers that: a plugin with fsync would wait for a slow disk at each of some hundred calls
    short = [place for place in (MEMORY, *DISKS) if len(os.fsencode(os.path.realpath(place))) <= LONGEST_PLACE]
    with own_folder("ddd-", place_with_room(*short)) as folder:
        yield folder


@contextlib.contextmanager
def own_folder(prefix: str, place: str | None = None) -> Iterator[Path]:
    """Give a new folder, and remove it afterwards; but never what a plugin has left mounted in it."""
    with deferred():
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place or place_with_room(*DISKS, MEMORY))).resolve()
        end = at_end(lambda: take_away(folder))
    try:
        yield folder
    finally:
        end()


def take_away(folder: Path) -> None:
    """Remove a folder of ours, after an umount of what is mounted in it, or from it. What cannot be unmounted stays."""
    unmount([*mounted_in(folder), *mounted_from(folder)])
    if left := mounted_in(folder):
        print(f"{folder} stays, because something is mounted in it. Look what it is:", file=sys.stderr)
        print("\n".join(f"    umount '{point}'" for point in left), file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def unmount(points: Sequence[str]) -> None:
    """Unmount what is mounted there, as far as that can be."""
    for point in points:
        # in a session of its own: a Ctrl-C in the terminal is not for it
        subprocess.run(["umount", "--", point], stderr=subprocess.DEVNULL, start_new_session=True)


def mounts(pid: str = "self") -> list[tuple[str, str]]:
    """Return what a process sees mounted: what of its file system, and where. Source: proc_pid_mountinfo(5)."""
    text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    # the kernel writes a space as \040
    fields = [
        [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field) for field in line.split(" ")[3:5]]
        for line in text.split("\n")[:-1]
    ]
    return [(root, point) for root, point in fields]


def mounted_in(folder: Path, pid: str = "self") -> list[str]:
    """Return where something is mounted below a folder, the innermost first."""
    points = [point for _, point in mounts(pid) if point.startswith(f"{folder}/")]
    return sorted(points, key=len, reverse=True)


def mounted_from(folder: Path) -> list[str]:
    """Return where a folder of ours, whose name is random, or what is in it, is mounted elsewhere; the latest first."""
    return [point for root, point in reversed(mounts()) if folder.name in root.split("/")]
