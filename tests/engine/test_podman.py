"""Docker Engine and Podman on one plugin: the volume commands of both, and what each makes of the other's volumes."""

from __future__ import annotations

import json
import shutil

import pytest

from .engine import Engine
from .images import BUSYBOX
from .plugins import Part, ask
from .podman import Podman

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("server", ["gunicorn"], indirect=True, scope="session")]


@pytest.fixture(scope="module")
def podman(engine: Engine, plugin: Part) -> Podman:
    """Podman, on the plugin of the shared engine."""
    if not shutil.which("podman"):
        pytest.skip("Podman is not here: ./workshop test --require engine")
    return Podman(engine)


def docker_refused(engine: Engine, *arguments: str) -> str:
    """The error that `docker` with these arguments ends with."""
    failed = engine.docker(*arguments, check=False)
    assert failed.returncode == 1, failed.stdout
    return failed.stderr


def names(listing: str) -> set[str]:
    return set(listing.splitlines())


def test_each_uses_what_the_other_has_made(engine: Engine, podman: Podman, name: str) -> None:
    assert podman.output("volume", "create", "--driver=ddd", name) == name
    (found,) = json.loads(podman.output("volume", "inspect", name))
    assert (found["Name"], found["Driver"], found["Scope"]) == (name, "ddd", "local")
    assert name in names(podman.output("volume", "ls", "--quiet"))
    assert name in names(engine.output("volume", "ls", "--quiet"))
    podman("run", "--rm", "--volume", f"{name}:/data", BUSYBOX, "sh", "-c", "echo from podman > /data/file")
    assert engine.container("-v", f"{name}:/data", BUSYBOX, "cat", "/data/file") == "from podman"
    engine.container("-v", f"{name}:/data", BUSYBOX, "sh", "-c", "echo from docker > /data/file")
    assert podman.output("run", "--rm", "--volume", f"{name}:/data", BUSYBOX, "cat", "/data/file") == "from docker"
    assert podman.output("volume", "rm", name) == name
    assert name not in names(engine.output("volume", "ls", "--quiet"))
    assert not (engine.root / "volumes" / name).exists()


def test_podman_passes_the_options_on(engine: Engine, podman: Podman, name: str) -> None:
    podman("volume", "create", "--driver=ddd", "--opt=uid=1000", "--opt=mode=0700", name)
    podman("run", "--rm", "--user=1000", "--volume", f"{name}:/data", BUSYBOX, "touch", "/data/file")
    data = (engine.root / "volumes" / name / "data").stat()
    assert (data.st_uid, f"{data.st_mode:o}") == (1000, "40700")
    bad = podman.refused("volume", "create", "--driver=ddd", "--opt=uid=ann", f"{name}-2")
    assert "The option uid cannot be used: type a number from 0 to 4294967294, such as -o uid=1000." in bad


def test_podman_learns_what_docker_has_made_and_removed_when_it_is_told_to(
    engine: Engine, podman: Podman, name: str
) -> None:
    engine.docker("volume", "create", "--driver=ddd", name)
    assert name not in names(podman.output("volume", "ls", "--quiet"))
    podman("volume", "reload")
    assert name in names(podman.output("volume", "ls", "--quiet"))
    engine.docker("volume", "rm", name)
    # one volume that is gone, and it lists none at all
    assert f"There is no volume {name}." in podman.refused("volume", "ls")
    podman("volume", "reload")
    assert name not in names(podman.output("volume", "ls", "--quiet"))


def test_podman_prunes_the_volumes_of_plugins_too(engine: Engine, podman: Podman, name: str) -> None:
    podman("volume", "create", "--driver=ddd", "--label=for=prune", name)
    engine.docker("volume", "prune", "--force")
    assert ask(engine, "VolumeDriver.Get", Name=name)["Err"] == ""
    assert podman.output("volume", "prune", "--force", "--filter=label=for=prune") == name
    assert ask(engine, "VolumeDriver.Get", Name=name)["Err"]


def test_docker_cannot_remove_what_a_container_of_podman_has(engine: Engine, podman: Podman, name: str) -> None:
    podman("volume", "create", "--driver=ddd", name)
    podman("run", "--detach", f"--name=with-{name}", "--volume", f"{name}:/data", BUSYBOX, "sleep", "1000")
    # the podman that mounted it has ended, so its record does not count: the kernel knows who has it
    refused = docker_refused(engine, "volume", "rm", name)
    assert f"VolumeDriver.Remove: Volume {name} is in use: process " in refused
    assert "has it mounted at /data." in refused
    assert "volume is being used" in podman.refused("volume", "rm", name)
    podman("rm", "--force", "--time=0", f"with-{name}")
    assert podman.output("volume", "rm", name) == name


def test_podman_cannot_remove_what_a_container_of_docker_has(engine: Engine, podman: Podman, name: str) -> None:
    podman("volume", "create", "--driver=ddd", name)
    engine.docker("run", "-d", "--network=none", f"--name=with-{name}", "-v", f"{name}:/data", BUSYBOX, "sleep", "1000")
    refused = podman.refused("volume", "rm", name)
    assert f"in volume plugin ddd: Volume {name} is in use: process " in refused
    assert name in names(podman.output("volume", "ls", "--quiet")), "Podman keeps what it could not remove"
    assert ask(engine, "VolumeDriver.Get", Name=name)["Err"] == ""
    engine.docker("rm", "--force", f"with-{name}")
    assert podman.output("volume", "rm", name) == name


def test_both_print_the_sentence_of_an_error(engine: Engine, podman: Podman, name: str) -> None:
    create = ["volume", "create", "--driver=ddd", "--opt=size=10G", name]
    sentence = "ddd takes the options uid, gid and mode: leave out size"
    assert f"VolumeDriver.Create: {sentence}" in docker_refused(engine, *create)
    assert f"VolumeDriver.Create on volume {name} in volume plugin ddd: {sentence}" in podman.refused(*create)
    long = "x" * 256  # Podman itself refuses what has other signs, as Docker does for its own driver
    assert "cannot be used: take 1 to 255 letters" in docker_refused(engine, "volume", "create", "--driver=ddd", long)
    assert "cannot be used: take 1 to 255 letters" in podman.refused("volume", "create", "--driver=ddd", long)
    assert not (engine.root / "volumes" / name).exists()


def test_both_say_that_there_is_no_such_volume(engine: Engine, podman: Podman, name: str) -> None:
    for command in ("inspect", "rm"):
        assert "no such volume" in docker_refused(engine, "volume", command, name).lower()
        assert "no such volume" in podman.refused("volume", command, name)
