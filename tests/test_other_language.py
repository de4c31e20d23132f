"""The checks give a true verdict on a plugin that is not in Python: benchmarks/go, and that with a fault."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin

ROOT = Path(__file__).parent.parent
CHECKS = [f"tests/test_part{part}.py" for part in (1, 2, 3)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("go"), reason="needs Go: ./workshop test --require slow"),
]
Build = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    def built(old: str, new: str) -> Path:
        folder = tmp_path_factory.mktemp("go")
        shutil.copy(ROOT / "benchmarks" / "go" / "go.mod", folder)
        text = (ROOT / "benchmarks" / "go" / "main.go").read_text()
        assert text.count(old) == 1, f"the Go plugin has {old!r} {text.count(old)} times"
        (folder / "main.go").write_text(text.replace(old, new))
        subprocess.run(["go", "build", "-o", "ddd", "."], cwd=folder, check=True)
        return folder / "ddd"

    return built


@pytest.fixture(scope="module")
def program(build: Build) -> Path:
    return build("package main", "package main")


def pytest_says(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture
def running(program: Path) -> Iterator[Plugin]:
    with private_folder() as folder:
        plugin = Plugin([str(program)], folder / "mine.sock", folder / "root")
        yield plugin.start()
        plugin.close()


def test_a_command_passes_all_steps(program: Path) -> None:
    said = pytest_says(*CHECKS, "--ddd-run", str(program))
    assert " passed" in said and "failed" not in said and said.count("skipped") == 1, said
    assert "SKIPPED [3]" in said and "looks at .spec and .json files" in said, said


def test_a_plugin_that_runs_already_passes_what_needs_only_its_socket(running: Plugin) -> None:
    said = pytest_says("tests/test_part3.py", "--ddd-socket", str(running.socket), "-rs")
    assert " passed" in said and "failed" not in said, said
    assert "4 skipped" in said and "give --ddd-plugin FILE or --ddd-run COMMAND" in said, said


def test_it_leaves_the_volumes_of_others_alone(running: Plugin) -> None:
    running.call("VolumeDriver.Create", {"Name": "precious", "Opts": {}})
    pytest_says("tests/test_part3.py", "--ddd-socket", str(running.socket))
    assert [each["Name"] for each in running.call("VolumeDriver.List", {}).json["Volumes"]] == ["precious"]


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ('[]string{"VolumeDriver"}', '[]string{"volumedriver"}', "test_2_1_"),
        ("	w.WriteHeader(status)\n", "", "test_2_2_"),
        ("type volume struct{ Name, ", "type volume struct{ Title, ", "test_3_5_"),
        (
            "		if mayLive(record) {\n			break\n",
            '		if mayLive(record) {\n			syscall.Unlinkat(folder, "mounts/"+file)\n			last = ""\n',
            "test_3_11_",
        ),
        ("regexp.MustCompile(`^[", "regexp.MustCompile(`^[.", "test_3_12_"),
        (
            "	listener := listen()\n",
            "	os.Rename(volumes, newAside())\n	os.Mkdir(volumes, 0o700)\n"
            "	syscall.Stat(volumes, &beganWith)\n	listener := listen()\n",
            "test_3_5_",
        ),
    ],
    ids=["wrong case", "error under 200", "another key", "a set of IDs", "dots", "forgetful"],
)
def test_a_fault_is_found_at_its_step(build: Build, old: str, new: str, step: str) -> None:
    said = pytest_says(*CHECKS, "-x", "--ddd-run", str(build(old, new)))
    assert f"::{step}" in said.rpartition("short test summary info")[2], said
