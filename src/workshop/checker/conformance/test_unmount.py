"""Conformance: Unmount, and Remove of what is in use."""

from __future__ import annotations

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case

# Unmount


@case("should")
def test_unmount_succeeds(plugin: Candidate) -> None:
    """Unmount of what was mounted is answered with success.

    Docker writes an error into its log, keeps the ID, and uses it again at the next start of the container.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount(name, mount_id)


@case("must")
def test_unmount_lets_go(plugin: Candidate) -> None:
    """After the last Unmount the volume can be removed.

    Otherwise nobody can ever get rid of it.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must")
def test_unmount_keeps_files(plugin: Candidate) -> None:
    """Files outlive the last Unmount, and are there at the next Mount.

    Outliving the container is what a volume is for.
    """
    name = plugin.create()
    mount_id, mountpoint = plugin.hold(name)
    (plugin.folder(mountpoint) / "note").write_text("from the first container")
    plugin.unmount(name, mount_id)
    note = plugin.folder(plugin.hold(name)[1]) / "note"
    assert note.exists(), f"wanted {note} to be there for the second container"


@case("must")
def test_unmount_keeps_an_empty_folder(plugin: Candidate) -> None:
    """A volume without files can be mounted again, too.

    A container need not write anything.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount(name, mount_id)
    plugin.folder(plugin.hold(name)[1])


@case("must", podman="should")
def test_unmount_first_of_two(plugin: Candidate) -> None:
    """When the first of two containers ends, the second keeps the volume and its files.

    They are two mounts, with two IDs (moby issue 17585).
    """
    name = plugin.create()
    first, mountpoint = plugin.hold(name, plugin.new_id())
    plugin.hold(name, plugin.new_id())
    note = plugin.folder(mountpoint) / "note"
    note.write_text("mine")
    plugin.unmount(name, first)
    assert note.exists(), f"wanted {note} to stay for the second container"
    plugin.refuses_removal(name)
    assert note.exists(), f"wanted {note} to be there after a Remove that was refused"


@case("must", podman="should")
def test_unmount_foreign_id(plugin: Candidate) -> None:
    """An Unmount with an ID that never mounted lets nobody go.

    An Unmount can come late, or twice; who still has the volume must keep it.
    """
    name = plugin.create()
    plugin.hold(name)
    plugin.unmount_anyway(name, plugin.new_id())
    plugin.refuses_removal(name)


@case("must", podman="none")
def test_unmount_foreign_volume(plugin: Candidate) -> None:
    """An Unmount of one volume does not let go another one that the same ID has.

    What is counted is the mount of a volume, not the ID.
    """
    first, second, mount_id = plugin.create(), plugin.create(), plugin.mount_id()
    plugin.hold(first, mount_id)
    plugin.unmount_anyway(second, mount_id)
    plugin.refuses_removal(first)


@case("must", podman="should")
def test_unmount_repeated(plugin: Candidate) -> None:
    """An ID that unmounts more often than it has mounted takes nothing from the others.

    One counter for all goes wrong here (ContainX/docker-volume-netshare issues 106 and 107).
    """
    name = plugin.create()
    first, _ = plugin.hold(name, plugin.new_id())
    second, _ = plugin.hold(name, plugin.new_id())
    for _ in range(3):
        plugin.unmount_anyway(name, first)
    plugin.refuses_removal(name)
    plugin.unmount(name, second)
    plugin.allows_removal(name)


@case("must", podman="should")
def test_unmount_never_below_zero(plugin: Candidate) -> None:
    """After an Unmount too many, the next Mount of that ID counts.

    A count below zero takes it for the one that was owed.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    for _ in range(3):
        plugin.unmount_anyway(name, mount_id)
    plugin.hold(name, mount_id)
    plugin.refuses_removal(name)


@case("must", podman="none")
def test_unmount_docker_cp(plugin: Candidate) -> None:
    """Mounts are counted for each ID: after two Mounts and one Unmount of it the volume is still in use.

    `docker cp` mounts and unmounts with the ID of the running container, which goes on writing (seen on Docker Engine
    20.10.24: Mount, Mount, Unmount, Mount, Unmount, Unmount, all with one ID). A set of IDs lets go too early.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.hold(name, mount_id)
    plugin.unmount(name, mount_id)
    plugin.refuses_removal(name)
    plugin.unmount(name, mount_id)
    plugin.allows_removal(name)


@case("should")
def test_unmount_unknown_makes_nothing(plugin: Candidate) -> None:
    """Unmount of an unknown volume makes no volume, and the plugin lives on.

    It can come after a Remove by somebody else.
    """
    name = plugin.name()
    plugin.unmount_anyway(name, plugin.mount_id())
    plugin.forgets(name)


# Remove, while somebody has the volume


@case("must")
def test_remove_in_use(plugin: Candidate) -> None:
    """Remove is refused while a container has the volume, and harms no file of it.

    Docker refuses it by itself for its own containers; after a crash, or with a second daemon, the plugin is asked.
    """
    name = plugin.create()
    note = plugin.files(name) / "note"
    note.write_text("mine")
    plugin.refuses("VolumeDriver.Remove", {"Name": name})
    assert note.exists(), f"wanted {note} to be there after a Remove that was refused"
    plugin.knows(name)
