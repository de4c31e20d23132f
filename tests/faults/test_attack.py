"""Anyone who may call the plugin, or write into a volume, can touch nothing outside, and keeps nobody else waiting."""
# mypy: allow-untyped-decorators

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from engine.engine import wait_for
from files import free_port

from workshop.protocol.exchange import Exchange, exchange, read_answer, request

from .canary import Canary
from .conftest import Start, rm_held
from .ddd import SERVERS, Ddd, command

pytestmark = pytest.mark.slow

ENDPOINTS = ("Create", "Get", "List", "Path", "Mount", "Unmount", "Remove")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")


@pytest.fixture
def canary(folder: Path) -> Iterator[Canary]:
    """A canary beside the root, which is untouched after the test."""
    canary = Canary(folder / "canary")
    yield canary
    canary.untouched()
    canary.close()


def names(canary: Canary) -> list[object]:
    """Return names that nobody gets a volume by."""
    outside = [str(canary.folder), "../canary", "../../canary", "a/../../../canary", "..", ".", "/", "", "volumes/../x"]
    shell = [
        f"$(touch {canary.folder}/x)",
        f";touch {canary.folder}/x",
        "`id`",
        "|id",
        "a b",
        "-rf",
        "--help",
        "*",
        "~",
    ]
    signs = [
        "a\x00b",
        "a\nb",
        "mango\n",
        "\n",
        "größe",
        "マンゴー",
        "\ud800",
        "%2e%2e",
        "a\\b",
        ".x",
        "_x",
        "x" * 256,
        "x" * 65536,
    ]
    return [*outside, *shell, *signs, None, 7, 1.5, True, [], {}, ["mango"], {"Name": "mango"}]


# names, IDs, options


def test_no_name_or_id_leads_out(ddd: Ddd, canary: Canary) -> None:
    ddd.succeeds("Create")
    ddd.succeeds("Mount", ID="a")
    for bad in names(canary):
        for endpoint in ("Create", "Get", "Path", "Mount", "Unmount", "Remove"):
            ddd.refuses(endpoint, 400, bad, ID="a", Opts={})
        for endpoint in ("Mount", "Unmount"):
            ddd.refuses(endpoint, 400, "mango", ID=bad)
    assert (ddd.state(), ddd.aside(), ddd.listed()) == ({"mango": {"a": 1}}, [], ["mango"])


def test_no_option_does_anything(ddd: Ddd, canary: Canary) -> None:
    for bad in names(canary):
        ddd.refuses("Create", 400, Opts={str(bad): "x"})
        ddd.refuses("Create", 400, Opts={"mountpoint": bad})
        if not isinstance(bad, dict | None):
            ddd.refuses("Create", 400, Opts=bad)
    assert (ddd.state(), ddd.aside()) == ({}, [])


def test_what_a_fuzzer_sends_is_answered_with_sense(ddd: Ddd, canary: Canary, pytestconfig: pytest.Config) -> None:
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as some

    leaf = some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.from_regex(NAME)
    value = some.recursive(leaf, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=8)
    keys = some.sampled_from(["Name", "ID", "Opts", "name", "NAME", ""])
    like_docker = some.fixed_dictionaries({"Name": leaf, "ID": leaf}, optional={"Opts": value})
    body = like_docker | some.dictionaries(keys | some.text(), value) | value
    sent = body.map(lambda value: json.dumps(value).encode()) | some.binary(max_size=200)

    @settings(
        max_examples=300,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(pytestconfig.getoption("ddd_seed"))
    @given(some.sampled_from(ENDPOINTS), sent)
    def one(endpoint: str, sent: bytes) -> None:
        answer = ddd.call(f"VolumeDriver.{endpoint}", sent)
        if endpoint == "Get" and not sent:
            return
        assert answer.status in (200, 400, 404, 409), answer
        assert answer.ok or answer.err.endswith("."), answer
        assert all(NAME.fullmatch(name) for name in ddd.state())

    one()
    assert ddd.listed() == sorted(ddd.state())


# links


LEFT = "0" * 32  # as the plugin names what it puts aside
PLACES = (
    "volumes/v",
    "volumes/v/data",
    "volumes/v/mounts",
    "volumes/v/mounts/a",
    f"volumes/v/mounts/a.{'0' * 16}",
    "volumes/v/data/link",
    f"aside/{LEFT}",
)


def test_a_planted_link_is_not_followed(ddd: Ddd, canary: Canary) -> None:
    assert ddd.root
    targets = (ddd.root / "nowhere", canary.folder / "secret", canary.folder)
    for number, (place, target) in enumerate(itertools.product(PLACES, targets)):
        name = f"mango{number}"
        path = ddd.root / place.replace("/v", f"/{name}")
        ddd.succeeds("Create", name)
        plant(path, target)
        for endpoint in (*ENDPOINTS, "Create", "Mount"):
            answer = ddd.ask(endpoint, name, ID="a")
            if endpoint == "Mount" and answer.ok:
                assert not Path(answer.json["Mountpoint"]).is_symlink(), "a container would be given what it leads to"
        canary.untouched()
        if os.path.lexists(path.parent):
            plant(path, target)
    ddd.kill()
    ddd.start().nothing_aside()


def plant(path: Path, target: Path) -> None:
    """Put a link at a place, whatever is there."""
    subprocess.run(["rm", "-rf", str(path)], check=True)
    path.symlink_to(target)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("place", ["volumes", "aside"])
def test_a_link_in_the_root_stops_the_start(
    plugin_file: Path, folder: Path, canary: Canary, server: str, place: str
) -> None:
    (folder / "root").mkdir()
    (folder / "root" / place).symlink_to(canary.folder)
    plugin = Ddd(server, folder, plugin_file)
    done = subprocess.run(
        command(server, plugin_file), env=plugin.environment(), capture_output=True, text=True, timeout=10
    )
    assert done.returncode and f"No volumes can be kept in {folder}/root" in done.stderr, done.stderr
    plugin.close()


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("swapped", ["", "data", "data/sub"])
def test_a_folder_that_becomes_a_link_while_it_is_deleted(
    start: Start, folder: Path, canary: Canary, server: str, swapped: str
) -> None:
    with rm_held(folder) as (path, let_go):
        ddd = start(server, "env", f"PATH={path}")
        ddd.succeeds("Create")
        (ddd.volume() / "data" / "sub").mkdir()
        ddd.succeeds("Remove")
        (gone,) = ddd.aside()
        wait_for((folder / "bin" / "held").exists, "rm to be started")
        place = ddd.there / "aside" / gone / swapped
        subprocess.run(["/bin/rm", "-r", str(place)], check=True)
        place.symlink_to(canary.folder)
        let_go()
        ddd.nothing_aside()


def test_a_volume_that_becomes_a_link_and_back_again_and_again(ddd: Ddd, canary: Canary) -> None:
    place, away, over = ddd.volume(), ddd.there / "away", threading.Event()

    def swap() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                place.rename(away)
                place.symlink_to(canary.folder)
                place.unlink()
                away.rename(place)

    with ThreadPoolExecutor(1) as pool:
        swapping = pool.submit(swap)
        for number in range(400):
            answer = ddd.ask(ENDPOINTS[number % len(ENDPOINTS)], ID="a")
            assert answer.status in (200, 404, 409, 500) or answer.failure, answer
            ddd.ask("Unmount", ID="a")
        over.set()
        swapping.result()
    ddd.nothing_aside()


# bodies


def peak(ddd: Ddd) -> int:
    """Return the most memory that the plugin has had at once, in kB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{ddd.worker()}/status").read_text())
    assert found
    return int(found[1])


def chunked(body: bytes) -> bytes:
    """Return a call whose body comes in chunks, without a word on its length."""
    head = request("VolumeDriver.Create").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    size = 1024 * 1024
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


LARGE = b'{"Name": "mango", "Opts": "' + b"x" * 64 * 1024 * 1024 + b'"}'
BODIES = {
    "64 MiB": request("VolumeDriver.Create", LARGE),
    "64 MiB in chunks": chunked(LARGE),
    "100 000 lists": request("VolumeDriver.Create", b'{"Name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "100 000 objects": request("VolumeDriver.Create", b'{"Name":' * 100_000 + b"1" + b"}" * 100_000),
    "a million keys": request("VolumeDriver.Create", b"{" + b",".join(b'"%x":0' % key for key in range(10**5)) + b"}"),
    "a length that is none": request("VolumeDriver.Create").replace(b": 0", b": -1", 1),
    "a length beyond all": request("VolumeDriver.Create").replace(b": 0", b": 99999999999999", 1),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_beyond_all_bounds_is_refused_in_bounded_memory(ddd: Ddd, body: bytes) -> None:
    ddd.succeeds("Create", "pear")
    before = peak(ddd)
    for _ in range(2):
        answer = exchange(ddd.address(), "VolumeDriver.Create", body, ddd.patience)
        assert answer.status in (400, 413), answer
    assert ddd.state() == {"pear": {}}
    ddd.succeeds("Create")
    assert peak(ddd) < 2.5 * before, (before, peak(ddd))


# callers


HALVES = {
    "nothing": b"",
    "half a line": b"POST /Volume",
    "half a head": b"POST /VolumeDriver.List HTTP/1.1\r\nHost: x\r\n",
    "half a body": request("VolumeDriver.Create", {"Name": "mango"})[:-5],
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_slow_callers_keep_nobody_waiting(ddd: Ddd, half: bytes) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            slow.enter_context(ddd.address().connect(ddd.patience)).sendall(half)
        for endpoint in ENDPOINTS:
            ddd.succeeds(endpoint, "pear", ID="a")
    assert "mango" not in ddd.listed(), "half a call has made a volume"


def test_a_flood_of_the_metrics_takes_few_threads_and_they_are_still_served(start: Start) -> None:
    pytest.importorskip("prometheus_client", reason="needs prometheus_client: ./workshop test installs it")
    address = ("127.0.0.1", free_port())
    ddd = start("gunicorn", "env", f"DDD_METRICS={address[0]}:{address[1]}")
    ddd.succeeds("Create")
    before = threads(ddd)
    with contextlib.ExitStack() as flood:
        for _ in range(60):
            for half in (b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an older one is closed
                    flood.enter_context(socket.create_connection(address, ddd.patience)).sendall(half)
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/metrics", timeout=ddd.patience) as answer:
            assert b"ddd_volumes 1.0" in answer.read()
        assert threads(ddd) <= before + 16
        ddd.succeeds("Get")


def threads(ddd: Ddd) -> int:
    """Return how many threads the process has that answers."""
    return len(os.listdir(f"/proc/{ddd.worker()}/task"))


def test_calls_that_wait_for_their_volume_keep_nobody_waiting(ddd: Ddd) -> None:
    ddd.succeeds("Create")
    held = os.open(ddd.volume(), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with contextlib.ExitStack() as waiting:
        waiting.callback(os.close, held)
        for _ in range(50):
            caller = waiting.enter_context(ddd.address().connect(ddd.patience))
            caller.sendall(request("VolumeDriver.Get", {"Name": "mango"}))
        for endpoint in ENDPOINTS:
            ddd.succeeds(endpoint, "pear", ID="a")
    ddd.succeeds("Get")


def test_five_hundred_callers_at_once_are_all_answered(ddd: Ddd) -> None:
    ddd.succeeds("Create")
    sent = request("VolumeDriver.Get", {"Name": "mango"})
    with contextlib.ExitStack() as callers:
        connections = [callers.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(500)]
        for connection in connections:
            connection.settimeout(ddd.patience)
            connection.connect(str(ddd.socket))  # nobody is to be sent away, not even to try again
        for connection in connections:
            connection.sendall(sent)
        for connection in connections:
            answer = Exchange("VolumeDriver.Get", sent)
            read_answer(connection, answer)
            assert answer.ok, answer
    all_over = ddd.ask("Get")
    assert all_over.ok, all_over


KNOCK = """
use Socket;
$SIG{TERM} = sub { $over = 1 };
$| = 1;
print "ready\\n";
while (!$over) {
    socket(my $caller, AF_UNIX, SOCK_STREAM, 0) or die;
    $outcome{connect($caller, pack_sockaddr_un($ARGV[0])) ? 0 : $! + 0} = 1;
}
print join " ", keys %outcome;
"""


@pytest.mark.parametrize("server", SERVERS)
def test_another_user_is_not_let_in_from_the_first_instant_on(start: Start, folder: Path, server: str) -> None:
    folder.chmod(0o711)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    knock = [*nobody, "perl", "-e", KNOCK, str(folder / "ddd.sock")]
    with subprocess.Popen(knock, stdout=subprocess.PIPE) as knocking:
        assert knocking.stdout and knocking.stdout.readline() == b"ready\n"
        ddd = start(server)
        for _ in range(4):
            ddd.kill()
            ddd.start()
        knocking.terminate()
        outcomes = set(map(int, knocking.communicate()[0].split()))
    assert outcomes == {errno.ENOENT, errno.EACCES}, [os.strerror(outcome) for outcome in outcomes]
