"""Conformance: the names of volumes."""

from __future__ import annotations

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case


def lives(plugin: Candidate, name: str) -> None:
    """Want a name to do for a whole life, or to be refused without a trace."""
    answer = plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})
    assert answer.status, f"wanted an answer for\n{answer}"
    if plugin.fails(answer):
        plugin.forgets(name)
        return
    told = plugin.knows(name).get("Name")
    assert told == name, f"wanted the volume under the name that was asked for, from\n{plugin.exchanges[-1]}"
    assert name in plugin.list_names(), f"wanted the name as it was given in\n{plugin.exchanges[-1]}"
    mount_id, _ = plugin.hold(name)
    plugin.unmount(name, mount_id)
    plugin.remove(name)
    plugin.forgets(name)


# names


@case("should")
def test_names_usual(plugin: Candidate) -> None:
    """A name of letters in both cases, digits, dots, dashes and underscores can be had.

    These are the names that Docker's own driver takes, and people are used to.
    """
    name = plugin.choose(f"Vol.1_1-{plugin.name()}")
    plugin.create(name)
    assert plugin.knows(name).get("Name") == name, f"wanted the same Name in\n{plugin.exchanges[-1]}"


@case("must")
def test_names_of_64_digits(plugin: Candidate) -> None:
    """A name of 64 hexadecimal digits can be had.

    `docker run -v /data --volume-driver=…` makes such a name for each volume that its user does not name. Refused,
    that container does not start (moby daemon/volume/service/service.go, Create).
    """
    name = plugin.choose(plugin.new_id())
    plugin.create(name)
    plugin.knows(name)


@case("should", destructive=True)
def test_names_of_two_letters(plugin: Candidate) -> None:
    """A name of two letters can be had.

    Docker's own driver takes it, too.
    """
    name = plugin.choose("ab")
    plugin.create(name)
    plugin.knows(name)


@case("must")
def test_names_do_not_meet(plugin: Candidate) -> None:
    """Names that differ in one character, or in its case, are different volumes with different files.

    Two containers would write into each other's files, and one Remove would take both. Docker tells them apart,
    letter by letter (moby daemon/volume/service/store.go, getNamed).
    """
    stem = plugin.name()
    names = [plugin.choose(f"{stem}{end}") for end in ("-b", "_b", ".b", "-B", "--b")]
    had = [name for name in names if plugin.takes(plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}))]
    listed = sorted(name for name in plugin.list_names() if name.startswith(stem) and name != stem)
    assert listed == sorted(had), f"wanted {sorted(had)} in\n{plugin.exchanges[-1]}"
    folders = {plugin.hold(name)[1] for name in had}
    assert len(folders) == len(had), f"wanted {len(had)} different Mountpoints, got {sorted(folders)}"


@case("should")
def test_names_long(plugin: Candidate) -> None:
    """A name of 255 or of 4096 characters does for a whole life, or is refused without a trace.

    A file system takes 255 bytes. A name that is cut short is another volume's.
    """
    stem = plugin.name()
    lives(plugin, plugin.choose(stem.ljust(255, "x")))
    lives(plugin, plugin.choose(stem.ljust(300, "x")))
    lives(plugin, plugin.choose(stem.ljust(4096, "x")))


@case("should")
def test_names_not_ascii(plugin: Candidate) -> None:
    """A name with letters beyond ASCII does for a whole life, or is refused without a trace.

    Docker passes on what was typed, without a look at it.
    """
    lives(plugin, plugin.choose(f"größe-{plugin.name()}"))


@case("should")
def test_names_with_blanks(plugin: Candidate) -> None:
    """A name with a blank or a newline at its end is not the name without it.

    Trimmed in silence, it is another volume's.
    """
    stem = plugin.name()
    for name in (f"{stem} ", f" {stem}", f"{stem}\n"):
        lives(plugin, plugin.choose(name))
    plugin.forgets(stem)
