"""Conformance: the empty body of Docker's retries."""

from __future__ import annotations

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case

# a call that comes without its body: Docker sends one again, when the connection broke after the body had gone


@case("must", podman="none", destructive=True)
def test_create_without_body(plugin: Candidate) -> None:
    """A Create with an empty body is never answered with success.

    Docker repeats a call whose connection broke without its body (moby issue 39331). It would go on without the volume.
    """
    before = sorted(plugin.list_names())
    plugin.does_not_take("VolumeDriver.Create", b"")
    assert sorted(plugin.list_names()) == before, f"wanted the same volumes as before in\n{plugin.exchanges[-1]}"


@case("must", podman="none")
def test_mount_without_body(plugin: Candidate) -> None:
    """A Mount with an empty body is never answered with success.

    Docker would start the container with the answer's Mountpoint, or with a folder of its own where there is none. What
    is written there is lost with the container (moby issue 39331).
    """
    plugin.does_not_take("VolumeDriver.Mount", b"")


@case("should", podman="none")
def test_unmount_without_body(plugin: Candidate) -> None:
    """An Unmount with an empty body is never answered with success.

    Docker would take it for done, while the volume stays mounted.
    """
    plugin.does_not_take("VolumeDriver.Unmount", b"")


@case("must", podman="none", destructive=True)
def test_remove_without_body(plugin: Candidate) -> None:
    """A Remove with an empty body removes nothing, and is never answered with success.

    A careless plugin without a name removes the folder of all volumes. Docker sends it where the connection of a Remove
    broke (moby issue 39331).
    """
    name = plugin.create()
    plugin.does_not_take("VolumeDriver.Remove", b"")
    plugin.knows(name)


@case("must", podman="none")
def test_get_without_body(plugin: Candidate) -> None:
    """A Get with an empty body tells of no volume.

    Docker sends it where the connection of a Get broke (moby issue 39331), and would go on with a volume that it did
    not ask for.
    """
    answer = plugin.call("VolumeDriver.Get", b"")
    volume = answer.object.get("Volume") if plugin.takes(answer) else None
    assert not volume, f"wanted no volume for\n{answer}"


@case("should", podman="none")
def test_get_without_body_is_no_no(plugin: Candidate) -> None:
    """A Get with an empty body gets no answer at all: the connection is closed.

    Any answer means "no such volume" to Docker, which then forgets the labels of a volume that is there
    (volume/service/store.go, lookupVolume).
    """
    answer = plugin.call("VolumeDriver.Get", b"")
    assert not answer.status, f"wanted the connection closed without an answer for\n{answer}"
    plugin.activate()
