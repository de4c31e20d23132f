"""Conformance: activation, and HTTP."""

from __future__ import annotations

import contextlib
import os
import socket

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.protocol.exchange import PODMAN_TYPE

JSON_TYPE = "application/json"


# activation


@case("must")
def test_activate_names_volume_driver(plugin: Candidate) -> None:
    """The answer to Plugin.Activate, whose body is empty, is a list that names VolumeDriver.

    In any other spelling Docker says that the plugin does not implement the requested driver, and remembers that until
    it is restarted (moby pkg/plugins/plugins.go, activateWithLock).
    """
    plugin.activate()


@case("must")
def test_activate_again(plugin: Candidate) -> None:
    """A second Plugin.Activate gets the same answer, and harms no volume.

    Docker activates once in each run of the daemon, and Podman before each command; the volumes live on. A plugin
    that forgets its volumes then loses them for every container (moby pkg/plugins/plugins.go, activateWithLock;
    libpod/plugin/volume_api.go, validatePlugin).
    """
    name = plugin.create()
    first = plugin.activate().json
    answer = plugin.activate()
    assert answer.json == first, f"wanted {first} again from\n{answer}"
    plugin.knows(name)


@case("should")
def test_activate_with_a_body(plugin: Candidate) -> None:
    """Plugin.Activate ignores a body.

    Today's clients send none. An author who tries the plugin with curl -d '{}' does.
    """
    wanted = plugin.activate().json
    answer = plugin.call("Plugin.Activate", {}, content_type=JSON_TYPE)
    assert answer.json == wanted, f"wanted {wanted} for\n{answer}"


# HTTP


@case("must", podman="none")
def test_http_empty_host(plugin: Candidate) -> None:
    """A call with an empty Host header is a call like any other.

    Docker Engine sends it on a Unix socket up to 20.10.25, 23.0.6 and 24.0.4 (moby issue 45935). If the plugin refuses
    it, these engines can neither make nor use a volume of it.
    """
    name = plugin.name()
    for endpoint in ("Create", "Get"):
        answer = plugin.call(f"VolumeDriver.{endpoint}", {"Name": name, "Opts": {}}, shape="20.10")
        assert plugin.takes(answer), f"wanted success with an empty Host for\n{answer}"


@case("must", podman="none")
def test_http_no_content_type(plugin: Candidate) -> None:
    """A body is read as JSON, even without a Content-Type.

    Docker names none (moby pkg/plugins/transport/http.go, NewRequest). A plugin that then finds no name in the body
    refuses every `docker volume create`.
    """
    name = plugin.create()
    plugin.knows(name)


@case("should", podman="must")
def test_http_podman_content_type(plugin: Candidate) -> None:
    """A call is answered, whatever its Content-Type is.

    Podman sends application/vnd.docker.plugins.v1.1+json, and curl -d that of a form. If the plugin refuses them, no
    volume can be used with Podman (libpod/plugin/volume_api.go, sendRequest).
    """
    for content_type in (PODMAN_TYPE, JSON_TYPE, "application/x-www-form-urlencoded"):
        name = plugin.name()
        answer = plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}, content_type=content_type)
        assert plugin.takes(answer), f"wanted success with Content-Type {content_type} for\n{answer}"
        plugin.knows(name)


@case("must")
def test_http_keep_alive(plugin: Candidate) -> None:
    """One connection takes several calls, until an answer says Connection: close.

    Docker keeps its connections for hundreds of calls. A call that meets a closed one is sent again without its body:
    the user's command fails, and after such a Get Docker forgets the labels of the volume (moby issue 39331).
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
    """A connection without a call makes no other one wait.

    Docker keeps idle connections open, and opens others beside them. It waits for the answer to Plugin.Activate without
    a limit: all commands of that driver then hang (moby pkg/plugins/client.go, Call; seen on Docker Engine 20.10.24).
    """
    with plugin.connection():
        plugin.activate()
        plugin.create()


@case("should")
def test_http_half_a_call(plugin: Candidate) -> None:
    """A call that stops halfway makes no other one wait.

    A daemon can be stopped while it sends a call. The plugin goes on.
    """
    name = plugin.create()
    whole = plugin.bytes_of("VolumeDriver.Create", {"Name": plugin.name(), "Opts": {}})
    for part in (whole[:30], whole[:-9]):
        with plugin.connection() as connection:
            connection.sendall(part)
            # the plugin may come to the first of these before it comes to the half
            for _ in range(5):
                plugin.knows(name)


@case("must")
def test_http_cut_call(plugin: Candidate) -> None:
    """A call that is cut off makes no volume.

    The user hears that the call failed. Nobody wants the volume that is there all the same. Docker gives up after its
    time limit, and undoes nothing (moby daemon/volume/drivers/proxy.go, longTimeout).
    """
    name = plugin.name()
    whole = plugin.bytes_of("VolumeDriver.Create", {"Name": name, "Opts": {"note": "x" * 50}})
    with plugin.connection() as connection:
        connection.sendall(whole[: whole.index(b"Opts") + 30])
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            while connection.recv(4096):
                pass
    plugin.forgets(name)


@case("must", process=True)
def test_http_descriptors(plugin: Candidate) -> None:
    """A call leaves no open file in the plugin.

    A daemon makes thousands of calls. A plugin without a free file descriptor answers none of them. One `docker run`
    alone makes some ten calls (seen on Docker Engine 20.10.24).
    """
    live(plugin)
    before = descriptors(plugin)
    for _ in range(40):
        live(plugin)
    plugin.exchanges[:] = plugin.exchanges[-1:]
    # an answer may come before the plugin has closed its files
    few = plugin.comes_true(lambda: descriptors(plugin) < before + 10, 3)
    after = descriptors(plugin)
    assert few, f"wanted as many open files as before 40 volumes came and went, {before}, not {after} 3 s later"


def live(plugin: Candidate) -> None:
    """Let a volume come, be used, and go; and ask for one that is not there."""
    name, mount_id = plugin.create(), plugin.mount_id()
    plugin.knows(name)
    plugin.mount(name, mount_id)
    plugin.unmount_anyway(name, mount_id)
    plugin.remove(name)
    plugin.call("VolumeDriver.Get", {"Name": name})


def descriptors(plugin: Candidate) -> int:
    """Return how many files the plugin has open."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in plugin.processes())


@case("should")
def test_http_unknown_endpoint(plugin: Candidate) -> None:
    """A call of an endpoint that the plugin does not have gets an error, and the plugin goes on.

    A later version of the protocol may call it, and must not take the answer for success (moby issue 21758).
    """
    plugin.does_not_take("VolumeDriver.Bake", {"Name": plugin.name()})
    plugin.activate()


@case("should")
def test_http_wrong_method(plugin: Candidate) -> None:
    """Only POST makes a volume.

    Every client sends POST. A web page can make a browser send a GET: it should change nothing.
    """
    name = plugin.name()
    for method in ("GET", "PUT"):
        plugin.call("VolumeDriver.Create", {"Name": name, "Opts": {}}, method=method)
        assert plugin.get(name) is None, f"wanted no volume of {method}\n{plugin.exchanges[-2]}"
