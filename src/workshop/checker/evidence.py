"""What is known about a failed check."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.discovery import Lookup
from workshop.protocol.exchange import Exchange


@dataclass
class Evidence:
    """What is known about a failed check."""

    step: str
    wanted: str
    exchanges: list[Exchange] = field(default_factory=list)
    log: str = ""
    """What the plugin has printed since the check began."""
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

    @property
    def demand(self) -> str:
        """What was wanted, in one line."""
        return self.wanted.partition("\n")[0]

    @property
    def last(self) -> Exchange:
        """The exchange that failed; an empty one where it did not come to one."""
        return self.exchanges[-1] if self.exchanges else Exchange("", b"")

    @property
    def html(self) -> bool:
        """The last answer is a page."""
        return bool(re.match(r"\s*<(!doctype|html)", self.last.text, re.IGNORECASE))

    @property
    def error(self) -> str:
        """The last line of the last Python traceback, such as "KeyError: 'name'", without a full stop at its end."""
        found = re.findall(r"^(\w[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*)$", self.log, re.MULTILINE)
        told = found and ("Traceback" in self.log or "SyntaxError" in self.log)
        return found[-1].rstrip(".?!") if told else ""

    @property
    def refused(self) -> bool:
        """The last answer is an error that Docker takes for one."""
        return bool(self.last.status) and not self.last.ok

    @property
    def code(self) -> list[tuple[int, str]]:
        """The lines of the plugin's file with their numbers, without those that are a comment."""
        text = self.file.read_text(errors="replace") if self.file and self.file.is_file() else ""
        lines = enumerate((line.strip() for line in text.splitlines()), 1)
        return [(number, line) for number, line in lines if not line.startswith("#")]

    @property
    def killed(self) -> bool:
        """The plugin was killed during the check: after that it is asked what there is."""
        return any(each.endpoint == "VolumeDriver.List" for each in self.exchanges[:-1])

    @property
    def nameless(self) -> bool:
        """The last call had no JSON object with a name."""
        try:
            sent = json.loads(self.last.sent)
        except ValueError:
            return True
        return not isinstance(sent, dict) or not isinstance(sent.get("Name"), str)

    @property
    def unrouted(self) -> bool:
        """The last answer says that there is no such path, and not that there is no such volume."""
        if self.last.status != 404 or self.is_call_of("Bake"):
            return False
        # Flask says so of an unknown path, and so do the plugins of this course
        of_path = f"/{self.last.endpoint}" in self.last.err or "requested URL was not found" in self.last.err
        # these ask for no volume that could be unknown
        for_any = self.is_call_of("Activate", "Create", "List", "Capabilities") and not self.route(self.last.endpoint)
        return self.html or of_path or for_any or not self.written

    @property
    def written(self) -> bool:
        """The method that was called stands in the plugin's file; where that cannot be read, it may."""
        method = self.last.endpoint.rpartition(".")[2]
        return not self.code or any(re.search(rf"""[./"']{method}["']""", line) for _, line in self.code)

    def is_call_of(self, *methods: str) -> bool:
        """Tell whether the last call was one of these methods."""
        return self.last.endpoint.rpartition(".")[2] in methods

    def route(self, endpoint: str) -> tuple[int, str] | None:
        """Return the line of the plugin's file that has the route of an endpoint, and its number."""
        named = [(number, line) for number, line in self.code if re.search(rf"""["']/{endpoint}["']""", line)]
        # a comparison with the path is no route
        return next((found for found in named if "==" not in found[1]), None)


def gather_evidence(plugin: PluginUnderTest, step: str, failure: str, log: str, file: Path | None) -> Evidence:
    """Gather what is known about a failed check."""
    ended = plugin.exit_status(wait=0.3 if plugin.exchanges and plugin.exchanges[-1].failure else 0)
    listens = plugin.listens() if plugin.trouble else []
    known = (plugin.trouble, ended, plugin.socket, listens, file, plugin.lookup)
    return Evidence(step, failure, list(plugin.exchanges), log, *known)
