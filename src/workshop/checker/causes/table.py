"""The table of causes: each looks at the evidence, and returns the explanation, or nothing where it does not fit."""

from __future__ import annotations

from collections.abc import Callable

from workshop.checker.evidence import Evidence

Cause = Callable[[Evidence], str | None]
CAUSES: dict[str, Cause] = {}


def cause(key: str) -> Callable[[Cause], Cause]:
    """Put a cause at the end of the table."""

    def put(function: Cause) -> Cause:
        CAUSES[key] = function
        return function

    return put


def simple_cause(key: str, fits: Callable[[Evidence], object], why: str) -> None:
    """Put a cause at the end of the table whose explanation is always the same."""
    CAUSES[key] = lambda evidence: why if fits(evidence) else None
