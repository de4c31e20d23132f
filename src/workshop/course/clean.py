"""What the course left on a machine, and its removal: specs and keys, volumes while their plugin runs, sockets."""

import errno
import os
import secrets
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ddd.listener import turn
from workshop.protocol.exchange import Address, exchange, request
from workshop.repository import Lacking, find_clone

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
    # Docker looks for the driver's socket at one place only: a plugin elsewhere is not Docker's.
    return shutil.which("docker") if _socket() == Path("/run/docker/plugins/ddd.sock") else None


@dataclass(frozen=True)
class Places:
    """Where the course leaves things, and the docker command, if there is one that may know the plugin."""

    socket: Path = field(default_factory=_socket)
    root: Path = field(default_factory=_root)
    specs: Path = Path("/etc/docker/plugins")
    certs: Path = Path("/etc/docker/ddd-certs")
    ours: Path | None = field(default_factory=find_clone)
    docker: str | None = field(default_factory=_docker)


class NoEndpoint(Lacking):
    """The plugin does not know the endpoint."""


def _call(path: Path, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """The plugin's answer to VolumeDriver.METHOD. Raises Lacking, with the plugin's own sentence, if it refuses."""
    endpoint = f"VolumeDriver.{method}"
    answer = exchange(Address(path=str(path)), endpoint, request(endpoint, body), SECONDS)
    if answer.status == 404:
        raise NoEndpoint(f"The plugin behind {path} has no {method}.")
    if answer.failure:
        raise Lacking(f"The plugin behind {path} gave no answer to {method}: {answer.failure}.\n{START}")
    if not answer.ok:
        raise Lacking(f"The plugin behind {path} refused {method}: {answer.err or answer.text.strip()}")
    return answer.object


def state(path: Path) -> str:
    """What is at a socket's path: "nothing", "other" (not a socket), "stale" (nothing listens) or "listening".

    Raises Lacking if this user may not look.
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


def _engine(docker: str | None) -> str | None:
    """The docker command, if its engine answers and has its socket on this machine; else None.

    DOCKER_HOST, or the current context, may name another machine. Podman, which some systems call docker, has no
    contexts, and keeps its own records of volumes.
    """
    if docker is None or _run([docker, "version", "--format", "{{.Server.Version}}"]).returncode != 0:
        return None
    endpoint = _run([docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return docker if endpoint.returncode == 0 and endpoint.stdout.startswith("unix://") else None


def _reaches(docker: str, path: Path) -> bool:
    """Whether docker's driver is the plugin behind this socket: docker finds a volume that only this plugin can have.

    Docker asks each driver for a name that it does not know (moby volume/service/store.go, getVolume). An engine
    behind a forwarded socket, or in a virtual machine, has another plugin of the same name.
    """
    name = f"clean-{secrets.token_hex(8)}"
    try:
        _call(path, "Create", {"Name": name, "Opts": {}})
    except Lacking:
        return False
    try:
        found = _driver(docker, name) == DRIVER
    except Lacking:
        found = False
    if said := _remove(name, path, docker if found else None):
        raise Lacking(f"The volume {name}, which clean made to find out what docker reaches, stays. {said}")
    return found


def _driver(docker: str, name: str) -> str:
    """The driver of the volume that docker knows by this name; "" if it knows none."""
    return _run([docker, "volume", "inspect", "--format", "{{.Driver}}", "--", name]).stdout.strip()


def _known_to(docker: str) -> list[str]:
    """The volumes of our driver that Docker knows; none if it gives no answer in 25 s.

    It asks every driver it ever used, and each one that has a socket or a spec: 15 s for each that is gone.
    """
    try:
        return sorted(_run([docker, "volume", "ls", "--quiet", "--filter", f"driver={DRIVER}"]).stdout.splitlines())
    except Lacking:
        return []


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        what = " ".join(["docker", *command[1:]])
        raise Lacking(f"`{what}` gave no answer in {SECONDS} s: does it wait for a plugin? {START}") from error


class Report:
    """What was found, printed as it is found; `left` tells whether anything is left for the user to do."""

    def __init__(self) -> None:
        self.found = self.left = False

    def removed(self, what: str) -> None:
        print(f"Removed {what}.")
        self.found = True

    def gone(self, what: str) -> None:
        print(f"Something else has removed {what}.")
        self.found = True

    def stays(self, sentence: str) -> None:
        print(sentence)
        self.found = self.left = True


def main(places: Places, yes: bool, ask: Callable[[str], bool] | None) -> int:
    """Removes what the course left, and says what it found. `ask` puts a question; None if nobody can answer.

    Returns 0 if nothing is left, 1 if something is; raises Lacking if the machine prevents it.
    """
    report = Report()
    running, docker = state(places.socket) == "listening", _engine(places.docker)
    volumes = _listed(places.socket) if running else _on_disk(places.root)
    if volumes and not (running and _agreed(volumes, yes, ask)):
        if not running:
            _say_start(volumes)
        return 1
    # Specs first: each that leads nowhere makes docker wait 15 s. The socket last: volumes go through it.
    _remove_specs(places, report)
    _remove_volumes(volumes, places, docker, report)
    _remove_socket(places.socket, report)
    if docker and not running and (known := _known_to(docker)):
        report.left = report.found = True
        _say_start(known)
    _say_the_end(report, docker is not None)
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
        volumes = _call(path, "List", {}).get("Volumes") or []
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


def _remove_volumes(volumes: list[str], places: Places, docker: str | None, report: Report) -> None:
    if not volumes:
        return
    through = docker if docker and _reaches(docker, places.socket) else None
    for name in volumes:
        said = _remove(name, places.socket, through)
        stays = name in _listed(places.socket)
        if stays and said:
            raise Lacking(said)
        if stays:
            log = "Look for the reason in the plugin's log, and then type:\n    ./workshop clean"
            report.stays(f"The volume {name} is still there, although nothing refused to remove it. {log}")
        elif said:
            report.gone(f"the volume {name}")
        else:
            report.removed(f"the volume {name}")
    if places.docker and not through:
        print(f"Docker may still remember {', '.join(volumes)}: this docker command does not reach the plugin.")
        print("Docker forgets them when it starts while the plugin runs. Type:\n    sudo systemctl restart docker")


def _remove(name: str, path: Path, docker: str | None) -> str:
    """Removes a volume, through docker if docker knows this name as ours; returns what prevented it, or "".

    A volume that is removed without Docker stays in Docker's records. But docker may know another driver's volume by
    this name: that one is not ours to remove.
    """
    if docker and _driver(docker, name) == DRIVER:
        done = _run([docker, "volume", "rm", "--", name])
        failed = f"{done.stderr.strip()}\nRemove what uses this volume, and then type:\n    ./workshop clean"
        return failed if done.returncode != 0 else ""
    try:
        _call(path, "Remove", {"Name": name})
    except Lacking as refused:
        return str(refused)
    return ""


def _remove_specs(places: Places, report: Report) -> None:
    try:
        for name in SPECS:
            _remove_spec(places.specs / name, places.ours, report)
        _remove_certs(places.certs, report)
    except PermissionError as error:
        raise _not_allowed(Path(error.filename)) from error


def _remove_socket(path: Path, report: Report) -> None:
    found = state(path)
    if found == "stale":
        found = _remove_stale(path, report)
    if found == "listening":
        report.stays(f"A plugin listens on {path}. End it with Ctrl-C, and then type:\n    ./workshop clean")
    if found == "other":
        report.stays(
            f"{path} is no plugin's socket, so it is not ours. If you do not need it, type:\n    sudo rm -r '{path}'"
        )


def _remove_stale(path: Path, report: Report) -> str:
    """Removes a socket that nothing listens on; returns what is at its path afterwards.

    It holds the lock that ddd takes to make its socket, so that it never removes a new socket.
    """
    try:
        with turn(f"{path}.lock"):
            found = state(path)
            if found == "stale":
                path.unlink()
                report.removed(f"{path}, a socket that nobody listens on")
    except PermissionError as error:
        raise _not_allowed(path) from error
    return found


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
