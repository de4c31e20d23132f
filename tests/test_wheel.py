"""The wheel, in an empty environment and outside the clone: the checks for plugins that others write."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.process import Plugin, private_folder

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    venv.create(folder / "venv", with_pip=True)
    pip[0] = str(folder / "venv" / "bin" / "python")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    return folder / "venv" / "bin" / "workshop"


@pytest.fixture
def part3() -> Iterator[Plugin]:
    with private_folder() as folder:
        plugin = Plugin([sys.executable, str(ROOT / "part3" / "plugin.py")], folder / "any.sock", folder / "root")
        yield plugin.start()
        plugin.close()


def check(workshop: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([str(workshop), "check", *words], cwd="/", env=environment, capture_output=True, text=True)


def test_a_plugin_that_runs_is_checked(workshop: Path, part3: Plugin) -> None:
    done = check(workshop, "--socket", str(part3.socket))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Part 2" in done.stdout and "Part 3" in done.stdout
    assert "  skip  3.10 " in done.stdout and "give --plugin FILE or --run COMMAND" in " ".join(done.stdout.split())


def test_a_plugin_is_started_and_checked(workshop: Path) -> None:
    done = check(workshop, "--run", f"{sys.executable} {ROOT / 'part3' / 'plugin.py'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skip" not in done.stdout


def test_ddd_is_in_it_and_says_what_it_lacks(workshop: Path) -> None:
    done = subprocess.run([str(workshop.with_name("ddd-plugin"))], cwd="/", capture_output=True, text=True)
    assert (done.returncode, "pip install '.[serve]'" in done.stderr) == (1, True), done.stderr


def test_a_plugin_that_is_not_there(workshop: Path) -> None:
    done = check(workshop, "--socket", "/nowhere/any.sock")
    assert done.returncode == 1
    assert "There is no socket at /nowhere/any.sock" in " ".join(done.stdout.split()), done.stdout


def test_without_a_plugin_it_says_what_to_type(workshop: Path) -> None:
    done = check(workshop)
    assert done.returncode == 2
    assert "workshop check --socket" in done.stderr


def test_the_conformance_suite_is_in_it(workshop: Path, part3: Plugin) -> None:
    done = check(workshop, "--conformance", "--socket", str(part3.socket))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"must +\d+ ok +0 not", done.stdout) and "workshop check --socket" in done.stdout
    assert part3.call("VolumeDriver.List", {}).json["Volumes"] == []


def test_the_conformance_suite_runs_under_pytest(workshop: Path, part3: Plugin) -> None:
    python = workshop.with_name("python")
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), "pytest"], check=True)
    pytest_of_theirs = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "workshop.conformance"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def says(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*pytest_of_theirs, *words], cwd="/", env=environment, capture_output=True, text=True)

    done = says("--socket", str(part3.socket))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, " in done.stdout and " skipped" in done.stdout and "capabilities.tell: scope local" in done.stdout
    assert part3.call("VolumeDriver.List", {}).json["Volumes"] == []
    done = says()
    assert (done.returncode, "Name a plugin:" in done.stdout + done.stderr) == (4, True), done.stdout + done.stderr
