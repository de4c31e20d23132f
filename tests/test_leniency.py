"""What Docker lives with fails no step for a plugin by others: it is advised. A learner's plugin is taught it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import HELPERS_IN_GO, HELPERS_IN_PYTHON
from steps import STEPS

from workshop.checker import report
from workshop.checker.result import Result
from workshop.checker.steps import run_step
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
ADVICE = (
    "gets no greeting",
    "removes its socket",
    "leaves the socket of a plugin that runs",
    "not a socket is somebody's",
    "Docker prints any other text",
    "Docker takes null for that",
    "A name that is a path",
    "An option that the plugin does not know",
)
"""What a plugin with the manners of go-plugins-helpers is advised of."""


def run(text: str, folder: Path, steps: list[str], by_others: bool) -> tuple[list[Result], list[str]]:
    """Run steps on a plugin in Python, and return the results, and the advice that it gets."""
    (folder / "plugin.py").write_text(text)
    return run_command([sys.executable, str(folder / "plugin.py")], steps, by_others)


def run_command(command: list[str], steps: list[str], by_others: bool) -> tuple[list[Result], list[str]]:
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        plugin.by_others = by_others
        results = [run_step(plugin, step, STEPS[step], None) for step in steps]
        plugin.close()
    return results, plugin.advice


def passes_with_advice(results: list[Result], advice: list[str]) -> None:
    reports = ["\n".join(report.lines_of(each)) for each in results if each.outcome == "FAIL"]
    assert reports == [], "\n".join(reports)
    assert [each.step for each in results if each.outcome != "ok"] == ["2.3", "2.4", "2.5"]  # no .spec is beside it
    assert [each for each in ADVICE if not any(each in line for line in advice)] == [], advice


def test_a_plugin_by_others_with_the_manners_of_go_is_advised(tmp_path: Path) -> None:
    passes_with_advice(*run(HELPERS_IN_PYTHON, tmp_path, list(STEPS), by_others=True))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="needs Go: ./workshop test --require slow")
def test_so_is_one_in_go(tmp_path: Path) -> None:
    shutil.copy(ROOT / "benchmarks" / "go" / "go.mod", tmp_path)
    (tmp_path / "main.go").write_text(HELPERS_IN_GO)
    subprocess.run(["go", "build", "-o", "plugin", "."], cwd=tmp_path, check=True)
    passes_with_advice(*run_command([str(tmp_path / "plugin")], list(STEPS), by_others=True))


def test_a_learner_is_taught_what_docker_lives_without(tmp_path: Path) -> None:
    taught = ["1.2", "1.5", "2.2", "3.5", "3.12", "3.13"]
    results, advice = run(HELPERS_IN_PYTHON, tmp_path, taught, by_others=False)
    assert {each.step: each.outcome for each in results} == dict.fromkeys(taught, "FAIL")
    assert [each for each in advice if not each.startswith("The Content-Type of a plugin's answers")] == []


@pytest.mark.slow
def test_the_option_says_whose_the_plugin_is(tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(HELPERS_IN_PYTHON)
    check = [sys.executable, "-m", "workshop", "check", "3"]
    steps = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_part3.py"]
    said = []
    for command in (
        [*check, "--run", f"{sys.executable} {file}"],
        [*steps, "--ddd-run", f"{sys.executable} {file}"],
        [*check, "--plugin", str(file)],
        [*steps, "--ddd-plugin", str(file)],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
        advised = re.search(r"^(  advice    )?An option that the plugin does not know", done.stdout, re.MULTILINE)
        said.append((done.returncode, bool(advised)))
    assert said == [(0, True), (0, True), (1, False), (1, False)]


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("self.answer(500, json", "self.answer(200, json", "3.3"),
        ("self.answer(500, json", "self.answer(200, json", "3.12"),
        ("name.encode().hex())", 'name if "." in name else name.encode().hex())', "3.12"),
        ('    if os.listdir(os.path.join(there, "mounts")) or f"', '    if f"', "3.10"),
        ("    for each in os.listdir(mounts)[:1]:\n", "    for each in os.listdir(mounts):\n", "3.11"),
        (', "mounts", uuid.uuid4().hex)', ', "mounts", asked["ID"])', "3.12"),
        ("[told(name) for name in names()]", "[{} for name in names()]", "3.5"),
        ("    shutil.rmtree(there)\n", "", "3.9"),
        ('        raise Refused("volume not found")\n', "        return folder('none')\n", "3.3"),
    ],
)
def test_what_docker_does_not_live_with_fails_a_plugin_by_others(old: str, new: str, step: str, tmp_path: Path) -> None:
    assert HELPERS_IN_PYTHON.count(old) == 1
    (result,), _ = run(HELPERS_IN_PYTHON.replace(old, new), tmp_path, [step], by_others=True)
    assert result.outcome == "FAIL", f"{step} passes"
