"""`./workshop check`, as a learner and as the author of another plugin use it."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from files import free_port
from mutants import MUTANTS
from steps import PART_FILES, STEPS, first_failure

from workshop.checker import report
from workshop.checker.result import Result
from workshop.checker.steps import run_step
from workshop.course import course
from workshop.course.check import ACCEPTING
from workshop.course.options import Options, command_to_repeat
from workshop.plugins.folders import own_folder, private_folder
from workshop.plugins.kernel import listening_sockets, session_processes
from workshop.plugins.process import Plugin, command_for
from workshop.plugins.safety import FRUIT
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol.exchange import MEDIA_TYPE, Exchange

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
WRONG = {mutant.name: mutant for mutant in MUTANTS}


def check(*words: str, work: Path | None = None) -> subprocess.CompletedProcess[str]:
    told = {"WORKSHOP_WORK": str(work)} if work else {}
    command = [sys.executable, "-m", "workshop", "check", *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, timeout=60)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A learner's folder, with part 2 done, at ports that nobody has."""
    shutil.copy(ROOT / "part2" / "plugin.py", tmp_path)
    for name in ("ddd-tcp.spec", "ddd-tls.json"):
        text = (ROOT / "part2" / name).read_text()
        (tmp_path / name).write_text(re.sub(r"878\d", str(free_port()), text))
    return tmp_path


@pytest.fixture
def running() -> Iterator[Plugin]:
    with private_folder() as folder:
        plugin = Plugin([sys.executable, str(ROOT / "part3" / "plugin.py")], folder / "mine.sock", folder / "root")
        yield plugin.start()
        plugin.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


def test_a_part_that_passes(work: Path) -> None:
    done = check("2", work=work)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 of 5 steps pass." in done.stdout
    assert "Achievement unlocked! Docker can activate your plugin." in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("  Go on     ./workshop start 3")


def test_a_step_that_fails_ends_the_check_and_names_the_hint(work: Path) -> None:
    done = check("3", work=work)
    assert done.returncode == 1
    assert "FAIL  3.1" in done.stdout and "3.2" not in done.stdout
    assert done.stdout.rstrip().splitlines()[-1] == "  Next      ./workshop hint 3.1"


def test_all_goes_on_after_a_failure(work: Path) -> None:
    done = check("3", "--all", work=work)
    assert done.stdout.count("FAIL") > 10
    assert done.stdout.rstrip().splitlines()[-1] == "  Next      ./workshop hint 3.1"


def test_a_report_fits_80_columns_and_is_plain_in_a_pipe(work: Path) -> None:
    text = check("3", "--all", work=work).stdout
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\033" not in text


def test_progress_is_kept_for_the_next_command(work: Path) -> None:
    check("2", work=work)
    command = [sys.executable, "-m", "workshop"]
    told = os.environ | {"WORKSHOP_WORK": str(work)}
    said = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True).stdout
    assert "5 of  5 done" in said, said


def progress_of(work: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((work / ".progress.json").read_text())
    return found


def test_a_step_that_was_cut_is_gone_past_now_and_later(work: Path) -> None:
    shutil.copy(course_file(work, "1.6", "before"), work / "plugin.py")
    assert "FAIL  1.6" in check("1", work=work).stdout
    done = check("1", "--skip", "1.6", "--skip", "1.7", work=work)
    assert done.returncode == 1 and "FAIL  1.8" in done.stdout, done.stdout
    assert done.stdout.startswith("  note      The edits of later steps need lines of 1.6: 1.8. To see its lines:\n")
    assert "The checks of later steps need lines of 1.6: 3.10. To see its lines:\n" in done.stdout
    again = check("1", "--skip", "1.8", work=work)
    assert again.returncode == 0, again.stdout
    assert "note" not in again.stdout and again.stdout.count("  skip  1.") == 3
    assert "5 of 8 steps pass, 3 cut." in again.stdout
    assert "Achievement unlocked!" in again.stdout
    assert progress_of(work)["cut"] == ["1.6", "1.7", "1.8"] and progress_of(work)["skipped"] == []
    assert "FAIL  1.6" in check("1", "--no-skip", work=work).stdout and progress_of(work)["cut"] == []


def course_file(work: Path, step: str, when: str) -> Path:
    """Return a file with the course's plugin.py before or after a step."""
    file = work / f"{when}.txt"
    file.write_text(str(getattr(course.step(step), when)["plugin.py"]))
    return file


def test_a_step_of_a_plugin_by_others_is_gone_past_this_once(work: Path) -> None:
    file = course_file(work, "1.8", "before")
    shutil.copy(file, work / "mine.py")
    done = check("1", "--plugin", str(work / "mine.py"), "--skip", "1.8", work=work)
    assert done.returncode == 0 and "  skip  1.8" in done.stdout
    assert not (work / ".progress.json").exists()


def test_the_next_part_goes_on_with_the_own_file_once_it_passes(work: Path) -> None:
    told = os.environ | {"WORKSHOP_WORK": str(work)}

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workshop", "start", *words]
        return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=60)

    before = (work / "plugin.py").read_text()
    done = start("3")
    assert done.returncode == 0 and "Part 3 goes on with your " in done.stdout, done.stdout
    assert (work / "plugin.py").read_text() == before and progress_of(work)["part"] == 3
    assert [step for step in progress_of(work)["passed"] if step[0] == "2"] == [f"2.{n}" for n in range(1, 6)]
    (work / "plugin.py").write_text(before.replace('["VolumeDriver"]', '["volumedriver"]'))
    (work / ".progress.json").unlink()
    done = start("3")
    assert (done.returncode, "Missing: 2.1, 2.2, 2.3, 2.4, 2.5." in done.stdout) == (1, True), done.stdout
    assert done.stdout.rstrip().endswith("./workshop start 3 --fresh")


def test_an_ok_says_once_why_docker_needs_the_step(work: Path) -> None:
    file = work / "plugin.py"
    right = file.read_text()
    file.write_text(right.replace('{"Err": reason}', '{"Error": reason}'))
    first = " ".join(check("2", work=work).stdout.split())
    assert "has passed before" not in first
    assert course.step("2.1").why in first and course.step("2.2").why not in first
    file.write_text(right)
    second = " ".join(check("2", work=work).stdout.split())
    assert course.step("2.1").why not in second and course.step("2.2").why in second
    file.write_text(right.replace('["VolumeDriver"]', '["volumedriver"]'))
    assert "2.1 has passed before. Look first at what" in check("2", work=work).stdout
    file.write_text(right)
    assert not [step.id for step in course.part(2).steps if step.why in " ".join(check("2", work=work).stdout.split())]


def test_each_step_names_its_slide_in_the_clone(work: Path) -> None:
    said = check("3", work=work).stdout + check("2", work=work).stdout
    found = re.findall(r"^  (?:ok  |FAIL)  (\S+) .* (slides/part\d\.md):(\d+) +\d+ ms$", said, re.MULTILINE)
    assert [step for step, _, _ in found] == ["3.1", "2.1", "2.2", "2.3", "2.4", "2.5"], said
    for step, name, line in found:
        text = (ROOT / name).read_text().splitlines()
        marks = [mark for mark in text[int(line) :] if not mark.startswith(("!PAGE ", "!ABOUT "))]
        assert text[int(line) - 1] in ("!SLIDE", "!SUB") and marks[0].startswith(f"!STEP {step} ")


def test_a_plugin_that_does_not_start_is_not_sent_to_the_hint_of_a_step(work: Path) -> None:
    file = work / "plugin.py"
    right = file.read_text()
    for wrong in (f"raise RuntimeError\n{right}", f"{right}def (:\n", right.replace("    serve()", "    pass")):
        file.write_text(wrong)
        done = check("3", work=work)
        assert done.stdout.rstrip().splitlines()[-1].startswith("  Next      fix that first: a plugin has to start.")
        assert done.stdout.rstrip().endswith("./workshop hint") and not progress_of(work)["starts"]
    file.write_text(right)
    assert check("3", work=work).stdout.rstrip().endswith("./workshop hint 3.1") and progress_of(work)["starts"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--skip", "1.9"), "There is no step 1.9: the steps are 1.1 to 1.8, "),
        (("--skip", "x"), "For example:   ./workshop check --skip 1.7\n"),
        (("--skip", "1.7", "--no-skip"), "give one of them"),
        (("--skip", "1.7", "--conformance", "--plugin", "part3/plugin.py"), "--conformance runs none"),
        (("--plugin", "no.py"), "There is no file no.py"),
        (("--plugin", "part1/plugin.py", "--run", "x"), "give one of them"),
        (("--run", "x", "--watch"), "--watch looks at a file"),
        (("7",), "check takes a part, 1, 2 or 3:   ./workshop check 1\n"),
        (("3.4",), "check takes a part, 1, 2 or 3:   ./workshop check 3\n"),
        (("--run", "no-such-program --now"), "there is no such program. Give the command as you would type it."),
        (("--run", ""), "there is no such program"),
        (("--run", "'open"), "is not a command: No closing quotation."),
        (("--socket", "README.md"), "README.md is not a socket. Name the plugin's:   --socket PATH"),
        (("--socket", ""), "is not a socket"),
        (("--plugin", ""), "There is no file"),
        (("--tea",), "No such option"),
        (("2", "--plugin", "part2/plugin.py", "--json", "/nowhere/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(words: tuple[str, ...], sentence: str) -> None:
    done = check(*words)
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stdout + done.stderr


def test_without_a_plugin_of_ones_own_it_says_how_to_begin(tmp_path: Path) -> None:
    done = check(work=tmp_path)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("./workshop start")


def test_a_plugin_of_another_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "ddd.py").write_text((ROOT / "part1" / "plugin.py").read_text())
    done = check(work=tmp_path)
    assert done.returncode == 2
    assert "There is no" in done.stderr and "give it the name plugin.py" in done.stderr
    assert done.stderr.rstrip().endswith("ddd.py")
    (tmp_path / "other.py").touch()
    assert check(work=tmp_path).stderr.rstrip().endswith("./workshop start")


def test_a_plugin_that_runs_is_left_running(running: Plugin) -> None:
    running.call("VolumeDriver.Create", {"Name": "precious", "Opts": {}})
    done = check("--socket", str(running.socket))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("  skip  ") == 6
    assert done.stdout.count("have to be beside") == 3
    assert [each["Name"] for each in running.call("VolumeDriver.List", {}).json["Volumes"]] == ["precious"]


def test_a_socket_that_is_not_there_or_has_nobody_behind_it(tmp_path: Path) -> None:
    place = tmp_path / "any.sock"
    assert "There is no socket at" in check("--socket", str(place)).stdout
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
    done = check("--socket", str(place))
    assert done.returncode == 1
    assert "nobody listens: a plugin that was killed leaves its socket" in " ".join(done.stdout.split())


def test_the_same_seed_gives_the_same_names(tmp_path: Path) -> None:
    names = []
    for seed in ("7", "7", "8"):
        file = tmp_path / "out.json"
        check("2", "--plugin", str(ROOT / "part2" / "plugin.py"), "--json", str(file), "--seed", seed)
        (exchange,) = json.loads(file.read_text())["steps"][1]["exchanges"][:1]
        names.append(exchange["request"].rpartition("\n{")[2])
    assert names[0] == names[1] != names[2]


def test_json_has_every_exchange_and_junit_every_step(tmp_path: Path) -> None:
    wrong = tmp_path / "plugin.py"
    wrong.write_text(WRONG["Implements is a text"].source())
    done = check("2", "--plugin", str(wrong), "--json", str(tmp_path / "j"), "--junit", str(tmp_path / "x"), "--all")
    assert done.returncode == 1
    steps = json.loads((tmp_path / "j").read_text())["steps"]
    assert (steps[0]["step"], steps[0]["outcome"]) == ("2.1", "FAIL")
    assert steps[0]["diagnosis"] == "Implements is no list"
    assert steps[0]["exchanges"][0]["request"].startswith("POST /Plugin.Activate HTTP/1.1\r\nHost: \r\n")
    assert json.loads(steps[0]["exchanges"][0]["body"]) == {"Implements": "VolumeDriver"}
    suite = ET.parse(tmp_path / "x").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.text and "[plugin]" in failure.text


def test_watch_checks_again_at_every_save(work: Path) -> None:
    file, told = work / "plugin.py", os.environ | {"WORKSHOP_WORK": str(work), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "workshop", "check", "2", "--watch"]
    with open(work / "said", "w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=said)
    text = (work / "said").read_text
    wait_for(lambda: text().count("Watching") == 1, "the first check")
    broken = file.read_text().replace('["VolumeDriver"]', '["volumedriver"]')
    save(file, broken)
    wait_for(lambda: text().count("Watching") == 2, "the second check")
    save(file, broken.replace('["volumedriver"]', '["VolumeDriver"]'))
    wait_for(lambda: text().count("Watching") == 3, "the third check")
    save(work / "ddd-tls.json", "{,}")
    wait_for(lambda: text().count("Watching") == 4, "the check after another file was saved")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 1
    first, second, third, fourth, _ = text().split("Watching")
    assert "5 of 5 steps pass." in first and "5 of 5 steps pass." in third
    assert "FAIL  2.1" in second and "FAIL  2.4" in fourth
    assert "plugin.py and ddd-tcp.spec and ddd-tls.json: save to check again" in second
    # what is ok is printed once, until it has failed again
    assert [each.count("ok    2.") for each in (first, second, third, fourth)] == [5, 0, 1, 0]


def save(file: Path, text: str) -> None:
    """Save a file as many editors do."""
    fresh = file.with_name("new")
    fresh.write_text(text)
    fresh.rename(file)


def test_a_check_that_is_ended_ends_the_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(100)\n")
    command = [sys.executable, "-m", "workshop", "check", "1", "--plugin", str(plugin)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    wait_for(lambda: bool((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()), "the plugin")
    process.terminate()
    process.wait(20)
    pid = (tmp_path / "pid").read_text()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the end of the plugin")


def checked(command: list[str], step: str, folder: Path) -> Result:
    plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
    plugin.chance = random.Random(0)
    try:
        return run_step(plugin, step, STEPS[step], None)
    finally:
        plugin.close()


def test_a_plugin_that_prints_a_lot_is_not_stopped_by_a_full_pipe(tmp_path: Path) -> None:
    talker = tmp_path / "plugin.py"
    text = (ROOT / "part2" / "plugin.py").read_text()
    talker.write_text(text.replace("def activate():", "def activate():\n    print('x' * 10**6, file=sys.stderr)"))
    with private_folder() as folder:
        assert checked([sys.executable, str(talker)], "2.1", folder).outcome == "ok"


def test_a_plugin_that_starts_slowly_is_waited_for(tmp_path: Path) -> None:
    slow = tmp_path / "plugin.py"
    slow.write_text("import time\ntime.sleep(1)\n" + (ROOT / "part2" / "plugin.py").read_text())
    with private_folder() as folder:
        assert checked([sys.executable, str(slow)], "2.1", folder).outcome == "ok"


def test_keys_in_another_case_are_good_enough_for_docker(tmp_path: Path) -> None:
    lower = tmp_path / "plugin.py"
    lower.write_text((ROOT / "part2" / "plugin.py").read_text().replace('{"Implements"', '{"implements"'))
    with private_folder() as folder:
        assert checked([sys.executable, str(lower)], "2.1", folder).outcome == "ok"


def test_a_plugin_that_already_runs_is_never_asked_to_remove_what_is_not_ours(running: Plugin) -> None:
    plugin = PluginUnderTest([], running.socket, None)
    for step in STEPS:
        result = run_step(plugin, step, STEPS[step], None)
        removed = [sent for each in result.exchanges if each.endpoint == "VolumeDriver.Remove" for sent in [each.sent]]
        assert [sent for sent in removed if not re.search(rf'"({"|".join(FRUIT)})-[0-9a-f]{{8}}"', sent)] == []
        assert result.outcome in ("ok", "skip"), report.lines_of(result)
    plugin.close()


def test_a_refusal_that_is_a_crash_is_told_of(tmp_path: Path) -> None:
    crashing = tmp_path / "plugin.py"
    text = (ROOT / "part3" / "plugin.py").read_text()
    crashing.write_text(text.replace("abort(404, f", "abrt(404, f"))
    with private_folder() as folder:
        plugin = PluginUnderTest([sys.executable, str(crashing)], folder / "ddd.sock", folder / "root")
        assert run_step(plugin, "3.7", STEPS["3.7"], crashing).outcome == "ok"
        plugin.close()
    line = next(n for n, row in enumerate(crashing.read_text().splitlines(), 1) if "abrt(" in row)
    told = f"Step 3.7 passes, but only by a crash: {crashing}:{line} raised NameError: name 'abrt' is not defined"
    assert any(each.startswith(told) for each in plugin.advice), plugin.advice


def test_a_plugin_that_keeps_its_volumes_elsewhere_is_told_so(tmp_path: Path) -> None:
    elsewhere = tmp_path / "plugin.py"
    text = (ROOT / "part3" / "plugin.py").read_text()
    elsewhere.write_text(text.replace('os.environ.get("DDD_ROOT")', f'"{tmp_path}/mine"'))
    with private_folder() as folder:
        plugin = PluginUnderTest([sys.executable, str(elsewhere)], folder / "ddd.sock", folder / "root")
        assert run_step(plugin, "3.6", STEPS["3.6"], elsewhere).outcome == "ok"
        plugin.close()
    assert f"The volumes are not in DDD_ROOT, but in {tmp_path}/mine/" in plugin.advice[0]


def test_the_umask_of_the_learner_does_not_count() -> None:
    before = os.umask(0o077)
    try:
        assert first_failure(PART_FILES["3"], {"3.6": STEPS["3.6"]}) == ""
    finally:
        os.umask(before)


def test_a_file_that_is_in_a_volume_already_is_not_written_over(tmp_path: Path) -> None:
    plugin, note = PluginUnderTest([], tmp_path / "ddd.sock", None), tmp_path / "note"
    note.write_text("precious")
    assert plugin.fill(tmp_path) is None and note.read_text() == "precious"
    note.unlink()
    assert plugin.fill(tmp_path) == note
    plugin.close()


@pytest.mark.parametrize(
    ("name", "step", "advice"),
    [
        ("a folder closed to others", "3.6", "The folder of a volume has mode 0700, so that a container of"),
        ("Get names another folder", "3.6", "Get and List name another folder than Mount."),
        ("old files in a new volume", "3.9", "A volume that is made again has its old files."),
        ("volumes in a dict", "3.1", ""),
    ],
)
def test_what_is_unusual_and_legal_is_advised_of_in_a_plugin_by_others(
    name: str, step: str, advice: str, tmp_path: Path
) -> None:
    command, _ = WRONG[name].command(tmp_path)
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        plugin.by_others, plugin.patience = True, 2.0
        assert run_step(plugin, step, STEPS[step], None).outcome == "ok"
        plugin.close()
    assert advice in "\n".join(plugin.advice)


@pytest.mark.parametrize(
    ("content_type", "advised"),
    [(MEDIA_TYPE, False), (f"{MEDIA_TYPE}; charset=utf-8", False), (f"{MEDIA_TYPE}x", True), ("text/html", True)],
)
def test_another_media_type_than_that_of_plugins_is_advised_of(
    content_type: str, advised: bool, tmp_path: Path
) -> None:
    plugin = PluginUnderTest([], tmp_path / "ddd.sock", None)
    plugin.look_over(Exchange("Plugin.Activate", b"", 200, headers={"content-type": content_type}))
    assert bool(plugin.advice) is advised
    plugin.close()


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ('{"Implements": ["VolumeDriver"], "Err": ""}', ""),
        ('{"implements": ["VolumeDriver"]}', "key implements. The key is Implements"),
        ('{"Volume": {"Name": "mango", "Mount": "/srv"}}', "key Mount. Docker does not know this key"),
        ('{"Volumes": [{"Name": "mango", "mountpoint": "/srv"}]}', "The key is Mountpoint"),
        ('{"Volume": {"Name": "mango", "Status": {"Mounts": 1}, "Labels": {}}}', ""),
        ('{"Error": ""}', "Do you mean Err?"),
        ("<p>No.</p>", ""),
        ("", ""),
    ],
)
def test_a_key_that_is_nearly_one_of_dockers_is_advised_of(body: str, advice: str, tmp_path: Path) -> None:
    plugin = PluginUnderTest([], tmp_path / "ddd.sock", None)
    plugin.look_over(Exchange("VolumeDriver.Get", b"", 200, headers={"content-type": MEDIA_TYPE}, body=body.encode()))
    assert advice in "".join(plugin.advice) and bool(plugin.advice) is bool(advice)
    plugin.close()


@pytest.mark.parametrize("step", ["1.6", "1.8"])
def test_a_socket_that_was_left_is_in_nobodys_way(step: str, tmp_path: Path) -> None:
    leaving = tmp_path / "plugin.py"
    text = (ROOT / "part1" / "plugin.py").read_text()
    leaving.write_text(text.replace("    atexit.register(os.unlink, path)\n", ""))
    with private_folder() as folder:
        plugin = PluginUnderTest([sys.executable, str(leaving)], folder / "ddd.sock", folder / "root")
        plugin.ensure_running().stop()
        assert plugin.socket.is_socket()
        assert run_step(plugin, step, STEPS[step], leaving).outcome == "ok"
        plugin.close()


def test_what_a_plugin_has_started_ends_with_the_check() -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest(["sh", "-c", "sleep 1000 & exit 1"], folder / "ddd.sock", folder / "root")
        assert run_step(plugin, "1.1", STEPS["1.1"], None).outcome == "FAIL"
        assert plugin.process
        assert session_processes(plugin.process.pid)
        plugin.close()
        assert session_processes(plugin.process.pid) == []


def test_what_a_plugin_has_left_mounted_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "gold").touch()
    for busy in (False, True):
        with own_folder("ddd-") as folder:
            (folder / "my volume").mkdir()
            mount = ["mount", "--bind", str(tmp_path / "share"), str(folder / "my volume")]
            if subprocess.run(mount, capture_output=True).returncode:
                pytest.skip("needs the right to mount: sudo ./workshop test")
            user = open(folder / "my volume" / "gold") if busy else None  # noqa: SIM115 - it is to stay open
        assert (tmp_path / "share" / "gold").exists()
        assert folder.exists() == busy
    assert user
    user.close()
    assert f"{folder} stays, because something is mounted in it" in capsys.readouterr().err
    subprocess.run(["umount", str(folder / "my volume")], check=True)
    shutil.rmtree(folder)


def test_a_second_start_that_goes_on_ends_with_all_that_it_started() -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest(["sh", "-c", "sleep 1000 & wait"], folder / "ddd.sock", folder / "root")
        plugin.patience = 0.2
        launched: list[subprocess.Popen[bytes]] = []
        launch = plugin.launch
        plugin.launch = lambda: launched.append(launch()) or launched[-1]  # type: ignore[func-returns-value, method-assign]
        assert plugin.second() is None
        wait_for(lambda: session_processes(launched[0].pid) == [], "the end of all")
        plugin.close()


def test_a_closed_terminal_ends_the_plugin(tmp_path: Path) -> None:
    slow = tmp_path / "plugin.py"
    slow.write_text(
        "import os, time\nopen(os.environ['DDD_ROOT'] + '-began', 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    )
    command = [sys.executable, "-m", "workshop", "check", "1", "--plugin", str(slow)]
    with private_folder() as folder:
        told = os.environ | {"TMPDIR": str(folder)}
        process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=subprocess.DEVNULL)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_for(lambda: bool(children.read_text()), "the plugin")
        plugin = int(children.read_text())
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 128 + signal.SIGHUP
        assert session_processes(plugin) == []


def test_the_name_of_a_strangers_socket_may_be_any_bytes() -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(b"\0my\xffname")
        stranger.listen()
        assert any(where.startswith("@my") for where in listening_sockets().values())


def test_checks_that_python_leaves_out_do_not_pass() -> None:
    command = [sys.executable, "-O", "-m", "workshop", "check", "2", "--plugin", "part2/plugin.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "Python leaves out the checks. Type it again with   env -u PYTHONOPTIMIZE\n",
    )


def test_a_report_is_printed_as_far_as_it_can_be() -> None:
    words = [sys.executable, "-m", "workshop", "check", "2", "--plugin", "part2/plugin.py"]
    ascii_only = subprocess.run(words, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert (ascii_only.returncode, ascii_only.stdout[:8]) == (0, b"Part 2 ?")
    assert subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], cwd=ROOT).returncode == 0


def test_the_command_to_repeat_can_be_typed(tmp_path: Path) -> None:
    words = ["sh", "-c", "it's = 1"]
    said = command_to_repeat(Options(run=shlex.join(words)))
    assert shlex.split(shlex.split(said)[-1]) == words
    assert command_to_repeat(Options(part=3, plugin="mine.py")).endswith("workshop check 3 --plugin mine.py")


def test_an_unknown_cause_is_not_guessed_at() -> None:
    from workshop.checker.diagnose import diagnose
    from workshop.checker.evidence import Evidence

    found = diagnose(Evidence("2.9", "wanted rain"))
    assert (found.key, found.why[:24]) == ("", "This tool does not know ")


def test_a_plugin_whose_first_thread_has_ended_still_runs() -> None:
    exit_thread = {"x86_64": 60, "aarch64": 93}[os.uname().machine]  # the system call exit ends one thread alone
    text = (
        "import ctypes, threading\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        f"ctypes.CDLL(None).syscall({exit_thread}, 0)\n"
    )
    plugin = subprocess.Popen([sys.executable, "-c", text], start_new_session=True)
    try:
        stat = Path(f"/proc/{plugin.pid}/stat")
        deadline = time.monotonic() + 10
        while stat.read_text().rpartition(") ")[2][0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert session_processes(plugin.pid) == [str(plugin.pid)]
    finally:
        plugin.kill()
        plugin.wait()
    assert session_processes(plugin.pid) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6"])
def test_a_plugin_that_is_being_written_is_no_strangers(step: str, tmp_path: Path) -> None:
    for when in ("before", "after"):
        file = tmp_path / f"{when}.py"
        file.write_text(str(getattr(course.step(step), when)["plugin.py"]))
        said = check("3", "--plugin", str(file)).stdout
        assert f"  ok    {step}" in said if when == "after" else f"  FAIL  {step}" in said, said
        assert not re.search(r"^  (caution|left|skip) ", said, re.MULTILINE), said


@pytest.mark.parametrize("test", ACCEPTING)
def test_what_writes_the_texts_anew_is_there(test: str) -> None:
    file, *names = test.split("::")
    text = (ROOT / file).read_text()
    assert "WORKSHOP_ACCEPT" in text and all(re.search(rf"(class|def) {name}\b", text) for name in names)


def test_each_start_is_with_the_umask_of_a_service_whatever_the_learners_is(tmp_path: Path) -> None:
    learners = os.umask(0o077)
    plugin = PluginUnderTest(command_for(str(ROOT / "part1" / "plugin.py"), None), tmp_path / "s", tmp_path / "root")
    try:
        for _ in range(2):
            plugin.ready_for(lambda _: None)
            assert plugin.process
            assert "Umask:\t0022\n" in Path(f"/proc/{plugin.process.pid}/status").read_text()
            plugin.shut_down()
    finally:
        plugin.close()
        os.umask(learners)
