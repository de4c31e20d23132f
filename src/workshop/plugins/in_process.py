"""A plugin under test in this very process, beside those of process.py: a restart runs its file anew.

What it keeps in its files is there after a restart, and what it keeps in a module is not, as in a process of its own.
Bytes of a request go in and bytes of an answer come out through the server that the program has made.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from unittest import SkipTest

from workshop.plugins.errors import NotReady
from workshop.plugins.program import Program
from workshop.plugins.under_test import Call, Check, PluginUnderTest, needs_process
from workshop.protocol import in_memory
from workshop.protocol.exchange import Exchange

ELSEWHERE = "It runs on a Linux machine:   ./workshop check"


class PluginInProcess(PluginUnderTest):
    """A plugin that runs in this process. Its command ends in its Python file."""

    program: Program | None = None
    """Its last run."""
    checked = ""
    """What the check of now looks at, in a sentence."""

    def watch(self, request: str | None) -> None:
        """Hear that the plugin's code begins to run, for the first line of a request or "" for a start; None: it ended.

        Code that never comes back keeps this whole process: who watches has to be outside of it.
        """

    @property
    def pid(self) -> int:
        """The number of this process."""
        return os.getpid()

    def start(self) -> Self:
        """Run the plugin until it serves. Raises NotReady."""
        environment = {"DDD_SOCKET": str(self.socket), "DDD_ROOT": str(self.root)}
        self.program = Program(Path(self.command[-1]), environment, self.log.fileno(), self.umask)
        self.watch("")
        self.program.run()
        self.watch(None)
        if self.program.status is not None:
            raise NotReady(f"The plugin ended with status {self.program.status} before it listened.")
        if f"unix://{self.socket}" not in self.program.listening():
            elsewhere = self.listens()
            where = f" The plugin listens at {' and '.join(elsewhere)}." if elsewhere else ""
            raise NotReady(f"Waited 0.0 s for the socket at {self.socket}.{where}")
        in_memory.listeners[f"unix://{self.socket}"] = self._answer
        return self

    def _answer(self, sent: bytes) -> bytes:
        """Return what the plugin answers to the bytes of a request."""
        assert self.program
        if not self.program.server:
            raise TimeoutError
        self.watch(sent.partition(b" HTTP/")[0].decode(errors="replace"))
        answer = self.program.answer(sent)
        self.watch(None)
        if not self.runs:
            self._hang_up()
        return answer

    def _hang_up(self) -> None:
        """Answer nobody any more."""
        in_memory.listeners.pop(f"unix://{self.socket}", None)

    @property
    def runs(self) -> bool:
        """Whether the program that was started last still runs."""
        return self.program is not None and self.program.status is None

    def exit_status(self, wait: float = 0) -> int | None:
        """Return the plugin's exit status, None while it runs."""
        return self.program.status if self.program else None

    def signal(self, number: int) -> int:
        """Send a signal to the plugin, and note that; return its exit status."""
        assert self.program
        self.ends.append((len(self.exchanges), number))
        self._hang_up()
        return self.program.signal(number)

    def listens(self) -> list[str]:
        """Return what the plugin listens on: paths of sockets, and "TCP port N"."""
        found = self.program.listening() if self.program else []
        unix = "unix://"
        return [each[len(unix) :] if each.startswith(unix) else f"TCP port {each.rpartition(':')[2]}" for each in found]

    def shut_down(self) -> Self:
        """End the plugin if it runs."""
        if self.runs and self.program:
            self._hang_up()
            self.program.signal(signal.SIGTERM)
        return self

    def end(self) -> None:
        """Clean up, and end the plugin; give up what it has printed."""
        self.clean_up()
        self.shut_down()
        self.log.close()

    def callers_waiting(self) -> int:
        """Return how many callers nobody has taken: each one, where there is no server."""
        return int(self.program is not None and not self.program.server)

    def our_trouble(self) -> str:
        """Return "": it runs where the check runs."""
        return ""

    def ready_for(self, check: Check) -> PluginUnderTest:
        """Start the plugin for a check; skip one that is about the process."""
        self.checked = (check.__doc__ or "").partition("\n")[0]
        if needs_process(check):
            raise self.skipped("starts and stops the plugin as a process, and here is none")
        return super().ready_for(check)

    def skipped(self, why: str) -> SkipTest:
        """Return the skip of a check, with what it looks at, and where that can be seen."""
        return SkipTest(f"{why}. What it looks at: {self.checked} {ELSEWHERE}")

    def needs_socket(self) -> None:
        """Skip the check: no other program can connect."""
        raise self.skipped("connects as other programs do, and here are none")

    def at_once(self, calls: Sequence[Call]) -> list[Exchange]:
        """Skip the check: here are no threads."""
        raise self.skipped(f"makes {len(calls)} calls at once, and here it is one after the other")
