"""./workshop clean, on folders of the test's own: with real sockets, and a small plugin behind one of them."""

import json
import re
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from workshop.course import clean
from workshop.course.clean import Places, main
from workshop.repository import Lacking


class Plugin(ThreadingMixIn, UnixStreamServer):
    """A plugin that holds names, and forgets those it is asked to remove; with `volumes` None it has no endpoint."""

    volumes: set[str] | None
    kept: set[str]


class Handler(BaseHTTPRequestHandler):
    server: Plugin

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        volumes, name = self.server.volumes, asked.get("Name")
        if volumes is None:
            self.reply(404, {"Err": "no such endpoint"})
        elif self.path == "/VolumeDriver.List":
            self.reply(200, {"Volumes": [{"Name": name} for name in volumes], "Err": ""})
        elif self.path == "/VolumeDriver.Create" and "Create" in self.server.kept:
            self.reply(500, {"Err": "the disk is full"})
        elif self.path == "/VolumeDriver.Create":
            volumes.add(name)
            self.reply(200, {"Err": ""})
        elif self.path == "/VolumeDriver.Get":
            self.reply(200, {"Volume": {"Name": name}} if name in volumes else {"Err": "there is none"})
        elif name in self.server.kept:
            self.reply(409, {"Err": "a container has it"})
        elif name == "taken":
            volumes.remove(name)  # by somebody else, a moment ago
            self.reply(500, {"Err": "there is none"})
        else:
            if name != "sticky":
                volumes.remove(name)
            self.reply(200, {"Err": ""})

    def reply(self, status: int, answer: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    run = Path(tempfile.mkdtemp(prefix="ddd-"))  # short: a socket's path has at most 107 bytes
    for folder in ("etc", "clone/part2"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "clone/part2/ddd-tcp.spec").write_text("tcp://127.0.0.1:8080\n")
    (tmp_path / "clone/part2/ddd-tls.json").write_text('{"Addr": "https://127.0.0.1:8081"}\n')
    yield Places(
        run / "ddd.sock", tmp_path / "var", tmp_path / "etc", tmp_path / "certs", tmp_path / "clone", docker=None
    )
    shutil.rmtree(run)


@contextmanager
def plugin(path: Path, volumes: set[str] | None, kept: frozenset[str] = frozenset()) -> Iterator[None]:
    with Plugin(str(path), Handler) as server:
        server.volumes, server.kept = volumes, set(kept)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


HERE = 'case "$1" in context) echo unix:///var/run/docker.sock; exit ;; esac\n'


def docker(folder: Path, script: str, context: str = HERE) -> str:
    return program(folder, f"#!/bin/sh\necho \"$*\" >>'{folder}/calls'\n{context}{script}")


def program(folder: Path, text: str) -> str:
    path = folder / "docker"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


# An engine with volumes of its own. One that it does not know it looks for in its plugin, as the real one does.
ENGINE = """#!{python} -I
import json, pathlib, sys
from workshop.protocol.exchange import Address, exchange, request
folder, plugin, endpoint = pathlib.Path({folder!r}), {plugin!r}, {endpoint!r}
words, file = sys.argv[1:], folder / "engine"
with (folder / "calls").open("a") as calls:
    print(*words, file=calls)
volumes, name = json.loads(file.read_text()), words[-1]

def ask(method):
    endpoint = "VolumeDriver." + method
    return exchange(Address(path=plugin), endpoint, request(endpoint, {{"Name": name}}))

if words[0] == "context":
    print(endpoint)
elif words[:2] == ["volume", "inspect"]:
    if name not in volumes and not (plugin and ask("Get").ok):
        sys.exit(f"Error: No such volume: {{name}}")
    print(volumes.get(name, "ddd"))
elif words[:2] == ["volume", "rm"]:
    if name in volumes:
        del volumes[name]
        file.write_text(json.dumps(volumes))
    elif not ask("Remove").ok:
        sys.exit(f"Error response from daemon: remove {{name}}: {{ask('Remove').err}}")
"""


@dataclass
class Engine:
    """A docker command with an engine of the test's own behind it."""

    folder: Path
    docker: str

    @property
    def volumes(self) -> dict[str, str]:
        """The driver of each volume that the engine has in its own records."""
        found = json.loads((self.folder / "engine").read_text())
        assert isinstance(found, dict)
        return found

    @property
    def calls(self) -> list[str]:
        """What docker was asked, without the questions whether it is there and about a volume of clean's own."""
        asked = (self.folder / "calls").read_text().splitlines()
        return [call for call in asked if call.startswith("volume ") and not re.search(r" clean-[0-9a-f]{16}$", call)]


def engine(
    folder: Path, plugin: Path | None, volumes: dict[str, str], endpoint: str = "unix:///run/docker.sock"
) -> Engine:
    (folder / "engine").write_text(json.dumps(volumes))
    text = ENGINE.format(python=sys.executable, folder=str(folder), plugin=str(plugin or ""), endpoint=endpoint)
    return Engine(folder, program(folder, text))


def test_nothing_to_clean(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(places, yes=False, ask=None) == 0
    assert capsys.readouterr().out == "Found nothing that the course left on this machine.\n"


def test_a_socket_that_nobody_listens_on_goes(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    stale(places.socket)
    assert main(places, yes=False, ask=None) == 0
    assert not places.socket.exists()
    assert f"Removed {places.socket}" in capsys.readouterr().out


def test_a_plugin_that_has_just_started_keeps_its_socket(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    stale(places.socket)

    @contextmanager
    def turn_of_another_first(path: str) -> Iterator[None]:
        assert path == f"{places.socket}.lock", "wanted the lock that ddd takes"
        places.socket.unlink()
        with socket.socket(socket.AF_UNIX) as started:
            started.bind(str(places.socket))
            started.listen()
            yield

    monkeypatch.setattr(clean, "turn", turn_of_another_first)
    assert main(places, yes=False, ask=None) == 1
    assert places.socket.exists(), "wanted the socket of a plugin that listens to stay"


def test_a_file_that_is_no_socket_stays(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.socket.write_text("mine")
    assert main(places, yes=True, ask=None) == 1
    assert places.socket.read_text() == "mine"
    assert capsys.readouterr().out.endswith(f"sudo rm -r '{places.socket}'\n")


def test_a_living_socket_for_datagrams_stays(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(places.socket))
        assert main(places, yes=True, ask=None) == 1
    assert places.socket.exists()
    assert f"{places.socket} is no plugin's socket" in capsys.readouterr().out


def test_below_a_file_there_is_nothing(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.socket.write_text("mine")
    assert main(replace(places, socket=places.socket / "ddd.sock"), yes=False, ask=None) == 0
    assert capsys.readouterr().out == "Found nothing that the course left on this machine.\n"


def test_without_a_terminal_volumes_stay(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    volumes = {"pear", "mango"}
    spec = places.specs / "ddd-tcp.spec"
    spec.write_text("tcp://127.0.0.1:8080\n")
    with plugin(places.socket, volumes):
        assert main(places, yes=False, ask=None) == 1
    assert volumes == {"pear", "mango"}
    assert spec.exists()
    out = capsys.readouterr().out
    assert out.startswith("Volumes of ddd: mango, pear.\nNothing was removed.")
    assert out.endswith("./workshop clean --yes\n")


@pytest.mark.parametrize(("answer", "left"), [(True, set()), (False, {"mango", "pear", "kiwi"})])
def test_on_a_terminal_it_asks_first(places: Places, answer: bool, left: set[str]) -> None:
    volumes, questions = {"mango", "pear", "kiwi"}, []

    def ask(question: str) -> bool:
        questions.append(question)
        assert len(volumes) == 3
        return answer

    with plugin(places.socket, volumes):
        assert main(places, yes=False, ask=ask) == 1  # the plugin still runs
    assert questions == ["Remove these 3 volumes and all that is in them?"]
    assert volumes == left


def test_yes_removes_volumes_and_names_the_plugin(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    volumes = {"mango"}
    with plugin(places.socket, volumes):
        assert main(places, yes=True, ask=None) == 1
        assert clean.state(places.socket) == "listening"
    out = capsys.readouterr().out
    assert volumes == set()
    assert "Removed the volume mango." in out
    assert f"A plugin listens on {places.socket}. End it with Ctrl-C" in out
    assert main(places, yes=False, ask=None) == 0
    assert not places.socket.exists()


def test_a_volume_in_use_is_named_with_the_plugins_sentence(places: Places) -> None:
    volumes = {"mango"}
    with plugin(places.socket, volumes, kept=frozenset({"mango"})), pytest.raises(Lacking, match="a container has it"):
        main(places, yes=True, ask=None)
    assert volumes == {"mango"}


def test_a_plugin_of_an_earlier_part_has_no_volumes(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    with plugin(places.socket, None):
        assert main(places, yes=True, ask=None) == 1
    assert capsys.readouterr().out.startswith(f"A plugin listens on {places.socket}.")


def test_volumes_of_a_plugin_that_is_gone(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    (places.root / "volumes/mango/data").mkdir(parents=True)
    stale(places.socket)
    assert main(places, yes=True, ask=None) == 1
    out = capsys.readouterr().out
    assert "Volumes of ddd: mango." in out
    assert "part3/plugin.py" in out
    assert (places.root / "volumes/mango/data").exists()


def test_specs_go_only_when_they_are_ours(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = places.specs / "ddd-tcp.spec", places.specs / "ddd-tls.json"
    ours.write_text("tcp://127.0.0.1:8080")
    theirs.write_text("{}")
    assert main(places, yes=False, ask=None) == 1
    assert not ours.exists()
    assert theirs.read_text() == "{}"
    assert capsys.readouterr().out.endswith(f"sudo rm '{theirs}'\n")


def test_keys_go_and_what_is_not_a_key_stays(places: Places) -> None:
    places.certs.mkdir()
    for name in ("ca.pem", "server-key.pem", "notes.txt"):
        (places.certs / name).touch()
    assert main(places, yes=False, ask=None) == 1
    assert [path.name for path in places.certs.iterdir()] == ["notes.txt"]
    (places.certs / "notes.txt").unlink()
    assert main(places, yes=False, ask=None) == 0
    assert not places.certs.exists()


def test_docker_is_asked_to_remove_what_it_may_know(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"mango"}, engine(tmp_path, places.socket, {"mango": "ddd"})
    with plugin(places.socket, volumes):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert there.calls[-1] == "volume rm -- mango"
    assert volumes == {"mango"}  # the test's docker passes nothing on, and clean must not do it behind docker's back
    out = capsys.readouterr().out
    assert "The volume mango is still there" in out
    assert "Removed the volume" not in out
    assert "systemctl" not in out  # not before the plugin is gone


def test_docker_that_finds_it_in_the_plugin_removes_it(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"-f"}, engine(tmp_path, places.socket, {})
    with plugin(places.socket, volumes):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert volumes == set()
    assert there.calls == ["volume inspect --format {{.Driver}} -- -f", "volume rm -- -f"]
    out = capsys.readouterr().out
    assert "Removed the volume -f." in out
    assert "remember" not in out


def test_another_drivers_volume_of_this_name_stays(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"mango"}, engine(tmp_path, places.socket, {"mango": "local"})
    with plugin(places.socket, volumes):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert (volumes, there.volumes) == (set(), {"mango": "local"})
    out = capsys.readouterr().out
    assert "Removed the volume mango." in out
    assert "remember" not in out


@pytest.mark.parametrize("endpoint", ["tcp://10.0.0.7:2376", "ssh://mango@example.org", ""])
def test_docker_of_another_machine_is_left_alone(
    places: Places, tmp_path: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"mango"}, engine(tmp_path, places.socket, {"mango": "ddd"}, endpoint)
    with plugin(places.socket, volumes):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert (volumes, there.volumes, there.calls) == (set(), {"mango": "ddd"}, [])
    assert "Docker may still remember mango" in capsys.readouterr().out


def test_another_plugin_of_the_same_name_is_left_alone(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"mango"}, engine(tmp_path, None, {"mango": "ddd"})
    with plugin(places.socket, volumes):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert (volumes, there.volumes, there.calls) == (set(), {"mango": "ddd"}, [])
    out = capsys.readouterr().out
    assert "Removed the volume mango." in out
    assert "Docker may still remember mango" in out


def test_a_plugin_that_can_make_no_volume_removes_its_own(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes, there = {"mango"}, engine(tmp_path, places.socket, {"mango": "ddd"})
    with plugin(places.socket, volumes, frozenset({"Create"})):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert (volumes, there.calls) == (set(), [])
    assert "Docker may still remember mango" in capsys.readouterr().out


def test_volumes_of_another_machines_docker_are_not_ours(places: Places, tmp_path: Path) -> None:
    there = docker(tmp_path, '[ "$2" != ls ] || echo mango', HERE.replace("unix", "tcp"))
    assert main(replace(places, docker=there), yes=True, ask=None) == 0
    assert "volume" not in (tmp_path / "calls").read_text()


def test_podman_that_is_called_docker_is_left_alone(places: Places, tmp_path: Path) -> None:
    podman = docker(tmp_path, '[ "$1" = version ] || { echo Error: unrecognized command >&2; exit 125; }', "")
    volumes = {"mango"}
    with plugin(places.socket, volumes):
        main(replace(places, docker=podman), yes=True, ask=None)
    assert volumes == set()
    assert "volume" not in (tmp_path / "calls").read_text()


def test_a_volume_that_a_container_of_another_engine_uses(places: Places, tmp_path: Path) -> None:
    volumes, there = {"mango"}, engine(tmp_path, places.socket, {})
    with plugin(places.socket, volumes, frozenset({"mango"})), pytest.raises(Lacking, match="a container has it"):
        main(replace(places, docker=there.docker), yes=True, ask=None)
    assert volumes == {"mango"}


def test_a_volume_that_somebody_else_removes_meanwhile(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    volumes = {"taken", "mango"}
    with plugin(places.socket, volumes):
        main(places, yes=True, ask=None)
    assert volumes == set()
    out = capsys.readouterr().out
    assert "Something else has removed the volume taken." in out
    assert "Removed the volume taken" not in out


def test_a_volume_that_stays_is_not_called_removed(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    with plugin(places.socket, {"sticky"}):
        assert main(places, yes=True, ask=None) == 1
    out = capsys.readouterr().out
    assert "The volume sticky is still there" in out
    assert "Removed the volume" not in out


def test_a_volume_that_docker_keeps(places: Places, tmp_path: Path) -> None:
    script = """case "$*" in *" rm "*mango) echo volume is in use >&2; exit 1 ;; esac; exec '{}' "$@" """
    real = Path(engine(tmp_path, places.socket, {"mango": "ddd"}).docker).rename(tmp_path / "engine-docker")
    command = docker(tmp_path, script.format(real))
    with plugin(places.socket, {"mango"}), pytest.raises(Lacking, match="volume is in use"):
        main(replace(places, docker=command), yes=True, ask=None)


def test_docker_is_restarted_at_the_end(places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(replace(places, docker=docker(tmp_path, "")), yes=True, ask=None) == 0
    assert capsys.readouterr().out.endswith("sudo systemctl restart docker\n")


def test_docker_without_a_daemon_is_left_out(places: Places, tmp_path: Path) -> None:
    volumes = {"mango"}
    with plugin(places.socket, volumes):
        main(replace(places, docker=docker(tmp_path, "exit 1")), yes=True, ask=None)
    assert volumes == set()


def test_docker_that_waits_for_a_plugin_is_not_waited_for(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clean, "SECONDS", 1)
    command = docker(tmp_path, '[ "$1" = version ] || { sleep 30; echo mango; }')
    assert main(replace(places, docker=command), yes=True, ask=None) == 0
    assert "systemctl" in capsys.readouterr().out


def test_a_daemon_that_does_not_get_ready(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "SECONDS", 0.1)
    with pytest.raises(Lacking, match=r"part3/plugin\.py"):
        main(replace(places, docker=docker(tmp_path, "exec sleep 600")), yes=True, ask=None)


def test_volumes_that_docker_knows_of_a_plugin_that_is_gone(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale(places.socket)
    command = docker(tmp_path, '[ "$2" != ls ] || echo mango')
    assert main(replace(places, docker=command), yes=True, ask=None) == 1
    assert "Volumes of ddd: mango.\nOnly the plugin can remove them" in capsys.readouterr().out
    assert "volume rm" not in (tmp_path / "calls").read_text()


def test_the_folders_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DDD_SOCKET", raising=False)
    assert Places().socket == Path("/run/docker/plugins/ddd.sock")
    monkeypatch.setenv("DDD_SOCKET", "/tmp/other.sock")
    assert (Places().socket, Places().docker) == (Path("/tmp/other.sock"), None)
