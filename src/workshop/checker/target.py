"""Which plugin is checked, and how: what was typed, as a value that opens the plugin."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from workshop.plugins.errors import OurTrouble, WrongCommand
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest

Kind = TypeVar("Kind", bound=PluginUnderTest)
FILES = 256
"""How many files a check may have open at a time: the suite has some hundred."""


def options_of(words: Sequence[str]) -> dict[str, str]:
    """Return the options of KEY=VALUE words; KEY alone has the value "", as for docker. Raises WrongCommand.

    Source: docker/cli opts/opts.go (MapOpts).
    """
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        if not key:
            raise WrongCommand(f"--opt {word!r} has no key. Type it as for docker volume create:   --opt KEY=VALUE")
        found[key] = value
    return found


@dataclass(frozen=True)
class Target:
    """A plugin to check: the command that starts it, or the socket of one that already runs."""

    command: Sequence[str] = ()
    socket: Path | None = None
    file: Path | None = None
    """The plugin's Python file, for the report to name the line at fault; None where it has none."""
    beside: Path | None = None
    """The folder of its .spec and .json files; None without one."""
    name: str = ""
    """What the user calls it."""
    seed: int | str = 0
    """Where the names of the volumes come from: the same seed gives the same names."""
    by_others: bool = False
    """Whether it was given by its command or its socket: see PluginUnderTest.by_others."""
    profile: str = "docker"
    allow_outside_root: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """What each Create needs: see GuardedPlugin.with_options."""
    prepare: str = ""
    cleanup: str = ""
    """Shell commands: see Plugin.prepare."""
    traits: frozenset[str] = frozenset()
    """What the plugin is by design: see TRAITS."""
    case_limit: float | None = None
    """How long a case may take, in seconds; None for as long as it does."""
    patience: float = PluginUnderTest.patience
    """How long to wait for a start, an answer or an end, in seconds."""

    @contextlib.contextmanager
    def opened(self, kind: type[Kind]) -> Iterator[Kind]:
        """Give the plugin, in a folder of its own that is removed afterwards; end it, unless it already ran.

        It is started when a case needs it. Raises OurTrouble where this machine has no room, or too few files.
        """
        _enough_files()
        with private_folder() as folder:
            root = None if self.socket else folder / "root"
            plugin = kind(list(self.command), self.socket or folder / "ddd.sock", root)
            plugin.beside = self.beside
            plugin.chance = random.Random(self.seed)
            plugin.by_others = self.by_others
            plugin.profile = self.profile
            plugin.allow_outside_root = self.allow_outside_root
            plugin.patience = self.patience
            plugin.options = self.options
            plugin.seed = self.seed
            plugin.traits = self.traits
            plugin.case_limit = self.case_limit
            plugin.prepare, plugin.cleanup = self.prepare, self.cleanup
            try:
                yield plugin
            finally:
                plugin.close()


def _enough_files() -> None:
    """Let this process have so many files open. Raises OurTrouble."""
    try:
        import resource
    except ModuleNotFoundError:  # in a browser nothing counts them
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise OurTrouble(
            f"A check needs {FILES} open files, and here are {hard} at most. Raise it:   ulimit -n {FILES}"
        )
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
