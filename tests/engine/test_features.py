"""What Docker's newer and rarer options make it say to a plugin: a swarm, live-restore, copies into a new volume, a
subfolder of a volume, a prune of all. A test says what each engine does: 20.10, 26.1 and 28.5 differ."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest

from .engine import Engine, wait_for
from .images import BUSYBOX
from .plugins import ANSWERS, Part, Recorder
from .record import version_of

pytestmark = pytest.mark.engine


def major(engine: Engine) -> int:
    """The first number of the engine's version: 20, 26, 28."""
    return int(version_of(engine).split(".")[0])


def said(recorder: Recorder) -> list[str]:
    """The calls since the last time, each with the first digits of its ID: "Mount 1a2b3c"."""
    requests, recorder.requests = recorder.requests, []
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2] or b"{}") for request in requests]
    names = [request.split()[1].decode().rpartition(".")[2] for request in requests]
    return [f"{name} {body['ID'][:6]}" if "ID" in body else name for name, body in zip(names, bodies, strict=True)]


def verbs(calls: list[str]) -> list[str]:
    """Calls without their IDs."""
    return [call.split()[0] for call in calls]


@pytest.fixture
def lone(fresh_engine: Callable[..., Engine]) -> Iterator[tuple[Engine, Recorder]]:
    """An engine, and a plugin `ddd` that keeps what it is asked."""
    engine = fresh_engine()
    with Recorder(engine.plugins / "ddd.sock") as recorder:
        yield engine, recorder


# A swarm of one machine


def serve(engine: Engine) -> None:
    """Begin a swarm, and a service with a volume of ddd."""
    engine.docker("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377")
    mount = "--mount=type=volume,src=mango,dst=/data,volume-driver=ddd"
    command = ["service", "create", "--detach", "--name=web", "--network=host", mount, BUSYBOX, "sleep", "1000"]
    engine.docker(*command)


def state(engine: Engine) -> str:
    """What the swarm says of the service's only task."""
    return engine.output("service", "ps", "--no-trunc", "--format={{.CurrentState}} {{.Error}}", "web")


@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_service_has_the_same_calls_whatever_the_scope(
    lone: tuple[Engine, Recorder], scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, recorder = lone
    monkeypatch.setitem(ANSWERS, "VolumeDriver.Capabilities", {"Capabilities": {"Scope": scope}})
    engine.docker("volume", "ls")  # now the engine knows the plugin, and tells the swarm
    said(recorder)
    serve(engine)
    wait_for(lambda: state(engine).startswith("Running"), "the service", 60)
    assert verbs(said(recorder)) == ["Get", "Create", "Capabilities", "Get", "Get", "Mount"]
    assert engine.output("volume", "ls", "--quiet") == ""  # the Recorder's List names none
    engine.docker("service", "rm", "web")
    wait_for(lambda: "VolumeDriver.Unmount" in recorder.endpoints(), "the end of the service", 60)
    assert verbs(said(recorder)) == ["List", "Get", "Unmount"]  # List is of `volume ls`; and no Remove


def test_a_swarm_finds_no_machine_for_a_service_until_the_plugin_was_used(lone: tuple[Engine, Recorder]) -> None:
    engine, recorder = lone
    serve(engine)
    wait_for(lambda: "no suitable node (missing plugin on 1 node)" in state(engine), "the refusal of the swarm", 60)
    assert said(recorder) == []


# Who unmounts


def test_with_live_restore_the_new_daemon_unmounts_with_the_old_id(fresh_engine: Callable[[str], Engine]) -> None:
    engine = fresh_engine('{"live-restore": true}')
    with Recorder(engine.plugins / "ddd.sock") as recorder:
        engine.docker("volume", "create", "--driver=ddd", "mango")
        engine.docker("run", "--detach", "--name=box", "--network=none", "-v", "mango:/data", BUSYBOX, "sleep", "1000")
        mounted = said(recorder)[-1]
        assert mounted.startswith("Mount ")
        engine.restart_dockerd()
        assert engine.output("inspect", "--format={{.State.Running}}", "box") == "true"
        restarted = said(recorder)
        assert not {"Mount", "Unmount"} & set(verbs(restarted)), restarted
        engine.docker("rm", "--force", "box")
        assert said(recorder)[-1] == mounted.replace("Mount", "Unmount")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_without_live_restore_a_daemon_unmounts_when_it_ends_and_a_killed_one_does_not(
    lone: tuple[Engine, Recorder], how: signal.Signals
) -> None:
    engine, recorder = lone
    engine.docker("volume", "create", "--driver=ddd", "mango")
    command = ["--detach", "--name=box", "--network=none", "--stop-signal=KILL", "-v", "mango:/data", BUSYBOX]
    engine.docker("run", *command, "sleep", "1000")
    mounted = said(recorder)[-1]
    engine.kill_dockerd(how)
    assert (mounted.replace("Mount", "Unmount") in said(recorder)) == (how == signal.SIGTERM)


# What docker run can ask for


def test_files_of_the_image_are_copied_by_a_mount_of_their_own_unless_nocopy(lone: tuple[Engine, Recorder]) -> None:
    engine, recorder = lone
    engine.docker("run", "--name=first", "--network=none", BUSYBOX, "mkdir", "/data")
    engine.docker("commit", "first", "with-a-folder")
    copied = ["Get", "Mount", "Get", "Unmount"]
    used = ["Get", "Mount", "Get", "Unmount"]
    for volume, mode, calls in (("mango", "", [*copied, *used]), ("kiwi", ":nocopy", used)):
        engine.docker("volume", "create", "--driver=ddd", volume)
        said(recorder)
        engine.container("-v", f"{volume}:/data{mode}", "with-a-folder", "true")
        found = said(recorder)
        assert [verb for verb in verbs(found) if verb != "Capabilities"][-len(calls) :] == calls, found
        assert len({call for call in found if call.startswith("Mount")}) == len(calls) // 4


def test_a_subfolder_of_a_volume_is_the_engines_affair(lone: tuple[Engine, Recorder]) -> None:
    engine, recorder = lone
    engine.docker("volume", "create", "--driver=ddd", "mango")
    (engine.root / "inner").mkdir()  # the Recorder's volumes are all in one folder
    (engine.root / "inner" / "note").write_text("hello")
    said(recorder)
    mount = "--mount=type=volume,src=mango,dst=/data,volume-subpath"
    run = ["run", "--rm", "--network=none"]
    done = engine.docker(*run, f"{mount}=inner", BUSYBOX, "ls", "/data", check=False)
    if major(engine) >= 26:
        assert done.stdout == "note\n"
        assert verbs(said(recorder))[-4:] == ["Get", "Mount", "Get", "Unmount"]
        missing = engine.docker(*run, f"{mount}=none", BUSYBOX, "true", check=False)
        assert missing.returncode != 0 and "no such file or directory" in missing.stderr
        calls = verbs(said(recorder))
        assert calls.count("Mount") == calls.count("Unmount") == 1
    elif done.returncode:
        assert "volume-subpath" in done.stderr  # an old client refuses
    else:
        assert done.stdout == "inner\n"  # a newer client sends it, and the engine overlooks it: the whole volume


def test_a_prune_of_all_leaves_the_volumes_of_plugins_too(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    with Part(engine):
        engine.docker("volume", "create", "--driver=ddd", "mango")
        engine.docker("volume", "create", "kiwi")
        done = engine.docker("volume", "prune", "--all", "--force", check=False)
        if major(engine) < 23:
            assert "--all" in done.stderr  # an old client does not know it, a newer one knows that the engine does not
        else:
            assert "kiwi" in done.stdout
        assert "mango" in engine.output("volume", "ls", "--quiet").splitlines()
        assert (engine.root / "volumes" / "mango").exists()
