"""The conformance suite: each broken rule is caught, our plugin keeps all of them, and nothing of others is touched."""

import dataclasses
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutants import CONFORMANCE, MUTANTS, Breach, Mutant
from programs import CHUNKED, FORGETFUL, MISCOUNTED, SHORT
from samples import sampled

from workshop.checker import export, judge
from workshop.checker.case import Case
from workshop.checker.conformance import suite
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import LEVELS, cases
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.target import Target
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin
from workshop.plugins.safety import FRUIT

ROOT = Path(__file__).parent.parent
DDD = ROOT / "tests" / "serve.py"
CASES = {case.id: case for case in cases()}
ROWS: list[Mutant | Breach] = [*(mutant for mutant in MUTANTS if mutant.case), *CONFORMANCE]
CAUGHT = {"must": "FAIL", "should": "warn", "record": "note"}
# what ddd does where nothing is asked; a mutant of a record does something else
NOTED = {
    "answers.keep-alive": "closes each connection",
    "capabilities.tell": "scope local",
    "get.tells": "CreatedAt, Mountpoint",
    "mount.place": "DDD_ROOT/volumes/NAME/data",
    "remove.files": "the files go",
    "remove.unknown": "status 404",
    "socket.start": "after 0 whole seconds",
}


def check(*words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop", "check", "--conformance", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def outcomes(file: Path) -> dict[str, str]:
    return {each["step"]: each["outcome"] for each in json.loads(file.read_text())["steps"]}


# the rules


def test_there_are_enough_cases_and_each_says_what_and_why() -> None:
    assert len(CASES) == len(cases()) >= 80
    for case in CASES.values():
        assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", case.id) and len(case.id) <= 30, case.id
        assert case.title.endswith(".") and case.why.endswith((".", ")")), case.id
        assert {*case.levels.values()} <= {*LEVELS, "none"} and case.levels["docker"] in LEVELS, case.id


SOURCE = re.compile(
    r"moby [\w/.-]+\.go|issues? \d+|seen on Docker Engine|libpod/plugin/volume_api\.go|tests/engine/\w+\.py"
    r"|go-plugins-helpers|unix\(7\)|docker compose|rclone 1\.60|vieux/|omallo/|CVE-"
)


def test_each_must_names_where_it_is_known_from() -> None:
    musts = [case for case in CASES.values() if "must" in case.levels.values()]
    assert [case.id for case in musts if not SOURCE.search(case.why)] == []
    files = {name for case in musts for name in re.findall(r"tests/engine/\w+\.py", case.why)}
    assert files and all((ROOT / name).is_file() for name in files), files


def test_each_case_has_a_mutant_and_each_mutant_a_case() -> None:
    assert sorted(mutant.case for mutant in ROWS) == sorted(CASES)
    assert {mutant.name for mutant in CONFORMANCE if not mutant.case} == set()


def test_no_two_mutants_are_the_same() -> None:
    sources = [mutant.source("3") if isinstance(mutant, Mutant) else mutant.source() for mutant in ROWS]
    assert len(set(sources)) == len(sources)


def table() -> str:
    """Return the table of cases as the authors' page has it."""
    lines = ["| case | level | needs | rule |", "|---|---|---|---|"]
    for case in cases():
        podman = case.levels["podman"]
        level = case.levels["docker"] + (f" (Podman: {podman})" if podman != case.levels["docker"] else "")
        lines.append(f"| `{case.id}` | {level} | {case.needs} | {case.title.replace('|', '&#124;')} |")
    return "\n".join(lines) + "\n"


def test_the_authors_page_has_all_cases() -> None:
    page = ROOT / "docs" / "authors.md"
    text, mark, _ = page.read_text().partition("<!-- what follows is written by ./workshop check --accept -->\n")
    text = re.sub(r"(?<=with their data: )\w+(?= cases)", str(len(CASES)), text)
    if "WORKSHOP_ACCEPT" in os.environ:
        page.write_text(f"{text}{mark}\n{table()}")
    assert page.read_text() == f"{text}{mark}\n{table()}"


# the table


def verdict(mutant: Mutant | Breach) -> Result:
    """Run the case of a wrong plugin on it."""
    with private_folder() as folder:
        return run_case(mutant.write(folder), mutant.case)


def run_case(file: Path, case: str) -> Result:
    """Run one case on a plugin."""
    with private_folder() as folder:
        plugin = Candidate([sys.executable, str(file)], folder / "ddd.sock", folder / "root")
        plugin.limits = dict.fromkeys(plugin.limits, 3.0)
        plugin.patience = 3.0
        try:
            return judge.run_case(plugin, CASES[case], None)
        finally:
            plugin.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant", sampled(ROWS, lambda mutant: mutant.case.partition(".")[0]), ids=lambda mutant: mutant.case
)
def test_a_broken_rule_is_caught(mutant: Mutant | Breach) -> None:
    result = verdict(mutant)
    assert result.outcome == CAUGHT[result.level], (mutant.name, result.outcome, result.reason)
    if result.level == "record":
        assert result.reason != NOTED[mutant.case], mutant.name
    else:
        assert result.evidence and result.evidence.wanted.startswith("wanted "), result.evidence
        assert result.diagnosis and result.diagnosis.why


# our plugin, as it is run and under Werkzeug's server, and another one


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["docker", pytest.param("podman", marks=pytest.mark.thorough)])
def test_ddd_keeps_all_rules(profile: str, tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "j"), "--junit", str(tmp_path / "x")]
    done = check("--plugin", str(DDD), "--profile", profile, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ET.parse(tmp_path / "x").getroot().get("tests") == str(len(CASES))
    found = json.loads((tmp_path / "j").read_text())["steps"]
    assert [each["step"] for each in found] == [case.id for case in cases()]
    assert {each["outcome"] for each in found} == ({"ok", "note"} if profile == "docker" else {"ok", "note", "skip"})
    noted = {each["step"]: each["reason"] for each in found if each["outcome"] == "note"}
    assert noted.items() <= NOTED.items(), noted
    skipped = {each["reason"] for each in found if each["outcome"] == "skip"}
    assert skipped <= {"Podman never asks for it"}
    assert "All cases pass." in done.stdout


@pytest.mark.slow
def test_ddd_keeps_them_as_it_is_run() -> None:
    done = check("--run", f"{sys.executable} -m ddd")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers.keep-alive           keeps connections open" in done.stdout
    assert " 0 not       0 skipped" in done.stdout and "advice" not in done.stdout, done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="needs Go: ./workshop test --require slow")
def test_the_verdict_on_the_plugin_in_go_is_right(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "benchmarks" / "go", tmp_path / "go")
    subprocess.run(["go", "build", "-o", "ddd", "."], cwd=tmp_path / "go", check=True)
    done = check("--run", str(tmp_path / "go" / "ddd"), "--json", str(tmp_path / "j"))
    failed = {step for step, outcome in outcomes(tmp_path / "j").items() if outcome == "FAIL"}
    assert not failed, done.stdout


# plugins that are nothing like ours


FORGETFUL_BREAKS = {"restart.keeps-volumes", "files.after-a-kill", "files.after-a-failed-remove"}
FORGETFUL_COULD = {
    *("answers.media-type", "errors.status", "errors.big-body", "get.without-body-is-no-no", "options.unknown"),
    *(
        "remove.in-use-is-refused",
        "options.no-object",
        "socket.living",
        "socket.not-a-file",
        "socket.taken-away",
        "socket.folder",
    ),
}


@pytest.mark.slow
def test_what_docker_does_not_mind_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(FORGETFUL)
    done = check("--plugin", str(tmp_path / "plugin.py"), "--json", str(tmp_path / "j"))
    found = outcomes(tmp_path / "j")
    assert done.returncode == 1 and "error" not in found.values(), done.stdout
    assert {step for step, outcome in found.items() if outcome == "FAIL"} == FORGETFUL_BREAKS, done.stdout
    assert {step for step, outcome in found.items() if outcome == "warn"} == FORGETFUL_COULD, done.stdout
    assert "cannot be seen by Remove: see remove" in done.stdout
    said = " ".join(done.stdout.split())
    assert "--trait no-persistence" in said and "--trait global" in said, said


@pytest.mark.slow
def test_podman_minds_errors_that_it_cannot_see(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(FORGETFUL)
    done = check("--plugin", str(tmp_path / "plugin.py"), "--profile", "podman", "--json", str(tmp_path / "j"))
    broken = {step for step, outcome in outcomes(tmp_path / "j").items() if outcome == "FAIL"}
    # an error of Remove under status 200 is a success to Podman: that a file is lost after it cannot be asked
    unseen = {"files.after-a-failed-remove"}
    assert broken == FORGETFUL_BREAKS - unseen | {"errors.status", "mount.unknown"}, done.stdout


@pytest.mark.skipif(not shutil.which("perl"), reason="needs Perl: apt-get install perl")
@pytest.mark.parametrize(("text", "outcome"), [(CHUNKED, "ok"), (MISCOUNTED, "FAIL"), (SHORT, "FAIL")])
def test_an_answer_in_pieces_has_to_fit_together(text: str, outcome: str) -> None:
    with private_folder() as folder:
        (folder / "plugin.pl").write_text(text)
        plugin = Candidate(["perl", str(folder / "plugin.pl")], folder / "ddd.sock", folder / "root")
        plugin.limits = dict.fromkeys(plugin.limits, 2.0)
        try:
            result = judge.run_case(plugin, CASES[suite.FIRST], None)
        finally:
            plugin.close()
    assert result.outcome == outcome, result.exchanges


# a plugin that runs already, with volumes of somebody else


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Plugin]:
    with private_folder() as folder:
        plugin = Plugin([sys.executable, str(DDD)], folder / "mine.sock", folder / "root")
        yield plugin.start()
        plugin.close()


def precious(plugin: Plugin) -> Path:
    """Make a volume with a file in it, and return the file."""
    assert plugin.call("VolumeDriver.Create", {"Name": "precious", "Opts": {}}).ok
    note = Path(plugin.call("VolumeDriver.Path", {"Name": "precious"}).json["Mountpoint"]) / "note"
    note.write_text("mine")
    return note


def only_precious_is_left(plugin: Plugin, note: Path) -> bool:
    volumes = plugin.call("VolumeDriver.List", {}).json["Volumes"]
    return [each["Name"] for each in volumes] == ["precious"] and note.read_text() == "mine"


@pytest.mark.slow
def test_through_a_socket_what_needs_more_is_skipped_and_nothing_is_left(running: Plugin, tmp_path: Path) -> None:
    note = precious(running)
    done = check("--socket", str(running.socket), "--json", str(tmp_path / "j"))
    assert done.returncode == 0, done.stdout
    found = outcomes(tmp_path / "j")
    assert {step for step, outcome in found.items() if outcome == "skip"} == {case.id for case in cases() if case.needs}
    assert "more than a socket: give --plugin or --run" in done.stdout
    assert "caution   The plugin was not started by this check" in done.stdout
    assert only_precious_is_left(running, note)
    asked = [names_asked(each) for each in json.loads((tmp_path / "j").read_text())["steps"]]
    strange = {name for names in asked for name in names if not OURS.search(name)}
    assert sum(map(len, asked)) > 150 and not strange, strange


OURS = re.compile(rf"({'|'.join(FRUIT)})-[0-9a-f]{{8}}|^[0-9a-f]{{64}}$|/outside-|%2foutside-", re.IGNORECASE)


def names_asked(step: dict[str, Any]) -> list[str]:
    """Return the names with which a case has called Create and Remove: on a bad plugin, what they are may be gone."""
    found = []
    for exchange in step["exchanges"]:
        line, _, body = exchange["request"].partition("\r\n\r\n")
        if re.match("POST /VolumeDriver.(Create|Remove) ", line):
            name = re.search(r'"Name":"([^"]*)"', body)
            found += [name[1]] if name else []
    return found


@pytest.mark.slow
def test_after_failures_nothing_is_left_either(tmp_path: Path) -> None:
    mutants = {mutant.name: mutant for mutant in MUTANTS}
    text = mutants["a set of IDs"].source("3")
    assert text.count("_.-]{0,199}") == 1 and text.count("{named}") == 1
    (tmp_path / "plugin.py").write_text(text.replace("_.-]{0,199}", "_.-]{0,62}").replace("{named}", "them"))
    with private_folder() as folder:
        plugin = Plugin([sys.executable, str(tmp_path / "plugin.py")], folder / "x.sock", folder / "root").start()
        try:
            note = precious(plugin)
            done = check("--socket", str(plugin.socket))
            assert done.returncode == 1, done.stdout
            assert only_precious_is_left(plugin, note)
        finally:
            plugin.close()
    broken = done.stdout.rpartition("  broken    ")[2]
    assert "unmount.docker-cp" in broken and "names.of-64-digits" in broken and "options.named" in broken, broken
    assert done.stdout.rstrip().splitlines()[-1].startswith("  To repeat it with the same names:   ./workshop check")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_one_that_is_ended_in_the_middle_cleans_up(running: Plugin, number: signal.Signals) -> None:
    note = precious(running)
    command = [sys.executable, "-m", "workshop", "check", "--conformance", "--socket", str(running.socket)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(os.listdir(running.root / "volumes")) < 40:  # type: ignore[operator]
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert only_precious_is_left(running, note)


# its reports, and pytest's


@pytest.mark.slow
def test_under_pytest_only_a_must_fails(tmp_path: Path) -> None:
    mutants = {mutant.name: mutant for mutant in MUTANTS}
    text = mutants["a set of IDs"].source("3")
    assert text.count("{named}") == 1
    (tmp_path / "plugin.py").write_text(text.replace("{named}", "them"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rfx",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "workshop.checker.conformance",
    ]
    command += [f"--ddd-plugin={tmp_path / 'plugin.py'}", "-k"]

    def says(cases: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, cases], cwd=ROOT, capture_output=True, text=True, timeout=60)

    done = says("unmount_docker_cp or options_named or capabilities_tell")
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout and "1 xfailed" in done.stdout, done.stdout
    assert "FAIL  unmount.docker-cp" in done.stdout and "keeps a set of IDs frees the volume too early" in " ".join(
        done.stdout.split()
    )
    assert "should: The error for an unknown option names it." in done.stdout
    assert "capabilities.tell: scope local" in done.stdout
    assert says("options_named").returncode == 0


@pytest.mark.slow
def test_junit_has_every_case(tmp_path: Path) -> None:
    results = [result_of("a set of IDs"), result_of("does not say which option"), result_of("global")]
    suite_of = ET.fromstring(export.junit(results, "mine").partition("?>")[2])
    assert (suite_of.get("tests"), suite_of.get("failures"), suite_of.get("errors")) == ("3", "1", "0")
    kinds = [[child.tag for child in case] for case in suite_of.iterfind("testcase")]
    assert kinds == [["failure"], ["system-out"], ["system-out"]]


def test_a_plugin_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    done = check("--socket", str(tmp_path / "none.sock"), "--junit", str(tmp_path / "x"))
    assert done.returncode == 1
    assert done.stdout.count("FAIL") == 1 and "There is no socket at" in done.stdout, done.stdout
    assert "No other case was run" in done.stdout
    assert ET.parse(tmp_path / "x").getroot().get("failures") == "1"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("2",), "leave out the part"),
        (("--plugin", str(DDD), "--watch"), "leave out the part, and --watch"),
        (("--profile", "tea"), "tea"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], sentence: str) -> None:
    done = check(*words)
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stdout + done.stderr


def test_a_profile_needs_the_suite() -> None:
    command = [sys.executable, "-m", "workshop", "check", "--profile", "podman", "--plugin", str(DDD)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "add --conformance" in done.stderr) == (2, True), done.stderr


def result_of(name: str) -> Result:
    (mutant,) = (mutant for mutant in ROWS if mutant.name == name)
    return verdict(mutant)


def test_a_failure_shows_what_was_said_and_why_it_matters() -> None:
    text = "\n".join(suite.lines_of(result_of("Get knows everything")))
    assert text.startswith("  FAIL  get.unknown")
    assert "[docker]  POST /VolumeDriver.Get" in text and "[plugin]  200 OK" in text
    assert "One that knows every name gets every new volume" in " ".join(text.split())
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_what_docker_prints_is_shown() -> None:
    text = " ".join(" ".join(suite.lines_of(result_of("does not say which option"))).split())
    assert "(should)" in text and "Error response from daemon: create" in text, text


def test_the_worst_comes_first_and_the_levels_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Result(f"get.{kind}", "", kind, level=level) for kind, level in (("ok", "must"), ("warn", "should"))]
    found += [Result("get.bad", "", "FAIL", level="must"), Result("list.x", "", "skip", level="must")]
    listener, plugin = suite.SuiteText(""), Candidate([], Path("x.sock"), None)
    listener.begin(Run(Target(), [Case(each.step, "", print) for each in found]), plugin)
    for each in found:
        listener.result(each)
    text = capsys.readouterr().out
    assert text.index("get.bad") < text.index("get.warn") < text.index("get.ok") < text.index("list.x")
    lines = suite.summary_lines(found)
    assert "  must      1 ok    1 not       1 skipped" in lines and "  broken    get.bad" in lines, lines


def test_an_error_of_ours_is_none_of_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["get.name"]

    def stumble(plugin: Candidate) -> None:
        raise KeyError("ours")

    monkeypatch.setitem(CASES, case.id, dataclasses.replace(case, test=stumble))
    result = run_case(DDD, case.id)
    assert (result.outcome, result.reason.partition(" ")[2]) == ("error", "KeyError: 'ours'"), result
    assert "test_conformance.py:" in suite.lines_of(result)[0]


def test_podman_is_misled_by_what_docker_reads() -> None:
    with private_folder() as folder:
        (mutant,) = (mutant for mutant in ROWS if mutant.name == "error under status 200")
        plugin = Candidate([sys.executable, str(mutant.write(folder))], folder / "ddd.sock", folder / "root")
        plugin.chance = random.Random(0)
        levels = []
        try:
            for plugin.profile in ("docker", "podman"):
                levels.append(judge.run_case(plugin, CASES["mount.unknown"], None).outcome)
        finally:
            plugin.close()
    assert levels == ["ok", "FAIL"]


LISTED = ".join(each)"
VOLUME = '{"Name": name, "Mountpoint": mountpoint(name), "CreatedAt": created_at}'
PATH = '    with volumes.open_one(name):\n        return answer({"Mountpoint": mountpoint(name), "Err": ""})'
SCOPE = '{"Capabilities": {"Scope": "local"}}'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "old", "new", "outcome"),
    [
        ("list.without-body", LISTED, '.join(["null", *each])', "ok"),
        ("list.types", LISTED, '.join(["null", *each])', "ok"),
        ("list.mountpoint", LISTED, '.join(["null", *each, *each])', "ok"),
        ("http.keep-alive", VOLUME, '"x"', "FAIL"),
        ("path.of-mounted", PATH, "    return answer(None)", "warn"),
        ("capabilities.scope", SCOPE, "None", "warn"),
        ("activate.names-volume-driver", '["VolumeDriver"]', '["VolumeDriver", 1]', "FAIL"),
        ("get.created-at", "isoformat(", "replace(year=2026).isoformat(", "ok"),
        ("get.created-at", '"CreatedAt": created_at', '"CreatedAt": "2026-02-31T12:00:00Z"', "FAIL"),
        ("get.status", '"CreatedAt": created_at', '"Status": {"load": float("nan")}', "FAIL"),
    ],
)
def test_an_odd_answer_is_judged(case: str, old: str, new: str, outcome: str) -> None:
    result = verdict(Breach(case, "odd", old, new))
    assert result.outcome == outcome, result.reason


@pytest.mark.slow
def test_a_leak_of_one_descriptor_for_each_mount_is_found() -> None:
    begins = '"""Record that a container is about to use the volume, and say which folder to give it."""'
    leaking = Breach("http.descriptors", "leaks at Mount", begins, 'os.open("/", os.O_RDONLY)')
    assert verdict(leaking).outcome == "FAIL"


@pytest.mark.slow
def test_a_descriptor_that_is_closed_after_the_answer_is_no_leak() -> None:
    begins = '"""Record that a container is about to use the volume, and say which folder to give it."""'
    late = 'threading.Timer(1, os.close, [os.open("/", os.O_RDONLY)]).start()'
    assert verdict(Breach("http.descriptors", "closes late", begins, late)).outcome == "ok"


@pytest.mark.slow
def test_through_a_socket_no_volume_of_a_wrong_name_is_made(running: Plugin) -> None:
    plugin = Candidate([], running.socket, None)
    for case in CASES.values():
        judge.run_case(plugin, case, None)
        created = [each for each in plugin.exchanges if each.endpoint == "VolumeDriver.Create"]
        assert [each.sent for each in created if not isinstance(as_object(each.sent), dict)] == [], case.id
    plugin.close()


def as_object(text: str) -> object:
    """Return what JSON a text is, None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_a_report_in_xml_has_no_control_characters() -> None:
    result = Result("x.y", "A rule", "error", reason='{"Scope": "lo\x01cal"}')
    assert ET.fromstring(export.junit([result], "any")).find(".//error") is not None
