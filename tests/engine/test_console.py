"""The console blocks of README.md, docs/ and slides/, typed beside a real Docker Engine: what the course shows is true.

Each text has an engine of its own, and a copy of this repository as its folder. The shells run in the engine's
namespaces, so commands stand here as they do at a learner's desk. What a desk has and this does not is a network:
the image is built from wheels, on a base that stands for `python:3.13-slim`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from console import Terminals, blocks
from test_console import COUNTED, texts

from .engine import Engine
from .images import BUSYBOX, REPOSITORY, once, python_tar, wheels_folder

pytestmark = pytest.mark.engine
ALONE = "In this container ddd sees no other process, and goes by its records alone: run it with --pid host.\n"
KEPT = ("PATH", "DOCKER_HOST", "DOCKER_BUILDKIT")
"""What the shells have of this process's surroundings."""


@pytest.mark.parametrize("name", [name for name, (run, _) in COUNTED.items() if run])
def test_what_the_blocks_show_comes(name: str, fresh_engine: Callable[[], Engine]) -> None:
    found = [block for block in blocks(texts()[name], name) if not block.reason]
    engine = fresh_engine()
    engine.docker("tag", BUSYBOX, "busybox")
    engine.docker("rmi", BUSYBOX)
    folder = desk(engine)
    if any("docker build" in step.typed for block in found for step in block.steps):
        ready_to_build(engine, folder)
    inside = partial(engine.inside, folder=folder)
    with Terminals(folder, surroundings(engine), inside, at_a_desk=at_a_desk) as terminals:
        for block in found:
            terminals.run(block)


def desk(engine: Engine) -> Path:
    """Return a copy of this repository as a learner has it after the first ./workshop."""
    folder = engine.folder / "home" / "workshop"
    unknown = [line.strip("/\n") for line in (REPOSITORY / ".gitignore").read_text().splitlines()]
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(".git", *unknown), symlinks=True)
    make_venv(folder)
    return folder


def make_venv(folder: Path) -> None:
    """Make the .venv of a copy, with the packages of the Python that runs this: ./workshop takes it for its own."""
    venv = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "workshop.pth").write_text(f"{folder}/src\n{sysconfig.get_path('purelib')}\n")
    python = (venv / "bin" / "python").resolve()
    (venv / "made-from").write_text(f"{folder}\n{python}\n{(folder / 'constraints.txt').read_text()}")


def ready_to_build(engine: Engine, folder: Path) -> None:
    """Let `docker build` find what it would fetch: its base, and the packages."""
    base = once("python-base.tar", python_tar)
    engine.docker("import", "--change", "ENV PIP_NO_INDEX=1", str(base), "python:3.13-slim")
    shutil.copytree(wheels_folder(), folder / "wheels")


def surroundings(engine: Engine) -> dict[str, str]:
    """Return the environment of the shells."""
    there = {name: value for name, value in engine.environment().items() if name in KEPT}
    return there | {"HOME": str(engine.folder / "home"), "LANG": "C.UTF-8", "TERM": "xterm"}


def at_a_desk(command: str, output: str) -> str:
    """Return what a command prints without what ddd says because this machine is, or was made from, a container."""
    if Path("/.dockerenv").exists() and not command.startswith("docker "):
        return output.replace(ALONE, "")
    return output
