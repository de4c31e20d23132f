"""What came of one case."""

from __future__ import annotations

from dataclasses import dataclass, field

from workshop.checker.diagnose import Diagnosis
from workshop.checker.evidence import Evidence
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
