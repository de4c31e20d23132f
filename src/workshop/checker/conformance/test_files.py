"""Conformance: files. Each case looks at a file that has to be there, whatever the plugin has answered.

They call Create, Mount, Unmount and Remove alone, and depend on the verdict of no other case.
"""

from __future__ import annotations

from pathlib import Path

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.under_test import is_whole, lost

# files


def is_there_again(plugin: Candidate, name: str, note: Path, after: str) -> None:
    """Want the file of a volume to be there for the next container that mounts it."""
    answer = plugin.call("VolumeDriver.Mount", {"Name": name, "ID": plugin.new_id()})
    if not plugin.takes(answer):
        raise Rooted("", f"wanted the volume {name} to be mounted again after {after}\n{answer}")
    again = plugin.folder(str(answer.object.get("Mountpoint")))
    whole = is_whole(plugin.seen_at(again, note))
    wants_file(whole, f"wanted the file of before in {again}, mounted again after {after}\n{plugin.exchanges[-1]}")


@case("must", process=True, unless=("no-persistence",))
def test_files_after_a_kill(plugin: Candidate) -> None:
    """After a kill -9 a volume that was mounted can be mounted again, and has its files.

    Otherwise the next container gets an empty folder, or does not start (rclone 1.60 does not know the volume any
    more).
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    plugin.restart(kill=True)
    is_there_again(plugin, name, note, "a kill -9 of the plugin")


@case("must", podman="none")
def test_files_after_docker_cp(plugin: Candidate) -> None:
    """After the first of two Unmounts of one ID, the container still has its files.

    `docker cp` ends with that Unmount, while the container goes on (seen on Docker Engine 20.10.24). The container
    loses its files if the plugin frees the volume at the first Unmount (easyfuse).
    """
    name = plugin.create()
    mount_id, note = plugin.leave_for_sure(name)
    answer = plugin.call("VolumeDriver.Mount", {"Name": name, "ID": mount_id})
    second = answer.object.get("Mountpoint") if plugin.takes(answer) else ""
    if not second:
        raise Rooted("", f"wanted a second Mount of this ID, to see the files after its Unmount\n{answer}")
    plugin.unmount_anyway(name, mount_id)
    whole = is_whole(note) and is_whole(plugin.seen_at(str(second), note))
    wants_file(whole, f"wanted {note} to be whole until the second Unmount of this ID\n{plugin.exchanges[-1]}")


@case("must")
def test_files_after_a_refused_remove(plugin: Candidate) -> None:
    """After a Remove that was refused, because somebody has the volume, the files are all there.

    The user is told that nothing was removed (moby volume/service/store.go, Remove: the error goes to the client).
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    if plugin.takes(plugin.call("VolumeDriver.Remove", {"Name": name})):
        return  # not refused: that is remove.in-use
    wants_file(
        is_whole(note), f"wanted {lost(note)} to be whole after a Remove that was refused\n{plugin.exchanges[-1]}"
    )
    is_there_again(plugin, name, note, "a Remove that was refused")


@case("must")
def test_files_after_a_failed_remove(plugin: Candidate) -> None:
    """After a Remove that answered an error, the files are all there: also if the plugin was killed before it.

    Docker keeps the volume in its list, and its next container finds it empty (vieux/docker-volume-sshfs empties the
    folder of the server, and then fails to remove its own).
    """
    name = plugin.create()
    mount_id, note = plugin.leave_for_sure(name)
    if plugin.command and "no-persistence" not in plugin.traits:
        plugin.restart(kill=True)
    for owed in (mount_id, plugin.new_id()):
        if plugin.takes(plugin.call("VolumeDriver.Remove", {"Name": name})):
            return  # removed: whether that was right is restart.while-mounted
        plugin.unmount_anyway(name, owed)
        is_there_again(plugin, name, note, "a Remove that answered an error")
        plugin.unmount_anyway(*plugin.mounted[-1])
