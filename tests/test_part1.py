"""The steps of part 1: a server on a Unix socket."""

import contextlib
import os
import signal
import socket
import stat

from workshop.plugins.folders import closed_to_others
from workshop.plugins.process import accepts
from workshop.plugins.under_test import PluginUnderTest, restarts_plugin
from workshop.protocol.exchange import Exchange

SILENT = 3
"""How many callers say nothing. Docker keeps up to two idle connections (Go: DefaultMaxIdleConnsPerHost)."""


def test_1_1_a_socket_that_is_answered(plugin: PluginUnderTest) -> None:
    """The plugin listens on its socket, and answers."""
    assert plugin.socket.is_socket(), f"wanted a socket at {plugin.socket}"
    assert accepts(plugin.socket), f"wanted a plugin that listens at {plugin.socket}"
    answer = greet(plugin)
    assert answer.status, f"wanted an answer, even an error, got {answer}"


def greet(plugin: PluginUnderTest) -> Exchange:
    """Ask for the greeting; a plugin by others, which need not have one, for its activation."""
    return plugin.call("Plugin.Activate") if plugin.by_others else plugin.call("", method="GET")


def test_1_2_a_greeting(plugin: PluginUnderTest) -> None:
    """The plugin greets at /, for GET and for POST."""
    for method in ("GET", "POST"):
        answer = plugin.call("", method=method)
        greets = answer.status == 200 and bool(answer.text.strip())
        wanted = f"wanted 200 and a greeting for {method} /, got {answer}"
        plugin.prefers(greets, wanted, f"{method} / gets no greeting. Docker does not ask for one, people do.")


def test_1_3_closed_to_other_users(plugin: PluginUnderTest) -> None:
    """Other users cannot connect, whatever umask the plugin begins with: who calls a plugin can get every volume.

    Connecting takes the right to write to the socket. Source: unix(7), "Pathname socket ownership and permissions".
    """
    if plugin.is_ours and not plugin.by_others:
        plugin.under_umask(0)
    mode = stat.S_IMODE(plugin.socket.stat().st_mode)
    hidden = not plugin.is_ours and closed_to_others(plugin.socket)
    assert hidden or not mode & stat.S_IWOTH, f"wanted a socket that other users cannot write to, not mode {mode:04o}"


def test_1_4_several_at_once(plugin: PluginUnderTest) -> None:
    """Clients that send nothing keep nobody waiting: Docker calls on several connections at once."""
    plugin.needs_socket()
    with contextlib.ExitStack() as silent:
        for _ in range(SILENT):
            silent.enter_context(socket.socket(socket.AF_UNIX)).connect(str(plugin.socket))
        answer = greet(plugin)
    greets = answer.status == 200 or (plugin.by_others and answer.status)
    assert greets, f"wanted a greeting while {SILENT} other callers send nothing, got {answer}"


@restarts_plugin
def test_1_5_it_stops_when_asked(plugin: PluginUnderTest) -> None:
    """SIGTERM and Ctrl-C stop the plugin, and it removes its socket."""
    for number in (signal.SIGTERM, signal.SIGINT):
        status = plugin.ensure_running().signal(number)
        went_on = f"but it went on for {plugin.waited:.1f} s, and was killed"
        got = went_on if status == -signal.SIGKILL else f"not {status}"
        ended = status == 0 or (plugin.by_others and status != -signal.SIGKILL)
        advice = f"{number.name} stops a plugin. Here it had to be killed, as systemd does it after a while."
        plugin.prefers(ended, f"wanted exit status 0 after {number.name}, {got}", advice)
        wanted = f"wanted no socket after {number.name}: Docker waits 15 s for an old one"
        plugin.prefers(
            not plugin.socket.exists(), wanted, "A plugin that ends removes its socket. Docker waits for it."
        )


@restarts_plugin
def test_1_6_a_stale_socket_is_replaced(plugin: PluginUnderTest) -> None:
    """After a kill -9 the plugin starts again, though its old socket is still there, and answers."""
    plugin.leave_a_stale_socket()
    answer = greet(plugin.ensure_running())
    assert answer.status, f"wanted an answer on the new socket, got {answer}"


@restarts_plugin
def test_1_7_a_living_socket_is_left_alone(plugin: PluginUnderTest) -> None:
    """A second plugin on the same socket ends with a sentence; the first one goes on."""
    before = plugin.ensure_running().socket.stat()
    greet(plugin)  # answered: what it prints at its start is printed
    printed, status = plugin.printed(), plugin.second()
    stays = plugin.socket.exists() and os.path.samestat(before, plugin.socket.stat())
    advice = "A second start leaves the socket of a plugin that runs. Here nobody can reach the first one any more."
    if not plugin.prefers(stays, "wanted the first plugin's socket to stay", advice):
        plugin.shut_down()
        return
    gives_way(plugin, status, "the second plugin", plugin.output(printed))
    answer = greet(plugin)
    plugin.prefers(bool(answer.status), f"wanted the first plugin to go on, got {answer}", advice)


@restarts_plugin
def test_1_8_a_file_is_left_alone(plugin: PluginUnderTest) -> None:
    """Where a file is in the socket's place, the plugin ends with a sentence, and the file stays as it was."""
    plugin.shut_down().socket.unlink(missing_ok=True)
    plugin.socket.write_text("not a socket")
    before, printed = plugin.socket.stat(), plugin.printed()
    status = plugin.second()
    after = plugin.socket.stat() if plugin.socket.is_file() else None
    content = plugin.socket.read_text() if after else None
    plugin.socket.unlink(missing_ok=True)
    advice = "A file in the socket's place that is not a socket is somebody's. A plugin leaves it alone, and ends."
    if plugin.prefers(content == "not a socket", "wanted the file to stay as it was", advice):
        same = after and (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
        plugin.prefers(bool(same), "wanted the file to stay as it was, with its mode", advice)
        gives_way(plugin, status, "the plugin", plugin.output(printed))


def gives_way(plugin: PluginUnderTest, status: int | None, who: str, printed: str) -> None:
    """Want a plugin whose place is taken to end with status 1, and a sentence."""
    got = f"but it still runs after {plugin.waited:.1f} s" if status is None else f"not {status}"
    advice = "A plugin that cannot have its socket ends with a status that is not 0: systemd goes by it."
    plugin.prefers(
        status == 1 or (plugin.by_others and bool(status)), f"wanted {who} to end with status 1, {got}", advice
    )
    advice = "A plugin that cannot start says why."
    plugin.prefers("Traceback" not in printed, f"wanted a sentence, not\n{printed}", advice)
    plugin.prefers(bool(printed.strip()), "wanted a sentence that says why, but nothing was printed", advice)
