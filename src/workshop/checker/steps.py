"""The steps as cases: read from tests/test_partN.py, and run on a plugin."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from workshop import repository
from workshop.checker.case import Case
from workshop.checker.judge import run_case
from workshop.checker.result import Result
from workshop.checker.run import results_of
from workshop.plugins.under_test import Check, PluginUnderTest, makes_volumes, needs_process
from workshop.protocol.exchange import SHAPES


def checks_of_part(part: int) -> dict[str, Check]:
    """Return the checks of a part by step, from the clone's tests/ or from the installed wheel."""
    home = repository.find_clone()
    folder = home / "tests" if home else Path(__file__).parent / "parts"
    spec = importlib.util.spec_from_file_location(f"workshop_steps_{part}", folder / f"test_part{part}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return checks_by_step(module)


def cases_of_part(part: int) -> list[Case]:
    """Return the steps of a part as cases, in their order."""
    return [case_of(step, check) for step, check in checks_of_part(part).items()]


def case_of(step: str, check: Check) -> Case:
    """Return a step as a case; its title is what the check says of itself."""
    return Case(
        step,
        (check.__doc__ or "").strip().partition("\n")[0].rstrip("."),
        check,
        shapes=shapes_of(check),
        needs_process=needs_process(check),
        makes_volumes=makes_volumes(step),
    )


def run(plugin: PluginUnderTest, checks: Mapping[str, Check], go_on: bool, file: Path | None) -> Iterator[Result]:
    """Run the checks in their order, and yield the result of each; end at the first failure unless go_on."""
    return results_of(plugin, [case_of(step, check) for step, check in checks.items()], go_on, file)


def run_step(plugin: PluginUnderTest, step: str, check: Check, file: Path | None) -> Result:
    """Run one check in every shape of calls, and return what came of it."""
    return run_case(plugin, case_of(step, check), file)


def step_number(function: str) -> str:
    """Return the step that a check is for, "2.1" for test_2_1_…; "" for a test that is none."""
    found = re.match(r"test_(\d+)_(\d+)_", function)
    return f"{found[1]}.{found[2]}" if found else ""


def checks_by_step(module: ModuleType) -> dict[str, Check]:
    """Return the checks of a module in their order, by step."""
    return {step_number(name): check for name, check in vars(module).items() if step_number(name)}


def shapes_of(check: Check) -> tuple[str, ...]:
    """Return the engines a check is run for: both, or one where it starts and stops the plugin, or goes over TCP."""
    return SHAPES[-1:] if needs_process(check) or getattr(check, "over_tcp", False) else SHAPES
