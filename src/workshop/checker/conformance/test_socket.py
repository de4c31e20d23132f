"""Conformance: the socket, and the plugin's own start and end."""

from __future__ import annotations

import os
import signal
import stat
import time

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.plugins.folders import closed_to_others
from workshop.plugins.process import accepts

# socket


@case("must")
def test_socket_there(plugin: Candidate) -> None:
    """There is a socket, and the plugin listens on it.

    Docker looks for a socket, and ignores any other file (moby pkg/plugins/discovery.go).
    """
    assert plugin.socket.is_socket(), f"wanted a socket at {plugin.socket}"
    assert accepts(plugin.socket), f"wanted somebody to listen at {plugin.socket}"


@case("must")
def test_socket_closed_to_others(plugin: Candidate) -> None:
    """Other users may not connect to the socket.

    Anyone who can call a plugin can get, read and remove every volume. Connecting needs the right to write to the
    socket. The files of all volumes are open to each user of the machine (unix(7); go-connections makes its socket
    0660, docker/go-plugins-helpers).
    """
    mode = stat.S_IMODE(plugin.socket.stat().st_mode)
    hidden = not plugin.command and closed_to_others(plugin.socket)
    assert hidden or not mode & stat.S_IWOTH, f"wanted no right to write for others, not {mode:04o}"


@case("should")
def test_socket_own_mode(plugin: Candidate) -> None:
    """The socket's own mode gives others no right at all, in whatever folder it is.

    Everybody can open /run/docker/plugins, and a private folder may be opened later.
    """
    mode = stat.S_IMODE(plugin.socket.stat().st_mode)
    assert not mode & 0o007, f"wanted a mode such as 0600, not {mode:04o}"


@case("must", process=True)
def test_socket_stale(plugin: Candidate) -> None:
    """After a kill -9 the plugin starts again, though its old socket is still there.

    Nothing removes it. Until the plugin listens again, each `docker volume ls` waits 15 s, and no container with such a
    volume starts (moby pkg/plugins/discovery.go; moby issue 22653).
    """
    plugin.leave_a_stale_socket()
    plugin.ensure_running()
    plugin.activate()


@case("should", process=True)
def test_socket_living(plugin: Candidate) -> None:
    """A second plugin does not take the socket of a first one that runs, and ends.

    The first one would go on with all its volumes, and nobody could reach it.
    """
    before = plugin.socket.stat()
    assert plugin.root
    plugin.patience = min(plugin.patience, 5.0)
    here, plugin.root = plugin.root, plugin.root.with_name("another-root")  # it is about the socket, not about the root
    status = plugin.second()
    plugin.root = here
    assert plugin.socket.exists() and os.path.samestat(before, plugin.socket.stat()), (
        "wanted the first one's socket to stay"
    )
    assert status, f"wanted the second one to end with a status that is not 0, not {status}"
    plugin.activate()


@case("should", process=True)
def test_socket_not_a_file(plugin: Candidate) -> None:
    """If another file is in the socket's place, the plugin does not remove it.

    It belongs to somebody else.
    """
    plugin.shut_down().socket.unlink(missing_ok=True)
    plugin.socket.write_text("a letter to grandmother")
    plugin.patience = min(plugin.patience, 5.0)
    plugin.second()
    letter = plugin.socket.read_text() if plugin.socket.is_file() else None
    plugin.socket.unlink(missing_ok=True)
    plugin.ensure_running()
    assert letter == "a letter to grandmother", "wanted the file to stay as it was"


@case("should", process=True)
def test_socket_stop(plugin: Candidate) -> None:
    """SIGTERM ends the plugin.

    systemd and docker send it, and after a while they kill what has not ended.
    """
    plugin.activate()
    status = plugin.stop()
    assert status != -signal.SIGKILL, "wanted the plugin to end at SIGTERM within its time: it had to be killed"
    plugin.ensure_running()


@case("should", process=True)
def test_socket_taken_away(plugin: Candidate) -> None:
    """A plugin that is stopped removes its socket.

    Docker waits 15 s for a socket on which nothing listens (moby issue 22653).
    """
    plugin.activate()
    plugin.stop()
    left = plugin.socket.exists()
    plugin.ensure_running()
    assert not left, f"wanted no file at {plugin.socket} after SIGTERM"


@case("should", process=True)
def test_socket_folder(plugin: Candidate) -> None:
    """The plugin makes the folder of its socket if there is none.

    Docker does not make /run/docker/plugins.
    """
    plugin.shut_down()
    here = plugin.socket
    plugin.socket = here.parent / "plugins" / here.name
    try:
        plugin.ensure_running()
        plugin.activate()
    finally:
        plugin.shut_down()
        plugin.socket = here
        plugin.ensure_running()


@case("record", process=True)
def test_socket_start(plugin: Candidate) -> None:
    """How long the plugin takes from its start to its first answer.

    Docker waits 15 s for a plugin that is about to start.
    """
    plugin.shut_down()
    begun = time.perf_counter()
    plugin.ensure_running()
    plugin.activate()
    plugin.note(f"after {int(time.perf_counter() - begun)} whole seconds")
