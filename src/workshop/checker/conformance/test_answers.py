"""Conformance: activation, HTTP, the form of answers and of errors."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.protocol.exchange import PODMAN_TYPE, Exchange

JSON_TYPE = "application/json"
NO_NAME: tuple[object, ...] = ("", None, 7, [], {})
MIB = 1024 * 1024


# activation


@case("must")
def test_activate_names_volume_driver(plugin: Candidate) -> None:
    """Plugin.Activate, which has an empty body, is answered with a list that names VolumeDriver.

    In any other spelling Docker says that the plugin does not implement the requested driver, and remembers that until
    it is restarted (moby pkg/plugins/plugins.go, activateWithLock).
    """
    plugin.activated()


@case("must")
def test_activate_again(plugin: Candidate) -> None:
    """A second Plugin.Activate gets the same answer, and harms no volume.

    Docker activates once in each run of the daemon, and Podman before each command; the volumes live on.
    """
    name = plugin.create()
    first = plugin.activated().json
    answer = plugin.activated()
    assert answer.json == first, f"wanted {first} again from\n{answer}"
    plugin.there(name)


@case("should")
def test_activate_with_a_body(plugin: Candidate) -> None:
    """Plugin.Activate takes no notice of a body.

    No client of today sends one. curl -d '{}', with which its author tries a plugin, does.
    """
    wanted = plugin.activated().json
    answer = plugin.call("Plugin.Activate", {}, content_type=JSON_TYPE)
    assert answer.json == wanted, f"wanted {wanted} for\n{answer}"


# HTTP


@case("must", podman="none")
def test_http_empty_host(plugin: Candidate) -> None:
    """A call with an empty Host header is a call like any other.

    Docker Engine sends it on a Unix socket up to 20.10.25, 23.0.6 and 24.0.4 (moby issue 45935).
    """
    name = plugin.name()
    for endpoint in ("Create", "Get"):
        answer = plugin.call(f"VolumeDriver.{endpoint}", {"Name": name, "Opts": {}}, shape="20.10")
        assert plugin.took(answer), f"wanted success with an empty Host for\n{answer}"


@case("must", podman="none")
def test_http_no_content_type(plugin: Candidate) -> None:
    """A body is JSON, though no Content-Type says so.

    Docker names none (moby pkg/plugins/transport/http.go, NewRequest).
    """
    name = plugin.create()
    plugin.there(name)


@case("should", podman="must")
def test_http_podman_content_type(plugin: Candidate) -> None:
    """A call is answered whatever its Content-Type says.

    Podman sends application/vnd.docker.plugins.v1.1+json, and curl -d a form's.
    """
    for content_type in (PODMAN_TYPE, JSON_TYPE, "application/x-www-form-urlencoded"):
        name = plugin.name()
        answer = plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}, content_type=content_type)
        assert plugin.took(answer), f"wanted success with Content-Type {content_type} for\n{answer}"
        plugin.there(name)


@case("must")
def test_http_keep_alive(plugin: Candidate) -> None:
    """One connection takes one call after the other, until an answer says Connection: close.

    Docker keeps its connections for hundreds of calls. A call that meets a closed one is sent again without its body
    (moby issue 39331).
    """
    name, calls = plugin.create(), 20
    while calls:
        with plugin.connection() as connection:
            calls = calls_on(plugin, connection, name, calls)


def calls_on(plugin: Candidate, connection: socket.socket, name: str, calls: int) -> int:
    """Get a volume so many times on one connection, or until the plugin says that it closes; return what is left."""
    for left in reversed(range(calls)):
        answer = plugin.on(connection, "VolumeDriver.Get", {"Name": name})
        wanted = "wanted an answer on a connection that was left open, without Connection: close, for"
        assert answer.status, f"{wanted}\n{answer}"
        volume = answer.object.get("Volume")
        named = isinstance(volume, dict) and volume.get("Name") == name
        assert named, f"wanted the volume {name} each time, got\n{answer}"
        if answer.closes:
            return left
    return 0


@case("must")
def test_http_silent_caller(plugin: Candidate) -> None:
    """A connection on which nothing is said keeps nobody waiting.

    Docker keeps idle connections open, and opens others beside them; Plugin.Activate waits for ever.
    """
    with plugin.connection():
        plugin.activated()
        plugin.create()


@case("should")
def test_http_half_a_call(plugin: Candidate) -> None:
    """A call that comes only half keeps nobody waiting.

    A daemon that is stopped in the middle of a call must not take the plugin with it.
    """
    name = plugin.create()
    whole = plugin.bytes_of("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {}})
    for part in (whole[:30], whole[:-9]):
        with plugin.connection() as connection:
            connection.sendall(part)
            # the plugin may come to the first of these before it comes to the half
            for _ in range(5):
                plugin.there(name)


@case("must")
def test_http_cut_call(plugin: Candidate) -> None:
    """A call that is cut off makes nothing.

    Its user is told that it failed. A volume that is there all the same was asked for by nobody.
    """
    name = plugin.name()
    whole = plugin.bytes_of("VolumeDriver.Create", {"Name": name, "Opts": {"note": "x" * 50}})
    with plugin.connection() as connection:
        connection.sendall(whole[: whole.index(b"Opts") + 30])
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            while connection.recv(4096):
                pass
    plugin.gone(name)


@case("must", process=True)
def test_http_descriptors(plugin: Candidate) -> None:
    """A call leaves no open file behind in the plugin.

    A daemon calls thousands of times. A plugin that has used up its files answers nobody.
    """
    live(plugin)
    before = descriptors(plugin)
    for _ in range(40):
        live(plugin)
    plugin.exchanges[:] = plugin.exchanges[-1:]
    after = descriptors(plugin)
    assert after - before < 10, f"wanted as many open files as before 40 volumes came and went, {before}, not {after}"


def live(plugin: Candidate) -> None:
    """Let a volume come, be used, and go; and ask for one that is not there."""
    name, mount_id = plugin.create(), plugin.mount_id()
    plugin.there(name)
    plugin.mount(name, mount_id)
    plugin.unmount(name, mount_id)
    plugin.remove(name)
    plugin.call("VolumeDriver.Get", {"Name": name})


def descriptors(plugin: Candidate) -> int:
    """Return how many files the plugin has open."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in plugin.processes())


@case("should")
def test_http_unknown_endpoint(plugin: Candidate) -> None:
    """An endpoint that the plugin does not have is an error, and the plugin lives on.

    The next version of the protocol asks for it, and must not be told that all went well (moby issue 21758).
    """
    plugin.not_taken("VolumeDriver.Bake", {"Name": plugin.name()})
    plugin.activated()


@case("should")
def test_http_wrong_method(plugin: Candidate) -> None:
    """Only POST makes a volume.

    Every client sends POST. A GET, which a browser can be made to send, should change nothing.
    """
    name = plugin.name()
    for method in ("GET", "PUT"):
        plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}, method=method)
        assert plugin.get(name) is None, f"wanted no volume of {method}\n{plugin.exchanges[-2]}"


# answers


def whole_life(plugin: Candidate) -> Iterator[Exchange]:
    """Call each endpoint in the life of a volume, and yield the answers that Docker looks at."""
    name, mount_id = plugin.name(), plugin.mount_id()
    volume: dict[str, object] = {"Name": name}
    yield plugin.call("VolumeDriver.Create", volume | plugin.no_options())
    yield plugin.call("VolumeDriver.Get", volume)
    yield plugin.call("VolumeDriver.List", None if plugin.profile == "podman" else {})
    yield plugin.call("VolumeDriver.Mount", volume | {"ID": mount_id})
    yield plugin.call("VolumeDriver.Unmount", volume | {"ID": mount_id})
    yield plugin.call("VolumeDriver.Remove", volume)


@case("must")
def test_answers_to_all(plugin: Candidate) -> None:
    """Each endpoint is answered.

    Docker waits a minute for most of them, and two for Create and Mount; Podman waits five seconds.
    """
    for answer in whole_life(plugin):
        assert answer.status, f"wanted an answer for\n{answer}"


@case("must")
def test_answers_status(plugin: Candidate) -> None:
    """Success has the status 200.

    201 and 204 are errors to Docker and Podman (moby pkg/plugins/client.go, callWithRetry).
    """
    for answer in whole_life(plugin):
        assert answer.status not in range(201, 400), f"wanted status 200 for\n{answer}"


@case("must", podman="should")
def test_answers_object(plugin: Candidate) -> None:
    """Success is a JSON object.

    Docker decodes every answer, that of Create and Remove too. An empty body is the error EOF to it.
    """
    for answer in whole_life(plugin):
        if answer.status == 200:
            assert isinstance(answer.json, dict) or answer.text.strip() == "null", f"wanted {{…}} for\n{answer}"


@case("must", podman="should")
def test_answers_err(plugin: Candidate) -> None:
    """Err is a text, and empty where all went well: "", null or absent.

    A number or an object under Err cannot be decoded, and any text is an error (moby daemon/volume/drivers/proxy.go).
    """
    for answer in whole_life(plugin):
        said = answer.object.get("Err")
        if answer.status == 200:
            assert said in (None, ""), f'wanted {{"Err": ""}} for\n{answer}'


@case("should")
def test_answers_media_type(plugin: Candidate) -> None:
    """Answers say in Content-Type that they are JSON.

    No client looks at it; people and proxies do. The plugins' own is application/vnd.docker.plugins.v1.2+json.
    """
    for answer in whole_life(plugin):
        said = answer.headers.get("content-type", "")
        assert "json" in said, f"wanted a JSON media type, not {said or 'none'}, for\n{answer}"


@case("record")
def test_answers_keep_alive(plugin: Candidate) -> None:
    """Whether the plugin keeps a connection open after its answer.

    A connection that is kept saves a daemon the opening of the next one.
    """
    with plugin.connection() as connection:
        answer = plugin.on(connection, "Plugin.Activate")
    plugin.note("closes each connection" if answer.closes else "keeps connections open")


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

    Docker prints Err; where there is none, it prints the whole body, a page of HTML too. Podman cannot decode that.
    """
    for answer in (*unknown(plugin), plugin.call("VolumeDriver.Bake", {"Name": plugin.name()})):
        if answer.status != 200:
            assert answer.err, f'wanted {{"Err": "a sentence"}} for\n{answer}'


@case("should")
def test_errors_sentence(plugin: Candidate) -> None:
    """What stands in Err is a line that a person can read.

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

    A plugin that takes a name out of what it cannot read works on a volume that nobody meant.
    """
    for endpoint in (*plugin.creating(), "Mount", "Unmount", "Path"):
        name = plugin.name().encode()
        for body in (b"x", b'{"Name":"%b' % name, b"Name=%b&ID=1" % name, b'{"Name":"%b\xff","ID":"1"}' % name):
            plugin.not_taken(f"VolumeDriver.{endpoint}", body)


@case("should")
def test_errors_wrong_shape(plugin: Candidate) -> None:
    """A body that is JSON, and no object, is refused.

    There is no name in it.
    """
    for endpoint in (*plugin.creating(), "Mount", "Unmount", "Path"):
        for body in (b"[]\n", b'"%b"\n' % plugin.name().encode(), b"1\n"):
            plugin.not_taken(f"VolumeDriver.{endpoint}", body)


@case("should", destructive=True)
def test_errors_nameless(plugin: Candidate) -> None:
    """A Name that is missing, empty or no text is refused, and makes no volume.

    No client sends one on purpose. As a path, an empty name is the folder of all volumes.
    """
    before = len(plugin.volumes())
    for endpoint in ("Create", "Mount", "Path"):
        for body in ({}, *({"Name": name} for name in NO_NAME)):
            plugin.not_taken(f"VolumeDriver.{endpoint}", {**body, "ID": plugin.mount_id()})
    assert len(plugin.volumes()) == before, f"wanted the {before} volumes of before in\n{plugin.exchanges[-1]}"


@case("should")
def test_errors_further_fields(plugin: Candidate) -> None:
    """A field that the plugin does not know is left alone.

    A newer client may say more than an older one: Mount got its ID in this way.
    """
    name, mount_id = plugin.name(), plugin.mount_id()
    more: dict[str, object] = {"Name": name, "Labels": {"a": "b"}, "Season": None}
    plugin.succeeds("VolumeDriver.Create", more | plugin.no_options())
    plugin.succeeds("VolumeDriver.Get", more)
    plugin.succeeds("VolumeDriver.Mount", more | {"ID": mount_id})
    plugin.succeeds("VolumeDriver.Unmount", more | {"ID": mount_id})


@case("must")
def test_errors_live_on(plugin: Candidate) -> None:
    """After a call that it cannot take, the plugin answers the next one.

    While it is away, each `docker volume ls` waits 15 s for it (moby issue 22653).
    """
    name = plugin.create()
    for body in (b"", b"[]\n", b"x", b"{}\n", b'{"Name":7,"ID":[]}\n', b'{"Name":"\xff"}'):
        for endpoint in ("Mount", "Unmount", "Path"):
            plugin.call(f"VolumeDriver.{endpoint}", body)
    plugin.there(name)


@case("should")
def test_errors_deep_json(plugin: Candidate) -> None:
    """A body of 100 000 brackets does not end the plugin.

    Many JSON readers call themselves for each bracket, until their stack is full.
    """
    name = plugin.create()
    plugin.not_taken("VolumeDriver.Mount", b"[" * 100_000)
    plugin.exchanges.pop()  # nobody wants to read it
    plugin.there(name)


@case("should", process=True)
def test_errors_big_body(plugin: Candidate) -> None:
    """A body of 64 MiB is not kept in memory.

    Names and options are short. What has no limit can take the memory of the whole machine.
    """
    before = peak(plugin)
    plugin.call("VolumeDriver.Create", b'{"Name":"' + b"x" * 64 * MIB + b'"}')
    plugin.exchanges.pop()
    grown = peak(plugin) - before
    plugin.activated()
    assert grown < 48 * MIB, f"wanted less memory for a body of 64 MiB than {grown // MIB} MiB"


def peak(plugin: Candidate) -> int:
    """Return the most memory that the plugin has used so far, in bytes."""
    lines = [line for pid in plugin.processes() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


# a call that comes without its body: Docker sends one again, when the connection broke after the body had gone


@case("must", podman="none", destructive=True)
def test_create_without_body(plugin: Candidate) -> None:
    """A Create with an empty body is never answered with success.

    Docker sends a call that broke again, without its body (moby issue 39331), and would go on without the volume.
    """
    before = sorted(plugin.listed())
    plugin.not_taken("VolumeDriver.Create", b"")
    assert sorted(plugin.listed()) == before, f"wanted the volumes of before in\n{plugin.exchanges[-1]}"


@case("must", podman="none")
def test_mount_without_body(plugin: Candidate) -> None:
    """A Mount with an empty body is never answered with success.

    Docker would start the container with what stands in Mountpoint, and with a folder of its own where nothing does.
    """
    plugin.not_taken("VolumeDriver.Mount", b"")


@case("should", podman="none")
def test_unmount_without_body(plugin: Candidate) -> None:
    """An Unmount with an empty body is never answered with success.

    Docker would take it for done, while the volume stays mounted for ever.
    """
    plugin.not_taken("VolumeDriver.Unmount", b"")


@case("must", podman="none", destructive=True)
def test_remove_without_body(plugin: Candidate) -> None:
    """A Remove with an empty body removes nothing, and is never answered with success.

    Without a name, a careless plugin removes the folder of all volumes.
    """
    name = plugin.create()
    plugin.not_taken("VolumeDriver.Remove", b"")
    plugin.there(name)


@case("must", podman="none")
def test_get_without_body(plugin: Candidate) -> None:
    """A Get with an empty body tells of no volume.

    Docker would go on with a volume that it did not ask for.
    """
    answer = plugin.call("VolumeDriver.Get", b"")
    volume = answer.object.get("Volume") if plugin.took(answer) else None
    assert not volume, f"wanted no volume for\n{answer}"


@case("should", podman="none")
def test_get_without_body_is_no_no(plugin: Candidate) -> None:
    """A Get with an empty body gets no answer at all: the connection is closed.

    Any answer means "no such volume" to Docker, which then forgets the labels of a volume that is there
    (volume/service/store.go, lookupVolume).
    """
    answer = plugin.call("VolumeDriver.Get", b"")
    assert not answer.status, f"wanted the connection closed without an answer for\n{answer}"
    plugin.activated()
