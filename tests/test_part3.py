"""The steps of part 3: volumes."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from workshop.plugins.under_test import PluginUnderTest, restarts_plugin

ESCAPES = ("..", ".", "../escape", "a/../../escape", "/etc/escape", "a\x00b", "a\n", "")


def test_3_1_create_makes_a_volume(plugin: PluginUnderTest) -> None:
    """Create is answered with success, whether Docker sends {} or null for "no options"."""
    plugin.create()


def test_3_2_get_knows_the_volume(plugin: PluginUnderTest) -> None:
    """Get answers the volume, under the name that was asked for."""
    name = plugin.create()
    answer = plugin.succeeds("VolumeDriver.Get", {"Name": name})
    volume = answer.json.get("Volume")
    assert isinstance(volume, dict), f'wanted {{"Volume": {{"Name": "{name}", …}}}} in\n{answer}'
    assert volume.get("Name") == name, f"wanted the Name {name}: Docker goes on with the name that it gets\n{answer}"
    created_at = volume.get("CreatedAt")
    if created_at is not None:
        try:
            assert datetime.fromisoformat(created_at).tzinfo, f"wanted CreatedAt with its time zone in\n{answer}"
        except (TypeError, ValueError):
            raise AssertionError(f"wanted CreatedAt as 2026-11-23T12:00:00Z, or none, in\n{answer}") from None


def test_3_3_get_of_an_unknown_volume(plugin: PluginUnderTest) -> None:
    """Get of a volume that does not exist is an error: this is how Docker learns that it may create it."""
    plugin.refuses("VolumeDriver.Get", {"Name": plugin.name()})


def test_3_4_create_again_is_harmless(plugin: PluginUnderTest) -> None:
    """A second Create of the same name changes nothing."""
    name = plugin.create()
    plugin.succeeds("VolumeDriver.Create", {"Name": name, "Opts": {}})
    plugin.succeeds("VolumeDriver.Get", {"Name": name})


def test_3_5_list_names_every_volume(plugin: PluginUnderTest) -> None:
    """List names every volume once."""
    names = sorted(plugin.create() for _ in range(3))
    listed = sorted(name for name in plugin.list_names() if name in names)
    assert listed == names, f"wanted each of {names} once in\n{plugin.exchanges[-1]}"


def test_3_6_mount_names_a_folder(plugin: PluginUnderTest) -> None:
    """Mount answers the folder that Docker gives to the container: it is there, and can be written to."""
    folder = plugin.folder(plugin.mount(plugin.create(), plugin.new_id()))
    (folder / "note").write_text("from the first container")
    plugin.keeps_in_its_root(folder)


def test_3_7_path_names_the_same_folder(plugin: PluginUnderTest) -> None:
    """Path, which Podman asks, answers what Mount answered."""
    name = plugin.create()
    mountpoint = plugin.mount(name, plugin.new_id())
    answer = plugin.succeeds("VolumeDriver.Path", {"Name": name})
    assert answer.json.get("Mountpoint") == mountpoint, f"wanted {mountpoint} in\n{answer}"


def test_3_8_data_outlives_the_container(plugin: PluginUnderTest) -> None:
    """What a container wrote is there for the next one."""
    name, first = plugin.create(), plugin.new_id()
    note = plugin.folder(plugin.mount(name, first)) / "note"
    note.write_text("from the first container")
    plugin.unmount(name, first)
    folder = plugin.folder(plugin.mount(name, plugin.new_id()))
    assert (folder / "note").exists(), f"wanted {note} to be there for the second container"


def test_3_9_two_containers_share(plugin: PluginUnderTest) -> None:
    """Two containers get the same folder, and the end of one leaves the other its files."""
    name, first, second = plugin.create(), plugin.new_id(), plugin.new_id()
    folder = plugin.mount(name, first)
    assert plugin.mount(name, second) == folder, f"wanted {folder} for both, got\n{plugin.exchanges[-1]}"
    plugin.unmount(name, first)
    assert (plugin.folder(folder)).is_dir(), f"wanted {folder} to stay for the second container"


def test_3_10_remove_takes_the_volume_away(plugin: PluginUnderTest) -> None:
    """After Remove nobody knows the volume."""
    name = plugin.create()
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})
    plugin.refuses("VolumeDriver.Get", {"Name": name})
    assert name not in plugin.list_names(), f"wanted {name} gone from\n{plugin.exchanges[-1]}"


def test_3_11_remove_waits_for_the_container(plugin: PluginUnderTest) -> None:
    """Remove is refused while a container has the volume, and succeeds when the last one has let go."""
    name, first, second = plugin.create(), plugin.new_id(), plugin.new_id()
    plugin.mount(name, first)
    plugin.mount(name, second)
    plugin.refuses("VolumeDriver.Remove", {"Name": name})
    plugin.call("VolumeDriver.Unmount", {"Name": name, "ID": plugin.new_id()})  # nobody's: it lets nobody go
    plugin.unmount(name, first)
    plugin.refuses("VolumeDriver.Remove", {"Name": name})
    plugin.unmount(name, second)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})


def test_3_12_docker_cp_mounts_twice(plugin: PluginUnderTest) -> None:
    """`docker cp` mounts and unmounts with the ID of the running container, which still has the volume afterwards."""
    name, container = plugin.create(), plugin.new_id()
    folder = plugin.mount(name, container)
    assert plugin.mount(name, container) == folder, f"wanted {folder} again, got\n{plugin.exchanges[-1]}"
    plugin.unmount(name, container)
    plugin.refuses("VolumeDriver.Remove", {"Name": name})
    plugin.unmount(name, container)
    plugin.succeeds("VolumeDriver.Remove", {"Name": name})


def test_3_13_unknown_volumes_are_errors(plugin: PluginUnderTest) -> None:
    """Path, Mount and Remove of a volume that does not exist are errors, and make nothing."""
    name = plugin.name()
    plugin.refuses("VolumeDriver.Path", {"Name": name})
    plugin.refuses("VolumeDriver.Mount", {"Name": name, "ID": plugin.new_id()})
    if plugin.may_destroy:
        plugin.refuses("VolumeDriver.Remove", {"Name": name})
    assert name not in plugin.list_names(), f"wanted no volume {name} in\n{plugin.exchanges[-1]}"


def test_3_14_names_stay_in_the_root(plugin: PluginUnderTest) -> None:
    """Docker passes every name on, "../escape" too: such a name is refused, and nothing outside is touched."""
    canary = plugin.outside() / "canary"
    canary.write_text("alive")
    for name in (*ESCAPES, str(canary.parent)):
        plugin.refuses("VolumeDriver.Create", {"Name": name, "Opts": {}})
        plugin.refuses("VolumeDriver.Mount", {"Name": name, "ID": plugin.new_id()})
        if plugin.may_destroy:
            plugin.refuses("VolumeDriver.Remove", {"Name": name})
    assert canary.exists(), "wanted a file outside the root to be left alone"


def test_3_15_ids_stay_in_the_root(plugin: PluginUnderTest) -> None:
    """A mount ID that is a path makes no file outside, whether it is refused or not."""
    name, outside = plugin.create(), plugin.outside() / "file"
    plugin.call("VolumeDriver.Mount", {"Name": name, "ID": str(outside)})
    plugin.call("VolumeDriver.Mount", {"Name": name, "ID": "../" * 20 + str(outside)})
    assert not outside.exists(), f"wanted nothing at {outside}"


def test_3_16_no_body_no_volume(plugin: PluginUnderTest) -> None:
    """A call without a JSON object is refused: Docker sends one that broke again, with an empty body."""
    before = sorted(plugin.list_names())
    for endpoint in ("Create", "Mount", "Unmount", "Path", *(["Remove"] if plugin.may_destroy else [])):
        for body in (b"", b"x", b"[]\n", b"null\n", b'{"Name":"mango', b"{}\n", b'{"Name":7}\n'):
            plugin.refuses(f"VolumeDriver.{endpoint}", body)
    assert sorted(plugin.list_names()) == before, f"wanted the volumes of before, {before}, in\n{plugin.exchanges[-1]}"


def test_3_17_capabilities_name_a_scope(plugin: PluginUnderTest) -> None:
    """Capabilities says whether a volume is known to this machine only, or to all of a cluster."""
    answer = plugin.succeeds("VolumeDriver.Capabilities", {})
    capabilities = answer.json.get("Capabilities")
    scope = capabilities.get("Scope") if isinstance(capabilities, dict) else None
    assert scope in ("local", "global"), f'wanted {{"Capabilities": {{"Scope": "local"}}}}, got\n{answer}'


def test_3_18_eight_at_once(plugin: PluginUnderTest) -> None:
    """Eight callers at once get their answers, and leave whole volumes."""
    names = [plugin.name() for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}), names))
    refused = [answer for answer in answers if not answer.ok]
    plugin.exchanges[:] = refused[:1]  # one of them is enough to read
    assert not refused, f"wanted success for all {len(names)} callers"
    missing = set(names) - set(plugin.list_names())
    assert not missing, f"wanted {sorted(missing)} in\n{plugin.exchanges[-1]}"


@restarts_plugin
def test_3_19_volumes_outlive_a_restart(plugin: PluginUnderTest) -> None:
    """A plugin that is stopped and started has its volumes and their files: Docker does not tell them again."""
    if plugin.may_destroy:
        assert plugin.begin_anew().list_names() == [], (
            f"wanted no volume at the first start of all, got\n{plugin.exchanges[-1]}"
        )
    name, mount_id = plugin.ensure_running().create(), plugin.new_id()
    folder = plugin.folder(plugin.mount(name, mount_id))
    (folder / "note").write_text("from before")
    plugin.unmount(name, mount_id)
    before = plugin.succeeds("VolumeDriver.Get", {"Name": name}).json
    plugin.stop()
    plugin.ensure_running()
    after = plugin.succeeds("VolumeDriver.Get", {"Name": name}).json
    assert after == before, f"wanted {json.dumps(before)} as before the restart, got\n{plugin.exchanges[-1]}"
    assert (folder / "note").exists(), f"wanted {folder / 'note'} to be there after the restart"


@restarts_plugin
def test_3_20_a_kill_loses_nothing(plugin: PluginUnderTest) -> None:
    """After a kill -9 every volume is there whose Create was answered, and a mounted one is still in use."""
    plugin.ensure_running()
    names, mount_id = [plugin.create() for _ in range(8)], plugin.new_id()
    plugin.mount(names[0], mount_id)
    plugin.kill()
    plugin.ensure_running()
    missing = set(names) - set(plugin.list_names())
    assert not missing, f"wanted {sorted(missing)} in\n{plugin.exchanges[-1]}"
    plugin.refuses("VolumeDriver.Remove", {"Name": names[0]})
    plugin.unmount(names[0], mount_id)
    plugin.succeeds("VolumeDriver.Remove", {"Name": names[0]})
