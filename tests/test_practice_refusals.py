"""What `./workshop docker` does not understand it refuses, and what fails halfway leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop.daemon.daemon import Bound, Container, Daemon, DockerError, Mount
from workshop.daemon.practice import namespace as machine
from workshop.daemon.practice.docker import main
from workshop.daemon.practice.home import DiskRecord
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin
from workshop.protocol.discovery import Places

ROOT = Path(__file__).parent.parent
Docker = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The practice daemon's folder, of this test alone."""
    with private_folder() as path:
        monkeypatch.setenv("WORKSHOP_PRACTICE", str(path))
        monkeypatch.chdir(path)
        yield path


@pytest.fixture
def docker(folder: Path, capfd: pytest.CaptureFixture[str]) -> Docker:
    """Types a command; what comes of it: exit status, output, errors."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def daemon(folder: Path) -> Daemon:
    """The daemon behind `docker`, for what no command makes: IDs of our choice."""
    return Daemon(Places(folder / "plugins", ()), record=DiskRecord(folder), folder=folder / "volumes")


def kept(folder: Path) -> dict[str, Any]:
    """The record: what the daemon remembers."""
    file = folder / "record.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"containers": {}, "volumes": {}}


# Which container a name means


def make(daemon: Daemon, *containers: tuple[str, str]) -> None:
    """Make containers of these IDs and names."""
    with daemon.record:
        for begin, name in containers:
            daemon.keep(Container(begin.ljust(64, "0"), name))


def names(daemon: Daemon) -> list[str]:
    return sorted(each.name for each in daemon.container_list())


def test_a_full_id_comes_before_a_name_and_a_name_before_the_beginning_of_an_id(docker: Docker, daemon: Daemon) -> None:
    full = "abc".ljust(64, "0")
    make(daemon, ("abc", "first"), ("def", "abc"), ("fff", full))
    assert docker("rm", full)[0] == 0
    assert names(daemon) == ["abc", full]
    make(daemon, ("abc", "first"))
    assert docker("rm", "abc")[0] == 0
    assert names(daemon) == [full, "first"]
    assert docker("rm", "abc")[0] == 0
    assert names(daemon) == [full]


def test_what_two_ids_begin_with_is_neither(docker: Docker, daemon: Daemon) -> None:
    make(daemon, ("ab1", "one"), ("ab2", "two"))
    for verb in (["rm"], ["rm", "-f"], ["stop"], ["start"], ["kill"]):
        status, output, errors = docker(*verb, "ab")
        assert (status, output) == (1, "")
        assert "Multiple IDs found with provided prefix: ab" in errors
    assert "Multiple IDs" in docker("cp", "ab:/data", ".")[2]
    assert names(daemon) == ["one", "two"]
    assert docker("rm", "ab1") == (0, "ab1\n", "")


@pytest.mark.parametrize("verb", [["rm"], ["rm", "-f"], ["stop"], ["start"], ["kill"]])
def test_an_empty_name_means_no_container(docker: Docker, daemon: Daemon, verb: list[str]) -> None:
    make(daemon, ("ab1", "one"))
    status, output, errors = docker(*verb, "")
    assert (status, output) == (1, "")
    said = "container name cannot be empty" if verb[0] == "rm" else "invalid container name or ID: value is empty"
    assert errors.startswith(f"{said}\n")
    assert names(daemon) == ["one"]


@pytest.mark.parametrize("engine", ["20.10", "28"])
@pytest.mark.parametrize("verb", [["rm"], ["rm", "-f"], ["inspect"]])
def test_an_empty_name_means_no_volume(docker: Docker, verb: list[str], engine: str) -> None:
    docker("volume", "create", "mango")
    status, _, errors = docker("--engine", engine, "volume", *verb, "")
    assert status == 1
    said = {"20.10": "Error: No such volume: \n", "28": "invalid volume name or ID: value is empty\n"}
    assert errors == said[engine]
    assert docker("volume", "ls", "-q")[1] == "mango\n"


def test_a_slash_before_a_name(docker: Docker, daemon: Daemon) -> None:
    make(daemon, ("ab1", "one"))
    assert docker("rm", "/one") == (0, "/one\n", "")


def test_rm_by_force_says_what_is_not_there_and_does_not_fail(docker: Docker, daemon: Daemon) -> None:
    make(daemon, ("ab1", "one"))
    assert docker("rm", "-f", "nosuch", "one") == (
        0,
        "one\n",
        "Error response from daemon: No such container: nosuch\n",
    )


def test_what_does_not_run_is_not_killed(docker: Docker, daemon: Daemon) -> None:
    make(daemon, ("ab1", "one"))
    wrong = f"cannot kill container: one: container {'ab1'.ljust(64, '0')} is not running"
    assert docker("kill", "one") == (1, "", f"Error response from daemon: {wrong}\n")
    assert "cannot kill container: two: No such container: two" in docker("kill", "two")[2]


def test_what_does_not_start_is_named_at_the_end(docker: Docker) -> None:
    assert docker("start", "one", "two")[2].endswith("\nError: failed to start containers: one, two\n")


# Values


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("volume create --name x y", 1, "conflicting options: cannot specify a volume-name through both"),
        ("--engine 20.10 volume create --name x y", 1, "conflicting options: either specify --name or provide"),
        ("volume create --label =z mango", 125, "invalid label '=z': empty name"),
        ("volume create --label = mango", 125, "invalid label '=': empty name"),
        ("volume create --label EMPTY mango", 125, "invalid label '': empty name"),
        ("volume create --label a\tb=1 mango", 125, "label 'a\tb' contains whitespaces"),
        ("volume create m", 1, "volume name is too short"),
        ("volume create -o type=tmpfs mango", 1, "take no options: leave out -o"),
        ("volume create one two", 125, "--help"),
        (f"volume create {'m' * 300}", 1, "file name too long"),
        ("volume ls -f driver", 125, "bad format of filter (expected name=value)"),
        ("volume ls -f label=x", 125, "filters by driver and name"),
        ("volume ls -f lable=x", 1, "Error response from daemon: Invalid filter 'lable'"),
        ("volume ls -f name=^x", 125, "Give a part of the name"),
        ("volume ls --format {{.Name}}", 125, "--help"),
        ("volume prune", 125, "add -f, as in\n    ./workshop docker volume prune -f\n"),
        ("--engine 20.10 volume prune -a -f", 125, "unknown shorthand flag: 'a' in -a"),
        ("run --name bad/name busybox true", 125, "Invalid container name (bad/name), only"),
        ("run --name b busybox true", 125, "Invalid container name (b), only"),
        ("run --name -x busybox true", 125, "Invalid container name (-x), only"),
        ("run --rm=maybe busybox true", 125, "--help"),
        ("run --network none busybox true", 125, "--help"),
        ("run Busybox true", 125, "invalid reference format"),
        ("run EMPTY true", 125, "invalid reference format"),
        ("run -v mango:/data:bogus busybox true", 125, "invalid mode: bogus"),
        ("run -v mango:/data -v kiwi:/data busybox true", 125, "Duplicate mount point: /data"),
        ("run --mount src=mango,dst=data busybox true", 125, "mount path must be absolute"),
        ("run --mount src=mango,dst=/data,readonly=maybe busybox true", 125, "invalid value for readonly: maybe"),
        ("run -v mango:/proc busybox true", 125, "cannot be mounted inside /proc"),
        ("run -v mango:/etc/passwd busybox true", 125, '"/etc/passwd": not a directory'),
        ("run -v mango:/etc/passwd/data busybox true", 125, '"/etc/passwd": not a directory'),
        ("stop -t x one", 125, "--help"),
        ("stop -t 1.5 one", 125, "--help"),
        ("stop -t nan one", 125, "--help"),
        ("stop -t -1 one", 125, "--help"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(
    docker: Docker, folder: Path, line: str, status: int, said: str
) -> None:
    words = [{"EMPTY": ""}.get(word, word) for word in line.split(" ")]
    done = docker(*words)
    assert (done[0], done[1]) == (status, "")
    assert said in done[2]
    record = kept(folder)
    active = [point for each in record["containers"].values() for point in each["points"] if point["active"]]
    assert active == []
    if "--name" in line:
        assert record["containers"] == {}


def test_one_of_several_values_of_a_filter_is_enough(docker: Docker) -> None:
    for name in ("mango", "kiwi", "fig"):
        docker("volume", "create", name)
    assert docker("volume", "ls", "-q", "-f", "name=ang", "-f", "name=ki")[1] == "kiwi\nmango\n"
    assert docker("volume", "ls", "-q", "-f", "driver=none", "-f", "driver=local", "-f", "name=fig")[1] == "fig\n"


# --format


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{{.Name}}", "mango"),
        ("{{ .Name }} of {{.Driver}}", "mango of local"),
        ("{{.Labels.stage}} {{.Labels.none}}", "test <no value>"),
        ("{{json .Labels}}", '{"a":"ä<&","stage":"test"}'),
        ("{{json .Labels.none}} {{json .Status}} {{json .Name}}", 'null null "mango"'),
        ("table }} {x", "table }} {x"),
    ],
)
def test_fields_are_filled_in(docker: Docker, template: str, printed: str) -> None:
    docker("volume", "create", "--label", "stage=test", "--label", "a=ä<&", "mango")
    assert docker("volume", "inspect", "-f", template, "mango") == (0, f"{printed}\n", "")


@pytest.mark.parametrize(
    "template", ["{{.Name", "{{.Name}", "{{.Name | upper}}", "{{range .Labels}}{{.}}{{end}}", "{{.}}"]
)
def test_no_more_of_gos_templates(docker: Docker, template: str) -> None:
    docker("volume", "create", "mango")
    status, output, errors = docker("volume", "inspect", "-f", template, "mango")
    assert (status, output) == (64, "")
    assert "fills in fields, and no more of Go's templates" in errors


@pytest.mark.parametrize("template", ["{{.Nope}}", "{{.name}}", "{{.Labels}}", "{{.Name.x}}", "{{json .Nope}}"])
def test_a_field_that_there_is_not(docker: Docker, template: str) -> None:
    docker("volume", "create", "mango")
    assert docker("volume", "inspect", "-f", template, "mango")[:2] == (1, "")


def test_json_is_a_format_since_23(docker: Docker) -> None:
    docker("volume", "create", "--label", "a=<", "mango")
    assert json.loads(docker("volume", "inspect", "--format", "json", "mango")[1])[0]["Name"] == "mango"
    assert docker("--engine", "20.10", "volume", "inspect", "--format", "json", "mango")[1] == "json\n"
    assert '"a": "\\u003c"' in docker("volume", "inspect", "mango")[1]


# What fails halfway


@pytest.fixture
def plugin(folder: Path) -> Iterator[Plugin]:
    """Part 3, where the practice daemon looks."""
    (folder / "plugins").mkdir()
    plugin = Plugin(
        [sys.executable, str(ROOT / "part3" / "plugin.py")], folder / "plugins" / "ddd.sock", folder / "ddd"
    )
    try:
        yield plugin.start()
    finally:
        plugin.close()


def test_a_run_that_fails_leaves_no_container_and_no_anonymous_volume(
    docker: Docker, folder: Path, plugin: Plugin
) -> None:
    words = ["run", "--rm", "-v", "/data", "-v", "bad/name:/other", "--volume-driver=ddd", "busybox", "true"]
    assert docker(*words)[0] == 125
    assert docker("ps", "-a", "-q")[1] == ""
    assert docker("volume", "ls", "-q")[1] == ""


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), OSError(5, "no such luck", "/x"), RuntimeError()]
)
@pytest.mark.parametrize("options", [["--rm"], []])
def test_whatever_fails_nothing_stays_mounted(
    docker: Docker,
    folder: Path,
    plugin: Plugin,
    options: list[str],
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(machine, "layout", fail)
    monkeypatch.setattr(machine, "choose_way", lambda: "unshare")
    words = ["run", *options, "-v", "mango:/data", "-v", "/more", "--volume-driver=ddd", "busybox", "true"]
    try:
        docker(*words)
    except type(error):
        assert not isinstance(error, (OSError, KeyboardInterrupt))
    assert list((folder / "ddd").glob("volumes/*/mounts/*")) == []
    if options:
        assert kept(folder)["containers"] == {}
        assert docker("volume", "ls", "-q")[1] == "mango\n"


def test_a_mount_that_fails_unmounts_those_before_it(
    docker: Docker, folder: Path, plugin: Plugin, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = daemon.container_create([Mount("/a", "mango", "ddd"), Mount("/b", "kiwi", "ddd")])
    real = daemon.store.driver

    def driver(name: str) -> Any:
        if list((folder / "ddd").glob("volumes/*/mounts/*")):
            monkeypatch.setattr(daemon.store, "driver", real)
            raise RuntimeError("halfway through")
        return real(name)

    monkeypatch.setattr(daemon.store, "driver", driver)
    with pytest.raises((RuntimeError, DockerError)):
        daemon.container_start(container)
    assert list((folder / "ddd").glob("volumes/*/mounts/*")) == []


@pytest.mark.parametrize("mountpoint", ["", ".", "relative"])
def test_a_mountpoint_that_is_not_absolute_is_refused(folder: Path, mountpoint: str) -> None:
    (folder / "relative").mkdir()
    with pytest.raises(FileNotFoundError):
        machine.start(["true"], [Bound(mountpoint, "/data", False)])


def test_a_name_that_is_not_utf_8_is_printed_as_it_came(folder: Path) -> None:
    line = [sys.executable, "-m", "workshop.daemon.practice.docker", "volume", "rm", "-f", os.fsdecode(b"\xff")]
    done = subprocess.run(line, env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"}, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"\xff\n"), done.stderr
