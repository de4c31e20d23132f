"""The steps as cases: read from tests/test_partN.py, and run on a plugin."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from workshop import repository
from workshop.checker import tracebacks
from workshop.checker.diagnose import diagnose, line_at_fault
from workshop.checker.evidence import Evidence, gather_evidence
from workshop.checker.result import Result, look_for_the_others, our_fault
from workshop.plugins.errors import OurTrouble
from workshop.plugins.under_test import Check, PluginUnderTest, makes_volumes, needs_process
from workshop.protocol.exchange import SHAPES
from workshop.terminal import short_path


def checks_of_part(part: int) -> dict[str, Check]:
    """Return the checks of a part by step, from the clone's tests/ or from the installed wheel."""
    home = repository.find_clone()
    folder = home / "tests" if home else Path(__file__).parent / "parts"
    spec = importlib.util.spec_from_file_location(f"workshop_steps_{part}", folder / f"test_part{part}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return checks_by_step(module)


def run(plugin: PluginUnderTest, checks: dict[str, Check], go_on: bool, file: Path | None) -> Iterator[Result]:
    """Run the checks in their order, and yield the result of each; end at the first failure unless go_on."""
    for step, check in checks.items():
        result = run_step(plugin, step, check, file)
        yield result
        if plugin.lost or (result.outcome in ("FAIL", "error") and not go_on):
            return


def run_step(plugin: PluginUnderTest, step: str, check: Check, file: Path | None) -> Result:
    """Run one check in every shape of calls, and return what came of it; its title is what the check says of itself."""
    result = Result(step, (check.__doc__ or "").strip().partition("\n")[0].rstrip("."))
    if makes_volumes(step):
        plugin.survey()
    before, printed = time.perf_counter(), plugin.printed()
    try:
        with plugin.judged():
            for plugin.shape in shapes_of(check):
                plugin.exchanges.clear()
                if getattr(check, "needs_process", False):
                    plugin.needs_process()
                check(plugin.ready_for(check))
                result.exchanges += plugin.exchanges
        if plugin.not_ours in (None, ""):  # else the check has asked Get for its own sake, and that may be what crashed
            _advise_of_crash(plugin, Evidence(step, "", log=plugin.output(printed), file=file))
    except SkipTest as reason:
        result.outcome, result.reason = "skip", str(reason)
    except AssertionError as failure:
        result.outcome, result.exchanges = "FAIL", list(plugin.exchanges)
        result.evidence = gather_evidence(plugin, step, str(failure), plugin.output(printed), file)
        result.diagnosis = diagnose(result.evidence)
    except OurTrouble:
        raise
    except Exception as error:
        result.outcome, result.reason = "error", our_fault(error)
    finally:
        plugin.clean_up()
    look_for_the_others(plugin, result)
    if result.outcome in ("FAIL", "error"):
        plugin.start_afresh()
    result.seconds = time.perf_counter() - before
    return result


def _advise_of_crash(plugin: PluginUnderTest, known: Evidence) -> None:
    """Advise against a refusal that is none: the handler has raised an exception, and the user gets to hear nothing."""
    found = tracebacks.last(known.log)
    where = line_at_fault(known) if found else None
    if found and where and known.file:
        line = f"{short_path(known.file)}:{where[0]}"
        plugin.advise(f"Step {known.step} passes, but only by a crash: {line} raised {found.error}")


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
