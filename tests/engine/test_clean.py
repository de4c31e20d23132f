"""`clean` beside a real Docker Engine: Docker removes what it knows as ours, and nothing of a stranger's."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from .engine import Engine
from .images import BUSYBOX, REPOSITORY
from .plugins import SOCKET, Part, ask

pytestmark = pytest.mark.engine


def clean(engine: Engine, *, docker_of: Engine | None = None) -> str:
    """Type `clean --yes` beside an engine, with docker pointed at it or at another one; return what it prints."""
    target = f"DOCKER_HOST=unix://{(docker_of or engine).socket}"
    done = engine.run("env", target, sys.executable, "-m", "workshop", "clean", "--yes", check=False, folder=REPOSITORY)
    assert done.returncode == 1, done.stderr  # the plugin still runs
    return done.stdout


def destroyed(engine: Engine) -> list[str]:
    """The volumes that Docker itself has removed, in the order of time."""
    filters = "--filter=type=volume --filter=event=destroy --format='{{.Actor.ID}}'"
    # until now, to the nanosecond: docker rounds "0s" down to a second
    return engine.shell(f"docker events --since=1h --until=$(date +%s.%N) {filters}").stdout.split()


def listed(engine: Engine) -> list[str]:
    """The volumes of the plugin."""
    volumes = ask(engine, "VolumeDriver.List")["Volumes"]
    assert isinstance(volumes, list)
    return [volume["Name"] for volume in volumes]


def test_a_strangers_volume_of_the_same_name_stays(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    with Part(engine):
        engine.docker("volume", "create", "--driver=local", "mango")
        engine.container("--volume=mango:/data", BUSYBOX, "sh", "-c", "echo mine > /data/file")
        ask(engine, "VolumeDriver.Create", Name="mango", Opts={})
        engine.docker("volume", "create", "--driver=ddd", "kiwi")
        out = clean(engine)
        assert out.splitlines()[:3] == [
            "Volumes of ddd: kiwi, mango.",
            "Removed the volume kiwi.",
            "Removed the volume mango.",
        ]
        assert "remember" not in out
        assert listed(engine) == []
        # besides kiwi only the one that clean itself has made
        assert [name for name in destroyed(engine) if not name.startswith("clean-")] == ["kiwi"]
        assert engine.output("volume", "inspect", "--format={{.Driver}}", "mango") == "local"
        assert engine.container("--volume=mango:/data", BUSYBOX, "cat", "/data/file") == "mine"


def test_another_engine_with_a_ddd_of_its_own_keeps_its_volume(fresh_engine: Callable[[], Engine]) -> None:
    ours, theirs = fresh_engine(), fresh_engine()
    with Part(ours), Part(theirs):
        for engine in (ours, theirs):
            engine.docker("volume", "create", "--driver=ddd", "mango")
        out = clean(ours, docker_of=theirs)
        assert "Removed the volume mango." in out
        assert "Docker may still remember mango" in out
        assert (listed(ours), listed(theirs), destroyed(theirs)) == ([], ["mango"], [])
        # what is said of Docker: it asks the plugin when it starts, and forgets
        ours.restart_dockerd()
        ours.docker("volume", "create", "--driver=local", "mango")


def test_a_container_of_another_engine_keeps_its_volume(fresh_engine: Callable[[], Engine]) -> None:
    ours, theirs = fresh_engine(), fresh_engine()
    with Part(ours):
        # one plugin for both: its socket, and the folder that it names to Docker
        (theirs.plugins / "ddd.sock").touch()
        theirs.run("mount", "--bind", str(ours.plugins / "ddd.sock"), SOCKET)
        theirs.run("mount", "--bind", str(ours.root), "/var/lib/ddd")
        theirs.docker("run", "--detach", "--network=none", "--name=holder", "--volume=mango:/data",
                      "--volume-driver=ddd", BUSYBOX, "sleep", "600")  # fmt: skip
        command = [sys.executable, "-m", "workshop", "clean", "--yes"]
        done = ours.run(*command, check=False, folder=REPOSITORY)
        assert done.returncode == 1
        assert "remove mango" in done.stderr
        assert "Removed the volume" not in done.stdout
        assert "mango" in listed(ours)
        theirs.docker("rm", "--force", "holder")
