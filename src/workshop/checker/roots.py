"""The root of a failure: where many cases fail for one reason, one of them is its cause, and the others follow from it.

A root has a name, and one case that is about it, its owner. A case follows only where the owner fails by the same root.
"""

from __future__ import annotations

from workshop.checker.diagnose import Diagnosis
from workshop.plugins.under_test import PluginUnderTest

OWNERS = {
    "Create": ("create.makes-a-volume", "3.1"),
    "Get": ("get.name", "3.2"),
    "List": ("list.is-the-truth", "3.5"),
    "Mount": ("mount.tells-a-mountpoint", "3.6"),
    "Unmount": ("unmount.succeeds",),
    "Remove": ("remove.removes", "3.9"),
    "Path": ("path.of-mounted",),
    "Capabilities": ("capabilities.there",),
    "same ID": ("mount.same-id",),
    "in use": ("remove.in-use",),
    "restart": ("restart.keeps-volumes",),
}
"""The cases that are about a root: one of the suite, one of the steps."""


LOST = "a file is lost"
"""The root of a failure that follows from nothing else: no other failure may hide it, or say why."""


class Rooted(AssertionError):
    """A failure whose root is known where it is found."""

    def __init__(self, root: str, text: str) -> None:
        super().__init__(text)
        self.root = root


def wants_file(found: bool, text: str) -> None:
    """Fail where a file is lost."""
    if not found:
        raise Rooted(LOST, text)


def root_of(plugin: PluginUnderTest, failure: AssertionError) -> str:
    """Return the root of a failure, "" where there is none that others could share.

    It is an endpoint that has never worked in this run, or a second Mount with the same ID that is refused.
    """
    if isinstance(failure, Rooted):
        return failure.root
    last = plugin.exchanges[-1] if plugin.exchanges else None
    if plugin.trouble or not last or not last.status:
        return ""
    method = last.endpoint.removeprefix("VolumeDriver.")
    if method in OWNERS and last.endpoint not in plugin.worked:
        return method
    if method == "Mount" and not plugin.takes(last) and plugin.has_mounted(last):
        return "same ID"
    return ""


def diagnose_root(plugin: PluginUnderTest, root: str) -> Diagnosis | None:
    """Return why a first Create is refused, as far as its author knows more than we; None for any other root."""
    last = plugin.exchanges[-1] if plugin.exchanges else None
    if root != "Create" or not last or last.status in (404, 405, 501) or "<" in last.text[:1]:
        return None
    said = (last.err or last.text).strip() or f"status {last.status}"
    given = ", ".join(plugin.options)
    asks = f"It was given {given}." if given else "Does it need options?"
    why = (
        f"The plugin refuses a Create{'' if given else ' without options'}, in its own words: {said!r}. {asks} "
        "Give what you type behind -o of docker volume create; for a folder of the volume's own, the VALUE is "
        "'{root}/{name}':   --opt KEY=VALUE"
    )
    return Diagnosis("options wanted", why)
