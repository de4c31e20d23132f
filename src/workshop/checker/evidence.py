"""What is known about a failed check."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.checker.routes import routes
from workshop.checker.syntax import parsed
from workshop.plugins.kernel import waits_for_lock
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.discovery import Lookup
from workshop.protocol.exchange import Exchange

# Docker calls no such endpoint: what a plugin answers to it is what it answers to any path that it does not have
NO_ENDPOINT = "Bake"
# what app.run prints at its start
FLASKS_OWN = "This is a development server|Press CTRL"
UNREACHED = ("there is no socket", "nobody listens on the socket")
"""The failures of a call that the plugin has not seen."""
PAGE = re.compile(r"\s*<(!--|!doctype|[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)


@dataclass
class Evidence:
    """What is known about a failed check, as it was seen. What it means is in facts/."""

    step: str
    wanted: str
    exchanges: list[Exchange] = field(default_factory=list)
    log: str = ""
    """What the plugin has printed since the last call began, or its start or end: what is older is of other calls."""
    trouble: str = ""
    """Why the plugin did not start; "" when it did."""
    ended: int | None = None
    """The plugin's exit status, None while it runs."""
    socket: Path = Path()
    listens: list[str] = field(default_factory=list)
    """What the plugin listens on instead: paths of sockets, and "TCP port N"."""
    file: Path | None = None
    """The plugin's file, where it is one in Python."""
    lookup: Lookup | None = None
    """The search for a driver that failed, where the step is one of discovery."""
    ends: list[tuple[int, int]] = field(default_factory=list)
    """How the check has ended the plugin: after how many exchanges, and by which signal."""
    place: str = ""
    """What is in the socket's place: "socket", "folder", "file", "" for nothing."""
    to_no_path: Exchange | None = None
    """What the plugin answers to a path that it cannot have, where it has answered 404."""
    waiting: bool = False
    """A caller was not answered in time, and nothing has accepted its connection."""
    locked: bool = False
    """A caller was not answered in time, and a thread of the plugin waits for a lock."""
    command: list[str] = field(default_factory=list)
    """The program that was started and its arguments; none for a plugin that ran already."""
    output: str = ""
    """All that the plugin has printed since the check began."""

    @property
    def demand(self) -> str:
        """What was wanted, in one line."""
        return self.wanted.partition("\n")[0]

    @property
    def last(self) -> Exchange:
        """The exchange that failed; the redirect, where that led to no success; an empty one where it came to none."""
        last = self.exchanges[-1] if self.exchanges else Exchange("", b"")
        return last.redirects[0] if last.redirects and last.status != 200 else last

    @property
    def html(self) -> bool:
        """The last answer is a page, or a piece of one."""
        return bool(PAGE.match(self.last.text))

    @property
    def failed_lookup(self) -> Lookup | None:
        """The search for a driver that failed; None where the plugin has been reached, and it answered wrongly."""
        impostor = "claims to be" in self.demand
        found = self.lookup and (impostor or not self.last.status or not self.lookup.own)
        return self.lookup if found else None

    @property
    def name(self) -> str | None:
        """The name of the volume that the last call is about, None where it names none."""
        return string_of(self.last, "Name")

    @property
    def printed(self) -> bool:
        """The plugin has printed something that may help: more than that it listens, and which calls came in."""
        place = re.escape(str(self.socket))
        calls = r'HTTP/1\.[01]"? \d\d\d|- - \[[^\]]+\] '
        usual = rf"{calls}|{place}.*(listen|Ctrl-C)|(listen|Running|Serving).*{place}|^ \* |{FLASKS_OWN}"
        plain = re.sub(r"\033\[[0-9;]*m", "", self.output)
        lines = [line for line in plain.splitlines() if line.strip() and not re.search(usual, line)]
        return bool(lines) or bool(self.trouble and self.output.strip())

    @property
    def code(self) -> list[tuple[int, str]]:
        """The lines of the plugin's file with their numbers, without those that are a comment."""
        text = self.file.read_text(errors="replace") if self.file and self.file.is_file() else ""
        lines = enumerate((line.strip() for line in text.splitlines()), 1)
        return [(number, line) for number, line in lines if not line.startswith("#")]

    def route(self, endpoint: str) -> tuple[int, str] | None:
        """Return the line of the plugin's file that has the route of an endpoint, and its number."""
        if tree := parsed(self.file):
            lines = dict(self.code)
            own = (each.line for each in routes(tree) if each.path.removesuffix("/") == f"/{endpoint}")
            return next(((line, lines[line]) for line in own if line in lines), None)
        named = [(number, line) for number, line in self.code if re.search(rf"""["']/{endpoint}/?["']""", line)]
        # a comparison with the path is no route
        return next((found for found in named if "==" not in found[1]), None)


def gather_evidence(plugin: PluginUnderTest, step: str, failure: str, printed: int, file: Path | None) -> Evidence:
    """Gather what is known about a failed check. Where the plugin has answered 404, it is called once more.

    printed is how many bytes the plugin had printed before the check.
    """
    output, log = plugin.output(printed), plugin.output(max(printed, _last_done(plugin)))
    last = plugin.exchanges[-1] if plugin.exchanges else None
    ended = plugin.exit_status(wait=0.3 if last and last.failure else 0)
    late = bool(last and last.failure == "no answer in time")
    listens = plugin.listens() if plugin.trouble or late else []
    known = (
        plugin.trouble,
        ended,
        plugin.socket,
        listens,
        file,
        plugin.lookup,
        list(plugin.ends),
        place(plugin.socket),
    )
    to_no_path = plugin.quietly(NO_ENDPOINT, {}) if last and last.status == 404 and not plugin.trouble else None
    waiting = late and plugin.callers_waiting() > 0
    locked = bool(late and plugin.process and waits_for_lock(plugin.process.pid))
    return Evidence(
        step, failure, list(plugin.exchanges), log, *known, to_no_path, waiting, locked, list(plugin.command), output
    )


def _last_done(plugin: PluginUnderTest) -> int:
    """Return how many bytes the plugin had printed before the last thing that the check did to it.

    Why a plugin is gone at a call that did not reach it, it has printed since the call before.
    """
    calls = [each.printed for each in plugin.exchanges if each.failure not in UNREACHED]
    return max(plugin.printed_before, calls[-1] if calls else 0)


def place(path: Path) -> str:
    """Return what is in a socket's place."""
    return "socket" if path.is_socket() else "folder" if path.is_dir() else "file" if path.exists() else ""


def sent_object(call: Exchange) -> dict[str, Any]:
    """Return the JSON object that a call has sent, an empty one where it has sent none."""
    try:
        value = json.loads(call.sent)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def string_of(call: Exchange, key: str) -> str | None:
    """Return the string that a call has sent under a key, None where there is none."""
    value = sent_object(call).get(key)
    return value if isinstance(value, str) else None


def is_dockers(exchange: Exchange) -> bool:
    """Tell whether Docker could send such a call. Others of a check are what people and other programs send.

    Docker sends no Content-Type. Its bodies are objects, and Activate has none; any body is empty where Docker repeats
    a call whose connection broke. Source: moby pkg/plugins/client.go (callWithRetry), and issue 39331.
    """
    head = exchange.request.partition(b"\r\n\r\n")[0].lower()
    own = exchange.endpoint and not exchange.endpoint.endswith(NO_ENDPOINT)
    whole = not exchange.sent or (exchange.sent.startswith("{") and exchange.sent.endswith("}"))
    return bool(own and whole and head.startswith(b"post ") and b"content-type:" not in head)
