"""The image, every part in a container as the course runs it, and compose.yaml."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .engine import Engine, answers, wait_for
from .images import BUSYBOX, OURS, PYTHON_BASE, REPOSITORY, import_busybox, wheels_folder
from .plugins import ask

pytestmark = pytest.mark.engine

CLONE = '-v "$PWD":/workshop '
with_and_without_the_clone = pytest.mark.parametrize("clone", [CLONE, ""], ids=["with the clone", "without it"])


def shown(text: str, ending: str) -> str:
    """Return the one line of a text that runs a container and ends so."""
    lines = (REPOSITORY / text).read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("$ docker run -it ") and each.endswith(ending)]
    return line.removeprefix("$ ")


@pytest.fixture(scope="module")
def engine(image: Path) -> Iterator[Engine]:
    """An engine with our image; each test brings its own plugin `ddd`, in a container."""
    with Engine() as engine:
        import_busybox(engine)
        engine.docker("load", "--input", str(image))
        yield engine


@contextmanager
def in_a_container(engine: Engine, line: str, folder: Path = REPOSITORY) -> Iterator[None]:
    """Type a line with `docker run` on a terminal, as a reader does, until Ctrl-C.

    The container must end well, and take its socket away.
    """
    keyboard, terminal = pty.openpty()
    try:
        # this machine's engine has no bridge
        command = ["sh", "-c", line.replace("docker run ", "docker run --network none ")]
        process = engine.spawn(command, input=terminal, output=terminal, folder=folder)
        os.close(terminal)

        def ready() -> bool:
            assert process.poll() is None, os.read(keyboard, 10_000).decode()
            return answers(engine.plugins / "ddd.sock")

        wait_for(ready, "the plugin in its container", 60)
        yield
        os.write(keyboard, b"\x03")
        assert process.wait(20) == 0
        assert not (engine.plugins / "ddd.sock").exists()
    finally:
        os.close(keyboard)


@contextmanager
def part(engine: Engine, number: int, clone: str) -> Iterator[None]:
    """Run a part by the line of its README; with clone="" as the image has it."""
    line = shown(f"part{number}/README.md", f" ddd python part{number}/plugin.py")
    assert CLONE in line
    with in_a_container(engine, line.replace(CLONE, clone).replace(" ddd python", f" {OURS} python")):
        yield


def test_the_image_has_the_packages_of_constraints_txt_on_a_base_that_refuses_a_plain_pip(engine: Engine) -> None:
    assert engine.container(PYTHON_BASE, "sh", "-c", "ls /usr/lib/python3*/EXTERNALLY-MANAGED")
    installed = engine.container(OURS, "pip", "freeze").split()
    assert {package.split("==")[0] for package in installed} >= {"Flask", "gunicorn", "prometheus_client"}
    assert set(installed) <= set((REPOSITORY / "constraints.txt").read_text().split())


@with_and_without_the_clone
def test_part_1_greets_a_curl_in_a_second_container(engine: Engine, clone: str) -> None:
    with part(engine, 1, clone):
        curl = ["curl", "--silent", "--unix-socket", "/run/docker/plugins/ddd.sock", "http://ddd/"]
        greeting = engine.container("-v", "/run/docker/plugins:/run/docker/plugins", OURS, *curl)
        assert greeting.startswith("Hello! I am ddd")


@with_and_without_the_clone
def test_part_2_is_found_and_activated_from_its_container(engine: Engine, name: str, clone: str) -> None:
    with part(engine, 2, clone):
        failed = engine.docker("volume", "create", "--driver=ddd", name, check=False)
        assert "VolumeDriver.Create: " in failed.stderr
        assert "ddd" in engine.output("info", "--format={{json .Plugins.Volume}}")


@with_and_without_the_clone
def test_part_3_serves_other_containers_from_its_own(engine: Engine, name: str, clone: str) -> None:
    with part(engine, 3, clone):
        use(engine, name)


def test_a_part_runs_in_pythons_own_image_by_the_line_of_its_readme(engine: Engine, name: str) -> None:
    line = shown("part2/README.md", " && exec python part2/plugin.py'")
    options, _, script = line.partition(" python:3.13-slim sh -c ")
    # the base that stands for Python's image has python and pip in a venv only, and the packages come from a folder
    inside = f"python3 -m venv /tmp/venv && PATH=/tmp/venv/bin:$PATH && {shlex.split(script)[0]}"
    wheels = f"-v {wheels_folder()}:/wheels -e PIP_NO_INDEX=1 -e PIP_FIND_LINKS=/wheels"
    with in_a_container(engine, f"{options} {wheels} {PYTHON_BASE} sh -c {shlex.quote(inside)}"):
        failed = engine.docker("volume", "create", "--driver=ddd", name, check=False)
        assert "VolumeDriver.Create: ddd does not answer POST /VolumeDriver.Create." in failed.stderr


@with_and_without_the_clone
def test_ddd_is_what_the_image_runs_whatever_is_at_workshop(
    engine: Engine, name: str, clone: str, tmp_path: Path
) -> None:
    for module in ("ddd", "flask", "gunicorn"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from /workshop')")
    line = shown("docs/operators.md", " ddd")
    with in_a_container(engine, f"{line.removesuffix(' ddd')} {clone}{OURS}", tmp_path):
        use(engine, name)


def use(engine: Engine, name: str) -> None:
    """A volume's life: written by one container, read by another, kept while a third has it, removed."""
    volume = ["-v", f"{name}:/data", "--volume-driver=ddd"]
    engine.container(*volume, BUSYBOX, "sh", "-c", "echo hello > /data/file")
    assert engine.container(*volume, BUSYBOX, "cat", "/data/file") == "hello"
    engine.docker("run", "--detach", "--network=none", f"--name=with-{name}", *volume, BUSYBOX, "sleep", "1000")
    assert ask(engine, "VolumeDriver.Remove", Name=name)["Err"]
    engine.docker("rm", "--force", f"with-{name}")
    assert engine.output("volume", "rm", name) == name
    assert not (engine.root / "volumes" / name).exists()


def compose(engine: Engine) -> list[str]:
    """The command of Docker Compose: a plugin of docker, or a program of its own. Without it the test is skipped."""
    if engine.docker("compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("Docker Compose is not here: apt-get install docker-compose")


@contextmanager
def composed(engine: Engine) -> Iterator[str]:
    """Bring ddd up by compose.yaml, and take it down; the container's ID."""
    command = [*compose(engine), "--project-name=course", f"--file={REPOSITORY}/compose.yaml"]
    engine.run(*command, "up", "--detach", "--no-build")
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin that compose started")
    yield engine.run(*command, "ps", "--quiet").stdout.strip()
    engine.run(*command, "down")


def test_the_lines_of_compose_leave_ddd_what_its_work_takes(engine: Engine, name: str, tmp_path: Path) -> None:
    options = ["-o", "uid=1000", "-o", "gid=1000", "-o", "mode=1700"]
    volume = ["--network=none", "--user=1000:1000", f"--name=with-{name}", "-v", f"{name}:/data"]
    with composed(engine) as service:
        engine.docker("volume", "create", "--driver=ddd", *options, name)
        script = "mkdir -p /data/a/b && echo hello > /data/a/b/file && chmod 0 /data/a/b && exec sleep 1000"
        engine.docker("run", "--detach", *volume, BUSYBOX, "sh", "-c", script)
        (tmp_path / "copy").write_text("copied")
        engine.docker("cp", str(tmp_path / "copy"), f"with-{name}:/data/copy")
        engine.docker("cp", f"with-{name}:/data/copy", str(tmp_path / "back"))
        assert (tmp_path / "back").read_text() == "copied"
        for record in (engine.root / "volumes" / name / "mounts").iterdir():
            record.unlink()  # what the kernel says is enough
        assert "has it mounted at /data." in str(ask(engine, "VolumeDriver.Remove", Name=name)["Err"])
        holder = engine.output("inspect", "--format={{.State.Pid}}", f"with-{name}")
        look = f"import os; print(os.listdir('/proc/{holder}/root/data'))"
        assert "copy" in engine.output("exec", service, "python", "-c", look), "needs CAP_SYS_PTRACE"
        engine.docker("rm", "--force", f"with-{name}")
        assert engine.output("volume", "rm", name) == name
        wait_for(lambda: not list((engine.root / "aside").iterdir()), "the end of the volume's files")


def test_the_lines_of_compose_take_the_rest_away(engine: Engine) -> None:
    with composed(engine) as service:
        status = engine.output("exec", service, "cat", "/proc/self/status")
        chown, dac_override, fowner, sys_ptrace = 0, 1, 3, 19
        bounding = sum(1 << capability for capability in (chown, dac_override, fowner, sys_ptrace))
        assert f"CapBnd:\t{bounding:016x}\n" in status and "NoNewPrivs:\t1\n" in status
        assert "Read-only file system" in engine.docker("exec", service, "touch", "/file", check=False).stderr
        found = json.loads(engine.output("inspect", "--format={{json .HostConfig}}", service))
        assert (found["Memory"], found["PidsLimit"], found["NetworkMode"]) == (1 << 30, 4096, "none")


def test_the_container_is_healthy_while_the_plugin_answers_and_its_disk_is_there(engine: Engine) -> None:
    with composed(engine) as service:
        (kind, *look) = json.loads(engine.output("inspect", "--format={{json .Config.Healthcheck.Test}}", service))
        assert kind == "CMD"
        assert engine.docker("exec", service, *look, check=False).returncode == 0
        away = (engine.root / "volumes").rename(engine.root / "away")
        assert engine.docker("exec", service, *look, check=False).returncode != 0
        away.rename(engine.root / "volumes")


def test_compose_serves_a_daemon_with_userns_remap(fresh_engine: Callable[[str], Engine], image: Path) -> None:
    engine = fresh_engine('{"userns-remap": "default"}')
    engine.docker("load", "--input", str(image))
    first = engine.run("sh", "-c", "grep dockremap /etc/subuid").stdout.split(":")[1]
    with composed(engine):
        engine.docker("volume", "create", "--driver=ddd", "-o", f"uid={first}", "-o", f"gid={first}", "mango")
        use(engine, "mango")


def test_compose_brings_ddd_up_and_takes_it_down(engine: Engine, name: str) -> None:
    command = [*compose(engine), "--project-name=course", f"--file={REPOSITORY}/compose.yaml"]
    engine.run(*command, "up", "--detach", "--no-build")
    wait_for(lambda: answers(engine.plugins / "ddd.sock"), "the plugin that compose started")
    service = engine.run(*command, "ps", "--quiet").stdout.strip()
    assert engine.output("inspect", "--format={{.HostConfig.PidMode}}", service) == "host"
    use(engine, name)
    assert f'endpoint="VolumeDriver.Remove" volume="{name}" ' in engine.docker("logs", service).stderr
    engine.run(*command, "stop")
    assert engine.output("inspect", "--format={{.State.ExitCode}}", service) == "0"
    assert not (engine.plugins / "ddd.sock").exists()
    engine.run(*command, "down")
    assert not (engine.plugins / "ddd.sock").exists()
