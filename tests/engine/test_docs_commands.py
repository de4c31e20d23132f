"""The console blocks of README.md, docs/ and slides/, typed beside a real Docker Engine: what the course shows is true.

Each text has a copy of this repository as its folder, and the engine as it was before: a text that does not clean up
after itself fails. The shells run in the engine's namespaces, so that commands stand here as they do at a learner's
desk. What a desk has and this does not is a network, and systemd: the image is built from wheels, on a base that
stands for `python:3.13-slim`, and `systemctl restart docker` is done by the engine's own hand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from terminals import Terminals, blocks
from test_terminals import COUNTED, texts

from .engine import Engine
from .images import BUSYBOX, REPOSITORY, import_busybox, once, python_tar, wheels_folder

pytestmark = pytest.mark.engine
ALONE = "In this container ddd sees no other process, and goes by its records alone: run it with --pid host.\n"
KEPT = ("PATH", "DOCKER_HOST", "DOCKER_BUILDKIT")
"""What the shells have of this process's surroundings."""


@pytest.fixture(scope="module")
def engines(machine: None) -> Iterator[list[Engine]]:
    """The engine that the texts share, if it is in order: the image is built once, and then from Docker's cache."""
    kept: list[Engine] = []
    yield kept
    for engine in kept:
        engine.stop()


@pytest.mark.parametrize("name", [name for name, (run, _) in COUNTED.items() if run])
def test_what_the_blocks_show_comes(name: str, engines: list[Engine]) -> None:
    found = [block for block in blocks(texts()[name], name) if not block.reason]
    with lent(engines) as engine:
        folder = desk(engine)
        doings = {"systemctl restart docker": engine.restart_dockerd}
        inside = partial(engine.inside, folder=folder)
        with Terminals(folder, surroundings(engine), inside, at_a_desk=at_a_desk, instead=doings) as terminals:
            for block in found:
                terminals.run(block)
        assert not left_behind(engine), f"{name} ends, and leaves something on the machine"


@contextmanager
def lent(engines: list[Engine]) -> Iterator[Engine]:
    """Give the shared engine to a text. It comes back only from one that has left it in order."""
    engine = engines.pop() if engines else new_engine()
    try:
        yield engine
        reset(engine)
    except BaseException:
        engine.stop()
        raise
    engines.append(engine)


def new_engine() -> Engine:
    """Return an engine that has what a desk gets from the network: the image busybox, and the base of our own."""
    engine = Engine()
    try:
        engine.start()
        import_busybox(engine)
        engine.docker("tag", BUSYBOX, "busybox")
        engine.docker("rmi", BUSYBOX)
        base = str(once("python-base.tar", python_tar))
        engine.docker("import", "--change", "ENV PIP_NO_INDEX=1", base, "python:3.13-slim")
    except BaseException:
        engine.stop()
        raise
    return engine


def left_behind(engine: Engine) -> list[str]:
    """Return what a text has left on the machine, the image `ddd` apart."""
    containers = engine.output("ps", "--all", "--format={{.Names}}").split()
    kinds = [engine.plugins.glob("*"), engine.specs.glob("*"), engine.etc.glob("ddd*"), engine.root.glob("volumes/*")]
    return [*containers, *(str(path) for paths in kinds for path in paths)]


def reset(engine: Engine) -> None:
    """Let the engine forget the text: its drivers, and its image, whose layers stay for the next build."""
    if engine.output("images", "--quiet", "ddd"):
        engine.docker("tag", "ddd", "built-before")
        engine.docker("rmi", "ddd")
    shutil.rmtree(engine.folder / "home")
    for path in engine.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()  # the lock, and the socket of the metrics
    engine.restart_dockerd()


def desk(engine: Engine) -> Path:
    """Return a copy of this repository as a learner has it after the first ./workshop, with wheels for the image."""
    folder = engine.folder / "home" / "workshop"
    ignored = [line.strip("/\n") for line in (REPOSITORY / ".gitignore").read_text().splitlines()]
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(".git", *ignored), symlinks=True)
    make_venv(folder)
    shutil.copytree(wheels_folder(), folder / "wheels")
    return folder


def make_venv(folder: Path) -> None:
    """Make the .venv of a copy, with the packages of the Python that runs this: ./workshop takes it for its own."""
    venv = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "workshop.pth").write_text(f"{folder}/src\n{sysconfig.get_path('purelib')}\n")
    python = (venv / "bin" / "python").resolve()
    versions = (folder / "constraints.txt").read_text()
    (venv / "made-from").write_text(f"{folder}\n{python}\n{versions}Flask was imported\n")


def surroundings(engine: Engine) -> dict[str, str]:
    """Return the environment of the shells."""
    there = {name: value for name, value in engine.environment().items() if name in KEPT}
    return there | {"HOME": str(engine.folder / "home"), "LANG": "C.UTF-8", "TERM": "xterm"}


def at_a_desk(command: str, output: str) -> str:
    """Return what a command prints without what ddd says because this machine is, or was made from, a container."""
    if Path("/.dockerenv").exists() and not command.startswith("docker "):
        return output.replace(ALONE, "")
    return output
