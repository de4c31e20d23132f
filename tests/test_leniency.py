"""What Docker lives with fails no step for a plugin by others: it is advised. A learner's plugin is taught it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import HELPERS_IN_PYTHON, helpers_in_go
from samples import sampled
from steps import STEPS

from workshop.checker import report
from workshop.checker.case import CLIENTS
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.steps import run_step
from workshop.checker.target import Target
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
ADVICE = (
    "gets no greeting",
    "removes its socket",
    "leaves the socket of a plugin that runs",
    "not a socket is somebody's",
    "Docker prints any other text",
    "Docker takes null for that",
    "A name that is a path",
    "An option that the plugin does not know",
)
"""What a plugin with the manners of go-plugins-helpers is advised of."""


def run(text: str, folder: Path, steps: list[str], by_others: bool) -> tuple[list[Result], list[str]]:
    """Run steps on a plugin in Python, and return the results, and the advice that it gets."""
    (folder / "plugin.py").write_text(text)
    return run_command([sys.executable, str(folder / "plugin.py")], steps, by_others)


def run_command(command: list[str], steps: list[str], by_others: bool) -> tuple[list[Result], list[str]]:
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        plugin.by_others = by_others
        results = [run_step(plugin, step, STEPS[step], None) for step in steps]
        plugin.close()
    return results, plugin.advice


def passes_with_advice(results: list[Result], advice: list[str]) -> None:
    reports = ["\n".join(report.lines_of(each)) for each in results if each.outcome == "FAIL"]
    assert reports == [], "\n".join(reports)
    assert [each.step for each in results if each.outcome != "ok"] == ["2.3", "2.4", "2.5"]  # no .spec is beside it
    assert [each for each in ADVICE if not any(each in line for line in advice)] == [], advice


def test_a_plugin_by_others_with_the_manners_of_go_is_advised(tmp_path: Path) -> None:
    passes_with_advice(*run(HELPERS_IN_PYTHON, tmp_path, list(STEPS), by_others=True))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="needs Go: ./workshop test --require slow")
def test_so_is_one_in_go(tmp_path: Path) -> None:
    passes_with_advice(*run_command(helpers_in_go(tmp_path), list(STEPS), by_others=True))


def test_a_learner_is_taught_what_docker_lives_without(tmp_path: Path) -> None:
    taught = ["1.2", "1.5", "2.2", "3.5", "3.12", "3.13"]
    results, advice = run(HELPERS_IN_PYTHON, tmp_path, taught, by_others=False)
    assert {each.step: each.outcome for each in results} == dict.fromkeys(taught, "FAIL")
    assert [each for each in advice if not each.startswith("The Content-Type of a plugin's answers")] == []


@pytest.mark.slow
def test_the_option_says_whose_the_plugin_is(tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(HELPERS_IN_PYTHON)
    check = [sys.executable, "-m", "workshop", "check", "3"]
    steps = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_part3.py"]
    said = []
    for command in (
        [*check, "--run", f"{sys.executable} {file}"],
        [*steps, "--ddd-run", f"{sys.executable} {file}"],
        [*check, "--plugin", str(file)],
        [*steps, "--ddd-plugin", str(file)],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
        advised = re.search(r"^(  advice    )?An option that the plugin does not know", done.stdout, re.MULTILINE)
        said.append((done.returncode, bool(advised)))
    assert said == [(0, True), (0, True), (1, False), (1, False)]


FAILS = [
    ("class Refused(Exception):", 'raise SystemExit("no")\nclass Refused(Exception):', "1.1", "socket.there"),
    ("os.umask(0o117)", "os.umask(0o110)", "1.3", "socket.closed-to-others"),
    ("socketserver.ThreadingMixIn, socketserver.Unix", "socketserver.Unix", "1.4", "http.silent-caller"),
    ('    os.unlink(os.environ["DDD_SOCKET"])\n', "    pass\n", "1.6", "socket.stale"),
    ('{"Implements": ["VolumeDriver"]}', '{"Implements": ["volumedriver"]}', "2.1", "activate.names-volume-driver"),
    ("    for part in (", '    raise Refused("no")\n    for part in (', "3.1", "create.makes-a-volume"),
    ('return {"Volume": told(asked["Name"])}', 'return {"Volume": told("another")}', "3.2", "get.name"),
    (
        "def get(asked):\n    known(asked)\n",
        'def get(asked):\n    if not any(each.startswith(asked.get("Name") or "?") for each in names()):\n'
        "        known(asked)\n",
        "3.3",
        "get.unknown",
    ),
    (
        "    for part in (",
        '    shutil.rmtree(os.path.join(folder(asked["Name"]), "data"), ignore_errors=True)\n    for part in (',
        "3.4",
        "create.again-keeps-all",
    ),
    ('os.path.join(known(asked), "data")}', "known(asked) and root}", "3.6", "mount.not-shared"),
    (
        '    mounts = os.path.join(known(asked), "mounts")\n',
        '    mounts = os.path.join(known(asked), "mounts")\n    os.truncate(known(asked) + "/data/note", 0)\n',
        "3.8",
        "unmount.keeps-files",
    ),
    (
        "    shutil.rmtree(there)\n",
        '    os.rename(there, os.path.join(root, ("trash-" + uuid.uuid4().hex).encode().hex()))\n',
        "3.9",
        "remove.removes",
    ),
    (
        ' or f" {there}/" in open("/proc/self/mountinfo").read():\n        raise Refused("volume is in use")\n',
        ':\n        raise Refused("volume is in use")\n    os.system(f"find {there} -mindepth 1 -delete 2>&1")\n',
        "3.15",
        "security.mount-in-a-volume",
    ),
    (
        "            with lock:\n",
        '            if lock.locked() and method == "Create":\n                raise Refused("busy")\n'
        "            with lock:\n                method == 'Create' and threading.Event().wait(0.05)\n",
        "3.16",
        "many.create",
    ),
    ("self.answer(500, json", "self.answer(200, json", "3.3", "mount.unknown"),
    ("self.answer(500, json", "self.answer(200, json", "3.12", "errors.status"),
    ("name.encode().hex())", 'name if "." in name else name.encode().hex())', "3.12", "security.create-outside"),
    ('    if os.listdir(os.path.join(there, "mounts")) or f"', '    if f"', "3.10", "remove.in-use"),
    ("    for each in os.listdir(mounts)[:1]:\n", "    for each in os.listdir(mounts):\n", "3.11", "unmount.docker-cp"),
    (', "mounts", uuid.uuid4().hex)', ', "mounts", asked["ID"])', "3.12", "security.ids"),
    ("[told(name) for name in names()]", "[{} for name in names()]", "3.5", "list.without-null"),
    ("    shutil.rmtree(there)\n", "", "3.9", "remove.removes"),
    ('        raise Refused("volume not found")\n', "        return folder('none')\n", "3.3", "get.unknown"),
]
"""An edit of the plugin by others, a step that fails it, and the must of the suite that does, too."""
OWN = {"1.2", "1.5", "1.7", "1.8", "2.2", "2.3", "2.4", "2.5", "3.7", "3.13", "3.14"}
"""The steps that are the course's own: Docker lives without what they teach, so that they fail no plugin by others."""
READS = "        try:\n            asked = (json"
NO_BODY = "        if not data and method not in ('List', 'Capabilities'):\n"
LIVES_WITH = [
    (
        "3.12",
        "Path has no name and succeeds",
        READS,
        f"{NO_BODY}            if method == 'Path':\n                return self.answer(200, '{{}}')\n{READS}",
    ),
    ("3.12", "closes on an empty body", READS, f"{NO_BODY}            return\n{READS}"),
    ("3.12", "closes on a broken body", "            return self.answer(400", "            return None and (400"),
    ("2.2", "closes on an unknown endpoint", "            return self.do_GET()\n", "            return None\n"),
    (
        "1.1",
        "closes on GET",
        '        self.answer(404, "404 page',
        '        return\n        self.answer(404, "404 page',
    ),
    (
        "1.4",
        "closes on GET",
        '        self.answer(404, "404 page',
        '        return\n        self.answer(404, "404 page',
    ),
    (
        "1.6",
        "closes on GET",
        '        self.answer(404, "404 page',
        '        return\n        self.answer(404, "404 page',
    ),
    ("3.7", "has no Path and closes", READS, f"        if method == 'Path':\n            return\n{READS}"),
    ("3.14", "closes on Capabilities", READS, f"        if method == 'Capabilities':\n            return\n{READS}"),
    (
        "3.16",
        "refuses a Remove beside another",
        "            with lock:\n                self.answer(200, json.dumps(CALLS[method](asked)))\n",
        """            one = CALLS.setdefault("one", threading.Lock())
            if method == "Remove" and not one.acquire(blocking=False):
                raise Refused("busy")
            try:
                with lock:
                    said = CALLS[method](asked)
                method == "Remove" and threading.Event().wait(0.05)
            finally:
                method == "Remove" and one.release()
            self.answer(200, json.dumps(said))
""",
    ),
]
"""A step, and an edit of the plugin by others that it advises against, and does not fail: no must of the suite does."""
IN_USE = '    if os.listdir(os.path.join(there, "mounts")) or f" {there}/" in open("/proc/self/mountinfo").read():\n'
PASSES = [
    ("says no to Unmount", "    return {}\ndef remove", '    raise Refused("done")\ndef remove', "unmount.succeeds"),
    (
        "forgets what is in use",
        f'{IN_USE}        raise Refused("volume is in use")\n',
        f'{IN_USE}        os.rename(os.path.join(there, "mounts"), there + "-gone")\n        return {{}}\n',
        "remove.in-use-is-refused",
    ),
    (
        "knows no name with a dot",
        '    if not asked.get("Name"):\n        raise Refused("volume name',
        '    if not asked.get("Name") or "." in asked["Name"]:\n        raise Refused("volume name',
        "names.usual",
    ),
    (
        "takes no name twice",
        "def create(asked):\n",
        "had = set()\ndef create(asked):\n"
        '    if asked.get("Name") in had:\n        raise Refused("used up")\n    had.add(asked.get("Name"))\n',
        "create.after-remove",
    ),
    (
        "answers {} for no",
        "def get(asked):\n    known(asked)\n",
        'def get(asked):\n    if not os.path.isdir(folder(asked.get("Name") or "x")):\n        return {}\n',
        "get.unknown-is-an-error",
    ),
    (
        "says another CreatedAt after each start",
        'return {"Volume": told(asked["Name"])}',
        'return {"Volume": {**told(asked["Name"]), "CreatedAt": STARTED}}',
        "restart.changes-nothing",
    ),
    (
        "says yes to any endpoint",
        '        if subsystem != "/VolumeDriver" or method not in CALLS:\n            return self.do_GET()\n',
        '        if subsystem != "/VolumeDriver" or method not in CALLS:\n            return self.answer(200, "{}")\n',
        "http.unknown-endpoint",
    ),
    (
        "makes what it refuses to mount",
        "def mount(asked):\n",
        "def mount(asked):\n    if not os.path.isdir(folder(asked.get('Name') or 'x')):\n        create(asked)\n"
        "        raise Refused('now it is there')\n",
        "mount.unknown-makes-nothing",
    ),
]
"""What an edit does that breaks a should alone: neither the steps nor a must may fail it."""
STARTED = (
    'import datetime\nSTARTED = datetime.datetime.now(datetime.UTC).isoformat()\nroot, lock = os.environ["DDD_ROOT"]'
)


def edited(old: str, new: str) -> str:
    assert HELPERS_IN_PYTHON.count(old) == 1, old
    listed = "for each in os.listdir(root)]"
    # what was renamed out of the way is no volume
    text = HELPERS_IN_PYTHON.replace(old, new).replace(
        listed, "for each in os.listdir(root) if os.path.isdir(f'{root}/{each}/mounts')]"
    )
    text = text.replace("not os.path.isdir(there):", 'not os.path.isdir(os.path.join(there, "mounts")):')
    return text.replace('root, lock = os.environ["DDD_ROOT"]', STARTED) if "STARTED" in new else text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "old", "new", "case"), sampled(PASSES, lambda row: "a should"), ids=[row[0] for row in PASSES]
)
def test_a_step_and_the_suite_agree_on_what_docker_lives_with(
    what: str, old: str, new: str, case: str, tmp_path: Path
) -> None:
    text = edited(old, new)
    results, _ = run(text, tmp_path, [step for step in STEPS if step[0] != "1"], by_others=True)
    assert [report.lines_of(each) for each in results if each.outcome == "FAIL"] == [], what
    groups = {case.partition(".")[0], "create", "get", "mount", "unmount", "remove", "restart", "files"}
    found = {each.step: each for each in suite_of(tmp_path / "plugin.py", "docker", groups)}
    assert found[case].outcome == "warn", found[case]
    assert [step for step, each in found.items() if each.outcome in ("FAIL", "error")] == [], what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "step", "case"), sampled(FAILS, lambda row: row[2][0]), ids=[f"{row[2]} {row[3]}" for row in FAILS]
)
def test_what_fails_a_step_breaks_a_must_of_docker_or_podman(
    old: str, new: str, step: str, case: str, tmp_path: Path
) -> None:
    (tmp_path / "plugin.py").write_text(HELPERS_IN_PYTHON.replace(old, new))
    found = [each.outcome for profile in CLIENTS for each in suite_of(tmp_path / "plugin.py", profile, {case})]
    assert "FAIL" in found, (step, case)


def suite_of(file: Path, profile: str, chosen: set[str]) -> list[Result]:
    """Run some groups or cases of the suite on a plugin in Python."""
    target = Target([sys.executable, str(file)], by_others=True, profile=profile)
    return Run(target, [each for each in cases() if {each.id, each.group} & chosen], True, Candidate).execute().results


@pytest.mark.parametrize(("old", "new", "step"), [row[:3] for row in FAILS])
def test_what_docker_does_not_live_with_fails_a_plugin_by_others(old: str, new: str, step: str, tmp_path: Path) -> None:
    assert HELPERS_IN_PYTHON.count(old) == 1
    (result,), _ = run(HELPERS_IN_PYTHON.replace(old, new), tmp_path, [step], by_others=True)
    assert result.outcome == "FAIL", f"{step} passes"


def test_each_step_but_the_courses_own_has_a_must_beside_it() -> None:
    assert {row[2] for row in FAILS} == {*STEPS} - OWN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "what", "old", "new"),
    sampled(LIVES_WITH, lambda row: row[0][0]),
    ids=[f"{row[0]} {row[1]}" for row in LIVES_WITH],
)
def test_a_step_and_the_suite_fail_nobody_for_this(step: str, what: str, old: str, new: str, tmp_path: Path) -> None:
    assert HELPERS_IN_PYTHON.count(old) == 1
    (result,), advice = run(HELPERS_IN_PYTHON.replace(old, new), tmp_path, [step], by_others=True)
    assert result.outcome == "ok" and (advice or step[0] == "1"), report.lines_of(result)
    groups = {"http", "create", "path", "mount", "capabilities", "errors", "many.create", "remove.without-body"}
    found = suite_of(tmp_path / "plugin.py", "docker", groups)
    assert [each.step for each in found if each.outcome == "FAIL"] == [], what
