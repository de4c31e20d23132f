"""What came of one case."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from workshop.checker.diagnose import Diagnosis
from workshop.checker.evidence import Evidence
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import Exchange


@dataclass
class Result:
    """What came of one step: outcome is "ok", "FAIL", "skip" or "error" (ours, not the plugin's).

    Of a case of the conformance suite, it is also "warn" (a should that fails) or "note" (a record).
    """

    step: str
    title: str
    outcome: str = "ok"
    seconds: float = 0.0
    reason: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    evidence: Evidence | None = None
    diagnosis: Diagnosis | None = None
    level: str = ""
    page: str = ""
    """Where the step is explained: the file and the line; "" where that is not known."""


def our_fault(error: Exception) -> str:
    """Return where an exception comes from that no plugin can be blamed for, and what it says."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(place.filename).name}:{place.lineno} {type(error).__name__}: {error}"


def look_for_the_others(plugin: PluginUnderTest, result: Result) -> None:
    """Make a result a failure, whatever else it is, where List has lost a volume that this check did not make."""
    with contextlib.suppress(AssertionError):
        plugin.look_for_the_others()
    if plugin.lost:
        names = ", ".join(plugin.lost)
        result.outcome = "FAIL"
        result.evidence = result.evidence or Evidence(
            result.step, f"wanted {names} to be left alone", list(result.exchanges), socket=plugin.socket
        )
        why = "The volume was there before this check, which did not make it, and List does not name it any more"
        result.diagnosis = Diagnosis("others lost", f"{names}: {why}. The check ends here. Look what is left.")
