"""What the course left on a machine, and its removal: specs and keys, volumes while their plugin runs, sockets."""

import errno
import fcntl
import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.setup import Lacking, home

DRIVER = "ddd"
SPECS = ("ddd-tcp.spec", "ddd-tls.json")
KEYS = (".pem", ".csr", ".ext", ".srl")  # what part2/make-certs.sh writes
SECONDS = 25  # Docker itself waits 15 s for a plugin that is gone (moby pkg/plugins/client.go, backoff)
START = "Start it in another terminal:\n    sudo .venv/bin/python part3/plugin.py\nand then type:\n    ./workshop clean"


def _socket() -> Path:
    return Path(os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock")


def _root() -> Path:
    return Path(os.environ.get("DDD_ROOT") or "/var/lib/ddd")


def _docker() -> str | None:
    # Docker looks for the driver's socket at one place only: a plugin elsewhere is none of its own.
    return shutil.which("docker") if _socket() == Path("/run/docker/plugins/ddd.sock") else None


@dataclass(frozen=True)
class Places:
    """Where the course leaves things, and the docker command, if there is one that may know the plugin."""

    socket: Path = field(default_factory=_socket)
    root: Path = field(default_factory=_root)
    specs: Path = Path("/etc/docker/plugins")
    certs: Path = Path("/etc/docker/ddd-certs")
    ours: Path | None = field(default_factory=home)
    docker: str | None = field(default_factory=_docker)


class NoEndpoint(Lacking):
    """The plugin does not know the endpoint."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("plugin.moby.localhost", timeout=SECONDS)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self.path))


def call(path: Path, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """The plugin's answer to VolumeDriver.METHOD. Raises Lacking with the plugin's own sentence where it refuses."""
    connection = _Connection(path)
    try:
        connection.request("POST", f"/VolumeDriver.{method}", json.dumps(body))
        response = connection.getresponse()
        content = response.read()
        answer = json.loads(content) if response.status != 404 else {}
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Lacking(f"The plugin behind {path} gave no answer to {method}: {error}.\n{START}") from error
    finally:
        connection.close()
    if response.status == 404:
        raise NoEndpoint(f"The plugin behind {path} has no {method}.")
    if not isinstance(answer, dict) or answer.get("Err") or response.status != 200:
        raise Lacking(f"The plugin behind {path} refused {method}: {answer}")
    return answer


def state(path: Path) -> str:
    """What stands at a socket's path: "nothing", "other" (no plugin's socket), "stale" (nobody listens) or "listening".

    Raises Lacking where this user may not look.
    """
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return "other"
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(SECONDS)
            probe.connect(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except ConnectionRefusedError:
        return "stale"
    except PermissionError as error:
        raise _not_allowed(path) from error
    except TimeoutError:
        return "listening"  # a queue that is full: busy, or stopped, but there
    except OSError as error:
        if error.errno == errno.EPROTOTYPE:
            return "other"  # it takes datagrams, which no plugin does
        raise
    return "listening"


def _not_allowed(path: Path) -> Lacking:
    return Lacking(f"You may not use {path}. Type:\n    sudo ./workshop clean")


def _daemon(docker: str | None) -> bool:
    return docker is not None and _run([docker, "version", "--format", "{{.Server.Version}}"]).returncode == 0


def known_to(docker: str) -> list[str]:
    """The volumes of our driver that Docker knows; none where it gives no answer in 25 s.

    It asks every driver it ever used, and each one that has a socket or a spec: 15 s for each that is gone.
    """
    try:
        return sorted(_run([docker, "volume", "ls", "--quiet", "--filter", f"driver={DRIVER}"]).stdout.split())
    except Lacking:
        return []


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        what = " ".join(["docker", *command[1:]])
        raise Lacking(f"`{what}` gave no answer in {SECONDS} s: does it wait for a plugin? {START}") from error


class Report:
    """What was found, said as it is found; `left` is whether anything stays for the user to do."""

    def __init__(self) -> None:
        self.found = self.left = False

    def removed(self, what: str) -> None:
        print(f"Removed {what}.")
        self.found = True

    def stays(self, sentence: str) -> None:
        print(sentence)
        self.found = self.left = True


def main(places: Places, yes: bool, ask: Callable[[str], bool] | None) -> int:
    """Removes what the course left, and says what it found. `ask` puts a question; None where nobody can answer.

    Returns 0 where nothing is left, 1 where something is; raises Lacking where the machine stands in the way.
    """
    report = Report()
    running, docker = state(places.socket) == "listening", _daemon(places.docker)
    volumes = _listed(places.socket) if running else _on_disk(places.root)
    if volumes and not (running and _agreed(volumes, yes, ask)):
        if not running:
            _say_start(volumes)
        return 1
    # Specs first: each that leads nowhere makes docker wait 15 s. The socket last: volumes go through it.
    _remove_specs(places, report)
    for name in volumes:
        _remove_volume(name, places, docker)
        report.removed(f"the volume {name}")
    _remove_socket(places.socket, report)
    if docker and not running and (known := known_to(str(places.docker))):
        report.left = report.found = True
        _say_start(known)
    _say_the_end(report, docker)
    return 1 if report.left else 0


def _say_start(volumes: list[str]) -> None:
    print(f"Volumes of {DRIVER}: {', '.join(volumes)}.")
    print(f"Only the plugin can remove them, and it does not run. {START}")


def _say_the_end(report: Report, docker: bool) -> None:
    if not report.found:
        print("Found nothing that the course left on this machine.")
    if docker and not report.left:
        print("Docker remembers a driver it has used, and waits 15 s for one that is gone at each")
        print("`docker volume ls`. To make it forget, type:\n    sudo systemctl restart docker")


def _listed(path: Path) -> list[str]:
    try:
        volumes = call(path, "List", {}).get("Volumes") or []
    except NoEndpoint:  # the plugin of part 1 or part 2
        return []
    return sorted(str(volume["Name"]) for volume in volumes)


def _on_disk(root: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(root / "volumes"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise _not_allowed(root) from error


def _agreed(volumes: list[str], yes: bool, ask: Callable[[str], bool] | None) -> bool:
    count = len(volumes)
    print(f"Volumes of {DRIVER}: {', '.join(volumes)}.")
    if yes:
        return True
    if ask is None:
        print("Nothing was removed. To remove them and all that is in them, type:\n    ./workshop clean --yes")
        return False
    what = "this volume and all that is in it" if count == 1 else f"these {count} volumes and all that is in them"
    if ask(f"Remove {what}?"):
        return True
    print("Nothing was removed. To be asked again, type:\n    ./workshop clean")
    return False


def _remove_volume(name: str, places: Places, by_docker: bool) -> None:
    if not by_docker:
        call(places.socket, "Remove", {"Name": name})
        return
    # A volume that is removed behind Docker's back stays in its records.
    done = _run([str(places.docker), "volume", "rm", "--", name])
    if done.returncode != 0:
        raise Lacking(f"{done.stderr.strip()}\nRemove what uses this volume, and then type:\n    ./workshop clean")


def _remove_specs(places: Places, report: Report) -> None:
    try:
        for name in SPECS:
            _remove_spec(places.specs / name, places.ours, report)
        _remove_certs(places.certs, report)
    except PermissionError as error:
        raise _not_allowed(Path(error.filename)) from error


def _remove_socket(path: Path, report: Report) -> None:
    with _locked(path.parent):
        found = state(path)
        if found == "stale":
            _unlink(path)
            report.removed(f"{path}, a socket that nobody listens on")
    if found == "listening":
        report.stays(f"A plugin listens on {path}. End it with Ctrl-C, and then type:\n    ./workshop clean")
    if found == "other":
        report.stays(
            f"{path} is no plugin's socket, so it is not ours. If you do not need it, type:\n    sudo rm -r '{path}'"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock that a plugin takes to make its socket (part1/plugin.py, listen): none starts meanwhile."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except PermissionError as error:
        raise _not_allowed(path) from error


def _remove_spec(path: Path, clone: Path | None, report: Report) -> None:
    if not path.exists():
        return
    ours = clone / "part2" / path.name if clone else None
    if ours and ours.is_file() and ours.read_bytes().strip() == path.read_bytes().strip():
        path.unlink()
        report.removed(str(path))
    else:
        report.stays(f"{path} is not as the course has it. If you do not need it, type:\n    sudo rm '{path}'")


def _remove_certs(folder: Path, report: Report) -> None:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in list(folder.iterdir()):
        if path.suffix in KEYS:
            path.unlink()
    if any(folder.iterdir()):
        more = f"{folder} holds more than the course's keys."
        report.stays(f"{more} If you do not need it, type:\n    sudo rm -r '{folder}'")
    else:
        folder.rmdir()
        report.removed(f"{folder} and the keys in it")
