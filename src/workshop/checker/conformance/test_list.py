"""Conformance: List and Path."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.conformance.test_get import is_time

# List


@case("must", process=True, destructive=True, unless=("own-storage", "global"))
def test_list_of_nothing(plugin: Candidate) -> None:
    """At its very first start a plugin has no volumes, and says so.

    `docker volume ls` asks right after the installation. A volume that nobody has made hides a volume of that name
    of another driver (moby daemon/volume/service/store.go, list).
    """
    plugin.begin_anew()
    found = plugin.volumes()
    assert not found, f"wanted no volumes in\n{plugin.exchanges[-1]}"


@case("should", podman="must")
def test_list_without_body(plugin: Candidate) -> None:
    """List needs no body.

    Podman sends an empty body, Docker {}. If the plugin refuses it, `podman volume ls` fails
    (libpod/plugin/volume_api.go, ListVolumes).
    """
    name = plugin.create()
    answer = plugin.call("VolumeDriver.List", b"")
    found = answer.object.get("Volumes") if plugin.takes(answer) else None
    names = [each.get("Name") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    assert name in names, f"wanted {name} in\n{answer}"


@case("must")
def test_list_is_the_truth(plugin: Candidate) -> None:
    """List names each volume that was made and not removed, once.

    `docker volume ls` shows it, and people remove volumes by it. Nobody finds a volume that is missing there, nor its
    files (moby daemon/volume/service/store.go, list).
    """
    names = [plugin.create() for _ in range(5)]
    plugin.remove(names[2])
    wanted = sorted({*names} - {names[2]})
    listed = sorted(name for name in plugin.list_names() if name in names)
    assert listed == wanted, f"wanted each of {wanted} once in\n{plugin.exchanges[-1]}"


@case("must")
def test_list_without_null(plugin: Candidate) -> None:
    """Each entry of List is an object with a Name.

    {"Volumes": [null]} ends the Docker daemon with a crash (moby daemon/volume/drivers/adapter.go, List).
    """
    plugin.create()
    for each in plugin.volumes():
        named = isinstance(each, dict) and isinstance(each.get("Name"), str) and each["Name"]
        assert named, f'wanted {{"Name": …}} for each volume in\n{plugin.exchanges[-1]}'


@case("must")
def test_list_types(plugin: Candidate) -> None:
    """CreatedAt, Status and Mountpoint in List have the same types as in Get.

    One volume that Docker cannot decode makes the whole List an error. `docker volume ls` then shows no volume of this
    driver (moby daemon/volume/drivers/proxy.go, volumeDriverProxyListResponse).
    """
    plugin.create()
    for each in plugin.entries():
        assert is_time(each.get("CreatedAt")), f"wanted CreatedAt as a time, or none, in\n{plugin.exchanges[-1]}"
        assert isinstance(each.get("Status"), dict | None), f"wanted Status as {{…}} in\n{plugin.exchanges[-1]}"
        assert isinstance(each.get("Mountpoint"), str | None), f"wanted Mountpoint as text in\n{plugin.exchanges[-1]}"


@case("should")
def test_list_mountpoint(plugin: Candidate) -> None:
    """List names the same Mountpoint as Get, or none.

    `docker volume ls --format` shows it.
    """
    name = plugin.create()
    wanted = plugin.knows(name).get("Mountpoint")
    told = next((each.get("Mountpoint") for each in plugin.entries() if each.get("Name") == name), None)
    assert not (told and wanted) or told == wanted, f"wanted {wanted} in\n{plugin.exchanges[-1]}"


@case("should")
def test_list_of_many(plugin: Candidate) -> None:
    """List is complete with 110 volumes, too.

    A daemon asks for all of them at once: there is no next page.
    """
    names = [plugin.name() for _ in range(110)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(plugin.create, names))
    plugin.exchanges.clear()
    missing = sorted(set(names) - set(plugin.list_names()))
    assert not missing, f"wanted {len(names)} volumes; {len(missing)} are missing, {missing[0]} among them"


# Path


@case("should")
def test_path_of_mounted(plugin: Candidate) -> None:
    """Path of a mounted volume is Mount's Mountpoint.

    Older engines call it; newer ones, and Podman 4.3, do not.
    """
    name = plugin.create()
    _, mountpoint = plugin.hold(name)
    answer = plugin.succeeds("VolumeDriver.Path", {"Name": name})
    assert answer.object.get("Mountpoint") == mountpoint, f"wanted {mountpoint} in\n{answer}"


@case("should")
def test_path_of_unmounted(plugin: Candidate) -> None:
    """Path of a volume that nobody has mounted is no error: its Mountpoint may be empty.

    `docker volume inspect` of older engines calls it.
    """
    answer = plugin.succeeds("VolumeDriver.Path", {"Name": plugin.create()})
    told = answer.object.get("Mountpoint")
    assert isinstance(told, str | None), f"wanted a Mountpoint as text in\n{answer}"


@case("should")
def test_path_of_unknown(plugin: Candidate) -> None:
    """Path of an unknown volume is an error.

    There is no such folder.
    """
    plugin.refuses("VolumeDriver.Path", {"Name": plugin.name()})
