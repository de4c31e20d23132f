"""The tests of an engine, and those that need nothing, on each release of Debian: its Docker Engine, Podman, Python.

`--durations=0` prints how long each took. The setup of a release's first test is the making of its root.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engine.roots import ROOTS, prepared, run_in

RUNS = {"engine": ["--require", "engine", "tests/engine"], "unmarked": ["-n", "auto"]}
"""What is typed after `./workshop test` in a root."""


@pytest.fixture(scope="session", params=ROOTS)
def release(request: pytest.FixtureRequest) -> str:
    """Each release, with its root made."""
    if "engines" not in request.config.getoption("ddd_require"):
        pytest.skip("runs in each release of Debian, for an hour: ./workshop test --require engines")
    if os.geteuid() != 0:
        pytest.skip("only root can make a release of Debian: sudo ./workshop test --require engines")
    prepared(request.param)
    return str(request.param)


@pytest.mark.engines
@pytest.mark.parametrize("run", RUNS)
def test_the_tests_pass_there(release: str, run: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as output:
        status = run_in(release, ["./workshop", "test", *RUNS[run]], output)
    assert status == 0, "\n".join(log.read_text().splitlines()[-200:])
