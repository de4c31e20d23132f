"""What ddd is trusted with: data stays through killed plugins, killed engines and a root that goes away."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workshop.protocol.exchange import Address, exchange, request

from .engine import Engine, answers, wait_for
from .images import BUSYBOX, OURS
from .plugins import Part, Recorder, ask

pytestmark = pytest.mark.engine

Start = Callable[..., Engine]
RIGHTS = ["--pid=host", "--cap-add=SYS_PTRACE", "--security-opt=apparmor=unconfined"]
LIVE_RESTORE = '{"live-restore": true}'


def write(engine: Engine, volume: str, text: str) -> None:
    script = f"echo {text} > /data/file"
    engine.container("-v", f"{volume}:/data", "--volume-driver=ddd", BUSYBOX, "sh", "-c", script)


def read(engine: Engine, volume: str) -> str:
    return engine.container("-v", f"{volume}:/data", BUSYBOX, "cat", "/data/file")


def listed(engine: Engine) -> set[str]:
    return set(engine.output("volume", "ls", "--quiet", "--filter=driver=ddd").splitlines())


# The engine is killed


@pytest.mark.parametrize("settings", ["{}", LIVE_RESTORE], ids=["", "live-restore"])
def test_a_volume_outlives_a_killed_engine_and_goes_when_its_container_is_gone(
    fresh_engine: Start, server: str, name: str, settings: str
) -> None:
    engine = fresh_engine(settings)
    with Part(engine, server=server):
        kill_engine_while_a_container_has(engine, name)


def test_part_3_keeps_the_record_of_a_killed_engine(fresh_engine: Start, name: str) -> None:
    """What the question "After the daemon was killed" in part 3 says."""
    engine = fresh_engine("{}")
    with Part(engine):
        engine.docker("run", "-d", "--network=none", "--name=reader", "-v", f"{name}:/data", "--volume-driver=ddd",
                      "--stop-signal=KILL", BUSYBOX, "sleep", "1000")  # fmt: skip
        engine.kill_dockerd()
        engine.start_dockerd()
        engine.docker("rm", "--force", "reader")
        assert f"Volume {name} is in use." in engine.docker("volume", "rm", name, check=False).stderr


@pytest.mark.parametrize("settings", ["{}", LIVE_RESTORE], ids=["", "live-restore"])
def test_the_same_with_the_plugin_in_a_container(fresh_engine: Start, image: Path, name: str, settings: str) -> None:
    engine = fresh_engine(settings)
    engine.docker("load", "--input", str(image))
    folders = ["-v", "/run/docker/plugins:/run/docker/plugins", "-v", "/var/lib/ddd:/var/lib/ddd"]
    engine.docker("run", "-d", "--network=none", "--restart=always", "--name=ddd", *RIGHTS, *folders, OURS)
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin in its container")
    kill_engine_while_a_container_has(engine, name)


def kill_engine_while_a_container_has(engine: Engine, name: str) -> None:
    """Kill dockerd while a container has the volume, start it again, remove the container, then the volume."""
    volume = ["-v", f"{name}:/data", "--volume-driver=ddd"]
    hold = ["sh", "-c", "echo kept > /data/file && exec sleep 1000"]
    # without live-restore the new dockerd stops what the killed one left: with this signal at once, not after 10 s
    options = ["--detach", "--network=none", "--name=holder", "--stop-signal=KILL"]
    engine.docker("run", *options, *volume, BUSYBOX, *hold)
    process = engine.output("inspect", "--format={{.State.Pid}}", "holder")
    file = f"/proc/{process}/root/data/file"  # as the container sees it
    wait_for(lambda: engine.run("cat", file, check=False).stdout == "kept\n", "the container's file")

    engine.kill_dockerd()
    assert ask(engine, "VolumeDriver.Remove", Name=name)["Err"], "the container has the volume, with or without dockerd"
    assert engine.run("cat", file).stdout == "kept\n"

    engine.start_dockerd()
    # without live-restore the new dockerd stops a plugin in a container, too; only the policy `always` brings it back
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin", 60)
    if engine.output("inspect", "--format={{.State.Running}}", "holder") == "true":
        assert ask(engine, "VolumeDriver.Remove", Name=name)["Err"]
        assert engine.run("cat", file).stdout == "kept\n"
    assert "volume is in use" in engine.docker("volume", "rm", name, check=False).stderr
    engine.docker("rm", "--force", "holder")
    assert read(engine, name) == "kept"
    assert engine.output("volume", "rm", name) == name
    assert not (engine.root / "volumes" / name).exists()


def test_a_container_that_has_chrooted_into_the_volume_keeps_it_when_the_engine_is_killed(
    fresh_engine: Start, server: str, name: str
) -> None:
    engine = fresh_engine()
    jail = "mkdir -p /data/jail/bin && cp /bin/busybox /data/jail/bin && exec chroot /data/jail /bin/busybox sleep 1000"
    with Part(engine, server=server):
        options = ["--detach", "--network=none", "--name=holder", "-v", f"{name}:/data", "--volume-driver=ddd"]
        engine.docker("run", *options, BUSYBOX, "sh", "-c", jail)
        proc = f"/proc/{engine.output('inspect', '--format={{.State.Pid}}', 'holder')}"
        wait_for(lambda: "jail" in engine.run("readlink", f"{proc}/root").stdout, "the container to have chrooted")
        engine.kill_dockerd()
        assert engine.run("cat", f"{proc}/mountinfo").stdout == "", "the process shows no mount"
        assert "has its root or its current folder in it" in str(ask(engine, "VolumeDriver.Remove", Name=name)["Err"])
        assert (engine.root / "volumes" / name / "data" / "jail" / "bin" / "busybox").exists()


# What an operator fixes


def test_doctor_and_release_work_by_docker_exec(fresh_engine: Start, image: Path, name: str) -> None:
    engine = fresh_engine()
    engine.docker("load", "--input", str(image))
    folders = ["-v", "/run/docker/plugins:/run/docker/plugins", "-v", "/var/lib/ddd:/var/lib/ddd"]
    engine.docker("run", "-d", "--network=none", "--name=ddd", *RIGHTS, *folders, OURS)
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin in its container")
    ddd = ["exec", "ddd", "python", "-m", "ddd"]
    options = ["--detach", "--network=none", "--name=holder", "-v", f"{name}:/data", "--volume-driver=ddd"]
    engine.docker("run", *options, BUSYBOX, "sleep", "1000")
    shown = engine.output(*ddd, "doctor")
    assert f"Volume {name} has 1 record: 1 of a running process." in shown and "has it mounted at /data" in shown
    refused = engine.docker(*ddd, "release", name, "--yes", check=False)
    assert refused.returncode == 1 and "because it is in use: process " in refused.stderr

    # as an Unmount leaves it whose body was lost
    mounts = f"/var/lib/ddd/volumes/{name}/mounts"
    engine.shell(f"cp -r {mounts} /tmp/kept-{name} && touch -d '1 hour ago' /tmp/kept-{name}/*")
    engine.docker("rm", "--force", "holder")
    engine.shell(f"cp -p /tmp/kept-{name}/* {mounts} && rm -r /tmp/kept-{name}")
    assert "has not unmounted" in engine.docker("volume", "rm", name, check=False).stderr
    found = engine.docker(*ddd, "doctor", check=False)
    assert found.returncode == 1 and f"Type: python -m ddd release {name}" in found.stdout
    assert "The records are deleted." in engine.output(*ddd, "release", name, "--yes")
    assert engine.output("volume", "rm", name) == name
    assert "Nothing needs fixing." in engine.output(*ddd, "doctor")


def test_release_refuses_where_the_daemon_cannot_be_seen(fresh_engine: Start, image: Path, name: str) -> None:
    engine = fresh_engine()
    engine.docker("load", "--input", str(image))
    folders = ["-v", "/run/docker/plugins:/run/docker/plugins", "-v", "/var/lib/ddd:/var/lib/ddd"]
    engine.docker("run", "-d", "--network=none", "--name=ddd", *folders, OURS)
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin in its container")
    options = ["--detach", "--network=none", "--name=holder", "-v", f"{name}:/data", "--volume-driver=ddd"]
    engine.docker("run", *options, BUSYBOX, "sleep", "1000")
    engine.shell(f"touch -d '1 hour ago' /var/lib/ddd/volumes/{name}/mounts/*")
    refused = engine.docker("exec", "ddd", "python", "-m", "ddd", "release", name, "--yes", check=False)
    assert refused.returncode == 1 and refused.stderr.endswith(": run this with --pid host.\n"), refused
    assert "Nothing needs fixing." in engine.output("exec", "ddd", "python", "-m", "ddd", "doctor")


# The plugin is killed, and all is started again


def test_data_outlives_a_restart_a_kill_amid_two_hundred_calls_and_an_engine_restart(
    fresh_engine: Start, server: str, name: str
) -> None:
    engine = fresh_engine()
    with Part(engine, server=server) as plugin:
        write(engine, name, "kept")

        assert plugin.stop() == 0
        plugin.start()
        assert read(engine, name) == "kept"

        state = storm(engine, plugin)
        assert read(engine, name) == "kept"
        assert_answers_hold(engine, state)

        engine.restart_dockerd()
        assert read(engine, name) == "kept"
        assert_answers_hold(engine, state)

        engine.docker("volume", "rm", *(listed(engine) - {name}))
        assert listed(engine) == {name}


def storm(engine: Engine, plugin: Part) -> dict[str, bool | None]:
    """200 creates and 100 removes, four at a time, and a kill -9 of the plugin in the middle.

    Returns for each name whether its volume is there by Docker's last answer; None where the answer was an error.
    """
    state: dict[str, bool | None] = {}

    def call(method: str, path: str, name: str, there: bool) -> None:
        state[name] = None
        if api(engine, method, path, {"Name": name, "Driver": "ddd"}) in (201, 204):
            state[name] = there

    def live(number: int) -> None:
        name = f"storm-{number}"
        call("POST", "/volumes/create", name, True)
        if number % 2 and state[name]:
            call("DELETE", f"/volumes/{name}", name, False)

    with ThreadPoolExecutor(4) as callers:
        done = callers.map(live, range(200))
        wait_for(lambda: len(state) >= 100, "half of the calls")
        plugin.stop(signal.SIGKILL)
        plugin.start()
        list(done)
    return state


def assert_answers_hold(engine: Engine, state: dict[str, bool | None]) -> None:
    """What Docker was answered holds; an error may mean either, but only the few calls in flight may have got one."""
    there = listed(engine)
    assert {name for name, kept in state.items() if kept} <= there
    assert not {name for name, kept in state.items() if kept is False} & there
    assert len([name for name, kept in state.items() if kept is None]) <= 4


def api(engine: Engine, method: str, path: str, body: dict[str, str]) -> int:
    """The status of a call that `docker volume create` or `rm` makes, without 300 starts of docker."""
    sent = request(path.removeprefix("/"), body, method=method, content_type="application/json")
    return exchange(Address(path=str(engine.socket)), path.removeprefix("/"), sent, timeout=60).status


class Cut(Recorder):
    """A plugin that is killed amid its answer to the second Get of a volume that is there."""

    def written(self, request: bytes) -> bytes:
        """Return an answer; this one without its last bytes."""
        answer = super().written(request)
        return answer[:-5] if self.endpoints()[-2:] == ["VolumeDriver.Get"] * 2 else answer


def test_where_the_second_get_is_cut_short_docker_says_it_is_removed(fresh_engine: Start, name: str) -> None:
    engine = fresh_engine()
    with Cut(engine.plugins / "cut.sock") as plugin:
        engine.docker("volume", "create", "--driver=cut", name)
        assert engine.output("volume", "rm", name) == name
        assert plugin.endpoints()[-1] == "VolumeDriver.Get" and name in plugin.names


# The root goes away


@pytest.mark.parametrize(
    ("replaced", "served"),
    [(False, "werkzeug"), (True, "werkzeug"), (True, "gunicorn")],
    ids=["gone", "another in its place", "another in its place, gunicorn"],
)
def test_labels_survive_a_root_that_goes_away_and_comes_back(
    fresh_engine: Start, name: str, replaced: bool, served: str
) -> None:
    engine = fresh_engine()
    disk, away = engine.root / "disk", engine.root / "away"
    disk.mkdir()
    with Part(engine, env={"DDD_ROOT": "/var/lib/ddd/disk"}, server=served):
        engine.docker("volume", "create", "--driver=ddd", "--label=kept=yes", name)
        disk.rename(away)
        if replaced:  # what shows when the disk is no longer mounted: what was there before it
            (disk / "volumes").mkdir(parents=True)
        failed = engine.docker("volume", "inspect", name, check=False)
        assert failed.returncode == 1
        assert "no such volume" not in failed.stderr.lower(), "Docker would forget the labels"
        if replaced:
            shutil.rmtree(disk)
        away.rename(disk)
        assert engine.output("volume", "inspect", "--format={{.Labels.kept}}", name) == "yes"
