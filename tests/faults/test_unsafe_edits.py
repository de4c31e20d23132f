"""Each test under fault can fail: a ddd without what it looks for is caught by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from samples import sampled

from .unsafe_edits import FAULTS, Fault

pytestmark = pytest.mark.slow


def caught(fault: Fault, folder: Path) -> bool:
    """Run the test of a spoilt ddd; tell whether it fails."""
    folder.mkdir()
    test = str(Path(__file__).parent / fault.test)
    command = [sys.executable, "-m", "pytest", "-q", "--ddd-seed=1", "--ddd-plugin", str(fault.write(folder)), test]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    return done.returncode == 1 and done.stdout.splitlines()[-1].startswith("1 failed")


@pytest.mark.parametrize("fault", sampled(FAULTS, lambda fault: fault.file), ids=lambda fault: fault.name)
def test_the_fault_is_caught(fault: Fault, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("ddd_plugin"):
        pytest.skip("spoils ddd, not the plugin that --ddd-plugin names")
    assert caught(fault, tmp_path / "ddd")
