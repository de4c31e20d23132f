"""Several learners share an engine: each plugin has a name, a socket and a root of its own (docs/teachers.md)."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from .engine import Engine, answers, wait_for
from .images import BUSYBOX, REPOSITORY, import_busybox

pytestmark = pytest.mark.engine


def start(engine: Engine, name: str) -> None:
    """Start the plugin of part 3 for one learner, as the page for teachers says."""
    own = {"DDD_SOCKET": f"/run/docker/plugins/{name}.sock", "DDD_ROOT": f"/var/lib/ddd/{name}"}
    with (engine.folder / f"{name}.log").open("a") as log:
        engine.spawn([sys.executable, "part3/plugin.py"], own, output=log, folder=REPOSITORY)
    wait_for(lambda: answers(engine.plugins / f"{name}.sock"), f"the socket of {name}")


def test_learners_share_an_engine_each_with_a_driver_of_their_own(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    import_busybox(engine)
    for name in ("anna", "ben"):
        start(engine, name)
        assert engine.output("volume", "create", "-d", name, f"{name}-mango") == f"{name}-mango"
        engine.container("-v", f"{name}-mango:/data", BUSYBOX, "sh", "-c", f"echo {name} > /data/note")
    assert engine.container("-v", "anna-mango:/data", BUSYBOX, "cat", "/data/note") == "anna"
    taken = engine.docker("volume", "create", "-d", "ben", "anna-mango", check=False)
    assert taken.returncode == 1
    assert "driver 'anna' already has volume 'anna-mango': volume name must be unique" in taken.stderr
