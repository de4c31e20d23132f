"""A private Docker Engine: its own data, plugin folders and processes, beside whatever runs on this machine.

The engine lives in namespaces of its own: mounts, processes, and a network that is but a loopback. One folder on the
host holds everything it writes; three folders in it are what the engine sees as /run/docker/plugins, /etc/docker and
/var/lib/ddd. The namespaces are held by a shell, which is process 1 there: it outlives dockerd, so that dockerd alone
can be killed, and when it ends, all ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

# Mount points that the machine does not have are made in a layer above /run, /etc and /var/lib, which it never sees.
# `cat` ends when its standard input does, and with it process 1 and the whole namespace.
INIT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
busybox ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward  # without it docker run of 28.5 prints a warning
mkdir "$1/layers"
mount -t tmpfs tmpfs "$1/layers"
for top in run etc var/lib; do
    mkdir -p "$1/layers/$top/upper" "$1/layers/$top/work"
    mount -t overlay -o "lowerdir=/$top,upperdir=$1/layers/$top/upper,workdir=$1/layers/$top/work" overlay "/$top"
done
private() { mkdir -p "$1" "$2"; mount --bind "$1" "$2"; }
private "$1/etc-docker" /etc/docker
private "$1/plugins" /run/docker/plugins
private "$1/ddd" /var/lib/ddd
mkdir -p /etc/docker/plugins
echo ready
cat
"""


class EngineError(Exception):
    """The engine, or a command beside it, did not do what was asked; the message holds what it wrote."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Return as soon as `condition` holds; raise EngineError when it does not within `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise EngineError(f"waited {seconds} s, in vain, for {what}")
        time.sleep(0.02)


def answers(path: Path) -> bool:
    """Whether somebody listens on the Unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        return client.connect_ex(str(path)) == 0


def child_of(process: subprocess.Popen[str]) -> int:
    """The host's number of the only child of `process`: of the command behind nsenter or unshare."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(children.read_text, "the child of a command")
    return int(children.read_text().split()[0])


class Engine:
    """One Docker Engine. `start` it, give it commands, `stop` it; or use it in a `with` statement."""

    def __init__(self, dockerd: str = "dockerd") -> None:
        self.dockerd = dockerd
        self.folder = Path(tempfile.mkdtemp(prefix="ddd-engine-"))
        self.plugins = self.folder / "plugins"  # /run/docker/plugins of the engine
        self.etc = self.folder / "etc-docker"  # /etc/docker
        self.specs = self.etc / "plugins"  # /etc/docker/plugins
        self.root = self.folder / "ddd"  # /var/lib/ddd
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "dockerd.log"
        self._init: subprocess.Popen[str] | None = None
        self._dockerd: subprocess.Popen[str] | None = None
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Engine:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Its life

    def start(self) -> None:
        """Make the namespaces and start dockerd in them; return when it answers."""
        command = ["sh", "-c", INIT, "init", str(self.folder)]
        command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", *command]
        self._init = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._init.stdout
        if self._init.stdout.readline() != "ready\n":
            raise EngineError("the namespaces of the engine could not be made")
        self.start_dockerd()

    def start_dockerd(self, seconds: float = 90) -> None:
        """Start dockerd in the namespaces that are there; return when it answers `GET /_ping`.

        `seconds` is long: before it listens dockerd asks for each volume it knows, 15 s for one whose plugin is gone.
        """
        command = [
            self.dockerd,
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/exec",
            f"--pidfile={self.folder}/docker.pid",
            f"--host=unix://{self.socket}",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent=/{self.folder.name}",
        ]
        with self.log.open("a") as log:
            process = self._dockerd = self.spawn(command, output=log)

        def ready() -> bool:
            if process.poll() is not None:
                raise EngineError(f"dockerd ended with status {process.returncode}:\n{self.tail()}")
            return self._ping()

        wait_for(ready, "the answer of dockerd", seconds)

    def kill_dockerd(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal dockerd, and only dockerd; return when it is gone. Containers and plugins live on after SIGKILL."""
        assert self._dockerd, "dockerd is not started"
        self.signal(self._dockerd, how)
        self._dockerd.wait(60)

    def restart_dockerd(self) -> None:
        """What `systemctl restart docker` does: SIGTERM, on which dockerd stops its containers, then a new start."""
        self.kill_dockerd(signal.SIGTERM)
        self.start_dockerd()

    def stop(self) -> None:
        """End everything that runs in the namespaces, at once, and remove all that the engine wrote."""
        if self._init:
            self._init.kill()
            self._init.communicate(timeout=30)
            self._init = None
        for process in self._processes:
            with process:
                process.wait(30)  # nsenter, whose command the kernel has just killed
        self._processes.clear()
        cgroups = Path("/sys/fs/cgroup")  # version 2: one tree; version 1: a tree for each resource
        for group in [*cgroups.glob(self.folder.name), *cgroups.glob(f"*/{self.folder.name}")]:
            remove_cgroup(group)
        shutil.rmtree(self.folder)

    def tail(self, lines: int = 20) -> str:
        """The last lines of dockerd's log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])

    def _ping(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            if client.connect_ex(str(self.socket)):
                return False
            with contextlib.suppress(OSError):
                client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in client.recv(64)
            return False

    # Commands beside it

    def inside(self, command: Sequence[str], folder: Path | None = None) -> list[str]:
        """`command` as it has to be called on the host to run in the engine's namespaces, in `folder`."""
        assert self._init, "the engine is not started"
        where = f"--wdns={folder or Path.cwd()}"
        return ["nsenter", f"--target={child_of(self._init)}", "--mount", "--pid", "--net", where, "--", *command]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """This process's environment, with docker pointed at this engine, and the folders where dockerd is found."""
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("DDD_", "DOCKER_"))}
        return {**ours, "PATH": path, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0", **(more or {})}

    def run(
        self, *command: str, check: bool = True, seconds: float = 120, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the namespaces. EngineError with its output when it fails, unless `check` is False."""
        done = subprocess.run(
            self.inside(command, folder),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if check and done.returncode:
            raise EngineError(f"{' '.join(command)}\nended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def docker(self, *arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `docker` with these arguments on this engine."""
        return self.run("docker", *arguments, check=check, seconds=seconds)

    def output(self, *arguments: str) -> str:
        """What `docker` with these arguments prints, without the last newline."""
        return self.docker(*arguments).stdout.rstrip("\n")

    def container(self, *arguments: str) -> str:
        """What a container prints that is run to its end and removed: `docker run --rm` without a network."""
        return self.output("run", "--rm", "--network=none", *arguments)

    def shell(self, script: str, check: bool = True, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run lines of a slide, unchanged, as a reader types them beside this engine."""
        return self.run("sh", "-c", script, check=check, folder=folder)

    def spawn(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        output: IO[str] | int = subprocess.DEVNULL,
        input: int = subprocess.DEVNULL,
        folder: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command in the namespaces and go on: a plugin, or what stays in front. `signal` reaches it."""
        process = subprocess.Popen(
            self.inside(command, folder),
            env=self.environment(env),
            stdin=input,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def signal(self, process: subprocess.Popen[str], how: signal.Signals) -> None:
        """Send a signal to the command behind `process`: nsenter, which stands between, does not hand it on."""
        os.kill(child_of(process), how)


def remove_cgroup(folder: Path) -> None:
    """Remove a control group and those below it: the kernel allows it when the last of their processes is gone."""
    for below, _, _ in os.walk(folder, topdown=False):

        def removed(path: str = below) -> bool:
            with contextlib.suppress(OSError):
                os.rmdir(path)
            return not os.path.exists(path)

        wait_for(removed, f"the end of the processes in {below}")
