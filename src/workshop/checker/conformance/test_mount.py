"""Conformance: Mount."""

from __future__ import annotations

import errno
import os

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case

# Mount


@case("must")
def test_mount_tells_a_mountpoint(plugin: Candidate) -> None:
    """Mount names a Mountpoint that is not empty.

    Docker starts the container all the same, with a folder of the runtime in its place. What is written there is lost
    with the container (seen on Docker Engine 20.10.24; moby daemon/volume/drivers/adapter.go, Mount).
    """
    plugin.hold(plugin.create())


@case("must")
def test_mount_absolute(plugin: Candidate) -> None:
    """The Mountpoint is an absolute path.

    Docker's current folder is not the plugin's. The container does not start, or its files are lost with it (moby
    daemon/volume/mounts/mounts.go, Setup).
    """
    _, mountpoint = plugin.hold(plugin.create())
    assert os.path.isabs(mountpoint), f"wanted an absolute Mountpoint in\n{plugin.exchanges[-1]}"


@case("should")
def test_mount_straight(plugin: Candidate) -> None:
    """The Mountpoint has no .. in it, and is no symbolic link.

    An engine that keeps a plugin to its own folder compares the text of the path (moby issue 53023).
    """
    _, mountpoint = plugin.hold(plugin.create())
    assert os.path.normpath(mountpoint) == mountpoint.rstrip("/"), f"wanted a plain path in\n{plugin.exchanges[-1]}"
    assert not os.path.islink(mountpoint.rstrip("/")), f"wanted no link at {mountpoint}"


@case("should")
def test_mount_outside_docker(plugin: Candidate) -> None:
    """The Mountpoint is not in the folder where Docker keeps its own volumes.

    Docker makes and removes what is there. A managed plugin has another folder.
    """
    _, mountpoint = plugin.hold(plugin.create())
    assert not mountpoint.startswith("/var/lib/docker/volumes/"), f"wanted another place in\n{plugin.exchanges[-1]}"


@case("must")
def test_mount_folder(plugin: Candidate) -> None:
    """There is a folder at the Mountpoint.

    Docker cannot give a container what does not exist. The container does not start (moby
    daemon/volume/mounts/mounts.go, Setup).
    """
    plugin.folder(plugin.hold(plugin.create())[1])


@case("must", unless=("read-only",))
def test_mount_writable(plugin: Candidate) -> None:
    """Files can be written at the Mountpoint, and read again.

    A program that cannot save its files loses them (tests/engine/test_volumes.py). A volume that can only be read has
    the trait read-only.
    """
    note = plugin.files(plugin.create()) / "note"
    try:
        note.write_text("hello")
        said = note.read_text()
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES):
            plugin.propose("read-only", "The files of a volume cannot be written")
        raise AssertionError(f"wanted to write {note}: {error.strerror}") from None
    assert said == "hello", f"wanted what was written to {note}, not {said!r}"


@case("must")
def test_mount_shared(plugin: Candidate) -> None:
    """Two containers that share a volume see the same files.

    Files that one container has written are missing for the other (tests/engine/test_volumes.py, two containers share a
    volume). The mountpoint may be another one for each ID.
    """
    name = plugin.create()
    _, first = plugin.hold(name)
    _, second = plugin.hold(name)
    assert plugin.same_files(first, second), (
        f"wanted the files of {first} for both containers, got\n{plugin.exchanges[-1]}"
    )


@case("must")
def test_mount_not_shared(plugin: Candidate) -> None:
    """Two volumes have two folders.

    Otherwise each container sees the files of the other, and one Remove takes the files of both. Docker does not check
    the path (moby daemon/volume/mounts/mounts.go, Setup).
    """
    first, second = plugin.hold(plugin.create())[1], plugin.hold(plugin.create())[1]
    assert first != second, f"wanted another folder than {first} in\n{plugin.exchanges[-1]}"


@case("must")
def test_mount_unknown(plugin: Candidate) -> None:
    """Mount of an unknown volume is an error.

    Docker would start a container with a volume that nobody can find again. What it writes is lost (moby
    daemon/volume/service/service.go, Mount, asks Get before; the volume can be removed in between).
    """
    plugin.refuses("VolumeDriver.Mount", {"Name": plugin.name(), "ID": plugin.mount_id()})


@case("should")
def test_mount_unknown_makes_nothing(plugin: Candidate) -> None:
    """Mount of an unknown volume makes no volume.

    A volume that no Create asked for has no options, no labels and no owner.
    """
    name = plugin.name()
    plugin.call("VolumeDriver.Mount", {"Name": name, "ID": plugin.mount_id()})
    plugin.forgets(name)


@case("must", podman="none")
def test_mount_same_id(plugin: Candidate) -> None:
    """A second Mount with the same ID succeeds, with the same folder.

    `docker cp` on a running container sends it (seen on Docker Engine 20.10.24). If the plugin refuses it, docker cp
    fails.
    """
    name = plugin.create()
    mount_id, first = plugin.hold(name)
    _, second = plugin.hold(name, mount_id)
    assert first == second, f"wanted {first} again, got\n{plugin.exchanges[-1]}"


@case("should")
def test_mount_refused_counts_nothing(plugin: Candidate) -> None:
    """A Mount that was refused does not count.

    Docker sends no Unmount after a Mount that failed (moby issue 22564): nobody could ever remove the volume.
    """
    name = plugin.create()
    for wrong in ({}, {"ID": ""}, {"ID": 7}, {"ID": "../x"}, {"ID": "x" * 300}):
        answer = plugin.call("VolumeDriver.Mount", {"Name": name, **wrong})
        if plugin.takes(answer):
            plugin.unmount_anyway(name, str(wrong.get("ID", ""))) if "ID" in wrong else plugin.call(
                "VolumeDriver.Unmount", {"Name": name}
            )
            plugin.call("VolumeDriver.Unmount", {"Name": name, **wrong})
    plugin.allows_removal(name)


@case("must", podman="should")
def test_mount_many(plugin: Candidate) -> None:
    """A volume that twenty have mounted is free after the twentieth Unmount, and not before.

    A volume can serve many containers at once. If it is freed too early, nineteen of them lose their files (moby issue
    17585).
    """
    name = plugin.create()
    ids = [plugin.hold(name, plugin.new_id())[0] for _ in range(20)]
    for mount_id in ids[:-1]:
        plugin.unmount_anyway(name, mount_id)
    plugin.keeps(name, None)
    plugin.unmount_anyway(name, ids[-1])
    plugin.allows_removal(name)


@case("should", podman="must")
def test_mount_one_id_for_all(plugin: Candidate) -> None:
    """The same ID can mount several volumes, and unmount them one by one.

    Podman has one ID for everything. If the plugin refuses it, a container with two volumes does not start
    (libpod/plugin/volume_api.go).
    """
    first, second, mount_id = plugin.create(), plugin.create(), plugin.mount_id()
    plugin.hold(first, mount_id)
    note = plugin.leave(plugin.hold(second, mount_id)[1])
    plugin.unmount_anyway(first, mount_id)
    plugin.allows_removal(first)
    plugin.keeps(second, note)


@case("record")
def test_mount_place(plugin: Candidate) -> None:
    """Where the files of a volume are.

    People look for them there, and back them up.
    """
    name = plugin.create()
    _, mountpoint = plugin.hold(name)
    root = f"{plugin.root}/" if plugin.root else "no root"
    plugin.note(mountpoint.replace(name, "NAME").replace(root, "DDD_ROOT/"))
