"""What the calls before the last one have established about its volume, and what has happened to the plugin since."""

from __future__ import annotations

import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from workshop.checker.evidence import Evidence, sent_object
from workshop.checker.facts.table import fact
from workshop.protocol.exchange import Exchange

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass
class Past:
    """A volume as the answers before the last call have it."""

    state: Literal["unknown", "refused", "created", "mounted", "let go", "removed"] = "unknown"
    mounts: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    """The methods that were answered with success."""
    foreign: bool = False
    """An Unmount with an ID that had not mounted the volume was answered with success, while another ID had it."""
    again: bool = False
    """An ID was mounted a second time while it had the volume, as `docker cp` does it."""
    last: str = ""
    """The last method that was answered with success."""
    at: int = -1
    """Which exchange was the last Create or Mount."""

    def learn(self, at: int, method: str, mount_id: str, answer: Exchange) -> None:
        """Follow one exchange."""
        if not answer.ok:
            self.state = "refused" if method == "Create" and self.state == "unknown" else self.state
            # then the volume is still in use
            self.foreign = self.foreign and method != "Remove"
            return
        self.seen.add(method)
        self.last = method
        self.at = at if method in ("Create", "Mount") else self.at
        if method == "Create" and self.state not in ("mounted", "let go"):
            self.state = "created"
        elif method == "Remove":
            self.state = "removed"
        elif method == "Mount":
            self.again = self.again or bool(self.mounts[mount_id])
            self.mounts[mount_id] += 1
            self.state = "mounted"
        elif method == "Unmount" and not self.mounts[mount_id]:
            self.foreign = self.foreign or self.state == "mounted"
        elif method == "Unmount":
            self.mounts[mount_id] -= 1
            self.state = "mounted" if self.mounts.total() else "let go"


def past(e: Evidence) -> Past:
    """Return what is known about the volume of the last call from the calls before it."""
    name, result = sent_object(e.last).get("Name"), Past()
    for at, each in enumerate(e.exchanges[:-1]):
        sent = sent_object(each)
        if isinstance(name, str) and sent.get("Name") == name:
            result.learn(at, each.endpoint.rpartition(".")[2], str(sent.get("ID")), each)
    return result


@fact
def volume(
    e: Evidence,
) -> Literal["nameless", "bad name", "unknown", "refused", "created", "mounted", "let go", "removed"]:
    """Return what the volume of the last call is by the answers before it; a call may have no name, or a path."""
    name = sent_object(e.last).get("Name")
    if not isinstance(name, str):
        return "nameless"
    return past(e).state if NAME.fullmatch(name) else "bad name"


@fact
def plain_name(e: Evidence) -> bool:
    """Tell whether the name is a word and a number, "mango-1234": what every plugin takes that takes any."""
    return bool(re.fullmatch("[a-z]{3,}(-[0-9a-f]{1,16})?", e.name or ""))


@fact
def mounted_in_another(e: Evidence) -> bool:
    """Tell whether the check has mounted something in a volume whose name begins as this one's."""
    return e.step == "3.15" and past(e).state == "created"


@fact
def same_id(e: Evidence) -> bool:
    """Tell whether the last call has the ID of a Mount that was not unmounted."""
    return past(e).mounts[str(sent_object(e.last).get("ID"))] > 0


@fact
def mounted_again(e: Evidence) -> bool:
    """Tell whether an ID has mounted the volume twice, as `docker cp` does it."""
    return past(e).again


@fact
def foreign_unmount(e: Evidence) -> bool:
    """Tell whether an Unmount with an ID of nobody was answered with success while the volume was in use."""
    return past(e).foreign


@fact
def unmounted_before(e: Evidence) -> bool:
    """Tell whether an Unmount of this volume was answered with success before."""
    return "Unmount" in past(e).seen


@fact
def before(e: Evidence) -> str:
    """Return the last method about this volume that was answered with success, "" for none."""
    return past(e).last


@fact
def since(e: Evidence) -> Literal["nothing", "stop", "kill"]:
    """Return how the plugin was ended since the last Create or Mount of this volume, if it was."""
    numbers = [number for count, number in e.ends if count > past(e).at]
    return "kill" if signal.SIGKILL in numbers else "stop" if numbers else "nothing"


@fact
def anything_made(e: Evidence) -> bool:
    """Tell whether a Create was answered with success before the last call."""
    return any(each.ok and each.endpoint.endswith(".Create") for each in e.exchanges[:-1])


@fact
def folder_of_an_id(e: Evidence) -> bool:
    """Tell whether Mount answered a path with the mount's ID in it."""
    for each in e.exchanges:
        mount_id, told = sent_object(each).get("ID"), each.object.get("Mountpoint")
        if isinstance(mount_id, str) and len(mount_id) > 8 and isinstance(told, str) and mount_id in told:
            return True
    return False
