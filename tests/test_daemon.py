"""The practice daemon says what real engines said (traces/), and holds out, gives up and forgets as they do."""

from __future__ import annotations

import json
import re
import shlex
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine.record import RESTART, course

from workshop.daemon.calls import Clock
from workshop.daemon.daemon import Container, Daemon, DockerError, Mount
from workshop.daemon.practice.docker import play
from workshop.daemon.practice.talk import Practice
from workshop.protocol.discovery import Places
from workshop.protocol.exchange import Address, Exchange, Shape

TRACES = Path(__file__).parent.parent / "traces"
SHAPES: dict[str, Shape] = {"20.10": "20.10", "28.5": "28"}
Row = dict[str, Any]


def trace(release: str, stem: str) -> list[Row]:
    """The exchanges of a recorded conversation."""
    return [json.loads(line) for line in (TRACES / release / f"{stem}.jsonl").read_text().splitlines()[1:]]


def said(rows: list[Row], known: dict[str, str] | None = None) -> list[object]:
    """What is compared: all that the daemon sent, and of IDs only which are the same. known has earlier ones."""
    ids = {} if known is None else known

    def mask(text: str) -> str:
        return re.sub(r"\b[0-9a-f]{64}\b", lambda match: ids.setdefault(match[0], f"ID {len(ids) + 1}"), text)

    return [(row["method"], row["path"], row["request_headers"], mask(row["request"])) for row in rows]


class Plugin(socketserver.ThreadingUnixStreamServer):
    """A plugin that says what it is told to, one answer after the other, and keeps what it is asked.

    An answer is a status and a body; status 0 ends the connection once the request was read. lacking is how many bytes
    each body is shorter than its Content-Length.
    """

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.asked: list[Row] = []
        self.answers: list[tuple[int, str]] = []
        self.lacking = 0
        super().__init__(str(path), Handler)

    def __enter__(self) -> Plugin:
        threading.Thread(target=self.serve_forever, args=[0.01]).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def endpoints(self) -> list[str]:
        """What was asked, in its order: "Get"."""
        return [row["path"].rpartition(".")[2] for row in self.asked]


class Handler(socketserver.StreamRequestHandler):
    """One exchange."""

    server: Plugin

    def handle(self) -> None:
        method, path, _ = self.rfile.readline().decode().split()
        headers = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != "":
            headers.append([part.strip() for part in line.split(":", 1)])
        length = next(int(value) for name, value in headers if name == "Content-Length")
        body = self.rfile.read(length).decode()
        self.server.asked.append({"method": method, "path": path, "request_headers": headers, "request": body})
        status, answer = self.server.answers.pop(0) if self.server.answers else (599, "nothing more is expected")
        if status:
            # an anonymous volume has another name here than in the trace
            data = re.sub(r"\b[0-9a-f]{64}\b", lambda name: name_in(body) or name[0], answer).encode()
            length = len(data) + self.server.lacking
            self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, length) + data)


def name_in(body: str) -> str:
    """The name of the volume that is asked for."""
    return str(json.loads(body).get("Name", "")) if body else ""


class Nowhere:
    """Containers without a command: their volumes are mounted and unmounted."""

    def foreground(self, practice: Practice, container: Container) -> int:
        practice.daemon.container_start(container)
        if practice.daemon.container_ended(container, 0) and container.remove:
            practice.daemon.container_rm(container, volumes=True)
        return 0

    def detached(self, practice: Practice, container: Container) -> None:
        practice.daemon.container_start(container)

    def end(self, container: Container, patience: float) -> None:
        pass

    def is_running(self, container: Container) -> bool:
        return True


class FakeClock(Clock):
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def plugin(folder: Path) -> Iterator[Plugin]:
    with Plugin(folder / "ddd.sock") as plugin:
        yield plugin


Made = Callable[..., Daemon]


@pytest.fixture
def made(folder: Path) -> Made:
    """Makes a daemon that finds the plugin, and need not wait."""

    def make(shape: Shape = "28", **more: Any) -> Daemon:
        return Daemon(Places(folder, (folder / "specs",)), shape=shape, **{"clock": FakeClock(), "seed": 1, **more})

    return make


@pytest.mark.parametrize("release", SHAPES)
def test_it_says_what_the_engine_said_to_every_command_of_the_course(
    release: str, folder: Path, plugin: Plugin, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "note").write_text("hello\n")
    practice = Practice(made(SHAPES[release]), Nowhere(), folder)
    theirs: dict[str, str] = {}
    ours: dict[str, str] = {}
    for stem, command in course():
        rows = trace(release, stem)
        plugin.asked, plugin.answers = [], [(row["status"], row["answer"]) for row in rows]
        play(["--restart"] if command == RESTART else shlex.split(command), practice)
        assert said(plugin.asked, ours) == said(rows, theirs), stem


def test_the_two_engines_differ_in_their_host_and_in_what_stands_for_no_options() -> None:
    assert {path.name for path in (TRACES / "20.10").iterdir()} == {path.name for path in (TRACES / "28.5").iterdir()}
    differences = set()
    for stem, _ in course():
        for old, new in zip(said(trace("20.10", stem)), said(trace("28.5", stem)), strict=True):
            differences |= different(old, new)
    assert differences == {
        ("Host", "", "plugin.moby.localhost"),
        ("Content-Length", "27", "29"),
        ("Content-Length", "26", "28"),
        ("body", '"Opts":{}', '"Opts":null'),
    }


def different(old: Any, new: Any) -> set[tuple[str, str, str]]:
    """How two exchanges differ: (what, in the old, in the new)."""
    assert old[:2] == new[:2]
    assert [name for name, _ in old[2]] == [name for name, _ in new[2]]
    found = {(a[0], a[1], b[1]) for a, b in zip(old[2], new[2], strict=True) if a != b}
    if old[3] != new[3]:
        before, after = (re.sub(r'.*("Opts":.*)\}\s*', r"\1", each[3]) for each in (old, new))
        found.add(("body", before, after))
    return found


GOOD = [(200, '{"Implements":["VolumeDriver"]}'), (200, '{"Capabilities":{"Scope":"local"}}')]
NO = (404, '{"Err":"no"}')
MOUNTS = [Mount("/data", "mango", "ddd")]
MANGO = (200, '{"Volume":{"Name":"mango"}}')


def test_a_call_that_breaks_is_tried_five_times_and_again_without_its_body(plugin: Plugin, made: Made) -> None:
    attempts: list[tuple[float, Exchange]] = []
    clock = FakeClock()
    daemon = made(clock=clock, on_exchange=lambda exchange: attempts.append((clock.time, exchange)))
    plugin.answers = [*GOOD, NO, *[(0, "")] * 5]
    with pytest.raises(
        DockerError, match=r'^create mango: Post "http://plugin.moby.localhost/VolumeDriver.Create": EOF$'
    ):
        daemon.volume_create("mango", "ddd")
    tries = [(when, exchange.sent) for when, exchange in attempts if exchange.endpoint == "VolumeDriver.Create"]
    assert tries == [(0, '{"Name":"mango","Opts":null}'), (1, ""), (3, ""), (7, ""), (15, "")]


def test_a_call_that_reached_nobody_keeps_its_body(folder: Path, made: Made) -> None:
    attempts: list[str] = []
    daemon = made(on_exchange=lambda exchange: attempts.append(exchange.sent))
    with Plugin(folder / "ddd.sock") as plugin:
        plugin.answers = [*GOOD, MANGO]
        daemon.volume_create("mango", "ddd")
    attempts.clear()
    where = f"dial unix {folder}/ddd.sock: connect: connection refused"
    with pytest.raises(DockerError, match=f'exists in driver "ddd": Post ".*": {re.escape(where)}$'):
        daemon.volume_inspect("mango")
    assert attempts == ['{"Name":"mango"}'] * 5


def test_an_answer_is_never_asked_for_twice(plugin: Plugin, made: Made) -> None:
    plugin.answers = [*GOOD, NO, (503, "busy")]
    with pytest.raises(DockerError, match=r"^create mango: VolumeDriver.Create: busy$"):
        made().volume_create("mango", "ddd")
    assert plugin.endpoints() == ["Activate", "Capabilities", "Get", "Create"]


def test_a_plugin_that_is_not_there_is_looked_for_for_15_seconds(folder: Path, made: Made) -> None:
    clock = FakeClock()
    with pytest.raises(
        DockerError, match=r'^create mango: error looking up volume plugin ddd: plugin "ddd" not found$'
    ):
        made(clock=clock).volume_create("mango", "ddd")
    assert clock.time == 15


@pytest.mark.parametrize("no", [(404, '{"Err":"no"}'), (200, "{}"), (200, '{"Err":"no"}'), (200, "<p>"), (500, "")])
def test_any_error_of_get_ends_the_record_of_the_volume(plugin: Plugin, made: Made, no: tuple[int, str]) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, no, MANGO]
    daemon.volume_create("mango", "ddd", labels={"stage": "test"})
    with pytest.raises(DockerError, match=r"no such volume"):
        daemon.volume_inspect("mango")
    assert daemon.volume_inspect("mango")["Labels"] is None


def test_a_broken_connection_leaves_the_record_of_the_volume(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, *[(0, "")] * 5, MANGO]
    daemon.volume_create("mango", "ddd", labels={"stage": "test"})
    with pytest.raises(DockerError, match=r'error while checking if volume "mango" exists'):
        daemon.volume_inspect("mango")
    assert daemon.volume_inspect("mango")["Labels"] == {"stage": "test"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("1.e", "invalid character 'e' after decimal point in numeric literal"),
        ('{"x": NaN}', "invalid character 'N' looking for beginning of value"),
        ('{"Err": 7, "err": ""}', "json: cannot unmarshal number into Go struct field .*Err of type string"),
        ('{"Err": "no", "err": null}', "no"),
    ],
)
def test_what_go_does_not_take_is_an_error(plugin: Plugin, made: Made, answer: str, words: str) -> None:
    plugin.answers = [*GOOD, NO, (200, answer)]
    with pytest.raises(DockerError, match=f"^create mango: {words}$"):
        made().volume_create("mango", "ddd")


@pytest.mark.parametrize("answer", ['{"Err": "no"} x', '{"Err": NaN}', '{"Err": 7}', '{"Err": 7, "Err": "no"}'])
def test_of_an_error_that_is_no_json_all_of_it_is_said(plugin: Plugin, made: Made, answer: str) -> None:
    plugin.answers = [*GOOD, NO, (500, answer)]
    with pytest.raises(DockerError, match=f"^create mango: VolumeDriver.Create: {re.escape(answer)}$"):
        made().volume_create("mango", "ddd")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, '{"Err":"no"}', "no"),
        (200, '{"Err":"n', "unexpected EOF"),
        (200, "", "unexpected EOF"),
        (500, '{"Err":"no"}', "VolumeDriver.Create: unexpected EOF"),
    ],
)
def test_of_a_body_that_breaks_off_docker_needs_the_first_value(
    plugin: Plugin, made: Made, status: int, body: str, words: str
) -> None:
    plugin.lacking = 9
    plugin.answers = [*GOOD, NO, (status, body)]
    with pytest.raises(DockerError, match=f"^create mango: {words}$"):
        made().volume_create("mango", "ddd")


def test_the_keys_of_a_status_are_the_plugins_own(plugin: Plugin, made: Made) -> None:
    status = {"name": 1, "Err": "kept", "deep": {"volume": None}}
    plugin.answers = [*GOOD, *[(200, json.dumps({"volume": {"NAME": "mango", "status": status}}))] * 2]
    daemon = made()
    daemon.volume_create("mango", "ddd")
    assert daemon.volume_inspect("mango")["Status"] == status


def test_what_implements_lacks_is_kept_until_a_restart(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [(200, '{"Implements":[]}'), *GOOD, MANGO]
    for _ in range(2):
        with pytest.raises(DockerError, match=r"Plugin does not implement the requested driver"):
            daemon.volume_create("mango", "ddd")
    assert plugin.endpoints() == ["Activate"]
    daemon.restart()
    assert daemon.volume_create("mango", "ddd") == "mango"


def test_a_failed_activation_is_tried_again(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [(500, "<p>"), *GOOD, MANGO]
    with pytest.raises(DockerError, match=r"legacy plugin: Plugin.Activate: <p>$"):
        daemon.volume_create("mango", "ddd")
    assert daemon.volume_create("mango", "ddd") == "mango"


def test_capabilities_is_asked_until_it_is_answered(plugin: Plugin, made: Made) -> None:
    plugin.answers = [GOOD[0], (404, ""), MANGO, (404, ""), MANGO, (200, '{"Capabilities":{"Scope":"global"}}'), MANGO]
    daemon = made()
    daemon.volume_create("mango", "ddd")
    assert daemon.volume_inspect("mango")["Scope"] == "global"
    daemon.volume_inspect("mango")
    assert plugin.endpoints() == ["Activate", "Capabilities", "Get", "Capabilities", "Get", "Capabilities", "Get"]


@pytest.mark.parametrize("told", [MANGO, (200, '{"Volume":{"Name":"mango","Mountpoint":"/d/mango"}}')])
def test_a_failed_mount_is_not_unmounted_and_the_container_stays(
    plugin: Plugin, made: Made, told: tuple[int, str]
) -> None:
    daemon = made()
    plugin.answers = [*GOOD, told, told, (200, '{"Err":"no disk"}')]
    container = daemon.container_create(MOUNTS, name="box")
    with pytest.raises(DockerError, match=r"^error while mounting volume '': no disk$"):
        daemon.container_start(container)
    assert plugin.endpoints()[2:] == ["Get", "Get", "Mount"]
    assert daemon.container("box").status == "created"


def test_where_get_says_no_at_the_end_no_unmount_is_sent(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, MANGO, (200, '{"Mountpoint":"/x"}'), NO]
    container = daemon.container_create(MOUNTS)
    daemon.container_start(container)
    daemon.container_stop(container)
    assert plugin.endpoints()[2:] == ["Get", "Get", "Mount", "Get"]


def test_a_refused_unmount_keeps_its_id_for_the_next_start(plugin: Plugin, made: Made) -> None:
    daemon = made()
    mounted = (200, '{"Mountpoint":"/x"}')
    plugin.answers = [*GOOD, MANGO, MANGO, mounted, MANGO, (500, "busy"), MANGO, mounted]
    container = daemon.container_create(MOUNTS)
    daemon.container_start(container)
    daemon.container_stop(container)
    daemon.container_start(container)
    ids = [json.loads(row["request"])["ID"] for row in plugin.asked if row["path"] == "/VolumeDriver.Mount"]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_a_forced_removal_that_fails_is_said_and_forgotten(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, MANGO, MANGO, (409, '{"Err":"in use"}'), MANGO]
    daemon.volume_create("mango", "ddd", labels={"stage": "test"})
    with pytest.raises(DockerError, match=r"^remove mango: VolumeDriver.Remove: in use$"):
        daemon.volume_rm("mango", force=True)
    assert daemon.volume_inspect("mango")["Labels"] is None


def test_two_drivers_with_a_volume_of_one_name(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, MANGO, NO, *GOOD]
    daemon.volume_create("mango", "ddd")
    with pytest.raises(
        DockerError, match=r"^create mango: driver 'ddd' already has volume 'mango': volume name must be"
    ):
        daemon.volume_create("mango")
    assert daemon.volume_create("mango") == "mango", "the plugin has it no more, and so it is free"


@pytest.mark.parametrize(
    ("implements", "wrong"),
    [
        ("5", "number into Go struct field Manifest.Implements of type []string"),
        ("true", "bool into Go struct field Manifest.Implements of type []string"),
        ('"VolumeDriver"', "string into Go struct field Manifest.Implements of type []string"),
        ('["VolumeDriver", 5]', "number into Go struct field Manifest.Implements of type string"),
    ],
)
def test_an_activation_of_another_type_is_said(plugin: Plugin, made: Made, implements: str, wrong: str) -> None:
    plugin.answers = [(200, f'{{"Implements":{implements}}}')]
    with pytest.raises(DockerError, match=rf"legacy plugin: json: cannot unmarshal {re.escape(wrong)}$"):
        made().volume_create("mango", "ddd")


@pytest.mark.parametrize("said", ['"local"', "[]", "5", '{"Scope":5}'])
def test_capabilities_of_another_type_count_as_local_and_are_asked_again(plugin: Plugin, made: Made, said: str) -> None:
    daemon = made()
    plugin.answers = [GOOD[0], (200, f'{{"Capabilities":{said}}}'), MANGO, GOOD[1]]
    daemon.volume_create("mango", "ddd")
    assert plugin.endpoints() == ["Activate", "Capabilities", "Get", "Capabilities"]


@pytest.mark.parametrize(
    "said", ["5", '"x"', '""', "{}", '["a"]', "[[1]]", '[{"Name":5}]', '[{"Mountpoint":5}]', '[{"Status":[]}]']
)
def test_for_a_list_of_another_type_the_record_stands_in(plugin: Plugin, made: Made, said: str) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, (200, f'{{"Volumes":{said}}}')]
    daemon.volume_create("mango", "ddd")
    assert [volume.name for volume in daemon.volume_ls()] == ["mango"]


def test_a_list_may_be_null_and_have_null_in_it(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, (200, '{"Volumes":null}'), (200, '{"Volumes":[null,{"Name":"mango"}]}')]
    daemon.volume_create("mango", "ddd")
    assert daemon.volume_ls() == []
    assert [volume.name for volume in daemon.volume_ls()] == ["mango"]


@pytest.mark.parametrize("said", ["5", '"mango"', "[]", '{"Name":5}', '{"Mountpoint":5}', '{"Status":5}'])
def test_a_volume_of_another_type_is_none(plugin: Plugin, made: Made, said: str) -> None:
    plugin.answers = [*GOOD, (200, f'{{"Volume":{said}}}'), (200, "{}")]
    made().volume_create("mango", "ddd")
    assert plugin.endpoints()[2:] == ["Get", "Create"]


def test_a_mountpoint_of_another_type_is_said(plugin: Plugin, made: Made) -> None:
    daemon = made()
    plugin.answers = [*GOOD, MANGO, MANGO, (200, '{"Mountpoint":5}')]
    wrong = (
        "json: cannot unmarshal number into Go struct field volumeDriverProxyMountResponse.Mountpoint of type string"
    )
    with pytest.raises(DockerError, match=rf"^error while mounting volume '': {re.escape(wrong)}$"):
        daemon.container_start(daemon.container_create(MOUNTS))


@pytest.mark.parametrize(
    ("date", "found"), [("2026-11-23T20:05:47+00:00", True), ("2026-11-23T20:05:47", False), ("", False)]
)
def test_a_date_without_its_zone_means_that_there_is_no_volume(
    plugin: Plugin, made: Made, date: str, found: bool
) -> None:
    plugin.answers = [*GOOD, (200, json.dumps({"Volume": {"Name": "mango", "CreatedAt": date}})), (200, "{}")]
    made().volume_create("mango", "ddd")
    assert plugin.endpoints()[2:] == (["Get"] if found else ["Get", "Create"])


def test_a_plugin_at_an_address_has_any_name(folder: Path, plugin: Plugin) -> None:
    plugin.answers = [*GOOD, MANGO]
    assert Daemon(Address(path=str(folder / "ddd.sock"))).volume_create("mango", driver="whatever") == "mango"
