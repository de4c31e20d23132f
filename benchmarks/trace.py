"""What the proxy of `./workshop trace` adds to a call.

    .venv/bin/python benchmarks/trace.py

Each call is made once without the proxy and once with it, in turn, in one run; the proxy is a process of its own, which
shows and records what passes. Prints, for each kind of call, the median with and without, where the middle half of the
calls lies, the difference of the medians, and their ratio.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workshop.plugins.process import Plugin, accepts
from workshop.protocol.exchange import request

ROOT = Path(__file__).parent.parent
CALLS = 1000
ASKED = request("VolumeDriver.Get", {"Name": "mango"})
START = (
    "import json, sys; from workshop.trace import trace; sys.exit(trace.main(trace.Options(**json.loads(sys.argv[1]))))"
)

# the least that a plugin can do: it keeps the connection, and answers what it has ready
READY = """
import os, socket, threading
ANSWER = b'HTTP/1.1 200 OK\\r\\nContent-Length: 12\\r\\n\\r\\n{"Err": ""}\\n'
def serve(caller):
    with caller:
        while caller.recv(65536):
            caller.sendall(ANSWER)
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["DDD_SOCKET"])
listener.listen(16)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""


def open_to(path: Path) -> socket.socket:
    """Return a connection."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def new_connection(path: Path) -> Callable[[], None]:
    """Return a call on a connection of its own, as Docker makes it where the plugin closes after each answer."""

    def call() -> None:
        with open_to(path) as connection:
            connection.sendall(ASKED)
            while connection.recv(65536):
                pass

    return call


def same_connection(path: Path) -> Callable[[], None]:
    """Return a call on a connection that stays open."""
    connection = open_to(path)

    def call() -> None:
        connection.sendall(ASKED)
        connection.recv(65536)

    return call


def measure(name: str, command: list[str], caller: Callable[[Path], Callable[[], None]]) -> None:
    """Start a plugin and a proxy before it, call both in turn, and print a line."""
    with tempfile.TemporaryDirectory(prefix="ddd-") as text:
        folder = Path(text)
        plugin = Plugin(command, folder / "plain.sock", folder / "root").start()
        traced = Plugin(command, folder / "moved.sock", folder / "root2").start()
        options = {"socket": str(traced.socket), "record": str(folder / "recording")}
        proxy = subprocess.Popen([sys.executable, "-c", START, json.dumps(options)], stdout=subprocess.DEVNULL)
        while not (folder / ".trace" / "moved.sock").exists() or not accepts(traced.socket):
            time.sleep(0.05)
        print_line(name, in_turn([caller(plugin.socket), caller(traced.socket)]))
        proxy.terminate()
        proxy.wait()
        plugin.close()
        traced.close()


def in_turn(calls: list[Callable[[], None]]) -> list[list[float]]:
    """Return what each call took, in milliseconds; the first ones, which warm up, are left out."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(CALLS + 100):
        for call, kept in zip(calls, times, strict=True):
            begun = time.perf_counter()
            call()
            if turn >= 100:
                kept.append((time.perf_counter() - begun) * 1000)
    return times


def print_line(name: str, times: list[list[float]]) -> None:
    """Print what was measured."""
    without, with_it = (statistics.quantiles(each, n=4) for each in times)
    print(f"{name:36}", end="")
    for low, middle, high in (without, with_it):
        print(f"{middle:6.3f} ms ({low:.3f} to {high:.3f})  ", end="")
    print(f"+{with_it[1] - without[1]:.3f} ms  x{with_it[1] / without[1]:.2f}")


def main() -> None:
    """Measure each kind of call."""
    print(f"{CALLS} calls each, in turn{'':16}without{'':20}with the proxy")
    part = [sys.executable, str(ROOT / "part3" / "plugin.py")]
    ready = [sys.executable, "-c", READY]
    once = [sys.executable, "-c", READY.replace("while caller", "if caller")]
    measure("ready answer, same connection", ready, same_connection)
    measure("ready answer, a new connection each", once, new_connection)
    measure("part 3, a new connection each", part, new_connection)


if __name__ == "__main__":
    os.environ.pop("DDD_SOCKET", None)
    main()
