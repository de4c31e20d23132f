"""What Linux says of processes: which ones belong to a plugin, and what they listen on."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from workshop.interrupt import deferred


def exit_status(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status of a process, None while it runs.

    Popen.poll takes a lock, and a signal right after that leaves the lock taken: from then on every poll answers None.
    """
    with deferred():
        return process.poll()


def exit_status_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return the exit status of a process as soon as it has exited, None if it runs longer than this many seconds."""
    if exit_status(process) is None:
        # Popen.wait would look every 50 ms; the kernel tells at once
        with open(os.pidfd_open(process.pid), "rb") as watched:
            select.select([watched], [], [], seconds)
    return exit_status(process)


def session_processes(leader: int) -> list[str]:
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


def work_of(leader: int) -> tuple[bool, float]:
    """Return whether a thread of a session runs or waits for a disk, and the CPU time that all have used, in seconds.

    Source: proc(5), /proc/PID/stat: the third field is the state, the fourteenth and fifteenth are utime and stime.
    """
    at_work, ticks = False, 0
    for pid in session_processes(leader):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                fields = (task / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
                at_work = at_work or fields[0] in "RD"
                ticks += int(fields[11]) + int(fields[12])
    return at_work, ticks / os.sysconf("SC_CLK_TCK")


class Wait:
    """How long a program is waited for: patience at most, and no longer than it may stand still. Both in seconds.

    It stands still while none of its threads runs or waits for a disk: then it will never do by itself what it has not
    done yet. Time in which other programs keep it from the CPU or the disk does not count: on a slow or busy machine, a
    correct program has all of patience. Without a limit for standing still, only patience counts.
    """

    EVERY = 0.05

    def __init__(self, leader: int, patience: float, standstill: float | None, starting: bool = False) -> None:
        self.leader = leader
        self.patience = patience
        self.standstill = standstill
        self.starting = starting
        self.begun = self.looked = time.monotonic()
        self.still = 0.0
        """How long it has stood still so far."""
        self.used: float | None = None

    @property
    def seconds(self) -> float:
        """How long it has been waited for."""
        return time.monotonic() - self.begun

    def over(self) -> bool:
        """Tell whether to give up. A program that has to answer or to exit may also use only standstill of CPU time."""
        now = time.monotonic()
        if self.standstill is None or now - self.begun > self.patience:
            return now - self.begun > self.patience
        if now - self.looked < self.EVERY:
            return False
        at_work, used = work_of(self.leader)
        self.used = used if self.used is None else self.used
        # of a pause in which nobody looked, not all is known
        self.still += 0.0 if at_work else min(now - self.looked, 2 * self.EVERY)
        self.looked = now
        return self.still + (0.0 if self.starting else used - self.used) > self.standstill


def with_environment(mark: str) -> list[int]:
    """Return the processes that have NAME=VALUE in their environment: of this user, or of all for root."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(int(pid))
    return found


def open_sockets(pid: str) -> Iterator[str]:
    """Yield the kernel's numbers of the sockets that a process has open."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{number}")
            if link.startswith("socket:["):
                yield link[8:-1]


def session_listens(leader: int) -> list[str]:
    """Return what the processes of a session listen on: paths of sockets, and "TCP port N"."""
    inodes = {inode for pid in session_processes(leader) for inode in open_sockets(pid)}
    return [where for inode, where in listening_sockets().items() if inode in inodes]


def callers_waiting(path: Path) -> int:
    """Return how many callers of a Unix socket nobody has taken with accept(), those too that have gone meanwhile.

    Source: the kernel's net/unix/af_unix.c (unix_seq_show): such a caller has the path, and no inode yet.
    """
    lines = Path("/proc/net/unix").read_text(errors="surrogateescape").split("\n")[1:-1]
    return sum(line.split(maxsplit=7)[6:] == ["0", str(path)] for line in lines)


WAITS_FOR_CALLS = "poll|select|accept|skb_wait_for_more_packets|sig|pause"
"""The functions of the kernel in which a thread sleeps until a caller or a signal comes."""


def waits_for_lock(leader: int) -> bool:
    """Tell whether a session waits for a lock of its program: threads sleep in the kernel's futex, and none elsewhere.

    A thread of a pool sleeps there, too, while it has nothing to do. So no other thread may be at work, or sleep for
    another reason than that nobody calls.
    Source: proc(5), /proc/PID/task/TID/wchan, the function of the kernel in which a thread sleeps; futex(2).
    """
    sleeps = set()
    for pid in session_processes(leader):
        with contextlib.suppress(OSError):
            sleeps |= {(task / "wchan").read_text() for task in Path(f"/proc/{pid}/task").iterdir()}
    elsewhere = {each for each in sleeps if not re.match("futex", each)}
    return sleeps != elsewhere and all(re.search(WAITS_FOR_CALLS, each) for each in elsewhere)


def listening_sockets() -> dict[str, str]:
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
