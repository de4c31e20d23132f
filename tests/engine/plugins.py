"""Plugins that tests put before an engine: a part of the course, and one that writes down what it is asked."""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from io import BufferedIOBase
from pathlib import Path

from .engine import Engine, answers, child_of, wait_for
from .images import REPOSITORY

SOCKET = "/run/docker/plugins/ddd.sock"
# ddd, under Werkzeug's server and as it is run
SERVERS = {"werkzeug": ["tests/serve.py"], "gunicorn": ["-m", "ddd"]}


def ask(engine: Engine, endpoint: str, socket: str = SOCKET, **body: object) -> dict[str, object]:
    """The answer of the plugin `ddd` to a call that does not come from Docker: with curl, beside the engine."""
    curl = ["curl", "--silent", "--max-time", "10", "--unix-socket", socket, "--data", json.dumps(body)]
    answer = json.loads(engine.run(*curl, f"http://ddd/{endpoint}").stdout)
    assert isinstance(answer, dict)
    return answer


class Part:
    """A part of the course, run beside an engine as a reader runs it: in its namespaces, with its plugin folders.

    With a server it is ddd.
    """

    def __init__(self, engine: Engine, part: int = 3, env: Mapping[str, str] | None = None, server: str = "") -> None:
        self.engine = engine
        self.command: Sequence[str] = [sys.executable, *(SERVERS[server] if server else [f"part{part}/plugin.py"])]
        self.env = env
        self.log = engine.folder / "plugin.log"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Part:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self.stop()

    def start(self) -> None:
        """Start the plugin; return when its socket accepts."""
        with self.log.open("a") as log:
            process = self.engine.spawn(self.command, self.env, output=log, folder=REPOSITORY)

        def ready() -> bool:
            assert process.poll() is None, f"the plugin ended:\n{self.log.read_text()}"
            return answers(self.engine.plugins / "ddd.sock")

        wait_for(ready, "the plugin's socket")
        self._process = process

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the plugin with a signal; return its exit status, which after a clean stop is 0.

        SIGKILL takes gunicorn's worker too, as systemd and the end of a container do.
        """
        assert self._process
        program = child_of(self._process)
        workers = Path(f"/proc/{program}/task/{program}/children").read_text().split()
        self.engine.signal(self._process, how)
        if how == signal.SIGKILL:
            for worker in workers:
                os.kill(int(worker), how)
        status = self._process.wait(20)
        wait_for(lambda: all(map(ended, workers)), "the end of gunicorn's worker")
        return status


def ended(pid: str) -> bool:
    """Whether a process has exited, and has closed what it had open."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


ANSWERS: dict[str, dict[str, object]] = {
    "Plugin.Activate": {"Implements": ["VolumeDriver"]},
    "VolumeDriver.Capabilities": {"Capabilities": {"Scope": "local"}},
    "VolumeDriver.Mount": {"Mountpoint": "/var/lib/ddd"},
    "VolumeDriver.List": {"Volumes": []},
}


class Recorder(socketserver.ThreadingUnixStreamServer):
    """A plugin that keeps each request, byte for byte, and has every volume that was created."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.requests: list[bytes] = []
        self.names: set[str] = set()
        super().__init__(str(path), RecordingHandler)

    def __enter__(self) -> Recorder:
        threading.Thread(target=self.serve_forever, args=[0.01]).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def endpoints(self) -> list[str]:
        """The endpoints that were called, in their order: "VolumeDriver.Create"."""
        return [request.split()[1].decode().removeprefix("/") for request in self.requests]

    def answer(self, request: bytes) -> dict[str, object]:
        """Keep the request; return what a plugin of few words says to it."""
        self.requests.append(request)
        endpoint = self.endpoints()[-1]
        name = json.loads(request.partition(b"\r\n\r\n")[2] or b"{}").get("Name")
        if endpoint == "VolumeDriver.Create":
            self.names.add(name)
        if endpoint == "VolumeDriver.Get":
            return {"Volume": {"Name": name}} if name in self.names else {"Err": "no such volume"}
        return ANSWERS.get(endpoint, {})

    def written(self, request: bytes) -> bytes:
        """Return the bytes of an answer."""
        answer = json.dumps(self.answer(request)).encode()
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer


def read_request(stream: BufferedIOBase) -> bytes:
    """Return one whole request, b"" where the caller has gone before its end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = re.search(rb"content-length: *(\d+)", head.lower())
    return head + (stream.read(int(length[1])) if length else b"")


class RecordingHandler(socketserver.StreamRequestHandler):
    """One request, one answer, and the connection is closed."""

    server: Recorder

    def handle(self) -> None:
        request = read_request(self.rfile)
        if not request:
            return
        self.wfile.write(self.server.written(request))
