"""ddd stays up: with a log that nobody reads, locks of strangers, a killed worker, half a call, and nonsense."""

import contextlib
import fcntl
import os
import pty
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.engine import wait_for
from test_ddd import SERVERS, create, plugin_of, waits_for_a_lock

from ddd import locks, log
from workshop.plugins.folders import private_folder
from workshop.plugins.kernel import session_processes
from workshop.plugins.process import Plugin
from workshop.protocol.exchange import MEDIA_TYPE, Exchange, read_answer, request

pytestmark = pytest.mark.slow
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user: sudo ./workshop test")


@pytest.fixture
def ddd(folder: Path) -> Iterator[Plugin]:
    """ddd, not yet started."""
    plugin = plugin_of(SERVERS["gunicorn"], folder)
    yield plugin
    plugin.close()


def worker(plugin: Plugin) -> int:
    """Return the pid of gunicorn's worker; 0 while there is none."""
    assert plugin.process
    pids = Path(f"/proc/{plugin.process.pid}/task/{plugin.process.pid}/children").read_text().split()
    return int(pids[0]) if pids else 0


# a log that nobody reads


class Unread(Plugin):
    """ddd, with what it prints going to a descriptor of the test's."""

    def __init__(self, folder: Path, output: int) -> None:
        super().__init__(SERVERS["gunicorn"], folder / "ddd.sock", folder / "root")
        self.printed_to = output

    def launch(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self.command,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=self.printed_to,
            stderr=self.printed_to,
            start_new_session=True,
        )
        self.launched.append(process)
        return process


def stream() -> tuple[int, int]:
    """Return both ends of a connection, as systemd's journal has them."""
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def fill(descriptor: int) -> None:
    """Write until there is no room for one more byte."""
    os.set_blocking(descriptor, False)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"x" * size)
    os.set_blocking(descriptor, True)


def read_until(descriptor: int, wanted: str) -> str:
    """Read until this was printed; return all that was read."""
    text = ""

    def seen() -> bool:
        nonlocal text
        with contextlib.suppress(BlockingIOError):
            text += os.read(descriptor, 1 << 20).decode()
        return wanted in text

    os.set_blocking(descriptor, False)
    wait_for(seen, wanted)
    return text


@pytest.mark.parametrize("ends", [os.pipe, stream, pty.openpty], ids=["pipe", "socket", "terminal"])
def test_a_log_that_nobody_reads_stops_nothing(folder: Path, ends: object) -> None:
    reader, writer = ends()  # type: ignore[operator]
    fill(writer)
    plugin = Unread(folder, writer)
    try:
        plugin.start()
        assert create(plugin).ok
        for _ in range(100):
            assert plugin.call("VolumeDriver.Get", {"Name": "mango"}).ok
        assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK, "others who write there are not asked to wait"
        read_until(reader, "had no room in the log, and were dropped")
        fill(writer)
        assert plugin.call("VolumeDriver.Get", {"Name": "mango"}).ok
        assert plugin.stop() == 0
    finally:
        plugin.close()
        os.close(reader)
        os.close(writer)


def test_the_log_names_the_file_that_is_in_trouble(folder: Path, ddd: Plugin) -> None:
    volumes = folder / "root" / "volumes"
    ddd.start()
    volumes.rename(folder / "away")
    assert not ddd.call("VolumeDriver.Get", {"Name": "mango"}).ok
    assert f"/VolumeDriver.Get: [Errno 2] No such file or directory: '{volumes}'\n" in ddd.output()


@pytest.mark.parametrize("ours", [True, False], ids=["our pipe", "another user's"])
def test_what_was_dropped_is_counted_and_no_line_is_cut(ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    reader, writer = os.pipe()
    with monkeypatch.context() as patched:
        if not ours:  # then it cannot be opened again
            patched.setattr(os, "open", refuse)
        stderr = log.Stderr(writer)
    for number in range(200):
        print("x" * 1000, number, file=stderr)
    lines = os.read(reader, 1 << 20).decode().splitlines()
    assert stderr.dropped == 200 - len(lines) > 0
    assert lines == [f"{'x' * 1000} {number}" for number in range(len(lines))]
    stderr.catch_up()
    stderr.catch_up()
    print("the end", file=stderr)
    told = f"{stderr.dropped} of the lines before this one had no room in the log, and were dropped."
    assert os.read(reader, 1 << 20).decode().splitlines() == [told, "the end"]
    os.close(reader)
    print("nobody is there", file=stderr)
    assert stderr.dropped == 201 - len(lines)
    os.close(writer)


def test_a_long_line_that_had_room_in_part_goes_on_where_it_ended() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    stderr = log.Stderr(writer)
    print("x" * 10_000, file=stderr)
    print("dropped", file=stderr)
    taken = os.read(reader, 1 << 20)
    while len(taken) < 10_001:
        stderr.catch_up()
        taken += os.read(reader, 1 << 20)
    assert taken.startswith(b"x" * 10_000 + b"\n")
    stderr.catch_up()
    if b"dropped" not in taken:
        taken += os.read(reader, 1 << 20)
    assert b"1 of the lines before this one had no room" in taken
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_with_closed_descriptors_it_works(folder: Path, closed: str) -> None:
    plugin = plugin_of(["sh", "-c", f'exec "$@" {closed}', "sh", *SERVERS["gunicorn"]], folder)
    try:
        assert create(plugin.start()).ok and plugin.call("VolumeDriver.Mount", {"Name": "mango", "ID": "a"}).ok
        wait_for(lambda: worker(plugin), "the worker")
        for pid in (plugin.process.pid if plugin.process else 0, worker(plugin)):
            assert os.readlink(f"/proc/{pid}/fd/2") == os.devnull
    finally:
        plugin.close()


SLOW_START = """
import time
from ddd import server
server.SETTINGS["post_fork"] = lambda arbiter, worker: (print("forked", flush=True), time.sleep(1))
server.metrics = None
server.run()
"""


def test_a_worker_that_has_just_been_forked_ends_at_sigterm(folder: Path) -> None:
    plugin = plugin_of([sys.executable, "-c", SLOW_START], folder)
    try:
        plugin.start()
        wait_for(lambda: "forked" in plugin.output(), "the fork")
        assert plugin.stop() == 0
    finally:
        plugin.close()


def test_a_socket_that_somebody_has_deleted_does_not_trouble_the_end(ddd: Plugin) -> None:
    create(ddd.start())  # it is answered, so that SIGTERM is heard
    ddd.socket.unlink()
    assert ddd.stop() == 0
    assert "Traceback" not in ddd.output()


def test_and_the_socket_of_another_plugin_in_its_place_stays(ddd: Plugin) -> None:
    create(ddd.start())  # it is answered, so that SIGTERM is heard
    ddd.socket.unlink()
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(str(ddd.socket))
        assert ddd.stop() == 0
        assert ddd.socket.is_socket()


# locks of strangers

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
LOCKS = {
    "the one who locked": 'exec flock "$1" -c "echo \\$PPID; exec cat"',
    "a child of it": 'exec 9<"$1"; flock 9; echo $$; exec cat',
}


@contextlib.contextmanager
def locked(folder: Path, script: str, *before: str) -> Iterator[str]:
    """Have a process lock a folder; give the number that it prints."""
    command = [*before, "sh", "-euc", script, "sh", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


@needs_root
@pytest.mark.parametrize("script", LOCKS.values(), ids=LOCKS)
def test_a_stranger_s_lock_is_told_and_stops_nothing(folder: Path, ddd: Plugin, script: str) -> None:
    folder.chmod(0o711)
    root = folder / "root"
    root.mkdir(mode=0o755)
    with locked(root, script, *NOBODY) as pid:
        assert create(ddd.start()).ok
        told = re.findall(r"Process (\d+) of user (.*) has locked (.*)\. Any user", ddd.output())
        assert {each[1:] for each in told} == {("65534", str(root))}, ddd.output()
        found = [number for number, _, _ in told]
        assert pid in found and all(Path(f"/proc/{number}").exists() for number in found), (pid, found)
    lock = root / "lock"
    assert f"{stat.S_IMODE(lock.stat().st_mode):o}" == "600"
    done = subprocess.run([*NOBODY, "flock", "--nonblock", str(lock), "true"], capture_output=True, text=True)
    assert done.returncode and "Permission denied" in done.stderr


@needs_root
@pytest.mark.parametrize("script", LOCKS.values(), ids=LOCKS)
@pytest.mark.parametrize("before", [["--pid", "--fork", "--kill-child", "--mount-proc"], []], ids=["hidden", "seen"])
def test_where_the_stranger_cannot_be_seen_the_lock_stops_nothing_either(
    folder: Path, script: str, before: list[str]
) -> None:
    folder.chmod(0o711)
    (folder / "root").mkdir(mode=0o755)
    without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    plugin = plugin_of([*(["unshare", *before] if before else without), *SERVERS["gunicorn"]], folder)
    with locked(folder / "root", script, *NOBODY) as pid:
        try:
            assert create(plugin.start()).ok
            said = plugin.output()
            known = f"Process {pid} of user 65534" if not before and script == LOCKS["the one who locked"] else ""
            assert f"{known or 'A process that cannot be seen'} has locked {folder / 'root'}. Any user" in said, said
        finally:
            plugin.close()


@needs_root
@pytest.mark.parametrize("script", LOCKS.values(), ids=LOCKS)
def test_the_same_lock_of_root_s_is_another_ddd(folder: Path, ddd: Plugin, script: str) -> None:
    (folder / "root").mkdir(mode=0o755)
    with locked(folder / "root", script):
        ddd.process = ddd.launch()
        assert ddd.exit_status(wait=10) == 1
        assert ddd.output().startswith(f"Another ddd works in {folder / 'root'}.")


RENAMED = "import sys; open('/proc/self/comm', 'w').write('x\\rUid:\\t0'); print(flush=True); sys.stdin.read()"


@needs_root
def test_the_name_of_a_process_does_not_make_it_roots() -> None:
    command = [*NOBODY, "/usr/bin/env", "python3", "-c", RENAMED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        assert locks.user_of(str(process.pid)) == "65534"
        process.communicate()


def test_a_pipe_in_the_place_of_the_lock_stops_nothing(folder: Path, ddd: Plugin) -> None:
    (folder / "root").mkdir()
    os.mkfifo(folder / "root" / "lock")
    assert create(ddd.start()).ok


# a worker that is killed


def leave(plugin: Plugin, name: str = "0" * 32) -> Path:
    """Leave aside what a worker leaves that was killed while it deleted a volume."""
    assert plugin.root
    left = plugin.root / "aside" / name
    (left / "data").mkdir(parents=True)
    (left / "data" / "file").touch()
    return left


def test_what_a_killed_worker_left_goes_while_the_plugin_runs(ddd: Plugin) -> None:
    create(ddd.start())
    left, killed, parent = leave(ddd), worker(ddd), ddd.process
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not left.exists(), "what was left to go")
    assert worker(ddd) != killed and ddd.process is parent and ddd.runs
    assert ddd.call("VolumeDriver.Get", {"Name": "mango"}).ok


def test_where_rm_cannot_be_run_the_calls_are_answered_and_the_log_says_what_stays(folder: Path) -> None:
    plugin = plugin_of(["env", "PATH=/nowhere", *SERVERS["gunicorn"]], folder)
    left = leave(plugin), leave(plugin, "1" * 32)
    try:
        plugin.start()
        assert create(plugin).ok and create(plugin).ok
        wait_for(lambda: all(f"{path} is not deleted: " in plugin.output() for path in left), "two lines in the log")
    finally:
        plugin.close()


def test_after_a_sighup_it_goes_when_the_worker_of_before_has_ended(ddd: Plugin) -> None:
    create(ddd.start())
    assert ddd.root and ddd.process
    before, volume = worker(ddd), os.open(ddd.root / "volumes" / "mango", os.O_RDONLY)
    fcntl.flock(volume, fcntl.LOCK_EX)
    with ddd.address().connect(20) as waiting:
        waiting.sendall(request("VolumeDriver.Get", {"Name": "mango"}))  # which keeps the worker
        wait_for(lambda: waits_for_a_lock(before), "a call that waits for its volume")
        left = leave(ddd)
        ddd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(session_processes(ddd.process.pid)) == 3, "the next worker")  # type: ignore[union-attr]
        assert all(create(ddd, f"pear{number}").ok for number in range(20)) and left.exists()
        os.close(volume)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: not left.exists(), "what was left to go")


def test_a_worker_whose_master_is_killed_leaves_the_root_to_the_next(ddd: Plugin) -> None:
    assert create(ddd.start()).ok and ddd.root and ddd.process
    orphan = Path(f"/proc/{worker(ddd)}")
    volume = os.open(ddd.root / "volumes" / "mango", os.O_RDONLY)
    fcntl.flock(volume, fcntl.LOCK_EX)
    with ddd.address().connect(20) as waiting:
        waiting.sendall(request("VolumeDriver.Get", {"Name": "mango"}))
        ddd.process.kill()
        wait_for(lambda: "Parent changed" in ddd.output(), "the worker to see it")
        os.close(volume)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200 ")
        # the connection stays open, as Docker's do
        wait_for(lambda: not orphan.exists(), "the end of the worker")
    assert create(ddd.start()).ok


# callers that send half


HALVES = [b"P", b"POST /VolumeDriver.List HTTP/1.1\r\nHost: x\r\n", request("VolumeDriver.Create", {"Name": "no"})[:-5]]
HALVES.append(HALVES[2].replace(b"Content-Length: ", b"Content-Length: " + b"0" * 20))


def test_half_a_call_has_ten_seconds_and_no_call_at_all_has_a_week(ddd: Plugin) -> None:
    with contextlib.ExitStack() as callers:
        ddd.start()
        idle, dripping, *half = [callers.enter_context(ddd.address().connect(30)) for _ in range(2 + len(HALVES))]
        for connection, sent in zip(half, HALVES, strict=True):
            connection.sendall(sent)

        def drip() -> bool:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                dripping.send(b"x")
            return bool(connection_is_over(dripping))

        dripping.setblocking(False)
        wait_for(drip, "the end of a call that comes in drops")
        assert [connection.recv(100) for connection in half] == [b""] * len(HALVES)
        idle.sendall(request("VolumeDriver.List", {}))
        assert idle.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert "A call had not arrived whole after 10 seconds" in ddd.output()


def test_a_thousand_connections_without_a_call_stop_nobody(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("needs 4096 open files: ulimit -Hn 4096")
    plugin = plugin_of(["sh", "-c", 'ulimit -Sn 1024; exec "$@"', "sh", *SERVERS["gunicorn"]], folder)
    with contextlib.ExitStack() as idle:
        idle.callback(plugin.close)
        plugin.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        idle.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            idle.enter_context(plugin.address().connect(10))
        assert create(plugin).ok


IDLE = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
idle = [socket.socket(socket.AF_UNIX) for _ in range(550)]
for each in idle:
    each.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("files", [1024, 256])
def test_nor_do_they_where_no_more_files_may_be_opened(folder: Path, files: int) -> None:
    plugin = plugin_of(["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *SERVERS["gunicorn"]], folder)
    with contextlib.ExitStack() as idle:
        idle.callback(plugin.close)
        assert create(plugin.start()).ok
        before = worker(plugin)
        for _ in range(2):
            command, pipe = [sys.executable, "-c", IDLE, str(plugin.socket)], subprocess.PIPE
            callers = idle.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe))
            idle.callback(callers.communicate)
            assert callers.stdout and callers.stdout.readline() == b"ready\n"
        for _ in range(10):
            assert plugin.call("VolumeDriver.Get", {"Name": "mango"}).ok
        assert worker(plugin) == before
        assert ("may open only 256 files" in plugin.output()) == (files < 1024)


IMPATIENT = "import runpy; from ddd import worker; worker.SENDING = 1; runpy.run_module('ddd', run_name='__main__')"


def test_callers_who_do_not_read_their_answer_stop_nobody(folder: Path) -> None:
    plugin = plugin_of([sys.executable, "-c", IMPATIENT], folder)
    for number in range(4000):  # a List of them is more than a socket holds
        (folder / "root" / "volumes" / f"mango{number}").mkdir(parents=True)
    with contextlib.ExitStack() as callers:
        callers.callback(plugin.close)
        plugin.start()
        for _ in range(70):
            callers.enter_context(plugin.address().connect(10)).sendall(request("VolumeDriver.List", {}))
        wait_for(lambda: create(plugin).ok, "an answer")


def connection_is_over(connection: socket.socket) -> bool:
    """Tell whether the other end has closed."""
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_stop_does_not_wait_for_the_rest_of_a_call(ddd: Plugin) -> None:
    with ddd.start().address().connect(10) as half:
        half.sendall(HALVES[2])
        assert ddd.call("Plugin.Activate").ok
        assert ddd.stop() == 0
    assert ddd.waited < 5


# nonsense

CREATE = b"POST /VolumeDriver.Create HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"Name": "mango"}'
CHUNKED = CREATE + b"Transfer-Encoding: chunked\r\n\r\n"
ODD = {
    "nothing": (b"\r\n\r\n", 400),
    "one word": (b"hello\r\n\r\n", 400),
    "lines without CR": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/7.0": (b"GET / HTTP/7.0\r\n\r\n", 400),
    "a method in small letters": (b"post / HTTP/1.1\r\n\r\n", 400),
    "a path that is no ASCII": (b"POST /\xff HTTP/1.1\r\n\r\n", 400),
    "a path with bytes of no text": (b"POST /%ff%00%0a HTTP/1.1\r\n\r\n", 404),
    "a path without a slash": (b"POST VolumeDriver.List HTTP/1.1\r\n\r\n", 400),
    "a whole address": (b"POST http://[/VolumeDriver.List HTTP/1.1\r\n\r\n", 400),
    "another method": (b"CONNECT x:1 HTTP/1.1\r\n\r\n", 404),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\n\r\n", 404),
    "a long line": (b"POST /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (CREATE + b"X: " + b"x" * 10_000 + b"\r\n\r\n", 431),
    "many headers": (CREATE + b"X: x\r\n" * 200 + b"\r\n", 431),
    "a head without an end": (CREATE + b"X: x\r\n" * 200_000, 431),
    "a header without a colon": (CREATE + b"hello\r\n\r\n", 400),
    "a NUL in a header": (CREATE + b"X: \x00\r\n\r\n", 400),
    "a folded header": (CREATE + b"X: x\r\n y\r\n\r\n", 400),
    "two hosts": (CREATE + b"Host: y\r\n\r\n", 400),
    "a host that is none": (CREATE.replace(b": x", b": a b/c") + b"Content-Length: 0\r\n\r\n", 400),
    "another expectation": (CREATE + b"Expect: cake\r\n\r\n", 417),
    "two schemes": (CREATE + b"X-Forwarded-Proto: https\r\nX-Forwarded-SSL: off\r\n\r\n", 400),
    "a length that is none": (CREATE + b"Content-Length: x\r\n\r\n", 400),
    "a length below 0": (CREATE + b"Content-Length: -1\r\n\r\n", 400),
    "two lengths": (CREATE + b"Content-Length: 17\r\nContent-Length: 17\r\n\r\n" + BODY, 400),
    "a length beyond all": (CREATE + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + BODY, 413),
    "a length over a megabyte": (CREATE + b"Content-Length: 2000000\r\n\r\n" + BODY, 413),
    "a body that broke off": (CREATE + b"Content-Length: 100\r\n\r\n" + BODY, 400),
    "no body": (CREATE + b"Content-Length: 100\r\n\r\n", 400),
    "chunks": (CHUNKED + b"11\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    "a chunk without a size": (CHUNKED + b"x\r\n" + BODY, 400),
    "a chunk that broke off": (CHUNKED + b"11\r\n" + BODY[:5], 400),
    "another coding": (CREATE + b"Transfer-Encoding: cake\r\n\r\n", 501),
    "another coding in chunks": (CREATE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Plugin]:
    """A ddd that is told a prefix for all paths, as another program on this machine may need it."""
    with private_folder() as path:
        plugin = plugin_of(["env", "SCRIPT_NAME=/prefix", *SERVERS["gunicorn"]], path)
        plugin.start()
        wait_for(lambda: worker(plugin), "the worker")
        yield plugin
        plugin.close()


WAYS = [
    (name, ends) for name in ODD for ends in (True, False) if ends or name not in ("a body that broke off", "no body")
]
"""What is sent, and whether its caller then ends the connection, or waits: with half a call for nothing."""


@pytest.mark.parametrize(("name", "ends"), WAYS)
def test_nonsense_is_refused_with_a_sentence_in_json(running: Plugin, name: str, ends: bool) -> None:
    sent, status = ODD[name]
    before = worker(running)
    with running.address().connect(10) as connection:
        answer = Exchange("", sent)
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(sent)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        read_answer(connection, answer)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert list(answer.json) == ["Err"] and answer.err.endswith(".") and "browser" not in answer.err, answer
    assert running.call("VolumeDriver.List", {}).json == {"Volumes": [], "Err": ""}
    assert worker(running) == before


def test_who_waits_for_100_continue_gets_it_and_then_the_answer(running: Plugin) -> None:
    head = b"POST /VolumeDriver.Get HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n"
    with running.address().connect(8) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for sent in (BODY, head + BODY):
            connection.sendall(sent)
            answer = Exchange("", sent)
            read_answer(connection, answer)
            assert answer.status == 404, answer


def test_who_keeps_a_connection_open_that_is_over_holds_up_nobody(running: Plugin) -> None:
    with contextlib.ExitStack() as callers:
        for _ in range(20):
            callers.enter_context(running.address().connect(10)).sendall(b"hello\r\n\r\n")
        assert running.call("VolumeDriver.List", {}).ok


def test_a_script_name_changes_nothing(running: Plugin) -> None:
    with running.address().connect(10) as connection:
        connection.sendall(
            request("VolumeDriver.List", {}).replace(b"\r\n", b"\r\nSCRIPT_NAME: /other\r\nScript-Name: /x\r\n", 1)
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
