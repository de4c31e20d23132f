"""The tour through a real engine, as somebody types it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from .engine import Engine
from .images import BUSYBOX, REPOSITORY
from .plugins import Part

pytestmark = pytest.mark.engine
TOUR = (sys.executable, "-m", "workshop", "tour", "--engine")


def test_the_tour_through_docker(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    engine.docker("tag", BUSYBOX, "busybox")
    said = engine.run(*TOUR, "--all", folder=REPOSITORY).stdout
    assert said.count("Achievement unlocked!") == 3, said
    assert "VolumeDriver.Create: ddd does not answer POST /VolumeDriver.Create." in said
    assert "[docker]  POST /VolumeDriver.Mount" in said
    assert "\nhello\n" in said
    assert "sudo systemctl restart docker" in said
    assert not (engine.plugins / "ddd.sock").exists()


def test_the_short_tour_through_docker(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    engine.docker("tag", BUSYBOX, "busybox")
    said = engine.run(*TOUR, folder=REPOSITORY).stdout
    assert said.count("\n$ ") == 2 and "\nhello\n" in said, said
    assert "[docker]  POST /VolumeDriver.Create" in said and "[docker]  POST /VolumeDriver.Remove" in said
    assert said.rstrip().endswith("./workshop start")
    assert not (engine.plugins / "ddd.sock").exists()


def test_the_tour_leaves_a_plugin_alone_that_is_there(fresh_engine: Callable[[], Engine]) -> None:
    engine = fresh_engine()
    with Part(engine):
        done = engine.run(*TOUR, check=False, folder=REPOSITORY)
    assert done.returncode == 1
    assert "A plugin listens at /run/docker/plugins/ddd.sock already." in done.stdout
