"""deploy/managed: ddd as a managed plugin, as its script installs it, from its first volume to `docker plugin rm`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import registry
from .engine import Engine, wait_for
from .images import BUSYBOX, REPOSITORY, import_busybox
from .plugins import ask

pytestmark = pytest.mark.engine
MANAGED = REPOSITORY / "deploy" / "managed"
NEXT = f"{registry.ADDRESS}/ddd:next"
METRICS = "127.0.0.1:9323"
JAIL = "mkdir /data/jail && cp /bin/busybox /data/jail && exec chroot /data/jail /busybox sleep 1000"


@pytest.fixture(scope="module")
def engine(image: Path) -> Iterator[Engine]:
    """An engine in which the script has installed ddd from our image."""
    with Engine() as engine:
        import_busybox(engine)
        engine.docker("load", "--input", str(image))
        engine.run(str(MANAGED / "install"))
        yield engine
        for name in engine.output("plugin", "ls", "--quiet").split():
            engine.docker("plugin", "disable", "--force", name, check=False)  # Docker removes its cgroup, too


@pytest.fixture(scope="module")
def pushed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The next version of the plugin: installed beside the first, and pushed to a registry."""
    engine.spawn([sys.executable, registry.__file__])
    ping = ["curl", "--silent", "--fail", f"http://{registry.ADDRESS}/v2/"]
    wait_for(lambda: engine.run(*ping, check=False).returncode == 0, "the registry")
    folder = shutil.copytree(MANAGED, tmp_path_factory.mktemp("next") / "managed")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("ddd, a volume plugin", "the next ddd"))
    engine.run(str(folder / "install"), NEXT)
    engine.docker("plugin", "push", NEXT)
    return NEXT


@pytest.fixture
def volume(engine: Engine, name: str) -> Iterator[str]:
    """A volume of the plugin, until the end of the test."""
    engine.docker("volume", "create", "--driver=ddd", name)
    yield name
    engine.docker("rm", "--force", f"with-{name}", check=False)
    engine.docker("volume", "rm", name)


def start(engine: Engine, volume: str, script: str = "exec sleep 1000", *options: str) -> None:
    """Start a container that has the volume at /data."""
    run = ["run", "--detach", "--network=none", f"--name=with-{volume}", "-v", f"{volume}:/data", *options]
    engine.docker(*run, BUSYBOX, "sh", "-c", script)


def refused(engine: Engine, *arguments: str) -> str:
    """What `docker` prints when it refuses."""
    done = engine.docker(*arguments, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


def identity(engine: Engine, plugin: str = "ddd") -> str:
    """The ID of a plugin, which is in its paths."""
    return engine.output("plugin", "inspect", "--format={{.ID}}", plugin)


def data(engine: Engine, volume: str, plugin: str = "ddd") -> Path:
    """The folder of a volume on the machine."""
    return engine.folder / "data/plugins" / identity(engine, plugin) / "propagated-mount/volumes" / volume


def remove(engine: Engine, volume: str) -> str:
    """What the plugin says to a Remove that Docker, which knows its own containers, would not send."""
    socket = f"/run/docker/plugins/{identity(engine)}/ddd.sock"
    return str(ask(engine, "VolumeDriver.Remove", socket, Name=volume)["Err"])


def test_two_containers_share_a_volume_and_docker_cp_reaches_it(engine: Engine, volume: str, tmp_path: Path) -> None:
    start(engine, volume)
    engine.container("-v", f"{volume}:/data", BUSYBOX, "sh", "-c", "echo hello > /data/file")
    assert engine.output("exec", f"with-{volume}", "cat", "/data/file") == "hello"
    assert (data(engine, volume) / "data/file").read_text() == "hello\n"
    engine.docker("cp", f"with-{volume}:/data/file", str(tmp_path / "file"))
    engine.docker("cp", str(tmp_path / "file"), f"with-{volume}:/data/copy")
    assert engine.output("exec", f"with-{volume}", "cat", "/data/copy") == "hello"
    assert engine.output("volume", "ls", f"--filter=name={volume}", "--format={{.Driver}}") == "ddd:latest"


def test_docker_does_not_activate_a_managed_plugin(engine: Engine, volume: str) -> None:
    log = engine.log.read_text()
    assert volume in log and "VolumeDriver.Create" in log
    assert "Plugin.Activate" not in log


def test_remove_is_refused_while_a_process_of_the_machine_has_the_volume(engine: Engine, volume: str) -> None:
    start(engine, volume)
    assert "has not unmounted" in remove(engine, volume)
    forget_the_mounts(engine, volume)
    assert "has it mounted at /data." in remove(engine, volume), "needs PidHost"


def test_remove_is_refused_while_a_process_has_chrooted_into_the_volume(engine: Engine, volume: str) -> None:
    # with one right more than the plugin has by default: the kernel shows it only to a process with CAP_SYS_PTRACE
    start(engine, volume, JAIL, "--cap-add=NET_ADMIN")
    pid = engine.output("inspect", "--format={{.State.Pid}}", f"with-{volume}")
    wait_for(lambda: engine.run("cat", f"/proc/{pid}/cmdline").stdout.startswith("/busybox"), "its chroot")
    forget_the_mounts(engine, volume)
    assert f"process {pid} " in remove(engine, volume), "needs CAP_SYS_PTRACE"


def forget_the_mounts(engine: Engine, volume: str) -> None:
    """Delete the records of the plugin: what the kernel says has to be enough."""
    for record in (data(engine, volume) / "mounts").iterdir():
        record.unlink()


def test_set_works_on_a_disabled_plugin_and_on_what_an_operator_may_choose(engine: Engine) -> None:
    assert "disable plugin before setting" in refused(engine, "plugin", "set", "ddd", f"DDD_METRICS={METRICS}")
    engine.docker("plugin", "disable", "ddd")
    for fixed in ("DDD_ROOT=/srv", "DDD_SOCKET=/run/docker/plugins/mango.sock"):
        refused(engine, "plugin", "set", "ddd", fixed)
    engine.docker("plugin", "set", "ddd", f"DDD_METRICS={METRICS}")
    engine.docker("plugin", "enable", "ddd")
    assert "ddd_volumes 0.0\n" in engine.run("curl", "--silent", "--fail", f"http://{METRICS}/metrics").stdout
    engine.docker("plugin", "disable", "ddd")
    engine.docker("plugin", "set", "ddd", "DDD_METRICS=")
    engine.docker("plugin", "enable", "ddd")


def test_disable_is_refused_while_there_is_a_volume_and_loses_nothing_by_force(engine: Engine, volume: str) -> None:
    start(engine, volume, "echo hello > /data/file; exec sleep 1000")
    assert "is in use" in refused(engine, "plugin", "disable", "ddd")
    engine.docker("plugin", "disable", "--force", "ddd")
    try:
        assert engine.output("exec", f"with-{volume}", "cat", "/data/file") == "hello"
    finally:
        engine.docker("plugin", "enable", "ddd")
    assert engine.container("-v", f"{volume}:/data", BUSYBOX, "cat", "/data/file") == "hello"
    assert "has not unmounted" in remove(engine, volume)


def test_docker_starts_the_plugin_before_the_containers_that_need_it(engine: Engine, volume: str) -> None:
    again = ["--restart=always", "--stop-signal=KILL"]  # sleep ignores SIGTERM, and Docker would wait for it
    start(engine, volume, "echo hello >> /data/file; exec sleep 1000", *again)
    engine.restart_dockerd()
    wait_for(
        lambda: (data(engine, volume) / "data/file").read_text() == "hello\nhello\n", "the restart of the container"
    )


def test_an_upgrade_keeps_the_volumes_and_the_settings(engine: Engine, volume: str, pushed: str) -> None:
    engine.container("-v", f"{volume}:/data", BUSYBOX, "sh", "-c", "echo hello > /data/file")
    upgrade = ["plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", "ddd", pushed]
    assert "must be disabled before upgrading" in refused(engine, *upgrade)
    engine.docker("plugin", "disable", "--force", "ddd")
    engine.docker("plugin", "set", "ddd", f"DDD_METRICS={METRICS}")
    try:
        engine.docker(*upgrade)
    finally:
        engine.docker("plugin", "enable", "ddd")
    description = engine.output("plugin", "inspect", "--format={{.Config.Description}}", "ddd")
    assert description.startswith("the next ddd")
    assert f"DDD_METRICS={METRICS}" in engine.output("plugin", "inspect", "--format={{.Settings.Env}}", "ddd")
    assert engine.container("-v", f"{volume}:/data", BUSYBOX, "cat", "/data/file") == "hello"


def test_rm_is_refused_while_there_is_a_volume_and_by_force_deletes_it(engine: Engine, name: str, pushed: str) -> None:
    engine.docker("volume", "create", f"--driver={pushed}", name)
    engine.container("-v", f"{name}:/data", BUSYBOX, "touch", "/data/file")
    folder = data(engine, name, pushed)
    assert (folder / "data/file").exists()
    engine.docker("plugin", "disable", "--force", pushed)
    assert "is in use" in refused(engine, "plugin", "rm", pushed)
    assert (folder / "data/file").exists()
    engine.docker("plugin", "rm", "--force", pushed)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["ddd", "mango"], 2, "There is one argument, the name of the plugin. Type: sudo "),
        ([], 1, "There is no image docker-plugin-workshop. Type: docker build -t docker-plugin-workshop "),
    ],
)
def test_the_script_says_what_to_type(arguments: list[str], status: int, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([MANAGED / "install", *arguments], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(sentence)
