"""What ddd promises, in a few lines: from the volumes that there are and a call to its answer and those after it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from workshop.protocol.exchange import Exchange

from .ddd import Ddd, mounts_of, owner_and_mode


class Call(NamedTuple):
    """A call of an endpoint; one that takes no ID leaves it alone."""

    endpoint: str
    name: str
    mount_id: str
    options: tuple[tuple[str, str], ...] = ()


class Volume(NamedTuple):
    """What is in a volume's file, "" when it has none; how often each ID has it mounted; who owns it, and its mode."""

    note: str = ""
    mounts: Mapping[str, int] = {}
    data: tuple[int, int, int] = (0, 0, 0o40755)


Volumes = Mapping[str, Volume]


def made(volumes: Volumes, call: Call) -> tuple[int, Volumes]:
    """Return the status that a call is answered with, and the volumes after it."""
    there = volumes.get(call.name)
    if call.endpoint == "Create":
        return created(volumes, call)
    if call.endpoint == "List":
        return 200, volumes
    if there is None:
        return 404, volumes
    if call.endpoint == "Remove":
        others = {name: volume for name, volume in volumes.items() if name != call.name}
        return (409, volumes) if there.mounts else (200, others)
    change = {"Mount": 1, "Unmount": -1}.get(call.endpoint, 0)
    count = there.mounts.get(call.mount_id, 0) + change
    others_mounts = {each: number for each, number in there.mounts.items() if each != call.mount_id}
    mounts = {**others_mounts, call.mount_id: count} if count > 0 else others_mounts
    return 200, {**volumes, call.name: there._replace(mounts=mounts)}


def created(volumes: Volumes, call: Call) -> tuple[int, Volumes]:
    """Return the status of a Create, and the volumes after it."""
    asked = {option: int(value, 8 if option == "mode" else 10) for option, value in call.options}
    if not set(asked) <= {"uid", "gid", "mode"}:
        return 400, volumes
    there = volumes.get(call.name)
    uid, gid, mode = there.data if there else Volume().data
    wanted = (asked.get("uid", uid), asked.get("gid", gid), 0o40000 | asked.get("mode", mode))
    if there:
        return 200 if wanted == there.data else 409, volumes
    return 200, {**volumes, call.name: Volume(data=wanted)}


def possible(volumes: Volumes, calls: Mapping[Call, int | None]) -> Iterator[Volumes]:
    """Yield what there can be after calls at once, in any order: those with a status were answered so, others perhaps
    never made."""
    sure = [call for call, status in calls.items() if status is not None]
    for order in orders(list(calls)):
        if not set(sure) <= set(order):
            continue
        after, fits = volumes, True
        for call in order:
            status, after = made(after, call)
            fits = fits and calls[call] in (None, status)
        if fits:
            yield after


def orders(calls: list[Call]) -> Iterable[tuple[Call, ...]]:
    """Return every order of some of the calls, none and all included."""
    return itertools.chain.from_iterable(itertools.permutations(calls, size) for size in range(len(calls) + 1))


def seen(ddd: Ddd) -> Volumes:
    """Return the volumes that stand on disk. What is there, but half, fails the test."""
    found = {}
    for folder in (ddd.there / "volumes").iterdir():
        data = owner_and_mode(folder / "data")
        found[folder.name] = Volume(note_in(folder), mounts_of(folder, data), data)
    return found


def note_in(volume: Path) -> str:
    """Return what is in a volume's file."""
    note = volume / "data" / "note"
    return note.read_text() if note.exists() else ""


def check(ddd: Ddd, volumes: Volumes, call: Call, answer: Exchange) -> Volumes:
    """Hold an answer against the model; return the volumes after it."""
    status, after = made(volumes, call)
    assert answer.status == status, (answer, volumes)
    if status != 200:
        assert answer.err.endswith("."), answer
        return after
    mountpoint = str(Path(str(ddd.root)) / "volumes" / call.name / "data")
    match call.endpoint:
        case "Get":
            assert {key: answer.json["Volume"][key] for key in ("Name", "Mountpoint")} == {
                "Name": call.name,
                "Mountpoint": mountpoint,
            }, answer
        case "Mount" | "Path":
            assert answer.json["Mountpoint"] == mountpoint, answer
        case "List":
            assert [volume["Name"] for volume in answer.json["Volumes"]] == sorted(volumes), (answer, volumes)
    assert answer.err == "", answer
    return after
