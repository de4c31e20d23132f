"""The table of causes: each names the facts that it needs, and says in a sentence what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from string import Template

from workshop.checker import facts as _  # noqa: F401  each of its modules puts its facts into the table
from workshop.checker.facts.table import FACTS, VALUES, Value

Need = bool | frozenset[Value]
"""The values of a fact that suit a cause: these, or any that is not empty (True), or only an empty one (False)."""


@dataclass(frozen=True)
class Cause:
    """A cause by its key: the facts that it needs, all of them, and why they keep the check from passing."""

    key: str
    why: str
    """A sentence; $name stands for the value of a fact."""
    needs: Mapping[str, Need]
    look: str = ""
    """The method at fault, where that is another one than the last that was called."""

    def fits(self, facts: Mapping[str, Value]) -> bool:
        """Tell whether all facts are there that the cause needs."""
        return all(_suits(need, facts[name]) for name, need in self.needs.items())

    def needs_more_than(self, other: Cause) -> bool:
        """Tell whether wherever this cause fits, the other one does, and not the other way round."""
        return _implies(self.needs, other.needs) and not _implies(other.needs, self.needs)

    def excludes(self, other: Cause) -> bool:
        """Tell whether there is a fact of which the two need different values: they never fit both."""
        shared = self.needs.keys() & other.needs.keys()
        return any(not _common(self.needs[name], other.needs[name]) for name in shared)

    def sentence(self, facts: Mapping[str, Value]) -> str:
        """Return why, with the values of the facts."""
        return Template(self.why).substitute(facts)


CAUSES: list[Cause] = []


def cause(key: str, why: str, *, look: str = "", **needs: Value | tuple[Value, ...]) -> None:
    """Put a cause into the table. A fact may have one of several values; a key may have several rows.

    Raises ValueError for a fact or a value that there is not.
    """
    wanted = {name: need if isinstance(need, bool) else _values(need) for name, need in needs.items()}
    for name in (*wanted, *(found for found in Template(why).get_identifiers())):
        if name not in FACTS:
            raise ValueError(f"{key}: there is no fact {name}.")
    for name, need in wanted.items():
        unknown = {need} if isinstance(need, bool) else need
        if name in VALUES and not unknown <= set(VALUES[name]):
            raise ValueError(f"{key}: the fact {name} is never {sorted(unknown - set(VALUES[name]), key=str)}.")
    CAUSES.append(Cause(key, why, wanted, look))


def winners(facts: Mapping[str, Value]) -> list[Cause]:
    """Return the causes that fit, without those of which another one that fits needs more."""
    fitting = [each for each in CAUSES if each.fits(facts)]
    return [each for each in fitting if not any(other.needs_more_than(each) for other in fitting)]


def rivals() -> list[tuple[Cause, Cause]]:
    """Return all pairs of causes that could both win: they can fit both, and neither needs more than the other."""
    pairs = ((a, b) for a, b in combinations(CAUSES, 2) if not a.excludes(b))
    return [(a, b) for a, b in pairs if not a.needs_more_than(b) and not b.needs_more_than(a)]


def _values(need: Value | tuple[Value, ...]) -> frozenset[Value]:
    return frozenset(need if isinstance(need, tuple) else (need,))


def _suits(need: Need, value: Value) -> bool:
    return bool(value) == need if isinstance(need, bool) else value in need


def _implies(needs: Mapping[str, Need], others: Mapping[str, Need]) -> bool:
    """Tell whether these needs hold nowhere but where the others hold, too."""
    return all(name in needs and _narrower(needs[name], other) for name, other in others.items())


def _narrower(need: Need, other: Need) -> bool:
    if isinstance(need, bool):
        return need == other
    return all(_suits(other, value) for value in need)


def _common(need: Need, other: Need) -> bool:
    if isinstance(need, bool):
        return need == other if isinstance(other, bool) else any(_suits(need, value) for value in other)
    return any(_suits(other, value) for value in need)
