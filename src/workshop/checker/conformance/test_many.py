"""Conformance: many callers at once. Docker calls on several connections, and waits for none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from unittest import SkipTest

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.roots import Rooted
from workshop.protocol.exchange import Exchange

CALLERS = 16


def at_once(plugin: Candidate, call: Callable[[str], Exchange], words: Iterable[str]) -> list[Exchange]:
    """Make a call for each word, all at the same time; of the exchanges, only what went wrong is kept to be read."""
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(call, words))
    plugin.exchanges[:] = [answer for answer in answers if not plugin.takes(answer)][:3]
    return answers


@case("must")
def test_many_create(plugin: Candidate) -> None:
    """Fifty Creates at the same time all make their volume.

    `docker compose up` asks for all its volumes in parallel. If the plugin refuses one, the command fails.
    """
    names = [plugin.name() for _ in range(50)]
    answers = at_once(plugin, lambda name: create(plugin, name), names)
    wrong = [answer for answer in answers if not plugin.takes(answer)]
    assert not wrong, f"wanted success for all {len(names)}, got {len(wrong)} others\n{wrong[0]}"
    missing = sorted(set(names) - set(plugin.list_names()))
    assert not missing, f"wanted {missing} in\n{plugin.exchanges[-1]}"


def create(plugin: Candidate, name: str) -> Exchange:
    """Make a volume, and take what comes."""
    return plugin.call("VolumeDriver.Create", {"Name": name, **plugin.no_options()})


@case("must")
def test_many_create_one_name(plugin: Candidate) -> None:
    """Of twenty Creates of one name at the same time, one succeeds; there is one volume, and it can be used.

    The second Create must not undo what the first has made: a container that has begun to write loses its files (moby
    daemon/volume/service/store.go, Create, locks a name in one daemon alone).
    """
    name = plugin.name()
    answers = at_once(plugin, lambda name: create(plugin, name), [name] * 20)
    assert any(plugin.takes(answer) for answer in answers), f"wanted success for one of 20, got\n{answers[0]}"
    assert plugin.list_names().count(name) == 1, f"wanted {name} once in\n{plugin.exchanges[-1]}"
    plugin.folder(plugin.hold(name)[1])


@case("must")
def test_many_mounts(plugin: Candidate) -> None:
    """Forty Mounts of a volume at the same time all get the same folder, and after forty Unmounts it is free.

    At boot, a machine starts its containers together. If the plugin refuses some, these do not start (moby
    daemon/volume/mounts/mounts.go, Setup, is called by each container on its own).
    """
    name, ids = plugin.create(), [plugin.new_id() for _ in range(40)]
    answers = at_once(plugin, lambda each: plugin.call("VolumeDriver.Mount", {"Name": name, "ID": each}), ids)
    wrong = [answer for answer in answers if not plugin.takes(answer)]
    assert not wrong, f"wanted success for all {len(ids)}, got {len(wrong)} others\n{wrong[0]}"
    folders = sorted({str(answer.object.get("Mountpoint")) for answer in answers})
    assert plugin.same_files(*folders), f"wanted the same files for all, got {folders}"
    plugin.keeps(name, plugin.leave(folders[0]))
    at_once(plugin, lambda each: plugin.unmount_anyway(name, each), ids)
    plugin.allows_removal(name)


@case("must", podman="none")
def test_many_mounts_of_one_id(plugin: Candidate) -> None:
    """Twenty Mounts with one ID at the same time are all counted.

    Two `docker cp` can run beside a container. If the plugin counts too few Mounts, the container loses its files (seen
    on Docker Engine 20.10.24).
    """
    name, mount_id = plugin.create(), plugin.new_id()
    answers = at_once(
        plugin, lambda each: plugin.call("VolumeDriver.Mount", {"Name": name, "ID": each}), [mount_id] * 20
    )
    for refused in [answer for answer in answers if not plugin.takes(answer)]:
        raise Rooted("same ID", f"wanted success for all 20 Mounts with one ID, got\n{refused}")
    for _ in range(19):
        plugin.unmount_anyway(name, mount_id)
    plugin.exchanges[:-1] = []
    plugin.keeps(name, None)
    plugin.unmount_anyway(name, mount_id)
    plugin.allows_removal(name)


@case("must")
def test_many_mount_against_remove(plugin: Candidate) -> None:
    """A Mount and a Remove at the same time do not both succeed.

    The container would run with a folder that is gone. What it writes is lost. Docker asks from two connections
    where two daemons, or Podman, use the plugin (tests/engine/test_podman.py).
    """
    if plugin.what_remove_does() == "loses":
        raise Rooted("in use", "wanted Remove to be refused while the volume is mounted")
    if plugin.what_remove_does():
        raise SkipTest("cannot be seen by Remove: see remove.in-use-is-refused")
    for first, second in [("Mount", "Remove"), ("Remove", "Mount")] * 10:
        body: dict[str, object] = {"Name": plugin.create(), "ID": plugin.mount_id()}
        plugin.exchanges.clear()
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda each: plugin.call(f"VolumeDriver.{each}", body), (first, second)))  # noqa: B023
        both = all(plugin.takes(answer) for answer in answers)
        assert not both, f"wanted Mount or Remove to be refused, not both to succeed\n{answers[1]}"


@case("must")
def test_many_get_beside_others(plugin: Candidate) -> None:
    """Get knows a volume at every instant, while others are made and removed.

    One error is enough, and Docker forgets the labels and options of the volume (moby volume/service/store.go,
    lookupVolume).
    """
    stays, others = plugin.create(), [plugin.name() for _ in range(12)]

    def turn(name: str) -> Exchange:
        if name == stays:
            return plugin.call("VolumeDriver.Get", {"Name": stays})
        create(plugin, name)
        return plugin.call("VolumeDriver.Remove", {"Name": name})

    words = [word for name in others for word in (name, stays, stays)]
    for answer in at_once(plugin, turn, words):
        if answer.endpoint.endswith("Get"):
            assert plugin.takes(answer), f"wanted the volume {stays} at every instant, from\n{answer}"


@case("must")
def test_many_list_beside_others(plugin: Candidate) -> None:
    """List succeeds at every instant, while volumes are made and removed.

    A volume may go away while List reads it. If List then fails, `docker volume ls` shows no volume of this driver
    (moby daemon/volume/service/store.go, list).
    """
    stays, others = plugin.create(), [plugin.name() for _ in range(12)]

    def turn(name: str) -> Exchange:
        if name == stays:
            return plugin.call("VolumeDriver.List", {})
        create(plugin, name)
        return plugin.call("VolumeDriver.Remove", {"Name": name})

    words = [word for name in others for word in (name, stays, stays)]
    for answer in at_once(plugin, turn, words):
        if answer.endpoint.endswith("List"):
            assert plugin.takes(answer) and stays in answer.text, f"wanted {stays} at every instant, in\n{answer}"


@case("must")
def test_many_connections(plugin: Candidate) -> None:
    """While forty clients keep their connections open after a call, the next call is answered.

    A daemon keeps several, for its parallel calls, and there may be several daemons, or Podman. Docker keeps idle ones
    for as long as it runs (moby vendor/github.com/docker/go-connections/sockets/sockets.go). The other calls hang.
    """
    with ExitStack() as stack:
        for _ in range(40):
            answer = plugin.on(stack.enter_context(plugin.connection()), "Plugin.Activate")
            plugin.exchanges[:-1] = []
            assert answer.status, f"wanted an answer beside other connections for\n{answer}"
        plugin.activate()
