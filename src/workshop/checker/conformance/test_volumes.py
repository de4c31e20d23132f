"""Conformance: names, and the life of a volume but for its mounts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.daemon.drivers import ZONED

SECRET = "swordfish-4711"
SOME_OPTIONS = {"zzz-no-such-option": "1"}


def lives(plugin: Candidate, name: str) -> None:
    """Want a name to do for a whole life, or to be refused without a trace."""
    answer = plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})
    assert answer.status, f"wanted an answer for\n{answer}"
    if plugin.fails(answer):
        plugin.gone(name)
        return
    told = plugin.there(name).get("Name")
    assert told == name, f"wanted the volume under the name that was asked for, from\n{plugin.exchanges[-1]}"
    assert name in plugin.listed(), f"wanted the name as it was given in\n{plugin.exchanges[-1]}"
    mount_id, _ = plugin.hold(name)
    plugin.unmount(name, mount_id)
    plugin.remove(name)
    plugin.gone(name)


# names


@case("should")
def test_names_usual(plugin: Candidate) -> None:
    """A name of letters in both cases, digits, dots, dashes and underscores can be had.

    These are the names that Docker's own driver takes, and people are used to.
    """
    name = plugin.own(f"Vol.1_1-{plugin.name()}")
    plugin.create(name)
    assert plugin.there(name).get("Name") == name, f"wanted the same Name in\n{plugin.exchanges[-1]}"


@case("must")
def test_names_of_64_digits(plugin: Candidate) -> None:
    """A name of 64 hexadecimal digits can be had.

    `docker run -v /data --volume-driver=…` makes such a name for each volume that its user does not name.
    """
    name = plugin.own(plugin.new_id())
    plugin.create(name)
    plugin.there(name)


@case("should", destructive=True)
def test_names_of_two_letters(plugin: Candidate) -> None:
    """A name of two letters can be had.

    Docker's own driver takes it, too.
    """
    name = plugin.own("ab")
    plugin.create(name)
    plugin.there(name)


@case("must")
def test_names_do_not_meet(plugin: Candidate) -> None:
    """Names that differ in one character, or in its case, are different volumes with different files.

    Two containers would write into each other's files, and one Remove would take both.
    """
    stem = plugin.name()
    names = [plugin.own(f"{stem}{end}") for end in ("-b", "_b", ".b", "-B", "--b")]
    had = [name for name in names if plugin.took(plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}))]
    listed = sorted(name for name in plugin.listed() if name.startswith(stem) and name != stem)
    assert listed == sorted(had), f"wanted {sorted(had)} in\n{plugin.exchanges[-1]}"
    folders = {plugin.hold(name)[1] for name in had}
    assert len(folders) == len(had), f"wanted {len(had)} different Mountpoints, got {sorted(folders)}"


@case("should")
def test_names_long(plugin: Candidate) -> None:
    """A name of 255 or of 4096 characters does for a whole life, or is refused without a trace.

    A file system takes 255 bytes. A name that is cut short is another volume's.
    """
    stem = plugin.name()
    lives(plugin, plugin.own(stem.ljust(255, "x")))
    lives(plugin, plugin.own(stem.ljust(300, "x")))
    lives(plugin, plugin.own(stem.ljust(4096, "x")))


@case("should")
def test_names_not_ascii(plugin: Candidate) -> None:
    """A name with letters beyond ASCII does for a whole life, or is refused without a trace.

    Docker passes on what was typed, without a look at it.
    """
    lives(plugin, plugin.own(f"größe-{plugin.name()}"))


@case("should")
def test_names_with_blanks(plugin: Candidate) -> None:
    """A name with a blank or a newline at its end is not the name without it.

    Trimmed in silence, it is another volume's.
    """
    stem = plugin.name()
    for name in (f"{stem} ", f" {stem}", f"{stem}\n"):
        lives(plugin, plugin.own(name))
    plugin.gone(stem)


# Create


@case("must")
def test_create_makes_a_volume(plugin: Candidate) -> None:
    """After Create the volume is there.

    Docker does not ask again whether it is.
    """
    name = plugin.create()
    plugin.there(name)
    assert name in plugin.listed(), f"wanted {name} in\n{plugin.exchanges[-1]}"


@case("must", podman="none")
def test_create_options_null(plugin: Candidate) -> None:
    """Opts null is no option at all.

    Docker passes on what its client sent: docker 28 sends null for a volume without options.
    """
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name(), "Opts": None})


@case("must", podman="should")
def test_create_options_empty(plugin: Candidate) -> None:
    """Opts {} is no option at all.

    docker 20.10 sends it for a volume without options.
    """
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {}})


@case("should", podman="must")
def test_create_options_absent(plugin: Candidate) -> None:
    """A Create without Opts is one without options.

    Podman leaves Opts out where there are none.
    """
    plugin.succeeds("VolumeDriver.Create", {"Name": plugin.name()})


@case("must")
def test_create_again_keeps_all(plugin: Candidate) -> None:
    """A second Create of a volume harms neither its files nor its mounts, and makes no second one.

    Two clients can ask at the same time, and one that got no answer asks again.
    """
    name = plugin.create()
    note = plugin.files(name) / "note"
    note.write_text("from before")
    plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})
    assert note.exists() and note.read_text() == "from before", (
        f"wanted the file of before after\n{plugin.exchanges[-1]}"
    )
    assert plugin.listed().count(name) == 1, f"wanted {name} once in\n{plugin.exchanges[-1]}"
    if not plugin.always_removes():
        plugin.kept(name)


@case("should")
def test_create_again_succeeds(plugin: Candidate) -> None:
    """A second Create of a volume, with the same options, is answered with success.

    What was asked for is there. A client whose first answer was lost would otherwise report an error.
    """
    plugin.create(plugin.create())


@case("should")
def test_create_refused_makes_nothing(plugin: Candidate) -> None:
    """A Create that is refused leaves no volume.

    Docker finds the volume at the next try, takes it for made, and never sends the Create with the right options.
    """
    name = plugin.name()
    if plugin.fails(plugin.call("VolumeDriver.Create", {"Name": name, "Opts": SOME_OPTIONS})):
        plugin.gone(name)


@case("should")
def test_create_after_remove(plugin: Candidate) -> None:
    """A name that was removed can be had again.

    `docker compose down -v` and up do just that.
    """
    name = plugin.create()
    plugin.remove(name)
    plugin.create(name)
    plugin.there(name)


@case("should")
def test_create_ten_lives(plugin: Candidate) -> None:
    """The tenth life of a name is like the first.

    What a volume leaves behind must not meet the next one of its name.
    """
    name, mount_id = plugin.name(), plugin.mount_id()
    for _ in range(10):
        plugin.create(name)
        plugin.folder(plugin.mount(name, mount_id))
        plugin.unmount(name, mount_id)
        plugin.remove(name)
        plugin.gone(name)


# Get


@case("must")
def test_get_name(plugin: Candidate) -> None:
    """Get tells the name that was asked for.

    Docker goes on with the name that it gets: another one sends Mount to another volume.
    """
    name = plugin.create()
    assert plugin.there(name).get("Name") == name, f"wanted the Name {name} in\n{plugin.exchanges[-1]}"


@case("must")
def test_get_unknown(plugin: Candidate) -> None:
    """Get knows no volume that was never made.

    `docker run -v new:/data` asks every plugin; one that says yes to all gets every named volume of the machine.
    """
    assert plugin.get(plugin.name()) is None, f"wanted no volume from\n{plugin.exchanges[-1]}"


@case("should")
def test_get_unknown_is_an_error(plugin: Candidate) -> None:
    """Get of an unknown volume is an error, not an empty success.

    Docker takes {} for "no such volume", too; a person who reads along does not.
    """
    plugin.refuses("VolumeDriver.Get", {"Name": plugin.name()})


@case("must")
def test_get_before_mount(plugin: Candidate) -> None:
    """Get knows a volume that nobody has mounted yet.

    Docker asks before each Mount; on a no it does not send the Mount.
    """
    name = plugin.create()
    plugin.there(name)


@case("must")
def test_get_while_mounted(plugin: Candidate) -> None:
    """Get knows a volume that is mounted.

    Docker asks before each Unmount; on a no it never sends the Unmount.
    """
    name = plugin.create()
    plugin.hold(name)
    plugin.there(name)


@case("must")
def test_get_created_at(plugin: Candidate) -> None:
    """CreatedAt in Get is a time with its zone, as RFC 3339 has it; null, or absent.

    Docker cannot decode any other, an empty text neither: to it, the volume does not exist
    (docker/go-plugins-helpers issue 108).
    """
    volume = plugin.there(plugin.create())
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

    Docker cannot decode anything else: to it, the volume does not exist.
    """
    volume = plugin.there(plugin.create())
    assert isinstance(volume.get("Status"), dict | None), f"wanted Status as {{…}} in\n{plugin.exchanges[-1]}"


@case("must")
def test_get_mountpoint(plugin: Candidate) -> None:
    """Mountpoint in Get is a text; null, or absent.

    Docker cannot decode anything else. It shows what stands there in `docker volume inspect`.
    """
    volume = plugin.there(plugin.create())
    assert isinstance(volume.get("Mountpoint"), str | None), f"wanted Mountpoint as text in\n{plugin.exchanges[-1]}"


@case("should")
def test_get_true_mountpoint(plugin: Candidate) -> None:
    """While a volume is mounted, Get tells the Mountpoint that Mount told, or none.

    `docker volume inspect` shows what Get said; people look for their files there.
    """
    name = plugin.create()
    _, mountpoint = plugin.hold(name)
    told = plugin.there(name).get("Mountpoint")
    assert told in (None, "", mountpoint), f"wanted {mountpoint} in\n{plugin.exchanges[-1]}"


@case("should")
def test_get_twice(plugin: Candidate) -> None:
    """Two Gets of a volume with which nothing has happened get the same answer.

    CreatedAt is when the volume was made, not when somebody asked.
    """
    name = plugin.create()
    first = plugin.there(name)
    second = plugin.there(name)
    said = [{key: value for key, value in told.items() if key != "Status"} for told in (first, second)]
    assert said[0] == said[1], f"wanted {said[0]} again from\n{plugin.exchanges[-1]}"


@case("record")
def test_get_tells(plugin: Candidate) -> None:
    """What Get tells of a volume beside its name.

    CreatedAt and Status are shown by `docker volume inspect`.
    """
    volume = plugin.there(plugin.create())
    plugin.note(", ".join(sorted(key for key, value in volume.items() if value and key != "Name")) or "nothing")


@case("should", process=True, destructive=True)
def test_get_root_away(plugin: Candidate) -> None:
    """While the root is away, Get does not say that there is no such volume.

    A disk that is not mounted comes back. Docker has then forgotten the labels and options of every volume it asked
    for (volume/service/store.go, lookupVolume). A connection that is closed without an answer is no "no" to it.
    """
    assert plugin.root
    name = plugin.create()
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
    plugin.there(name)


# List


@case("must", process=True, destructive=True)
def test_list_of_nothing(plugin: Candidate) -> None:
    """At its first start of all a plugin has no volumes, and says so.

    `docker volume ls` asks right after the installation.
    """
    assert plugin.root
    here = plugin.root
    plugin.begin_anew()
    try:
        found = plugin.volumes()
    finally:
        plugin.down()
        plugin.root = here
    assert not found, f"wanted no volumes in\n{plugin.exchanges[-1]}"


@case("should", podman="must")
def test_list_without_body(plugin: Candidate) -> None:
    """List needs no body.

    Podman sends an empty one, Docker {}.
    """
    name = plugin.create()
    answer = plugin.call("VolumeDriver.List", b"")
    found = answer.object.get("Volumes") if plugin.took(answer) else None
    names = [each.get("Name") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    assert name in names, f"wanted {name} in\n{answer}"


@case("must")
def test_list_is_the_truth(plugin: Candidate) -> None:
    """List names each volume that was made and not removed, once.

    It is what `docker volume ls` shows, and what people clean up by.
    """
    names = [plugin.create() for _ in range(5)]
    plugin.remove(names[2])
    wanted = sorted({*names} - {names[2]})
    listed = sorted(name for name in plugin.listed() if name in names)
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
    """CreatedAt, Status and Mountpoint in List are of the types that they have in Get.

    One volume that Docker cannot decode spoils the whole List.
    """
    plugin.create()
    for each in plugin.entries():
        assert is_time(each.get("CreatedAt")), f"wanted CreatedAt as a time, or none, in\n{plugin.exchanges[-1]}"
        assert isinstance(each.get("Status"), dict | None), f"wanted Status as {{…}} in\n{plugin.exchanges[-1]}"
        assert isinstance(each.get("Mountpoint"), str | None), f"wanted Mountpoint as text in\n{plugin.exchanges[-1]}"


@case("should")
def test_list_mountpoint(plugin: Candidate) -> None:
    """List tells the same Mountpoint as Get, or none.

    `docker volume ls --format` shows it.
    """
    name = plugin.create()
    wanted = plugin.there(name).get("Mountpoint")
    told = next((each.get("Mountpoint") for each in plugin.entries() if each.get("Name") == name), None)
    assert not (told and wanted) or told == wanted, f"wanted {wanted} in\n{plugin.exchanges[-1]}"


@case("should")
def test_list_of_many(plugin: Candidate) -> None:
    """List is whole with 110 volumes, too.

    A daemon asks for all at once: there is no next page.
    """
    names = [plugin.name() for _ in range(110)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(plugin.create, names))
    plugin.exchanges.clear()
    missing = sorted(set(names) - set(plugin.listed()))
    assert not missing, f"wanted {len(names)} volumes; {len(missing)} are missing, {missing[0]} among them"


# Path


@case("should")
def test_path_of_mounted(plugin: Candidate) -> None:
    """Path of a mounted volume is what Mount told.

    Older engines ask for it; newer ones, and Podman 4.3, have stopped.
    """
    name = plugin.create()
    _, mountpoint = plugin.hold(name)
    answer = plugin.succeeds("VolumeDriver.Path", {"Name": name})
    assert answer.object.get("Mountpoint") == mountpoint, f"wanted {mountpoint} in\n{answer}"


@case("should")
def test_path_of_unmounted(plugin: Candidate) -> None:
    """Path of a volume that nobody has mounted is no error: its Mountpoint may be empty.

    `docker volume inspect` of older engines asks for it.
    """
    answer = plugin.succeeds("VolumeDriver.Path", {"Name": plugin.create()})
    told = answer.object.get("Mountpoint")
    assert isinstance(told, str | None), f"wanted a Mountpoint as text in\n{answer}"


@case("should")
def test_path_of_unknown(plugin: Candidate) -> None:
    """Path of an unknown volume is an error.

    There is no such folder, and nobody should be sent there.
    """
    plugin.refuses("VolumeDriver.Path", {"Name": plugin.name()})


# Remove


@case("must")
def test_remove_removes(plugin: Candidate) -> None:
    """After Remove nobody knows the volume.

    Docker has forgotten it, and would find it again.
    """
    name = plugin.create()
    plugin.remove(name)
    plugin.gone(name)


@case("must")
def test_remove_spares_the_neighbour(plugin: Candidate) -> None:
    """Remove of a volume leaves all others, with all their files.

    Also the one whose name begins in the same way (vieux/docker-volume-sshfs issue 81: all of a server was wiped).
    """
    name = plugin.name()
    other = plugin.own(f"{name}-2")
    plugin.create(name)
    plugin.create(other)
    note = plugin.files(other) / "note"
    note.write_text("mine")
    plugin.remove(name)
    assert note.exists(), f"wanted {note} to be there after\n{plugin.exchanges[-1]}"
    plugin.there(other)


@case("must", destructive=True)
def test_remove_nameless(plugin: Candidate) -> None:
    """A Remove whose Name is missing, empty, a dot or no text removes nothing.

    As a path, an empty name is the folder of all volumes.
    """
    name = plugin.create()
    note = plugin.files(name) / "note"
    note.write_text("mine")
    names: tuple[object, ...] = ("", ".", "/", "*", None, 7, [], {})
    plugin.call("VolumeDriver.Remove", {})
    for wrong in names:
        plugin.call("VolumeDriver.Remove", {"Name": wrong})
    assert note.exists(), "wanted the volumes of before, with their files"
    plugin.there(name)


@case("should", destructive=True)
def test_remove_by_another_case(plugin: Candidate) -> None:
    """Remove of a name in another case does not take the volume.

    To Docker it is another volume.
    """
    name = plugin.create()
    plugin.call("VolumeDriver.Remove", {"Name": plugin.own(name.upper())})
    plugin.there(name)


@case("record", destructive=True)
def test_remove_unknown(plugin: Candidate) -> None:
    """What Remove of an unknown volume is answered with.

    Docker asks Get first, so that this is rare.
    """
    answer = plugin.call("VolumeDriver.Remove", {"Name": plugin.name()})
    plugin.note("success" if plugin.took(answer) else f"status {answer.status}")


@case("record")
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


# Capabilities


@case("should", podman="none")
def test_capabilities_there(plugin: Candidate) -> None:
    """Capabilities is answered.

    Docker asks right after the activation. Without an answer the scope is local, and it asks again at nearly every
    step.
    """
    plugin.succeeds("VolumeDriver.Capabilities", {})


@case("should", podman="none")
def test_capabilities_scope(plugin: Candidate) -> None:
    """The scope is local or global.

    Any other is local to Docker, with a warning in the daemon's log (moby daemon/volume/drivers/adapter.go).
    """
    answer = plugin.succeeds("VolumeDriver.Capabilities", {})
    capabilities = answer.object.get("Capabilities")
    scope = str(capabilities.get("Scope")).lower() if isinstance(capabilities, dict) else None
    assert scope in ("local", "global"), f'wanted {{"Capabilities": {{"Scope": "local"}}}} for\n{answer}'


@case("should", podman="none")
def test_capabilities_stay(plugin: Candidate) -> None:
    """Capabilities are the same before and after a volume is made.

    Docker asks once, and remembers the answer until it is restarted.
    """
    first = plugin.succeeds("VolumeDriver.Capabilities", {})
    plugin.create()
    again = plugin.succeeds("VolumeDriver.Capabilities", {})
    assert again.json == first.json, f"wanted {first.json} again from\n{again}"


@case("record", podman="none")
def test_capabilities_tell(plugin: Candidate) -> None:
    """Which scope the plugin has.

    local: each machine has volumes of its own. global: a cluster shares them.
    """
    capabilities = plugin.call("VolumeDriver.Capabilities", {}).object.get("Capabilities")
    plugin.note(f"scope {capabilities.get('Scope') if isinstance(capabilities, dict) else 'not told'}")


# options


@case("should")
def test_options_unknown(plugin: Candidate) -> None:
    """An option that the plugin does not know is refused.

    A slip of the finger would otherwise make a volume without what was asked for, such as its encryption.
    """
    plugin.refuses("VolumeDriver.Create", {"Name": plugin.name(), "Opts": SOME_OPTIONS})


@case("should")
def test_options_named(plugin: Candidate) -> None:
    """The error for an unknown option names it.

    `docker volume create` prints the sentence: it should say what to change.
    """
    answer = plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": SOME_OPTIONS})
    if plugin.fails(answer):
        assert next(iter(SOME_OPTIONS)) in answer.text, f"wanted the option's name in the Err of\n{answer}"


@case("should")
def test_options_no_object(plugin: Candidate) -> None:
    """Opts that are no object are refused.

    No client sends them. Taken as "no options", what somebody meant by them is lost.
    """
    for options in (["size=1"], "size=1", 7, [["size", "1"]]):
        plugin.not_taken("VolumeDriver.Create", {"Name": plugin.name(), "Opts": options})


@case("should")
def test_options_secret_told(plugin: Candidate) -> None:
    """The value of an option does not come back in an error, in Get or in List.

    It may be a password, and `docker volume inspect` is for everybody who may use Docker.
    """
    name = plugin.name()
    answer = plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {"password": SECRET}})
    told = [answer, plugin.call("VolumeDriver.Get", {"Name": name}), plugin.call("VolumeDriver.List", {})]
    for answer in told:
        assert SECRET not in answer.text, f"wanted no value of an option in\n{answer}"


@case("should", process=True)
def test_options_secret_logged(plugin: Candidate) -> None:
    """The value of an option does not stand in what the plugin prints.

    It may be a password, and logs go to many places.
    """
    plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {"password": SECRET}})
    plugin.activated()
    assert SECRET not in plugin.output(), "wanted no value of an option in what the plugin prints"
