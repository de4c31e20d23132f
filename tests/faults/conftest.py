"""What the tests under fault share: a folder, and part 3 in it, by each of its servers."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from workshop.process import private_folder

from .ddd import PART3, SERVERS, Ddd

Start = Callable[..., Ddd]


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """A machine on which faults can be made; on another one the test is skipped."""
    lacking = [f"no {program}" for program in ("strace", "unshare", "nsenter", "setpriv") if not shutil.which(program)]
    lacking += [] if importlib.util.find_spec("hypothesis") else ["no hypothesis"]
    if os.geteuid() != 0:
        lacking.insert(0, "this is not root")
    if lacking:
        pytest.skip(f"No faults can be made here ({', '.join(lacking)}): ./workshop test --require slow")


@pytest.fixture(scope="session")
def part3(pytestconfig: pytest.Config) -> Path:
    """The folder of the plugin under fault: part 3, or a spoilt one that --plugin names."""
    file = pytestconfig.getoption("plugin")
    return Path(file).resolve().parent if file else PART3


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own."""
    with private_folder() as path:
        yield path


@pytest.fixture
def start(folder: Path, part3: Path) -> Iterator[Start]:
    """Starts part 3, by a server of the test's choice, with what the test puts before its command."""
    with ExitStack() as plugins:

        def started(server: str, *before: str) -> Ddd:
            plugin = Ddd(server, folder, part3, before)
            plugins.callback(plugin.close)
            return plugin.start()

        yield started


@pytest.fixture(params=SERVERS)
def ddd(request: pytest.FixtureRequest, start: Start) -> Ddd:
    """Part 3, running and without a volume, by each of its servers."""
    return start(request.param)
