"""Results for continuous integration: JUnit, JSON lines, Markdown, a baseline; and the action that makes them."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml
from programs import HELPERS_IN_PYTHON, needy

from workshop.checker import export
from workshop.checker.case import Case
from workshop.checker.conformance import suite
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.diagnose import Diagnosis
from workshop.checker.evidence import Evidence
from workshop.checker.judge import run_case
from workshop.checker.result import Result
from workshop.checker.run import Run, Summary
from workshop.checker.steps import cases_of_part
from workshop.checker.target import Target
from workshop.plugins.errors import Usage
from workshop.protocol.exchange import Exchange

ROOT = Path(__file__).parent.parent
CALL = Exchange(
    "VolumeDriver.Get", b'POST /VolumeDriver.Get HTTP/1.1\r\n\r\n{"Name":"fig"}\n', 404, body=b"no \x01 `fig`"
)
# what the schema of Jenkins allows: junit-10.xsd of jenkinsci/xunit-plugin
CHILDREN = {
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}, "property": {"name", "value"}}
ALLOWED = REQUIRED | {
    "testsuite": REQUIRED["testsuite"] | {"time", "skipped", "timestamp", "hostname", "id", "package", "file", "url"},
    "testcase": {"name", "time", "classname", "group"},
    "skipped": {"type", "message"},
    "error": {"type", "message"},
    "failure": {"type", "message"},
}


def result(step: str, outcome: str, reason: str = "", follows: str = "", level: str = "must") -> Result:
    found = Result(step, f"The rule of <{step}>.", outcome, reason=reason, follows=follows, level=level)
    found.exchanges = [CALL]
    if outcome in ("FAIL", "warn", "known"):
        found.evidence = Evidence(step, "wanted the volume", [CALL])
        found.diagnosis = Diagnosis(step, "Docker goes on without it, and *forgets* it.")
    return found


RESULTS = [
    result("create.makes-a-volume", "FAIL"),
    result("get.name", "skip", "follows from create.makes-a-volume: it needs a volume", "create.makes-a-volume"),
    result("get.unknown", "ok"),
    result("options.unknown", "warn", level="should"),
    result("mount.place", "note", "DDD_ROOT/NAME", level="record"),
    result("mount.shared", "error", "KeyError: 'ours'"),
    result("mount.same-id", "known"),
    result("restart.after-a-kill", "skip", "needs more"),
]
BROKEN_OFF = Case("socket.there", "There is a socket.", print)


def fits(element: ET.Element) -> None:
    """Want an element, and what is in it, to be what Jenkins' schema allows."""
    assert {child.tag for child in element} <= CHILDREN.get(element.tag, set()), element.tag
    given = set(element.attrib)
    assert REQUIRED.get(element.tag, set()) <= given <= ALLOWED.get(element.tag, set()), (element.tag, given)
    assert re.fullmatch(r"\d*(\.\d*)?", element.get("time", "")), element.attrib
    for child in element:
        fits(child)


@pytest.mark.parametrize("interrupted", [None, BROKEN_OFF])
def test_jenkins_and_junitparser_read_it(interrupted: Case | None) -> None:
    text = export.junit(RESULTS, "sh -c './my.plugin --x=1.5'", interrupted, "A signal")
    fits(ET.fromstring(text.partition("?>")[2]))
    (read,) = JUnitXml.fromstring(text.encode())
    assert (read.tests, read.failures, read.skipped) == (8 + bool(interrupted), 1, 2)
    assert read.errors == 1 + bool(interrupted)
    kinds = {case.name.split()[0]: [type(each).__name__ for each in case.result] for case in read}
    assert kinds["create.makes-a-volume"] == ["Failure"] and kinds["get.name"] == ["Skipped"]
    assert kinds["options.unknown"] == kinds["get.unknown"] == kinds["mount.same-id"] == []
    assert {case.classname for case in read} <= {f"conformance.{each}" for each in ("create", "get", "options")} | {
        f"conformance.{each}" for each in ("mount", "restart")
    } | {"steps.partsocket"}
    told = {each.name: each.value for each in read.properties()}
    assert told == {
        "warn options.unknown": "The rule of <options.unknown>.",
        "known mount.same-id": "The rule of <mount.same-id>.",
    }


def test_a_line_of_json_has_every_exchange() -> None:
    lines = export.as_json_lines(RESULTS, "mine", BROKEN_OFF, "A signal").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["step"] for row in rows[:-1]] == [each.step for each in RESULTS]
    assert rows[-1] == {"name": "mine", "interrupted": "socket.there", "reason": "A signal"}
    assert rows[1]["follows"] == "create.makes-a-volume" and rows[0]["level"] == "must"
    assert all(row["exchanges"][0]["request"].startswith("POST /VolumeDriver.Get") for row in rows[:-1])


def test_json_has_the_redirects_on_the_way_to_an_answer() -> None:
    away = Exchange("VolumeDriver.Get", b"", 308, headers={"location": "/x"}, body=b"moved", url="http://plugin/a")
    told = replace(RESULTS[0], exchanges=[replace(CALL, redirects=(away,))])
    lines = export.as_json_lines([told], "mine"), export.as_json([told], "mine")
    (line, whole) = json.loads(lines[0])["exchanges"], json.loads(lines[1])["steps"][0]["exchanges"]
    moved = {"url": "http://plugin/a", "status": 308, "headers": {"location": "/x"}, "body": "moved"}
    assert [each["redirects"] for each in (*line, *whole)] == [[moved], [moved]]


def test_the_summary_says_what_is_wrong_and_is_markdown() -> None:
    text = export.as_markdown(RESULTS, "./mine <x>", BROKEN_OFF, "A signal")
    assert text.startswith(
        "### ./mine \\<x\\>\n\n1 failed, 1 our errors, 1 known failures, 1 advised, 1 ok, 1 skipped\n"
    )
    assert "- **FAIL** `create.makes-a-volume` The rule of \\<create.makes-a-volume\\>.\n" in text
    assert "and \\*forgets\\* it." in text and "1 cases follow from it: get.name" in text
    assert "```text\n  POST /VolumeDriver.Get" in text and "\x01" not in text
    assert "**Interrupted in socket.there**: A signal" in text
    assert "mount.place" not in text


# which failures count


def run(folder: Path, text: str, *groups: str, **more: object) -> Summary:
    """Run groups of the suite on a plugin."""
    (folder / "plugin.py").write_text(text)
    target = Target([sys.executable, str(folder / "plugin.py")], name="mine", by_others=True)
    chosen = [case for case in cases() if case.group in groups]
    return Run(target, chosen, True, Candidate, **more).execute()  # type: ignore[arg-type]


def written(folder: Path, found: Sequence[Result]) -> str:
    (folder / "j").write_text(export.as_json(found, "mine"))
    return str(folder / "j")


NOT_SAME = HELPERS_IN_PYTHON.replace('return {"Volume": told(asked["Name"])}', 'return {"Volume": told("x")}')


@pytest.mark.slow
def test_only_a_new_failure_fails_a_run_with_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(tmp_path, NOT_SAME, "get")
    assert first.status == 1 and [each.step for each in first.results if each.outcome == "FAIL"] == ["get.name"]
    baseline = export.failed_before(written(tmp_path, first.results), "must")
    again = run(tmp_path, NOT_SAME, "get", baseline=baseline)
    assert again.status == 0 and again.count("known") == 1 and again.gone == []
    # a known failure stays in what it writes
    assert export.failed_before(written(tmp_path, again.results), "must") == baseline == {"get.name"}
    worse = NOT_SAME.replace('"Volume": told("x")', '"Volume": {**told("x"), "Status": 7}')
    assert run(tmp_path, worse, "get", baseline=baseline).status == 1
    right = run(tmp_path, HELPERS_IN_PYTHON, "get", baseline=baseline)
    assert right.gone == ["get.name"] and right.status == 0
    suite.SuiteText("").end(right)
    assert "gone      get.name failed before, and no longer. Write the baseline anew:" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"steps": [7]}'])
def test_a_baseline_that_is_none_is_wrong_usage(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "j").write_text(text)
    with pytest.raises(Usage, match=r"Write it with   --json .*/j"):
        export.failed_before(str(tmp_path / "j"), "must")


def test_a_should_fails_where_that_is_wanted(tmp_path: Path) -> None:
    assert run(tmp_path, HELPERS_IN_PYTHON, "options").status == 0
    strict = run(tmp_path, HELPERS_IN_PYTHON, "options", fail_on="should")
    assert strict.status == 1 and strict.count("warn") == 0
    failed = {each.step for each in strict.results if each.outcome == "FAIL"}
    assert "options.unknown" in failed
    assert export.failed_before(written(tmp_path, strict.results), "should") == failed


@pytest.mark.slow
def test_a_case_ends_at_its_limit(tmp_path: Path) -> None:
    """A plugin that never answers Unmount would keep a case waiting as long as Docker waits: a minute for each call."""
    text = HELPERS_IN_PYTHON.replace("def unmount(asked):\n", "def unmount(asked):\n    threading.Event().wait(50)\n")
    (tmp_path / "plugin.py").write_text(text)
    target = Target([sys.executable, str(tmp_path / "plugin.py")], case_limit=2.0)
    chosen = [case for case in cases() if case.id in ("unmount.succeeds", "unmount.unknown-makes-nothing")]
    found = Run(target, chosen, True, Candidate).execute().results
    assert [each.outcome for each in found] == ["warn", "warn"]
    waited = found[0].exchanges[-1]
    assert waited.failure == "no answer in time", waited
    assert found[1].evidence and "--time-limit" in found[1].evidence.wanted


# the command line


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop", "check", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_one_group_is_run_and_every_report_is_written(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(HELPERS_IN_PYTHON)
    plugin = ["--conformance", "--run", f"{sys.executable} {tmp_path / 'plugin.py'}", "--only", "capabilities"]
    files = [f"--{kind}={tmp_path / kind}" for kind in ("junit", "json", "json-lines", "markdown")]
    done = check(*plugin, *files, "--time-limit", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line)["step"] for line in (tmp_path / "json-lines").read_text().splitlines()]
    assert {each.partition(".")[0] for each in found} == {"activate", "capabilities"}
    assert JUnitXml.fromfile(str(tmp_path / "junit")).tests == len(found)
    assert (tmp_path / "markdown").read_text().startswith("### ")
    assert "--only capabilities" in done.stdout and "--time-limit 30.0" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--only", "mount"], "add --conformance"),
        (["--fail-on", "should"], "add --conformance"),
        (["--conformance", "--only", "tea", "--run", "sh"], "--only activate|http"),
        (["--baseline", "/nowhere/j", "--run", "sh"], "--json /nowhere/j"),
        (["--time-limit", "0", "--run", "sh"], "0.1"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], sentence: str) -> None:
    done = check(*words)
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr


DROPS = ("many.", "list.of-many", "http.descriptors", "restart.in-the-middle", "security.long-id", "errors.deep-json")
"""Cases that keep only a part of what was said for a report to be read."""


class Counting(Candidate):
    """A plugin under test that counts what it is asked in a case."""

    counted = 0

    def keep(self, said: Exchange) -> None:
        Counting.counted += 1
        super().keep(said)


@pytest.mark.slow
def test_the_json_has_every_exchange(tmp_path: Path) -> None:
    plugin = Target([sys.executable, str(tmp_path / "plugin.py")], by_others=True)
    (tmp_path / "plugin.py").write_text(HELPERS_IN_PYTHON)
    for case in (case for case in cases() if case.id.startswith(DROPS)):
        Counting.counted = 0
        (result,) = Run(plugin, [case], True, Counting).execute().results
        assert result.outcome == "ok" and len(result.exchanges) == Counting.counted > 1, case.id
    with plugin.opened(Counting) as opened:
        Counting.counted = 0
        result = run_case(opened, next(case for case in cases_of_part(3) if case.id == "3.16"))
        assert result.outcome == "ok" and len(result.exchanges) == Counting.counted > 300
    old = "            with lock:\n"
    refusing = f"            if method == 'Create' and len(names()) > 20:\n                raise Refused('full')\n{old}"
    (tmp_path / "plugin.py").write_text(HELPERS_IN_PYTHON.replace(old, refusing))
    (result,) = Run(plugin, [case for case in cases() if case.id == "many.create"], True, Candidate).execute().results
    assert result.outcome == "FAIL" and len(result.exchanges) == 50
    assert result.evidence and len(result.evidence.exchanges) == 3


# the action


def steps_of_action() -> list[dict[str, object]]:
    read = yaml.safe_load((ROOT / "action.yml").read_text())
    assert read["runs"]["using"] == "composite"
    found: list[dict[str, object]] = read["runs"]["steps"]
    assert {step["shell"] for step in found} == {"bash"}
    return found


def filled(text: str, inputs: dict[str, str]) -> str:
    """Return what GitHub makes of the expressions in a value."""
    known = {f"inputs.{name}": value for name, value in inputs.items()} | {"github.action_path": str(ROOT)}
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], text)


def test_no_step_of_the_action_has_an_expression_in_its_script() -> None:
    """What is put into a script is run: an input comes by the environment."""
    assert not [step for step in steps_of_action() if "${{" in str(step["run"])]


@pytest.mark.slow
def test_the_steps_of_the_action_check_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(needy())
    (tmp_path / "wrong.py").write_text(NOT_SAME)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path)}
    environment |= {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    install, look = steps_of_action()

    def do(step: dict[str, object], **inputs: str) -> subprocess.CompletedProcess[str]:
        more = {name: filled(str(value), inputs) for name, value in dict(step["env"]).items()}  # type: ignore[call-overload]
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(step["run"])]
        return subprocess.run(script, cwd=tmp_path, env=environment | more, capture_output=True, text=True, timeout=300)

    done = do(install)
    assert done.returncode == 0, done.stderr
    plugin = {"run": f"{sys.executable} {tmp_path}/right.py"}
    done = do(look, **plugin, options="--opt=place={root}-places/{name}\n--only=create\n--only=options\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert JUnitXml.fromfile(str(tmp_path / "conformance.xml")).failures == 0
    assert (tmp_path / "conformance.jsonl").read_text().count('"step": "create.') > 5
    done = do(look, run=f"{sys.executable} {tmp_path}/wrong.py", options="--only=get")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- **FAIL** `get.name`" in (tmp_path / "summary").read_text()


def stub(file: Path, text: str) -> None:
    """Make a program of a few lines of shell."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("user", ["0", "1001"])
def test_the_action_keeps_the_path_under_sudo_and_passes_no_blank_option(user: str, tmp_path: Path) -> None:
    """sudo takes no variable of its caller along, and a PATH of its own: a stub does the same here."""
    programs = tmp_path / "programs"
    stub(programs / "id", f"echo {user}")
    stub(programs / "sudo", 'case "$1" in --*) shift;; esac; exec env -i PATH=/usr/bin:/bin "$@"')
    stub(tmp_path / "workshop" / "bin" / "workshop", 'echo "PATH $PATH"; for each; do echo "<$each>"; done')
    path = f"{programs}:/opt/go/bin:/usr/bin:/bin"
    environment = {"PATH": path, "RUNNER_TEMP": str(tmp_path), "GITHUB_STEP_SUMMARY": "s", "PLUGIN": "./my plugin"}
    environment["OPTIONS"] = "\n--opt=a=b c\n\n  \n--only=create\n\n"
    script = ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(steps_of_action()[1]["run"])]
    done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30)
    told, *words = done.stdout.splitlines()
    assert (done.returncode, told) == (0, f"PATH {path}"), done.stdout + done.stderr
    assert words[:4] == ["<check>", "<--conformance>", "<--run>", "<./my plugin>"] and "<>" not in words
    assert words[-3:] == ["<s>", "<--opt=a=b c>", "<--only=create>"], words
