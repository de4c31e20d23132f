"""The wheel, in an empty environment and outside the clone: the checks for plugins that others write."""

import itertools
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import needy

from workshop import __version__
from workshop.course import course
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin

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
    assert re.findall(r"skip +(\S+)", done.stdout) == ["2.3", "2.4", "2.5"]
    assert "which have to be beside the file of --plugin FILE" in " ".join(done.stdout.split())


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


class Learner:
    """Somebody who has installed the wheel, in an empty folder."""

    def __init__(self, workshop: Path, folder: Path) -> None:
        self.workshop = workshop
        self.folder = folder

    def __call__(self, *words: str, status: int = 0) -> str:
        """Type a command; return what is printed, after what holds for all of them."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "WORKSHOP_WORK")}
        command = [str(self.workshop), *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        text = done.stdout + done.stderr
        assert done.returncode == status, text
        assert "./workshop" not in text and str(ROOT) not in text, text
        return text


@pytest.fixture
def learner(workshop: Path, tmp_path: Path) -> Learner:
    return Learner(workshop, tmp_path)


def test_part_1_is_done_in_an_empty_folder(learner: Learner) -> None:
    assert "  workshop start " in learner()
    learner("check", status=2)
    assert "Made work/plugin.py from a skeleton" in learner("start")
    steps = course.part(1).steps
    for step, following in itertools.zip_longest(steps, steps[1:]):
        assert f"  FAIL  {step.id} " in learner("check", status=1)
        learner("hint")
        learner("hint")
        hint, edit = learner("hint"), learner("diff", step.id, "--show")
        new = [line for each in step.edits for line in each.added]
        assert all(f"      +{line}" in hint and f"\n+{line}" in edit for line in new)
        for name, text in step.after.items():
            (learner.folder / "work" / name).write_text(str(text))
        said = learner("check", status=1 if following else 0)
        assert f"  ok    {step.id} " in said
    assert "Achievement unlocked!" in said and said.rstrip().endswith("workshop start 2    part 2")
    assert "is the same as" in learner("diff")
    assert "Part 2 goes on with your work/plugin.py" in learner("start")


def test_part_2_and_its_certificates_need_no_clone(learner: Learner) -> None:
    learner("start", "3")
    said = learner("check", "2")
    assert "5 of 5 steps pass." in said and "skip" not in said


def test_the_command_says_its_version(learner: Learner) -> None:
    assert learner("--version") == f"docker-plugin-workshop {__version__}\n"


def test_the_tour_needs_no_clone(learner: Learner) -> None:
    said = learner("tour", "--all")
    assert said.count("Achievement unlocked!") == 3 and said.rstrip().endswith("workshop start")
    assert "tour --all" in learner("tour")
    assert os.listdir(learner.folder) == []


def test_the_first_lines_of_the_authors_page_lead_to_a_true_report(learner: Learner) -> None:
    """Somebody has the wheel, the page, and a plugin that refuses a Create without options."""
    mine = learner.folder / "mine"
    mine.write_text(f"#!{sys.executable}\n{needy()}")
    mine.chmod(0o755)
    _, _, page = (ROOT / "docs" / "authors.md").read_text().partition("```console")
    install, *checks = re.findall(r"^\$ (.*)$", page.partition("```")[0], re.MULTILINE)
    assert install == "pip install docker-plugin-workshop" and len(checks) == 2
    for line in checks:
        said = " ".join(learner(*line.split()[1:], status=1).split())
        assert "'place is required'" in said and "--opt KEY=VALUE" in said and said.count(" FAIL ") == 1
    with_options = [*checks[1].split()[1:], "--opt", "place={root}-places/{name}"]
    assert "  broken " not in learner(*with_options, "--only", "create", "--only", "mount")


def test_the_conformance_suite_is_in_it(workshop: Path, part3: Plugin) -> None:
    done = check(workshop, "--conformance", "--socket", str(part3.socket))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"must +\d+ ok +0 not", done.stdout) and "workshop check --socket" in done.stdout
    assert part3.call("VolumeDriver.List", {}).json["Volumes"] == []


@pytest.fixture(scope="module")
def python_of_theirs(workshop: Path) -> Path:
    """The environment of somebody else's project: pytest, a plugin of it that has a --profile, and our wheel."""
    python = workshop.with_name("python")
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), "pytest", "pytest-profiling"], check=True)
    return python


CONFTEST = """
def pytest_addoption(parser):
    for name in ("plugin", "run", "socket", "seed", "require"):
        parser.addoption(f"--{name}")
"""
TEST = """
def test_theirs(pytestconfig):
    assert pytestconfig.getoption("run") == "fast"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of somebody else, whose tests have options by the names of those of `workshop check`."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n"
    )
    (tmp_path / "test_theirs.py").write_text(TEST)
    return tmp_path


def pytest_of_theirs(python: Path, folder: Path, *words: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": path}
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("ours", [[], ["-p", "workshop.checker.pytest_plugin"]], ids=["installed", "loaded"])
def test_it_leaves_the_pytest_of_others_alone(python_of_theirs: Path, project: Path, ours: list[str]) -> None:
    done = pytest_of_theirs(python_of_theirs, project, *ours, "--run=fast", "--profile", path="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout and "Profiling" in done.stdout, done.stdout
    assert ("--ddd-seed" in done.stdout) == bool(ours), done.stdout


def test_without_being_asked_for_it_is_not_there(python_of_theirs: Path, project: Path) -> None:
    done = pytest_of_theirs(python_of_theirs, project, "--trace-config", "--help", path="")
    assert done.returncode == 0 and "pytest_profiling" in done.stdout, done.stdout + done.stderr
    assert "workshop" not in done.stdout and "--ddd" not in done.stdout, done.stdout


@pytest.mark.parametrize("folder", ["/", "theirs"])
def test_the_conformance_suite_runs_under_pytest(
    python_of_theirs: Path, project: Path, part3: Plugin, folder: str
) -> None:
    def says(*words: str) -> subprocess.CompletedProcess[str]:
        suite = ["-p", "workshop.checker.pytest_plugin", "--pyargs", "workshop.checker.conformance"]
        place = project if folder == "theirs" else Path(folder)
        return pytest_of_theirs(python_of_theirs, place, *suite, *words, path="")

    done = says(f"--ddd-socket={part3.socket}", "-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, " in done.stdout and " skipped" in done.stdout and "capabilities.tell: scope local" in done.stdout
    assert "give --ddd-plugin or --ddd-run" in done.stdout, done.stdout
    assert part3.call("VolumeDriver.List", {}).json["Volumes"] == []
    done = says("--ddd-run=no-such-program")
    assert (done.returncode, done.stderr.startswith("ERROR: --ddd-run 'no-such-program'")) == (4, True), done.stderr
    done = says()
    assert (done.returncode, "Name a plugin:" in done.stdout + done.stderr) == (4, True), done.stdout + done.stderr
