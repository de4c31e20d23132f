"""A run ends in one way only: its listeners hear of it, and know where it was."""

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from workshop.checker.case import Case, Test
from workshop.checker.conformance.case import cases
from workshop.checker.export import Export, as_json, junit
from workshop.checker.result import Result
from workshop.checker.run import Listener, Run, Summary
from workshop.checker.target import Target
from workshop.course.listeners import StepsText
from workshop.plugins.errors import OurTrouble, Usage
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
STRIKE = "import os as _os, time as _time\n    _os.kill(_os.getppid(), {}) or _time.sleep(1000)\n    "
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def striking(folder: Path, part: int, number: int, before: str) -> Path:
    """Write the plugin of a part that ends its own check, before a line of it."""
    file, text = folder / "plugin.py", (ROOT / f"part{part}" / "plugin.py").read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, STRIKE.format(int(number)) + before))
    return file


def ended(number: int, folder: Path, *words: str) -> str:
    """Check a plugin that ends its own check, and return what was printed."""
    files = ["--json", str(folder / "j"), "--junit", str(folder / "x")]
    (folder / "j").write_text("an old report")
    command = [sys.executable, "-m", "workshop", "check", *words, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + number, done.stdout + done.stderr
    return done.stdout


def broken_off(folder: Path) -> list[str]:
    """Return the names of the cases that have an error in the JUnit report."""
    suite = ET.parse(folder / "x").getroot()
    errors = [case.get("name", "") for case in suite.iterfind("testcase") if case.find("error") is not None]
    assert suite.get("errors") == str(len(errors)) and suite.get("tests") == str(len(suite.findall("testcase")))
    return errors


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_leaves_a_report_of_the_steps_and_of_where_it_was(number: signal.Signals, tmp_path: Path) -> None:
    file = striking(tmp_path, 2, number, 'return {"Err": reason}')
    said = ended(number, tmp_path, "2", "--plugin", str(file), "--seed", "7")
    found = json.loads((tmp_path / "j").read_text())
    assert [(each["step"], each["outcome"]) for each in found["steps"]] == [("2.1", "ok")]
    assert (found["interrupted"], found["reason"]) == ("2.2", "A signal ended the check.")
    assert [name.split()[0] for name in broken_off(tmp_path)] == ["2.2"]
    assert "  1 of 5 steps pass.\n  Interrupted in step 2.2. To run it again:   ./workshop check 2 " in said, said
    assert said.rstrip().endswith("--seed 7")


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_leaves_a_report_of_the_suite_and_of_where_it_was(number: signal.Signals, tmp_path: Path) -> None:
    file = striking(tmp_path, 3, number, 'return {"Capabilities"')
    said = ended(number, tmp_path, "--conformance", "--plugin", str(file))
    found, ids = json.loads((tmp_path / "j").read_text()), [case.id for case in cases()]
    known = [each["step"] for each in found["steps"]]
    assert known and known == ids[: len(known)] and found["interrupted"] == ids[len(known)]
    assert [name.split()[0] for name in broken_off(tmp_path)] == [found["interrupted"]]
    assert f"  Interrupted in case {found['interrupted']}. To run it again:" in said
    assert all(f" {each} " in said for each in known), "a group that was begun is not shown"


# any other end, and listeners that cannot listen


class Notes(Listener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, run: Run, plugin: PluginUnderTest) -> None:
        self.heard.append(f"begin {len(run.cases)}")

    def result(self, result: Result) -> None:
        self.heard.append(f"{result.step} {result.outcome}")

    def end(self, summary: Summary) -> None:
        where = f" in {summary.interrupted.id}: {summary.why}" if summary.interrupted else ""
        self.heard.append(f"end{where}")


class Broken(Listener):
    """Cannot do at the end what it has to."""

    def end(self, summary: Summary) -> None:
        raise BrokenPipeError


def passes(plugin: PluginUnderTest) -> None:
    """Has nothing to ask."""


def fails(plugin: PluginUnderTest) -> None:
    raise AssertionError("wanted rain")


def lacks_room(plugin: PluginUnderTest) -> None:
    raise OurTrouble("The disk is full. Type   df")


def run_of(*tests: Test, go_on: bool = False) -> Run:
    """Return a run of tests on a plugin that is never called."""
    cases = [Case(f"1.{n}", f"Title {n}", test, makes_volumes=False) for n, test in enumerate(tests, 1)]
    return Run(Target(socket=Path("/nowhere/x.sock"), name="any"), cases, go_on)


def test_what_this_machine_lacks_is_in_every_report_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [Export(str(tmp_path / "x"), junit), Export(str(tmp_path / "j"), as_json)]
    with pytest.raises(OurTrouble):
        run_of(passes, lacks_room, passes).execute(*files, StepsText("check again", (), (), set()))
    assert "Interrupted in step 1.2. To run it again:   check again\n" in capsys.readouterr().out
    found = json.loads((tmp_path / "j").read_text())
    assert (found["interrupted"], found["reason"], len(found["steps"])) == ("1.2", "The disk is full. Type   df", 1)
    assert broken_off(tmp_path) == ["1.2 Title 2"] and "The disk is full" in (tmp_path / "x").read_text()


def test_a_run_that_comes_to_its_end_was_not_interrupted(tmp_path: Path) -> None:
    for tests in ([passes, passes], [passes, fails, passes]):
        run_of(*tests).execute(Export(str(tmp_path / "j"), as_json), notes := Notes())
        assert "interrupted" not in json.loads((tmp_path / "j").read_text())
        assert notes.heard == [
            f"begin {len(tests)}",
            "1.1 ok",
            f"1.2 {'FAIL' if tests[1:2] == [fails] else 'ok'}",
            "end",
        ]
    assert len(run_of(fails, passes, go_on=True).execute().results) == 2


def test_a_listener_that_cannot_end_keeps_no_other_from_it(tmp_path: Path) -> None:
    notes = Notes()
    with pytest.raises(BrokenPipeError):
        run_of(passes).execute(Broken(), notes)
    assert notes.heard[-1] == "end"
    with pytest.raises(OurTrouble):
        run_of(lacks_room).execute(Broken(), notes)
    assert notes.heard[-1].startswith("end in 1.1: The disk is full.")


def test_a_report_that_cannot_be_written_when_all_is_done_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Export(str(tmp_path / "gone" / "j"), as_json)
    with pytest.raises(Usage, match="cannot be written: No such file or directory"):
        run_of(passes).execute(file)
    with pytest.raises(OurTrouble):
        run_of(lacks_room).execute(file)
    assert "cannot be written" in capsys.readouterr().err
