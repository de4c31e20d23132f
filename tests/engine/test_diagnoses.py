"""What a report says that docker itself would print is what a real docker prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutants import MUTANTS
from steps import STEPS

from workshop.checker import steps
from workshop.checker.diagnose import docker_prints
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest

from .engine import Engine
from .plugins import Part

pytestmark = pytest.mark.engine
CREATE = ("volume", "create", "--driver=ddd", "mango")
WRONG = {mutant.name: mutant for mutant in MUTANTS}


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("exception in a handler", [CREATE]),
        ("get_json without silent", [CREATE]),
        ("no such route", [CREATE]),
        ("status other than 200", [CREATE]),
        ("wrong case of the subsystem", [CREATE]),
        ("wrong case of a key", [CREATE]),
        ("refused", [CREATE]),
        ("Get forgets", [CREATE, ("volume", "inspect", "mango")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_docker_prints_what_the_report_says(
    fresh_engine: Callable[[], Engine], tmp_path: Path, name: str, commands: list[tuple[str, ...]]
) -> None:
    wrong, engine = WRONG[name], fresh_engine()
    command, _ = wrong.command(tmp_path)
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        result = steps.run_step(plugin, wrong.step, STEPS[wrong.step], None)
        plugin.close()
    assert result.evidence
    said = re.sub(r"(create|get|remove) \w+-\w+:", r"\1 mango:", docker_prints(result.evidence))
    part = Part(engine)
    part.command = command
    with part:
        *_, done = [engine.docker(*words, check=False) for words in commands]
    assert done.stderr.strip() == said
