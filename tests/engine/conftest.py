"""What the tests against a real Docker Engine share. Where there is none, each of them is skipped, with one reason."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .engine import Engine
from .images import build_ours, import_busybox, import_python_base
from .plugins import SERVERS, Part

PROGRAMS = ["dockerd", "docker", "unshare", "nsenter", "busybox", "debootstrap", "curl", "openssl"]


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine that can run an engine; on another one the test is skipped."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    lacking = [f"no {program}" for program in PROGRAMS if not shutil.which(program, path=path)]
    if os.geteuid() != 0:
        lacking.insert(0, "this is not root")
    if lacking:
        pytest.skip(f"No Docker Engine can be started here ({', '.join(lacking)}): ./workshop test --require engine")


@pytest.fixture(scope="session")
def engine(machine: None) -> Iterator[Engine]:
    """The engine that tests share when they leave it as it was: the plugin `ddd` lives as long as it does."""
    with Engine() as engine:
        import_busybox(engine)
        yield engine


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Each way of serving ddd."""
    return str(request.param)


@pytest.fixture(scope="session")
def plugin(engine: Engine, server: str) -> Iterator[Part]:
    """ddd, beside the shared engine. It stays: a lost plugin costs Docker 15 s at each `volume ls`."""
    with Part(engine, server=server) as plugin:
        yield plugin


@pytest.fixture
def fresh_engine(machine: None) -> Iterator[Callable[[], Engine]]:
    """Starts engines that belong to one test: for plugins that come and go, and for engines that are killed."""
    with ExitStack() as engines:

        def start(settings: str = "{}") -> Engine:
            """A new engine with this daemon.json."""
            engine = Engine()
            engine.etc.mkdir()
            (engine.etc / "daemon.json").write_text(settings)
            if "userns-remap" in settings:
                engine.folder.chmod(0o711)  # the root of its containers is another user, and has to get through
            engines.enter_context(engine)
            import_busybox(engine)
            return engine

        yield start


@pytest.fixture(scope="session")
def image(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our image, built from the Dockerfile: a file for `docker load`."""
    file = tmp_path_factory.mktemp("image") / "ours.tar"
    with Engine() as engine:
        import_python_base(engine)
        build_ours(engine)
        engine.docker("save", "--output", str(file), "docker-plugin-workshop", "python-base:local")
    return file


@pytest.fixture
def name() -> str:
    """A name for a volume that no other test uses."""
    return f"v-{secrets.token_hex(4)}"
