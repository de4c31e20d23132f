"""A case: one thing that is asked of a plugin. A step of the course is one, and so is a rule of the suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLIENTS = {"docker": "Docker", "podman": "Podman"}
CLIENTS_SHAPE = {"docker": "28", "podman": "podman"}
"""The form of each client's calls, where a case does not say which ones it wants."""

Test = Callable[[Any], None]
"""A test gets a plugin under test, and asserts; the text of an assert says what was wanted."""


@dataclass(frozen=True)
class Case:
    """One thing that is asked of a plugin, and the function that asks it."""

    id: str
    """"3.9" for a step; group.name for a rule of the suite, and that stays."""
    title: str
    """What is asked: of a rule, the rule."""
    test: Test
    why: str = ""
    """What a client does about a rule, with the source; "" for a step: there the cause is looked for."""
    levels: Mapping[str, str] = field(default_factory=dict)
    """How much a rule matters, by client: see LEVELS of the suite, or "none". Each step has to pass."""
    shapes: tuple[str, ...] = ()
    """The engines whose calls it is run with; none for those of the client."""
    needs_process: bool = False
    """It starts or stops the plugin."""
    destructive: bool = False
    """It could harm the volumes of others, if the plugin is bad, or leave some of its own that nobody can remove."""
    unless: tuple[str, ...] = ()
    """The traits of plugins that it is not for: see TRAITS."""
    makes_volumes: bool = True
    page: str = ""
    """Where a step is explained: the file and the line; "" where that is not known."""

    @property
    def group(self) -> str:
        """What the case belongs to: the part of a step, the subject of a rule."""
        return self.id.partition(".")[0]

    @property
    def needs(self) -> str:
        """What it needs beside a socket: a plugin that the check starts, a store of the check's own; "" for none."""
        return ", ".join([*["start"] * self.needs_process, *["own store"] * self.destructive])

    def level(self, client: str) -> str:
        """Return how much the case matters to a client; "" for a step."""
        return self.levels.get(client, "")

    def shapes_for(self, client: str) -> tuple[str, ...]:
        """Return the engines whose calls the case is run with, one after the other."""
        return self.shapes or (CLIENTS_SHAPE[client],)
