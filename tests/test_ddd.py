"""What ddd promises beyond the steps of the course: it can be trusted with data."""

import ast
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_our_plugins import PARTS, wait_for

from ddd import listener
from ddd.volumes import Volumes
from workshop.plugins.folders import private_folder
from workshop.plugins.kernel import session_processes
from workshop.plugins.process import Plugin, accepts
from workshop.protocol.exchange import MEDIA_TYPE, Exchange, request

SERVERS = {
    "werkzeug": [sys.executable, str(PARTS / "tests" / "serve.py")],
    "gunicorn": [sys.executable, "-m", "ddd"],
}


def plugin_of(command: list[str], folder: Path) -> Plugin:
    return Plugin(command, folder / "ddd.sock", folder / "root")


@pytest.fixture(scope="module", params=["werkzeug", pytest.param("gunicorn", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    """ddd, as it is run and under Werkzeug's server."""
    with private_folder() as path:
        plugin = plugin_of(SERVERS[request.param], path)
        yield plugin
        plugin.close()


@pytest.fixture
def ddd(server: Plugin) -> Iterator[Plugin]:
    """ddd, running, and without a volume."""
    yield server if accepts(server.socket) else server.start()
    take_volumes_away(server)


def take_volumes_away(plugin: Plugin) -> None:
    """Delete all volumes, and whatever is in the place of one."""
    assert plugin.root
    for path in (plugin.root / "volumes").iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def create(plugin: Plugin, name: str = "mango", **more: object) -> Exchange:
    return plugin.call("VolumeDriver.Create", {"Name": name, **more})


def volume(plugin: Plugin, name: str = "mango") -> Path:
    assert plugin.root
    return plugin.root / "volumes" / name


def test_options_are_refused_by_name_and_their_values_kept_quiet(ddd: Plugin) -> None:
    answer = create(ddd, Opts={"size": "1G", "password": "swordfish"})
    assert answer.status == 400
    assert answer.err == "ddd takes the options uid, gid and mode: leave out password, size."
    assert "swordfish" not in ddd.output()
    for options in ([], "", 0, False, ["size"]):
        assert create(ddd, Opts=options).status == 400, options
    assert ddd.call("VolumeDriver.List", {}).json["Volumes"] == []


def data_folder(plugin: Plugin) -> tuple[int, int, str]:
    """Return the owner, the group and the mode of the data folder of mango."""
    found = (volume(plugin) / "data").stat()
    return found.st_uid, found.st_gid, f"{stat.S_IMODE(found.st_mode):04o}"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to give folders away: sudo ./workshop test")


@needs_root
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"uid": "1000"}, (1000, 0, "0755")),
        ({"gid": "1000"}, (0, 1000, "0755")),
        ({"mode": "0"}, (0, 0, "0000")),
        ({"mode": "01777"}, (0, 0, "1777")),
        ({"uid": "4294967294", "gid": "4294967294", "mode": "770"}, (2**32 - 2, 2**32 - 2, "0770")),
        ({"uid": "0", "gid": "00012", "mode": "0700"}, (0, 12, "0700")),
    ],
)
def test_options_say_who_owns_the_data_folder_and_its_mode(
    ddd: Plugin, options: dict[str, str], wanted: tuple[int, int, str]
) -> None:
    assert create(ddd, Opts=options).ok
    assert data_folder(ddd) == wanted
    for folder in (volume(ddd), volume(ddd) / "mounts"):
        assert (folder.stat().st_uid, folder.stat().st_gid, stat.S_IMODE(folder.stat().st_mode)) == (0, 0, 0o700)


BAD_VALUES: dict[str, list[object]] = {
    "gid": ["", "-1", "4294967295", "9" * 5000, "root"],
    "uid": ["", "-1", "4294967295", "9" * 5000, "root", "0x7", " 7", "7\n", "1e3", "1_0", "\u0661", 7, None, ["7"], {}],
    "mode": ["", "-1", "2755", "4755", "2000", "8", "755 ", "0o755", "u+w", "7" * 5000, 755],
}


@pytest.mark.parametrize(("option", "value"), [(option, bad) for option in BAD_VALUES for bad in BAD_VALUES[option]])
def test_a_value_that_an_option_cannot_have_is_refused_and_kept_quiet(ddd: Plugin, option: str, value: object) -> None:
    answer = create(ddd, Opts={"mode": "0750"} | {option: value})
    example = {"mode": "an octal number from 0 to 1777, such as -o mode=0750"}.get(
        option, f"a number from 0 to 4294967294, such as -o {option}=1000"
    )
    assert (answer.status, answer.err) == (400, f"The option {option} cannot be used: type {example}."), answer
    assert not volume(ddd).exists()


@needs_root
def test_a_volume_that_exists_keeps_its_owner_and_mode(ddd: Plugin) -> None:
    wanted = {"uid": "1000", "mode": "0770"}
    assert create(ddd, Opts=wanted).ok
    (volume(ddd) / "data" / "note").write_text("kept")
    for same in (wanted, {"gid": "0"}, {"mode": "770"}, {}, None):
        assert create(ddd, Opts=same).ok, same
    for other, has in (
        ({"uid": "1001", "mode": "0770"}, "uid=1000"),
        ({"gid": "7"}, "gid=0"),
        ({"uid": "0", "gid": "0", "mode": "0755"}, "uid=1000, mode=0770"),
    ):
        answer = create(ddd, Opts=other)
        sentence = f"Volume mango exists, and its data folder has {has}. Leave out these options, or take another name."
        assert (answer.status, answer.err) == (409, sentence), answer
    assert data_folder(ddd) == (1000, 0, "0770")
    assert (volume(ddd) / "data" / "note").read_text() == "kept"
    assert os.listdir(volume(ddd).parent.parent / "aside") == []


def test_a_create_that_meets_a_remove_makes_what_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("volumes/mango/data", "volumes/mango/mounts", "aside"):
        (tmp_path / folder).mkdir(parents=True)
    volumes = Volumes(str(tmp_path))
    volumes.attach()
    compare = volumes.compare

    def removed_before(name: str, wanted: dict[str, int], inside: int) -> None:
        monkeypatch.undo()
        volumes.delete(volumes.remove(name))
        compare(name, wanted, inside)

    monkeypatch.setattr(volumes, "compare", removed_before)
    volumes.create("mango", {"mode": 0o700})
    assert stat.S_IMODE((tmp_path / "volumes/mango/data").stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "aside") == []


@needs_root
def test_what_counts_is_what_the_data_folder_has_now(ddd: Plugin) -> None:
    """A container may give the folder away; it then has what no Create asked for, and a second Create is told so."""
    create(ddd, Opts={"uid": "1000"})
    os.chown(volume(ddd) / "data", 999, 0)
    assert "has uid=999." in create(ddd, Opts={"uid": "1000"}).err
    assert create(ddd, Opts={"uid": "999"}).ok and create(ddd).ok


@needs_root
@pytest.mark.parametrize("before", [["setpriv", "--bounding-set=-chown"], ["unshare", "--user", "--map-root-user"]])
def test_without_the_right_to_give_folders_away_ddd_says_what_it_needs(folder: Path, before: list[str]) -> None:
    with contextlib.closing(plugin_of([*before, *SERVERS["werkzeug"]], folder)) as plugin:
        answer = create(plugin.start(), Opts={"uid": "1000"})
        assert answer.status == 500 and "to change an owner ddd needs CAP_CHOWN" in answer.err, answer
        assert plugin.call("VolumeDriver.List", {}).json["Volumes"] == []
        assert create(plugin, Opts={"mode": "0700"}).ok


def test_created_at_is_in_get_only_and_outlives_mounts_and_restarts(ddd: Plugin) -> None:
    create(ddd)
    os.utime(volume(ddd), (10**9, 10**9))
    ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"})
    ddd.kill()
    wait_for(lambda: not accepts(ddd.socket))
    ddd.start()
    assert ddd.call("VolumeDriver.Get", {"Name": "mango"}).json["Volume"]["CreatedAt"] == "2001-09-09T01:46:40+00:00"
    (listed,) = ddd.call("VolumeDriver.List", {}).json["Volumes"]
    assert listed == {"Name": "mango", "Mountpoint": str(volume(ddd) / "data")}


def test_moving_a_volume_into_place_keeps_its_date(ddd: Plugin) -> None:
    # the clock of a file system is a tick behind
    before = time.time() - 0.1
    create(ddd)
    assert before <= volume(ddd).stat().st_mtime <= time.time() + 1


def test_only_the_data_folder_is_for_others(ddd: Plugin) -> None:
    create(ddd)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode) for path in (volume(ddd).parent, volume(ddd), volume(ddd) / "data")
    }
    assert [f"{mode:o}" for mode in modes.values()] == ["700", "700", "755"]
    assert ddd.root and f"{stat.S_IMODE(ddd.root.stat().st_mode):o}" == "700"


@pytest.mark.parametrize("body", [b"x" * (1024 * 1024 + 1), b"[" * 100_000, b'{"Name":"mango\xff"}', b"{}" * 9])
def test_a_body_that_is_no_json_object_of_a_megabyte_is_refused(ddd: Plugin, body: bytes) -> None:
    answer = ddd.call("VolumeDriver.Create", body)
    assert answer.status in (400, 413), answer
    assert answer.err, answer
    assert create(ddd).ok


@pytest.mark.parametrize("kind", ["Name", "ID"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}, "..", "a/b", "a\n", "x" * 256, "-a", "ä", "a\x00"])
def test_a_name_that_is_none_is_refused_with_a_sentence(ddd: Plugin, kind: str, value: object) -> None:
    create(ddd)
    answer = ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"} | {kind: value})
    assert (answer.status, answer.err.endswith("beginning with a letter or a digit.")) == (400, True), answer


# the program


ROOMS = (
    *("listener", "locks", "kernel", "folders", "holders", "users", "trash", "options", "volumes"),
    *("app", "log", "metrics", "exporter", "worker", "server", "doctor"),
)

OUTSIDE = {"flask", "werkzeug", "gunicorn", "prometheus_client", "workshop"}
MAY_IMPORT = {
    "app": {"flask", "werkzeug"},
    "log": {"flask"},
    "metrics": {"flask", "prometheus_client"},
    "exporter": {"prometheus_client"},
    "worker": {"gunicorn"},
    "server": {"gunicorn"},
}


def imported(file: Path) -> set[str]:
    """Return what a file imports: names of modules, "ddd.users" for those of its own package."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = node.module == "ddd"
            found |= {f"ddd.{name.name}" for name in node.names} if whole else {str(node.module)}
    return found


def test_each_room_is_small_and_imports_only_those_below_it() -> None:
    folder = PARTS / "src" / "ddd"
    table = (PARTS / "docs" / "contributing.md").read_text().partition("In ddd,")[2].partition("In the tool,")[0]
    assert tuple(re.findall(r"^\| `(\w+)\.py` \|", table, re.M)) == ROOMS
    assert {file.stem for file in folder.glob("*.py")} == {*ROOMS, "__init__", "__main__"}
    for number, room in enumerate(ROOMS):
        file = folder / f"{room}.py"
        names = imported(file)
        assert len(file.read_text().splitlines()) <= 200, room
        assert {name for name in names if name.startswith("ddd")} <= {f"ddd.{below}" for below in ROOMS[:number]}
        outside = {name.partition(".")[0] for name in names} & OUTSIDE
        assert outside <= MAY_IMPORT.get(room, set()), room


def ended(folder: Path, *before: str, server: str = "werkzeug", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a ddd that is going to end by itself."""
    told = {"DDD_SOCKET": str(folder / "ddd.sock"), "DDD_ROOT": str(folder / "root")} | environment
    command = [*before, *SERVERS[server]]
    return subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=20)


WITHOUT_GUNICORN = "import runpy, sys; sys.modules['gunicorn'] = None; runpy.run_module('ddd', run_name='__main__')"


def test_without_gunicorn_it_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_GUNICORN], capture_output=True, text=True, timeout=20)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert f"type: {sys.executable} -m pip install '.[serve]'" in done.stderr


def test_it_takes_no_arguments() -> None:
    done = subprocess.run([*SERVERS["gunicorn"], "--workers=4"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, "unrecognized arguments: --workers=4" in done.stderr) == (2, True), done.stderr
    assert "DDD_ROOT" in subprocess.run([*SERVERS["gunicorn"], "--help"], capture_output=True, text=True).stdout


def test_a_setting_that_is_empty_is_none() -> None:
    code = "from ddd import app, listener; print(listener.SOCKET, app.volumes.root)"
    told = os.environ | {"DDD_SOCKET": "", "DDD_ROOT": ""}
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout == "/run/docker/plugins/ddd.sock /var/lib/ddd\n"


# the socket


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("x" * 120, "is too long for a socket"),
        ("file/ddd.sock", "No socket can be made at"),
        ("file", "is not a socket"),
    ],
)
def test_a_place_that_cannot_be_gets_a_sentence(folder: Path, server: str, place: str, sentence: str) -> None:
    (folder / "file").touch()
    done = ended(folder, server=server, DDD_SOCKET=str(folder / place))
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_root_that_docker_cannot_be_told_of_gets_a_sentence(folder: Path) -> None:
    # in JSON is Unicode: Docker would look for another folder
    done = ended(folder, server="werkzeug", DDD_ROOT=os.fsdecode(os.fsencode(folder) + b"/m\xff"))
    assert done.returncode == 1
    assert "is not UTF-8" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert os.listdir(folder) == []


def test_a_socket_of_another_kind_is_left_alone(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as another:
        another.bind(str(folder / "ddd.sock"))
        done = ended(folder)
        assert done.returncode == 1 and (folder / "ddd.sock").is_socket()
    assert "exists, but cannot be tried" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_of_many_that_start_at_once_one_serves(folder: Path) -> None:
    plugins = [Plugin(SERVERS["werkzeug"], folder / "ddd.sock", folder / f"root{number}") for number in range(4)]
    first = plugins[0]
    for _ in range(3):
        starters = [plugin.launch() for plugin in plugins]
        wait_for(lambda: sum(starter.poll() is None for starter in starters) == 1 and accepts(first.socket))  # noqa: B023
        assert sorted(starter.returncode or 0 for starter in starters) == [0, 1, 1, 1]
        (survivor,) = (starter for starter in starters if starter.poll() is None)
        assert first.call("Plugin.Activate").ok
        survivor.kill()  # it leaves a stale socket for the next four
        survivor.wait()
    for plugin in plugins:
        plugin.close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a folder, to lock it."""
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_they_take_turns_and_only_root_can_hold_them_up(folder: Path) -> None:
    plugin, lock = plugin_of(SERVERS["werkzeug"], folder), folder / "ddd.sock.lock"
    with listener.turn(str(lock)):
        assert f"{stat.S_IMODE(lock.stat().st_mode):o}" == "600"
    with opened(folder) as others:
        fcntl.flock(others, fcntl.LOCK_EX)  # what every user can lock
        plugin.start().stop()
        assert not lock.exists()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        plugin.process = plugin.launch()
        wait_for(lambda: waits_for_a_lock(plugin.process.pid))  # type: ignore[union-attr]
        assert not accepts(plugin.socket)
    wait_for(lambda: accepts(plugin.socket))
    plugin.close()


def waits_for_a_lock(pid: int) -> bool:
    """Tell whether a process waits for a lock on a file. Source: proc_locks(5)."""
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


# the answers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "Plugin.Activate"), ("OPTIONS", "Plugin.Activate"), ("POST", "Nope"), ("PUT", "")]
)
def test_every_other_path_or_method_is_a_json_error(ddd: Plugin, method: str, path: str) -> None:
    answer = ddd.call(path, method=method)
    assert answer.status in (404, 405), answer
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json == {"Err": f"ddd does not answer {method} /{path}."}


# a root that goes away


def test_a_root_that_is_away_is_no_missing_volume(ddd: Plugin) -> None:
    create(ddd)
    away = ddd.root.with_name("away")  # type: ignore[union-attr]
    for look_alike in (False, True):
        volume(ddd).parent.parent.rename(away)
        if look_alike:  # what the place of a disk looks like that is not mounted, or a fresh start beside it
            volume(ddd).parent.mkdir(parents=True)
        failure = ddd.call("VolumeDriver.Get", {"Name": "mango"}).failure
        assert failure == "the connection was closed without an answer"
        for endpoint in ("Create", "List", "Path", "Mount", "Unmount", "Remove"):
            answer = ddd.call(f"VolumeDriver.{endpoint}", {"Name": "mango", "ID": "a"})
            assert (answer.status, bool(answer.err)) == (500, True), answer
        with contextlib.suppress(FileNotFoundError):
            volume(ddd).parent.rmdir()
            volume(ddd).parent.parent.rmdir()
        away.rename(away.with_name("root"))
        assert ddd.call("VolumeDriver.Get", {"Name": "mango"}).ok


def test_the_retry_of_a_get_without_its_body_gets_no_answer(ddd: Plugin) -> None:
    assert ddd.call("VolumeDriver.Get").failure == "the connection was closed without an answer"


def test_a_link_to_a_data_disk_is_followed_once(folder: Path) -> None:
    (folder / "disk").mkdir()
    (folder / "root").symlink_to(folder / "disk")
    plugin = plugin_of(SERVERS["werkzeug"], folder).start()
    create(plugin)
    mounted = plugin.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"}).json["Mountpoint"]
    plugin.close()
    assert mounted == str(folder / "disk" / "volumes" / "mango" / "data")


def test_two_plugins_do_not_share_a_root(ddd: Plugin, folder: Path) -> None:
    done = ended(folder, DDD_ROOT=str(ddd.root))
    sentence = f"Another ddd works in {ddd.root}. End it, or choose another folder with DDD_ROOT=…\n"
    assert (done.returncode, done.stderr) == (1, sentence)


def test_nor_does_one_of_an_earlier_version(ddd: Plugin, folder: Path) -> None:
    """Each has the same lock: the root itself, for as long as it lives."""
    assert ddd.root
    with opened(ddd.root) as root:
        with pytest.raises(BlockingIOError):
            fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ddd.stop()
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = ended(folder, DDD_ROOT=str(ddd.root))
    assert done.returncode == 1 and done.stderr.startswith(f"Another ddd works in {ddd.root}."), done.stderr


# who has a volume

MOUNT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from workshop.protocol.exchange import *; from pathlib import Path; "
)
MOUNT += (
    "print(exchange(Address(path=sys.argv[2]), 'x', request('VolumeDriver.Mount', {'Name': 'mango', 'ID': 'a'})).ok)"
)


def test_the_mount_of_a_process_that_has_ended_does_not_count(ddd: Plugin) -> None:
    create(ddd)
    done = subprocess.run([sys.executable, "-c", MOUNT, str(PARTS / "src"), str(ddd.socket)], capture_output=True)
    assert done.stdout == b"True\n", done.stderr
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


ASK_AND_END = """
import socket, sys
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(sys.argv[1])
    caller.sendall(sys.argv[2].encode())
"""


def test_nor_does_that_of_one_that_ends_while_it_waits_for_the_answer(ddd: Plugin) -> None:
    create(ddd)
    asked = request("VolumeDriver.Mount", {"Name": "mango", "ID": "a"}).decode()
    # the plugin waits for the volume, and finds nobody who asked
    held = os.open(volume(ddd), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    subprocess.run([sys.executable, "-c", ASK_AND_END, str(ddd.socket), asked], check=True)
    os.close(held)
    wait_for(lambda: bool(records(ddd)))
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


def records(plugin: Plugin, name: str = "mango") -> list[Path]:
    """The records of a volume."""
    return list((volume(plugin, name) / "mounts").iterdir())


def mount(plugin: Plugin, mount_id: str = "a") -> None:
    assert plugin.call("VolumeDriver.Mount", {"Name": "mango", "ID": mount_id}).ok


def unmount(plugin: Plugin, mount_id: str = "a") -> None:
    answer = plugin.call("VolumeDriver.Unmount", {"Name": "mango", "ID": mount_id})
    assert answer.ok, answer


def remove(plugin: Plugin) -> Exchange:
    return plugin.call("VolumeDriver.Remove", {"Name": "mango"})


def recorded(plugin: Plugin) -> tuple[Path, dict[str, str]]:
    """Make a volume, mount it, and return its record, and what is in that."""
    create(plugin)
    mount(plugin)
    (record,) = records(plugin)
    return record, dict(field.split("=") for field in record.read_text().split())


def in_record(fields: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in fields.items()) + "\n"


def test_a_mount_is_a_file_that_names_who_asked(ddd: Plugin) -> None:
    record, fields = recorded(ddd)
    assert re.fullmatch(r"a\.[0-9a-f]{16}", record.name)
    boot, namespace = Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert fields == {"pid": str(os.getpid()), "start": started, "namespace": namespace, "boot": boot}
    assert f"process {os.getpid()} has not unmounted a" in remove(ddd).err
    unmount(ddd)
    assert records(ddd) == []


@pytest.mark.parametrize(
    "text",
    [
        in_record({"pid": "0", "start": "1", "namespace": "NAMESPACE", "boot": "BOOT"}),  # called over TCP
        in_record({"pid": "1", "start": "0", "namespace": "pid:[1]", "boot": "BOOT"}),  # written in another container
        "",  # part 3 records no process
        "what is this?\n",
        "pid=1 start=0 namespace=NAMESPACE boot=BO",
        "\xff\x00\n",
    ],
    ids=["unseen", "other namespace", "empty", "unreadable", "cut", "binary"],
)
def test_a_mount_whose_process_cannot_be_known_counts_until_its_unmount(ddd: Plugin, text: str) -> None:
    record, fields = recorded(ddd)
    text = text.replace("BOOT", fields["boot"]).replace("NAMESPACE", fields["namespace"])
    record.write_bytes(text.encode("latin-1"))
    answer = remove(ddd)
    assert answer.status == 409 and "has not unmounted a." in answer.err, answer
    unmount(ddd)
    assert records(ddd) == []
    assert remove(ddd).ok


def test_a_pipe_in_the_place_of_a_record_makes_no_call_wait(ddd: Plugin) -> None:
    record, _ = recorded(ddd)
    record.unlink()
    os.mkfifo(record)
    answer = remove(ddd)
    assert answer.status == 409 and "has not unmounted a." in answer.err, answer
    unmount(ddd)
    assert remove(ddd).ok


@pytest.mark.parametrize("change", [{"boot": "another"}, {"start": "1"}], ids=["before the boot", "its pid came back"])
def test_the_mount_of_a_process_that_is_gone_does_not_count(ddd: Plugin, change: dict[str, str]) -> None:
    record, fields = recorded(ddd)
    record.write_text(in_record(fields | change))
    assert remove(ddd).ok


def test_of_the_records_of_an_id_one_that_counts_goes_first(ddd: Plugin) -> None:
    """A daemon that was killed left records, and the new one has the container of the same ID: it sends one Unmount."""
    record, fields = recorded(ddd)
    for number in range(9):
        record.with_name(f"a.{number:016x}").write_text(in_record(fields | {"start": "1"}))
    assert remove(ddd).status == 409
    unmount(ddd)
    assert len(records(ddd)) == 9 and not record.exists()
    assert remove(ddd).ok


HEX = "0123456789abcdef"
LONG = "x" * 254


@pytest.mark.parametrize(
    "ids",
    [("a", "a.b", f"a.{HEX}", f"a.{HEX}.{HEX}"), (f"{LONG}1", f"{LONG}2", LONG, LONG[:239], LONG[:238])],
    ids=["dots", "long"],
)
def test_no_id_is_taken_for_another(ddd: Plugin, ids: tuple[str, ...]) -> None:
    create(ddd)
    for each in ids:
        mount(ddd, each)
        mount(ddd, each)
    for done, each in enumerate(reversed(ids), 1):
        assert remove(ddd).status == 409
        for _ in range(3):  # one more than it was mounted
            unmount(ddd, each)
        assert len(records(ddd)) == 2 * (len(ids) - done)
    assert remove(ddd).ok


# roots of part 3, and of the version before: a file for each ID, with a line for each Mount


def old_line(plugin: Plugin) -> str:
    """Return the line by which the version before recorded a Mount of this process."""
    record, fields = recorded(plugin)
    record.unlink()
    return " ".join(fields.values()) + "\n"


@pytest.mark.parametrize("mount_id", ["a", f"a.{HEX}", "x" * 255])
def test_a_file_of_the_version_before_is_read_and_shortened(ddd: Plugin, mount_id: str) -> None:
    line = old_line(ddd)
    file = volume(ddd) / "mounts" / mount_id
    file.write_text(line * 2)
    mount(ddd, mount_id)
    mount(ddd, "a.b")
    for _ in range(3):
        assert remove(ddd).status == 409
        unmount(ddd, mount_id)
    assert not file.exists()
    assert remove(ddd).status == 409
    unmount(ddd, "a.b")
    assert records(ddd) == []
    assert remove(ddd).ok


def test_nor_is_such_a_file_taken_for_a_record(ddd: Plugin) -> None:
    """An ID may look like the name of a record; one that has the name of a record may be mounted, too."""
    line = old_line(ddd)
    file = volume(ddd) / "mounts" / f"a.{HEX}"
    file.write_text(line)
    unmount(ddd, "a")
    assert file.exists()
    mount(ddd, "a")
    (record,) = (each for each in records(ddd) if each != file)
    unmount(ddd, record.name)
    assert record.exists()
    unmount(ddd, "a")
    assert records(ddd) == [file]
    unmount(ddd, file.name)
    assert remove(ddd).ok


def test_its_lines_count_by_what_they_say(ddd: Plugin) -> None:
    line = old_line(ddd)
    file = volume(ddd) / "mounts" / "a"
    pid, start, namespace, boot = line.split()
    unknown = "a process that cannot be known"
    lines = {f"0 0 {namespace} {boot}\n": unknown, f"1 0 pid:[1] {boot}\n": "process 1 ", "what is this?\n": unknown}
    for counts, user in lines.items():
        file.write_text(f"{pid} 1 {namespace} {boot}\n{counts}")
        answer = remove(ddd)
        assert answer.status == 409 and user in answer.err, answer
    file.write_text(f"{pid} 1 {namespace} {boot}\n{pid} {start} {namespace} another-boot\n")
    assert remove(ddd).ok


def test_ddd_takes_over_from_part_3(folder: Path) -> None:
    before = plugin_of([sys.executable, str(PARTS / "part3" / "plugin.py")], folder).start()
    create(before)
    for mount_id in ("a", "a", "b"):
        mount(before, mount_id)
    (volume(before) / "data" / "note").write_text("kept")
    before.kill()
    ddd = plugin_of(SERVERS["gunicorn"], folder).start()
    with contextlib.ExitStack() as stack:
        stack.callback(before.close)
        stack.callback(ddd.close)
        mount(ddd, "b")
        for mount_id in ("a", "b", "a", "b"):
            assert remove(ddd).status == 409
            unmount(ddd, mount_id)
        assert records(ddd) == []
        assert (volume(ddd) / "data" / "note").read_text() == "kept"
        assert remove(ddd).ok


# what the kernel shows


@contextlib.contextmanager
def elsewhere(script: str, *words: object) -> Iterator[None]:
    """Run a shell script in a mount namespace of its own, as a container's is, and keep that while the body runs."""
    command = ["unshare", "--mount", "sh", "-euc", f"{script}; echo ready; read end", "sh", *map(str, words)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    assert process.stdout and process.stderr
    if process.stdout.readline() != b"ready\n":
        process.communicate()
        pytest.skip("needs the right to mount: sudo ./workshop test")
    try:
        yield
    finally:
        process.communicate(b"\n")
        # a child that exits closes its files first, and loses its mounts a moment later
        wait_for(lambda: not session_processes(process.pid))


@pytest.mark.parametrize(
    "script",
    [
        'mount --bind "$1/data" "$2"',
        'mount --bind "$1/data/deep er" "$2"',
        'mount --bind "$2" "$1/data/deep er"',
        'mount --rbind "$1/.." "$2"; mount --bind "$3" "$2/mango/data/deep er"',
    ],
    ids=["the volume", "a folder in it", "something in it", "something in it, seen from elsewhere"],
)
def test_remove_is_refused_while_the_kernel_shows_a_mount(ddd: Plugin, tmp_path: Path, script: str) -> None:
    create(ddd)
    (volume(ddd) / "data" / "deep er").mkdir()
    for name in ("there", "third"):
        (tmp_path / name).mkdir()
    (tmp_path / "there" / "precious").touch()
    with elsewhere(script, volume(ddd), tmp_path / "there", tmp_path / "third"):
        answer = ddd.call("VolumeDriver.Remove", {"Name": "mango"})
        assert answer.status == 409, answer
        assert answer.err.startswith("Volume mango is in use: "), answer
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok
    assert (tmp_path / "there" / "precious").exists()


CHROOTED = """
import os, sys
if os.fork():
    os.chroot(sys.argv[1])
    print("ready", flush=True)
sys.stdin.read()
"""


def test_a_process_that_sees_less_does_not_speak_for_another(ddd: Plugin, tmp_path: Path) -> None:
    create(ddd)
    (tmp_path / "there").mkdir()
    (tmp_path / "empty").mkdir()
    # of two processes in one namespace, the one whose mounts are read first has another root, and sees no volume
    script = f'mount --bind "$1/data" "$2"; exec {shlex.quote(sys.executable)} -c {shlex.quote(CHROOTED)} "$3"'
    with elsewhere(script, volume(ddd), tmp_path / "there", tmp_path / "empty"):
        assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).status == 409
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


FORKING = """
import os, select
print("ready", flush=True)
while not select.select([0], [], [], 0.002)[0]:
    if os.fork():
        os._exit(0)
"""


def test_a_process_that_goes_on_as_its_own_child_has_the_volume(ddd: Plugin, tmp_path: Path) -> None:
    create(ddd)
    script = f'mount --bind "$1/data" "$2"; exec {shlex.quote(sys.executable)} -c {shlex.quote(FORKING)}'
    with elsewhere(script, volume(ddd), tmp_path):
        for _ in range(20):
            assert not ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


@pytest.mark.parametrize("point", ["a\rb\rc", "a\nb", "a\x85b", "a\\040b"], ids=ascii)
def test_an_odd_name_of_a_mount_point_hides_nothing(ddd: Plugin, tmp_path: Path, point: str) -> None:
    create(ddd)
    there = tmp_path / point
    there.mkdir()
    with elsewhere('mount --bind "$1/data" "$2"', volume(ddd), there):
        answer = ddd.call("VolumeDriver.Remove", {"Name": "mango"})
        assert answer.status == 409, answer
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


def test_the_mount_of_a_neighbour_is_nobodys_business(ddd: Plugin, tmp_path: Path) -> None:
    for name in ("mango", "mango2", "data"):
        create(ddd, name)
    with elsewhere('mount --bind "$1/data" "$2"', volume(ddd, "mango2"), tmp_path):
        assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok
        assert ddd.call("VolumeDriver.Remove", {"Name": "data"}).ok
        assert ddd.call("VolumeDriver.Remove", {"Name": "mango2"}).status == 409


# what is left behind


def test_what_a_killed_plugin_left_aside_is_cleared_after_it_listens_again(ddd: Plugin) -> None:
    assert ddd.root
    ddd.stop()
    deep = ddd.root / "aside" / ("0" * 32) / "data"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    (ddd.root / "aside" / ("1" * 32)).touch()
    (ddd.root / "aside" / "photos").mkdir()  # of somebody who chose a folder of his own for the root
    ddd.start()
    wait_for(lambda: os.listdir(ddd.root / "aside") == ["photos"])  # type: ignore[operator]
    (ddd.root / "aside" / "photos").rmdir()


def test_a_removed_volume_leaves_nothing(ddd: Plugin, tmp_path: Path) -> None:
    assert ddd.root
    (tmp_path / "canary").touch()
    create(ddd)
    (volume(ddd) / "data" / "out").symlink_to(tmp_path)
    (volume(ddd) / "data" / "canary").symlink_to(tmp_path / "canary")
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok
    wait_for(lambda: os.listdir(ddd.root / "aside") == [])  # type: ignore[operator]
    assert (tmp_path / "canary").exists()


PLANTED: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, target: path.symlink_to(target),
    "a link to nothing": lambda path, target: path.symlink_to(target / "nowhere"),
    "a file": lambda path, target: path.write_text("not a folder"),
    "a file, a pipe": lambda path, target: os.mkfifo(path),
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("place", ["", "data", "mounts"])
def test_what_is_in_the_place_of_a_folder_is_a_loud_fault(
    ddd: Plugin, tmp_path: Path, place: str, planted: str
) -> None:
    """Not "no such volume": Docker would forget its labels, and so it would if List did not name it."""
    (tmp_path / "canary").touch()
    wait_for(lambda: os.listdir(ddd.root / "aside") == [])  # type: ignore[operator]
    create(ddd)
    shutil.rmtree(volume(ddd) / place)
    PLANTED[planted](volume(ddd) / place, tmp_path)
    before = sorted(os.walk(ddd.root))  # type: ignore[type-var]
    path = str(volume(ddd) / place)
    for endpoint in (*(("Create", "Path") if place != "mounts" else ()), "Mount", "Unmount", "Remove"):
        answer = ddd.call(f"VolumeDriver.{endpoint}", {"Name": "mango", "ID": "a"})
        found = planted.removesuffix(" to nothing").partition(",")[0]
        fault = f"{found} is in the place of the folder {path}. Put the folder back"
        assert answer.status == 500 and fault in answer.err, answer
    get = ddd.call("VolumeDriver.Get", {"Name": "mango"})
    assert get.ok if place == "mounts" else get.failure == "the connection was closed without an answer", get
    listed = {"Name": "mango", "Mountpoint": str(volume(ddd) / "data")}
    assert ddd.call("VolumeDriver.List", {}).json["Volumes"] == [listed]
    assert sorted(os.walk(ddd.root)) == before  # type: ignore[type-var]
    assert os.listdir(tmp_path) == ["canary"]


def test_a_volume_without_its_data_is_a_loud_fault(ddd: Plugin) -> None:
    create(ddd)
    (volume(ddd) / "data").rmdir()
    assert ddd.call("VolumeDriver.Get", {"Name": "mango"}).failure == "the connection was closed without an answer"
    for answer in (remove(ddd), create(ddd)):
        assert f"nothing is in the place of the folder {volume(ddd)}/data" in answer.err


@pytest.mark.parametrize("endpoint", ["Mount", "Unmount", "Remove"])
def test_a_volume_that_is_restored_without_its_records_is_as_good_and_as_old_as_before(
    ddd: Plugin, endpoint: str
) -> None:
    create(ddd)
    shutil.rmtree(volume(ddd) / "mounts")
    os.utime(volume(ddd), (10**9, 10**9))
    assert ddd.call(f"VolumeDriver.{endpoint}", {"Name": "mango", "ID": "a"}).ok
    if endpoint == "Remove":
        return
    assert f"{stat.S_IMODE((volume(ddd) / 'mounts').stat().st_mode):o}" == "700"
    assert ddd.call("VolumeDriver.Get", {"Name": "mango"}).json["Volume"]["CreatedAt"] == "2001-09-09T01:46:40+00:00"
    assert len(records(ddd)) == (endpoint == "Mount")


def test_eight_threads_leave_a_whole_state(ddd: Plugin) -> None:
    """Rounds of the same few names: at the end, what List says is what is there, and no mount is lost or left."""

    def life(number: int) -> None:
        name, mount_id = f"v{number % 3}", f"id{number}"
        create(ddd, name)
        for endpoint in ("Mount", "Mount", "Unmount", "Remove", "Unmount", "Remove"):
            ddd.call(f"VolumeDriver.{endpoint}", {"Name": name, "ID": mount_id})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(life, range(48)))
    names = [each["Name"] for each in ddd.call("VolumeDriver.List", {}).json["Volumes"]]
    for name in names:
        assert sorted(os.listdir(volume(ddd, name))) == ["data", "mounts"]
        assert os.listdir(volume(ddd, name) / "mounts") == []
        assert ddd.call("VolumeDriver.Remove", {"Name": name}).ok
    assert ddd.root
    wait_for(lambda: os.listdir(ddd.root / "aside") == [])  # type: ignore[operator]


def test_gunicorn_stays_on_its_socket_when_told_to_reload(folder: Path) -> None:
    plugin = plugin_of(SERVERS["gunicorn"], folder).start()
    assert plugin.process
    create(plugin)
    os.kill(plugin.process.pid, signal.SIGHUP)
    wait_for(lambda: plugin.output().count("Booting worker") == 2)
    # a call that the worker on its way out has taken may be cut: Docker repeats it, and so does this test
    wait_for(lambda: plugin.call("VolumeDriver.Get", {"Name": "mango"}).ok)
    assert plugin.stop() == 0
    assert not plugin.socket.exists()
    plugin.close()


def test_gunicorn_answers_one_more_caller_than_it_has_threads(folder: Path) -> None:
    plugin = plugin_of(SERVERS["gunicorn"], folder).start()
    with contextlib.ExitStack() as stack:
        stack.callback(plugin.close)
        callers = [stack.enter_context(plugin.address().connect(10)) for _ in range(16)]
        for caller in callers:
            caller.sendall(request("VolumeDriver.Capabilities", {}) * 300)
        assert plugin.call("VolumeDriver.Capabilities", {}).ok
        answered = [caller.recv(1 << 20).count(b"HTTP/1.1 200") for caller in callers]
        assert max(answered) < 150, answered  # nobody's calls have all gone first
