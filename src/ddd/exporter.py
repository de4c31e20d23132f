"""Where the metrics are asked for: on sockets of their own, beside the calls and never in their way."""
# mypy: allow-subclassing-any, allow-untyped-calls

import contextlib
import http.client
import os
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

from prometheus_client import MetricsHandler

from ddd.app import volumes
from ddd.metrics import registry

SOCKET = "metrics.sock"  # in the root: only root can connect to it
MOST = 16
"""How many connections a socket serves at once, each in its own thread."""


class Handler(MetricsHandler):
    """Answers GET /metrics and GET /health, and nothing else: no endpoint of the plugin."""

    registry = registry
    timeout = 10  # in seconds, for a request that never comes to its end
    error_content_type = "text/plain"  # of Python's own errors, which are pages of HTML otherwise
    error_message_format = "%(message)s.\n"

    def do_GET(self) -> None:
        """Answer with the metrics, or say whether the plugin can work."""
        path = self.path.partition("?")[0]
        if (path, self.command) == ("/metrics", "GET"):
            super().do_GET()
            return
        fault = trouble() if path == "/health" else "" if path == "/metrics" else "Here are /metrics and /health."
        self.send_response(200 if not fault else 503 if path == "/health" else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(f"{fault or 'ok'}\n".encode())

    do_HEAD = do_GET


class Server(ThreadingHTTPServer):
    """Serves the metrics on a socket that listens already."""

    address_family = socket.AF_UNIX  # of the first socket, which is replaced: the service may make no other kind

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.room = threading.BoundedSemaphore(MOST)
        self.taken: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread. If there is no room, end the oldest connection: most often it is idle."""
        if not self.room.acquire(blocking=False):
            with contextlib.suppress(OSError, IndexError):  # it has just ended
                self.taken[0].shutdown(socket.SHUT_RDWR)
            self.room.acquire()
        self.taken.append(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and make room for another one."""
        self.taken.remove(request)
        super().shutdown_request(request)
        self.room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a caller that has hung up."""


def trouble() -> str:
    """Say in a sentence why the plugin cannot work; "" if it can."""
    try:
        volumes.check()
        return ""
    except OSError as error:
        return f"ddd is in trouble: {error}."


def listen() -> list[socket.socket]:
    """Return the sockets for the metrics: in the root, for `python -m ddd metrics`, and at DDD_METRICS if that is set.

    If ddd cannot listen at DDD_METRICS, exit with a sentence. The plugin starts even without the socket in the root.
    """
    listening = [listen_at(asked)] if (asked := os.environ.get("DDD_METRICS")) else []
    try:
        return [*listening, listen_in_root()]
    except OSError as error:
        print(f"python -m ddd metrics will not work: {volumes.root}/{SOCKET}: {error.strerror}.", file=sys.stderr)
        return listening


def listen_in_root() -> socket.socket:
    """Return the socket in the root. Nothing listens on an older one: the root is locked. Raises OSError."""
    listening = socket.socket(socket.AF_UNIX)
    with path_in_root() as path:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
        umask = os.umask(0o177)
        try:
            listening.bind(path)
        finally:
            os.umask(umask)
    listening.listen()
    return listening


@contextlib.contextmanager
def path_in_root() -> Iterator[str]:
    """Give a path of the socket that is short enough, even if the root has a long path. Source: unix(7)."""
    root = os.open(volumes.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{root}/{SOCKET}"
    finally:
        os.close(root)


def listen_at(address: str) -> socket.socket:
    """Return a socket at an address and port, such as 127.0.0.1:9323 or [::1]:9323, or exit with a sentence."""
    host, _, port = address.rpartition(":")
    try:
        if not (host and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError("it is not an address and a port from 1 to 65535")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, ValueError) as error:
        sys.exit(f"DDD_METRICS={address} cannot be used: {error}. Set it to a free port, such as 127.0.0.1:9323.")


def serve(sockets: list[socket.socket]) -> None:
    """Serve the metrics beside the calls, until the process exits."""
    for listening in sockets:
        threading.Thread(target=Server(listening).serve_forever, args=[3600], daemon=True).start()


def ask() -> str:
    """Return the metrics of the ddd that works in the root. Exit with a sentence if none answers."""
    asking = http.client.HTTPConnection("ddd")
    asking.sock = socket.socket(socket.AF_UNIX)
    asking.sock.settimeout(60)
    try:
        with path_in_root() as path:
            asking.sock.connect(path)
        asking.request("GET", "/metrics")
        return asking.getresponse().read().decode()
    except OSError as error:
        how = "Run as root." if isinstance(error, PermissionError) else "Start it, or name its folder with DDD_ROOT=…"
        sys.exit(f"No ddd answers in {volumes.root}: {error.strerror or error}. {how}")
    finally:
        asking.close()
