"""Records the conversations in traces/: each command of the course, between a real Docker Engine and ddd.

    .venv/bin/python -m tests.engine.record              the engines and Podmans of all releases of Debian
    .venv/bin/python -m tests.engine.record trixie       those of one

The commands are those of COURSE, in this order: each finds what those before it have left. The tests play the same
list to the practice daemon. Those of PODMAN are typed after them. `tests/engine/compare.py` says what differs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from .engine import Engine, wait_for
from .images import BUSYBOX, REPOSITORY, import_busybox
from .plugins import Part, ask
from .podman import Podman
from .roots import ROOTS, clone_in, run_in

Row = dict[str, Any]

# The name of the file, and what is typed after `docker`. Only one volume in each container: Docker mounts several in
# no certain order.
COURSE = """
volume-create             volume create -d ddd mango
volume-create-again       volume create -d ddd mango
volume-create-label       volume create -d ddd --label stage=test kiwi
volume-create-option      volume create -d ddd -o size=10G melon
volume-create-adopted     volume create -d ddd fig
volume-create-conflict    volume create mango
volume-inspect            volume inspect mango
volume-inspect-unknown    volume inspect nosuch
volume-ls                 volume ls
run-volume-driver         run --rm -v plum:/data --volume-driver=ddd busybox sh -c 'echo hello > /data/note'
run                       run --rm -v plum:/data busybox cat /data/note
run-mount                 run --rm --mount type=volume,src=pear,dst=/data,volume-driver=ddd busybox ls /data
run-mount-option          run --rm --mount type=volume,src=lime,dst=/data,volume-driver=ddd,volume-opt=size=1 busybox ls
run-anonymous             run --rm -v /data --volume-driver=ddd busybox true
run-no-driver             run --rm -v date:/data busybox true
run-kept                  run --name box -v mango:/data busybox sh -c 'echo hello > /data/note'
volume-rm-in-use          volume rm mango
cp-from-stopped           cp box:/data/note note
cp-to-stopped             cp note box:/data/copy
rm                        rm box
run-detached              run -d --name keeper -v mango:/data busybox sleep 1000
cp-from-running           cp keeper:/data/note note
cp-to-running             cp note keeper:/data/third
stop                      stop -t 0 keeper
start                     start keeper
rm-force                  rm -f keeper
volume-prune              volume prune -f
volume-rm                 volume rm mango
volume-rm-force           volume rm -f kiwi
volume-rm-force-unknown   volume rm -f nosuch
volume-rm-unknown         volume rm nosuch
volume-inspect-gone       volume inspect fig
volume-rm-several         volume rm pear plum
restart-empty             systemctl restart docker
volume-ls-first           volume ls
volume-create-last        volume create -d ddd --label stage=test mango
restart                   systemctl restart docker
volume-inspect-label      volume inspect mango
run-after-restart         run --rm -v mango:/data busybox true
restart-adopted           systemctl restart docker
run-adopted               run --rm -v fig:/data busybox true
"""
# The same for Podman.
PODMAN = """
volume-create             volume create --driver=ddd mango
volume-create-option      volume create --driver=ddd --opt=size=10G melon
volume-inspect            volume inspect mango
volume-ls                 volume ls
run                       run --rm -v mango:/data busybox:local sh -c 'echo hello > /data/note'
run-kept                  run --name box -v mango:/data busybox:local true
volume-rm-in-use          volume rm mango
cp-from-stopped           cp box:/data/note note
start                     start --attach box
rm                        rm box
volume-reload             volume reload
volume-rm                 volume rm mango
volume-rm-unknown         volume rm nosuch
volume-create-last        volume create --driver=ddd kiwi
volume-prune              volume prune --force
"""
# What happens to the plugin before a command, and not by Docker: a volume comes, a volume goes.
BEHIND = {
    "volume-create-adopted": ("Create", "fig"),
    "volume-inspect-gone": ("Remove", "fig"),
    "volume-ls-first": ("Create", "fig"),
}
RESTART = "systemctl restart docker"


def course(text: str = COURSE) -> list[tuple[str, str]]:
    """The file name and the command of each conversation, in their order."""
    rows = (line.split(maxsplit=1) for line in text.strip().splitlines())
    return [(stem, command) for stem, command in rows]


class Proxy(socketserver.ThreadingUnixStreamServer):
    """Stands before a plugin at `path`, passes on what comes, and keeps each exchange as a row of a trace."""

    daemon_threads = True

    def __init__(self, path: Path, behind: Path) -> None:
        self.behind = behind
        self.rows: list[Row] = []
        self.begun = 0.0
        super().__init__(str(path), ProxyHandler)

    def __enter__(self) -> Proxy:
        threading.Thread(target=self.serve_forever, args=[0.01]).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def take(self) -> list[Row]:
        """The exchanges since the last time."""
        rows, self.rows, self.begun = self.rows, [], 0.0
        return rows

    def keep(self, request: bytes, answer: bytes, at: float) -> None:
        """Write an exchange down; times count from the first one."""
        self.begun = self.begun or at
        times = {"at": round(at - self.begun, 4), "took": round(time.monotonic() - at, 4)}
        self.rows.append({"n": len(self.rows) + 1, **times, **row_of(request, answer)})


class ProxyHandler(socketserver.BaseRequestHandler):
    """One exchange. The parts close the connection after each answer."""

    server: Proxy

    def handle(self) -> None:
        request = read_message(self.request)
        if not request:
            return
        begun = time.monotonic()
        with socket.socket(socket.AF_UNIX) as plugin:
            plugin.connect(str(self.server.behind))
            plugin.sendall(request)
            answer = b"".join(iter(lambda: plugin.recv(65536), b""))
        self.server.keep(request, answer, begun)
        self.request.sendall(answer)


def read_message(connection: socket.socket) -> bytes:
    """One request, head and body; nothing when the caller only looked whether somebody listens."""
    text = b""
    while b"\r\n\r\n" not in text or len(text.partition(b"\r\n\r\n")[2]) < length_of(text):
        more = connection.recv(65536)
        if not more:
            return b""
        text += more
    return text


def length_of(message: bytes) -> int:
    """What the head says of the body's length."""
    said = re.search(rb"\r\ncontent-length: *(\d+)", message.partition(b"\r\n\r\n")[0], re.IGNORECASE)
    return int(said[1]) if said else 0


def head_and_body(message: bytes) -> tuple[str, list[list[str]], str]:
    """The first line, the headers and the body of a message."""
    head, _, body = message.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first, [list(map(str.strip, line.split(":", 1))) for line in lines], body


def row_of(request: bytes, answer: bytes) -> Row:
    """An exchange as a trace writes it, without its times."""
    asked, request_headers, sent = head_and_body(request)
    method, path, _ = asked.split(" ")
    said, answer_headers, body = head_and_body(answer) if answer else ("HTTP/1.1 0 ", [], "")
    _, status, reason = said.split(" ", 2)
    row: Row = {"method": method, "path": path, "request_headers": request_headers, "request": sent}
    row |= {"status": int(status), "reason": reason, "answer_headers": answer_headers, "answer": body}
    return row | {"failure": "" if answer else "the connection was closed without an answer"}


@contextmanager
def proxied(engine: Engine) -> Iterator[Proxy]:
    """ddd beside an engine, and the proxy in the place of its socket."""
    # Werkzeug's server closes each connection: a conversation is one connection
    with Part(engine, server="werkzeug"):
        behind = (engine.plugins / "ddd.sock").rename(engine.folder / "behind.sock")
        with Proxy(engine.plugins / "ddd.sock", behind) as proxy:
            yield proxy


@dataclass
class Conversation:
    """A command of the course, what it said to the plugin, and what it printed."""

    stem: str
    command: str
    rows: list[Row]
    done: subprocess.CompletedProcess[str] | None = None


def converse(engine: Engine, client: Sequence[str]) -> Iterator[Conversation]:
    """Have each command of the course typed beside an engine that has busybox:local."""
    engine.docker("tag", BUSYBOX, "busybox")
    with proxied(engine) as proxy:
        for stem, command in course():
            if stem in BEHIND:
                method, volume = BEHIND[stem]
                ask(engine, f"VolumeDriver.{method}", Name=volume)
                proxy.take()
            done = None
            if command == RESTART:
                engine.restart_dockerd()
            else:
                words = shlex.split(command)
                # the engine of the tests has no network to give
                network = ["--network=none"] if words[0] == "run" else []
                done = engine.run(*client, words[0], *network, *words[1:], check=False, folder=engine.folder)
            yield Conversation(stem, command, proxy.take(), done)


# The engine of this machine


def program_of(version: str) -> str:
    """The client of the engine's own release: which one is asked decides whether Opts is {} or null."""
    for folder in [*os.environ["PATH"].split(":"), "/usr/bin"]:
        program = Path(folder) / "docker"
        if program.is_file() and f"version {version}" in output([str(program), "--version"]):
            return str(program)
    raise SystemExit(f"There is no docker client of release {version} here: apt-get install docker.io")


def output(command: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def version_of(engine: Engine) -> str:
    """The engine's version, without what the distribution adds: 20.10.24."""
    return engine.output("version", "--format={{.Server.Version}}").partition("+")[0]


def converse_podman(engine: Engine) -> Iterator[Conversation]:
    """Have each command of PODMAN typed beside an engine."""
    with proxied(engine) as proxy:
        podman = Podman(engine)
        proxy.take()
        for stem, command in course(PODMAN):
            done = podman(*shlex.split(command), check=False)
            # after the command, the process beside a container that has ended calls Unmount
            wait_for(lambda: engine.run("pgrep", "conmon", check=False).returncode == 1, "the end of conmon")
            yield Conversation(stem, command, proxy.take(), done)


def record_here() -> None:
    """Write the conversations of this machine's engine and Podman, in place of those of the same release."""
    with Engine() as engine:
        import_busybox(engine)
        version = version_of(engine)
        client = [program_of(release_of(version))]
        write(release_of(version), f"Docker Engine {version}", "docker", converse(engine, client))
    with Engine() as engine:  # on it, ddd has no volume
        import_busybox(engine)
        version = output(["podman", "--version"]).split()[-1]
        write(f"podman-{release_of(version)}", f"Podman {version}", "podman", converse_podman(engine))


def release_of(version: str) -> str:
    """The release of a version: "20.10" of 20.10.24."""
    return ".".join(version.split(".")[:2])


def write(name: str, engine: str, program: str, conversations: Iterator[Conversation]) -> None:
    """Write conversations to traces/NAME, in place of those that are there."""
    folder = REPOSITORY / "traces" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    head = {"format": "ddd-trace 1", "engine": engine, "recorded": str(date.today())}
    for each in conversations:
        title = each.command if each.command == RESTART else f"{program} {each.command}"
        lines = [head | {"title": title}, *each.rows]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{each.stem}.jsonl").write_text(text)
        print(f"{name}  {each.stem:25} {len(each.rows)} exchanges", flush=True)


def record(release: str) -> None:
    """Record in the root of a release of Debian, and bring what was recorded from there."""
    command = "./workshop --version && exec .venv/bin/python -m tests.engine.record here"
    if run_in(release, ["sh", "-c", command]):
        raise SystemExit(f"Nothing was recorded in {release}.")
    shutil.rmtree(REPOSITORY / "traces")
    shutil.copytree(clone_in(release) / "traces", REPOSITORY / "traces")


if __name__ == "__main__":
    if sys.argv[1:] == ["here"]:
        record_here()
    else:
        for release in sys.argv[1:] or ROOTS:
            record(release)
