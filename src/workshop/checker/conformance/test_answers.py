"""Conformance: the form of answers."""

from __future__ import annotations

from collections.abc import Iterator

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.protocol.exchange import Exchange

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

    Docker waits a minute for most of them, and two for Create and Mount; Podman waits five seconds. The user's command
    hangs for that time, and fails (moby daemon/volume/drivers/proxy.go, shortTimeout and longTimeout;
    libpod/plugin/volume_api.go).
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

    Docker decodes every answer, that of Create and Remove too. An empty body is the error EOF to it. The command
    fails, though the plugin has done its work (moby pkg/plugins/client.go, CallWithOptions).
    """
    for answer in whole_life(plugin):
        if answer.status == 200:
            assert isinstance(answer.json, dict) or answer.text.strip() == "null", f"wanted {{…}} for\n{answer}"


@case("must", podman="should")
def test_answers_err(plugin: Candidate) -> None:
    """Err is a string, and on success "", null or absent.

    Docker cannot decode a number or an object under Err, and takes any other string for an error (moby
    daemon/volume/drivers/proxy.go).
    """
    for answer in whole_life(plugin):
        said = answer.object.get("Err")
        if answer.status == 200:
            assert said in (None, ""), f'wanted {{"Err": ""}} for\n{answer}'


@case("should")
def test_answers_media_type(plugin: Candidate) -> None:
    """The Content-Type of an answer says JSON.

    No client looks at it; people and proxies do. The media type of plugins is application/vnd.docker.plugins.v1.2+json.
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
