"""Conformance: Remove."""

from __future__ import annotations

from pathlib import Path

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.under_test import is_whole, lost

# Remove


@case("must")
def test_remove_removes(plugin: Candidate) -> None:
    """After Remove the volume is gone from Get and List, and List names nothing new.

    Docker has forgotten it, and finds it again. The next container of that name gets the old files (moby
    daemon/volume/service/store.go, Remove).
    """
    name = plugin.create()
    ours = plugin.may_destroy and "global" not in plugin.traits
    before = plugin.names_left() if ours else None
    plugin.remove(name)
    plugin.forgets(name)
    more = sorted({*plugin.list_names()} - before) if before is not None else []
    assert not more, f"wanted nothing new in List after Remove, not {more}, in\n{plugin.exchanges[-1]}"


@case("must")
def test_remove_spares_the_neighbour(plugin: Candidate) -> None:
    """Remove of a volume leaves all others, with all their files.

    Also one whose name begins in the same way (vieux/docker-volume-sshfs issue 81: the whole server was emptied).
    """
    name = plugin.name()
    others = [plugin.choose(f"{name}-2")]
    for each in (name, *others):
        plugin.create(each)
    # names.usual asks for a dot in a name
    others += [each for each in (f"{name}.2", f"{name}2") if plugin.makes(each)]
    notes = [plugin.leave_for_sure(other)[1] for other in others]
    answer = plugin.call("VolumeDriver.Remove", {"Name": name})
    for note in notes:
        wants_file(is_whole(note), f"wanted {lost(note)} to be whole after\n{answer}")
    for other in others:
        plugin.knows(other)
    if not plugin.takes(answer):
        raise Rooted("Remove", f"wanted success for\n{answer}")


@case("must", destructive=True)
def test_remove_nameless(plugin: Candidate) -> None:
    """A Remove whose Name is missing, empty, a dot, a pattern or no string removes nothing.

    As a path, an empty name is the folder of all volumes. All files of all volumes are lost. Docker sends such a call
    where a connection broke (moby issue 39331), and any program that may use the socket can.
    """
    name = plugin.create()
    _, note = plugin.leave_for_sure(name)
    names: tuple[object, ...] = ("", ".", "/", "*", None, 7, [], {})
    bodies: list[dict[str, object]] = [{}, *({"Name": wrong} for wrong in names)]
    for body in bodies:
        answer = plugin.call("VolumeDriver.Remove", body)
        wants_file(is_whole(note), f"wanted {lost(note)} to be whole after\n{answer}")
    plugin.knows(name)


@case("should", destructive=True)
def test_remove_by_another_case(plugin: Candidate) -> None:
    """Remove of a name in another case does not take the volume.

    To Docker it is another volume.
    """
    name = plugin.create()
    plugin.call("VolumeDriver.Remove", {"Name": plugin.choose(name.upper())})
    plugin.knows(name)


@case("record", destructive=True)
def test_remove_unknown(plugin: Candidate) -> None:
    """What the answer to Remove of an unknown volume is.

    Docker asks Get first, so that this is rare.
    """
    answer = plugin.call("VolumeDriver.Remove", {"Name": plugin.name()})
    plugin.note("success" if plugin.takes(answer) else f"status {answer.status}")


@case("record", unless=("read-only",))
def test_remove_files(plugin: Candidate) -> None:
    """Whether the files are gone when a volume is removed, and made again.

    Both are right: some plugins lend a folder that belongs to somebody else.
    """
    name, mount_id = plugin.create(), plugin.mount_id()
    note = plugin.folder(plugin.mount(name, mount_id)) / "note"
    note.write_text("from before")
    plugin.unmount(name, mount_id)
    plugin.remove(name)
    plugin.create(name)
    again = Path(plugin.mount(name, mount_id)) / "note"
    plugin.note("the files stay" if again.exists() else "the files go")
