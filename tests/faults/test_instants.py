"""The plugin is killed at every system call by which a call of Docker changes the disk, and started again.

strace kills it as it enters the call: the disk is as the system call before left it. The last instant is the answer.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine.engine import wait_for

from workshop.protocol.exchange import Exchange

from .conftest import Start
from .ddd import OPTIONS, Ddd, State, command

pytestmark = pytest.mark.slow

# by which the disk changes, or an answer leaves; "?": not every machine, nor every strace, has all of them
WATCHED = "?mkdir,?mkdirat,?chmod,?fchmod,?fchmodat,?fchmodat2,?chown,?fchown,?fchownat,?rename,?renameat,?renameat2"
WATCHED += ",?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?rmdir,?truncate,?ftruncate,?openat,?creat,?write"
WATCHED += ",?pwrite64,?fsync,?fdatasync,?utimensat,?sendto"
Instant = tuple[str, int]
"""The name of a system call, and the how many-th of that name it is in its thread."""


@contextlib.contextmanager
def strace(ddd: Ddd, log: Path, *options: str) -> Iterator[None]:
    """Watch the process that answers, and all that it starts, while the body runs."""
    command = ["strace", "-f", "-y", "-o", str(log), "-p", str(ddd.worker()), "-e", f"trace={WATCHED}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as watcher:
        assert watcher.stderr and b"attached" in watcher.stderr.readline()
        try:
            yield
        finally:
            watcher.terminate()
            try:
                watcher.communicate(timeout=5)
            except subprocess.TimeoutExpired:  # it can wait for ever for a program that has just been started
                watcher.kill()


def entered(log: Path) -> list[tuple[str, Instant, str]]:
    """Return the thread, the name and number, and the arguments of every system call that was entered."""
    counts: Counter[tuple[str, str]] = Counter()
    calls = []
    for thread, name, arguments in re.findall(r"^(\d+) +(\w+)\((.*)$", log.read_text(errors="replace"), re.M):
        counts[thread, name] += 1
        calls.append((thread, (name, counts[thread, name]), arguments))
    return calls


def instants(log: Path, root: Path | None) -> list[Instant]:
    """Return at which system calls the disk changes, and the first one by which the answer leaves."""
    changes = [
        instant
        for _, instant, arguments in entered(log)
        if instant[0] != "sendto" and str(root) in arguments and (instant[0] != "openat" or "O_CREAT" in arguments)
    ]
    answer = next(instant for _, instant, _ in entered(log) if instant[0] == "sendto")
    return [*dict.fromkeys(changes), answer]


def nothing(ddd: Ddd) -> None:
    """Have every endpoint called once: what Python opens at its first call would change the numbers."""
    for endpoint in ("Create", "Mount", "Unmount", "Remove"):
        ddd.succeeds(endpoint, "first", ID="a")
    ddd.nothing_aside()


def with_files(ddd: Ddd) -> None:
    """Make a volume that holds a file, and a folder with a link in it."""
    nothing(ddd)
    ddd.succeeds("Create")
    (ddd.volume() / "data" / "folder").mkdir()
    (ddd.volume() / "data" / "folder" / "link").symlink_to("/")
    (ddd.volume() / "data" / "file").write_text("kept")


def mounted(times: int) -> Callable[[Ddd], None]:
    """Make a volume with files that the same ID has mounted so many times."""

    def make(ddd: Ddd) -> None:
        with_files(ddd)
        for _ in range(times):
            ddd.succeeds("Mount", ID="a")

    return make


def mounted_before(ddd: Ddd) -> None:
    """Make a volume with files that an ID has mounted twice, as the version before recorded it."""
    with_files(ddd)
    (ddd.volume() / "mounts" / "a").write_text("0 0 pid:[1] boot\n" * 2)


def restored(ddd: Ddd) -> None:
    """Make a volume with files as it comes from a backup: without its records."""
    with_files(ddd)
    (ddd.volume() / "data" / "restored").touch()
    (ddd.volume() / "mounts").rmdir()


CASES: dict[str, tuple[Callable[[Ddd], None], Callable[[Ddd], Exchange], State]] = {
    "create": (nothing, lambda ddd: ddd.ask("Create"), {"mango": {}}),
    "create with options": (nothing, lambda ddd: ddd.ask("Create", "peach", Opts=OPTIONS), {"peach": {}}),
    "create again": (with_files, lambda ddd: ddd.ask("Create"), {"mango": {}}),
    "mount": (with_files, lambda ddd: ddd.ask("Mount", ID="a"), {"mango": {"a": 1}}),
    "mount again": (mounted(1), lambda ddd: ddd.ask("Mount", ID="a"), {"mango": {"a": 2}}),
    "unmount one of two": (mounted(2), lambda ddd: ddd.ask("Unmount", ID="a"), {"mango": {"a": 1}}),
    "unmount one of two of before": (mounted_before, lambda ddd: ddd.ask("Unmount", ID="a"), {"mango": {"a": 1}}),
    "unmount": (mounted(1), lambda ddd: ddd.ask("Unmount", ID="a"), {"mango": {}}),
    "remove": (with_files, lambda ddd: ddd.ask("Remove"), {}),
    "mount after a restore": (restored, lambda ddd: ddd.ask("Mount", ID="a"), {"mango": {"a": 1}}),
    "remove after a restore": (restored, lambda ddd: ddd.ask("Remove"), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_every_instant_leaves_a_whole_state(start: Start, folder: Path, case: str) -> None:
    prepare, call, after = CASES[case]
    ddd, log = start("werkzeug"), folder / "log"
    prepare(ddd)
    with strace(ddd, log):
        assert call(ddd).ok
        ddd.nothing_aside()
    assert ddd.state() == after
    ddd.wipe()
    found = instants(log, ddd.root)
    assert len(found) > 1, log.read_text()
    for name, number in found:
        prepare(ddd)
        killed_at(ddd, log, name, number, call, after)
        ddd.wipe()


def killed_at(ddd: Ddd, log: Path, name: str, number: int, call: Callable[[Ddd], Exchange], after: State) -> None:
    """Kill the plugin, or the rm that it has started, at one instant of a call; start it, and look what is there."""
    where, before = f"{name} number {number}", ddd.state()
    with strace(ddd, log, "-e", f"inject={name}:signal=KILL:when={number}"):
        answer = call(ddd)
        wait_for(lambda: "killed by SIGKILL" in log.read_text(errors="replace"), f"the kill at {where}", ddd.patience)
    ddd.kill()
    ddd.start()
    assert ddd.state() in ([after] if answer.ok else [before, after]), (where, answer)
    if "mango" in before and "mango" in ddd.state():
        assert (ddd.volume() / "data" / "file").read_text() == "kept", where
        assert (ddd.volume() / "data" / "folder" / "link").is_symlink(), where
    ddd.nothing_aside()


@pytest.mark.parametrize(
    ("endpoint", "order"),
    [
        ("Create with options", r"chmod.*chown.*fsync\(\d+<\S*/aside/\w+/data>.*rename.*fsync\(\d+<\S*/volumes>"),
        ("Create", r"fsync\(\d+<\S*/aside/\w+>.*rename.*fsync\(\d+<\S*/volumes>"),
        ("Remove", r"rename.*fsync\(\d+<\S*/volumes>"),
        ("Mount", r"fsync\(\d+<\S*/aside/\w+>.*rename"),
    ],
    ids=["Create with options", "Create", "Remove", "Mount"],
)
def test_what_is_answered_is_on_the_disk_first(ddd: Ddd, folder: Path, endpoint: str, order: str) -> None:
    with_files(ddd)
    verb, _, options = endpoint.partition(" ")
    name = "peach" if options else "pear" if verb == "Create" else "mango"
    with strace(ddd, folder / "log"):
        ddd.succeeds(verb, name, ID="a", Opts=OPTIONS if options else None)
    before, _, _ = (folder / "log").read_text().partition("sendto(")
    assert re.search(order, before, re.S), before


@pytest.mark.parametrize("endpoint", ["Create", "Get", "List", "Mount", "Remove"])
def test_an_answer_leaves_in_one_piece(start: Start, folder: Path, endpoint: str) -> None:
    ddd = start("gunicorn")
    with_files(ddd)
    with strace(ddd, folder / "log"):
        ddd.succeeds(endpoint, ID="a")
    assert (folder / "log").read_text().count("sendto(") == 1


@pytest.mark.parametrize(
    ("options", "status", "after"),
    [
        (["inject=fsync:error=EIO"], 500, {"mango": {}}),
        # it cannot be put back either: then it is removed, and so Docker is told
        (["inject=fsync:error=EIO", "inject=?rename,?renameat,?renameat2:error=EIO:when=2"], 200, {}),
    ],
    ids=["it is put back", "it cannot be put back"],
)
def test_where_the_disk_does_not_take_a_remove_the_answer_is_true(
    start: Start, folder: Path, options: list[str], status: int, after: State
) -> None:
    ddd = start("werkzeug")
    with_files(ddd)
    with strace(ddd, folder / "log", *(word for option in options for word in ("-e", option))):
        answer = ddd.ask("Remove")
        assert answer.status == status, answer
        assert "fsync(" in (folder / "log").read_text() and "(INJECTED)" in (folder / "log").read_text()
    ddd.nothing_aside()
    assert ddd.state() == after
    if after:
        assert (ddd.volume() / "data" / "file").read_text() == "kept"
        ddd.succeeds("Remove")


def test_a_kill_inside_release_leaves_whole_records_and_the_next_one_deletes_them(
    start: Start, folder: Path, plugin_file: Path
) -> None:
    ddd = start("werkzeug")
    release = [*command("gunicorn", plugin_file), "release", "mango", "--yes"]

    def released(*options: str) -> int:
        watched = ["strace", "-f", "-y", "-o", str(folder / "log"), "-e", f"trace={WATCHED}", *options, *release]
        return subprocess.run(watched, env=ddd.environment(), capture_output=True, timeout=60).returncode

    def prepare() -> None:
        """Leave records of this process that are old enough for release."""
        mounted(2)(ddd)
        for record in (ddd.volume() / "mounts").iterdir():
            os.utime(record, (0, 0))

    prepare()
    assert released() == 0
    changes = ("unlink", "unlinkat", "fsync")
    made = entered(folder / "log")
    found = [each for _, each, arguments in made if each[0] in changes and str(ddd.root) in arguments]
    assert len(found) == 3, found
    ddd.wipe()
    for done, (name, number) in enumerate(found):
        prepare()
        assert released("-e", f"inject={name}:signal=KILL:when={number}") == -signal.SIGKILL
        assert ddd.state()["mango"] == ({"a": 2 - done} if done < 2 else {}), (name, number)
        assert (ddd.volume() / "data" / "file").read_text() == "kept"
        assert released() == 0
        ddd.succeeds("Remove")
        ddd.wipe()


# Runs a plugin whose first call comes at the worst time: it holds a Create that is about to move its volume into place
# until the clearing is over, and a clearing that begins to look only then until there is something to be moved.
WORST_TIME = """
import os, runpy, sys, threading, time
moving = threading.Event()

def clearing():
    return any(thread.name.endswith("(clear)") for thread in threading.enumerate())

def hold(event, arguments):
    if event == "os.listdir" and threading.current_thread().name.endswith("(clear)"):
        moving.wait(20)
    if event == "os.rename" and str(arguments[1]) == "mango":
        moving.set()
        while clearing():
            time.sleep(0.001)

sys.addaudithook(hold)
sys.path.insert(0, os.path.dirname(sys.argv[1]))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_what_is_being_made_is_not_taken_for_a_leftover(plugin_file: Path, folder: Path) -> None:
    ddd = Ddd("werkzeug", folder, plugin_file)
    ddd.command = [sys.executable, "-c", WORST_TIME, str(plugin_file)]
    try:
        ddd.start().succeeds("Create")
        assert ddd.state() == {"mango": {}}
    finally:
        ddd.close()
