"""Discovery, beside a real engine: for each table row the practice daemon says of a plugin what this engine says.

The row is put into the engine's folders, and both make a volume of it there. A plugin refuses, and names itself, so
that the two lines tell which one was found. A lookup that fails costs a real engine 15 s, so all are made at once.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from .engine import Engine
from .images import REPOSITORY
from .plugins import Recorder
from .record import version_of
from .test_discovery import CERTIFICATES, gunicorn, secured
from .wording import neutral

pytestmark = pytest.mark.engine
RUN, ETC, USR = "/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"
TCP, TLS = "127.0.0.1:8787", "127.0.0.1:8788"

# A file's text; "socket" is a plugin that listens there, "stale" a socket on which nobody does, "-> PATH" a link.
# In a text SPEC is the URL of a plugin that is none of the places, and NAME that of one of another name.
TABLE: dict[str, dict[str, str]] = {
    "nothing": {},
    "sock": {f"{RUN}/sock.sock": "socket"},
    "folder": {f"{RUN}/folder/folder.sock": "socket"},
    "sock-before-folder": {
        f"{RUN}/sock-before-folder.sock": "socket",
        f"{RUN}/sock-before-folder/sock-before-folder.sock": "socket",
    },
    "link": {f"{RUN}/link.sock": "-> /var/lib/ddd/spec.sock"},
    "broken-link": {f"{RUN}/broken-link.sock": "-> /nowhere", f"{ETC}/broken-link.spec": "SPEC"},
    "plain": {f"{RUN}/plain.sock": "no socket", f"{ETC}/plain.spec": "SPEC"},
    "plain-alone": {f"{RUN}/plain-alone.sock": "no socket"},
    "stale": {f"{RUN}/stale.sock": "stale", f"{ETC}/stale.spec": "SPEC"},
    "spec": {f"{ETC}/spec.spec": "  SPEC\n\n"},
    "spec-in-folder": {f"{ETC}/spec-in-folder/spec-in-folder.spec": "SPEC"},
    "spec-before-json": {f"{ETC}/spec-before-json.json": '{"Addr": "OTHER"}', f"{ETC}/spec-before-json.spec": "SPEC"},
    "folder-spec-before-json": {
        f"{ETC}/folder-spec-before-json/folder-spec-before-json.spec": "SPEC",
        f"{ETC}/folder-spec-before-json.json": '{"Addr": "OTHER"}',
    },
    "etc-before-usr": {f"{ETC}/etc-before-usr.json": '{"Addr": "SPEC"}', f"{USR}/etc-before-usr.spec": "OTHER"},
    "usr": {f"{USR}/usr.spec": "SPEC"},
    "spec-is-json": {f"{ETC}/spec-is-json.spec": '{"Addr": "SPEC"}', f"{USR}/spec-is-json.spec": "SPEC"},
    "spec-empty": {f"{ETC}/spec-empty.spec": ""},
    "spec-path": {f"{ETC}/spec-path.spec": "/run/x.sock"},
    "spec-two-lines": {f"{ETC}/spec-two-lines.spec": "SPEC\nSPEC"},
    "spec-no-scheme": {f"{ETC}/spec-no-scheme.spec": "127.0.0.1:8787"},
    "spec-bad-port": {f"{ETC}/spec-bad-port.spec": "tcp://127.0.0.1:http"},
    "spec-localhost": {f"{ETC}/spec-localhost.spec": "localhost:8787"},
    "spec-two-slashes": {f"{ETC}/spec-two-slashes.spec": "unix://run/x.sock"},
    "spec-long": {f"{ETC}/spec-long.spec": f"unix:///{'x' * 120}"},
    "spec-http-path": {f"{ETC}/spec-http-path.spec": f"http://{TCP}/base/path"},
    "spec-https": {f"{ETC}/spec-https.spec": f"https://{TLS}"},
    "spec-fragment": {f"{ETC}/spec-fragment.spec": "SPEC#part"},
    "spec-query": {f"{ETC}/spec-query.spec": "SPEC?q=%zz"},
    "spec-escape": {f"{ETC}/spec-escape.spec": "unix:///var/lib/ddd/%73pec.sock"},
    "spec-wrong-escape": {f"{ETC}/spec-wrong-escape.spec": "unix:///var/lib/ddd/%zz.sock"},
    "spec-wrong-fragment": {f"{ETC}/spec-wrong-fragment.spec": "SPEC#%zz"},
    "spec-space": {f"{ETC}/spec-space.spec": "unix:///var/lib/ddd/no such.sock"},
    "spec-space-in-host": {f"{ETC}/spec-space-in-host.spec": "tcp://ho st:8787"},
    "spec-white-space": {f"{ETC}/spec-white-space.spec": "\u00a0SPEC\u3000"},
    "spec-bom": {f"{ETC}/spec-bom.spec": "\ufeffSPEC"},
    "spec-lines": {f"{ETC}/spec-lines.spec": "SPEC\r\n"},
    "spec-two-lines-of-windows": {f"{ETC}/spec-two-lines-of-windows.spec": "SPEC\r\nSPEC"},
    "spec-port": {f"{ETC}/spec-port.spec": "tcp://127.0.0.1:99999"},
    "spec-user": {f"{ETC}/spec-user.spec": f"tcp://user:pass@{TCP}"},
    "spec-opaque": {f"{ETC}/spec-opaque.spec": "unix:run/x.sock"},
    "spec-nothing": {f"{ETC}/spec-nothing.spec": "unix://"},
    "json-bom": {f"{ETC}/json-bom.json": '\ufeff{"Addr": "SPEC"}'},
    "json": {f"{ETC}/json.json": '{"Name": "other", "Addr": "SPEC", "Unknown": 1} and more'},
    "json-lower": {f"{ETC}/json-lower.json": '{"addr": "SPEC"}'},
    "json-comma": {f"{ETC}/json-comma.json": '{"Addr": "SPEC",}'},
    "json-comma-array": {f"{ETC}/json-comma-array.json": '{"Addr": ["SPEC",]}'},
    "json-missing-comma": {f"{ETC}/json-missing-comma.json": '{"Name": "x" "Addr": "SPEC"}'},
    "json-words": {f"{ETC}/json-words.json": "no JSON"},
    "json-cut": {f"{ETC}/json-cut.json": '{"Addr": "SPEC"'},
    "json-line-in-string": {f"{ETC}/json-line-in-string.json": '{"Addr": "SPEC\n}'},
    "json-cut-string": {f"{ETC}/json-cut-string.json": '{"Addr": "SP'},
    "json-empty": {f"{ETC}/json-empty.json": ""},
    "json-quotes": {f"{ETC}/json-quotes.json": "{'Addr': 'SPEC'}"},
    "json-number": {f"{ETC}/json-number.json": '{"Addr": 5}'},
    "json-list": {f"{ETC}/json-list.json": '["SPEC"]'},
    "json-no-addr": {f"{ETC}/json-no-addr.json": "{}"},
    "json-no-ca-file": {f"{ETC}/json-no-ca-file.json": '{"Addr": "https://TLS", "TLSConfig": {"CAFile": "/nowhere"}}'},
    "json-no-key": {f"{ETC}/json-no-key.json": '{"Addr": "https://TLS", "TLSConfig": {"CertFile": "/nowhere"}}'},
    "json-tls-unused": {f"{ETC}/json-tls-unused.json": f'{{"Addr": "tcp://{TCP}", "TLSConfig": {{"CAFile": "CA"}}}}'},
    "json-tls-system": {f"{ETC}/json-tls-system.json": '{"Addr": "https://TLS"}'},
    "json-tls-false": {
        f"{ETC}/json-tls-false.json": '{"Addr": "https://TLS", "TLSConfig": {"InsecureSkipVerify": false, OWN}}'
    },
    "json-tls-no-client": {f"{ETC}/json-tls-no-client.json": '{"Addr": "https://TLS", "TLSConfig": {"CAFile": "CA"}}'},
    "json-tls": {f"{ETC}/json-tls.json": '{"Addr": "https://TLS", "TLSConfig": {"CAFile": "CA", OWN}}'},
    "json-tls-lower": {f"{ETC}/json-tls-lower.json": '{"addr": "https://TLS", "tlsconfig": {"cafile": "CA", OWN}}'},
    "json-tls-type": {
        f"{ETC}/json-tls-type.json": '{"Addr": "https://TLS", "TLSConfig": {"InsecureSkipVerify": "no"}}'
    },
    "a.b": {f"{RUN}/a.b.sock": "socket"},
}
TEXTS = {
    "SPEC": "unix:///var/lib/ddd/spec.sock",
    "OTHER": "unix:///var/lib/ddd/other.sock",
    "TLS": TLS,
    '"CA"': f'"{CERTIFICATES}/ca.pem"',
    "OWN": f'"CertFile": "{CERTIFICATES}/client.pem", "KeyFile": "{CERTIFICATES}/client-key.pem"',
}

# Put files into the engine's folders, which only commands beside it see.
WRITE = """
import json, os, socket, sys
for path, text in json.loads(sys.argv[1]).items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if text == "stale":
        socket.socket(socket.AF_UNIX).bind(path)
    elif text.startswith("-> "):
        os.symlink(text[3:], path)
    else:
        open(path, "w").write(text)
"""
# The practice daemon beside the engine, which looks into the same folders. It need not wait.
PRACTISE = """
import json, sys
from workshop.daemon.daemon import Daemon, DockerError
from workshop.daemon.calls import Clock
class Hurried(Clock):
    time = 0.0
    def now(self): return self.time
    def sleep(self, seconds): self.time += seconds
for name in sys.argv[2:]:
    try:
        said = Daemon(shape=sys.argv[1], clock=Hurried()).volume_create("v", name)
    except DockerError as error:
        said = f"Error response from daemon: {error}"
    print(json.dumps([name, said]))
"""


class Refusing(Recorder):
    """A plugin that makes no volume, and says who it is."""

    def answer(self, request: bytes) -> dict[str, object]:
        created = request.startswith(b"POST /VolumeDriver.Create ")
        return {"Err": f"This is {self.server_address}."} if created else super().answer(request)


@pytest.fixture(scope="module")
def engine_with_table(machine: None) -> Iterator[Engine]:
    """An engine whose folders hold every row of the table, with the plugins behind them."""
    with Engine() as engine, ExitStack() as servers:
        make_usr_lib_writable(engine)
        files = {path: text for row in TABLE.values() for path, text in row.items()}
        for path in [path for path, text in files.items() if text == "socket"]:
            place = Path(path.replace(RUN, str(engine.plugins)))
            place.parent.mkdir(exist_ok=True)
            servers.enter_context(Refusing(place))
        for name in ("spec", "other"):
            servers.enter_context(Refusing(engine.root / f"{name}.sock"))
        texts = {path: filled(text) for path, text in files.items() if text != "socket"}
        engine.run(sys.executable, "-c", WRITE, json.dumps(texts))
        servers.enter_context(gunicorn(engine, TCP))
        servers.enter_context(gunicorn(engine, TLS, *secured(engine)))
        yield engine


def make_usr_lib_writable(engine: Engine) -> None:
    """Let a test put files where packages do, which only the engine and the commands beside it see."""
    layer = f"{engine.folder}/layers/usr"
    overlay = f"lowerdir=/usr/lib,upperdir={layer}/upper,workdir={layer}/work"
    engine.run("mkdir", "-p", f"{layer}/upper", f"{layer}/work")
    engine.run("mount", "-t", "overlay", "-o", overlay, "overlay", "/usr/lib")


def filled(text: str) -> str:
    """A text of the table, with what its words stand for."""
    for word, meaning in TEXTS.items():
        text = text.replace(word, meaning)
    return text


@pytest.fixture(scope="module")
def engines_words(engine_with_table: Engine) -> dict[str, str]:
    """What docker says of each row."""

    def create(name: str) -> str:
        return engine_with_table.docker("volume", "create", f"--driver={name}", "v-" + name, check=False).stderr

    with ThreadPoolExecutor(len(TABLE)) as pool:
        return dict(zip(TABLE, pool.map(create, TABLE), strict=True))


@pytest.fixture(scope="module")
def practised_words(engine_with_table: Engine) -> dict[str, str]:
    """What the practice daemon says of each row."""
    release = "20.10" if version_of(engine_with_table).startswith("20.10") else "28"
    command = [sys.executable, "-c", PRACTISE, release, *TABLE]
    lines = engine_with_table.run(*command, folder=REPOSITORY).stdout.splitlines()
    return dict(json.loads(line) for line in lines)


@pytest.mark.parametrize("name", TABLE)
def test_both_find_the_same_and_say_the_same(
    name: str, engine_with_table: Engine, engines_words: dict[str, str], practised_words: dict[str, str]
) -> None:
    real, practised = engines_words[name].strip(), practised_words[name]
    version = version_of(engine_with_table)
    assert neutral(plain(practised), version) == neutral(
        plain(real.replace(f"create v-{name}: ", "create v: ")), version
    )


def plain(text: str) -> str:
    """A message without what is Go's own: its words for a TLS handshake that fails."""
    return re.sub(r'(Post "https://\S+/Plugin.Activate"): .*', r"\1", text)


# What is there for a look into the folders, which `docker volume ls` takes.
SOCKETS = [
    f"{RUN}/top.sock",
    f"{RUN}/odd.ending",
    f"{RUN}/two.dots.sock",
    f"{RUN}/inner/inner.sock",
    f"{RUN}/wrong/other.sock",
]
FILES = {
    f"{RUN}/link.sock": "-> /run/docker/plugins/top.sock",
    f"{RUN}/plain.sock": "no socket",
    f"{ETC}/first.spec": "SPEC",
    f"{ETC}/second.json": '{"Addr": "SPEC"}',
    f"{ETC}/third/third.spec": "SPEC",
    f"{ETC}/fourth/fifth.spec": "SPEC",
    f"{ETC}/sixth.txt": "SPEC",
    f"{ETC}/broken.spec": "",
}


def test_a_look_into_the_folders_finds_the_same_plugins(machine: None) -> None:
    with Engine() as engine, ExitStack() as servers:
        for path in SOCKETS:
            place = Path(path.replace(RUN, str(engine.plugins)))
            place.parent.mkdir(exist_ok=True)
            servers.enter_context(Refusing(place))
        servers.enter_context(Refusing(engine.root / "spec.sock"))
        texts = {path: filled(text) for path, text in FILES.items()}
        engine.run(sys.executable, "-c", WRITE, json.dumps(texts))
        engine.docker("volume", "ls")
        found = json.loads(engine.output("info", "--format={{json .Plugins.Volume}}"))
        looked = "from workshop.daemon.daemon import Daemon; print(*(one.name for one in Daemon().store.all_drivers()))"
        practised = engine.run(sys.executable, "-c", looked, folder=REPOSITORY).stdout.split()
    assert sorted(practised) == sorted(found)
    assert set(found) == {"local", "top", "two.dots", "inner", "first", "second", "third"}
