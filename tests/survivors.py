"""The mutants that pass all steps, each with its reason. tests/mutation.py says which row is not needed any more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A mutant that passes all steps, in these parts: a line of a function before the change, and after it.

    An equivalent one does what the plugin did before, so that no check can tell the two apart.
    """

    parts: str
    function: str
    before: str
    after: str
    reason: str
    equivalent: bool = False


# fmt: off
ROWS: list[Row] = []
