"""`trace` between a real Docker Engine and a plugin."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workshop.trace import recording

from .engine import Engine, wait_for
from .images import BUSYBOX, REPOSITORY
from .plugins import SOCKET, Part

pytestmark = pytest.mark.engine
START = (
    "import json, sys; from workshop.trace import trace; sys.exit(trace.main(trace.Options(**json.loads(sys.argv[1]))))"
)
RUN = ["Get", "Create", "Get", "Mount", "Get", "Unmount"]


@contextmanager
def tracing(engine: Engine, record: Path, **options: str) -> Iterator[Path]:
    """A trace beside the engine, from its first words to its end; what it says is in the file that this gives."""
    said = record.with_suffix(".txt")
    command = [sys.executable, "-c", START, json.dumps({"record": str(record), **options})]
    with said.open("w") as output:
        process: subprocess.Popen[str] = engine.spawn(command, output=output, folder=REPOSITORY)
    wait_for(lambda: "Ctrl-C ends" in said.read_text(), "the trace")
    yield said
    engine.signal(process, signal.SIGTERM)
    assert process.wait(20) == 0, said.read_text()


def endpoints(record: Path) -> list[str]:
    """The methods that were called, in their order."""
    return [call.path.rpartition(".")[2] for call in sorted(recording.read(record)[1], key=lambda call: call.n)]


def test_a_plugin_that_trace_starts(engine: Engine, tmp_path: Path, name: str) -> None:
    fresh, record = Engine(), tmp_path / "r.jsonl"
    with fresh, tracing(fresh, record, plugin="part3/plugin.py") as said:
        fresh.docker("volume", "create", "--driver", "ddd", name)
        assert fresh.output("volume", "ls", "--quiet") == name
        fresh.docker("volume", "rm", name)
        wait_for(lambda: "/VolumeDriver.Remove" in said.read_text(), "the last call")
    assert endpoints(record) == ["Activate", "Capabilities", "Get", "Create", "List", "Get", "Get", "Remove"]
    first = recording.read(record)[1][0]
    assert first.request.headers[1:] == [
        ["User-Agent", "Go-http-client/1.1"],
        ["Content-Length", "0"],
        ["Accept", "application/vnd.docker.plugins.v1.2+json"],
    ]
    # a command to copy stays on its line
    assert [line for line in said.read_text().splitlines() if len(line) > 80 and "trace show" not in line] == []


# on gunicorn the engine keeps its connection with the plugin, and goes past what is at the path of the socket meanwhile
@pytest.mark.parametrize("server", ["werkzeug"], indirect=True, scope="session")
def test_a_plugin_that_already_runs(engine: Engine, plugin: Part, tmp_path: Path, name: str) -> None:
    # the plugin is activated, and asked for its scope, before the trace: Docker does not ask again
    engine.docker("volume", "create", "--driver", "ddd", name)
    engine.docker("volume", "rm", name)
    record = tmp_path / "r.jsonl"
    theirs = (engine.plugins / "ddd.sock").stat()
    with tracing(engine, record, socket=SOCKET) as said:
        run = ["--volume", f"{name}:/data", "--volume-driver=ddd", BUSYBOX]
        assert engine.container(*run, "sh", "-c", "echo hello > /data/note; cat /data/note") == "hello"
        # the scan of the folder passes over the socket that stands aside: no other driver is found
        engine.docker("volume", "ls")
        assert json.loads(engine.output("info", "--format", "{{json .Plugins.Volume}}")) == ["ddd", "local"]
        wait_for(lambda: "/VolumeDriver.List" in said.read_text(), "the last call")
    assert endpoints(record) == [*RUN, "List"]
    assert (engine.plugins / "ddd.sock").stat().st_ino == theirs.st_ino
    engine.docker("volume", "rm", name)


def test_the_plugin_is_edited_while_docker_uses_it(engine: Engine, tmp_path: Path, name: str) -> None:
    file, text = tmp_path / "plugin.py", (REPOSITORY / "part3" / "plugin.py").read_text()
    file.write_text(text)
    fresh = Engine()
    with fresh, tracing(fresh, tmp_path / "r.jsonl", plugin=str(file)) as said:
        fresh.docker("volume", "create", "--driver", "ddd", name)
        assert "no luck" not in fresh.docker("volume", "rm", "nosuch", check=False).stderr
        file.write_text(text.replace("def create():", "def create():\n    abort(400, 'no luck')\n"))
        wait_for(lambda: said.read_text().count("The plugin runs:") == 2, "the second plugin")
        failed = fresh.docker("volume", "create", "--driver", "ddd", f"{name}-2", check=False)
        assert (failed.returncode, "no luck" in failed.stderr) == (1, True)
        assert fresh.output("volume", "ls", "--quiet") == name
