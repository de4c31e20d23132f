"""The steps of part 3: volumes."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from unittest import SkipTest

from workshop.checker.roots import wants_file
from workshop.plugins.under_test import GLOBAL, LEFT, WRITTEN, Call, PluginUnderTest, is_whole, leave_files, lost
from workshop.protocol.exchange import NO_OPTIONS, SHAPES
from workshop.protocol.gojson import ZONED

ROUNDS = 30
"""How often Mount and Remove meet, on four volumes each time: without a lock, one round in five goes wrong."""
ESCAPES = ("..", ".", "../escape", "a/../../escape", "/etc/escape", "a\x00b", "a\n", "")


def test_3_1_create_makes_a_volume(plugin: PluginUnderTest) -> None:
    """Create makes something on the disk, whether Docker sends {} or null for "no options"."""
    before = plugin.traces()
    plugin.create()
    made = not plugin.is_seen_in_root or plugin.traces() != before
    assert made, f"wanted a new folder in DDD_ROOT after Create, but nothing is there\n{plugin.exchanges[-1]}"


def test_3_2_get_knows_the_volume(plugin: PluginUnderTest) -> None:
    """Get answers the volume, under the name that was asked for."""
    name = plugin.create()
    volume = plugin.volume(name)
    answer = plugin.exchanges[-1]
    told = str(volume.get("Mountpoint") or "/")
    wanted = f"wanted no Mountpoint, or the folder of the volume, not {told}, in\n{answer}"
    plugin.prefers(os.path.isdir(told) or not plugin.is_ours, wanted, "The Mountpoint that Get names is no folder.")
    assert volume.get("Name") == name, f"wanted the Name {name}: Docker uses the name that it gets\n{answer}"
    created_at = volume.get("CreatedAt")
    if created_at is not None:
        try:
            assert datetime.fromisoformat(str(created_at)).tzinfo, f"wanted CreatedAt with its time zone in\n{answer}"
            assert ZONED.fullmatch(str(created_at)), (
                f"wanted CreatedAt as 2026-11-23T12:00:00Z, or no CreatedAt, in\n{answer}"
            )
        except ValueError:
            raise AssertionError(f"wanted CreatedAt as 2026-11-23T12:00:00Z, or no CreatedAt, in\n{answer}") from None
    status = volume.get("Status")
    assert isinstance(status, dict | None), f"wanted Status as an object, or no Status, in\n{answer}"


def test_3_3_get_of_an_unknown_volume(plugin: PluginUnderTest) -> None:
    """Get of a volume that does not exist is an error: this is how Docker learns that it may create it."""
    unknown = plugin.name()
    plugin.knows_none(unknown)
    plugin.knows_none(unknown)  # the first one has made nothing
    name = plugin.create()
    for similar in (f"{name}0", name[:-1], name.upper()):
        plugin.knows_none(similar)


def test_3_4_create_again_is_harmless(plugin: PluginUnderTest) -> None:
    """A second Create of the same name changes nothing, and keeps the files."""
    name = plugin.create()
    note = plugin.fill(plugin.files_of(name))
    advice = "A second Create of a volume succeeds: what was asked for is there."
    plugin.should_succeed("VolumeDriver.Create", {"Name": name, "Opts": {}}, advice)
    plugin.succeeds("VolumeDriver.Get", {"Name": name})
    wants_file(is_whole(note), f"wanted {lost(note)} to stay at a second Create")


def test_3_5_list_names_every_volume(plugin: PluginUnderTest) -> None:
    """List names every volume once, and nothing else; none before the first, and the same ones after a restart."""
    if plugin.may_destroy and plugin.first_shape and not plugin.traits & {"own-storage", "global"}:
        first = plugin.begin_anew().list_names()
        assert first == [], f"wanted no volume at the very first start, got\n{plugin.exchanges[-1]}"
    elif plugin.is_seen_in_root:
        first = sorted(plugin.strangers.intersection(plugin.list_names()))
        assert first == [], f"wanted no volume at the very first start, got {first}\n{plugin.exchanges[-1]}"
    names = sorted(plugin.create() for _ in range(3))
    plugin.call("VolumeDriver.Create", {"Name": names[0], "Opts": {}})
    folders = [plugin.files_of(name) for name in names]
    note = plugin.fill(folders[0])
    with plugin.stray_file(folders):
        listed = plugin.listed(names)
    assert [name for name in listed if name in names] == names, (
        f"wanted each of {names} once in List, in\n{plugin.exchanges[-1]}"
    )
    others = sorted({*listed} - {*plugin.made})
    wanted = f"wanted only volumes in List, not {others}, in\n{plugin.exchanges[-1]}"
    plugin.prefers(not others, wanted, "List names also what is no volume, such as a file beside the volumes.")
    if not plugin.last_shape:
        return
    plugin.needs_process()
    plugin.needs_memory()
    before = [plugin.succeeds("VolumeDriver.Get", {"Name": name}).json for name in names]
    plugin.stop()
    plugin.start_again(names[0])
    after = [plugin.succeeds("VolumeDriver.Get", {"Name": name}).json for name in names]
    wanted = f"wanted {json.dumps(before[-1])} as before the restart, got\n{plugin.exchanges[-1]}"
    plugin.prefers(after == before, wanted, "Get tells after a restart what it told before, such as CreatedAt.")
    assert {*names} <= {*plugin.listed(names)}, f"wanted {names} in List after the restart, in\n{plugin.exchanges[-1]}"
    wants_file(is_whole(note), f"wanted {lost(note)} to be there after the restart")


def test_3_6_mount_names_a_folder(plugin: PluginUnderTest) -> None:
    """Mount answers the folder of a volume, which Docker gives to the container; for an unknown volume, an error."""
    unknown = plugin.name()
    plugin.refuses("VolumeDriver.Mount", {"Name": unknown, "ID": plugin.new_id()})
    made = unknown in plugin.list_names()
    advice = "Mount of an unknown volume makes no volume: nobody has asked for one."
    plugin.prefers(not made, f"wanted no volume {unknown} in\n{plugin.exchanges[-1]}", advice)
    name, other = plugin.create(), plugin.create()
    mountpoint = plugin.mount(name, plugin.new_id())
    folder = plugin.folder(mountpoint)
    plugin.keeps_in_its_root(folder)
    note = leave_files(folder)
    advice = "A second Create of a volume succeeds: what was asked for is there."
    plugin.should_succeed("VolumeDriver.Create", {"Name": name, "Opts": {}}, advice)
    wants_file(is_whole(note), f"wanted {lost(note)} to stay at a second Create")
    shared = plugin.folder(plugin.mount(other, plugin.new_id())) / LEFT[0]
    assert not shared.exists(), f"wanted a folder for each volume, and not {folder} for two\n{plugin.exchanges[-1]}"
    plugin.names_the_folder(plugin.volume(name), mountpoint)
    if name in plugin.list_names():
        volumes = {each["Name"]: each for each in plugin.exchanges[-1].json["Volumes"]}
        plugin.names_the_folder(volumes[name], mountpoint)
    plugin.lets_others_in(folder)


def test_3_7_path_names_the_same_folder(plugin: PluginUnderTest) -> None:
    """Path answers what Mount answered; for an unknown volume, an error."""
    name = plugin.create()
    mountpoint = plugin.mount(name, plugin.new_id())
    plugin.mount(plugin.create(), plugin.new_id())  # of another volume
    advice = "Path names the Mountpoint of Mount, and an unknown volume is an error. Today's engines do not call it."
    answer = plugin.should_succeed("VolumeDriver.Path", {"Name": name}, advice)
    plugin.prefers(
        answer.object.get("Mountpoint") == mountpoint, f"wanted the Mountpoint {mountpoint}, in\n{answer}", advice
    )
    plugin.should_refuse("VolumeDriver.Path", {"Name": plugin.name()}, advice)


def test_3_8_data_outlives_the_container(plugin: PluginUnderTest) -> None:
    """Two containers share one folder, and what they wrote is there after both have ended, for a third."""
    name, first, second = plugin.create(), plugin.new_id(), plugin.new_id()
    mountpoint = plugin.mount(name, first)
    plugin.folder(mountpoint)
    again = plugin.mount(name, second)
    wanted = f"wanted {mountpoint} for both containers, got\n{plugin.exchanges[-1]}"
    if again != mountpoint and plugin.by_others:
        plugin.propose(
            "mountpoint-per-id", "Two containers get two mountpoints, which is right if both show the same files"
        )
    assert again == mountpoint or plugin.by_others, wanted
    folder = plugin.folder(again)
    plugin.unmount(name, first)
    assert folder.is_dir(), f"wanted {folder} to stay for the second container"
    note = leave_files(folder)
    plugin.unmount(name, second)
    third = plugin.folder(plugin.mount(name, plugin.new_id()))
    seen = third / note.name
    wants_file(is_whole(seen), f"wanted {lost(seen)}, and what is in it, to be there for the third container")


def test_3_9_remove_takes_the_volume_away(plugin: PluginUnderTest) -> None:
    """After Remove nobody knows the volume, and its files are gone; Remove of an unknown one is an error."""
    others = plugin.listed([])
    name = plugin.create()
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})
    plugin.knows_none(name)
    assert name not in plugin.list_names(), f"wanted {name} gone from\n{plugin.exchanges[-1]}"
    more = sorted({*plugin.listed([])} - {*others})
    assert not more or "global" in plugin.traits, (
        f"wanted nothing new in List after Remove, not {more}, in\n{plugin.exchanges[-1]}"
    )
    if plugin.may_destroy:
        advice = "Remove of an unknown volume is an error. Docker asks Get first, so that it hardly comes."
        plugin.should_refuse("VolumeDriver.Remove", {"Name": name}, advice)
    takes_the_files_away(plugin)


def takes_the_files_away(plugin: PluginUnderTest) -> None:
    """Remove a volume with files: they go, those of its neighbours stay, and so does what a link leads to."""
    name, twins = plugin.create(), []
    canary = plugin.outside() / "canary"
    canary.write_text(WRITTEN)
    usual = (f"{name}.0", f"{name}-0", name.upper())
    neighbours = [plugin.create(f"{name}0"), *(each for each in usual if takes_name(plugin, each))]
    filled = [neighbour for neighbour in neighbours if has_files(plugin, neighbour)]
    with container(plugin, name) as folder:
        if note := plugin.fill(folder):
            plugin.put_link(note.with_name("link"), canary.parent)
            twins = plugin.second_links(note)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})
    wants_file(is_whole(canary), f"wanted {canary} to stay: a link in the volume leads to it")
    for neighbour in neighbours:
        answer = plugin.call("VolumeDriver.Get", {"Name": neighbour})
        assert answer.ok, f"wanted the volume {neighbour} to stay when {name} is removed\n{answer}"
        with container(plugin, neighbour) as folder:
            stay = neighbour not in filled or is_whole(folder / LEFT[0])
            wants_file(stay, f"wanted the files of {neighbour} to stay when {name} is removed")
    if creates_usual_name(plugin, name):
        with container(plugin, name) as folder:
            wanted = f"wanted a new volume {name} to be empty, and not to have the files of the old one"
            empty = not any((folder / each).exists() for each in LEFT)
            plugin.prefers(empty, wanted, "A volume that is made again has its old files.")
    gone = plugin.comes_true(lambda: all(twin.stat().st_nlink == 1 for twin in twins))
    plugin.prefers(
        gone, f"wanted the files of {name} deleted, so that their space comes back", "Remove keeps the files."
    )


def takes_name(plugin: PluginUnderTest, name: str) -> bool:
    """Make a volume of a usual name, and return whether it was made: step 3.12 wants it."""
    plugin.made.append(name)
    return plugin.call("VolumeDriver.Create", {"Name": name, "Opts": NO_OPTIONS[plugin.shape]}).ok


def has_files(plugin: PluginUnderTest, name: str) -> bool:
    """Leave files in a volume, and return whether that could be done."""
    with container(plugin, name) as folder:
        return bool(plugin.fill(folder))


@contextmanager
def container(plugin: PluginUnderTest, name: str) -> Iterator[Path]:
    """Give the folder of a volume as a container has it: mounted, and unmounted at its end."""
    mount_id = plugin.new_id()
    yield Path(plugin.mount(name, mount_id))
    plugin.unmount(name, mount_id)


def test_3_10_remove_waits_for_the_container(plugin: PluginUnderTest) -> None:
    """Remove is refused while a container uses the volume, also after a kill -9, and not after its last Unmount."""
    name, other, first, second = plugin.create(), plugin.create(), plugin.new_id(), plugin.new_id()
    note = plugin.fill(plugin.mount(name, first))
    plugin.mount(name, second)
    plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}})  # as Docker sends it again, if its connection broke
    if not plugin.refuses_in_use(name, note):
        return
    if not plugin.by_others:  # Docker unmounts no ID that it has not mounted: a plugin that counts need not see it
        plugin.call("VolumeDriver.Unmount", {"Name": name, "ID": plugin.new_id()})  # of no container: it ends none
    plugin.call("VolumeDriver.Path", {"Name": name})  # it looks, and is no Mount
    plugin.unmount(name, first)
    plugin.refuses_in_use(name, note)
    plugin.mount(other, second)
    plugin.unmount(other, second)  # of another volume
    plugin.refuses_in_use(name, note)
    wants_file(is_whole(note), f"wanted {lost(note)} to stay, because Remove was refused")
    plugin.unmount(name, second)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})
    if not plugin.last_shape:
        return
    plugin.needs_process()
    plugin.needs_memory()
    name = plugin.create()
    note = plugin.fill(plugin.mount(name, first))
    plugin.kill()
    plugin.start_again(name)
    assert name in plugin.list_names(), f"wanted {name} in List after the kill, in\n{plugin.exchanges[-1]}"
    if not plugin.refuses_in_use(name, note):
        return
    plugin.unmount(name, first)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})


def test_3_11_docker_cp_mounts_twice(plugin: PluginUnderTest) -> None:
    """`docker cp` mounts and unmounts with the ID of the running container, which still has the volume afterwards."""
    name, container = plugin.create(), plugin.new_id()
    folder = plugin.mount(name, container)
    note = plugin.fill(folder)
    for _ in range(2):  # docker cp, and once more
        assert plugin.mount(name, container) == folder, (
            f"wanted the Mountpoint {folder} again, got\n{plugin.exchanges[-1]}"
        )
        plugin.unmount(name, container)
        wants_file(is_whole(note), f"wanted {lost(note)} to stay for the container, which runs on")
        if not plugin.refuses_in_use(name, note):
            return
    if plugin.is_ours and plugin.shape == SHAPES[-1] and "no-persistence" not in plugin.traits:
        plugin.mount(name, container)
        plugin.stop()
        names = plugin.start_again(name).list_names()
        assert name in names, f"wanted {name} in List after the restart, in\n{plugin.exchanges[-1]}"
        plugin.unmount(name, container)
        plugin.refuses_in_use(name, note)
    plugin.unmount(name, container)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})


def test_3_12_names_stay_in_the_root(plugin: PluginUnderTest) -> None:
    """A name or an ID that is a path is refused, and nothing outside is touched; so is a call without a name."""
    takes_usual_names(plugin)
    volume = plugin.create()
    canary = plugin.outside() / "canary"
    canary.write_text(WRITTEN)
    for name in (*ESCAPES, str(canary.parent)):
        is_refused_or_contained(plugin, name)
    wants_file(is_whole(canary), "wanted a file outside the root to be left alone")
    for endpoint in ("Get", "Path", "Mount"):
        advice = "A path is no name of a volume, also where it leads to one: two names would be one volume."
        plugin.should_refuse(f"VolumeDriver.{endpoint}", {"Name": f"./{volume}", "ID": plugin.new_id()}, advice)
    file = canary.with_name("file")
    for mount_id in (str(file), "../" * 20 + str(file)):
        plugin.call("VolumeDriver.Mount", {"Name": volume, "ID": mount_id})
    plugin.call("VolumeDriver.Unmount", {"Name": volume, "ID": str(canary)})
    wants_file(is_whole(canary), f"wanted no file outside the root deleted for a mount ID, but {canary} is gone")
    found = sorted(each.name for each in canary.parent.iterdir())
    wants_file(
        found == ["canary"], f"wanted no file outside the root made for a mount ID, but one is in {canary.parent}"
    )
    before = sorted(plugin.list_names())
    for endpoint in ("Create", "Mount", "Unmount", "Path", *(["Remove"] if plugin.may_destroy else [])):
        for body in (b"", b"x", b"[]\n", b"null\n", b'{"Name":"mango', b"{}\n", b'{"Name":7}\n'):
            answer = plugin.should_refuse(
                f"VolumeDriver.{endpoint}", body, "A call without a volume's name is refused."
            )
            # Docker sends a call that broke again, without its body: it would take success for that of the first one
            lost = not body and endpoint in ("Create", "Mount", "Remove") and answer.ok
            assert not lost, f"wanted an error status, not 200, for\n{answer}"
    assert sorted(plugin.list_names()) == before, (
        f"wanted the same volumes as before, {before}, in\n{plugin.exchanges[-1]}"
    )


def takes_usual_names(plugin: PluginUnderTest) -> None:
    """Want names that Docker's own driver takes, and 64 digits, which it gives to a volume that has no name.

    Source: moby daemon/volume/local/local.go (validateName). Two names are two volumes.
    """
    for name in (f"Vol.1_1-{plugin.name()}", needed := plugin.new_id(), *(["ab"] if plugin.may_destroy else [])):
        if name == needed or creates_usual_name(plugin, name):
            told = plugin.volume(plugin.create(name) if name == needed else name).get("Name")
            assert told == name, f"wanted the Name {name} in\n{plugin.exchanges[-1]}"
    stem, folders = plugin.name(), []
    for name in (stem, f"{stem}-b", f"{stem}_b", f"{stem}.b", f"{stem}-B", f"{stem}..b", f"{stem}-"):
        if creates_usual_name(plugin, name):
            folders.append(plugin.mount(name, plugin.new_id()))
    assert len({*folders}) == len(folders), (
        f"wanted a folder for each of seven volumes, {stem}, and with -b, _b, .b, -B, ..b and -\n{plugin.exchanges[-1]}"
    )


def creates_usual_name(plugin: PluginUnderTest, name: str) -> bool:
    """Make a volume of a usual name, and return whether it was made: a plugin by others may refuse it."""
    plugin.made.append(name)
    advice = "A name of letters, digits, dots, dashes and underscores can be had, also again after its Remove."
    return plugin.should_succeed("VolumeDriver.Create", {"Name": name, "Opts": NO_OPTIONS[plugin.shape]}, advice).ok


def is_refused_or_contained(plugin: PluginUnderTest, name: str) -> None:
    """Want a name that is a path to be refused; of a plugin by others, to be the name of a volume like any other."""
    if not plugin.by_others:
        plugin.refuses("VolumeDriver.Create", {"Name": name, "Opts": {}})
        plugin.refuses("VolumeDriver.Get", {"Name": name})
        plugin.refuses("VolumeDriver.Mount", {"Name": name, "ID": plugin.new_id()})
        if plugin.may_destroy:
            plugin.refuses("VolumeDriver.Remove", {"Name": name})
        return
    neighbour = Path(plugin.mount(plugin.create(), plugin.new_id())).resolve()
    seen = neighbour.is_dir()
    advice = "A name that is a path is refused, or never joined to one. Here some are names of volumes."
    if plugin.should_refuse("VolumeDriver.Create", {"Name": name, "Opts": {}}, advice).ok:
        plugin.made.append(name)
    mount: dict[str, object] = {"Name": name, "ID": plugin.new_id()}
    if plugin.should_refuse("VolumeDriver.Mount", mount, advice).ok:
        told = Path(str(plugin.exchanges[-1].object.get("Mountpoint"))).resolve()
        above = neighbour.is_relative_to(told) or told.is_relative_to(plugin.outside())
        inside = not plugin.root or not neighbour.is_relative_to(plugin.root) or told.is_relative_to(plugin.root)
        assert inside and not above, f"wanted a Mountpoint of its own among the volumes in\n{plugin.exchanges[-1]}"
        plugin.call("VolumeDriver.Unmount", mount)
    if plugin.may_destroy:
        plugin.should_refuse("VolumeDriver.Remove", {"Name": name}, advice)
    wants_file(neighbour.is_dir() == seen, f"wanted {neighbour} to be left alone by\n{plugin.exchanges[-1]}")


def test_3_13_options_are_refused_by_name(plugin: PluginUnderTest) -> None:
    """An option that the plugin does not know is an error that names it, but not its value, and makes nothing."""
    name = plugin.name()
    advice = "An option that the plugin does not know is refused, by its name: the user may have mistyped one."
    for value in ("very-sweet", ""):
        answer = plugin.should_refuse("VolumeDriver.Create", {"Name": name, "Opts": {"ripeness": value}}, advice)
        if answer.ok:
            return
        said = answer.err or answer.text
        plugin.prefers("ripeness" in said, f"wanted the name of the option, ripeness, in\n{answer}", advice)
        secret = "An error that shows the value of an option shows a password, too."
        plugin.prefers(
            "very-sweet" not in said, f"wanted an error without the option's value, very-sweet, in\n{answer}", secret
        )
        made = "A Create that is refused makes no volume: Docker would find it at the next try."
        plugin.should_refuse("VolumeDriver.Get", {"Name": name}, made)


def test_3_14_capabilities_name_a_scope(plugin: PluginUnderTest) -> None:
    """Capabilities says whether a volume is known to this machine only, or to all of a cluster."""
    advice = 'Capabilities names the Scope, "local" or "global". Docker takes anything else for local.'
    answer = plugin.should_succeed("VolumeDriver.Capabilities", {}, advice)
    capabilities = answer.object.get("Capabilities")
    scope = capabilities.get("Scope") if isinstance(capabilities, dict) else None
    wanted = f'wanted {{"Capabilities": {{"Scope": "local"}}}}, got\n{answer}'
    plugin.prefers(scope in ("local", "global"), wanted, advice)
    if plugin.by_others and str(scope).lower() == "global":
        plugin.propose("global", GLOBAL)
    plugin.create()
    again = plugin.should_succeed("VolumeDriver.Capabilities", {}, advice)
    same = again.json == answer.json
    plugin.prefers(same, f"wanted the same Scope as before the first volume, {scope}, got\n{again}", advice)


def test_3_15_what_is_mounted_in_a_volume_stays(plugin: PluginUnderTest) -> None:
    """Remove is refused while something is mounted inside the volume, and touches nothing of it."""
    plugin.needs_process()
    neighbour, mount_id = plugin.create(), plugin.new_id()
    name = plugin.create(f"{neighbour}0")
    inside = plugin.folder(plugin.mount(name, mount_id)) / "some" / "disk"
    plugin.unmount(name, mount_id)
    inside.mkdir(parents=True)
    canary = plugin.outside() / "canary"
    canary.write_text(WRITTEN)
    if not mounts(canary.parent, inside):
        raise SkipTest("mounts a folder inside a volume, which only root can do: type sudo before the command")
    try:
        advice = "Remove succeeds while something is mounted in another volume whose name begins in the same way."
        plugin.should_succeed("VolumeDriver.Remove", {"Name": neighbour}, advice)
        advice = "Remove is refused while something is mounted inside the volume: nobody has asked to unmount it."
        answer = plugin.should_refuse("VolumeDriver.Remove", {"Name": name}, advice)
        lost = plugin.loses(canary) if answer.ok else not is_whole(canary)
        wants_file(not lost, f"wanted {canary} to stay: it belongs to what is mounted in the volume")
    finally:
        unmount_all_of(canary.parent)
    if not answer.ok:
        plugin.succeeds("VolumeDriver.Remove", {"Name": name})


def mounts(folder: Path, place: Path) -> bool:
    """Mount a folder at another place too, and return whether that could be done. Raises SkipTest."""
    try:
        return not subprocess.run(["mount", "--bind", folder, place], capture_output=True).returncode
    except OSError:
        text = "mounts a folder inside a volume, and here no program can be started"
        raise SkipTest(f"{text}. It runs on a Linux machine:   ./workshop check") from None


def unmount_all_of(folder: Path) -> None:
    """Unmount what is mounted from a folder of ours, wherever a plugin has moved it meanwhile."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        root, point = line.split()[3:5]
        if root.endswith(f"/{folder.name}"):
            subprocess.run(["umount", point], check=False)


def test_3_16_one_at_a_time(plugin: PluginUnderTest) -> None:
    """Eight callers at once get their answers; where Mount and Remove meet, one of the two is refused."""
    names = [plugin.name() for _ in range(16)]
    all_succeed(plugin, "Create", [{"Name": name, "Opts": {}} for name in names])
    missing = set(names) - set(plugin.list_names())
    assert not missing, f"wanted {sorted(missing)} in List, in\n{plugin.exchanges[-1]}"
    if plugin.last_shape:
        for folder in filter(None, map(plugin.files_of, names)):
            put_many_files(folder)
        advice = "Removes that come at once all succeed. Here the user has to type some again."
        all_succeed(plugin, "Remove", [{"Name": name} for name in names], advice)
        for _ in range(ROUNDS):
            if not meet(plugin):
                return


def all_succeed(plugin: PluginUnderTest, endpoint: str, bodies: list[dict[str, object]], advice: str = "") -> None:
    """Make these calls of an endpoint at once, and want success for each; advice is for what Docker can do without."""
    answers = plugin.at_once([(f"VolumeDriver.{endpoint}", body) for body in bodies])
    refused = [answer for answer in answers if not answer.ok]
    plugin.exchanges[:] = refused[:1]  # one of them is enough to read
    wanted = f"wanted success for all {len(bodies)} callers"
    assert not refused or advice, wanted
    plugin.prefers(not refused, wanted, advice)


def put_many_files(folder: Path) -> None:
    """Put so many files into the folder of a volume that its Remove takes a moment: the next one comes meanwhile."""
    for number in range(200):
        (folder / f"file-{number}").touch()


def meet(plugin: PluginUnderTest) -> bool:
    """Let a Remove and a Mount of the same volume meet, on four volumes at once; return whether to go on.

    A plugin by others that removes what is mounted, and keeps the files, does not lose them here either.
    """
    mounts = {plugin.create(): plugin.new_id() for _ in range(4)}
    calls: list[Call] = [("VolumeDriver.List", {})]
    for name, mount_id in mounts.items():
        calls.append(("VolumeDriver.Remove", {"Name": name}))
        calls.append(("VolumeDriver.Mount", {"Name": name, "ID": mount_id}))
    listed, *answers = plugin.at_once(calls)
    plugin.exchanges[:] = [listed]
    assert listed.ok, f"wanted 200 from List while volumes are removed, for\n{listed}"
    for removed, mounted in zip(answers[::2], answers[1::2], strict=True):
        plugin.exchanges[:] = [mounted, removed] if mounted.status else [removed, mounted]
        assert mounted.status and removed.status, f"wanted an answer to Mount and to Remove, got\n{removed}"
        if plugin.by_others and removed.ok and mounted.ok:
            told = Path(str(mounted.object.get("Mountpoint")))
            if told.is_dir() and not plugin.loses(told):
                plugin.advise("Remove is refused while a container has the volume. Here it forgets the name.")
                return False
        assert not (removed.ok and mounted.ok), f"wanted Mount or Remove refused, got success for both\n{removed}"
    for name, mount_id in mounts.items():
        plugin.call("VolumeDriver.Unmount", {"Name": name, "ID": mount_id})
    plugin.exchanges.clear()
    return True
