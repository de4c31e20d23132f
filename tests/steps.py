"""The checks of the three parts, run one after the other against any plugin file, up to the first failure."""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from unittest import SkipTest

from workshop.checker.lookup import files_beside
from workshop.checker.run import Run
from workshop.checker.steps import case_of, checks_by_step
from workshop.checker.target import Target
from workshop.plugins.process import command_for
from workshop.plugins.under_test import Check

PART_FILES = {part: Path(__file__).parent.parent / f"part{part}" / "plugin.py" for part in "123"}
Steps = Mapping[str, Check]


def steps_of_part(part: str) -> Steps:
    """Return the steps of one part in their order."""
    return checks_by_step(importlib.import_module(f"test_part{part}"))


STEPS: Steps = {step: check for part in "123" for step, check in steps_of_part(part).items()}
FOR_ROOT = frozenset({"3.15"} if os.geteuid() else ())
"""The steps that this user cannot run: a mount is made by root alone."""


def first_failure(file: Path, steps: Steps, patience: float = 10.0, may_skip: Collection[str] = ()) -> str:
    """Return the first step that the plugin in this file fails, "" when it passes all; patience is in seconds.

    A skipped step has not passed. Raises SkipTest with its reason, unless may_skip names it.
    """
    target = Target(command_for(str(file), None), file=file, beside=files_beside(file), patience=patience)
    for result in Run(target, [case_of(step, check) for step, check in steps.items()]).execute().results:
        assert result.outcome != "error", f"{result.step}: {result.reason}"
        if result.outcome == "skip" and result.step not in may_skip:
            raise SkipTest(f"step {result.step}: {result.reason}")
        if result.outcome == "FAIL":
            return result.step
    return ""
