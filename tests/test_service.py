"""ddd as operators run it: gunicorn's log of the calls, the systemd units, and a socket that somebody else holds."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

import pytest
from test_ddd import SERVERS, create, elsewhere, plugin_of, volume
from test_our_plugins import PARTS, wait_for

from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin, accepts
from workshop.protocol.exchange import Exchange, read_answer, request

SERVICE, SOCKET = PARTS / "deploy" / "ddd.service", PARTS / "deploy" / "ddd.socket"
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd's programs: ./workshop test --require slow"
)
pytestmark = pytest.mark.slow

Service = Callable[..., Plugin]
OPTIONS = {"uid": "1000", "mode": "01700"} if os.geteuid() == 0 else {"mode": "01700"}


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    """Makes a ddd, not yet started, behind the words of another command; it is ended after the test."""
    made: list[Plugin] = []

    def make(*before: str) -> Plugin:
        made.append(plugin_of([*before, *SERVERS["gunicorn"]], folder))
        return made[-1]

    yield make
    for plugin in made:
        plugin.close()


# the log


@pytest.fixture(scope="module")
def logging() -> Iterator[Plugin]:
    """A ddd for tests that look at what it writes."""
    with private_folder() as path:
        plugin = plugin_of(SERVERS["gunicorn"], path)
        yield plugin.start()
        plugin.close()


LINE = re.compile(
    r"call=(?P<call>[0-9a-f]{8}) endpoint=(?P<endpoint>\".*\") volume=(?P<volume>\".*\")"
    r" ms=(?P<ms>\d+\.\d) outcome=(?P<outcome>\d+|hung-up) err=(?P<err>\".*\")"
)


def logged(plugin: Plugin, endpoint: str, body: dict[str, object] | bytes | None = None) -> dict[str, str]:
    """Call an endpoint, and return what the one line says that this adds to the log."""
    before = len(lines(plugin))
    plugin.call(endpoint, body)
    wait_for(lambda: len(lines(plugin)) > before)
    (line,) = lines(plugin)[before:]
    said = LINE.fullmatch(line)
    assert said, line
    texts = {key: json.loads(said[key]) for key in ("endpoint", "volume", "err")}
    return said.groupdict() | texts


def lines(plugin: Plugin) -> list[str]:
    """The lines of the log that are about calls."""
    return [line for line in plugin.output().splitlines() if " outcome=" in line]


def test_each_call_is_a_line_in_the_log(logging: Plugin) -> None:
    made = logged(logging, "VolumeDriver.Create", {"Name": "mango"})
    assert (made["endpoint"], made["volume"]) == ("VolumeDriver.Create", "mango")
    assert (made["outcome"], made["err"]) == ("200", "")
    assert 0 < float(made["ms"]) < 10_000
    again = logged(logging, "VolumeDriver.Get", {"Name": "mango"})
    assert again["call"] != made["call"]


def test_an_error_is_in_the_line_with_its_sentence(logging: Plugin) -> None:
    said = logged(logging, "VolumeDriver.Get", {"Name": "nobody"})
    assert (said["outcome"], said["err"]) == ("404", "There is no volume nobody.")


@pytest.mark.parametrize(
    ("endpoint", "body", "outcome", "volume"),
    [
        ("Plugin.Activate", None, "200", ""),
        ("VolumeDriver.Create", b"[" * 100_000, "400", ""),
        ("VolumeDriver.Create", b"x" * (1024 * 1024 + 1), "413", ""),
        ("VolumeDriver.Create", {"Name": None}, "400", "None"),
        ("VolumeDriver.Create", {"Name": ["a"]}, "400", "['a']"),
        ("VolumeDriver.Create", {"Name": "a\nb\x00\x1b[31m\x7f\u202e\" err="}, "400", None),
        ("VolumeDriver.Create", {"Name": "x" * 100_000}, "400", "x" * 100),
        ("Nope%0Acall=1%1b", None, "404", ""),
    ],
)  # fmt: skip
def test_whatever_is_sent_is_one_printable_line(
    logging: Plugin, endpoint: str, body: dict[str, object] | bytes | None, outcome: str, volume: str | None
) -> None:
    said = logged(logging, endpoint, body)
    assert said["outcome"] == outcome
    if volume is None:
        assert isinstance(body, dict)
        volume = str(body["Name"])
    assert said["volume"] == volume
    line = lines(logging)[-1]
    assert line.isascii() and line.isprintable() and len(line) < 2000, line


def test_a_call_that_is_hung_up_is_logged_as_that_with_the_cause_under_the_same_name(logging: Plugin) -> None:
    assert logged(logging, "VolumeDriver.Get", b"")["outcome"] == "hung-up"
    assert logging.root
    away = logging.root.rename(logging.root.with_name("away"))
    said = logged(logging, "VolumeDriver.Get", {"Name": "mango"})
    away.rename(logging.root)
    assert (said["outcome"], said["volume"], said["err"]) == ("hung-up", "mango", "")
    assert f"call={said['call']} /VolumeDriver.Get: [Errno 2] No such file or directory" in logging.output()


def test_the_values_of_options_are_not_logged(logging: Plugin) -> None:
    said = logged(logging, "VolumeDriver.Create", {"Name": "lemon", "Opts": {"password": "swordfish"}})
    assert "leave out password" in said["err"]
    assert "swordfish" not in logging.output()


def test_a_log_that_nobody_takes_costs_no_answer(service: Service) -> None:
    plugin = service("sh", "-c", 'exec "$@" 2>/dev/full', "sh").start()
    assert create(plugin).ok


def test_after_a_reload_a_call_is_still_one_line(service: Service) -> None:
    plugin = service().start()
    reload(plugin)
    assert logged(plugin, "VolumeDriver.Create", {"Name": "mango"})["outcome"] == "200"


def reload(plugin: Plugin) -> None:
    """Send SIGHUP to a plugin that works, and wait until the new worker is there and the old one gone."""
    assert plugin.call("Plugin.Activate").ok and plugin.process
    os.kill(plugin.process.pid, signal.SIGHUP)
    wait_for(lambda: plugin.output().count("Booting worker") == 2 and plugin.output().count("Worker exiting") == 1)


# the units


def unit(file: Path) -> ConfigParser:
    """A unit's settings; of one that is there twice, the last."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(file)
    return parser


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(folder: Path) -> None:
    for file in (SERVICE, SOCKET):
        # the one thing that is not here is the program, which the operator installs
        (folder / file.name).write_text(file.read_text().replace("/opt/ddd/bin/ddd-plugin", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", SERVICE.name, SOCKET.name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_service_is_exposed_to_little() -> None:
    # of 100: a unit without any hardening has 96, and what is left here is what the plugin needs
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=18", str(SERVICE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_units_say_when_and_for_whom() -> None:
    service, listener = unit(SERVICE), unit(SOCKET)
    assert service["Unit"]["Before"] == listener["Unit"]["Before"] == "docker.service"
    assert service["Unit"]["RequiresMountsFor"] == "/var/lib/ddd"
    assert listener["Socket"]["ListenStream"] == "/run/docker/plugins/ddd.sock"
    assert listener["Socket"]["SocketMode"] == "0600"
    hiding = {"ProtectProc", "ProcSubset", "PrivateUsers"} & set(service["Service"])
    assert not hiding, "the plugin must see every process, and act for every user"


@needs_systemd
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace: ./workshop test --require slow")
def test_whatever_runs_ddd_in_a_container_lets_it_look_at_processes() -> None:
    folders = [PARTS.glob("*.md"), *((PARTS / folder).glob("**/*.*") for folder in ("docs", "slides", "src/ddd"))]
    texts = [file.read_text() for folder in folders for file in folder if file.suffix in (".md", ".py")]
    lines = re.findall(r"--cap-add[ =]SYS_PTRACE(.{,35})", " ".join(" ".join(texts).split()))
    assert len(lines) > 6 and set(lines) == {" --security-opt apparmor=unconfined"}, lines


def test_the_service_makes_no_system_call_that_its_unit_forbids(service: Service, folder: Path) -> None:
    trace = folder / "trace"
    plugin = service("strace", "-f", "-qq", "-o", str(trace)).start()
    create(plugin, Opts=OPTIONS)
    for endpoint in ("Get", "List", "Path", "Mount", "Unmount", "Capabilities", "Remove"):
        assert plugin.call(f"VolumeDriver.{endpoint}", {"Name": "mango", "ID": "a"}).ok
    wait_for(lambda: "unlinkat(" in trace.read_text(errors="replace"))  # rm is at work
    plugin.stop()
    text = trace.read_text(errors="replace")
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", text, re.MULTILINE))
    assert made >= {"renameat", "fsync", "flock", "execve", "unlinkat", "fchmod"}, made
    assert "fchown" in made or os.geteuid() != 0
    assert made - allowed() == set()
    assert "PROT_WRITE|PROT_EXEC" not in text, "MemoryDenyWriteExecute= would end it"


def allowed() -> set[str]:
    """The system calls that the unit allows: what SystemCallFilter= lists, in its order."""
    found: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.*)", SERVICE.read_text(), re.MULTILINE):
        calls = set().union(*(calls_of(word) for word in words.lstrip("~").split()))
        found = found - calls if words.startswith("~") else found | calls
    return found


def calls_of(group: str) -> set[str]:
    """The system calls of a group of systemd's, such as @system-service, with those of the groups in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    words = {line.strip() for line in said.stdout.splitlines()[1:]} - {""}
    return set().union(*(calls_of(word) if word[0] == "@" else {word} for word in words if word[0] != "#"))


# a socket that somebody else holds


class Activated(Plugin):
    """ddd on a socket that is held here as systemd holds it: descriptor 3, told by LISTEN_FDS."""

    def __init__(self, folder: Path, *before: str, program: list[str] = SERVERS["gunicorn"]) -> None:
        command = [*before, *program]
        super().__init__(["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&0 0</dev/null', "sh", *command],
                         folder / "given.sock", folder / "root")  # fmt: skip
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.socket.chmod(0o640)
        self.listener.listen()

    def environment(self) -> dict[str, str]:
        return super().environment() | {"DDD_SOCKET": str(self.socket.with_name("own.sock"))}

    def launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command, env=self.environment(), stdin=self.listener.fileno(), stdout=self.log,
                                stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip

    def close(self) -> None:
        super().close()
        self.listener.close()


@pytest.fixture
def activated(folder: Path) -> Iterator[Activated]:
    plugin = Activated(folder)
    yield plugin
    plugin.close()


def test_calls_that_come_while_it_is_started_again_are_answered(activated: Activated) -> None:
    assert create(activated.start()).ok
    assert activated.stop() == 0
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(activated.call, "VolumeDriver.Get", {"Name": "mango"}) for _ in range(4)]
        activated.start()
        assert all(call.result().ok for call in calls)


def test_no_call_is_lost_while_it_is_started_again(activated: Activated) -> None:
    create(activated.start())
    ended = threading.Event()

    def ask() -> int:
        """Ask again and again, and return how often; each call has to be answered.

        As Docker does, it keeps its connection from call to call, and makes a new one when the plugin says so.
        """
        asked, sent = 0, request("VolumeDriver.Get", {"Name": "mango"})
        while not ended.is_set():
            with activated.address().connect(20) as connection:
                answer = Exchange("VolumeDriver.Get", sent)
                while not (answer.closes or ended.is_set()):
                    connection.sendall(sent)
                    read_answer(connection, answer)
                    assert "mango" in answer.text
                    asked += 1
        return asked

    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(ask) for _ in range(4)]
        try:
            for _ in range(3):
                wait_for(lambda: activated.call("VolumeDriver.Get", {"Name": "mango"}).ok)
                assert activated.stop() == 0
                activated.start()
        finally:
            ended.set()
        assert all(call.result() > 3 for call in calls)


def test_the_given_socket_is_the_only_one_and_stays_as_it_is(activated: Activated) -> None:
    for end in (signal.SIGTERM, signal.SIGKILL):
        assert create(activated.start()).ok
        assert not activated.socket.with_name("own.sock").exists()
        activated.signal(end)
        assert f"{stat.S_IMODE(activated.socket.stat().st_mode):o}" == "640"


def test_a_reload_keeps_the_given_socket(activated: Activated) -> None:
    create(activated.start())
    reload(activated)
    assert activated.call("VolumeDriver.Get", {"Name": "mango"}).ok
    assert not activated.socket.with_name("own.sock").exists()
    assert activated.stop() == 0
    assert activated.socket.exists()


def test_it_tells_systemd_when_it_is_ready(activated: Activated, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        activated.start()
        assert systemd.recv(1000).startswith(b"READY=1\n")
    assert activated.call("Plugin.Activate").ok


@needs_systemd
def test_systemd_starts_it_at_the_first_call(service: Service, folder: Path) -> None:
    listening = folder / "ddd.sock"
    told = [f"--setenv=DDD_ROOT={folder / 'root'}", f"--setenv=DDD_SOCKET={folder / 'own.sock'}"]
    plugin = service("systemd-socket-activate", f"--listen={listening}", *told)
    plugin.process = plugin.launch()
    wait_for(lambda: f"Listening on {listening}" in plugin.output())
    assert "Starting gunicorn" not in plugin.output()
    assert create(plugin).ok
    assert plugin.output().count("Starting gunicorn") == 1
    assert not (folder / "own.sock").exists()
    assert plugin.stop() == 0
    assert listening.exists() and not accepts(listening)


# the path that the unit of an earlier version names

STUB = str(PARTS / "part3" / "gunicorn.conf.py")


def test_a_unit_of_the_version_before_starts_ddd_on_its_socket_and_is_told_what_to_change(folder: Path) -> None:
    plugin = Activated(folder, program=[sys.executable, "-m", "gunicorn", "-c", STUB])
    try:
        assert logged(plugin.start(), "VolumeDriver.Create", {"Name": "mango"})["outcome"] == "200"
        assert not plugin.socket.with_name("own.sock").exists()
        program = Path(sys.executable).with_name("ddd-plugin")
        assert f"{STUB} only starts ddd. Change this line of ddd.service: ExecStart={program}\n" in plugin.output()
        assert plugin.stop() == 0
    finally:
        plugin.close()


def test_where_ddd_is_not_installed_it_is_told_how(folder: Path) -> None:
    hidden = "import runpy, sys; sys.modules['ddd'] = None; runpy.run_path(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", hidden, STUB], capture_output=True, text=True, timeout=20)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert f"{sys.executable} -m pip install '.[serve]'" in done.stderr


# what the unit takes away

# as ProtectSystem=strict, StateDirectory=, PrivateTmp= and PrivateNetwork= leave it
SANDBOX = """
mount -t tmpfs tmpfs /var/tmp
mount --bind "$DDD_ROOT" "$DDD_ROOT"
mount -o remount,bind,ro /
TMPDIR=/var/tmp exec "$@"
"""


def capabilities(without: str = "") -> list[str]:
    """The words before a command that leave it the capabilities of the service, but one."""
    kept = [right for right in unit(SERVICE)["Service"]["CapabilityBoundingSet"].split() if right != without]
    bounding = ",".join(["-all", *(right.lower().replace("cap_", "+") for right in kept)])
    return ["setpriv", "--no-new-privs", f"--bounding-set={bounding}", "--inh-caps=-all"]


def sandbox(without: str = "") -> list[str]:
    """The words before a command that give it the file system, the network and the capabilities of the service."""
    rights = capabilities(without)
    return ["unshare", "--mount", "--propagation=slave", "--net", "sh", "-euc", SANDBOX, "sh", *rights]


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give up its rights: sudo ./workshop test")


@needs_root
def test_what_the_service_may_do_is_enough(folder: Path, tmp_path: Path) -> None:
    plugin = Activated(folder, *sandbox())
    root = folder / "root"
    root.mkdir()
    try:
        assert create(plugin.start(), Opts=OPTIONS).ok
        leave_what_a_container_may_leave(volume(plugin) / "data")
        with elsewhere('mount --bind "$1/data" "$2"', volume(plugin), tmp_path):
            refused = plugin.call("VolumeDriver.Remove", {"Name": "mango"})
            assert refused.status == 409 and "has it mounted" in refused.err, refused
        assert plugin.call("VolumeDriver.Remove", {"Name": "mango"}).ok
        wait_for(lambda: os.listdir(root / "aside") == [])
    finally:
        plugin.close()


@needs_root
@pytest.mark.parametrize(
    ("right", "lost"), [("CAP_CHOWN", "create"), ("CAP_DAC_OVERRIDE", "remove"), ("CAP_FOWNER", "remove")]
)
def test_nor_may_it_do_more_than_it_needs(folder: Path, right: str, lost: str) -> None:
    assert right in unit(SERVICE)["Service"]["CapabilityBoundingSet"].split()
    plugin = Activated(folder, *sandbox(without=right))
    (folder / "root").mkdir()
    try:
        made = create(plugin.start(), Opts=OPTIONS)
        assert made.ok == (lost != "create"), made
        if lost == "remove":
            leave_what_a_container_may_leave(volume(plugin) / "data")
            assert plugin.call("VolumeDriver.Remove", {"Name": "mango"}).ok
            wait_for(lambda: "rm: cannot remove" in plugin.output())
    finally:
        plugin.close()


@needs_root
@pytest.mark.parametrize("right", ["", "CAP_SYS_PTRACE"])
def test_it_may_look_at_the_root_of_a_process_of_another_user(right: str) -> None:
    look = [*capabilities(without=right), "stat", "--dereference"]
    with subprocess.Popen(["setpriv", "--reuid=1000", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as another:
        assert another.stdin and another.stdout
        another.stdin.write(b"ready\n")
        another.stdin.flush()
        another.stdout.readline()
        done = subprocess.run([*look, f"/proc/{another.pid}/root"], capture_output=True, text=True, timeout=20)
        another.stdin.close()
    assert (done.returncode == 0) == (not right), done.stderr


def leave_what_a_container_may_leave(data: Path) -> None:
    """Leave files that take rights to delete: of other users, in a closed folder and in a sticky one."""
    for name, mode in (("closed", 0o500), ("sticky", 0o1777)):
        (data / name).mkdir()
        (data / name / "file").touch()
        os.chown(data / name / "file", 1000, 1000)
        os.chown(data / name, 999, 999)
        (data / name).chmod(mode)
    os.chown(data, 999, 999)
    data.chmod(0o700)
