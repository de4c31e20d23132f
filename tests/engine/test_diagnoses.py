"""What a report says that docker itself would print is what a real docker prints."""

from __future__ import annotations

import http
import json
import re
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutants import MUTANTS
from steps import STEPS

from workshop.checker import steps
from workshop.checker.diagnose import docker_prints
from workshop.checker.evidence import Evidence
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import Exchange, request

from .engine import Engine
from .images import BUSYBOX, import_busybox
from .plugins import Part, read_request
from .record import version_of
from .wording import neutral

pytestmark = pytest.mark.engine
CREATE = ("volume", "create", "--driver=ddd", "mango")
WRONG = {mutant.name: mutant for mutant in MUTANTS}


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("exception in a handler", [CREATE]),
        ("get_json without silent", [CREATE]),
        ("no such route", [CREATE]),
        ("status other than 200", [CREATE]),
        ("wrong case of the subsystem", [CREATE]),
        ("wrong case of a key", [CREATE]),
        ("refused", [CREATE]),
        ("Get forgets", [CREATE, ("volume", "inspect", "mango")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_docker_prints_what_the_report_says(
    fresh_engine: Callable[[], Engine], tmp_path: Path, name: str, commands: list[tuple[str, ...]]
) -> None:
    wrong, engine = WRONG[name], fresh_engine()
    command, _ = wrong.command(tmp_path)
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        result = steps.run_step(plugin, wrong.step, STEPS[wrong.step], None)
        plugin.close()
    assert result.evidence
    said = re.sub(r"(create|get|remove) \w+-\w+:", r"\1 mango:", docker_prints(result.evidence))
    part = Part(engine)
    part.command = command
    with part:
        *_, done = [engine.docker(*words, check=False) for words in commands]
    assert same_words(engine, done.stderr.strip(), said)


# Every class of answer, to every call of which docker prints something


@dataclass(frozen=True)
class Reply:
    """An answer of a plugin."""

    status: int
    body: str
    location: str = ""


REPLIES = {
    "page": Reply(404, "<!doctype html>\n<title>404</title>\n<p>No."),
    "piece": Reply(500, "<h1>Internal Server Error</h1>\n"),
    "text": Reply(404, "404 page not found\n"),
    "empty": Reply(404, ""),
    "no-err": Reply(404, "{}"),
    "empty-err": Reply(404, '{"Err": ""}'),
    "null-err": Reply(404, '{"Err": null}'),
    "err": Reply(404, '{"Err": "No such thing."}'),
    "number-err": Reply(404, '{"Err": 7}'),
    "error": Reply(404, '{"Error": "No."}'),
    "list": Reply(404, '["no"]'),
    "busy": Reply(503, '{"Err": "Later."}'),
    "method": Reply(405, '{"Err": "No method."}'),
    "type": Reply(415, "<p>Unsupported Media Type</p>"),
    "created": Reply(201, '{"Err": ""}'),
    "nothing": Reply(204, ""),
    "ok-text": Reply(200, "hello"),
    "ok-empty": Reply(200, ""),
    "ok-page": Reply(200, "<p>hello</p>"),
    "ok-list": Reply(200, "[]"),
    "ok-string": Reply(200, '"hello"'),
    "ok-number": Reply(200, "7"),
    "ok-null": Reply(200, "null"),
    "ok-err": Reply(200, '{"Err": "No such thing."}'),
    "ok-number-err": Reply(200, '{"Err": 7}'),
    "nowhere": Reply(302, "moved"),
    "found": Reply(302, "", "/elsewhere"),
    "permanent": Reply(308, "", "/elsewhere"),
    "mountpoint-number": Reply(200, '{"Mountpoint": 7}'),
    "implements-string": Reply(200, '{"Implements": "VolumeDriver"}'),
    "implements-other": Reply(200, '{"Implements": ["volumedriver"]}'),
    "implements-null": Reply(200, '{"Implements": null}'),
}
COMMANDS = {"Create": ("volume", "create", "--driver=ddd"), "Remove": ("volume", "rm"), "Get": ("volume", "inspect")}
RUN_HELP = r"(\.\nSee 'docker run --help'\.|\s+Run 'docker run --help' for more information)$"
"""What docker 20.10 and docker 28 say below a failed run."""


class Replier(socketserver.ThreadingUnixStreamServer):
    """A plugin that answers a volume of the name "get-page" with that reply to Get, and has every other one."""

    daemon_threads = True

    def __init__(self, path: Path, activation: Reply | None = None) -> None:
        self.activation = activation
        self.names: set[str] = set()
        self.followed: list[str] = []
        self.mountpoint = ""
        super().__init__(str(path), ReplyHandler)
        threading.Thread(target=self.serve_forever, args=[0.01]).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def reply(self, line: str, name: str) -> Reply:
        """Return the reply to a call, by its first line."""
        method = line.split()[1].strip("/").rpartition(".")[2]
        wanted, _, kind = name.partition("-")
        if method == "elsewhere":
            self.followed.append(line.split()[0])
            return Reply(200, '{"Err": "Elsewhere."}')
        if method == "Activate":
            return self.activation or Reply(200, '{"Implements": ["VolumeDriver"]}')
        if wanted == method.lower() and kind in REPLIES:
            return REPLIES[kind]
        if method == "Create":
            self.names.add(name)
        if method == "Get" and name not in self.names:
            return Reply(404, '{"Err": "no such volume"}')
        volume = {"Name": name, "Mountpoint": self.mountpoint}
        return Reply(200, json.dumps({"Volume": volume} if method == "Get" else {}))


class ReplyHandler(socketserver.StreamRequestHandler):
    """One request, one answer, and the connection is closed."""

    server: Replier

    def handle(self) -> None:
        head, _, body = read_request(self.rfile).partition(b"\r\n\r\n")
        if not head:
            return
        sent = json.loads(body or b"{}")
        reply = self.server.reply(head.partition(b"\r\n")[0].decode(), sent.get("Name", ""))
        moved = f"Location: {reply.location}\r\n" if reply.location else ""
        answer = f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}\r\nConnection: close\r\n{moved}"
        self.wfile.write(f"{answer}Content-Length: {len(reply.body)}\r\n\r\n{reply.body}".encode())


@pytest.fixture(scope="module")
def replier(machine: None) -> Iterator[tuple[Engine, Replier]]:
    """An engine, and a plugin with a reply of each kind; one more for each kind of reply to Activate."""
    with ExitStack() as stack:
        engine = stack.enter_context(Engine())
        import_busybox(engine)
        for kind, reply in REPLIES.items():
            stack.enter_context(Replier(engine.plugins / f"{kind}.sock", reply))
        yield engine, stack.enter_context(Replier(engine.plugins / "ddd.sock"))


def same_words(engine: Engine, real: str, said: str) -> bool:
    """Whether docker printed what a report says, as far as this does not depend on the engine's release."""
    version = version_of(engine)
    assert neutral(real, version) == neutral(said, version)
    return True


def told(endpoint: str, name: str, reply: Reply) -> str:
    """Return what a report says that docker prints of a reply."""
    body = {"Name": name} if name else None
    headers = {"location": reply.location} if reply.location else {}
    answer = Exchange(endpoint, request(endpoint, body), reply.status, body=reply.body.encode(), headers=headers)
    return docker_prints(Evidence("", "", [answer]))


@pytest.mark.parametrize("kind", [kind for kind in REPLIES if not kind.startswith("implements")])
@pytest.mark.parametrize("method", COMMANDS)
def test_of_every_answer_docker_prints_what_the_report_says(
    replier: tuple[Engine, Replier], method: str, kind: str
) -> None:
    engine, plugin = replier
    name = f"{method.lower()}-{kind}"
    if method == "Remove":
        engine.docker(*COMMANDS["Create"], name)
    plugin.followed.clear()
    done = engine.docker(*COMMANDS[method], name, check=False)
    said = told(f"VolumeDriver.{method}", name, REPLIES[kind])
    if REPLIES[kind].location:
        assert plugin.followed[:1] == ["GET" if REPLIES[kind].status == 302 else "POST"]
        assert said == ""
    else:
        assert same_words(engine, done.stderr.strip(), said)


@pytest.mark.parametrize("kind", [kind for kind in REPLIES if not kind.startswith("implements")])
@pytest.mark.parametrize("mountpoint", ["", "/srv/mango"])
def test_of_every_answer_to_mount_docker_prints_what_the_report_says(
    replier: tuple[Engine, Replier], mountpoint: str, kind: str
) -> None:
    """Whatever Mountpoint Get has named, docker run prints none."""
    engine, plugin = replier
    plugin.followed.clear()
    plugin.mountpoint = mountpoint
    name = f"mount-{kind}"
    engine.docker(*COMMANDS["Create"], name)
    volume = ("--volume-driver=ddd", f"--volume={name}:/data")
    done = engine.docker("run", "--rm", "--network=none", *volume, BUSYBOX, "true", check=False)
    said = told("VolumeDriver.Mount", name, REPLIES[kind])
    if REPLIES[kind].location:
        assert plugin.followed[:1] == ["GET" if REPLIES[kind].status == 302 else "POST"]
        assert said == ""
    else:
        assert same_words(engine, re.sub(RUN_HELP, "", done.stderr.strip()), said)


@pytest.mark.parametrize("kind", REPLIES)
def test_of_every_activation_docker_prints_what_the_report_says(replier: tuple[Engine, Replier], kind: str) -> None:
    done = replier[0].docker("volume", "create", f"--driver={kind}", "mango", check=False)
    said = told("Plugin.Activate", "", REPLIES[kind]).replace("volume plugin ddd:", f"volume plugin {kind}:")
    if not REPLIES[kind].location:
        assert same_words(replier[0], done.stderr.strip(), said)
