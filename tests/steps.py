"""The checks of the three parts, run one after the other against any plugin file, up to the first failure."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from unittest import SkipTest

from workshop.checker.lookup import files_beside
from workshop.checker.steps import checks_by_step, shapes_of, step_number
from workshop.plugins.folders import private_folder
from workshop.plugins.process import command_for
from workshop.plugins.under_test import Check, PluginUnderTest, makes_volumes

PART_FILES = {part: Path(__file__).parent.parent / f"part{part}" / "plugin.py" for part in "123"}
Steps = Mapping[str, Check]


def steps_of_part(part: str) -> Steps:
    """Return the steps of one part in their order."""
    return checks_by_step(importlib.import_module(f"test_part{part}"))


STEPS: Steps = {step: check for part in "123" for step, check in steps_of_part(part).items()}


def first_failure(file: Path, steps: Steps, patience: float = 10.0) -> str:
    """Return the first step that the plugin in this file fails, "" when it passes all; patience is in seconds."""
    with private_folder() as folder:
        plugin = PluginUnderTest(command_for(str(file), None), folder / "ddd.sock", folder / "root")
        plugin.patience = patience
        plugin.beside = files_beside(file)
        try:
            return next((step for step, check in steps.items() if not passes(plugin, check)), "")
        finally:
            plugin.close()


def passes(plugin: PluginUnderTest, check: Check) -> bool:
    """Tell whether the plugin passes the check in every shape of Docker's calls; one that cannot run here counts."""
    if makes_volumes(step_number(check.__name__)):
        plugin.survey()
    try:
        for plugin.shape in shapes_of(check):
            check(plugin.ready_for(check))
            plugin.clean_up()
    except AssertionError:
        return False
    except SkipTest:
        return True
    finally:
        plugin.clean_up()
    return True
