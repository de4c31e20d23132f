"""What came of one case."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path

from workshop.checker.diagnose import Diagnosis
from workshop.checker.evidence import Evidence
from workshop.protocol.exchange import Exchange


@dataclass
class Result:
    """What came of one case: outcome is "ok", "FAIL", "skip" or "error" (ours, not the plugin's).

    Of a rule of the conformance suite, it is also "warn" (a should that fails) or "note" (a record).
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
    root: str = ""
    """The root of a failure: see roots.py."""
    follows: str = ""
    """The case that fails for the same reason, and is its cause; "" for any other result."""
    page: str = ""
    """Where the step is explained: the file and the line; "" where that is not known."""

    @property
    def group(self) -> str:
        """What the case belongs to: see Case.group."""
        return self.step.partition(".")[0]


def our_fault(error: Exception) -> str:
    """Return where an exception comes from that no plugin can be blamed for, and what it says."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(place.filename).name}:{place.lineno} {type(error).__name__}: {error}"
