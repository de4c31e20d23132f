"""The table of facts: each is a function of the evidence, and what it returns is the fact's value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

from workshop.checker.evidence import Evidence

Value = str | int | bool
Fact = TypeVar("Fact", bound=Callable[[Evidence], Value])

FACTS: dict[str, Callable[[Evidence], Value]] = {}
VALUES: dict[str, tuple[Value, ...]] = {}
"""All values that a fact can have, where its function says so: it returns a Literal, or a bool."""


def fact(function: Fact) -> Fact:
    """Put a fact into the table, under the name of its function."""
    FACTS[function.__name__] = function
    returned = get_type_hints(function)["return"]
    if returned is bool:
        VALUES[function.__name__] = (True, False)
    elif get_origin(returned) is Literal:
        VALUES[function.__name__] = get_args(returned)
    return function


class Facts(dict[str, Value]):
    """All facts of the evidence by their names: each has one value, which is looked for when it is asked for."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self.evidence = evidence

    def __missing__(self, name: str) -> Value:
        self[name] = FACTS[name](self.evidence)
        return self[name]
