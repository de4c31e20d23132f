"""Whose volumes they are: no check harms one that it has not made, and what it has made is removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from unittest import SkipTest

from workshop.interrupt import deferred
from workshop.plugins.errors import NotReady
from workshop.plugins.folders import mounts_below
from workshop.plugins.process import Plugin, accepts
from workshop.protocol.exchange import CLOSED, Exchange, request

FRUIT = ("apple", "cherry", "fig", "grape", "kiwi", "lemon", "lime", "mango", "melon", "olive", "peach", "pear", "plum")
QUIETLY = 0.5
"""How long a call for the check's own sake waits while the plugin stands still, in seconds."""
ENDING = 0.3
"""How long a plugin that has hung up may take to end, in seconds."""
NOT_SURVEYED = "it is not known whether the store is this check's own"
ELSEWHERE = "the volumes are not in DDD_ROOT"
ALLOW = "To try it all the same:   --allow-outside-root"


class GuardedPlugin(Plugin):
    """A plugin whose volumes somebody may need.

    What always runs is Remove of a volume that this check has made, under a random name for which Get answered an error
    before. What a bad plugin could take for more than that is destructive: Remove with any other name, harm to the
    root, a first start that wants to find nothing. It needs a store of our own (survey), or allow_outside_root.
    """

    shape = "28"
    allow_outside_root = False
    options: Mapping[str, str] = {}
    """What each Create needs: see with_options."""
    seed: int | str = 0
    """What {seed} stands for in an option."""

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.made: list[str] = []
        self.mounted: list[tuple[str, str]] = []
        self.trouble = ""
        """Why the plugin does not start."""
        self.not_ours: str | None = None
        """Why the store may hold volumes of others; "" once the survey has seen that it is ours, None before it."""
        self.goes_away = False
        """What this check makes leaves a trace in DDD_ROOT, and is gone with that folder."""
        self.strangers: set[str] = set()
        """The volumes that the first List named: this check has not made them."""
        self.lost: list[str] = []
        """Which of them List has lost since: then the run ends at once."""
        self.left: dict[str, None] = {}
        """What this check has made, and the plugin has not removed."""
        self.unanswered: str | None = None
        """The volume of a call that a signal broke off."""
        self.random: set[str] = set()
        self.claimed: set[str] = set()
        self.perhaps: set[str] = set()
        """The names of the Creates that made something, or got no answer: only these can be left."""
        self.removed: set[str] = set()
        """The claimed names whose volume is gone: on Remove of these, a bad plugin may remove all volumes."""
        self.claiming = threading.Lock()
        self.own_mounts: set[str] = set()
        """Where prepare has mounted something in DDD_ROOT."""

    def ensure_running(self) -> Self:
        """Start the plugin unless it runs. A plugin that does not start fails the check with what it printed."""
        self.trouble = ""
        if self.command and not self.runs:
            try:
                self.shut_down().start()
            except NotReady as error:
                self.trouble = str(error)
                raise AssertionError(f"wanted a plugin that listens\n{error}\n{self.output()[-2000:]}") from None
        return self

    @property
    def is_new(self) -> bool:
        """Whether the plugin was started for the check, and its first List, if there was one, named no volume."""
        return bool(self.command) and not self.strangers

    @property
    def may_destroy(self) -> bool:
        """Whether to ask for what a bad plugin takes for all its volumes, such as Remove of "..": see survey."""
        return self.allow_outside_root or self.not_ours == ""

    def needs_own_store(self) -> None:
        """Skip what is destructive, if the store is not known to be ours alone."""
        if not self.may_destroy:
            raise SkipTest(f"could harm other volumes: {self.not_ours or NOT_SURVEYED}. {ALLOW}")

    def survey(self) -> None:
        """See once, before all else, whether the store is ours: the first List is empty, a volume is in DDD_ROOT."""
        if self.not_ours is not None:
            return
        self.not_ours = NOT_SURVEYED
        with contextlib.suppress(AssertionError):
            self.ensure_running()
        if self.trouble or not accepts(self.socket):
            # the first check that wants it to run tells why
            self.shut_down()
            return
        first = self.names_left()
        self.strangers = first or set()
        if not self.command:
            self.not_ours = "the plugin was not started by this check, and others may use it"
        elif first:
            self.not_ours = _not_empty(first)
        else:
            self.not_ours = self.look_for_a_volume(first)
        self.clean_up()
        if self.command and (self.silent or not self.standstill):
            self.shut_down()  # the first check has the first answers of a plugin that was just started

    def look_for_a_volume(self, first: set[str] | None) -> str:
        """Make a volume. Return "" if its files are in DDD_ROOT and it is the only volume; else say what is so."""
        assert self.root
        name, mount_id = f"{FRUIT[0]}-{secrets.token_hex(8)}", secrets.token_hex(32)
        known = self.quietly("Get", {"Name": name})
        self.made.append(name)
        if _knows_none(known):
            self.claimed.add(name)
        before = set(self.root.rglob("*"))
        self.quietly("Create", {"Name": name, "Opts": {}})
        self.goes_away = bool(set(self.root.rglob("*")) - before)
        if first is None:
            # List may fail while there is nothing, or because the plugin has just started
            with contextlib.suppress(AssertionError):
                self.shut_down().ensure_running()
            if (then := self.names_left()) is not None:
                first = self.strangers = then - {name}
        self.mounted.append((name, mount_id))
        told = self.quietly("Mount", {"Name": name, "ID": mount_id}).object.get("Mountpoint")
        if first is None:
            return "List does not say what is there"
        if first:
            self.goes_away = False
            return _not_empty(first)
        if not isinstance(told, str) or not os.path.isabs(told) or "\0" in told:
            # a trace in DDD_ROOT says it, too
            return (
                "" if self.goes_away else "no volume can be made and mounted, so that nobody knows where its files are"
            )
        self.goes_away = self.in_root(told)
        if self.goes_away:
            return ""
        point = self.mounted_above(told)
        return f"{ELSEWHERE} itself, but in what is mounted at {point}" if point else f"{ELSEWHERE}, but in {told}"

    def prepare_root(self) -> None:
        """Run prepare, as Plugin does. What it has mounted in DDD_ROOT is the check's own."""
        before = self.prepared
        super().prepare_root()
        if self.prepared and self.prepared != before:
            self.own_mounts = set(mounts_below(self.prepared.resolve()))

    def in_root(self, path: str) -> bool:
        """Tell whether a path is in DDD_ROOT, and not in what is mounted there, even if only the plugin sees it."""
        assert self.root
        inside = Path(os.path.realpath(path)).is_relative_to(self.root.resolve())
        return inside and self.mounted_above(path) == ""

    def mounted_above(self, path: str) -> str | None:
        """Return where in DDD_ROOT something is mounted that a path is in, but by prepare; "" for nothing.

        None where the kernel does not say.
        """
        assert self.root
        root, real = self.root.resolve(), Path(os.path.realpath(path))
        with contextlib.suppress(OSError):
            points = {*mounts_below(root), *mounts_below(root, str(self.pid))} - self.own_mounts
            return next((point for point in sorted(points) if real.is_relative_to(point)), "")
        return None

    def names_left(self) -> set[str] | None:
        """Return the names that List tells, without a demand; None if it tells none."""
        answer = self.quietly("List", {})
        volumes = answer.object.get("Volumes")
        if not answer.ok or not isinstance(volumes, list | None):
            return None
        return {str(each.get("Name")) for each in volumes or [] if isinstance(each, dict)}

    def look_for_the_others(self) -> None:
        """Check that List still names what was there before. Fails if it does not: then the run ends."""
        if self.strangers and not self.lost and accepts(self.socket):
            listed = self.names_left()
            self.lost = sorted(self.strangers - listed) if listed is not None else []
        if self.lost:
            raise AssertionError(f"wanted the volumes of others to be left alone, and {', '.join(self.lost)} is gone")

    def with_options(self, endpoint: str, body: dict[str, object] | bytes | None) -> dict[str, object] | bytes | None:
        """Return the body of a Create with the options that the plugin needs; those of the call itself come first.

        Any other body stays as it is, and so does one whose Opts are not an object.
        """
        own = body.get("Opts") if isinstance(body, dict) else ""
        if not self.options or endpoint != "VolumeDriver.Create" or not isinstance(own, dict | None):
            return body
        assert isinstance(body, dict)
        return body | {"Opts": self.needed_options(body.get("Name")) | (own or {})}

    def needed_options(self, name: object) -> dict[str, object]:
        """Return the options that the plugin needs, with {name}, {root} and {seed} replaced."""
        words = {"{name}": _as_file_name(name), "{root}": str(self.root), "{seed}": str(self.seed)}
        return {
            key: re.sub("{(name|root|seed)}", lambda found: words[found[0]], value)
            for key, value in self.options.items()
        }

    def guard(self, endpoint: str, body: dict[str, object] | bytes | None) -> None:
        """Let a call pass that harms nobody's volume, whatever the plugin makes of it; else skip the check."""
        said = body.get("Name") if isinstance(body, dict) else None
        name = said if isinstance(said, str) else ""
        if endpoint == "VolumeDriver.Remove":
            if name in self.strangers:
                raise SkipTest(f"would remove {name}, which was there before this check")
            if name not in self.claimed - self.removed:
                self.needs_own_store()
        elif endpoint == "VolumeDriver.Create":
            self.claim(name)
            self.removed.discard(name)

    def claim(self, name: str) -> None:
        """Make sure that a random name is nobody's before a volume of that name is made: then it is ours to remove."""
        if self.not_ours == "" or not any(part in name.lower() for part in self.random):
            return
        with self.claiming:
            if name not in self.claimed:
                answer = self.quietly("Get", {"Name": name})
                if _knows_none(answer):
                    self.claimed.add(name)
                elif self.strangers or not self.command:
                    raise SkipTest(f"needs names that are nobody's, and Get of {name}, a random one, has no error")

    def knows_none_now(self, name: str) -> bool:
        """Tell, without a demand, whether Get says that there is no such volume."""
        return _knows_none(self.quietly("Get", {"Name": name}))

    def quietly(self, endpoint: str, body: dict[str, object]) -> Exchange:
        """Call an endpoint for the check's own sake: no report shows it."""
        with self.answered(endpoint, body):
            sent = request(f"VolumeDriver.{endpoint}", self.with_options(f"VolumeDriver.{endpoint}", body), self.shape)
            answer = self.send(f"VolumeDriver.{endpoint}", sent, QUIETLY)
        if answer.failure == CLOSED:
            self.exit_status(ENDING)  # one that ends at this call must not meet the next check
        self.note_create(f"VolumeDriver.{endpoint}", body, answer)
        return answer

    def note_create(self, endpoint: str, body: dict[str, object] | bytes | None, answer: Exchange | None) -> None:
        """Note the volume that a Create may have made: it was answered with success, or not at all."""
        if endpoint.endswith("Create") and isinstance(body, dict) and (not answer or answer.ok or not answer.status):
            self.perhaps.add(str(body.get("Name")))

    @contextlib.contextmanager
    def answered(self, endpoint: str, body: object) -> Iterator[None]:
        """Remember that a call got no answer because a signal broke in: the plugin may do it later than we clean up."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            self.unanswered = str(body.get("Name")) if isinstance(body, dict) else ""
            self.note_create(endpoint, body if isinstance(body, dict) else None, None)
            raise

    def settle(self) -> None:
        """Wait until a call without an answer is done, or given up: until the plugin exits, or its volume is there."""
        if self.unanswered is not None and self.command:
            self.shut_down()
        deadline = time.monotonic() + 2
        while self.unanswered and not self.command and time.monotonic() < deadline:
            if not _knows_none(self.quietly("Get", {"Name": self.unanswered})):
                break
            time.sleep(0.01)
        self.unanswered = None

    def clean_up(self) -> None:
        """Remove what the check has made, and nothing else; note what the plugin does not remove. Signals wait."""
        with deferred():
            names = [name for name in dict.fromkeys(self.made) if name not in self.strangers]
            self.made.clear()
            self.random.clear()
            owed, self.mounted = list(self.mounted), []
            if not self.goes_away:
                self.settle()
            if not self.goes_away and (names or owed):
                with contextlib.suppress(AssertionError):
                    # one that is just being started does not listen yet
                    (self if accepts(self.socket) else self.shut_down()).ensure_running()
            if accepts(self.socket):
                for name, mount_id in owed:
                    self.quietly("Unmount", {"Name": name, "ID": mount_id})
                if names:
                    self.remove_all(names)
            elif not self.goes_away:
                self.left |= dict.fromkeys(name for name in names if name in self.claimed & self.perhaps)

    def remove_all(self, names: list[str]) -> None:
        """Remove these volumes, as far as they are ours; note which ones stay in a store that is not ours alone."""
        ours = [name for name in names if self.may_destroy or name in self.claimed]
        if self.not_ours != "" and (listed := self.names_left()) is not None:
            ours = [name for name in ours if name in listed]
        for name in ours:
            if self.lost:
                break
            answer = self.quietly("Remove", {"Name": name})
            with contextlib.suppress(AssertionError):
                self.look_for_the_others()
            if not answer.status:
                break  # the next would not be answered either
        if not self.goes_away:
            listed = self.names_left()
            made = [name for name in names if name in self.perhaps]
            self.left |= dict.fromkeys(made if listed is None else [name for name in names if name in listed])

    def end(self) -> None:
        """Clean up, and end the plugin."""
        self.clean_up()
        super().end()

    def what_is_left(self) -> list[str]:
        """Return a sentence about what could not be cleaned up, none if there is nothing."""
        if not self.left:
            return []
        names = ", ".join(self.left)
        return [f"The plugin has not removed {names}, which it said to have made. Remove by yourself what is there."]

    def caution(self) -> list[str]:
        """Return the notes for the beginning: what is not asked of the plugin, and why; or what could be lost."""
        if self.not_ours in (None, "", NOT_SURVEYED):
            return []
        if self.is_new and (self.goes_away or not self.perhaps):
            return []  # a plugin that is being written has made nothing, or in DDD_ROOT
        why = f"{self.not_ours[0].upper()}{self.not_ours[1:]}"
        if self.allow_outside_root:
            return [f"{why}. With --allow-outside-root a bad plugin may lose any of its volumes."]
        return [
            f"{why}. Not tried: Remove with a name that this check has not made, harm to the root, and a first start "
            f"that finds nothing. {ALLOW}"
        ]


def _as_file_name(name: object) -> str:
    """Return a volume's name for an option, which may be a path: a name that is not a plain word becomes its hash."""
    plain = isinstance(name, str) and re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,100}", name)
    return str(name) if plain else hashlib.sha256(repr(name).encode()).hexdigest()[:16]


def _not_empty(first: set[str]) -> str:
    """Return that a first List has named volumes."""
    return f"the first List was not empty, but named {', '.join(sorted(first)[:3])}{', …' if len(first) > 3 else ''}"


def _knows_none(answer: Exchange) -> bool:
    """Tell whether Get says that there is no such volume: an error, or no Volume, which is one to Docker.

    Source: moby daemon/volume/drivers/adapter.go (Get).
    """
    return bool(answer.status) and not (answer.ok and answer.object.get("Volume"))
