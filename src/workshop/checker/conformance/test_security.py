"""Conformance: what a name, an ID, an option or a file of a container must never do outside of its volume."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path
from unittest import SkipTest

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.folders import mounted_from, unmount
from workshop.plugins.under_test import is_whole


def canary(plugin: Candidate) -> Path:
    """Return a file outside the plugin's root that must live."""
    file = plugin.outside() / "canary"
    file.write_text("alive")
    return file


def climbing_name(path: Path) -> str:
    """Return a name that leads to a path from any folder, if it is joined to one."""
    return "../" * 20 + str(path).lstrip("/")


def canary_lives(plugin: Candidate, file: Path) -> None:
    """Want the canary's folder as it was."""
    found = sorted(path.name for path in file.parent.iterdir()) if file.parent.is_dir() else []
    wants_file(found == ["canary"], f"wanted {file.parent} to hold the canary alone, not {found or 'nothing'}")
    wants_file(file.read_text() == "alive", f"wanted {file} as it was")


@case("must")
def test_security_create_outside(plugin: Candidate) -> None:
    """A Create whose name is a path makes nothing outside the root.

    Docker does not check a name, and passes on what the user types. Files of the machine are overwritten (moby
    daemon/volume/mounts/linux_parser.go, ValidateVolumeName).
    """
    file = canary(plugin)
    for name in (
        str(file.parent / "new"),
        climbing_name(file.parent / "new"),
        f"x/{climbing_name(file.parent / 'new')}",
    ):
        plugin.call("VolumeDriver.Create", {"Name": plugin.choose(name), "Opts": {}})
        canary_lives(plugin, file)


@case("must", destructive=True)
def test_security_remove_outside(plugin: Candidate) -> None:
    """A Remove whose name is a path removes nothing outside the root.

    A careless plugin then removes any folder of the machine. Docker passes on the name as it is (moby
    daemon/volume/mounts/linux_parser.go, ValidateVolumeName).
    """
    file = canary(plugin)
    for name in (str(file), str(file.parent), climbing_name(file), climbing_name(file.parent)):
        plugin.call("VolumeDriver.Remove", {"Name": name})
        canary_lives(plugin, file)


@case("must")
def test_security_mount_outside(plugin: Candidate) -> None:
    """A Mount whose name is a path gives nobody a folder outside the root.

    A container would get any folder of the machine, /etc for example. Docker passes on the name as it is (moby
    daemon/volume/mounts/linux_parser.go, ValidateVolumeName).
    """
    file = canary(plugin)
    for name in (str(file.parent), climbing_name(file.parent)):
        answer = plugin.call("VolumeDriver.Mount", {"Name": name, "ID": plugin.mount_id()})
        told = answer.object.get("Mountpoint") if plugin.takes(answer) else None
        path = os.path.realpath(told) if isinstance(told, str) and "\0" not in told else ""
        outside = path.startswith(os.path.realpath(file.parent))
        assert not outside, f"wanted no Mountpoint outside the root from\n{answer}"
        canary_lives(plugin, file)


@case("should")
def test_security_get_outside(plugin: Candidate) -> None:
    """Get and Path know no volume whose name is a path.

    Otherwise they show which files a machine has.
    """
    file = canary(plugin)
    for endpoint in ("Get", "Path"):
        for name in (str(file.parent), climbing_name(file.parent)):
            plugin.does_not_take(f"VolumeDriver.{endpoint}", {"Name": name})


@case("must", destructive=True)
def test_security_dots(plugin: Candidate) -> None:
    """With . and .. as names nobody gets the folder of all volumes, and no volume is harmed.

    As paths, they are that folder, and the one above it. A container then has the files of all others (moby
    daemon/volume/mounts/linux_parser.go, ValidateVolumeName).
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    for dots in (".", "..", "./", "../..", f"../{name}/.."):
        plugin.call("VolumeDriver.Create", {"Name": plugin.choose(dots), "Opts": {}})
        answer = plugin.call("VolumeDriver.Mount", {"Name": dots, "ID": plugin.mount_id()})
        told = answer.object.get("Mountpoint") if plugin.takes(answer) else None
        above = isinstance(told, str) and told and note.resolve().is_relative_to(os.path.realpath(told))
        assert not above, f"wanted no Mountpoint above the one of another volume, {note.parent}, from\n{answer}"
        plugin.call("VolumeDriver.Remove", {"Name": dots})
        wants_file(is_whole(note), f"wanted the volume of before, with its files, after\n{plugin.exchanges[-1]}")


@case("should")
def test_security_aliases(plugin: Candidate) -> None:
    """A path that leads to a volume is not a name of it.

    Somebody could remove a volume by the other name while it is in use.
    """
    name = plugin.create()
    for alias in (f"./{name}", f"x/../{name}", f"{name}/", f"{name}/.", f"{name}\x00", f"%2e/{name}"):
        assert plugin.get(alias) is None, f"wanted no volume from\n{plugin.exchanges[-1]}"
        plugin.does_not_take("VolumeDriver.Mount", {"Name": alias, "ID": plugin.mount_id()})


@case("should")
def test_security_percent(plugin: Candidate) -> None:
    """%2e and %2f in a name are three characters each, and no path.

    A name that is decoded after the check is not checked.
    """
    file = canary(plugin)
    name = climbing_name(file.parent / "new").replace(".", "%2e").replace("/", "%2f")
    plugin.call("VolumeDriver.Create", {"Name": plugin.choose(name), "Opts": {}})
    canary_lives(plugin, file)


@case("must")
def test_security_ids(plugin: Candidate) -> None:
    """A mount ID that is a path makes and removes nothing outside the root.

    A client sends the IDs, as it does names. Plugins that keep a file for each mount join them to a path: then a file
    of the machine is lost. Docker's own IDs are 64 digits (moby daemon/volume/mounts/mounts.go, Setup), but not those
    of every program that may use the socket.
    """
    file, name = canary(plugin), plugin.create()
    for mount_id in (str(file), climbing_name(file), str(file.parent / "new"), climbing_name(file.parent / "new")):
        for endpoint in ("Mount", "Unmount"):
            plugin.call(f"VolumeDriver.{endpoint}", {"Name": name, "ID": mount_id})
            canary_lives(plugin, file)


@case("should")
def test_security_long_id(plugin: Candidate) -> None:
    """A mount ID of 64 KiB does no harm.

    It may be refused. The volume can be mounted, and removed, after it.
    """
    name, long = plugin.create(), "x" * 65536
    answer = plugin.call("VolumeDriver.Mount", {"Name": name, "ID": long})
    assert answer.status, f"wanted an answer for a long ID, got {answer.failure}"
    plugin.unmount_anyway(name, long)
    plugin.exchanges.clear()
    mount_id, _ = plugin.hold(name)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must")
def test_security_no_shell(plugin: Candidate) -> None:
    """What looks like a shell command in a name, an ID or an option is not run.

    Plugins that call mount or mkdir through a shell run it, as root: one `docker volume create` can do anything on the
    machine (ContainX/docker-volume-netshare and glusterfs plugins call sh -c; moby daemon/volume/mounts/linux_parser.go
    checks no name).
    """
    file, name = canary(plugin), plugin.name()
    made = plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})
    for command in (f"$(touch {file.parent}/ran)", f"`touch {file.parent}/ran`", f"x;touch {file.parent}/ran;"):
        quoted = f"{name}'{command}'"
        for word in (command, quoted):
            plugin.call("VolumeDriver.Create", {"Name": plugin.choose(word), "Opts": {}})
            plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {"size": word}})
            plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {word: "1"}})
            for key, value in plugin.needed_options(name).items():
                plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {key: f"{value}{word}"}})
            plugin.call("VolumeDriver.Mount", {"Name": name, "ID": word})
            plugin.call("VolumeDriver.Unmount", {"Name": name, "ID": word})
        canary_lives(plugin, file)
    if not plugin.takes(made):
        raise Rooted("Create", f"wanted a volume, to see the same of one that is there\n{made}")


@case("must", unless=("read-only",))
def test_security_link_in_a_volume(plugin: Candidate) -> None:
    """Remove deletes a link that a container has left in its volume, and not what it points to.

    Any container can make a link to any path. Remove then deletes files of the machine (the same fault was
    CVE-2018-15664 in docker cp).
    """
    file, name, mount_id = canary(plugin), plugin.create(), plugin.mount_id()
    folder = plugin.folder(plugin.mount(name, mount_id))
    if not plugin.put_link(folder / "way-out", file.parent):
        raise SkipTest("puts a symbolic link into a volume: the file system of this plugin's volumes has none")
    plugin.put_link(folder / "way-to-it", file)
    plugin.unmount_anyway(name, mount_id)
    answer = plugin.call("VolumeDriver.Remove", {"Name": name})
    if plugin.takes(answer):
        wait_until_removed(plugin, "way-*")
    canary_lives(plugin, file)
    assert plugin.takes(answer), f"wanted success for\n{answer}"


def wait_until_removed(plugin: Candidate, trace: str) -> None:
    """Wait for a plugin that deletes in the background, until nothing of this name is in its root, if we see that."""
    deadline = time.monotonic() + min(plugin.patience, 3.0)
    while plugin.root and time.monotonic() < deadline:
        # what goes away under the search is looked for again
        with contextlib.suppress(FileNotFoundError):
            if not any(plugin.root.rglob(trace)):
                return
        time.sleep(0.005)


def skip_without_folder(folder: Path) -> None:
    """Skip where the folder is there only while somebody has it mounted."""
    if not folder.is_dir():
        raise SkipTest("looks at the folder of a volume that nobody has mounted: this plugin has none")


@case("should", process=True, destructive=True, unless=("read-only", "own-storage"))
def test_security_folder_swapped(plugin: Candidate) -> None:
    """Remove does not follow a link in the place of a volume's folder.

    Somebody who can write in the root for an instant must not get other folders of the machine removed.
    """
    file, name, mount_id = canary(plugin), plugin.create(), plugin.mount_id()
    folder = plugin.folder(plugin.mount(name, mount_id))
    plugin.unmount_anyway(name, mount_id)
    skip_without_folder(folder)
    shutil.rmtree(folder)
    folder.symlink_to(file.parent)
    if plugin.takes(plugin.call("VolumeDriver.Remove", {"Name": name})):
        wait_until_removed(plugin, folder.name)
    canary_lives(plugin, file)
    if folder.is_symlink():
        folder.unlink()
        folder.mkdir()


@case("must", process=True, unless=("read-only",))
def test_security_mount_in_a_volume(plugin: Candidate) -> None:
    """Remove touches nothing that is mounted inside a volume.

    Somebody has put a disk there. Plugins that delete through it empty that disk (ContainX/docker-volume-netshare
    issue 104).
    """
    file, name, mount_id = canary(plugin), plugin.create(), plugin.mount_id()
    folder = plugin.folder(plugin.mount(name, mount_id))
    plugin.unmount_anyway(name, mount_id)
    skip_without_folder(folder)
    inside = folder / "disk-in-it"
    inside.mkdir()
    if not shutil.which("mount"):
        raise SkipTest("mounts a folder inside a volume: install util-linux")
    # in a session of its own: a Ctrl-C in the terminal is not for it. What is still mounted goes with the canary
    mount = ["mount", "--bind", str(file.parent), str(inside)]
    if subprocess.run(mount, capture_output=True, start_new_session=True).returncode:
        raise SkipTest("mounts a folder inside a volume: run it as root")
    try:
        if plugin.takes(plugin.call("VolumeDriver.Remove", {"Name": name})):
            wait_until_removed(plugin, inside.name)
        canary_lives(plugin, file)
    finally:
        unmount(mounted_from(file.parent))  # wherever a plugin has moved it meanwhile


@case("should", process=True, unless=("own-storage",))
def test_security_root_closed(plugin: Candidate) -> None:
    """Other users of the machine cannot open the files of a volume.

    Files of a container's user 1000 are open to the machine's user 1000, unless a folder above them is closed.
    """
    assert plugin.root
    folder = plugin.files(plugin.create())
    if not folder.is_relative_to(plugin.root.resolve()):
        raise SkipTest(f"the plugin keeps its volumes elsewhere, in {folder}")
    above = [folder, *folder.parents][: len(folder.relative_to(plugin.root.resolve()).parts) + 1]
    closed = [path for path in above if not stat.S_IMODE(path.stat().st_mode) & stat.S_IXOTH]
    assert closed, f"wanted a folder above {folder} that is closed to others, such as mode 0700 of {plugin.root}"
