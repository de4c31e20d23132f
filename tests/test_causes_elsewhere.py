"""What test_causes.py shows for calls, for what is not one: the files that lead to a driver, and the plugin's process.

Each kind of file is looked up by Docker's rules, in the steps 2.3 to 2.5, with a plugin behind it that answers well or
not. Of the process, what can be known of it is made, in all ways that go together. What the report says then is held
against the bytes of the file, or against what was known.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from files import free_port
from steps import STEPS
from test_causes import CLAIMS, Claims, contradiction

from workshop.checker import lookup
from workshop.checker.diagnose import diagnose
from workshop.checker.evidence import Evidence, gather_evidence
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest

pytestmark = pytest.mark.slow

# Files that lead to a driver

CERTS = lookup.CERTIFICATES
TLS: dict[str, object] = {
    "CAFile": f"{CERTS}/ca.pem",
    "CertFile": f"{CERTS}/client.pem",
    "KeyFile": f"{CERTS}/client-key.pem",
    "InsecureSkipVerify": False,
}
ADDRESSES = [
    "tcp://127.0.0.1:PORT",
    "http://127.0.0.1:PORT",
    "https://127.0.0.1:PORT",
    "https://localhost:PORT",
    "https://127.0.0.2:PORT",
    "127.0.0.1:PORT",
    "localhost:PORT",
    "tcp//127.0.0.1:PORT",
    "tcp:/127.0.0.1:PORT",
    "tcp:127.0.0.1:PORT",
    '"tcp://127.0.0.1:PORT"',
    "unix:///run/docker/plugins/ddd.sock",
    "unix://ddd.sock",
    "tcp://0.0.0.0:PORT",
    "https://192.0.2.1:PORT",
    "tcp://127.0.0.1:99999",
    "tcp://127.0.0.1",
    "ftp://127.0.0.1:PORT",
    "hello",
    "",
]
SPECS = [
    *ADDRESSES,
    '{"Addr": "tcp://127.0.0.1:PORT"}',
    "# where it listens\ntcp://127.0.0.1:PORT",
    "tcp://127.0.0.1:PORT\n\n",
]
SETTINGS: list[Mapping[str, object] | None] = [
    None,
    {},
    TLS,
    *({key: value for key, value in TLS.items() if key != gone} for gone in TLS),
    {**TLS, "InsecureSkipVerify": True},
    {"InsecureSkipVerify": True},
    {**TLS, "CAFile": f"{CERTS}/authority.pem"},
    {**TLS, "CAFile": f"{CERTS}/ca-key.pem"},
    {**TLS, "CAFile": f"{CERTS}/client.pem"},
    {**TLS, "CertFile": TLS["KeyFile"], "KeyFile": TLS["CertFile"]},
    {**TLS, "CertFile": f"{CERTS}/server.pem", "KeyFile": f"{CERTS}/server-key.pem"},
    {**TLS, "CertFile": f"{CERTS}/no.pem"},
    {**TLS, "CA": f"{CERTS}/ca.pem"},
]
"""What may stand under TLSConfig; None for nothing."""
FORMS = ["", "{", "[]", "null", "7", '"tcp://127.0.0.1:PORT"', "tcp://127.0.0.1:PORT", '{"Addr": True}', "{'Addr': ''}"]
FORMS += ['{"Addr": "tcp://127.0.0.1:PORT",}', '{"Address": "tcp://127.0.0.1:PORT"}', '{"Addr": 7}', '{"TLSConfig": 7}']
"""Of a .json, other forms than an object with an address."""
NAMES = ["ddd_DRIVER.spec", "DRIVER.spec.txt", "DRIVER.txt", "other.json", "DRIVER.JSON", "notes.md", ".DRIVER.spec"]
GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{"Implements": ["VolumeDriver"]}\n'
ANSWERS = [
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\n<p>No.</p>",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"hello",
    b"",
]


def json_files() -> Iterator[str]:
    """Yield what may stand in a .json."""
    yield from FORMS
    for address, settings in itertools.product(ADDRESSES, SETTINGS):
        if settings is None or address.startswith(("https:", "http:", "tcp://127")):
            yield json.dumps({"Addr": address} if settings is None else {"Addr": address, "TLSConfig": settings})


class Answering:
    """A plugin on a Unix socket, with one answer to all calls."""

    def __init__(self, path: Path) -> None:
        self.answer = GOOD
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        """Answer one caller after the other, until the listener is shut down."""
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller:
                if caller.recv(1 << 16):
                    caller.sendall(self.answer)

    def close(self) -> None:
        """End the thread."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class Machine:
    """The folder of a learner's files, and a plugin behind them."""

    def __init__(self, folder: Path) -> None:
        self.beside = folder / "beside"
        self.answering = Answering(folder / "ddd.sock")
        self.plugin = PluginUnderTest([], folder / "ddd.sock", None)
        self.plugin.beside = self.beside
        self.plugin.patience = 1.0

    def run(self, step: str, files: Mapping[str, str], answer: bytes = GOOD) -> Evidence | None:
        """Run a step with these files and this answer; return what is known where it fails."""
        shutil.rmtree(self.beside, ignore_errors=True)
        self.beside.mkdir()
        self.answering.answer = answer
        for name, text in files.items():
            (self.beside / name).write_text(text.replace("PORT", str(free_port())))
        self.plugin.exchanges.clear()
        self.plugin.lookup = None
        try:
            STEPS[step](self.plugin)
        except AssertionError as failure:
            return gather_evidence(self.plugin, step, str(failure), 0, None)
        except SkipTest:
            pass
        return None

    def close(self) -> None:
        self.plugin.close()
        self.answering.close()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    """A machine with files; the certificates are made once, and those of an impostor a second time."""
    made = {name: lookup.made_certificates(tmp_path / name) for name in ("certs", "impostor")}

    def copy(folder: Path) -> Path:
        return folder if folder.exists() else Path(shutil.copytree(made[folder.name], folder))

    monkeypatch.setattr(lookup, "made_certificates", copy)
    with private_folder() as folder:
        machine = Machine(folder)
        yield machine
        machine.close()


def address(e: Evidence) -> str:
    """Return the address in the file, as it stands there."""
    assert e.lookup
    return str(named(e, "Addr") or "") if e.lookup.place.endswith(".json") else e.lookup.text.strip()


def named(e: Evidence, key: str) -> Any:
    """Return what the file has under a key, in TLSConfig too; None for nothing."""
    if not e.lookup or not e.lookup.place.endswith(".json"):
        return None
    value = json.JSONDecoder().raw_decode(e.lookup.text)[0]
    return value.get(key) or (value.get("TLSConfig") or {}).get(key)


def is_json(e: Evidence) -> bool:
    """Tell whether the file begins with a JSON value."""
    try:
        json.JSONDecoder().raw_decode(e.lookup.text if e.lookup else "")
    except ValueError:
        return False
    return True


OF_FILES: Claims = [
    ("There is (\\S+), but Docker looks", lambda e: e.lookup and not e.lookup.own),
    ("No file leads to", lambda e: e.lookup and not e.lookup.file),
    ("a package has brought", lambda e: e.lookup and e.lookup.file and not e.lookup.own),
    ("A .spec is not JSON", lambda e: e.lookup and e.lookup.place.endswith(".spec") and e.lookup.text[0] in "{["),
    ("cannot read this JSON", lambda e: not is_json(e)),
    ("wants an object in a .json", lambda e: is_json(e) and e.lookup and e.lookup.text[0] != "{"),
    ("Docker does not know the key", lambda e: named(e, "CA") or named(e, "Address")),
    ("After unix:// a path", lambda e: re.match("unix://[^/]", address(e))),
    ("leads to a Unix socket", lambda e: address(e).startswith("unix:")),
    ("begins with its scheme", lambda e: ":/" not in address(e)),
    ("Docker takes the quotes", lambda e: address(e)[0] == '"'),
    ("begins with a word, a colon", lambda e: "://" not in address(e)),
    ("The plugin is on this", lambda e: not re.search(r"//(127\.|localhost)", address(e))),
    ("TLSConfig has no KeyFile", lambda e: named(e, "CertFile") and not named(e, "KeyFile")),
    ("TLSConfig has no CertFile", lambda e: named(e, "KeyFile") and not named(e, "CertFile")),
    ("The files are ca.pem", lambda e: e.lookup and re.search("pem|X509", e.lookup.error)),
    ("so Docker speaks plain HTTP", lambda e: e.step == "2.5" and not address(e).startswith("https")),
    ("the plugin of this step speaks plain", lambda e: e.step == "2.3" and address(e).startswith("https")),
    ("could not verify the plugin's", lambda e: not named(e, "InsecureSkipVerify")),
    ("had no certificate to show", lambda e: e.step == "2.5" and not named(e, "CertFile")),
    ("shows a certificate that the plugin", lambda e: "server.pem" in named(e, "CertFile")),
    (
        "comes from another authority",
        lambda e: e.step == "2.5" and (not named(e, "CAFile") or named(e, "InsecureSkipVerify")),
    ),
    ("There is no CAFile", lambda e: not named(e, "CAFile")),
    ("InsecureSkipVerify is true", lambda e: named(e, "CAFile") and named(e, "InsecureSkipVerify")),
    ("Docker says", lambda e: e.lookup and e.lookup.error),
]


@pytest.mark.parametrize("step", ["2.3", "2.4", "2.5"])
def test_what_the_report_says_of_a_file_is_what_is_in_it(step: str, machine: Machine) -> None:
    driver = "ddd-tcp" if step == "2.3" else "ddd-tls"
    right = (
        "tcp://127.0.0.1:PORT" if step == "2.3" else json.dumps({"Addr": "https://127.0.0.1:PORT", "TLSConfig": TLS})
    )
    cases: list[tuple[dict[str, str], bytes]] = [({}, GOOD)]
    cases += [({name.replace("DRIVER", driver): right}, GOOD) for name in NAMES]
    cases += [({f"{driver}.spec": text}, GOOD) for text in SPECS]
    cases += [({f"{driver}.json": text}, GOOD) for text in json_files()]
    cases += [({f"{driver}.{'spec' if step == '2.3' else 'json'}": right}, answer) for answer in ANSWERS]
    wrong: dict[str, str] = {}
    failed = 0
    for files, answer in cases:
        known = machine.run(step, files, answer)
        failed += bool(known)
        problem = contradiction(known, [*OF_FILES, *CLAIMS]) if known else ""
        if known and problem:
            wrong.setdefault(problem, f"{files}, {answer!r}, wanted {known.demand}: {diagnose(known).why}")
    assert failed > 50
    assert wrong == {}, "\n".join(f"{key}: {text}" for key, text in wrong.items())


# The plugin's process

TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/plugin.py", line 3, in <module>\n'
LOGS = [
    "",
    "I have no idea.\n",
    f"{TRACEBACK}RuntimeError: no boom today\n",
    f"{TRACEBACK}ModuleNotFoundError: No module named 'singal'\n",
    f"{TRACEBACK}OSError: [Errno 98] Address already in use\n",
    f"{TRACEBACK}ConnectionRefusedError: [Errno 111] Connection refused\n",
    f"{TRACEBACK}OSError: [Errno 9] Bad file descriptor\n",
    f"{TRACEBACK}OSError: [Errno 95] Operation not supported\n",
    f"{TRACEBACK}NameError: name 'socket' is not defined\n",
    f"{TRACEBACK}TypeError: AF_INET address must be tuple, not str\n",
    f"{TRACEBACK}AssertionError: View function mapping is overwriting an existing endpoint function: greet\n",
    f"{TRACEBACK}TypeError: handler() takes 1 positional argument but 2 were given\n",
    '  File "/srv/plugin.py", line 3\n    def f(:\nSyntaxError: invalid syntax\n',
    "Name or service not known\n",
    "Error: Cannot find module 'flsk'\nRequire stack:\n- /srv/plugin.js\n    at Module._load (node:internal:1:1)\n",
]
FILES = [
    "",
    "def serve():\n    pass\n",
    'def serve():\n    pass\n\n\nif __name__ == "main":\n    serve()\n',
    'def serve():\n    pass\n\n\nif type(serve).__name__ == "method":\n    serve()\n',
    "def serve():\n    pass\n\n\nserve\n",
    "import signal\n\ndef stop():\n    sys.exit()\n\nsignal.signal(15, stop())\nserve()\n",
    "import signal\n\ndef stop():\n    return print\n\nsignal.signal(15, stop())\nserve()\n# returns\n",
    "import socket\n\nlistener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\nlistener.bind(x)\n",
    "app = Flask(1)\napp.run(host=1)\nsignal.signal(15, stop)\n",
    "subprocess.run(host=1)\nsignal.signal(15, stop)\n",
    "SOCKET = os.environ['DDD_SOCKET']\nif os.path.isfile(SOCKET):\n    os.unlink(SOCKET)\nserve()\n",
    "if os.path.isfile('/etc/x'):\n    pass\nserve()\n",
]
PLACE = Path("/run/docker/plugins/ddd.sock")
LISTENS = [[], ["TCP port 5000"], [f"{PLACE.parent}/plugin.sock"], ["/tmp/ddd.sock"], [f"{PLACE.parent}/{{SOCKET}}"]]
STARTS = "wanted a plugin that listens"
SEEN = [
    "wanted a socket that other users cannot write to, not mode 0666",
    "wanted exit status 0 after SIGTERM, not -15",
    "wanted exit status 0 after SIGINT, but it went on for 2.0 s, and was killed",
    "wanted no socket after SIGTERM: Docker waits 15 s for an old one",
    "wanted the first plugin's socket to stay",
    "wanted the second plugin to end with status 1, not 0",
    "wanted the plugin to end with status 1, but it still runs after 2.0 s",
    "wanted the file to stay as it was",
    "wanted the file to stay as it was, with its mode",
    "wanted a sentence, not\nTraceback",
    "wanted a sentence that says why, but nothing was printed",
]


def processes(folder: Path) -> Iterator[Evidence]:
    """Yield what can be known of a plugin that did not start, or did not end as it should."""
    files: list[Path | None] = [None]
    for number, text in enumerate(FILES):
        (folder / f"plugin{number}.py").write_text(text)
        files.append(folder / f"plugin{number}.py")
    begun = (("1.1", False), ("1.1", True), ("1.6", False))
    for (step, killed), log, ended, listens, place in itertools.product(
        begun, LOGS, (None, 0, 1, -11), LISTENS, ("", "socket", "folder")
    ):
        if ended is not None and listens:
            continue  # what has ended listens nowhere
        ends = [(0, int(signal.SIGKILL))] if killed else []
        # what is in the file says why a program ended, not why it runs
        for file in files if ended is not None and not place else files[:1] + files[-1:]:
            known = {"socket": PLACE, "file": file, "ends": ends, "place": place, "listens": listens, "ended": ended}
            yield Evidence(step, STARTS, [], log, "Waited 2.0 s", **known)  # type: ignore[arg-type]
    for wanted, log, file in itertools.product(SEEN, LOGS, files):
        yield Evidence("1.5", wanted, [], log, socket=PLACE, file=file)


def code(e: Evidence) -> str:
    """Return the plugin's file."""
    return e.file.read_text() if e.file else ""


OF_PROCESSES: Claims = [
    ("cannot be read as a program", lambda e: "SyntaxError" in e.log and e.ended),
    ("which is not there", lambda e: "No module" in e.log or "Cannot find module" in e.log),
    ("wants to listen is taken", lambda e: "in use" in e.log and e.step != "1.6"),
    ("leaves its socket behind", lambda e: e.step == "1.6" or e.ends),
    ("for the name of a machine", lambda e: "service not known" in e.log),
    ("crashed before it listened", lambda e: e.ended and re.search("Error: ", e.log)),
    ("It is not imported", lambda e: "NameError" in e.log),
    ("have the name", lambda e: "overwriting" in e.log),
    ("makes a TCP socket", lambda e: "AF_INET" in e.log),
    ("A socket closes", lambda e: "Bad file" in e.log),
    ("a socket for datagrams", lambda e: "DGRAM" in code(e) and "not supported" in e.log),
    ("needs only its name", lambda e: "stop())" in code(e) and "returns" not in code(e)),
    ("Your program exited", lambda e: e.ended is not None),
    ("The last line that it printed", lambda e: e.log.strip()),
    ("a folder in the place", lambda e: e.place == "folder"),
    ("The file compares __name__", lambda e: '"main"' in code(e)),
    ("Nothing calls", lambda e: code(e).endswith("\nserve\n")),
    ("only makes definitions", lambda e: code(e) == FILES[1]),
    ("The plugin listens on TCP", lambda e: e.listens[0].startswith("TCP")),
    ("The plugin listens at", lambda e: e.listens[0].startswith("/")),
    ("with the braces in the name", lambda e: "{" in e.listens[0]),
    ("does not listen on any", lambda e: not e.listens and e.ended is None and e.place != "socket"),
    ("nothing listens on it. bind", lambda e: not e.listens and e.ended is None and e.place == "socket"),
    ("isfile\\(\\) is false", lambda e: "isfile(SOCKET" in code(e)),
    ("Every user of this machine", lambda e: "mode 0666" in e.wanted),
    ("umask 0, which", lambda e: e.file),
    ("handler of the signal raised", lambda e: "2 were given" in e.log),
    ("when it was asked to end", lambda e: re.search("Error", e.log)),
    ("SIGTERM .docker stop", lambda e: "after SIG" in e.wanted),
    ("which serves and never returns", lambda e: "\napp.run" in code(e) and "after SIG" in e.wanted),
    ("its socket stayed", lambda e: "no socket after" in e.wanted),
    ("the plugin runs on", lambda e: "still runs" in e.wanted),
    ("plugin ended, but with status", lambda e: "not 0" in e.wanted),
    ("A second start took", lambda e: "socket to stay" in e.wanted),
    ("nothing is at the socket's place now", lambda e: not e.place),
    ("There was a file in", lambda e: "file to stay" in e.wanted),
    ("run\\(\\) removes", lambda e: "\napp.run(" in code(e)),
    ("printed nothing", lambda e: "nothing was printed" in e.wanted),
    ("ended, but with a traceback", lambda e: "a sentence, not" in e.wanted),
]


def test_what_the_report_says_of_the_process_is_what_was_seen(tmp_path: Path) -> None:
    wrong: dict[str, str] = {}
    for known in processes(tmp_path):
        if problem := contradiction(known, OF_PROCESSES):
            wrong.setdefault(problem, f"{known}: {diagnose(known).why}")
    assert wrong == {}, "\n".join(f"{key}: {text}" for key, text in wrong.items())
