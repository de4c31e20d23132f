"""What the tests under fault share: a folder, and ddd in it, as it is run and under Werkzeug's server."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .ddd import DDD, SERVERS, Ddd

Start = Callable[..., Ddd]


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """A machine on which faults can be made; on another one the test is skipped."""
    lacking = [f"no {program}" for program in ("strace", "unshare", "nsenter", "setpriv") if not shutil.which(program)]
    lacking += [] if importlib.util.find_spec("hypothesis") else ["no hypothesis"]
    if os.geteuid() != 0:
        lacking.insert(0, "this is not root")
    elif subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        lacking.append("no right to mount")
    if lacking:
        pytest.skip(f"No faults can be made here ({', '.join(lacking)}): ./workshop test --require slow")


@pytest.fixture(scope="session")
def plugin_file(pytestconfig: pytest.Config) -> Path:
    """The plugin under fault: ddd, or a spoilt one that --ddd-plugin names."""
    file = pytestconfig.getoption("ddd_plugin")
    if file:
        Ddd.patience = 5.0  # a spoilt one may keep us waiting for ever
    return Path(file).resolve() if file else DDD


@pytest.fixture
def start(folder: Path, plugin_file: Path) -> Iterator[Start]:
    """Starts ddd, by a server of the test's choice, with what the test puts before its command."""
    with ExitStack() as plugins:

        def started(server: str, *before: str) -> Ddd:
            plugin = Ddd(server, folder, plugin_file, before)
            plugins.callback(plugin.close)
            plugin.start()
            plugins.callback(plugin.kill)  # gunicorn's clean end takes its time
            return plugin

        yield started


@pytest.fixture(params=SERVERS)
def ddd(request: pytest.FixtureRequest, start: Start) -> Ddd:
    """ddd, running and without a volume, by each of its servers."""
    return start(request.param)


def on_a_disk(start: Start, server: str, options: str, script: str = ":") -> Ddd:
    """Start the plugin in a mount namespace of its own, with a small disk of its own as its root."""
    prepare = f'mkdir -p "$DDD_ROOT" && mount -t tmpfs -o {options} disk "$DDD_ROOT" && {script} && exec "$@"'
    return start(server, "unshare", "--mount", "sh", "-euc", prepare, "sh")


@contextmanager
def rm_held(folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Make an `rm` that waits until it may continue: the file `held` beside it tells that it waits. Give the PATH on
    which it comes first, and a function that lets it continue."""
    fifo = folder / "bin" / "go"
    fifo.parent.mkdir()
    (fifo.parent / "rm").write_text(f'#!/bin/sh\ntouch {fifo.parent}/held\nread go <{fifo}\nexec /bin/rm "$@"\n')
    (fifo.parent / "rm").chmod(0o755)
    os.mkfifo(fifo)
    with open(fifo, "r+b", buffering=0) as go:
        yield f"{fifo.parent}:{os.environ['PATH']}", lambda: go.write(b"go\n")
