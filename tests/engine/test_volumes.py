"""Volumes of ddd, by the commands that people type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from .engine import Engine
from .images import BUSYBOX
from .plugins import Part, Recorder, ask

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("plugin")]


@pytest.fixture
def volume(engine: Engine, plugin: Part, name: str) -> str:
    """A volume of the plugin."""
    return engine.output("volume", "create", "--driver=ddd", name)


@pytest.fixture
def holder(engine: Engine, volume: str) -> Iterator[str]:
    """A running container that has the volume on /data."""
    yield keep(engine, volume)
    engine.docker("rm", "--force", f"with-{volume}", check=False)


def keep(engine: Engine, volume: str) -> str:
    """Start a container that has the volume on /data until somebody stops it."""
    mount = f"--volume={volume}:/data"
    engine.docker("run", "--detach", "--network=none", f"--name=with-{volume}", mount, BUSYBOX, "sleep", "1000")
    return f"with-{volume}"


def listed(engine: Engine) -> list[str]:
    return engine.output("volume", "ls", "--quiet", "--filter=driver=ddd").splitlines()


def test_a_volume_is_created_inspected_listed_and_removed(engine: Engine, name: str) -> None:
    assert engine.output("volume", "create", "-d", "ddd", name) == name
    (found,) = json.loads(engine.output("volume", "inspect", name))
    assert (found["Name"], found["Driver"], found["Scope"]) == (name, "ddd", "local")
    assert found["Mountpoint"] == f"/var/lib/ddd/volumes/{name}/data"
    assert datetime.fromisoformat(found["CreatedAt"]).year > 2000
    assert name in listed(engine)
    assert engine.output("volume", "rm", name) == name
    assert name not in listed(engine)
    assert not (engine.root / "volumes" / name).exists()


def test_an_unknown_volume_is_no_such_volume(engine: Engine, name: str) -> None:
    failed = engine.docker("volume", "inspect", name, check=False)
    assert failed.returncode == 1
    assert "no such volume" in failed.stderr.lower()


def test_docker_run_creates_the_volume_it_names_and_the_data_outlives_the_container(engine: Engine, name: str) -> None:
    engine.container("-v", f"{name}:/data", "--volume-driver=ddd", BUSYBOX, "sh", "-c", "echo hello > /data/file")
    assert engine.container("-v", f"{name}:/data", BUSYBOX, "cat", "/data/file") == "hello"
    assert (engine.root / "volumes" / name / "data" / "file").read_text() == "hello\n"


def test_mount_takes_a_volume_driver(engine: Engine, name: str) -> None:
    mount = f"--mount=type=volume,src={name},dst=/data,volume-driver=ddd"
    engine.container(mount, BUSYBOX, "touch", "/data/file")
    assert engine.container(mount, BUSYBOX, "ls", "/data") == "file"
    assert name in listed(engine)


def test_two_containers_share_a_volume(engine: Engine, volume: str, holder: str) -> None:
    engine.container("-v", f"{volume}:/data", BUSYBOX, "sh", "-c", "echo from the second > /data/file")
    assert engine.output("exec", holder, "cat", "/data/file") == "from the second"
    assert ask(engine, "VolumeDriver.Remove", Name=volume)["Err"], "the first one still has it"


def test_a_copy_into_a_running_container_does_not_let_its_volume_go(
    engine: Engine, volume: str, holder: str, tmp_path: Path
) -> None:
    # docker cp mounts the volume again with the ID of the container's own mount, and unmounts that ID when it is done
    (tmp_path / "file").write_text("copied")
    engine.docker("cp", str(tmp_path / "file"), f"{holder}:/data/file")
    assert "volume is in use" in engine.docker("volume", "rm", volume, check=False).stderr
    assert ask(engine, "VolumeDriver.Remove", Name=volume)["Err"], "the plugin, too, must know that it is in use"
    assert engine.output("exec", holder, "cat", "/data/file") == "copied"
    engine.docker("rm", "--force", holder)
    engine.docker("volume", "rm", volume)


def test_an_anonymous_volume_goes_with_its_container(engine: Engine) -> None:
    before = listed(engine)
    mounts = engine.container("-v", "/data", "--volume-driver=ddd", BUSYBOX, "cat", "/proc/self/mountinfo")
    (mount,) = [line for line in mounts.splitlines() if line.split()[4] == "/data"]
    assert "/ddd/volumes/" in mount.split()[3]
    assert listed(engine) == before


def test_prune_leaves_the_volumes_of_plugins_alone(engine: Engine, volume: str) -> None:
    anonymous = engine.output("volume", "create")
    assert anonymous in engine.output("volume", "prune", "--force")
    assert volume in listed(engine)


def test_labels_are_kept_by_docker(engine: Engine, name: str) -> None:
    engine.docker("volume", "create", "--driver=ddd", "--label=stage=test", name)
    assert engine.output("volume", "inspect", "--format={{json .Labels}}", name) == '{"stage":"test"}'
    assert name in engine.output("volume", "ls", "--quiet", "--filter=label=stage=test").splitlines()


def test_an_option_is_refused_by_its_name(engine: Engine, name: str) -> None:
    refused = engine.docker("volume", "create", "--driver=ddd", "-o", "size=10G", name, check=False)
    assert refused.returncode == 1
    sentence = "ddd takes the options uid, gid and mode: leave out size"
    assert f"create {name}: VolumeDriver.Create: {sentence}" in refused.stderr
    assert name not in listed(engine)


WRITE = ["sh", "-c", "touch /data/file && stat -c %u:%g:%a /data /data/file"]


def test_a_container_of_another_user_writes_to_a_volume_that_was_made_for_it(engine: Engine, name: str) -> None:
    mount = f"--mount=type=volume,src={name},dst=/data,volume-driver=ddd"
    options = "volume-opt=uid=1000,volume-opt=gid=1000,volume-opt=mode=0700"
    assert engine.container("--user=1000:1000", f"{mount},{options}", BUSYBOX, *WRITE).splitlines() == [
        "1000:1000:700",
        "1000:1000:644",
    ]
    refused = engine.docker("run", "--rm", "--network=none", "--user=1001", mount, BUSYBOX, *WRITE, check=False)
    assert "Permission denied" in refused.stderr


def test_docker_gives_an_empty_volume_the_owner_of_the_folder_in_the_image(engine: Engine, name: str) -> None:
    folder = ["sh", "-c", "mkdir /data && chown 33:34 /data"]
    engine.docker("run", f"--name=for-{name}", "--network=none", BUSYBOX, *folder)
    engine.docker("commit", f"for-{name}", f"with-a-folder:{name}")
    engine.docker("rm", f"for-{name}")
    for volume, copies, owner in ((f"{name}-1", "", "33:34:755"), (f"{name}-2", ",volume-nocopy", "1000:0:755")):
        mount = f"--mount=type=volume,src={volume},dst=/data,volume-driver=ddd,volume-opt=uid=1000{copies}"
        assert engine.container(mount, f"with-a-folder:{name}", "stat", "-c", "%u:%g:%a", "/data") == owner
    engine.docker("rmi", f"with-a-folder:{name}")


def test_docker_itself_ignores_the_options_of_a_volume_that_exists(engine: Engine, volume: str) -> None:
    assert engine.output("volume", "create", "--driver=ddd", "-o", "uid=1000", volume) == volume
    assert (engine.root / "volumes" / volume / "data").stat().st_uid == 0
    # ddd refuses what Docker does not ask
    assert "its data folder has uid=0." in str(ask(engine, "VolumeDriver.Create", Name=volume, Opts={"uid": "1000"}))


def test_a_container_writes_under_userns_remap(fresh_engine: Callable[[str], Engine], name: str, server: str) -> None:
    engine = fresh_engine('{"userns-remap": "default"}')
    first = engine.run("sh", "-c", "grep dockremap /etc/subuid").stdout.split(":")[1]
    with Part(engine, server=server):
        engine.docker("volume", "create", "--driver=ddd", "-o", f"uid={first}", "-o", f"gid={first}", name)
        assert engine.container("-v", f"{name}:/data", BUSYBOX, *WRITE).splitlines() == ["0:0:755", "0:0:644"]
        mount = ["-v", f"{name}-plain:/data", "--volume-driver=ddd"]
        refused = engine.docker("run", "--rm", "--network=none", *mount, BUSYBOX, *WRITE, check=False)
        assert "Permission denied" in refused.stderr


@pytest.mark.parametrize("escape", ["../escape", "/etc/escape", "..", "sp ace", "a/../../escape"])
def test_a_name_that_leaves_the_root_is_refused_with_the_plugins_own_sentence(engine: Engine, escape: str) -> None:
    before = sorted(engine.root.rglob("*"))
    refused = engine.docker("volume", "create", "--driver=ddd", escape, check=False)
    assert refused.returncode == 1
    # what a reader sees: Docker hands the name on unchecked, and puts its own words before the plugin's
    dockers = f"Error response from daemon: create {escape}: VolumeDriver.Create: "
    assert refused.stderr.startswith(f'{dockers}Name "{escape}" cannot be used: ')
    assert sorted(engine.root.rglob("*")) == before
    engine.shell("test ! -e /etc/escape && test ! -e /var/lib/escape")


def test_the_practice_daemon_sends_what_this_engine_sends_byte_for_byte(
    fresh_engine: Callable[[], Engine], name: str
) -> None:
    from workshop.protocol.exchange import request

    engine = fresh_engine()
    shape = "20.10" if engine.output("version", "--format={{.Server.Version}}").startswith("20.10") else "28"
    with Recorder(engine.plugins / "recorder.sock") as recorder:
        engine.docker("volume", "create", "--driver=recorder", name)
        engine.container("-v", f"{name}:/data", BUSYBOX, "true")
        engine.docker("volume", "ls")
        engine.docker("volume", "rm", name)
    verbs = ["Capabilities", "Get", "Create", "Mount", "Unmount", "List", "Remove"]
    assert set(recorder.endpoints()) == {"Plugin.Activate", *(f"VolumeDriver.{verb}" for verb in verbs)}
    for endpoint, sent in zip(recorder.endpoints(), recorder.requests, strict=True):
        body = sent.partition(b"\r\n\r\n")[2]
        assert sent == request(endpoint, json.loads(body) if body else None, shape)
