"""What an author gives beside the plugin: options for each Create, commands before and after a start, and traits."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest
from programs import FIXED, FORGETFUL, HELPERS_IN_PYTHON, needy
from test_check import wait_for

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.steps import cases_of_part
from workshop.checker.target import Target, options_of
from workshop.plugins.errors import OurTrouble, WrongCommand
from workshop.plugins.traits import TRAITS
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
CASES = {case.id: case for case in cases()}
PLACE = "place={root}-places/{name}-{seed}"


def target(folder: Path, text: str, **more: object) -> Target:
    """Return a plugin in Python as a target, given as by its author."""
    (folder / "plugin.py").write_text(text)
    command = [sys.executable, str(folder / "plugin.py")]
    return Target(command, by_others=True, **more)  # type: ignore[arg-type]


def suite_of(plugin: Target, *groups: str) -> dict[str, Result]:
    """Run these groups of the suite on a plugin."""
    chosen = [case for case in CASES.values() if case.group in groups]
    return {each.step: each for each in Run(plugin, chosen, True, Candidate).execute().results}


def creates(results: dict[str, Result], case: str) -> list[object]:
    """Return the Opts of the Creates of a case."""
    sent = [each.sent for each in results[case].exchanges if each.endpoint == "VolumeDriver.Create"]
    return [json.loads(each)["Opts"] for each in sent]


# options


def test_a_create_that_wants_options_is_one_failure(tmp_path: Path) -> None:
    found = suite_of(target(tmp_path, needy()), "activate", "answers", "create", "mount", "files")
    failed = [step for step, result in found.items() if result.outcome == "FAIL"]
    assert failed == ["create.makes-a-volume"]
    diagnosis = found[failed[0]].diagnosis
    assert diagnosis and "'place is required'" in diagnosis.why and diagnosis.why.endswith("--opt KEY=VALUE")
    wrong = target(tmp_path, needy(), options=options_of(["password=hunter-2"]))
    (told,) = (each.diagnosis for each in suite_of(wrong, "create").values() if each.outcome == "FAIL")
    assert told and "It was given password." in told.why and "hunter-2" not in told.why
    following = [result for result in found.values() if result.follows]
    assert len(following) > 20 and {result.outcome for result in following} == {"skip"}
    assert {result.reason for result in following} == {
        "follows from create.makes-a-volume: it needs a volume, and Create is refused"
    }
    assert found["activate.names-volume-driver"].outcome == "ok" and found["mount.unknown"].outcome == "ok"


SHARED = """        raise Refused("place is required")
    open(folder(asked["Name"]) + "-place", "w").write(told["place"])
"""


def test_options_that_give_one_folder_to_all_volumes_are_advised_against(tmp_path: Path) -> None:
    text = needy().replace('        raise Refused("place is required")\n', SHARED)
    text = text.replace("    open(folder", "    os.makedirs(root, exist_ok=True)\n    open(folder")
    text = text.replace('os.path.join(known(asked), "data")}', 'open(known(asked) + "-place").read()}')
    text = text.replace("for each in os.listdir(root)]", 'for each in os.listdir(root) if "-" not in each]')
    one, each = f"place={tmp_path}/one", "place={root}-places/{name}"
    found, advice = chosen(target(tmp_path, text, options=options_of([one])), "mount.not-shared")
    assert found["mount.not-shared"].outcome == "FAIL"
    assert any(line.endswith("   --opt 'place={root}/{name}'") for line in advice), advice
    results = Run(target(tmp_path, text, options=options_of([one])), cases_of_part(3)[8:9], True, PluginUnderTest)
    assert any(line.endswith("   --opt 'place={root}/{name}'") for line in results.execute().advice)
    found, advice = chosen(target(tmp_path, text, options=options_of([each])), "mount.not-shared")
    assert found["mount.not-shared"].outcome == "ok" and not any("--opt" in line for line in advice), advice


def test_it_is_one_failure_of_the_steps_too(tmp_path: Path) -> None:
    results = Run(target(tmp_path, needy()), cases_of_part(3), True, PluginUnderTest).execute().results
    assert [each.step for each in results if each.outcome == "FAIL"] == ["3.1"]
    assert results[0].diagnosis and "'place is required'" in results[0].diagnosis.why
    assert {each.follows for each in results if each.step in ("3.2", "3.6", "3.9", "3.16")} == {"3.1"}


def test_with_its_options_it_keeps_the_rules(tmp_path: Path) -> None:
    plugin = target(tmp_path, needy(), options=options_of([PLACE]), seed=7)
    found = suite_of(plugin, "activate", "http", "create", "options", "files")
    assert [step for step, result in found.items() if result.outcome in ("FAIL", "error")] == []
    opts = creates(found, "create.makes-a-volume")
    assert len(opts) == 1 and re.fullmatch(r"\{'place': '/.+/root-places/[a-z]+-[0-9a-f]{8}-7'\}", str(opts[0])), opts


@pytest.mark.slow
def test_with_its_options_it_passes_the_steps(tmp_path: Path) -> None:
    plugin = target(tmp_path, needy(), options=options_of([PLACE]))
    results = Run(plugin, cases_of_part(3), True, PluginUnderTest).execute().results
    assert [each.step for each in results if each.outcome != "ok"] == []


def test_an_option_of_a_case_comes_beside_those_that_are_needed(tmp_path: Path) -> None:
    plugin = target(tmp_path, needy(), options=options_of([PLACE]))
    found = suite_of(plugin, "options")
    (sent,) = creates(found, "options.unknown")
    assert isinstance(sent, dict) and sorted(sent) == ["place", "zzz-no-such-option"]
    assert found["options.unknown"].outcome == found["options.named"].outcome == "ok"


def test_no_option_that_is_needed_is_run_by_a_shell(tmp_path: Path) -> None:
    options = options_of([PLACE])
    found = suite_one(target(tmp_path, needy(), options=options), "security.no-shell")
    assert found.outcome == "ok" and {"place"} < {key for opts in creates({"": found}, "") for key in dict(opts)}  # type: ignore[call-overload]
    shell = needy().replace(
        '    os.makedirs(told["place"], exist_ok=True)\n', '    os.system("mkdir -p " + told["place"])\n'
    )
    assert suite_one(target(tmp_path, shell, options=options), "security.no-shell").outcome == "FAIL"


def suite_one(plugin: Target, case: str) -> Result:
    """Run one case on a plugin."""
    return Run(plugin, [CASES[case]], True, Candidate).execute().results[0]


def test_what_is_asked_without_options_is_skipped_with_them(tmp_path: Path) -> None:
    plugin = target(tmp_path, HELPERS_IN_PYTHON, options={"any": "x"})
    result = suite_one(plugin, "create.options-null")
    assert (result.outcome, "--opt" in result.reason) == ("skip", True)


def test_a_secret_that_is_needed_is_looked_for(tmp_path: Path) -> None:
    """The value of an option that is a password by its name must not come back; one that is none may."""
    tells = (
        needy()
        .replace('raise Refused("place', 'raise Refused(f"{told}: place')
        .replace('set(told) - {"place"}', 'set(told) - {"place", "password"}')
    )
    wrong = 'told.get("password") not in (None, "hunter-2")'
    tells = tells.replace('if not told.get("place")', f'if {wrong} or not told.get("place")')
    tells = tells.replace("def told(name):", "said = {}\ndef told(name):").replace(
        '    os.makedirs(told["place"]', '    said[asked["Name"]] = told\n    os.makedirs(told["place"]'
    )
    old = '    return {"Volume": told(asked["Name"])}'
    assert tells.count(old) == 1
    status = '    return {"Volume": {**told(asked["Name"]), "Status": said.get(asked["Name"], {})}}'
    plugin = target(tmp_path, tells.replace(old, status), options=options_of([PLACE, "password=hunter-2"]))
    assert suite_of(plugin, "options")["options.secret-told"].outcome == "warn"
    quiet = target(tmp_path, tells, options=options_of([PLACE, "password=hunter-2"]))
    assert suite_of(quiet, "options")["options.secret-told"].outcome == "ok"


def test_a_name_that_is_a_path_makes_no_path_of_an_option() -> None:
    plugin = Candidate([], Path("x.sock"), Path("/r"))
    plugin.options = {"place": "{root}/{name}", "as": "{it}"}

    def place(name: object) -> object:
        body = plugin.with_options("VolumeDriver.Create", {"Name": name, "Opts": None})
        assert isinstance(body, dict) and isinstance(body["Opts"], dict) and body["Opts"]["as"] == "{it}"
        return body["Opts"]["place"]

    assert place("fig-1") == "/r/fig-1"
    for name in ("..", "../../x", "/etc", "", "$(x)", 7, None, "x" * 300, "a\n"):
        assert re.fullmatch("/r/[0-9a-f]{16}", str(place(name))), name
    assert plugin.with_options("VolumeDriver.Mount", {"Name": "x"}) == {"Name": "x"}
    assert plugin.with_options("VolumeDriver.Create", {"Name": "x", "Opts": ["a"]}) == {"Name": "x", "Opts": ["a"]}


def test_options_are_typed_as_for_docker() -> None:
    assert options_of(["a=b=c", "ro", "x="]) == {"a": "b=c", "ro": "", "x": ""}
    with pytest.raises(WrongCommand, match="--opt KEY=VALUE"):
        options_of(["=x"])


# before and after


BEFORE = 'mkdir "$DDD_ROOT" && test ! -e "$DDD_ROOT/../pool" && touch "$DDD_ROOT/../pool" && echo prepare >> {log}'
AFTER = 'rm "$DDD_ROOT/../pool" && echo cleanup >> {log}'
WANTS_POOL = HELPERS_IN_PYTHON.replace(
    "lock = threading.Lock()\n", 'lock = threading.Lock()\nassert os.path.exists(root + "/../pool")\n'
).replace('root, lock = os.environ["DDD_ROOT"], threading', 'root, lock = os.environ["DDD_ROOT"], threading')


def test_prepare_comes_before_each_fresh_root_and_cleanup_after_it(tmp_path: Path) -> None:
    text = HELPERS_IN_PYTHON.replace("class Refused", 'assert os.path.exists(root + "/../pool")\nclass Refused')
    log = tmp_path / "log"
    plugin = target(tmp_path, text, prepare=BEFORE.format(log=log), cleanup=AFTER.format(log=log))
    found = suite_of(plugin, "list", "files")
    assert {result.outcome for step, result in found.items()} == {"ok"}, found
    heard = log.read_text().split()
    # the first root, and that of list.of-nothing: no more, though the plugin is killed in between
    assert heard == ["prepare", "cleanup"] * 2, heard


@pytest.mark.skipif(bool(os.geteuid()), reason="mounts something: sudo ./workshop test")
def test_what_prepare_has_mounted_is_the_checks_own(tmp_path: Path) -> None:
    text = HELPERS_IN_PYTHON.replace('os.environ["DDD_ROOT"], threading', 'os.environ["DDD_ROOT"] + "/pool", threading')
    mount = 'mkdir -p "$DDD_ROOT/pool" && mount -t tmpfs none "$DDD_ROOT/pool"'
    made = {}
    for name, line in (("prepare", mount), ("before", "mkdir -p $DDD_ROOT/pool")):
        plugin = target(tmp_path, text, prepare=line, cleanup='umount "$DDD_ROOT/pool" || true')
        with plugin.opened(Candidate) as opened:
            opened.ensure_running()
            if name == "before":
                subprocess.run(["sh", "-c", mount], env=os.environ | {"DDD_ROOT": str(opened.root)}, check=True)
            opened.survey()
            made[name] = opened.may_destroy
    assert made == {"prepare": True, "before": False}


def test_a_file_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    plugin = Candidate(["x"], Path("x.sock"), None)
    (tmp_path / "note").write_text("precious")
    assert plugin.leave(str(tmp_path)) is None and (tmp_path / "note").read_text() == "precious"
    (tmp_path / "note").unlink()
    assert plugin.leave(str(tmp_path)) == plugin.leave(str(tmp_path)) == tmp_path / "note"


def test_a_prepare_that_fails_is_not_the_fault_of_the_plugin(tmp_path: Path) -> None:
    plugin = target(tmp_path, HELPERS_IN_PYTHON, prepare="echo no disk here; exit 3", cleanup=f"touch {tmp_path}/done")
    with pytest.raises(OurTrouble, match=r"(?s)--prepare ended with status 3.*no disk here"):
        suite_of(plugin, "activate")
    assert (tmp_path / "done").exists()


def test_ctrl_c_does_not_wait_for_prepare(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(HELPERS_IN_PYTHON)
    begun, done = tmp_path / "begun", tmp_path / "done"
    run = f"{sys.executable} {tmp_path / 'plugin.py'}"
    words = ["--run", run, "--prepare", f"touch {begun}; exec sleep 100", "--cleanup", f"touch {done}"]
    check = subprocess.Popen([sys.executable, "-m", "workshop", "check", *words], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        wait_for(begun.exists, "prepare to begin")
        check.send_signal(signal.SIGINT)
        check.communicate(timeout=50)
    finally:
        check.kill()
    assert check.returncode == 130 and done.exists()


# traits


def chosen(plugin: Target, *ids: str) -> tuple[dict[str, Result], list[str]]:
    """Run these cases on a plugin, and return the results, and the advice."""
    summary = Run(plugin, [CASES[each] for each in ids], True, Candidate).execute()
    return {each.step: each for each in summary.results}, summary.advice


def proposed(advice: list[str]) -> set[str]:
    """Return the traits that a report proposes."""
    return set(re.findall(r"If that is by design:   --trait (\S+)", "\n".join(advice)))


READ_ONLY = HELPERS_IN_PYTHON.replace(
    'return {"Mountpoint": os.path.join(known(asked), "data")}', 'return known(asked) and {"Mountpoint": "/sys/kernel"}'
)


def test_a_plugin_of_read_only_volumes_is_judged_without_writing(tmp_path: Path) -> None:
    ids = ("mount.writable", "unmount.keeps-files", "unmount.first-of-two", "files.after-docker-cp")
    found, advice = chosen(target(tmp_path, READ_ONLY), *ids)
    assert found["mount.writable"].outcome == "FAIL" and proposed(advice) == {"read-only", "own-storage"}
    found, advice = chosen(target(tmp_path, READ_ONLY, traits=frozenset({"read-only", "own-storage"})), *ids)
    assert [each.outcome for each in found.values()] == ["skip", "ok", "ok", "ok"] and proposed(advice) == set()
    assert found["mount.writable"].reason == "--trait read-only: its volumes can be read, and not written"


def test_a_plugin_that_forgets_by_design_is_not_failed_for_it(tmp_path: Path) -> None:
    ids = (
        "capabilities.scope",
        "restart.keeps-volumes",
        "restart.while-mounted",
        "files.after-a-kill",
        "list.of-nothing",
    )
    found, advice = chosen(target(tmp_path, FORGETFUL), *ids)
    assert [each.outcome for each in found.values()] == ["ok", "FAIL", "skip", "FAIL", "ok"]
    assert proposed(advice) == {"no-persistence", "global"}
    traits = frozenset({"no-persistence", "global"})
    found, advice = chosen(target(tmp_path, FORGETFUL, traits=traits), *ids)
    assert [each.outcome for each in found.values()] == ["ok", "skip", "skip", "skip", "skip"] and not proposed(advice)
    local = target(tmp_path, HELPERS_IN_PYTHON, traits=frozenset({"global"}))
    assert chosen(local, "capabilities.scope")[0]["capabilities.scope"].outcome == "warn"


def test_the_steps_propose_what_they_see_and_skip_by_it(tmp_path: Path) -> None:
    def steps(plugin: Target, *chosen: str) -> tuple[dict[str, Result], set[str]]:
        summary = Run(plugin, [each for each in cases_of_part(3) if each.id in chosen], True, PluginUnderTest).execute()
        return {each.step: each for each in summary.results}, proposed(summary.advice)

    assert steps(target(tmp_path, READ_ONLY), "3.6", "3.8")[1] == {"read-only", "own-storage"}
    found, advice = steps(target(tmp_path, READ_ONLY, traits=frozenset({"read-only", "own-storage"})), "3.6", "3.8")
    told = "--trait read-only: its volumes can be read, and not written"
    assert {(each.outcome, each.reason) for each in found.values()} == {("skip", told)} and not advice
    assert steps(target(tmp_path, FORGETFUL), "3.14")[1] == {"global"}
    empties = HELPERS_IN_PYTHON.replace(
        "os.umask(0o117)\n", "shutil.rmtree(root, ignore_errors=True)\nos.umask(0o117)\n"
    )
    for step in ("3.5", "3.10", "3.11"):
        assert steps(target(tmp_path, empties), step)[1] == {"no-persistence"}, step
    traits = frozenset({"no-persistence", "global"})
    found, advice = steps(target(tmp_path, FORGETFUL, traits=traits), "3.5", "3.11", "3.14")
    assert not advice and [each.outcome for each in found.values()] == ["skip", "ok", "ok"], found


PER_ID = HELPERS_IN_PYTHON.replace(
    """    return path(asked)
def unmount""",
    """    by_id = os.path.join(root + "-by-id", asked["Name"] + asked["ID"])
    os.makedirs(root + "-by-id", exist_ok=True)
    if not os.path.lexists(by_id):
        SHOW
    return {"Mountpoint": by_id}
def unmount""",
)


def test_a_mountpoint_for_each_id_has_to_show_the_same_files(tmp_path: Path) -> None:
    ids = ("mount.shared", "many.mounts", "mount.same-id", "unmount.first-of-two", "unmount.keeps-files")
    same = PER_ID.replace("SHOW", 'os.symlink(path(asked)["Mountpoint"], by_id)')
    found, advice = chosen(target(tmp_path, same), *ids)
    assert {each.outcome for each in found.values()} == {"ok"} and proposed(advice) == {"mountpoint-per-id"}
    trait = frozenset({"mountpoint-per-id"})
    assert proposed(chosen(target(tmp_path, same, traits=trait), *ids)[1]) == set()
    found, _ = chosen(target(tmp_path, PER_ID.replace("SHOW", "os.mkdir(by_id)"), traits=trait), *ids)
    assert found["mount.shared"].outcome == found["many.mounts"].outcome == "FAIL"


def test_a_store_elsewhere_is_proposed_as_a_trait(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "plugin.py").write_text(FIXED)
    plugin = Target([sys.executable, str(tmp_path / "plugin.py"), str(tmp_path / "store")], by_others=True)
    found, advice = chosen(plugin, "security.root-closed", "mount.folder")
    assert proposed(advice) == {"own-storage"} and found["mount.folder"].outcome == "ok"
    found, advice = chosen(replace(plugin, traits=frozenset({"own-storage"})), "security.root-closed", "mount.folder")
    assert not proposed(advice) and found["security.root-closed"].reason.startswith("--trait own-storage: ")


def test_the_authors_page_has_the_traits() -> None:
    text = (ROOT / "docs" / "authors.md").read_text()
    assert [
        trait
        for trait, words in TRAITS.items()
        if f"| `{trait}` | {words.replace('DDD_ROOT', '`DDD_ROOT`')} |" not in text
    ] == []


# the command line, and pytest's


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop", "check", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--opt", "a=b"], "add --run COMMAND"),
        (["--run", "sh", "--opt", "=b"], "--opt KEY=VALUE"),
        (["--run", "sh", "--trait", "tea"], "tea"),
        (["--socket", "/nowhere.sock", "--prepare", "true"], "give --run COMMAND"),
        (["--socket", "/nowhere.sock", "--opt", "a={root}"], "give --run COMMAND"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], sentence: str) -> None:
    done = check(*words)
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_the_report_says_what_to_give_and_counts_one_cause(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(needy())
    done = check("--conformance", "--run", f"{sys.executable} {tmp_path / 'plugin.py'}")
    said = " ".join(done.stdout.split())
    assert done.returncode == 1 and done.stdout.count("  FAIL") == 1, done.stdout
    assert "Give what you type behind -o of docker volume create; for a folder of the volume's own, the VALUE" in said
    assert "'{root}/{name}': --opt KEY=VALUE" in said
    assert re.search(r"  must +\d+ ok    1 not +\d+ skipped +\d+ follow from others\n", done.stdout), done.stdout
    assert re.search(r"broken create.makes-a-volume \d+ follow from create.makes-a-volume: activate.again,", said)


@pytest.mark.slow
def test_pytest_has_the_same_options(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(needy())
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "workshop.checker.conformance",
    ]
    command += [f"--ddd-run={sys.executable} {tmp_path / 'plugin.py'}", "-k", "create_makes or files_after"]

    def says(*words: str) -> str:
        return subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout

    assert re.search(r"1 failed, 4 skipped", says()), says()
    log = tmp_path / "log"
    more = [f"--ddd-prepare={BEFORE.format(log=log)}", f"--ddd-cleanup={AFTER.format(log=log)}"]
    assert "5 passed" in says(f"--ddd-opt={PLACE}", *more)
    assert log.read_text().split() == ["prepare", "cleanup"] * 2  # once for each module
    assert "1 skipped" in says(f"--ddd-opt={PLACE}", "--ddd-trait=no-persistence")


# roots


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('CALLS = {"Create": create, "Get": get,', 'CALLS = {"Create": create,', "get.name"),
        ('"List": listed, ', "", "list.is-the-truth"),
        ('{"Volumes": [told(name) for name in names()] or None}', '{"Volumes": []}', "list.is-the-truth"),
    ],
)
def test_what_follows_from_a_missing_endpoint_is_told_under_it(old: str, new: str, cause: str, tmp_path: Path) -> None:
    assert HELPERS_IN_PYTHON.count(old) == 1
    found = suite_of(target(tmp_path, HELPERS_IN_PYTHON.replace(old, new)), "create", "get", "list", "mount", "files")
    follow = [result for result in found.values() if result.follows]
    assert {result.follows for result in follow} == {cause} and len(follow) > 1
    assert found[cause].outcome == "FAIL"
    assert [step for step, result in found.items() if result.outcome == "FAIL" and step != cause] == []
    assert {result.outcome for step, result in found.items() if step.startswith("files.")} == {"ok"}


def test_what_follows_from_a_second_mount_that_is_refused(tmp_path: Path) -> None:
    old = '    open(os.path.join(known(asked), "mounts", uuid.uuid4().hex), "w").close()\n'
    new = '    open(os.path.join(known(asked), "mounts", asked["ID"]), "x").close()\n'
    assert HELPERS_IN_PYTHON.count(old) == 1
    text = HELPERS_IN_PYTHON.replace(old, new).replace("except Refused as", "except (Refused, OSError) as")
    found = suite_of(target(tmp_path, text), "mount", "unmount", "files")
    assert found["mount.same-id"].outcome == found["files.after-docker-cp"].outcome == "FAIL"
    assert {step for step, result in found.items() if result.follows} == {"unmount.docker-cp"}


@pytest.mark.slow
def test_nothing_follows_from_a_case_that_holds(tmp_path: Path) -> None:
    """To forget what was mounted at a kill is a loss of its own, and no part of forgetting all at a restart."""
    text = HELPERS_IN_PYTHON.replace(
        'server = Server(os.environ["DDD_SOCKET"]',
        'for each in names():\n    if os.listdir(os.path.join(folder(each), "mounts")):\n'
        '        shutil.rmtree(folder(each))\nserver = Server(os.environ["DDD_SOCKET"]',
    )
    found = suite_of(target(tmp_path, text), "restart", "files")
    assert found["restart.keeps-volumes"].outcome == "ok"
    for step in ("restart.while-mounted", "restart.mount-again", "files.after-a-kill", "files.after-a-failed-remove"):
        assert (found[step].outcome, found[step].follows) == ("FAIL", ""), step


IN_USE = '    if os.listdir(os.path.join(there, "mounts")) or f" {there}/" in open("/proc/self/mountinfo").read():\n'
REMOVES = f'{IN_USE}        raise Refused("volume is in use")\n    shutil.rmtree(there)\n    return {{}}\n'
HIDDEN = [
    (
        "Remove empties what is mounted in the volume, and what a link leads to, and answers an error",
        REMOVES,
        '    os.system(f"find -L {there} -mindepth 1 -delete 2>&1")\n    raise Refused("device busy")\n',
        ("remove.removes", "3.9"),
        {"security.mount-in-a-volume", "security.link-in-a-volume", "3.15"},
    ),
    (
        "Remove deletes what a path leads to, and all that begins so, and answers an error",
        f"    there = known(asked)\n{REMOVES}",
        """    name = asked.get("Name") or "none"
    if set("./") & set(name):
        shutil.rmtree(os.path.join(root, name), ignore_errors=True)
        if os.path.isfile(os.path.join(root, name)):
            os.unlink(os.path.join(root, name))
    for each in names():
        if each.startswith(name):
            shutil.rmtree(folder(each))
    raise Refused("device busy")
""",
        ("remove.removes", "3.9"),
        {"security.remove-outside", "security.dots", "remove.spares-the-neighbour", "3.12"},
    ),
    (
        "Create makes a folder anywhere, and tells a shell, and then refuses",
        '    for part in ("data", "mounts"):\n',
        """    os.makedirs(os.path.join(root, asked["Name"]), exist_ok=True)
    os.system(f"echo {asked['Name']}")
    raise Refused("place is required")
    for part in ("data", "mounts"):
""",
        ("create.makes-a-volume", "3.1"),
        {"security.create-outside", "security.no-shell"},
    ),
]
"""An edit that harms files and answers an error, the case and the step that own the error, and what has to see it."""


@pytest.mark.slow
@pytest.mark.skipif(bool(os.geteuid()), reason="mounts something: sudo ./workshop test")
@pytest.mark.parametrize(("what", "old", "new", "owners", "losses"), HIDDEN, ids=["through", "beside", "outside"])
def test_no_skip_hides_a_loss(
    what: str, old: str, new: str, owners: tuple[str, str], losses: set[str], tmp_path: Path
) -> None:
    assert HELPERS_IN_PYTHON.count(old) == 1
    plugin = target(tmp_path, HELPERS_IN_PYTHON.replace(old, new))
    steps = [case for case in cases_of_part(3) if case.id in {*owners, *losses}]
    found, _ = chosen(plugin, owners[0], *sorted(losses & {*CASES}))
    found |= {each.step: each for each in Run(plugin, steps, True, PluginUnderTest).execute().results}
    assert {step: (result.outcome, result.follows) for step, result in found.items()} == dict.fromkeys(
        [*owners, *losses], ("FAIL", "")
    ), what


EMPTY = """    for each in os.scandir(os.path.join(folder(asked["Name"]), "data")):
        if each.is_file():
            open(each.path, "w").close()
"""
"""What empties the files of a volume, and leaves them there."""
EMPTIES = [
    ('    mounts = os.path.join(known(asked), "mounts")\n', "unmount.keeps-files", "3.8"),
    ('    mounts = os.path.join(known(asked), "mounts")\n', "unmount.first-of-two", "3.11"),
    ('    mounts = os.path.join(known(asked), "mounts")\n', "files.after-docker-cp", "3.11"),
    ('    mounts = os.path.join(known(asked), "mounts")\n', "restart.keeps-volumes", "3.9"),
    ('        raise Refused("volume is in use")\n', "files.after-a-refused-remove", "3.10"),
    ('        raise Refused("volume is in use")\n', "files.after-a-failed-remove", "3.10"),
    ('        raise Refused("volume is in use")\n', "remove.in-use", "3.10"),
    ("    return {}\ndef told(name):\n", "create.again-keeps-all", "3.4"),
    ('    open(os.path.join(known(asked), "mounts"', "files.after-a-kill", "3.11"),
]
"""A line of a plugin before which the files become empty, a case that has to see it, and a step."""


@pytest.mark.slow
@pytest.mark.parametrize(("line", "case", "step"), EMPTIES, ids=[row[1] for row in EMPTIES])
def test_a_file_that_is_there_and_empty_is_lost(line: str, case: str, step: str, tmp_path: Path) -> None:
    assert HELPERS_IN_PYTHON.count(line) == 1
    deeper = "    " if line.startswith("        ") else ""
    plugin = target(tmp_path, HELPERS_IN_PYTHON.replace(line, indent(EMPTY, deeper) + line))
    steps = [each for each in cases_of_part(3) if each.id == step]
    (told,) = Run(plugin, steps, True, PluginUnderTest).execute().results
    assert (suite_one(plugin, case).outcome, told.outcome) == ("FAIL", "FAIL"), (case, step)
