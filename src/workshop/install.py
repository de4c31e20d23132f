"""What a verb needs that is not there yet: an extra's packages by pip, a machine's programs by apt."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workshop import interpreter
from workshop.repository import Lacking, clone_root


@dataclass(frozen=True)
class Need:
    """What the tests of one mark need: extras of ours, Debian's packages with the program that shows each is there,
    the same for packages that not every release has, files that the kernel gives with the command that makes each,
    and why these tests are left out if nobody asks for them. What a kernel has to give, only root can use."""

    why: str
    extras: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    where_known: tuple[tuple[str, str], ...] = ()
    kernel: tuple[tuple[str, str], ...] = ()


# A client without a daemon is often there as `docker` already: `dockerd` is what counts.
NEEDS = {
    "engine": Need(
        "they start a Docker Engine of their own",
        packages=(
            ("docker.io", "dockerd"),
            ("busybox-static", "busybox"),
            ("debootstrap", "debootstrap"),
            ("curl", "curl"),
            ("openssl", "openssl"),
            ("podman", "podman"),
        ),
        where_known=(("docker-cli", "docker"), ("docker-compose", "docker-compose")),
    ),
    "slow": Need(
        "they take minutes, Go, Node and socat",
        extras=("docs", "lab", "faults"),
        packages=(
            ("golang-go", "go"),
            ("nodejs", "node"),
            ("socat", "socat"),
            ("strace", "strace"),
            ("bubblewrap", "bwrap"),
            ("systemd", "systemd-analyze"),
            ("btrfs-progs", "mkfs.btrfs"),
        ),
    ),
    "browser": Need("they open pages in Chromium", extras=("browser", "docs"), packages=(("chromium", "chromium"),)),
    "peers": Need(
        "they run public plugins for minutes",
        packages=(
            ("rclone", "rclone"),
            ("fuse3", "fusermount3"),
            ("btrfs-progs", "mkfs.btrfs"),
            ("golang-go", "go"),
            ("nodejs", "node"),
        ),
        # in a container, nobody makes the files of devices, though the kernel has them
        kernel=(
            ("/dev/fuse", "modprobe fuse; mknod /dev/fuse c 10 229"),
            ("/dev/loop-control", "modprobe loop; mknod /dev/loop-control c 10 237"),
            ("/dev/loop0", "mknod /dev/loop0 b 7 0"),
            ("/sys/fs/btrfs", "modprobe btrfs"),
        ),
    ),
    "thorough": Need(
        "with --require slow, half an hour",
        packages=(("firefox-esr", "firefox-esr"),),
    ),
    "engines": Need(
        "they run in each Debian, for an hour",
        packages=(("debootstrap", "debootstrap"),),
    ),
}


def requirements(extra: str, root: Path) -> list[str]:
    """The packages that an extra of pyproject.toml names, with those of the extras it is made of."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    found: list[str] = []
    for requirement in project["optional-dependencies"][extra]:
        ours = re.fullmatch(re.escape(project["name"]) + r"\[(.*)\]", requirement)
        parts = [name.strip() for name in ours[1].split(",")] if ours else []
        found += [deep for part in parts for deep in requirements(part, root)] if ours else [requirement]
    return found


def missing(wanted: list[str], root: Path) -> list[str]:
    """Those of the wanted packages that this Python does not have, or not in the version of constraints.txt."""
    lines = (root / "constraints.txt").read_text().split()
    pins = {_plain(name): version for name, _, version in (line.partition("==") for line in lines)}
    return [requirement for requirement in wanted if not _installed(_plain(requirement), pins)]


def _plain(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement


def _installed(name: str, pins: dict[str, str]) -> bool:
    from importlib import metadata

    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    # RECORD is what pip writes last: without it the package may be there in part.
    return found.version == pins.get(name, found.version) and found.read_text("RECORD") is not None


def extra(name: str) -> None:
    """Installs what an extra needs and this Python lacks. Raises Lacking if pip fails."""
    root = clone_root()
    wanted = requirements(name, root)
    if not missing(wanted, root):
        return
    if not os.access(sys.prefix, os.W_OK):
        venv = f"{sys.prefix} belongs to another user."
        raise Lacking(f"{venv} Remove it, then start again:\n    sudo rm -rf '{sys.prefix}'")
    with _unfinished(root):
        pip_install(missing(wanted, root), root)


def pip_install(packages: list[str], root: Path) -> None:
    if not packages:
        return  # another start installed them while this one waited for its turn
    pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "-c", str(root / "constraints.txt")]
    try:
        environment = interpreter.for_pip()
    except interpreter.Unreadable as error:
        raise Lacking(f"{error}\nFix this file, and type it again.") from None
    _run(
        [*pip, *packages],
        f"Installing {', '.join(map(_plain, packages))} (once) …",
        "pip could not install them. Without a network, name a folder of wheels:\n"
        "    PIP_FIND_LINKS=/path/to/wheels PIP_NO_INDEX=1 ./workshop test",
        environment,
    )


@contextmanager
def _unfinished(root: Path) -> Iterator[None]:
    """Takes the launcher's lock, and removes its stamp: if pip is killed, the next start makes .venv again."""
    stamp, aside = root / ".venv/made-from", root / ".venv/made-from.aside"
    with _locked(root):
        ours = stamp.is_file() and Path(sys.prefix).resolve() == (root / ".venv").resolve()
        if ours:
            stamp.rename(aside)
        try:
            yield
        except Lacking:  # pip gave up by itself: what it left is whole
            if ours:
                aside.rename(stamp)
            raise
        if ours:
            aside.rename(stamp)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)  # pip holds the lock too: it may outlive a tool that is killed
    try:
        with suppress(OSError):  # a network folder may not have locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lacks(mark: str) -> str:
    """Return what of the kernel the tests of a mark lack here, with the command to type; "" where all is there."""
    absent = {path: command for path, command in NEEDS[mark].kernel if not Path(path).exists()}
    if NEEDS[mark].kernel and os.geteuid() != 0:
        return f"These tests mount file systems, as root:\n    sudo ./workshop test --require {mark}"
    if not absent:
        return ""
    commands = "".join(f"\n    {command}" for command in absent.values())
    return f"These tests need {', '.join(absent)}. Make them, as root:{commands}"


def programs_for(marks: Sequence[str], install: bool) -> None:
    """Looks for the programs that the tests of these marks need. With `install`, and as root, apt installs them.

    Raises Lacking with the command to type, and leaves the machine as it is, if somebody else has to install them.
    """
    needs = [NEEDS[mark] for mark in marks]
    absent = {
        package: program for need in needs for package, program in need.packages if not has_program(package, program)
    }
    by_apt = install and os.geteuid() == 0 and shutil.which("apt-get") is not None
    if absent and by_apt:
        _run(["apt-get", "update", "-q"], "Asking apt for its list of packages …", "apt failed:\n    apt-get update")
    where_known = {package: program for need in needs for package, program in need.where_known}
    absent |= {package: program for package, program in where_known.items() if not has_program(package, program)
               and apt_knows(package)}  # fmt: skip
    if absent and not by_apt:
        raise Lacking(_to_install(absent, marks))
    if absent:
        _apt(list(absent))
    for mark in marks:
        if need := lacks(mark):
            raise Lacking(need)


def _to_install(absent: dict[str, str], marks: Sequence[str]) -> str:
    if shutil.which("apt-get") is None:
        again = " ".join(f"--require {mark}" for mark in marks)
        return (f"These tests need {', '.join(absent.values())}. Install them with your system's packages, then type:\n"
                f"    ./workshop test {again}")  # fmt: skip
    command = "apt-get install -y --no-install-recommends " + " ".join(absent)
    need = f"These tests need {', '.join(absent)}."
    if os.geteuid() != 0:
        return f"{need} Install them:\n    sudo apt-get update && sudo {command}"
    return f"{need} Add --install, and they are installed; or install them:\n    apt-get update && {command}"


def _apt(packages: list[str]) -> None:
    # A machine that has just started may be busy with its own upgrades: wait for it.
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    typed = "apt-get install --no-install-recommends " + " ".join(packages)
    _run([*install, *packages], f"Installing {', '.join(packages)} with apt (once) …", f"apt failed:\n    {typed}")


def apt_knows(package: str) -> bool:
    if shutil.which("apt-cache") is None:
        return False
    return subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0


def has_program(package: str, program: str) -> bool:
    if package == "busybox-static" and shutil.which("dpkg-query"):
        # Debian's other busybox has the same name, and needs libraries that an image without any does not have.
        query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
        return subprocess.run(query, capture_output=True, text=True).stdout == "installed"
    folders = ["/usr/sbin", "/sbin", "/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins"]
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *folders])) is not None


def _run(command: list[str], doing: str, failed: str, environment: Mapping[str, str] = os.environ) -> None:
    print(doing, file=sys.stderr, flush=True)
    quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", env=quiet, close_fds=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Lacking("\n".join([*done.stdout.splitlines()[-5:], "", failed]))
