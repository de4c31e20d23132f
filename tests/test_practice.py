"""`./workshop docker` on a machine without Docker: with part 3, and with a command of this machine in its volume."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from workshop.daemon.daemon import Bound, DockerError, Mount
from workshop.daemon.practice import namespace as machine
from workshop.daemon.practice.docker import main
from workshop.daemon.practice.volume_flags import WrongFlag, by_flags, by_mount_flag, by_volume_flag
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NAME_ONE = "Name a folder for it that you may write to:\n    export WORKSHOP_PRACTICE=/tmp/practice\n"
HELLO = ["sh", "-c", "echo hello > /data/note"]
Docker = Callable[..., tuple[int, str, str]]


def has_a_way() -> bool:
    try:
        return bool(machine.choose_way())
    except machine.Unable:
        return False


runs = pytest.mark.skipif(not has_a_way(), reason="no mount namespace here: sudo apt-get install bubblewrap")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The practice daemon's folder, of this test alone."""
    with private_folder() as path:
        monkeypatch.setenv("WORKSHOP_PRACTICE", str(path))
        monkeypatch.chdir(path)
        yield path


@pytest.fixture
def plugin(folder: Path) -> Iterator[Plugin]:
    """Part 3, where the practice daemon looks."""
    (folder / "plugins").mkdir()
    part3 = [sys.executable, str(ROOT / "part3" / "plugin.py")]
    plugin = Plugin(part3, folder / "plugins" / "ddd.sock", folder / "ddd")
    try:
        yield plugin.start()
    finally:
        plugin.close()


@pytest.fixture
def docker(folder: Path, capfd: pytest.CaptureFixture[str]) -> Docker:
    """Types a command; what comes of it: exit status, output, errors."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        return status, *capfd.readouterr()

    return run


def endpoints(trace: str) -> list[str]:
    return re.findall(r"POST /\w+\.(\w+)", trace)


# Volumes


def test_the_life_of_a_volume(docker: Docker, plugin: Plugin, folder: Path) -> None:
    assert docker("volume", "create", "-d", "ddd", "--label", "stage=test", "mango") == (0, "mango\n", "")
    assert docker("volume", "ls") == (0, "DRIVER    VOLUME NAME\nddd       mango\n", "")
    assert docker("volume", "ls", "-q", "-f", "driver=local") == (0, "", "")
    (found,) = json.loads(docker("volume", "inspect", "mango")[1])
    assert (found["Driver"], found["Labels"]) == ("ddd", {"stage": "test"})
    assert found["Mountpoint"] == f"{folder}/ddd/volumes/mango/data"
    assert docker("volume", "inspect", "-f", "{{.Name}} {{.Labels.stage}}", "mango")[1] == "mango test\n"
    assert docker("volume", "rm", "mango") == (0, "mango\n", "")
    assert docker("volume", "rm", "mango") == (1, "", "Error response from daemon: get mango: no such volume\n")


def test_a_plugin_is_activated_once_though_each_command_is_a_program_of_its_own(docker: Docker, plugin: Plugin) -> None:
    assert endpoints(docker("--trace", "volume", "create", "-d", "ddd", "a")[2])[:2] == ["Activate", "Capabilities"]
    assert endpoints(docker("--trace", "volume", "create", "-d", "ddd", "b")[2]) == ["Get", "Create"]
    assert docker("--restart") == (0, "", "")
    assert endpoints(docker("--trace", "--restart")[2]) == ["Activate", "Capabilities", "Get", "Get"]


def test_the_trace_has_no_colour_in_a_pipe_and_fits_80_columns(docker: Docker, plugin: Plugin) -> None:
    trace = docker("--trace", "volume", "create", "-d", "ddd", "m" * 200)[2]
    assert "\033" not in trace
    assert max(map(len, trace.splitlines())) <= 80


@pytest.mark.parametrize("option", [[], ["--host"]])
def test_without_a_plugin_it_says_how_to_start_one(
    docker: Docker, folder: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.setattr("workshop.daemon.calls.time.sleep", lambda seconds: None)
    status, _, errors = docker(*option, "volume", "create", "-d", "no-such-plugin", "mango")
    lines = errors.splitlines()
    assert status == 1
    assert 'error looking up volume plugin no-such-plugin: plugin "no-such-plugin" not found' in errors
    assert lines[0] == "No answer yet. As Docker does, the practice daemon tries again for 15 s …"
    told = f"DDD_SOCKET={folder}/plugins/no-such-plugin.sock DDD_ROOT={folder}/no-such-plugin "
    assert lines[-1] == f"    {'sudo ' if option else told}.venv/bin/python work/plugin.py"


def test_what_is_no_volume_plugin_is_so_until_a_restart(docker: Docker, folder: Path) -> None:
    (folder / "plugins").mkdir()
    code = f"""import socket
server = socket.socket(socket.AF_UNIX)
server.bind({str(folder / "plugins" / "ddd.sock")!r})
server.listen()
server.accept()[0].sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}')"""
    greeter = Plugin([sys.executable, "-c", code], folder / "never-accepts", None)
    with greeter.launch() as process:
        while not (folder / "plugins" / "ddd.sock").exists() and process.poll() is None:
            pass
        errors = docker("volume", "create", "-d", "ddd", "mango")[2]
    greeter.close()
    assert "Plugin does not implement the requested driver" in errors
    assert errors.endswith("\n    ./workshop docker --restart\n")


def test_a_broken_record_is_said_with_the_command_that_removes_it(docker: Docker, folder: Path) -> None:
    (folder / "record.json").write_text("{")
    status, _, errors = docker("volume", "ls")
    assert status == 125
    assert errors.endswith(f"\n    rm {folder}/record.json\n")


def test_where_it_cannot_write_it_says_how_to_name_a_folder(
    docker: Docker, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "locked" / "record.lock").mkdir(parents=True)
    (folder / "file").touch()
    for practice in ("locked", "file"):
        monkeypatch.setenv("WORKSHOP_PRACTICE", str(folder / practice))
        status, output, errors = docker("volume", "ls")
        assert (status, output) == (125, "")
        assert errors.startswith("The practice daemon cannot write to its folder (")
        assert errors.endswith(f"):\n    {folder}/{practice}\n{NAME_ONE}")


def test_a_user_without_a_home_is_told_how_to_name_a_folder(
    docker: Docker, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert docker("volume", "ls")[0] == 0
    monkeypatch.delenv("WORKSHOP_PRACTICE")
    wrong = "The practice daemon has no folder: this user has no home folder."
    assert docker("volume", "ls") == (125, "", f"{wrong}\n{NAME_ONE}")


@pytest.mark.parametrize("words", [["frob"], ["volume", "create", "--frob"], ["run"], ["volume", "rm"]])
def test_what_it_does_not_know_it_says(docker: Docker, words: list[str]) -> None:
    status, output, errors = docker(*words)
    assert (status, output) == (125, "")
    assert errors.endswith("--help\n")


# Containers


@runs
def test_what_one_container_writes_the_next_one_reads(docker: Docker, plugin: Plugin) -> None:
    status, output, errors = docker("run", "--rm", "-v", "mango:/data", "--volume-driver=ddd", "busybox", *HELLO)
    assert (status, output) == (0, "")
    assert errors == "This is not a container: the command runs here, with the volumes in place.\n"
    assert docker("run", "--rm", "-it", "-v", "mango:/data", "busybox", "cat", "/data/note")[:2] == (0, "hello\n")
    mount = "--mount=type=volume,src=mango,dst=/data,readonly"
    assert docker("run", "--rm", mount, "busybox", "sh", "-c", "echo x > /data/note")[0] != 0
    assert docker("volume", "rm", "mango")[0] == 0


@runs
def test_the_exit_status_is_that_of_the_command(docker: Docker, plugin: Plugin) -> None:
    assert docker("run", "--rm", "busybox", "sh", "-c", "exit 7")[0] == 7
    status, _, errors = docker("--trace", "run", "--rm", "-v", "/data", "--volume-driver=ddd", "busybox", "no-such")
    assert status == 127
    assert 'exec: "no-such": executable file not found in $PATH' in errors
    assert endpoints(errors)[-5:] == ["Get", "Unmount", "Get", "Get", "Remove"]


@runs
def test_a_container_that_ended_still_has_its_volume(docker: Docker, plugin: Plugin, folder: Path) -> None:
    docker("run", "--name", "box", "-v", "mango:/data", "--volume-driver=ddd", "busybox", *HELLO)
    assert re.search(r"remove mango: volume is in use - \[[0-9a-f]{64}\]$", docker("volume", "rm", "mango")[2])
    assert docker("cp", "box:/data/note", "copied") == (0, "", "")
    assert (folder / "copied").read_text() == "hello\n"
    assert docker("cp", "copied", "box:/data/new") == (0, "", "")
    assert (folder / "ddd/volumes/mango/data/new").read_text() == "hello\n"
    assert "Could not find the file /data/none in container box" in docker("cp", "box:/data/none", ".")[2]
    assert "Exited (0)" in docker("ps", "-a")[1]
    assert docker("rm", "box") == (0, "box\n", "")
    assert docker("volume", "rm", "mango")[0] == 0


@runs
def test_a_container_runs_on_until_it_is_stopped(docker: Docker, plugin: Plugin) -> None:
    create = ["run", "-d", "--name", "keeper", "-v", "mango:/data", "--volume-driver=ddd", "busybox", "sleep", "1000"]
    status, container_id, created = docker("--trace", *create)
    try:
        assert status == 0
        assert docker("ps", "-q")[1] == f"{container_id[:12]}\n"
        assert "container is running: stop the container" in docker("rm", "keeper")[2]
        assert docker("volume", "rm", "mango")[0] == 1
        copied = docker("--trace", "cp", "keeper:/data", "copy")[2]
        stopped = docker("--trace", "stop", "-t", "0", "keeper")[2]
        assert endpoints(copied) == ["Get", "Mount", "Get", "Unmount"]
        assert endpoints(stopped) == ["Get", "Unmount"]
        assert ids(created) == ids(copied) == ids(stopped), "a copy mounts with the ID that the running container has"
    finally:
        docker("rm", "-f", "keeper")
    assert docker("volume", "rm", "mango")[0] == 0


@runs
def test_a_file_of_the_current_folder_is_not_imported(docker: Docker, folder: Path) -> None:
    (folder / "click.py").write_text("raise SystemExit('This is not click.')")
    try:
        assert docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")[0] == 0
    finally:
        docker("rm", "-f", "box")


def ids(trace: str) -> set[str]:
    """The IDs in a trace, which breaks them to fit its lines."""
    return set(re.findall(r'"ID":"(\w{64})"', re.sub(r"\n {14}", "", trace)))


@runs
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_is_ended_unmounts_first(
    docker: Docker, plugin: Plugin, folder: Path, number: signal.Signals
) -> None:
    words = ["run", "--rm", "-v", "mango:/data", "--volume-driver=ddd", "busybox", "sh", "-c", "echo up; sleep 1000"]
    line = [sys.executable, "-m", "workshop.daemon.practice.docker", *words]
    with subprocess.Popen(line, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout
        assert running.stdout.readline() == b"up\n"
        running.send_signal(number)
        assert running.wait(20) == 128 + signal.SIGTERM
    assert docker("ps", "-a", "-q")[1] == ""
    assert docker("volume", "rm", "mango")[0] == 0


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that no container has started."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("verb", [["stop", "-t", "0", "box"], ["kill", "box"], ["rm", "-f", "box"], ["rm", "box"]])
@pytest.mark.parametrize("changed", ["start", "boot", "both"])
def test_a_pid_that_came_back_is_not_the_containers(
    docker: Docker, folder: Path, stranger: subprocess.Popen[bytes], changed: str, verb: list[str]
) -> None:
    start, boot = machine.start_time(stranger.pid).split()
    # a record without a start was made before the practice daemon kept it
    known = {"start": {"started": f"1 {boot}"}, "boot": {"started": f"{start} another"}, "both": {}}[changed]
    container = {"id": "1" * 64, "name": "box", "status": "running", "pid": stranger.pid, **known}
    (folder / "record.json").write_text(json.dumps({"containers": {"1" * 64: {**container, "points": []}}}))
    assert docker("ps", "-q")[1] == ""
    assert "Exited (255)" in docker("ps", "-a")[1]
    assert docker(*verb) == (0, "box\n", "")
    assert stranger.poll() is None


@runs
def test_a_container_whose_programs_were_killed_starts_again(docker: Docker, plugin: Plugin, folder: Path) -> None:
    create = ["run", "-d", "--name", "box", "-v", "mango:/data", "--volume-driver=ddd", "busybox"]
    up = folder / "ddd/volumes/mango/data/up"
    try:
        assert docker(*create, "sh", "-c", "echo up > /data/up; exec sleep 1000")[0] == 0
        wait_for(up)
        (kept,) = json.loads((folder / "record.json").read_text())["containers"].values()
        os.kill(parent(kept["pid"]), signal.SIGKILL)
        machine.end(kept["pid"], kept["started"], patience=0)
        assert docker("ps", "-q")[1] == ""
        up.unlink()
        traced = docker("--trace", "start", "box")[2]
        assert endpoints(traced) == ["Get", "Unmount", "Get", "Mount"]
        assert docker("ps", "-q")[1] == f"{kept['id'][:12]}\n"
        wait_for(up)
    finally:
        docker("rm", "-f", "box")
    assert docker("volume", "rm", "mango")[0] == 0


def wait_for(file: Path) -> None:
    """Wait until a command in a container has made a file: until then its programs are not all there."""
    limit = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < limit, f"{file} is not made"


def parent(pid: int) -> int:
    """The process that has started another one. Source: proc(5)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@runs
def test_a_program_under_nohup_outlives_its_terminal(docker: Docker, plugin: Plugin) -> None:
    words = ["run", "--rm", "busybox", "sh", "-c", "echo up; read line; exit 7"]
    line = ["nohup", sys.executable, "-m", "workshop.daemon.practice.docker", *words]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdin
        assert running.stdout
        assert running.stdout.readline() == b"up\n"
        running.send_signal(signal.SIGHUP)
        running.stdin.write(b"on\n")
        running.stdin.close()
        assert running.wait(20) == 7


def test_where_no_namespace_can_be_made_it_says_so_and_unmounts(
    docker: Docker, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "WAYS", {})
    status, _, errors = docker("--trace", "run", "--rm", "-v", "mango:/data", "--volume-driver=ddd", "busybox", "true")
    assert status == 125
    assert errors.endswith("\n    sudo apt-get install bubblewrap\n")
    assert endpoints(errors)[-2:] == ["Get", "Unmount"]


@pytest.fixture(params=machine.WAYS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the programs that make a mount namespace, and no other."""
    monkeypatch.setattr(machine, "WAYS", {request.param: machine.WAYS[request.param]})
    if not has_a_way():
        pytest.skip(f"{request.param} cannot make a mount namespace here: sudo apt-get install bubblewrap util-linux")


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("place", ["/no-such-folder", "/usr/lib/no-such/folder", "/mnt", "/tmp/no-such-folder"])
def test_a_volume_is_where_it_is_to_be_and_nothing_is_made_for_it(place: str, folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    bound = [Bound(str(folder / "one"), place, False), Bound(str(folder / "two"), f"{place}/inner", True)]
    script = f"echo hello > {place}/note && ! (echo hello > {place}/inner/note) 2>/dev/null && test -e /dev/null"
    assert machine.start(["sh", "-c", script], bound).wait(20) == 0
    assert (folder / "one" / "note").read_text() == "hello\n"
    assert list((folder / "two").iterdir()) == []
    assert not Path("/no-such-folder").exists()
    assert not Path("/usr/lib/no-such").exists()
    assert not Path("/tmp/no-such-folder").exists()


@pytest.mark.usefixtures("program")
def test_a_volume_in_a_full_folder(folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "full").mkdir()
    for number in range(300):
        (folder / "full" / f"{number:0200}").touch()
    bound = [Bound(str(folder / "one"), f"{folder}/full/data", False)]
    assert machine.start(["sh", "-c", f"test $(ls {folder}/full | wc -l) = 301"], bound).wait(20) == 0


@pytest.mark.usefixtures("program")
def test_what_a_command_has_started_ends_with_it(folder: Path) -> None:
    (folder / "data").mkdir()
    os.mkfifo(folder / "data" / "pipe")
    bound = [Bound(str(folder / "data"), "/data", False)]
    orphan = "(setsid sh -c 'echo up; exec sleep 100' > /data/pipe &)"
    process = machine.start(["sh", "-c", f"{orphan}; sleep 100"], bound)
    with process, open(folder / "data" / "pipe") as pipe:
        assert pipe.readline() == "up\n"
        machine.end(process.pid, machine.start_time(process.pid))
        process.wait()
        os.set_blocking(pipe.fileno(), False)
        # an end, where nobody has the pipe any more; with the orphan alive there would be nothing to read yet
        assert os.read(pipe.fileno(), 1) == b""


@pytest.mark.usefixtures("program")
def test_nothing_that_a_command_has_started_outlives_its_end(folder: Path) -> None:
    (folder / "data").mkdir()
    os.mkfifo(folder / "data" / "pipe")
    bound = [Bound(str(folder / "data"), "/data", False)]
    # the kernel takes its time for so much memory
    large = "held = b'x' * 2**28; open('/data/pipe', 'w').write('up'); import signal; signal.pause()"
    process = machine.start([sys.executable, "-c", large], bound)
    with process:
        assert (folder / "data" / "pipe").read_text() == "up"
        everyone = [(each, machine.start_time(each)) for each in machine.children(process.pid)]
        assert everyone
        machine.end(process.pid, machine.start_time(process.pid), patience=0)
        assert not any(machine.is_running(*each) for each in everyone)


# What -v and --mount mean


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("mango:/data", Mount("/data", "mango", "ddd")),
        ("mango:/data:ro", Mount("/data", "mango", "ddd", read_only=True)),
        ("/data", Mount("/data", "", "ddd")),
        ("mango:/data:rw,nocopy", Mount("/data", "mango", "ddd")),
        ("mango:/data/../other/", Mount("/other", "mango", "ddd")),
    ],
)
def test_a_volume_flag(text: str, mount: Mount) -> None:
    assert by_volume_flag(text, "ddd") == mount


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("mm:data", DockerError),
        ("/a:/b", WrongFlag),
        ("aa:/b:ro:x", DockerError),
        ("a:/b:ro:x", DockerError),
        ("m:/data", WrongFlag),  # a drive of Windows
        ("../x:/data", WrongFlag),  # docker since 23.0 takes it for a folder of the machine
        ("mm:/data:bogus", DockerError),
        ("mm:/data:rw,ro", DockerError),
        ("mm:/data:ro,ro", DockerError),
        ("mm:/data:z", WrongFlag),
        ("mm:/data:cached", WrongFlag),
        ("mm:/", DockerError),
        ("mm:/..", DockerError),
        ("/", DockerError),
        ("data", WrongFlag),
        ("", WrongFlag),
        ("mm:", WrongFlag),
        (":/data", WrongFlag),
        ("mm:/data:", WrongFlag),
    ],
)
def test_a_wrong_volume_flag(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        by_volume_flag(text, "")


def test_a_mount_flag() -> None:
    mount = by_mount_flag('type=volume,src=mango,dst=/data,volume-driver=ddd,volume-opt=a=b,"volume-opt=c=d,e",ro')
    assert mount == Mount("/data", "mango", "ddd", {"a": "b", "c": "d,e"}, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("src=mango", "target is required"),
        ("type=bind,src=/a,dst=/b", "volumes, not folders of this machine"),
        ("src=mango,dst=/data,frob=1", "unexpected key 'frob' in 'frob=1'"),
        ("src=mango,dst=/data,frob", "invalid field 'frob' must be a key=value pair"),
        ("src=mango,dst=/data,", "invalid field '' must be a key=value pair"),
        ("", "EOF"),
        ("src=mango,dst=/data,readonly=maybe", "invalid value for readonly: maybe"),
        ("src=mango,dst=/data,readonly=", "invalid value for readonly: "),
        ("src=mango,dst=/data,RO=tRuE", "invalid value for ro: tRuE"),
        ("src=mango,dst=/data,volume-nocopy=x", "invalid value for volume-nocopy: x"),
        ("type=,src=mango,dst=/data", "type is required"),
        ("src=mango,dst=/data,volume-label=a=b", "the practice daemon does not know 'volume-label'"),
        ("src=mango,dst=/data,bind-propagation=shared", "does not know 'bind-propagation'"),
        ('src=mango,dst="/data"', "a quote"),
        ('src=mango,"dst=/data', "a quote"),
        ("src=mango\ndst=/data", "the end of a line"),
        ("src=../mango,dst=/data", "volumes, not folders of this machine"),
        ("src=mango,dst=data", "mount path must be absolute"),
        ("src=mango,dst=/", "destination can't be '/'"),
        ("src=mango,dst=//..", "destination can't be '/'"),
    ],
)
def test_a_wrong_mount_flag(text: str, said: str) -> None:
    with pytest.raises((WrongFlag, DockerError), match=re.escape(said)):
        by_mount_flag(text)


@pytest.mark.parametrize(("value", "read_only"), [("ro", True), ("ro=1", True), ("readonly=F", False), ("ro=0", False)])
def test_what_readonly_takes(value: str, read_only: bool) -> None:
    assert by_mount_flag(f"src=mango,dst=/data,{value}").read_only is read_only


@pytest.mark.parametrize(
    ("volumes", "flags"),
    [
        (["aa:/data", "bb:/data"], []),
        (["aa:/data", "bb:/data/"], []),
        (["aa:/data"], ["src=bb,dst=/x/../data"]),
        ([], ["src=aa,dst=/data", "dst=/data"]),
    ],
)
def test_one_place_twice(volumes: list[str], flags: list[str]) -> None:
    with pytest.raises(DockerError, match=r"^Duplicate mount point: /data$"):
        by_flags(volumes, "", flags)


def test_what_is_asked_for_twice_counts_once_and_an_anonymous_volume_yields() -> None:
    asked = ["/data", "mango:/data", "mango:/data", "/other", "/other/"]
    assert by_flags(asked, "", []) == [Mount("/data", "mango"), Mount("/other")]
