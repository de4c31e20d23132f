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
    """A volume can have a name of letters in both cases, digits, dots, dashes and underscores.

    Docker's own driver takes these names, and people are used to them.
    """
    name = plugin.choose(f"Vol.1_1-{plugin.name()}")
    plugin.create(name)
    assert plugin.knows(name).get("Name") == name, f"wanted the same Name in\n{plugin.exchanges[-1]}"


@case("must")
def test_names_of_64_digits(plugin: Candidate) -> None:
    """A volume can have a name of 64 hexadecimal digits.

    `docker run -v /data --volume-driver=…` makes such a name for each volume without a name. If the plugin refuses it,
    that container does not start (moby daemon/volume/service/service.go, Create).
    """
    name = plugin.choose(plugin.new_id())
    plugin.create(name)
    plugin.knows(name)


@case("should", destructive=True)
def test_names_of_two_letters(plugin: Candidate) -> None:
    """A volume can have a name of two letters.

    Docker's own driver takes it, too.
    """
    name = plugin.choose("ab")
    plugin.create(name)
    plugin.knows(name)


@case("must")
def test_names_do_not_meet(plugin: Candidate) -> None:
    """Names that differ in one character, or in its case, are different volumes with different files.

    Two containers would write into each other's files, and one Remove would take both. Docker compares names letter by
    letter (moby daemon/volume/service/store.go, getNamed).
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
    """A name of 255 or of 4096 characters works from Create to Remove, or is refused without a trace.

    A file name has at most 255 bytes. A name that is cut can be the name of another volume.
    """
    stem = plugin.name()
    lives(plugin, plugin.choose(stem.ljust(255, "x")))
    lives(plugin, plugin.choose(stem.ljust(300, "x")))
    lives(plugin, plugin.choose(stem.ljust(4096, "x")))


@case("should")
def test_names_not_ascii(plugin: Candidate) -> None:
    """A name with letters beyond ASCII works from Create to Remove, or is refused without a trace.

    Docker passes on what the user typed.
    """
    lives(plugin, plugin.choose(f"größe-{plugin.name()}"))


@case("should")
def test_names_with_blanks(plugin: Candidate) -> None:
    """A name with a blank or a newline at its end is another name than that without it.

    A plugin that removes it without a word uses another volume.
    """
    stem = plugin.name()
    for name in (f"{stem} ", f" {stem}", f"{stem}\n"):
        lives(plugin, plugin.choose(name))
    plugin.forgets(stem)
