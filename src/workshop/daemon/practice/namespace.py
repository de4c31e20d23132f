"""A command of this machine with volumes at their place: in a mount namespace of its own, which is not a container.

The command sees the machine's files and, at the places of the volumes, the files of the volumes. If the machine has no
folder at such a place, none is made on the machine: the folder above is laid out again, with links into the machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from workshop.daemon.daemon import Bound

UNABLE = """On this machine you cannot give a command its own view of the files:
neither by bubblewrap nor by unshare. You can still make and mount volumes.
Install bubblewrap, then try again:
    sudo apt-get install bubblewrap"""


class Unable(Exception):
    """No mount namespace can be made here. The text says so, and ends in a command."""


# A step of a layout: "tmpfs" (an empty folder), "bind" or "read" (a folder or file of the machine), "link"; "try" is
# a bind of something that may be gone by then.
Step = tuple[str, str, str]


def layout(bound: Sequence[Bound]) -> list[Step]:
    """Return the steps that put volumes at their place, from an empty root on."""
    places = [os.path.normpath(each.destination) for each in bound]
    folders = sorted({_nearest(place) for place in places if not os.path.isdir(place)})
    steps = [("bind", "/", "/"), *(step for folder in folders for step in _overlay_steps(folder))]
    kinds = ["read" if each.read_only else "bind" for each in bound]
    sources = [os.path.realpath(each.source) for each in bound]
    # the volume of /data before the one of /data/inner
    return steps + sorted(zip(kinds, sources, places, strict=True), key=lambda step: step[2])


def _nearest(place: str) -> str:
    """Return the nearest folder above a place that the machine has."""
    folder = os.path.dirname(place)
    return os.path.realpath(folder) if os.path.isdir(folder) else _nearest(folder)


def _overlay_steps(folder: str) -> Iterator[Step]:
    """Yield the steps that put an empty folder over one of the machine's, and what is in that one into it."""
    yield ("tmpfs", "", folder)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_symlink():
            yield ("link", os.readlink(entry.path), entry.path)
        else:
            yield ("try", entry.path, entry.path)


def _by_bubblewrap(steps: Iterable[Step], command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command in such a namespace, by bubblewrap. Source: bwrap(1)."""
    # when the first process of a namespace exits, the kernel kills all processes in it
    words = ["bwrap", "--die-with-parent", "--unshare-pid"]
    options = {"bind": "--dev-bind", "try": "--dev-bind-try", "read": "--ro-bind"}
    for kind, source, place in steps:
        match kind:
            case "tmpfs":
                words += ["--tmpfs", place]
            case "link":
                words += ["--symlink", source, place]
            case _:
                words += [options[kind], source, place]
    return [*words, "--chdir", "/", "--", *command]


# The steps come as arguments, three words each, up to a "--": a line of them all could grow too long for the kernel.
LAY_OUT = r"""
set -e
mount --make-rprivate /
root=/mnt
while [ "$1" != -- ]; do
    kind=$1 source=$2 target=$root$3
    shift 3
    case $kind in
        tmpfs) mount -t tmpfs tmpfs "$target" ;;
        link) ln -s -- "$source" "$target" ;;
        *)
            if [ -d "$source" ]; then mkdir -p "$target"; else [ -e "$target" ] || : > "$target"; fi
            # a folder that another user has closed cannot be bound, and the command would not see into it anyway
            mount --rbind "$source" "$target" || [ ! -r "$source" ]
            ;;
    esac
    [ "$kind" != read ] || mount -o remount,bind,ro "$target"
done
shift
# the shell stays: the first process of a namespace does not take Ctrl-C, and the command is to take it
set +e
chroot "$root" sh -c 'cd / && exec "$@"' sh "$@"
exit $?
"""


def _by_unshare(steps: Iterable[Step], command: Sequence[str]) -> list[str]:
    """Return the same by unshare and mount: the new root is laid out on a tmpfs above /mnt."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = [word for step in steps for word in step]
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *user]
    return [*alone, "sh", "-c", LAY_OUT, "sh", *words, "--", *command]


WAYS = {"bwrap": _by_bubblewrap, "unshare": _by_unshare}


def choose_way() -> str:
    """Return "bwrap" or "unshare": what works here. Raises Unable."""
    for program, words in WAYS.items():
        trial = words([("bind", "/", "/"), ("tmpfs", "", "/mnt")], ["true"])
        if shutil.which(program) and subprocess.run(trial, capture_output=True).returncode == 0:
            return program
    raise Unable(UNABLE)


class NoCommand(Exception):
    """The machine has no such program."""


def start(command: Sequence[str], bound: Sequence[Bound], detached: bool = False) -> subprocess.Popen[bytes]:
    """Start a command with volumes at their place. Raises Unable, NoCommand, OSError (a volume's folder, its place)."""
    for each in bound:
        _check(each)
    if not shutil.which(command[0]):
        raise NoCommand(command[0])
    stream = subprocess.DEVNULL if detached else None
    return subprocess.Popen(WAYS[choose_way()](layout(bound), command), stdin=stream, stdout=stream, stderr=stream)


def _check(bound: Bound) -> None:
    """Raise OSError if a volume has no folder, or if its place cannot be a folder."""
    if not os.path.isabs(bound.source) or not os.path.exists(bound.source):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), bound.source)
    place = Path(bound.destination)
    for each in (place, *place.parents):
        if os.path.exists(each) and not os.path.isdir(each):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(each))
    if place.is_relative_to("/proc"):
        raise PermissionError(errno.EPERM, "it cannot be mounted inside /proc", str(place))


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a command, whatever Ctrl-C does to it; a SIGTERM to this program ends it. Return its exit status.

    So does SIGHUP, which a terminal sends when it is closed; but not after nohup, which ignores it.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        if before[number] != signal.SIG_IGN:
            signal.signal(number, lambda *_: end(process.pid, start_time(process.pid)))
    try:
        while process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def start_time(pid: int) -> str:
    """Return when a process started, in ticks of the kernel's clock, and in which boot; "" for one that has exited.

    The kernel uses a pid again, but not with the same start. Source: proc(5), field 22 of /proc/PID/stat.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "" if fields[0] in "ZX" else f"{fields[19]} {boot}"


def is_running(pid: int, start: str) -> bool:
    """Tell whether the process of this pid and this start runs."""
    return bool(start) and start_time(pid) == start


def end(pid: int, start: str, patience: float = 10.0) -> None:
    """End a process and all it started: by SIGTERM, and after so many seconds by SIGKILL, as docker stop does."""
    # while one of them lives, the kernel has the volume mounted
    everyone = [(each, start_time(each)) for each in (pid, *children(pid))] if is_running(pid, start) else []
    limit = time.monotonic() + patience
    _send_signal(pid, start, signal.SIGTERM if patience else signal.SIGKILL)
    while any(is_running(*each) for each in everyone) and time.monotonic() < limit:
        time.sleep(0.02)
    _send_signal(pid, start, signal.SIGKILL)
    while any(is_running(*each) for each in everyone):
        time.sleep(0.02)


def _send_signal(pid: int, start: str, number: int) -> None:
    """Send a signal to a process and all it started; the youngest gets it first."""
    for each in [*reversed(children(pid)), pid] if is_running(pid, start) else []:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    try:
        found = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in found for each in (child, *children(child))]
