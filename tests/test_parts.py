"""What our own plugins promise beyond the steps: the parts as programs, and part 3 as a keeper of data."""

import contextlib
import difflib
import fcntl
import itertools
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workshop.process import Plugin, accepts, private_folder
from workshop.wire import MEDIA_TYPE, Exchange, request

PARTS = Path(__file__).parent.parent
SERVERS = {
    "python": [sys.executable, "part3/plugin.py"],
    "gunicorn": [sys.executable, "-m", "gunicorn", "-c", "part3/gunicorn.conf.py"],
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with private_folder() as path:
        yield path


def whole(command: list[str]) -> list[str]:
    return [str(PARTS / word) if word.startswith("part") else word for word in command]


def plugin_of(command: list[str], folder: Path) -> Plugin:
    return Plugin(whole(command), folder / "ddd.sock", folder / "root")


@pytest.fixture(scope="module", params=["python", pytest.param("gunicorn", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    """The plugin of part 3, by each of its servers."""
    with private_folder() as path:
        plugin = plugin_of(SERVERS[request.param], path)
        yield plugin
        plugin.close()


@pytest.fixture
def ddd(server: Plugin) -> Iterator[Plugin]:
    """The plugin of part 3, running, and without a volume."""
    yield server if accepts(server.socket) else server.start()
    assert server.root
    for path in (server.root / "volumes").iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def python(folder: Path, part: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a part that is going to end by itself."""
    told = {"DDD_SOCKET": str(folder / "ddd.sock"), "DDD_ROOT": str(folder / "root")} | environment
    command = [sys.executable, str(PARTS / f"part{part}" / "plugin.py")]
    return subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=20)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it has not come about in 10 s"
        time.sleep(0.005)


# the socket


@pytest.mark.parametrize("part", [1, 2, 3])
@pytest.mark.parametrize(
    ("place", "sentence"),
    [("x" * 120, "is too long for a socket"), ("file/ddd.sock", "No socket can be made at"), ("file", "is no socket")],
)
def test_a_place_that_cannot_be_gets_a_sentence(folder: Path, part: int, place: str, sentence: str) -> None:
    (folder / "file").touch()
    done = python(folder, part, DDD_SOCKET=str(folder / place))
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else: sudo ./workshop test")
def test_a_folder_without_rights_gets_a_sentence(folder: Path) -> None:
    (folder / "root-only").mkdir(mode=0o700)
    told = f"DDD_SOCKET={folder}/root-only/ddd.sock"
    copy = folder / "plugin.py"
    copy.write_bytes((PARTS / "part1" / "plugin.py").read_bytes())
    folder.chmod(0o755)
    drop = "import fcntl, os, runpy, signal, socket, stat, sys, flask, werkzeug.serving; os.setuid(65534); "
    drop += "runpy.run_path(sys.argv[1], run_name='__main__')"
    command = ["env", told, sys.executable, "-c", drop, str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr and "Run as root" in done.stderr, done.stderr


def test_of_many_that_start_at_once_one_serves(folder: Path) -> None:
    plugin = plugin_of([sys.executable, "part1/plugin.py"], folder)
    for _ in range(3):
        starters = [plugin.launch() for _ in range(4)]
        wait_for(lambda: sum(starter.poll() is None for starter in starters) == 1 and accepts(plugin.socket))  # noqa: B023
        assert sorted(starter.returncode or 0 for starter in starters) == [0, 1, 1, 1]
        (survivor,) = (starter for starter in starters if starter.poll() is None)
        assert plugin.call("", method="GET").status == 200
        survivor.kill()  # it leaves a stale socket for the next four
        survivor.wait()
    plugin.close()


def test_the_socket_is_closed_to_others_before_anybody_can_connect(folder: Path) -> None:
    trace = folder / "trace"
    command = ["strace", "-f", "-o", str(trace), "-e", "trace=umask,bind,listen,chmod,fchmodat"]
    if subprocess.run(["which", "strace"], capture_output=True).returncode:
        pytest.skip("strace shows the order of the calls: apt-get install strace")
    plugin = plugin_of([*command, sys.executable, "part1/plugin.py"], folder)
    plugin.start().stop()
    plugin.close()
    calls = [line.split(" ", 1)[1].strip().partition("(") for line in trace.read_text().splitlines() if "(" in line]
    order = [(name, rest) for name, _, rest in calls if name in ("umask", "bind", "listen")]
    at = next(number for number, (name, rest) in enumerate(order) if name == "bind" and "ddd.sock" in rest)
    assert order[at - 1][0] == "umask" and order[at - 1][1].startswith("0177)"), order


def test_a_plugin_that_lost_its_place_leaves_the_other_ones_socket(folder: Path) -> None:
    first = plugin_of([sys.executable, "part1/plugin.py"], folder).start()
    first.socket.unlink()
    second = plugin_of([sys.executable, "part1/plugin.py"], folder).start()
    first.close()
    assert accepts(second.socket)
    second.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_red_and_no_traceback_from_start_to_end(number: signal.Signals, folder: Path) -> None:
    plugin = plugin_of([sys.executable, "part1/plugin.py"], folder).start()
    wait_for(lambda: plugin.output() != "")  # the socket accepts an instant before the plugin says so
    assert plugin.signal(number) == 0
    assert plugin.output() == f"ddd listens at {plugin.socket}. Ctrl-C ends it.\n"
    plugin.close()


# the answers


@pytest.fixture(scope="module", params=[2, 3])
def answering(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    """A part that answers, for tests that change nothing."""
    with private_folder() as path:
        plugin = plugin_of([sys.executable, f"part{request.param}/plugin.py"], path)
        yield plugin.start()
        plugin.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "Plugin.Activate"),
        ("OPTIONS", "Plugin.Activate"),
        ("POST", "Nope"),
        ("POST", "Plugin.Activate/"),
        ("PUT", ""),
        ("BREW", "coffee"),
    ],
)
def test_every_other_path_or_method_is_a_json_error(answering: Plugin, method: str, path: str) -> None:
    answer = answering.call(path, method=method)
    assert answer.status in (404, 405), answer
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json == {"Err": f"ddd does not answer {method} /{path}."}


def test_a_fault_in_a_handler_is_told_in_json_and_its_traceback_in_the_log(folder: Path) -> None:
    broken = folder / "plugin.py"
    text = (PARTS / "part2" / "plugin.py").read_text()
    broken.write_text(text.replace('return answer({"Implements"', 'return None.answer({"Implements"'))
    plugin = Plugin([sys.executable, str(broken)], folder / "ddd.sock", folder / "root").start()
    answer = plugin.call("Plugin.Activate")
    plugin.close()
    assert (answer.status, bool(answer.err)) == (500, True), answer
    assert "Traceback" not in answer.text


def create(plugin: Plugin, name: str = "mango", **more: object) -> Exchange:
    return plugin.call("VolumeDriver.Create", {"Name": name, **more})


def volume(plugin: Plugin, name: str = "mango") -> Path:
    assert plugin.root
    return plugin.root / "volumes" / name


def test_options_are_refused_by_name_and_their_values_kept_quiet(ddd: Plugin) -> None:
    answer = create(ddd, Opts={"size": "1G", "password": "swordfish"})
    assert answer.status == 400
    assert answer.err == "ddd takes no options: leave out password, size."
    assert "swordfish" not in ddd.output()
    for options in ([], "", 0, False, ["size"]):
        assert create(ddd, Opts=options).status == 400, options
    assert ddd.call("VolumeDriver.List", {}).json["Volumes"] == []


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
    before = int(time.time())
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
    plugin = plugin_of(SERVERS["python"], folder).start()
    create(plugin)
    mounted = plugin.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"}).json["Mountpoint"]
    plugin.close()
    assert mounted == str(folder / "disk" / "volumes" / "mango" / "data")


def test_two_plugins_do_not_share_a_root(ddd: Plugin, folder: Path) -> None:
    done = python(folder, 3, DDD_ROOT=str(ddd.root))
    sentence = f"Another ddd works in {ddd.root}. End it, or choose another folder with DDD_ROOT=…\n"
    assert (done.returncode, done.stderr) == (1, sentence)


# who has a volume

MOUNT = "import sys; sys.path.insert(0, sys.argv[1]); from workshop.wire import *; from pathlib import Path; "
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
    wait_for((volume(ddd) / "mounts" / "a").exists)
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


@pytest.mark.parametrize(
    "change",
    [
        ("0 ", 0, 1),  # a pid that this plugin cannot see
        ("pid:[1] ", 2, 3),  # or that another one wrote down, in another container
        ("what is this? ", 0, 4),
    ],
    ids=["unseen", "other namespace", "unreadable"],
)
def test_a_mount_whose_process_cannot_be_known_counts(ddd: Plugin, change: tuple[str, int, int]) -> None:
    create(ddd)
    ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"})
    record = volume(ddd) / "mounts" / "a"
    fields = record.read_text().split()
    text, begin, end = change
    record.write_text(" ".join([*fields[:begin], text.strip(), *fields[end:]]) + "\n")
    answer = ddd.call("VolumeDriver.Remove", {"Name": "mango"})
    assert answer.status == 409, answer


def test_a_mount_from_before_the_machine_started_does_not_count(ddd: Plugin) -> None:
    create(ddd)
    ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"})
    record = volume(ddd) / "mounts" / "a"
    record.write_text(" ".join([*record.read_text().split()[:3], "another-boot"]) + "\n")
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


def test_a_pid_that_came_back_is_not_the_process_that_mounted(ddd: Plugin) -> None:
    create(ddd)
    ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"})
    record = volume(ddd) / "mounts" / "a"
    pid, started, *rest = record.read_text().split()
    record.write_text(" ".join([pid, str(int(started) - 1), *rest]) + "\n")
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok


@contextlib.contextmanager
def elsewhere(script: str, *words: object) -> Iterator[None]:
    """Run a shell script in a mount namespace of its own, as a container's is, and keep that while the body runs."""
    command = ["unshare", "--mount", "sh", "-euc", f"{script}; echo ready; read end", "sh", *map(str, words)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    if process.stdout.readline() != b"ready\n":
        process.communicate()
        pytest.skip("needs the right to mount: sudo ./workshop test")
    try:
        yield
    finally:
        process.communicate(b"\n")


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
while not select.select([0], [], [], 0)[0]:
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


def test_a_setting_that_is_empty_is_none() -> None:
    code = "import runpy, sys; told = runpy.run_path(sys.argv[1]); print(told['SOCKET'], told.get('ROOT'))"
    for part, root in (("part1", None), ("part2", None), ("part3", "/var/lib/ddd")):
        command = [sys.executable, "-c", code, str(PARTS / part / "plugin.py")]
        told = os.environ | {"DDD_SOCKET": "", "DDD_ROOT": ""}
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
        assert done.stdout == f"/run/docker/plugins/ddd.sock {root}\n"


def test_a_removed_volume_leaves_nothing(ddd: Plugin, tmp_path: Path) -> None:
    assert ddd.root
    (tmp_path / "canary").touch()
    create(ddd)
    (volume(ddd) / "data" / "out").symlink_to(tmp_path)
    (volume(ddd) / "data" / "canary").symlink_to(tmp_path / "canary")
    assert ddd.call("VolumeDriver.Remove", {"Name": "mango"}).ok
    wait_for(lambda: os.listdir(ddd.root / "aside") == [])  # type: ignore[operator]
    assert (tmp_path / "canary").exists()


def test_a_link_planted_among_the_volumes_is_no_volume(ddd: Plugin, tmp_path: Path) -> None:
    (tmp_path / "canary").touch()
    volume(ddd).symlink_to(tmp_path)
    for endpoint in ("Get", "Path", "Mount", "Remove"):
        answer = ddd.call(f"VolumeDriver.{endpoint}", {"Name": "mango", "ID": "a"})
        assert (answer.status, answer.err) == (404, "There is no volume mango."), answer
    assert not create(ddd).ok
    assert os.listdir(tmp_path) == ["canary"]
    assert ddd.call("VolumeDriver.List", {}).json["Volumes"] == []


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


def test_the_spec_files_say_what_the_course_says() -> None:
    spec = json.loads((PARTS / "part2" / "ddd-tls.json").read_text())
    assert set(spec["TLSConfig"]) == {"CAFile", "CertFile", "KeyFile", "InsecureSkipVerify"}
    assert (PARTS / "part2" / "ddd-tcp.spec").read_text() == "tcp://127.0.0.1:8787\n"


def test_from_part_to_part_a_plugin_only_grows() -> None:
    texts = [(PARTS / f"part{part}" / "plugin.py").read_text().splitlines() for part in (1, 2, 3)]
    for before, after in itertools.pairwise(texts):
        gone = [line[2:] for line in difflib.ndiff(before, after) if line.startswith("- ")]
        expected = ('"""', "from flask", "    serve(")  # what it is, what it imports, and how it starts
        assert all(line.startswith(expected) for line in gone), gone
