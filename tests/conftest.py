"""What tests share. Where several processes run them, those that share something costly stay in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workshop.plugins.folders import private_folder

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/engine/",
    "tests/browser/",
    "tests/test_engines.py",
    "tests/test_mistakes.py",
    "tests/test_mkdocs.py",
    "tests/test_peers.py",
    "tests/test_site.py",
    "tests/test_wheel.py",
)
"""They share a Docker Engine and its images; a Chromium and the built site; reports; what pip or debootstrap made."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, which a socket needs; it is gone after the test."""
    with private_folder() as path:
        yield path


@pytest.hookimpl(optionalhook=True)  # the steps run without pytest-xdist, too
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            """Return what a test is run together with."""
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)

    return Scheduling(config, log)
