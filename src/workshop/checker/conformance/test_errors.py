"""Conformance: errors, and bodies that no client sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.protocol.exchange import Exchange

NO_NAME: tuple[object, ...] = ("", None, 7, [], {})
MIB = 1024 * 1024


# errors


def unknown(plugin: Candidate) -> Iterator[Exchange]:
    """Ask for a volume that does not exist, and yield the answers that are errors."""
    body: dict[str, object] = {"Name": plugin.name(), "ID": plugin.mount_id()}
    for endpoint in ("Get", "Mount", "Path"):
        answer = plugin.call(f"VolumeDriver.{endpoint}", body)
        if answer.status and (answer.status != 200 or answer.err):
            yield answer


@case("should", podman="must")
def test_errors_status(plugin: Candidate) -> None:
    """An error has a status other than 200.

    Podman takes every 200 for success, and never reads its Err (libpod/plugin/volume_api.go). Docker reads it.
    """
    for answer in unknown(plugin):
        assert answer.status != 200, f"wanted an error status, such as 404, for\n{answer}"


@case("should")
def test_errors_json(plugin: Candidate) -> None:
    """An error is a JSON object with a sentence in Err.

    Docker prints Err. Where there is none, Docker prints the whole body, also a page of HTML. Podman cannot decode
    that.
    """
    for answer in (*unknown(plugin), plugin.call("VolumeDriver.Bake", {"Name": plugin.name()})):
        if answer.status != 200:
            assert answer.err, f'wanted {{"Err": "a sentence"}} for\n{answer}'


@case("should")
def test_errors_sentence(plugin: Candidate) -> None:
    """Err is one line that a person can read.

    `docker volume create` prints it as it is: no traceback, no page, no newline in the middle.
    """
    for answer in unknown(plugin):
        said = answer.err.strip()
        assert "\n" not in said and "Traceback" not in said and "<html" not in said.lower(), (
            f"wanted one line in Err for\n{answer}"
        )


@case("should")
def test_errors_not_json(plugin: Candidate) -> None:
    """A body that is not JSON is refused.

    A plugin that guesses a name from such a body uses a volume that nobody named.
    """
    for endpoint in (*plugin.creating(), "Mount", "Unmount", "Path"):
        name = plugin.name().encode()
        for body in (b"x", b'{"Name":"%b' % name, b"Name=%b&ID=1" % name, b'{"Name":"%b\xff","ID":"1"}' % name):
            plugin.does_not_take(f"VolumeDriver.{endpoint}", body)


@case("should")
def test_errors_wrong_shape(plugin: Candidate) -> None:
    """A body that is JSON, and no object, is refused.

    There is no name in it.
    """
    for endpoint in (*plugin.creating(), "Mount", "Unmount", "Path"):
        for body in (b"[]\n", b'"%b"\n' % plugin.name().encode(), b"1\n"):
            plugin.does_not_take(f"VolumeDriver.{endpoint}", body)


@case("should", destructive=True)
def test_errors_nameless(plugin: Candidate) -> None:
    """A Name that is missing, empty or no string is refused, and makes no volume.

    No client sends one on purpose. As a path, an empty name is the folder of all volumes.
    """
    before = len(plugin.volumes())
    for endpoint in ("Create", "Mount", "Path"):
        for body in ({}, *({"Name": name} for name in NO_NAME)):
            plugin.does_not_take(f"VolumeDriver.{endpoint}", {**body, "ID": plugin.mount_id()})
    assert len(plugin.volumes()) == before, f"wanted the same {before} volumes as before in\n{plugin.exchanges[-1]}"


@case("should")
def test_errors_further_fields(plugin: Candidate) -> None:
    """A field that the plugin does not know is ignored.

    A newer client may send more than an older one: the ID was added to Mount in this way.
    """
    name, mount_id = plugin.name(), plugin.mount_id()
    more: dict[str, object] = {"Name": name, "Labels": {"a": "b"}, "Season": None}
    plugin.succeeds("VolumeDriver.Create", more | plugin.no_options())
    plugin.succeeds("VolumeDriver.Get", more)
    plugin.succeeds("VolumeDriver.Mount", more | {"ID": mount_id})
    plugin.succeeds("VolumeDriver.Unmount", more | {"ID": mount_id})


@case("must")
def test_errors_live_on(plugin: Candidate) -> None:
    """After a call that it cannot read, the plugin answers the next one.

    While the plugin is away, each `docker volume ls` waits 15 s for it (moby issue 22653).
    """
    name = plugin.create()
    for body in (b"", b"[]\n", b"x", b"{}\n", b'{"Name":7,"ID":[]}\n', b'{"Name":"\xff"}'):
        for endpoint in ("Mount", "Unmount", "Path"):
            plugin.call(f"VolumeDriver.{endpoint}", body)
    plugin.knows(name)


@case("should")
def test_errors_deep_json(plugin: Candidate) -> None:
    """A body of 100 000 brackets does not end the plugin.

    Many JSON decoders call themselves for each bracket, until the stack is full.
    """
    name = plugin.create()
    plugin.does_not_take("VolumeDriver.Mount", b"[" * 100_000)
    plugin.exchanges.pop()  # nobody wants to read it
    plugin.knows(name)


@case("should", process=True)
def test_errors_big_body(plugin: Candidate) -> None:
    """A body of 64 MiB is not kept in memory.

    Names and options are short. A body without a limit can fill the memory of the whole machine.
    """
    before = peak(plugin)
    plugin.call("VolumeDriver.Create", b'{"Name":"' + b"x" * 64 * MIB + b'"}')
    plugin.exchanges.pop()
    plugin.said.pop()  # 64 MiB are in no file of results either
    grown = peak(plugin) - before
    plugin.activate()
    assert grown < 48 * MIB, f"wanted less memory for a body of 64 MiB than {grown // MIB} MiB"


def peak(plugin: Candidate) -> int:
    """Return the most memory that the plugin has used so far, in bytes."""
    lines = [line for pid in plugin.processes() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
