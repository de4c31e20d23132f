"""What the parts promise beyond the steps: they are programs that start, answer and end well."""

import difflib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from steps import STEPS

from workshop.checker.steps import run_step
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import MEDIA_TYPE

PARTS = Path(__file__).parent.parent


def whole(command: list[str]) -> list[str]:
    return [str(PARTS / word) if word.startswith("part") else word for word in command]


def plugin_of(command: list[str], folder: Path) -> Plugin:
    return Plugin(whole(command), folder / "ddd.sock", folder / "root")


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
def test_a_file_in_the_place_of_the_socket_gets_a_sentence(folder: Path, part: int) -> None:
    (folder / "ddd.sock").touch()
    done = python(folder, part)
    assert done.returncode == 1
    assert done.stderr == f"{folder}/ddd.sock is not a socket. Move it away first.\n"


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


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o602, 0o666, 0o777])
def test_who_can_write_to_a_socket_can_connect(mode: int, folder: Path) -> None:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("connects as another user: sudo ./workshop test")
    file = folder / "plugin.py"
    text = (PARTS / "part1" / "plugin.py").read_text()
    file.write_text(text.replace("    listener.listen()", f"    os.chmod(path, {mode})\n    listener.listen()"))
    plugin = PluginUnderTest([sys.executable, str(file)], folder / "ddd.sock", folder / "root")
    result = run_step(plugin, "1.3", STEPS["1.3"], file)
    folder.chmod(0o755)
    connects = connect_as_nobody(plugin.socket)
    plugin.close()
    assert (connects, result.outcome) == (("connected", "FAIL") if mode & 0o002 else ("PermissionError", "ok"))


def test_nobody_connects_before_listen(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "ddd.sock"))
        with socket.socket(socket.AF_UNIX) as caller, pytest.raises(ConnectionRefusedError):
            caller.connect(str(folder / "ddd.sock"))


def connect_as_nobody(path: Path) -> str:
    """Connect as a user without rights of their own, and return "connected", or the name of the error."""
    text = (
        "import socket, sys\ntry:\n    socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n    print('connected')\n"
        "except OSError as error:\n    print(type(error).__name__)\n"
    )
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/env", "python3", "-I"]
    return subprocess.run([*nobody, "-c", text, str(path)], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_red_and_no_traceback_from_start_to_end(number: signal.Signals, folder: Path) -> None:
    plugin = plugin_of([sys.executable, "part1/plugin.py"], folder).start()
    wait_for(lambda: plugin.output().endswith("\n"))  # the socket accepts an instant before the plugin says so
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
    broken.write_text(text.replace('return {"Implements"', 'return None | {"Implements"'))
    plugin = Plugin([sys.executable, str(broken)], folder / "ddd.sock", folder / "root").start()
    answer = plugin.call("Plugin.Activate")
    plugin.close()
    assert (answer.status, bool(answer.err)) == (500, True), answer
    assert "Traceback" not in answer.text


def test_a_setting_that_is_empty_is_none() -> None:
    code = "import runpy, sys; told = runpy.run_path(sys.argv[1]); print(told['SOCKET'], told.get('ROOT'))"
    for part, root in (("part1", None), ("part2", None), ("part3", "/var/lib/ddd")):
        command = [sys.executable, "-c", code, str(PARTS / part / "plugin.py")]
        told = os.environ | {"DDD_SOCKET": "", "DDD_ROOT": ""}
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
        assert done.stdout == f"/run/docker/plugins/ddd.sock {root}\n"


def test_the_spec_files_say_what_the_course_says() -> None:
    spec = json.loads((PARTS / "part2" / "ddd-tls.json").read_text())
    assert set(spec["TLSConfig"]) == {"CAFile", "CertFile", "KeyFile", "InsecureSkipVerify"}
    assert (PARTS / "part2" / "ddd-tcp.spec").read_text() == "tcp://127.0.0.1:8787\n"


def test_from_part_to_part_a_plugin_only_grows() -> None:
    texts = [(PARTS / f"part{part}" / "plugin.py").read_text().splitlines() for part in (1, 2, 3)]
    for before, after in itertools.pairwise(texts):
        gone = [line[2:] for line in difflib.ndiff(before, after) if line.startswith("- ")]
        assert all(line.startswith("from flask import ") for line in gone), gone
