"""Conformance: Get."""

from __future__ import annotations

import os
from datetime import datetime
from unittest import SkipTest

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.protocol.gojson import ZONED

# Get


@case("must")
def test_get_name(plugin: Candidate) -> None:
    """Get answers with the name that was asked for.

    Docker goes on with the name that it gets: another one sends Mount to another volume. A container then writes into
    the files of another one (moby daemon/volume/drivers/adapter.go, Get).
    """
    name = plugin.create()
    assert plugin.knows(name).get("Name") == name, f"wanted the Name {name} in\n{plugin.exchanges[-1]}"


@case("must")
def test_get_unknown(plugin: Candidate) -> None:
    """Get knows no volume that was never made, also where its name is nearly that of another one.

    `docker run -v new:/data` asks every plugin. One that knows every name gets every new volume of the machine, and its
    files are where nobody looks for them (moby daemon/volume/service/store.go, getVolume).
    """
    assert plugin.get(plugin.name()) is None, f"wanted no volume from\n{plugin.exchanges[-1]}"
    name = plugin.name()
    if plugin.takes(plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})):
        for similar in (name[:-1], f"{name}0"):
            assert plugin.get(similar) is None, f"wanted no volume {similar} from\n{plugin.exchanges[-1]}"


@case("should")
def test_get_unknown_is_an_error(plugin: Candidate) -> None:
    """Get of an unknown volume is an error, not an empty success.

    Docker takes {} for "no such volume", too. A person who reads the answer does not.
    """
    plugin.refuses("VolumeDriver.Get", {"Name": plugin.name()})


@case("must")
def test_get_before_mount(plugin: Candidate) -> None:
    """Get knows a volume that nobody has mounted yet.

    Docker asks before each Mount. After an error it does not send the Mount, and the container does not start (moby
    daemon/volume/service/service.go, Mount).
    """
    name = plugin.create()
    plugin.knows(name)


@case("must")
def test_get_while_mounted(plugin: Candidate) -> None:
    """Get knows a volume that is mounted.

    Docker asks before each Unmount. After an error it never sends the Unmount, and the volume stays mounted (moby
    daemon/volume/service/service.go, Unmount).
    """
    name = plugin.create()
    plugin.hold(name)
    plugin.knows(name)


@case("must")
def test_get_created_at(plugin: Candidate) -> None:
    """CreatedAt in Get is a time with its zone, as in RFC 3339; null, or absent.

    Docker cannot decode anything else, nor an empty string: to Docker, the volume does not exist
    (docker/go-plugins-helpers issue 108).
    """
    volume = plugin.knows(plugin.create())
    assert is_time(volume.get("CreatedAt")), f"wanted CreatedAt as 2026-11-23T12:00:00Z in\n{plugin.exchanges[-1]}"


def is_time(value: object) -> bool:
    """Tell whether Go reads a value as a time."""
    if value is None:
        return True
    found = ZONED.fullmatch(value) if isinstance(value, str) else None
    try:
        # a day or a second that there is not is none to Go either
        return bool(found and datetime.fromisoformat(found[1]))
    except ValueError:
        return False


@case("must")
def test_get_status(plugin: Candidate) -> None:
    """Status in Get is an object; null, or absent.

    Docker cannot decode anything else: to Docker, the volume does not exist, and its labels are forgotten (moby
    daemon/volume/drivers/proxy.go, volumeDriverProxyGetResponse).
    """
    volume = plugin.knows(plugin.create())
    assert isinstance(volume.get("Status"), dict | None), f"wanted Status as {{…}} in\n{plugin.exchanges[-1]}"


@case("must")
def test_get_mountpoint(plugin: Candidate) -> None:
    """Mountpoint in Get is a string; null, or absent.

    Docker cannot decode anything else: the volume cannot be used (moby daemon/volume/drivers/proxy.go,
    volumeDriverProxyGetResponse).
    """
    volume = plugin.knows(plugin.create())
    assert isinstance(volume.get("Mountpoint"), str | None), f"wanted Mountpoint as text in\n{plugin.exchanges[-1]}"


@case("should")
def test_get_true_mountpoint(plugin: Candidate) -> None:
    """While a volume is mounted, Get answers with Mount's Mountpoint, or with none.

    `docker volume inspect` shows that of Get, and people look for their files there.
    """
    name = plugin.create()
    _, mountpoint = plugin.hold(name)
    told = plugin.knows(name).get("Mountpoint")
    assert told in (None, "", mountpoint), f"wanted {mountpoint} in\n{plugin.exchanges[-1]}"


@case("should")
def test_get_twice(plugin: Candidate) -> None:
    """Two Gets of a volume get the same answer, if nothing has happened in between.

    CreatedAt is when the volume was made, not when somebody asked.
    """
    name = plugin.create()
    first = plugin.knows(name)
    second = plugin.knows(name)
    said = [{key: value for key, value in told.items() if key != "Status"} for told in (first, second)]
    assert said[0] == said[1], f"wanted {said[0]} again from\n{plugin.exchanges[-1]}"


@case("record")
def test_get_tells(plugin: Candidate) -> None:
    """What the answer of Get has beside the name.

    `docker volume inspect` shows CreatedAt and Status.
    """
    volume = plugin.knows(plugin.create())
    plugin.note(", ".join(sorted(key for key, value in volume.items() if value and key != "Name")) or "nothing")


@case("should", process=True, destructive=True, unless=("own-storage",))
def test_get_root_away(plugin: Candidate) -> None:
    """While the root is away, Get does not say that there is no such volume.

    A disk that is not mounted comes back. Docker has then forgotten the labels and options of every volume that it
    asked for (volume/service/store.go, lookupVolume). Docker does not take a connection that is closed without an
    answer for "no such volume".
    """
    assert plugin.root
    name = plugin.create()
    if os.path.ismount(plugin.root):
        raise SkipTest("moves DDD_ROOT away for a moment, which is a mountpoint here")
    away = plugin.root.with_name(f"{plugin.root.name}-away")
    if plugin.root.is_dir():
        plugin.root.rename(away)
    try:
        answer = plugin.call("VolumeDriver.Get", {"Name": name})
    finally:
        if away.is_dir():
            away.rename(plugin.root)
    assert not plugin.fails(answer), (
        f"wanted the connection closed without an answer, while the root is away, for\n{answer}"
    )
    plugin.knows(name)
