"""ddd's numbers for Prometheus: what they count, and that they are served beside the plugin and never in its way."""

import contextlib
import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.engine import wait_for
from test_ddd import SERVERS, create, ended, opened, plugin_of, volume
from test_our_plugins import PARTS
from test_staying_up import NOBODY, Unread, fill, needs_root, worker

from workshop.plugins.process import Plugin

pytestmark = pytest.mark.slow
pytest.importorskip("prometheus_client", reason="needs prometheus_client: ./workshop test installs it")


MISSING = os.strerror(errno.ENOENT)


@pytest.fixture
def ddd(folder: Path) -> Iterator[Plugin]:
    """ddd, running."""
    plugin = plugin_of(SERVERS["gunicorn"], folder)
    yield plugin.start()
    plugin.close()


def printed(plugin: Plugin) -> str:
    """Return what `python -m ddd metrics` prints."""
    command = [*SERVERS["gunicorn"], "metrics"]
    done = subprocess.run(command, env=plugin.environment(), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def samples(text: str) -> dict[str, float]:
    """Return the value of each sample, by its name with its labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def called(endpoint: str, outcome: str) -> str:
    return f'ddd_calls_total{{endpoint="{endpoint}",outcome="{outcome}"}}'


def test_the_table_of_the_page_is_what_is_printed(ddd: Plugin) -> None:
    create(ddd)
    page = (PARTS / "docs" / "operators.md").read_text().partition("## Metrics")[2]
    table = re.findall(r"^\| `(ddd_\w+)` \|(.*?)\|", page, re.MULTILINE)
    found = printed(ddd)
    assert {name for name, _ in table} == set(re.findall(r"^# TYPE (\S+)", found, re.MULTILINE))
    for name, labels in table:
        (sample,) = set(re.findall(rf"^{name}(?:_count)?(?:{{(.*)}})? ", found, re.MULTILINE))
        assert re.findall(r"`(\w+)`", labels) == re.findall(r'(\w+)="', sample), name


def test_they_count_calls_and_what_is_on_the_disk(ddd: Plugin) -> None:
    for name in ("mango", "pear"):
        create(ddd, name)
    for mount_id in ("a", "a", "b"):
        ddd.call("VolumeDriver.Mount", {"Name": "mango", "ID": mount_id})
    ddd.call("VolumeDriver.Remove", {"Name": "mango"})
    ddd.call("VolumeDriver.Get", {"Name": "lemon"})
    ddd.call("VolumeDriver.Get", b"")
    for number in range(20):
        ddd.call(f"VolumeDriver.Get{number}", {})
    assert ddd.root
    (ddd.root / "aside" / "photos").mkdir()
    (ddd.root / "volumes" / "lost+found").mkdir()  # no name of a volume
    found = samples(printed(ddd))
    expected = {
        called("VolumeDriver.Create", "200"): 2,
        called("VolumeDriver.Mount", "200"): 3,
        called("VolumeDriver.Remove", "409"): 1,
        called("VolumeDriver.Get", "404"): 1,
        called("VolumeDriver.Get", "hung-up"): 1,
        called("other", "404"): 20,
        'ddd_call_duration_seconds_count{endpoint="VolumeDriver.Mount"}': 3,
        "ddd_volumes": 2,
        "ddd_mounts": 3,
        "ddd_aside": 1,
        "ddd_log_lines_dropped_total": 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert len([name for name in found if name.startswith("ddd_calls_total")]) == 6
    room = os.statvfs(ddd.root)
    assert abs(found["ddd_free_bytes"] - room.f_bavail * room.f_frsize) < 2**30


def test_dropped_lines_are_counted(folder: Path) -> None:
    reader, writer = os.pipe()
    plugin = Unread(folder, writer)
    try:
        plugin.start()
        fill(writer)
        assert create(plugin).ok
        assert samples(printed(plugin))["ddd_log_lines_dropped_total"] > 0
    finally:
        plugin.close()
        os.close(reader)
        os.close(writer)


@needs_root
def test_their_socket_is_for_root_alone(folder: Path, ddd: Plugin) -> None:
    folder.chmod(0o711)
    (folder / "root").chmod(0o755)
    knock = """use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un($ARGV[0])) or die $!"""
    done = subprocess.run(
        [*NOBODY, "perl", "-e", knock, str(folder / "root" / "metrics.sock")], capture_output=True, text=True
    )
    assert "Permission denied" in done.stderr, done
    assert samples(printed(ddd))["ddd_volumes"] == 0


def test_after_a_kill_and_a_reload_they_are_there_again(ddd: Plugin) -> None:
    create(ddd)
    for number in (signal.SIGKILL, signal.SIGHUP):
        wait_for(lambda: worker(ddd), "the worker")
        before = worker(ddd)
        assert ddd.process
        os.kill(before if number == signal.SIGKILL else ddd.process.pid, number)
        wait_for(lambda: worker(ddd) not in (0, before), "another worker")  # noqa: B023
        wait_for(lambda: ddd.call("VolumeDriver.Get", {"Name": "mango"}).ok, "its answer")
        assert samples(printed(ddd))[called("VolumeDriver.Get", "200")] >= 1
    ddd.kill()
    ddd.start()
    assert samples(printed(ddd))["ddd_volumes"] == 1


def test_a_scrape_takes_no_lock_and_half_of_one_stops_nobody(ddd: Plugin) -> None:
    create(ddd)
    with contextlib.ExitStack() as stack:
        fcntl.flock(stack.enter_context(opened(volume(ddd))), fcntl.LOCK_EX)
        for _ in range(100):
            half = stack.enter_context(socket.socket(socket.AF_UNIX))
            half.connect(str(folder_of(ddd) / "metrics.sock"))
            half.sendall(b"GET /met")
        assert samples(printed(ddd))["ddd_volumes"] == 1
        assert create(ddd, "pear").ok


def folder_of(plugin: Plugin) -> Path:
    assert plugin.root
    return plugin.root


def test_without_a_plugin_there_is_a_sentence(folder: Path) -> None:
    for _ in range(2):
        command = ["env", f"DDD_ROOT={folder / 'root'}", *SERVERS["gunicorn"], "metrics"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert done.stderr.startswith(f"No ddd answers in {folder / 'root'}: ")
        (folder / "root").mkdir(exist_ok=True)


# the address


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def ask(address: str, data: bytes | None = None, method: str | None = None) -> tuple[int, str]:
    """Return the status and text of an answer over HTTP."""
    try:
        asked = urllib.request.Request(f"http://{address}", data, method=method)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_address_has_the_numbers_and_the_health_and_nothing_else(folder: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    plugin = plugin_of(["env", f"DDD_METRICS={address}", *SERVERS["gunicorn"]], folder)
    try:
        create(plugin.start())
        status, text = ask(f"{address}/metrics")
        assert status == 200 and samples(text)["ddd_volumes"] == 1
        assert ask(f"{address}/health") == ask(f"{address}/health?x=1") == (200, "ok\n")
        status, text = ask(f"{address}/metrics?name[]=ddd_calls_total")
        assert status == 200 and list(samples(text)) == [called("VolumeDriver.Create", "200")]
        heads = [ask(f"{address}/{path}", method="HEAD") for path in ("metrics?x=1", "health", "")]
        assert heads == [(200, ""), (200, ""), (404, "")]
        assert ask(f"{address}/health", b"") == (501, "Unsupported method ('POST').\n")
        for path in ("", "Plugin.Activate", "VolumeDriver.List", "VolumeDriver.Create"):
            assert ask(f"{address}/{path}")[0] == 404
            assert ask(f"{address}/{path}", b'{"Name": "pear"}')[0] == 501
        assert plugin.call("metrics", method="GET").status == plugin.call("health", method="GET").status == 404
        root = folder_of(plugin)
        root.rename(root.with_name("away"))
        status, text = ask(f"{address}/health")
        assert status == 503 and text.startswith("ddd is in trouble: ") and text.endswith(".\n")
        found = samples(ask(f"{address}/metrics")[1])
        assert called("VolumeDriver.Create", "200") in found and "ddd_volumes" not in found
        root.with_name("away").rename(root)
        assert ask(f"{address}/health") == (200, "ok\n")
        (root / "aside").rename(root / "away")  # List works without it, Create, Mount and Remove do not
        assert ask(f"{address}/health") == (503, f"ddd is in trouble: [Errno 2] {MISSING}: '{root}/aside'.\n")
        (root / "away").rename(root / "aside")
        assert ask(f"{address}/health") == (200, "ok\n")
    finally:
        plugin.close()


def test_without_the_variable_there_is_no_address(ddd: Plugin) -> None:
    assert ddd.call("Plugin.Activate").ok
    assert not [place for place in ddd.listens() if place.startswith("TCP")]


@pytest.mark.parametrize("port", ["x", "0", "-1", "65536", "99999", "9323/metrics", ""])
def test_a_port_that_is_none_is_told_in_plain_words(folder: Path, port: str) -> None:
    done = ended(folder, server="gunicorn", DDD_METRICS=f"127.0.0.1:{port}")
    sentence = "cannot be used: it is not an address and a port from 1 to 65535. Set it to a free port"
    assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr


def test_numbers_that_cannot_be_written_are_no_fault_of_the_plugin(ddd: Plugin) -> None:
    command = [*SERVERS["gunicorn"], "metrics"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=ddd.environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert (done.returncode, done.stderr) == (1, "The metrics cannot be written: No space left on device.\n")


@needs_root
def test_who_is_not_root_is_told_so(ddd: Plugin) -> None:
    os.chown(folder_of(ddd) / "metrics.sock", 65534, -1)
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *SERVERS["gunicorn"], "metrics"]
    done = subprocess.run(command, env=ddd.environment(), capture_output=True, text=True, timeout=30)
    sentence = f"No ddd answers in {folder_of(ddd)}: Permission denied. Run as root.\n"
    assert (done.returncode, done.stderr) == (1, sentence)


@pytest.mark.parametrize("address", ["9323", ":9323", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "192.0.2.1:9323"])
def test_an_address_that_cannot_be_ends_the_start_with_a_sentence(folder: Path, address: str) -> None:
    done = ended(folder, server="gunicorn", DDD_METRICS=address)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith(f"DDD_METRICS={address} cannot be used: ")
    assert done.stderr.endswith("such as 127.0.0.1:9323.\n")


WITHOUT = """
import runpy, sys
sys.modules["prometheus_client"] = None
sys.argv = ["ddd", *sys.argv[1:]]
runpy.run_module("ddd", run_name="__main__")
"""


def test_without_prometheus_client_the_plugin_works_and_says_what_the_metrics_need(folder: Path) -> None:
    plugin = plugin_of([sys.executable, "-c", WITHOUT], folder)
    try:
        assert create(plugin.start()).ok
    finally:
        plugin.close()
    for told, command in (({"DDD_METRICS": "127.0.0.1:0"}, []), ({}, ["metrics"])):
        environment = plugin.environment() | told
        done = subprocess.run([*plugin.command, *command], env=environment, capture_output=True, text=True, timeout=30)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert f"type: {sys.executable} -m pip install -c constraints.txt '.[serve]'" in done.stderr
