"""A cause is given only where nothing that was said contradicts it: for every answer, at every place of every step.

The right plugin is part 3, called without a server. At one place its answer is replaced, by each kind of answer that
there is. What the report then says is held against what was said, by a table of its own.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Any
from unittest import SkipTest

import pytest
import test_part3
from samples import sampled
from steps import STEPS

from workshop.checker.causes.table import CAUSES, Cause, cause, rivals, winners
from workshop.checker.diagnose import diagnose
from workshop.checker.evidence import Evidence, gather_evidence
from workshop.checker.facts.stage import DEMANDS
from workshop.checker.facts.table import FACTS, Facts
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import Exchange

ROOT = Path(__file__).parent.parent
CALLED = [step for step in STEPS if step in ("1.2", "1.4", "2.1", "2.2") or step[0] == "3"]
"""The steps that call the plugin, and need no search for it."""
TRACEBACK = """Traceback (most recent call last):
  File "/srv/app.py", line 7, in get
RuntimeError: no boom today
"""
OLDER = TRACEBACK.replace("RuntimeError: no boom today", "FileNotFoundError: an older one")
"""What the plugin has printed of an earlier call, which it refused as it should."""
DECOYS = """
LOUD = ["/VolumeDriver.Create", "/VolumeDriver.Get"]  # not LOCK.acquire(), which needs a release()
CONFIG = {"name": "ddd"}.get("name")
"""
"""Lines of the plugin's file that are no mistakes."""


@dataclass(frozen=True)
class Answer:
    """What the plugin answers at one place: a status and a body, or a failure; what it prints, and whether it ends."""

    status: int = 0
    body: str = ""
    failure: str = ""
    log: str = ""
    ended: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


BODIES = [
    "<!doctype html>\n<title>404 Not Found</title>\n<p>The requested URL was not found on the server.",
    "<h1>Internal Server Error</h1>",
    "Sorry.",
    "HTTP/1.1 400 Bad Request\r\n\r\n{}",
    "",
    "{}",
    '{"Err": ""}',
    '{"Err": null}',
    '{"Err": "There is no such thing."}',
    '{"Err": "remove data: directory not empty"}',
    '{"Err": 7}',
    '{"Error": "There is no such thing."}',
    "[]",
    '"VolumeDriver"',
    "null",
]
FIELDS = {
    "Activate": ['{"Implements": "VolumeDriver"}', '{"Implements": ["volumedriver"], "Err": ""}', '{"implement": []}'],
    "Get": ['{"Volume": "mango"}', '{"Volume": {"Name": 7}}', '{"Volume": null, "Err": ""}', '{"Volume": {}}'],
    "List": ['{"Volumes": null}', '{"Volumes": [null]}', '{"Volumes": ["mango"]}', '{"Volumes": {"mango": {}}}'],
    "Mount": ['{"Mountpoint": "volumes/mango"}', '{"Mountpoint": "", "Err": ""}', '{"Mountpoint": 7, "Err": ""}'],
    "Capabilities": ['{"Capabilities": {"Scope": "machine"}}', '{"Capabilities": "local"}', '{"Scope": "local"}'],
}
FIELDS["Path"] = FIELDS["Mount"]
"""Wrong forms of what a method is asked for."""
FAILURES = [
    "the connection was closed without an answer",
    "no answer in time",
    "nobody listens on the socket",
    "there is no socket",
    "the answer is not HTTP: 'Hello'",
    "no answer: IncompleteRead(3 bytes read, 4 more expected)",
]
NONE = [
    *(Answer(failure=failure, log=log) for failure in FAILURES for log in ("", TRACEBACK)),
    *(Answer(failure=FAILURES[0], ended=ended, log=log) for ended in (0, 3, -9) for log in ("", TRACEBACK)),
]


def answers(endpoint: str) -> Iterator[Answer]:
    """Yield all kinds of answers to an endpoint, and of no answer."""
    bodies = BODIES + FIELDS.get(endpoint.rpartition(".")[2], []) + [f'{{"Err": "unknown call {endpoint}"}}']
    for status, body in itertools.product((200, 201, 302, 400, 404, 405, 409, 415, 500, 503), bodies):
        yield Answer(status, body)
    yield from (Answer(500, body, log=TRACEBACK) for body in bodies)
    yield from NONE


class Scripted(PluginUnderTest):
    """Part 3 behind no socket at all: at one place its answer is another one."""

    is_ours = True
    patience = 0.05
    place = -1
    there: Answer | None = None
    count = 0

    def __init__(self, folder: Path, part: ModuleType) -> None:
        super().__init__([], folder / "ddd.sock", folder / "root")
        self.part = part
        self.not_ours = ""
        self.begin_anew()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen(1000)  # nobody takes the callers

    def begin_anew(self) -> PluginUnderTest:
        """Begin without a volume."""
        assert self.root
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("volumes", "aside"):
            (self.root / name).mkdir(parents=True)
            setattr(self.part, name.upper(), self.root / name)
        return self

    def signal(self, number: int) -> int:
        """Note how the plugin would be ended."""
        self.ends.append((len(self.exchanges), number))
        return 0

    def in_root(self, path: str) -> bool:
        """Tell whether a path is in DDD_ROOT."""
        return bool(self.root and Path(path).is_relative_to(self.root))

    def end(self) -> None:
        """Close what is open: there is no process to end, and no volume to remove."""
        self.listener.close()
        self.log.close()

    def needs_process(self) -> None:
        """Nothing that is done to a process is done here."""

    def exit_status(self, wait: float = 0) -> int | None:
        """Return the status of the answer's plugin, once it has answered."""
        return self.there.ended if self.there and self.count > self.place else None

    def send(self, endpoint: str, sent: bytes, standstill: float | None = None) -> Exchange:
        """Answer one call: as part 3 does, or at the place otherwise."""
        at, self.count, printed = self.count, self.count + 1, self.printed()
        if at == self.place and self.there:
            self.log.write(self.there.log.encode())
            status, body, failure = self.there.status, self.there.body.encode(), self.there.failure
            return Exchange(endpoint, sent, status, body=body, failure=failure, printed=printed)
        body, begun = sent.partition(b"\r\n\r\n")[2], []
        environ = {"REQUEST_METHOD": sent.split()[0].decode(), "PATH_INFO": f"/{endpoint}", "wsgi.input": BytesIO(body)}
        environ |= {
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "ddd",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
        }
        answer = b"".join(self.part.app.wsgi_app(environ, lambda *head: begun.append(head)))
        return Exchange(endpoint, sent, int(begun[0][0][:3]), body=answer, printed=printed)


@pytest.fixture(scope="module")
def part() -> ModuleType:
    """The plugin of part 3, as a module of its own."""
    spec = importlib.util.spec_from_file_location("part3_for_causes", ROOT / "part3" / "plugin.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Script:
    """Runs a step with another answer at one place."""

    def __init__(self, folder: Path, part: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plugin = Scripted(folder, part)
        self.file = folder / "plugin.py"
        self.file.write_text((ROOT / "part3" / "plugin.py").read_text() + DECOYS)
        monkeypatch.setattr(test_part3, "ROUNDS", 1)
        # what is mounted, and where: without a mount, which only root can do
        self.mounted = ""
        monkeypatch.setattr(part, "mounted_inside", lambda folder: self.mounted.startswith(f"{folder}/"))
        monkeypatch.setattr(test_part3, "unmount_all_of", lambda folder: setattr(self, "mounted", ""))
        monkeypatch.setattr(subprocess, "run", self.mount)

    def mount(self, command: list[object], **_: object) -> subprocess.CompletedProcess[bytes]:
        """Do as mount does."""
        assert command[0] == "mount"
        self.mounted = str(command[-1])
        return subprocess.CompletedProcess([], 0)

    def run(self, step: str, place: int = -1, answer: Answer | None = None) -> Evidence | None:
        """Run a step; return what is known where it fails."""
        plugin = self.plugin
        plugin.place, plugin.there, plugin.count, self.mounted = place, answer, 0, ""
        plugin.exchanges.clear()
        plugin.ends.clear()
        plugin.canaries = None
        plugin.begin_anew()
        plugin.log.truncate(0)
        plugin.log.write(OLDER.encode())
        plugin.printed_before = plugin.printed()
        try:
            STEPS[step](plugin)
        except AssertionError as failure:
            return gather_evidence(plugin, step, str(failure), 0, self.file if place % 2 and step[0] != "3" else None)
        except SkipTest:
            pass
        return None

    def places(self, step: str) -> list[tuple[int, str]]:
        """Return the places of a step at which an answer can be another one, and what is called there.

        Of calls that are alike, these are a few.
        """
        failed = self.run(step)
        assert failed is None, failed
        if step == "3.16":  # it does not keep its exchanges
            return [(0, "VolumeDriver.Create"), (self.plugin.count - 5, "VolumeDriver.Unmount")]
        kinds: dict[tuple[str, str], list[int]] = {}
        for at, each in enumerate(self.plugin.exchanges):
            body = "a name" if re.match(r'{"Name":"[\w-]+"', each.sent) else each.sent[:9]
            kinds.setdefault((each.endpoint, body), []).append(at)
        return sorted({(at, kind[0]) for kind, places in kinds.items() for at in (*places[:2], places[-1])})


# What a sentence says, and when that is so. This looks at the bytes, and not at the facts of the causes.


def said(e: Evidence) -> Any:
    """Return the JSON value of the last answer, None for none."""
    try:
        return json.loads(e.last.text)
    except ValueError:
        return None


def has(e: Evidence, key: str) -> Any:
    """Return what the last answer has under a key, None for nothing."""
    value = said(e)
    return value.get(key) if isinstance(value, dict) else None


def yes(each: Exchange) -> bool:
    """Tell whether an answer is a success to Docker."""
    with contextlib.suppress(ValueError):
        value = json.loads(each.text)
        return each.status == 200 and isinstance(value, dict) and not value.get("Err")
    return False


def sent(each: Exchange, key: str) -> Any:
    """Return what a call sent under a key."""
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(each.sent).get(key)
    return None


def earlier(e: Evidence, method: str) -> list[Exchange]:
    """Return the calls of a method about the same volume that were answered with success before the last one."""
    name = sent(e.last, "Name")
    return [x for x in e.exchanges[:-1] if x.endpoint.endswith(f".{method}") and sent(x, "Name") == name and yes(x)]


def users(e: Evidence) -> list[str]:
    """Return the IDs that have the volume before the last call."""
    left = [sent(each, "ID") for each in earlier(e, "Mount")]
    for each in earlier(e, "Unmount"):
        if sent(each, "ID") in left:
            left.remove(sent(each, "ID"))
    return left


def called(e: Evidence, *methods: str) -> bool:
    return e.last.endpoint.rpartition(".")[2] in methods


def no(e: Evidence) -> bool:
    """Tell whether the last answer is an error to Docker."""
    return e.last.status >= 400


Claims = list[tuple[str, Callable[[Evidence], object]]]
CLAIMS: Claims = [
    # of a volume
    ("Create answered success, but Get", lambda e: earlier(e, "Create") and no(e)),
    ("Remove answered success, but", lambda e: earlier(e, "Remove")),
    ("Create may come twice|Create of a volume that exists", lambda e: called(e, "Create") and earlier(e, "Create")),
    ("says yes to an unknown name", lambda e: called(e, "Get") and yes(e.last) and not earlier(e, "Create")),
    ("All have unmounted", lambda e: called(e, "Remove") and no(e) and earlier(e, "Unmount") and not users(e)),
    ("removed a volume that a container uses", lambda e: called(e, "Remove") and yes(e.last) and users(e)),
    ("the container still writing", lambda e: called(e, "Remove") and yes(e.last) and users(e)),
    (
        "no longer knew that a container uses",
        lambda e: yes(e.last) and users(e) and signal.SIGKILL in [number for _, number in e.ends],
    ),
    (
        "every Mount: a volume that exists",
        lambda e: earlier(e, "Create") and no(e) and "mount" in has(e, "Err").lower(),
    ),
    ("mounts again with the ID", lambda e: no(e) and sent(e.last, "ID") in users(e)),
    ("accepted an option", lambda e: yes(e.last) and sent(e.last, "Opts")),
    ("docker 28 sends null", lambda e: no(e) and '"Opts":null' in e.last.sent),
    ("has no name to work with", lambda e: yes(e.last) and not isinstance(sent(e.last, "Name"), str)),
    ("Docker checks no name", lambda e: yes(e.last) or "outside the root" in e.wanted),
    ("before the plugin was stopped", lambda e: signal.SIGTERM in [number for _, number in e.ends]),
    ("answered before the kill", lambda e: signal.SIGKILL in [number for _, number in e.ends]),
    (
        "On its first start|right after the installation",
        lambda e: called(e, "List") and not any(x.endpoint.endswith("Create") for x in e.exchanges),
    ),
    ("Remove deleted the files of that", lambda e: called(e, "Remove") and yes(e.last)),
    ("Create was refused, and", lambda e: called(e, "Get") and yes(e.last) and not earlier(e, "Create")),
    ("has no such endpoint", lambda e: called(e, "Bake") and yes(e.last)),
    ("was refused: its reason|refused Plugin.Activate", lambda e: no(e) and has(e, "Err")),
    ("The volume does not exist", lambda e: yes(e.last) and (not earlier(e, "Create") or earlier(e, "Remove"))),
    ("Volume is missing or null", lambda e: yes(e.last) and has(e, "Volume") is None),
    ("mounted by one container", lambda e: called(e, "Mount") and no(e) and users(e)),
    ("until the Unmount before", lambda e: earlier(e, "Unmount") and (no(e))),
    ("nobody uses it, but Remove", lambda e: called(e, "Remove") and no(e) and earlier(e, "Create") and not users(e)),
    ("with the ID of no container", lambda e: yes(e.last) and users(e)),
    ("was refused, but now List names", lambda e: called(e, "List") and yes(e.last)),
    ("The name that Docker sent is right", lambda e: called(e, "Create") and no(e)),
    ("one of a similar|a similar name exists", lambda e: called(e, "Get") and yes(e.last) and not earlier(e, "Create")),
    ("own volumes can have this name", lambda e: called(e, "Create") and no(e)),
    ("The plugin changed the name", lambda e: "the Name" in e.wanted or "four volumes" in e.wanted),
    ("no trace of the volume", lambda e: called(e, "Create") and yes(e.last)),
    ("second Create deleted", lambda e: "second Create" in e.wanted),
    ("shows the value of the option", lambda e: no(e) and "very-sweet" in e.last.text),
    ("decodes Status as", lambda e: yes(e.last) and not isinstance(has(e, "Volume")["Status"], dict)),
    ("named something that is no volume", lambda e: called(e, "List") and yes(e.last)),
    ("List was refused while", lambda e: called(e, "List") and no(e)),
    ("files are gone", lambda e: "to be there after the restart" in e.wanted or "third container" in e.wanted),
    (
        "stopped and started again while",
        lambda e: yes(e.last) and users(e) and signal.SIGTERM in [n for _, n in e.ends],
    ),
    ("Get or List names another", lambda e: yes(e.last) and called(e, "Get", "List")),
    ("It cannot enter this folder", lambda e: "other users can enter" in e.wanted),
    ("Two volumes have the same folder", lambda e: "a folder for each volume" in e.wanted),
    ("A link in the volume leads", lambda e: "a link in the volume" in e.wanted),
    ("took the files of another", lambda e: "to stay when" in e.wanted),
    ("was removed, and a new one", lambda e: "the files of the old one" in e.wanted),
    ("Remove took the name away", lambda e: "space comes back" in e.wanted),
    ("Remove was refused, and yet the files", lambda e: "because Remove was refused" in e.wanted),
    ("Nothing is mounted in this volume", lambda e: called(e, "Remove") and no(e)),
    ("deletes nothing: only Remove|delete anything: only Remove", lambda e: "container" in e.wanted),
    ("Docker asks for the scope once", lambda e: called(e, "Capabilities") and yes(e.last)),
    ("Creates came at once", lambda e: called(e, "List") and yes(e.last)),
    ("names other volumes than before", lambda e: called(e, "List") and yes(e.last)),
    ("HTML and tracebacks are not", lambda e: no(e) and has(e, "Err")),
    # of an answer
    ("a page of HTML", lambda e: e.last.text.lstrip().startswith("<")),
    ("Docker gets status (\\d+)", lambda e: no(e)),
    ("The handler raised|crashed", lambda e: "RuntimeError" in e.log),
    ("The answer is text", lambda e: said(e) is None and e.last.text.strip() not in ("", "null")),
    ("The answer is empty", lambda e: not e.last.text),
    ("JSON, but not an object", lambda e: e.last.text == "null" or isinstance(said(e), str | list)),
    ("Err has to be a ", lambda e: not isinstance(has(e, "Err"), str)),
    ("The error is under", lambda e: has(e, "Error") and no(e)),
    ("Err is null", lambda e: '"Err": null' in e.last.text and no(e)),
    ("has no Err", lambda e: no(e) and "Err" not in said(e)),
    ("under status 200", lambda e: e.last.status == 200 and has(e, "Err")),
    ("takes any text in Err", lambda e: e.last.status == 200 and has(e, "Err")),
    ("takes only status 200", lambda e: 200 < e.last.status < 300),
    ("no route|server did not know|Nothing answers at /", lambda e: e.last.status == 404),
    ("The route is there, but not for|The greeting has to come for", lambda e: e.last.status == 405),
    ("refused that with status (\\d+)|refuses that with status 415", lambda e: e.last.status in (400, 415)),
    ("get_json", lambda e: e.last.status in (400, 415)),
    ("refused a call that has to succeed", lambda e: no(e) and has(e, "Err")),
    ("answers in Err that it has no such call", lambda e: no(e) and e.last.endpoint in has(e, "Err")),
    ("The answer has Err alone", lambda e: set(said(e)) == {"Err"}),
    ("The answer has no field at all", lambda e: said(e) == {}),
    ("It is null", lambda e: e.last.text == "null"),
    ("It is a list", lambda e: isinstance(said(e), list)),
    ("It is a string", lambda e: isinstance(said(e), str)),
    ("This call removes empty folders only", lambda e: "not empty" in has(e, "Err")),
    ("waits for a lock", lambda e: e.last.failure == "no answer in time" and e.locked),
    # of what it has in it
    ('There is no "Implements"', lambda e: not has(e, "Implements")),
    ('a list under "Implements"', lambda e: not isinstance(has(e, "Implements"), list)),
    ('does not name "VolumeDriver"', lambda e: "VolumeDriver" not in has(e, "Implements")),
    ("What a caller sends", lambda e: sent(e.last, "Name") is None and called(e, "Activate")),
    ("in an object of its own", lambda e: yes(e.last) and not isinstance(has(e, "Volume"), dict)),
    ("the Name that Get answers", lambda e: yes(e.last) and has(e, "Volume").get("Name") != sent(e.last, "Name")),
    ("Volumes is null", lambda e: "Volumes" in said(e) and has(e, "Volumes") is None),
    ("a null among the volumes", lambda e: None in has(e, "Volumes")),
    ("an object with its name", lambda e: not all(isinstance(each, dict) for each in has(e, "Volumes"))),
    ("each volume that Create has made", lambda e: called(e, "List") and yes(e.last)),
    ("no Mountpoint in the answer", lambda e: yes(e.last) and not has(e, "Mountpoint")),
    ("The Mountpoint is relative", lambda e: has(e, "Mountpoint")[0] != "/"),
    ("no folder at this Mountpoint", lambda e: not Path(has(e, "Mountpoint")).is_dir()),
    ("share one folder", lambda e: has(e, "Mountpoint") != earlier(e, "Mount")[0].object["Mountpoint"]),
    ("what Mount said", lambda e: has(e, "Mountpoint") != earlier(e, "Mount")[0].object["Mountpoint"]),
    ("does not say which option", lambda e: no(e) and not any(name in has(e, "Err") for name in sent(e.last, "Opts"))),
    ("in an object, under Capabilities", lambda e: has(e, "Scope") and not has(e, "Capabilities")),
    ("The body of the answer is another", lambda e: e.last.text.startswith("HTTP/")),
    ("no Capabilities in", lambda e: "Capabilities" not in said(e)),
    ("Capabilities has to be", lambda e: not isinstance(has(e, "Capabilities"), dict)),
    ("no such scope", lambda e: has(e, "Capabilities")["Scope"] not in ("local", "global")),
    ("no Volumes in the answer", lambda e: "Volumes" not in said(e)),
    ("Volumes has to be a list", lambda e: not isinstance(has(e, "Volumes"), list)),
    ("The Mountpoint is empty", lambda e: has(e, "Mountpoint") == ""),
    ("The Mountpoint has to be a string", lambda e: not isinstance(has(e, "Mountpoint"), str)),
    ("there is none in the answer", lambda e: called(e, "Path") and not has(e, "Mountpoint")),
    ("The Volume in the answer has no Name", lambda e: not has(e, "Volume").get("Name")),
    ("looks like JSON, but is not", lambda e: said(e) is None and e.last.text[0] in "{["),
    ("calls disturbed each other", no),
    ("both were answered with success", lambda e: all(yes(each) for each in e.exchanges[-2:])),
    ("a redirect", lambda e: 300 <= e.last.status < 400),
    ("does not say where to", lambda e: "location" not in e.last.headers),
    ("The answer at / is empty", lambda e: e.last.status == 200 and not e.last.text.strip()),
    ("The answer at / has status", lambda e: not e.last.endpoint and e.last.status != 200),
    ("The error is text", lambda e: no(e) and said(e) is None and not e.last.text.startswith("<") and e.last.text),
    ("an error with nothing in it", lambda e: no(e) and not e.last.text),
    ("Err is empty", lambda e: no(e) and has(e, "Err") == ""),
    ("an error path, and Docker", no),
    # of an earlier call, and of other lines
    ("an older one|LOUD|takes LOCK|looks for 'name'", lambda e: False),
    # of no answer
    ("There is no socket", lambda e: e.last.failure == "there is no socket"),
    ("nobody listens", lambda e: e.last.failure == "nobody listens on the socket"),
    ("The plugin ended at this call", lambda e: e.last.failure and e.ended is not None),
    ("with exit status (-?\\d+)", lambda e: e.ended is not None),
    (
        "nothing takes the call",
        lambda e: e.last.failure == "no answer in time" and not any(x.status for x in e.exchanges),
    ),
    ("does not answer(?! with)|answers no other caller", lambda e: e.last.failure == "no answer in time"),
    ("closed the connection|connection was closed", lambda e: "closed" in e.last.failure),
    ("The answer breaks off", lambda e: "IncompleteRead" in e.last.failure),
    ("is not HTTP, but", lambda e: "not HTTP" in e.last.failure),
]
NOT_KNOWN: set[str] = set()


@pytest.mark.slow
@pytest.mark.parametrize("step", sampled(CALLED, lambda step: step[0]))
def test_what_the_report_says_is_what_was_said(step: str, part: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with private_folder() as folder:
        script = Script(folder, part, monkeypatch)
        wrong = contradictions(script, step)
        script.plugin.close()
    assert wrong == {}, "\n".join(f"{key}: {text}" for key, text in wrong.items())


def contradictions(script: Script, step: str) -> dict[str, str]:
    """Return what is wrong with the causes that are given for a step, each with an example."""
    wrong: dict[str, str] = {}
    places = script.places(step)
    # where there are many places, each gets some of the answers, and the next one others
    every = max(1, len(places) // 6)
    for nth, (place, endpoint) in enumerate(places):
        for answer in list(answers(endpoint))[nth % every :: every]:
            known = script.run(step, place, answer)
            problem = contradiction(known) if known else ""
            if known and problem:
                wrong.setdefault(problem, f"at {place}, {answer}, wanted {known.demand}: {diagnose(known).why}")
    return wrong


def contradiction(known: Evidence, table: Claims = CLAIMS) -> str:
    """Return what is wrong with the cause that is given, "" where it agrees with what was said."""
    rivalling = [each.key for each in winners(Facts(known))]
    why = diagnose(known).why
    claims = [(claim, holds) for claim, holds in table if re.search(claim, why)]
    contradicted = [claim for claim, holds in claims if not agrees(holds, known)]
    if len(rivalling) != 1 or contradicted:
        return f"{rivalling} {contradicted}"
    return "" if claims else f"{rivalling} claims nothing"


def agrees(holds: Callable[[Evidence], object], known: Evidence) -> bool:
    """Tell whether a claim holds; one that cannot even be looked at does not."""
    with contextlib.suppress(TypeError, KeyError, IndexError, AttributeError):
        return bool(holds(known))
    return False


# The tables


def test_of_two_causes_one_needs_more_or_they_exclude_each_other() -> None:
    """This holds for any evidence, and not only for what is generated here."""
    assert [(a.key, b.key) for a, b in rivals()] == []


def test_rivals_are_found() -> None:
    a, b = (Cause("a", "", {"call": frozenset({"Get"})}), Cause("b", "", {"code": frozenset({404, 500})}))
    narrower = Cause("c", "", {"call": frozenset({"Get"}), "code": frozenset({404})})
    elsewhere = Cause("d", "", {"call": frozenset({"List"}), "code": True})
    assert not a.excludes(b) and not a.needs_more_than(b) and not b.needs_more_than(a)
    assert narrower.needs_more_than(a) and narrower.needs_more_than(b) and not a.needs_more_than(narrower)
    assert elsewhere.excludes(a) and not elsewhere.excludes(b)
    assert not a.needs_more_than(a)


@pytest.mark.parametrize(("fact", "value"), [("colour", "red"), ("status", "418"), ("html", True)])
def test_a_fact_that_there_is_not_is_an_error_at_once(fact: str, value: str | bool) -> None:
    needs: dict[str, Any] = {fact: value}
    with pytest.raises(ValueError, match="impossible"):
        cause("impossible", "", **needs)
    assert "impossible" not in {each.key for each in CAUSES}


def test_a_sentence_has_only_facts_in_it() -> None:
    with pytest.raises(ValueError, match="no fact nonsense"):
        cause("impossible", "It is $nonsense.")


def test_every_fact_is_needed_by_a_cause() -> None:
    needed = {name for each in CAUSES for name in (*each.needs, *Template(each.why).get_identifiers())}
    assert set(FACTS) - needed == set()


def demands() -> list[str]:
    """Return what the asserts want of a plugin, each with … for what differs."""
    files = [ROOT / "tests" / f"test_part{part}.py" for part in (1, 2, 3)]
    files += [ROOT / "src" / "workshop" / name for name in ("plugins/under_test.py", "checker/lookup.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    parts = {each for node in nodes if isinstance(node, ast.JoinedStr) for each in node.values}
    texts = (_text(node) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant) and node not in parts)
    return sorted({text.partition("\n")[0] for text in texts if text.startswith("wanted ")})


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    """Return a string of a program, with … for what is computed."""
    if isinstance(node, ast.Constant):
        return str(node.value) if node.value != "wanted " else ""
    return "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)


@pytest.mark.parametrize("demand", demands())
def test_every_demand_has_one_name(demand: str) -> None:
    for text in (demand.replace("…", each) for each in ("…", "[…]", "/…", "SIGTERM", "POST", '{"Err": ""}')):
        names = [name for name, pattern in DEMANDS.items() if re.fullmatch(pattern, text.removeprefix("wanted "))]
        if len(names) == 1:
            return
    raise AssertionError(f"{demand!r} is none of DEMANDS, or several: {names}")
