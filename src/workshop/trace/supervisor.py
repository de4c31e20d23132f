"""The plugin that trace starts, keeps running, and restarts when its file changes."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

from workshop.plugins.errors import NotReady
from workshop.plugins.process import Plugin, file_stamp
from workshop.terminal import last_lines, short_path
from workshop.trace.place import Note

HOLD = 5.0
"""How long a call waits for a plugin that is starting, in seconds."""


class Supervisor:
    """Keeps a plugin running on a private socket: restarts it when one of its files changes, and when it dies."""

    def __init__(self, plugin: Plugin, note: Note) -> None:
        self.plugin, self.note = plugin, note
        self.files = [Path(word) for word in plugin.command if os.path.isfile(word)]
        self.running, self.ended = threading.Event(), threading.Event()
        self.seen: list[object] = []
        self.thread = threading.Thread(target=self.supervise, name="supervisor")

    def __enter__(self) -> Supervisor:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.stop()
        self.thread.join()
        self.plugin.close()

    def connect(self) -> socket.socket:
        """Return a connection to the plugin; wait for a plugin that is starting. Raises OSError."""
        limit = time.monotonic() + HOLD
        while True:
            self.running.wait(max(0, limit - time.monotonic()))
            try:
                return self.plugin.address().connect(HOLD)
            except OSError:
                if time.monotonic() > limit or self.ended.wait(0.02):
                    raise

    def supervise(self) -> None:
        """Restart the plugin until the end; if it dies at once each time, more and more slowly."""
        pause = 0.0
        while not self.ended.wait(pause):
            begun = time.monotonic()
            changed = self.run_once()
            short = time.monotonic() - begun < 5 and not changed
            pause = min(max(2 * pause, 0.25), 10) if short else 0.0

    def run_once(self) -> bool:
        """Run the plugin until it ends or a file changes; return whether a file has changed."""
        self.seen = [file_stamp(file) for file in self.files]
        before = len(self.plugin.output())
        try:
            self.plugin.socket.unlink(missing_ok=True)
            self.plugin.start()
        except NotReady as reason:
            return self.report_no_start(str(reason), before)
        except OSError as error:
            why = f"The plugin cannot be started: {error.strerror}. See whether its command runs without trace."
            return self.report_no_start(why, before)
        self.running.set()
        self.note(f"The plugin runs: {' '.join(map(_short_word, self.plugin.command))}")
        while not self.changed() and self.plugin.exit_status() is None and not self.ended.wait(0.1):
            pass
        self.running.clear()
        return self.report_end(before)

    def report_no_start(self, reason: str, before: int) -> bool:
        """Say why a plugin does not start; wait until a file changes, if there is one."""
        if self.ended.is_set():
            return False
        self.note(f"{reason} {self.last_lines(before)}")
        self.stop()
        if self.files:
            self.note("It is started again when its file changes.")
        while self.files and not self.changed() and not self.ended.wait(0.1):
            pass
        return bool(self.files)

    def report_end(self, before: int) -> bool:
        """Say why a plugin no longer runs; return whether a file has changed."""
        if self.ended.is_set():
            return False
        status = self.plugin.exit_status()
        if status is None:
            self.note(f"{', '.join(short_path(file) for file in self.files)} changed: the plugin is started again.")
            self.stop()
            return True
        self.note(f"The plugin ended with status {status}, and is started again. {self.last_lines(before)}")
        return False

    def stop(self) -> None:
        """End the plugin if it runs."""
        if self.plugin.runs:
            self.plugin.stop()

    def changed(self) -> bool:
        """Tell whether a file of the plugin has changed since its start, and is completely written."""
        now = [file_stamp(file) for file in self.files]
        return now != self.seen and None not in now

    def last_lines(self, before: int) -> str:
        """Return the last lines that the plugin has printed."""
        lines = last_lines(self.plugin.output()[before:], self.files[-1] if self.files else None)
        return "\n".join(["Its last lines:", *lines]) if lines else "It printed nothing."


def _short_word(word: str) -> str:
    """Return a word of a command as a person would type it."""
    return "python" if word == sys.executable else short_path(Path(word)) if os.path.isfile(word) else word
