"""Judge one mutant: run the steps on it where it can do no harm, up to the first one that it fails.

A mutant of a plugin is a program that nobody has read: its Remove may delete another folder, as root. So it runs in
namespaces of its own (unshare(1)): the whole machine is read-only to it, but for a new /dev/shm in memory; it sees no
process but its own, and no network but a loopback. All of that ends with the process that judges, when its time is over
at the latest. `python tests/judge.py part3 3.1` reads the mutant from its standard input.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mutants import write_ddd
from steps import PART_FILES, STEPS

from workshop.checker import steps
from workshop.checker.case import Case
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.judge import run_case
from workshop.checker.lookup import files_beside
from workshop.plugins.folders import MEMORY, private_folder
from workshop.plugins.kernel import session_processes
from workshop.plugins.process import command_for
from workshop.plugins.under_test import PluginUnderTest

PATIENCE = 2.0
"""How many seconds a plugin has for its start, for an answer and for its end: a right one takes less than one."""
CERTAIN = 10.0
"""The same, before a mutant counts as killed by a step that took long."""
LIMIT = 600.0
"""How many seconds a mutant has in all: the steps take 15, and ddd has 100 for what it is put through."""
ADVICE = "advice"
"""What is said of a mutant that passes all steps, and gets advice: the program as it is gets none."""
SLOW = "no end"
"""What is said of a mutant whose time was over."""


CLONE = Path(__file__).parent.parent
DDD_TESTS = (
    ["tests/test_ddd.py"],
    ["tests/test_service.py", "-k", "not systemd_finds and not exposed and not systemd_starts"],
    ["tests/faults", "-k", "test_disk or on_the_disk_first"],
)
"""What a mutant of ddd has to pass after the steps and the suite: nothing that needs systemd, or takes minutes."""


class Trouble(Exception):
    """A mutant could not be judged, and that is our fault: the text says why."""


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant: the first step that it fails, ADVICE or "" when it passes all; what could not run."""

    step: str
    skipped: tuple[str, ...] = ()


def judge(target: str, source: str, own: Sequence[str] = ()) -> Verdict:
    """Return what came of a mutant; its own steps come first.

    target is the part, or the file of ddd, whose text the mutant is. Raises Trouble.
    """
    command = [*namespaces(), sys.executable, __file__, target, *own]
    try:
        done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Verdict(SLOW)
    if done.returncode:
        raise Trouble(f"No mutant can be judged here:\n{done.stderr}")
    step, *skipped = done.stdout.splitlines()
    return Verdict(step, tuple(skipped))


def namespaces() -> list[str]:
    """Return the command that runs another one in namespaces of its own. All of that ends with who starts it."""
    user = ["--user", "--map-root-user"] if os.geteuid() else []
    return [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        *user,
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
    ]


def shut() -> None:
    """Make the machine read-only, but for a new /dev/shm; bring up loopback. Raises OSError."""
    everywhere, recursive, read_only = b"/", 0x8000, struct.pack("4Q", 1, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    # mount(8) can do that in one call since version 2.39. Source: mount_setattr(2), linux/mount.h
    if libc.mount_setattr(-100, everywhere, recursive, read_only, len(read_only)):
        raise OSError(ctypes.get_errno(), "The machine cannot be made read-only for a mutant")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m,mode=1777", "mutant", MEMORY], check=True)
    os.environ["TMPDIR"] = MEMORY
    with socket.socket() as any_socket:
        # SIOCSIFFLAGS with IFF_UP. Source: netdevice(7)
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))


def run(target: str, source: str, own: list[str]) -> Verdict:
    """Judge a mutant in these namespaces: by the steps, one of ddd then by the suite and by its own tests, too."""
    with private_folder() as folder:
        file = write(target, source, folder)
        verdict = by_steps(target, file, own, PATIENCE)
        if is_ddd(target) and not verdict.step:
            verdict = by_suite(file)
        if is_ddd(target) and not verdict.step:
            verdict = by_tests(file)
        return verdict


def is_ddd(target: str) -> bool:
    """Tell whether a file of ddd was changed, not a part."""
    return target.endswith(".py")


def write(target: str, source: str, folder: Path) -> Path:
    """Write a mutant into a folder, with the files of the learner that belong to it; return the program to run."""
    for part in parts_of(target):
        shutil.copytree(PART_FILES[part].parent, folder, dirs_exist_ok=True)
    if is_ddd(target):
        return write_ddd(folder, target, source)
    file = folder / "plugin.py"
    file.write_text(source)
    return file


def parts_of(target: str) -> str:
    """Return the parts whose steps a program has to pass."""
    return "123" if is_ddd(target) else "123"[: int(target[-1])]


def command_of(target: str, file: Path) -> list[str]:
    """Return the command that runs a mutant: ddd as it is run for Docker."""
    if is_ddd(target):
        return ["env", f"PYTHONPATH={file.parent}", sys.executable, "-m", "ddd"]
    return command_for(str(file), None)


class Served(PluginUnderTest):
    """ddd under gunicorn."""

    def start(self) -> Self:
        """Start it, and wait for its worker: gunicorn heeds signals only since then. Raises NotReady."""
        super().start()
        assert self.process
        pid, deadline = self.process.pid, time.monotonic() + self.patience
        while len(session_processes(pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.002)
        return self


class ServedCandidate(Served, Candidate):
    """ddd under gunicorn, for the suite."""


def by_steps(target: str, file: Path, own: list[str], patience: float) -> Verdict:
    """Run the steps, with so many seconds for a start, an answer and an end."""
    with private_folder() as folder:
        kind = Served if is_ddd(target) else PluginUnderTest
        plugin = kind(command_of(target, file), folder / "ddd.sock", folder / "root")
        plugin.patience, plugin.beside = patience, files_beside(file)
        try:
            ids = dict.fromkeys([*own, *(step for step in STEPS if step[0] in parts_of(target))])
            results = list(steps.run(plugin, {step: STEPS[step] for step in ids}, go_on=False, file=file))
        finally:
            plugin.close()
    last = results[-1]
    if last.outcome == "error":
        raise Trouble(f"{last.step}: {last.reason}")
    if last.outcome == "FAIL" and last.seconds > patience == PATIENCE:
        # perhaps only this machine was slow
        return by_steps(target, file, [last.step], CERTAIN)
    skipped = tuple(result.step for result in results if result.outcome == "skip")
    noticed = ADVICE if plugin.advice else ""
    return Verdict(last.step if last.outcome == "FAIL" else noticed, skipped)


def by_suite(file: Path) -> Verdict:
    """Run the conformance suite; a mutant has to keep its advice, too."""
    with private_folder() as folder:
        plugin = ServedCandidate(command_of(file.name, file), folder / "ddd.sock", folder / "root")
        try:
            for case in cases():
                # a second time, because it may have failed only for the load of this machine
                if fails(plugin, case, file) and fails(plugin, case, file):
                    return Verdict(case.id)
        finally:
            plugin.close()
    return Verdict("")


def fails(plugin: Candidate, case: Case, file: Path) -> bool:
    """Run a case of the suite, and tell whether it fails; advice counts, too."""
    return run_case(plugin, case, file).outcome in ("FAIL", "warn", "error")


def by_tests(file: Path) -> Verdict:
    """Run ddd's own tests; return the name of the first that fails."""
    for tests in DDD_TESTS:
        words = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--ddd-seed=1",
            "--ddd-require=slow",
            "--ddd-plugin",
            str(file),
            *tests,
        ]
        command = ["env", f"PYTHONPATH={file.parent}", sys.executable, "-m", "pytest", *words]
        done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True)
        if failed := re.search(r"^(?:FAILED|ERROR) \S*::(\S+)", done.stdout, re.MULTILINE):
            return Verdict(failed[1])
        if done.returncode:
            return Verdict(tests[0])  # it cannot even be collected
    return Verdict("")


if __name__ == "__main__":
    shut()
    verdict = run(sys.argv[1], sys.stdin.read(), sys.argv[2:])
    print(verdict.step, *verdict.skipped, sep="\n")
