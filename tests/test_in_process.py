"""A plugin that runs in this process is judged as one in a process of its own: the same steps, the same words."""

import ast
import difflib
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from files import FILES, WrongFiles
from mutants import MUTANTS, Mutant
from samples import sampled
from test_diagnoses import masked, transcript_of

from workshop import terminal
from workshop.checker import report, steps
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.target import Target
from workshop.course import course
from workshop.plugins.in_process import PluginInProcess
from workshop.protocol import in_memory

TESTS = Path(__file__).parent
ROOT = TESTS.parent
NOT_HERE = {"1.4", "1.5", "1.6", "1.7", "1.8", "2.4", "2.5", "3.16"}
"""The steps that need a process, other programs or threads. Step 2.4 runs until its file asks for TLS."""


def check(file: Path, part: int, beside: Path | None = None) -> list[Result]:
    """Return what comes of the steps of a part for a file in this process."""
    target = Target([sys.executable, str(file)], file=file, beside=beside)
    return Run(target, steps.cases_of_part(part), kind=PluginInProcess).execute().results


@pytest.mark.parametrize("part", [1, 2, 3])
def test_the_parts_pass(part: int) -> None:
    results = check(ROOT / f"part{part}" / "plugin.py", part, ROOT / "part2")
    not_root = {"3.15"} if os.geteuid() else set()
    assert {each.step: each.outcome for each in results} == {
        step: "skip" if step in NOT_HERE | not_root else "ok" for step in steps.checks_of_part(part)
    }
    for each in [each for each in results if each.step in NOT_HERE]:
        looks_at = str(steps.checks_of_part(part)[each.step].__doc__).partition("\n")[0]
        assert looks_at in each.reason and each.reason.endswith("./workshop check")


def can_run(wrong: Mutant | WrongFiles, accepted: str) -> bool:
    """Tell whether a wrong plugin can be judged in here: no call waits for ever, no program starts, no TLS."""
    hangs = "no answer in time" in accepted and wrong.name != "never takes a call"
    programs = isinstance(wrong, Mutant) and re.search("subprocess|os.system", wrong.new)
    tls = isinstance(wrong, WrongFiles) and "https" in str(wrong.files)
    return wrong.step not in NOT_HERE - {"2.4"} and not hangs and not programs and not tls


def accepted(wrong: Mutant | WrongFiles) -> str:
    """Return the report of a wrong plugin in a process of its own."""
    return transcript_of(wrong).read_text()


OTHER = {
    "a descriptor that is closed": "the traceback has no line of socket.py",
}
"""Wrong plugins whose report differs, and why."""
ROWS: list[Mutant | WrongFiles] = [*MUTANTS, *FILES]
WRONG = [each for each in ROWS if can_run(each, accepted(each)) and each.name not in OTHER]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", sampled(WRONG, lambda wrong: wrong.step), ids=lambda wrong: wrong.name)
def test_a_wrong_plugin_gets_the_same_report(
    wrong: Mutant | WrongFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(terminal, "WIDTH", 10_000)
    if wrong.step == "3.15" and os.geteuid():
        pytest.skip("mounts something: sudo ./workshop test")
    _, file = wrong.command(tmp_path)
    assert file
    last = check(file, int(wrong.part), file.parent)[-1]
    last.title = course.title(last.step)
    said = masked("\n".join(report.lines_of(last))) + "\n"
    assert not list(difflib.unified_diff(accepted(wrong).splitlines(), said.splitlines(), lineterm=""))


def test_most_wrong_plugins_can_run_here() -> None:
    assert len(WRONG) > 200


RESTARTS = """
import atexit, os, signal, sys
from pathlib import Path
from flask import Flask
app = Flask(__name__)
calls = []
@app.post("/Plugin.Activate")
def activate():
    calls.append(1)
    return {"Implements": [str(len(calls))], "here": __name__, "root": os.environ["DDD_ROOT"]}
if __name__ == "__main__":
    atexit.register(lambda: Path(os.environ["DDD_ROOT"] + ".end").touch())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    app.run(host="unix://" + os.environ["DDD_SOCKET"])
"""


@pytest.fixture
def plugin(tmp_path: Path) -> PluginInProcess:
    file = tmp_path / "plugin.py"
    file.write_text(RESTARTS)
    return PluginInProcess([sys.executable, str(file)], tmp_path / "ddd.sock", tmp_path / "root")


def test_a_restart_runs_the_file_anew(plugin: PluginInProcess, tmp_path: Path) -> None:
    before = dict(os.environ), signal.getsignal(signal.SIGTERM), sys.stdout, sys.modules["__main__"]
    plugin.start()
    assert [plugin.call("Plugin.Activate").json["Implements"] for _ in range(2)] == [["1"], ["2"]]
    assert plugin.kill() == -signal.SIGKILL and not (tmp_path / "root.end").exists()
    assert plugin.call("Plugin.Activate").failure == "nobody listens on the socket"
    plugin.start()
    assert plugin.call("Plugin.Activate").json["Implements"] == ["1"]
    assert plugin.stop() == 7 and (tmp_path / "root.end").exists()
    plugin.close()
    assert (dict(os.environ), signal.getsignal(signal.SIGTERM), sys.stdout, sys.modules["__main__"]) == before
    assert not in_memory.listeners


def test_a_call_is_answered_byte_for_byte(plugin: PluginInProcess) -> None:
    answer = plugin.start().call("Plugin.Activate")
    assert (answer.status, answer.reason, answer.closes) == (200, "OK", True)
    assert list(answer.headers) == ["server", "date", "content-type", "content-length", "connection"]
    assert plugin.call("Plugin.Bake").status == 404
    assert '"POST /Plugin.Bake HTTP/1.1" 404' in re.sub(r"\033\[[0-9;]*m", "", plugin.output())
    plugin.close()


@pytest.mark.parametrize("part", [1, 2, 3])
def test_the_steps_import_nothing_but_the_standard_library_and_the_tool(part: int) -> None:
    tree = ast.parse((TESTS / f"test_part{part}.py").read_text())
    names = [each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    names += [alias.name for each in ast.walk(tree) if isinstance(each, ast.Import) for alias in each.names]
    assert names and {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names, "workshop"}
