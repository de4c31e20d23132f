"""Conformance: Create."""

from __future__ import annotations

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import wants_file
from workshop.plugins.under_test import is_whole

SOME_OPTIONS = {"zzz-no-such-option": "1"}


# Create


@case("must")
def test_create_makes_a_volume(plugin: Candidate) -> None:
    """After Create the volume is there.

    Docker does not ask again. It sends the Mount, and the container does not start (moby
    daemon/volume/service/store.go, create).
    """
    name = plugin.create()
    plugin.knows(name)
    assert name in plugin.list_names(), f"wanted {name} in\n{plugin.exchanges[-1]}"


@case("must", podman="none")
def test_create_options_null(plugin: Candidate) -> None:
    """Opts null is no option at all.

    Docker passes on what its client sent: docker 28 sends null for a volume without options. If the plugin refuses it,
    no volume can be made without options (seen on Docker Engine 28.5.2).
    """
    plugin.needs_no_options()
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name(), "Opts": None})


@case("must", podman="should")
def test_create_options_empty(plugin: Candidate) -> None:
    """Opts {} is no option at all.

    docker 20.10 sends it for a volume without options. If the plugin refuses it, no volume can be made without options
    (seen on Docker Engine 20.10.24).
    """
    plugin.needs_no_options()
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {}})


@case("should", podman="must")
def test_create_options_absent(plugin: Candidate) -> None:
    """A Create without Opts is one without options.

    Podman leaves Opts out where there are none. If the plugin refuses it, no volume can be made without options
    (libpod/plugin/volume_api.go, CreateVolume).
    """
    plugin.needs_no_options()
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name()})


@case("must")
def test_create_again_keeps_all(plugin: Candidate) -> None:
    """A second Create of a volume harms neither its files nor its mounts, and makes no second one.

    Two clients can ask at the same time, and one that got no answer asks again. Then the files of the first one are
    lost (moby daemon/volume/drivers/adapter.go, Create; moby issue 39331 for the second try).
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})
    wants_file(is_whole(note), f"wanted the file of before after\n{plugin.exchanges[-1]}")
    assert plugin.list_names().count(name) == 1, f"wanted {name} once in\n{plugin.exchanges[-1]}"
    if not plugin.what_remove_does():
        plugin.keeps(name, note)


@case("should")
def test_create_again_succeeds(plugin: Candidate) -> None:
    """A second Create of a volume, with the same options, is answered with success.

    What was asked for is there. A client whose first answer was lost would otherwise report an error.
    """
    plugin.create(plugin.create())


@case("should")
def test_create_refused_makes_nothing(plugin: Candidate) -> None:
    """A Create that is refused leaves no volume.

    Docker finds the volume at the next try, assumes that it was made, and never sends the Create with the right
    options.
    """
    name = plugin.name()
    if plugin.fails(plugin.call("VolumeDriver.Create", {"Name": name, "Opts": SOME_OPTIONS})):
        plugin.forgets(name)


@case("should")
def test_create_after_remove(plugin: Candidate) -> None:
    """A name can be used again after Remove.

    `docker compose down -v` and up do that.
    """
    name = plugin.create()
    plugin.remove(name)
    plugin.create(name)
    plugin.knows(name)


@case("should")
def test_create_ten_lives(plugin: Candidate) -> None:
    """A name that is made and removed ten times works the tenth time as the first.

    What one volume leaves behind must not harm the next one with its name.
    """
    name, mount_id = plugin.name(), plugin.mount_id()
    for _ in range(10):
        plugin.create(name)
        plugin.folder(plugin.mount(name, mount_id))
        plugin.unmount(name, mount_id)
        plugin.remove(name)
        plugin.forgets(name)
