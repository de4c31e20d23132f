"""Conformance: a restart, and a kill. What was answered outlasts them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import SkipTest

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.under_test import FORGETS, is_whole

# restart


@case("must", process=True, unless=("no-persistence",))
def test_restart_keeps_volumes(plugin: Candidate) -> None:
    """After a restart the volumes are there, with their files.

    Docker does not tell a plugin its volumes again (omallo/docker-volume-plugin-dostorage issue 8).
    """
    name, mount_id = plugin.create(), plugin.mount_id()
    left = plugin.leave(plugin.mount(name, mount_id))
    plugin.unmount_anyway(name, mount_id)
    try:
        plugin.restart(knows=name)
    except Rooted:
        plugin.propose("no-persistence", FORGETS)
        raise
    assert name in plugin.list_names(), f"wanted {name} in\n{plugin.exchanges[-1]}"
    again = Path(plugin.mount(name, mount_id))
    wants_file(not left or is_whole(plugin.seen_at(again, left)), "wanted the files of before the restart")


@case("should", process=True, unless=("no-persistence",))
def test_restart_changes_nothing(plugin: Candidate) -> None:
    """After a restart Get gives the same answer as before.

    CreatedAt is when the volume was made, not when the plugin was started.
    """
    name = plugin.create()
    before = {key: value for key, value in plugin.knows(name).items() if key != "Status"}
    plugin.restart(knows=name)
    after = {key: value for key, value in plugin.knows(name).items() if key != "Status"}
    assert after == before, f"wanted {before} as before, from\n{plugin.exchanges[-1]}"


@case("must", process=True)
def test_restart_brings_nothing_back(plugin: Candidate) -> None:
    """A volume that was removed is not there again after a restart.

    Docker would show it, and use it again. Its old files get into a container that asked for a new volume (moby
    daemon/volume/service/store.go, getVolume).
    """
    name = plugin.create()
    plugin.remove(name)
    plugin.restart()
    plugin.forgets(name)


@case("must", process=True, unless=("no-persistence",))
def test_restart_after_a_kill(plugin: Candidate) -> None:
    """After a kill -9 each volume is there whose Create was answered.

    Docker relies on the answer. If the next Get is an error, Docker forgets the volume, with its labels (moby
    daemon/volume/service/store.go, lookupVolume).
    """
    names = [plugin.create() for _ in range(6)]
    plugin.restart(kill=True)
    lists(plugin, names)


@case("must", process=True, unless=("no-persistence",))
def test_restart_in_the_middle(plugin: Candidate) -> None:
    """After a kill -9 during many Creates, each volume is there whole, or not at all.

    A volume that is listed and cannot be mounted blocks its name. Its container does not start, and a Create does not
    help: Docker finds the volume (moby daemon/volume/service/store.go, create).
    """
    plugin.create()
    names, answered, enough = [plugin.name() for _ in range(80)], [], threading.Event()

    def create(name: str) -> None:
        if plugin.takes(plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})):
            answered.append(name)
        if len(answered) > 12:
            enough.set()

    with ThreadPoolExecutor(4) as pool:
        pool.map(create, names)
        enough.wait(plugin.patience)
        plugin.kill()
        pool.shutdown(cancel_futures=True)
    plugin.exchanges.clear()
    plugin.ensure_running()
    listed = lists(plugin, answered)
    for name in answered[-2:] + sorted(listed & set(names) - set(answered)):
        plugin.folder(plugin.hold(name)[1])


def lists(plugin: Candidate, names: list[str]) -> set[str]:
    """Want List to name these volumes after a start, and return what it names. If it names none, it forgets at each."""
    listed = set(plugin.list_names())
    missing = sorted(set(names) - listed)
    if missing:
        all_gone = len(missing) == len(set(names))
        raise Rooted("restart" if all_gone else "", f"wanted {missing} in\n{plugin.exchanges[-1]}")
    return listed


@case("must", process=True, unless=("no-persistence",))
def test_restart_while_mounted(plugin: Candidate) -> None:
    """After a kill -9 a mounted volume is still in use, until it is unmounted.

    The container runs on, and knows nothing of the kill. If the volume is removed, the container loses its files
    (tests/engine/test_faults.py; vieux/docker-volume-sshfs counts in memory alone).
    """
    name = plugin.create()
    mount_id, mountpoint = plugin.hold(name)
    note = plugin.leave(mountpoint)
    plugin.restart(kill=True, knows=name)
    plugin.keeps(name, note)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must", podman="none", process=True, unless=("no-persistence",))
def test_restart_keeps_counts(plugin: Candidate) -> None:
    """After a restart the plugin knows how often an ID has mounted.

    The restart may come during a `docker cp`. If the plugin counts one Mount, the end of the copy takes the files from
    the container (seen on Docker Engine 20.10.24).
    """
    name = plugin.create()
    mount_id, mountpoint = plugin.hold(name)
    note = plugin.leave(mountpoint)
    plugin.hold(name, mount_id)
    plugin.restart(knows=name)
    plugin.unmount_anyway(name, mount_id)
    plugin.keeps(name, note)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must", process=True, unless=("no-persistence",))
def test_restart_mount_again(plugin: Candidate) -> None:
    """After a kill -9 a volume that was mounted can be mounted again, with the same ID.

    A daemon that was killed, too, sends the same ID again. A plugin that still counts the old mount does not mount
    anything (containers/docker-lvm-plugin issue 24).
    """
    name = plugin.create()
    mount_id, before = plugin.hold(name)
    plugin.restart(kill=True, knows=name)
    _, after = plugin.hold(name, mount_id)
    assert after == before, f"wanted {before} again from\n{plugin.exchanges[-1]}"
    plugin.folder(after)


@case("should", process=True, destructive=True, unless=("no-persistence", "own-storage"))
def test_restart_with_damage(plugin: Candidate) -> None:
    """If its own files are damaged, the plugin does not start as if it had no volumes.

    It may refuse to start, and say so, or find its volumes. With an empty List, the next write loses them for good.
    """
    names = [plugin.create() for _ in range(3)]
    plugin.hold(names[0])
    outside = [Path(plugin.knows(name).get("Mountpoint") or "/nowhere") for name in names]
    plugin.stop()
    assert plugin.root
    whole = {path: path.read_bytes() for path in own_files(plugin.root, outside)}
    if not whole:
        raise SkipTest("the plugin has no files of its own in its root")
    for path, content in whole.items():
        path.write_bytes(content[: len(content) // 2])
    try:
        plugin.start()
        answer = plugin.call("VolumeDriver.List", {})
        missing = [name for name in names if plugin.takes(answer) and name not in answer.text]
    except Exception:  # it refused to start: so be it
        missing = []
    finally:
        plugin.shut_down()
        for path, content in whole.items():
            if path.parent.is_dir():
                path.write_bytes(content)
        plugin.ensure_running()
    assert not missing, f"wanted {missing}, or no List at all, after its files were cut in half, in\n{answer}"


def own_files(root: Path, volumes: list[Path]) -> list[Path]:
    """Return the files by which a plugin remembers: those in its root that are not in a volume."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if not any(path.is_relative_to(volume) for volume in volumes)]
