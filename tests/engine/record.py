"""Records the conversations in traces/: each command of the course, between a real Docker Engine and ddd.

    .venv/bin/python -m tests.engine.record            the engine of this machine, and the one of Debian forky
    .venv/bin/python -m tests.engine.record 20.10      only the first

The commands are those of COURSE, in this order: each finds what those before it have left. The tests play the same
list to the practice daemon.
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

from .engine import Engine
from .images import BUSYBOX, REPOSITORY, call, import_busybox, once
from .plugins import Part, ask

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
# What happens to the plugin before a command, and not by Docker: a volume comes, a volume goes.
BEHIND = {
    "volume-create-adopted": ("Create", "fig"),
    "volume-inspect-gone": ("Remove", "fig"),
    "volume-ls-first": ("Create", "fig"),
}
RESTART = "systemctl restart docker"


def course() -> list[tuple[str, str]]:
    """The file name and the command of each conversation, in their order."""
    rows = (line.split(maxsplit=1) for line in COURSE.strip().splitlines())
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


# The two engines


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


def debian(folder: Path) -> None:
    """Debian forky with its Docker Engine, 28.5: about a minute, and 600 MB.

    forky is signed by the keys of Debian 13, and debootstrap of Debian 12 does not know its name: it is made as sid is.
    """
    packages = "--include=docker.io,docker-cli"
    default_mirror, script = "", "/usr/share/debootstrap/scripts/sid"
    call("debootstrap", "--variant=minbase", packages, "forky", folder, default_mirror, script)


# A program of forky needs forky's libraries around it: dockerd gets forky as its root, with what it shares with the
# machine bound in. A plain chroot would not do: dockerd cannot import an image from there.
PIVOT = """#!/bin/sh
exec unshare --mount sh -e -c '
root=$0
mount --rbind "$root" "$root"
for each in /dev /proc /sys /run /etc/docker /var/lib/ddd "$FOLDER"; do
    mkdir -p "$root$each"
    mount --rbind "$each" "$root$each"
done
mkdir -p "$root/before"
cd "$root"
pivot_root . before
umount --lazy /before
exec dockerd "$@"' ROOT "$@"
"""


@contextmanager
def engine_of_forky() -> Iterator[tuple[Engine, list[str]]]:
    """Engine 28.5, and its client, which runs with forky's libraries and sees the machine's files."""
    root = once("forky", debian)
    engine = Engine()
    wrapper = engine.folder / "dockerd"
    wrapper.write_text(PIVOT.replace("ROOT", str(root)).replace("$FOLDER", str(engine.folder)))
    wrapper.chmod(0o755)
    engine.dockerd = str(wrapper)
    libraries = root / "usr/lib" / f"{os.uname().machine}-linux-gnu"
    (loader,) = libraries.glob("ld-linux-*")
    with engine:
        yield engine, [str(loader), "--library-path", str(libraries), str(root / "usr/bin/docker")]


@contextmanager
def engine_of_machine() -> Iterator[tuple[Engine, list[str]]]:
    """This machine's engine, and the client of its release."""
    with Engine() as engine:
        yield engine, [program_of(version_of(engine))]


def version_of(engine: Engine) -> str:
    """The engine's version, without what the distribution adds: 20.10.24."""
    return engine.output("version", "--format={{.Server.Version}}").partition("+")[0]


ENGINES = {"20.10": engine_of_machine, "28.5": engine_of_forky}


def record(release: str) -> None:
    """Write the conversations of one engine to traces/RELEASE, in place of those that are there."""
    folder = REPOSITORY / "traces" / release
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ENGINES[release]() as (engine, client):
        version = version_of(engine)
        assert version.startswith(release), f"The engine here is {version}, not {release}."
        head = {"format": "ddd-trace 1", "engine": f"Docker Engine {version}", "recorded": str(date.today())}
        import_busybox(engine)
        for each in converse(engine, client):
            title = each.command if each.command == RESTART else f"docker {each.command}"
            lines = [head | {"title": title}, *each.rows]
            (folder / f"{each.stem}.jsonl").write_text(
                "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            )
            print(f"{release}  {each.stem:25} {len(each.rows)} exchanges")


if __name__ == "__main__":
    for release in sys.argv[1:] or ENGINES:
        record(release)
