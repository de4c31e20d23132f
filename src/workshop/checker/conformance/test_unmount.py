"""Conformance: Unmount, and Remove of what is in use."""

from __future__ import annotations

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.under_test import is_whole, lost

# Unmount


@case("should")
def test_unmount_succeeds(plugin: Candidate) -> None:
    """Unmount of a mounted volume is answered with success.

    Docker writes an error into its log, keeps the ID, and uses it again when the container starts again.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount(name, mount_id)


@case("must")
def test_unmount_lets_go(plugin: Candidate) -> None:
    """After the last Unmount the volume can be removed.

    Otherwise nobody can ever remove it: `docker volume rm` answers that it is in use (moby
    daemon/volume/service/store.go, Remove).
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must")
def test_unmount_keeps_files(plugin: Candidate) -> None:
    """Files are kept after the last Unmount, and are there at the next Mount.

    Docker unmounts at each stop and restart of a container. A volume outlives its container
    (tests/engine/test_volumes.py, the data outlives the container).
    """
    name = plugin.create()
    mount_id, mountpoint = plugin.hold(name)
    left = plugin.leave(mountpoint)
    plugin.unmount_anyway(name, mount_id)
    again = plugin.folder(plugin.hold(name)[1])
    note = plugin.seen_at(again, left) if left else again
    wants_file(is_whole(note), f"wanted {lost(note)} to be whole for the second container")


@case("must")
def test_unmount_keeps_an_empty_folder(plugin: Candidate) -> None:
    """A volume without files can be mounted again, too.

    A container may write nothing. If the plugin removed the folder, the container does not start again (moby
    daemon/volume/mounts/mounts.go, Setup).
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    plugin.unmount_anyway(name, mount_id)
    plugin.folder(plugin.hold(name)[1])


@case("must", podman="should")
def test_unmount_first_of_two(plugin: Candidate) -> None:
    """When the first of two containers ends, the second keeps the volume and its files.

    They are two mounts, with two IDs. If the plugin frees the volume at the first Unmount, the second container loses
    its files while it runs (moby issue 17585).
    """
    name = plugin.create()
    first, _ = plugin.hold(name, plugin.new_id())
    note = plugin.leave(plugin.hold(name, plugin.new_id())[1])
    plugin.unmount_anyway(name, first)
    wants_file(is_whole(note), f"wanted {lost(note)} to be whole for the second container")
    plugin.keeps(name, note)


@case("should")
def test_unmount_foreign_id(plugin: Candidate) -> None:
    """An Unmount with an ID that never mounted frees no volume.

    Docker does not send it: it unmounts with the ID of a Mount that succeeded (moby daemon/volume/mounts/mounts.go,
    Cleanup). Other programs can.
    """
    name = plugin.create()
    note = plugin.leave(plugin.hold(name)[1])
    plugin.unmount_anyway(name, plugin.new_id())
    plugin.keeps(name, note)


@case("should", podman="none")
def test_unmount_foreign_volume(plugin: Candidate) -> None:
    """An Unmount of one volume does not free another one with the same ID.

    The plugin counts mounts of a volume, not IDs. Docker sends no Unmount of a volume that it has not mounted.
    """
    first, second, mount_id = plugin.create(), plugin.create(), plugin.mount_id()
    note = plugin.leave(plugin.hold(first, mount_id)[1])
    plugin.unmount_anyway(second, mount_id)
    plugin.keeps(first, note)


@case("should")
def test_unmount_repeated(plugin: Candidate) -> None:
    """An ID that unmounts more often than it has mounted frees no mount of others.

    A plugin with one counter for all IDs counts wrongly here (ContainX/docker-volume-netshare issues 106 and 107).
    Docker sends an extra Unmount only after one that failed.
    """
    name = plugin.create()
    first, _ = plugin.hold(name, plugin.new_id())
    second, mountpoint = plugin.hold(name, plugin.new_id())
    note = plugin.leave(mountpoint)
    for _ in range(3):
        plugin.unmount_anyway(name, first)
    plugin.keeps(name, note)
    plugin.unmount_anyway(name, second)
    plugin.allows_removal(name)


@case("should")
def test_unmount_never_below_zero(plugin: Candidate) -> None:
    """After an extra Unmount, the next Mount of that ID counts.

    A count below zero would be zero after it. Docker sends an extra Unmount only after one that failed.
    """
    name = plugin.create()
    mount_id, _ = plugin.hold(name)
    for _ in range(3):
        plugin.unmount_anyway(name, mount_id)
    plugin.keeps(name, plugin.leave(plugin.hold(name, mount_id)[1]))


@case("must", podman="none")
def test_unmount_docker_cp(plugin: Candidate) -> None:
    """Mounts are counted for each ID: after two Mounts and one Unmount of an ID, the volume is still in use.

    `docker cp` mounts and unmounts with the ID of the running container, which goes on writing (seen on Docker Engine
    20.10.24: Mount, Mount, Unmount, Mount, Unmount, Unmount, all with one ID). A plugin that keeps a set of IDs frees
    the volume too early.
    """
    name = plugin.create()
    mount_id, mountpoint = plugin.hold(name)
    note = plugin.leave(mountpoint)
    plugin.hold(name, mount_id)
    plugin.unmount_anyway(name, mount_id)
    plugin.keeps(name, note)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("should")
def test_unmount_unknown_makes_nothing(plugin: Candidate) -> None:
    """Unmount of an unknown volume makes no volume, and the plugin goes on.

    It can come after somebody else has removed the volume.
    """
    name = plugin.name()
    plugin.unmount_anyway(name, plugin.mount_id())
    plugin.forgets(name)


# Remove, while somebody has the volume


@case("must")
def test_remove_in_use(plugin: Candidate) -> None:
    """A Remove while a container has the volume harms no file of it.

    Docker refuses it by itself for its own containers (moby volume/service/store.go, Remove). After a crash, or with a
    second daemon, Docker asks the plugin, and the container loses the files that it uses.
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    answer = plugin.call("VolumeDriver.Remove", {"Name": name})
    assert answer.status, f"wanted an answer for\n{answer}"
    lost = plugin.loses(note) if plugin.takes(answer) else not is_whole(note)
    if lost and plugin.takes(answer):
        raise Rooted("in use", f"wanted Remove to be refused while the volume is mounted, or the files kept\n{answer}")
    wants_file(not lost, f"wanted {note} to be whole after a Remove that was refused\n{answer}")
    if plugin.fails(answer):
        plugin.knows(name)


@case("should")
def test_remove_in_use_is_refused(plugin: Candidate) -> None:
    """Remove is refused while a container has the volume.

    No file is lost where the plugin only forgets the name. But another volume can then get the name, while the
    container uses the old one.
    """
    name = plugin.create()
    plugin.hold(name)
    plugin.refuses("VolumeDriver.Remove", {"Name": name})
