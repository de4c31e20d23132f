"""A check harms nothing that was there before, leaves nothing behind, and does not blame a plugin for what it lacks."""

import contextlib
import errno
import json
import os
import select
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import SkipTest

import pytest
from programs import FIXED
from samples import sampled

from workshop import interrupt
from workshop.checker import judge, steps, whole_file
from workshop.checker.case import Case
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.result import Result
from workshop.plugins import folders
from workshop.plugins.errors import OurTrouble
from workshop.plugins.folders import place_with_room, private_folder
from workshop.plugins.kernel import exit_status, with_environment
from workshop.plugins.process import Plugin
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
PART3 = ROOT / "part3" / "plugin.py"
CASES = {case.id: case for case in cases()}
# a restart of a plugin with a store of its own is no subject here
QUICK = "create or get_name or remove_removes or dots or nameless or aliases or by_another_case or outside"


def check(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop", "check", *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True, timeout=120)


class Store:
    """A plugin whose store is fixed, and in it a volume that is precious to somebody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "store"
        (self.folder / "precious").mkdir(parents=True)
        (self.folder / "precious" / "note").write_text("gold")
        (folder / "fixed.py").write_text(FIXED)
        self.program = folder / "fixed.py"

    def command(self, *faults: str) -> list[str]:
        return [sys.executable, str(self.program), str(self.folder), *faults]

    def run(self, *faults: str) -> str:
        return shlex.join(self.command(*faults))

    def whole(self) -> bool:
        """Tell whether the volume that was there before is there, and nothing else."""
        kept = (self.folder / "precious" / "note").exists()
        return kept and os.listdir(self.folder) == ["precious"]

    @contextlib.contextmanager
    def running(self, *faults: str) -> Iterator[Plugin]:
        with private_folder() as folder:
            plugin = Plugin(self.command(*faults), folder / "mine.sock", folder / "root")
            try:
                yield plugin.start()
            finally:
                plugin.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


# whose volumes they are


@pytest.mark.slow
@pytest.mark.parametrize("suite_of", [[], ["--conformance"]], ids=["steps", "conformance"])
def test_a_store_of_others_is_left_as_it_was(store: Store, suite_of: list[str]) -> None:
    done = check(*suite_of, "--all", "--run", store.run())
    said = " ".join(done.stdout.split())
    assert store.whole(), os.listdir(store.folder)
    assert said.startswith("caution The first List was not empty, but named precious. Not tried: Remove with a name")
    assert done.returncode == 1 and "precious is gone" not in said and "is gone from List:" not in said


@pytest.mark.slow
@pytest.mark.parametrize("suite_of", [[], ["--conformance"]], ids=["steps", "conformance"])
def test_through_a_socket_too(store: Store, suite_of: list[str]) -> None:
    with store.running() as plugin:
        done = check(*suite_of, "--all", "--socket", str(plugin.socket))
    assert store.whole(), os.listdir(store.folder)
    assert "The plugin was not started by this check" in " ".join(done.stdout.split())


@pytest.mark.parametrize("suite_of", [[], ["--conformance"]], ids=["steps", "conformance"])
def test_with_the_authors_word_it_is_tried_and_the_loss_ends_the_run(store: Store, suite_of: list[str]) -> None:
    done = check(*suite_of, "--all", "--run", store.run(), "--allow-outside-root")
    said = " ".join(done.stdout.split())
    assert done.returncode == 1 and "volumes of others to be left alone, and precious is gone" in said, said
    assert "With --allow-outside-root a bad plugin may lose any of its volumes." in said
    assert "security." not in said and "3.10" not in said, "the run went on"


@pytest.mark.parametrize("suite_of", [[], ["--conformance"]], ids=["steps", "conformance"])
def test_a_lost_volume_ends_the_run_at_once(store: Store, suite_of: list[str], tmp_path: Path) -> None:
    done = check(*suite_of, "--all", "--run", store.run("loses"), "--json", str(tmp_path / "j"))
    assert done.returncode == 1
    last = json.loads((tmp_path / "j").read_text())["steps"][-1]
    assert last["outcome"] == "FAIL" and last["diagnosis"] == "others lost" and "precious" in last["why"], last


def test_a_volume_of_before_is_not_removed_by_its_name_either(store: Store) -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest(store.command(), folder / "x.sock", folder / "root")
        plugin.allow_outside_root = True
        plugin.survey()
        with pytest.raises(SkipTest, match="was there before this check"):
            plugin.ensure_running().call("VolumeDriver.Remove", {"Name": "precious"})
        plugin.close()
    assert store.whole()


@pytest.mark.parametrize("name", ["", "..", "*", "/etc", "apple-00000000", None, 7, [], {}])
def test_remove_needs_a_name_of_ours(store: Store, name: object) -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest(store.command(), folder / "x.sock", folder / "root")
        plugin.survey()
        for body in ({"Name": name}, b"", b"{}"):
            with pytest.raises(SkipTest, match="could harm other volumes"):
                plugin.ensure_running().call("VolumeDriver.Remove", body)
        plugin.close()
    assert store.whole()


def test_a_name_that_get_knows_is_not_ours(store: Store) -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest(store.command("knows"), folder / "x.sock", folder / "root")
        plugin.survey()
        with pytest.raises(SkipTest, match="needs names that are nobody's"):
            plugin.ensure_running().create()
        plugin.close()
    assert store.whole()


WAYS = [f"{suite} {way}" for suite in ("--all", "--conformance") for way in ("--plugin", "--run", "--socket")]


@pytest.mark.parametrize("words", sampled(WAYS, lambda words: words.split()[0]))
def test_what_the_plugin_keeps_is_named_at_the_end(store: Store, words: str, tmp_path: Path) -> None:
    suite, way = words.split()
    with contextlib.ExitStack() as stack:
        if way == "--socket":
            given = str(stack.enter_context(store.running("keeps")).socket)
        elif way == "--plugin":
            text = FIXED.replace("sys.argv[1], sys.argv[2:]", f"{str(store.folder)!r}, ['keeps']")
            (tmp_path / "plugin.py").write_text(text)
            given = str(tmp_path / "plugin.py")
        else:
            given = store.run("keeps")
        done = check(suite, way, given)
    left = set(os.listdir(store.folder)) - {"precious"}
    # no spaces: a line may break anywhere in a long name
    told = "".join(done.stdout.split()).partition("Thepluginhasnotremoved")[2]
    named = set(told.partition(",whichitsaidtohavemade.")[0].split(","))
    assert left and named == left, (done.stdout[-2000:], left ^ named)


def test_a_store_in_ddd_root_is_the_checks_own() -> None:
    with private_folder() as folder:
        plugin = PluginUnderTest([sys.executable, str(PART3)], folder / "x.sock", folder / "root")
        plugin.survey()
        assert plugin.may_destroy and plugin.caution() == [] and plugin.exchanges == []
        plugin.close()


def test_a_folder_that_is_mounted_in_ddd_root_is_not(store: Store) -> None:
    with private_folder() as folder:
        point = folder / "root" / "volumes"
        point.mkdir(parents=True)
        if subprocess.run(["mount", "--bind", store.folder, point], capture_output=True).returncode:
            pytest.skip("needs the right to mount: sudo ./workshop test")
        shutil.rmtree(store.folder / "precious")
        command = [sys.executable, str(store.program), str(point)]
        plugin = PluginUnderTest(command, folder / "x.sock", folder / "root")
        plugin.survey()
        assert not plugin.may_destroy and "not in DDD_ROOT" in plugin.caution()[0]
        plugin.close()


@pytest.mark.slow
def test_under_pytest_too(store: Store) -> None:
    for tests in (["tests/test_part3.py"], ["--pyargs", "workshop.checker.conformance", "-k", QUICK]):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests, f"--ddd-run={store.run()}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert store.whole() and "The first List was not empty, but named precious" in done.stdout, done.stdout
    command += ["--ddd-allow-outside-root"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "is gone from List: precious" in done.stdout, done.stdout


# what an error means


def outcome(test: Callable[[PluginUnderTest], None]) -> Result:
    test.__doc__, test.__name__ = "A check.", "test_3_99_x"
    with private_folder() as folder:
        plugin = PluginUnderTest([sys.executable, str(PART3)], folder / "x.sock", folder / "root")
        try:
            return steps.run_step(plugin, "3.99", test, None)
        finally:
            plugin.close()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        *((errno.EIO, "FAIL"), (errno.ENOTCONN, "FAIL"), (errno.ESTALE, "FAIL"), (errno.ENOENT, "FAIL")),
        *((errno.EROFS, "skip"), (errno.ENOSPC, "skip"), (errno.EDQUOT, "skip"), (errno.EACCES, "skip")),
        *((errno.EMFILE, "error"), (errno.ENFILE, "error"), (errno.ENOMEM, "error")),
    ],
    ids=str,
)
@pytest.mark.parametrize("file", ["/mnt/volume/note", None])
def test_an_error_of_the_plugins_files_is_not_our_fault(number: int, expected: str, file: str | None) -> None:
    def fails(plugin: PluginUnderTest) -> None:
        raise OSError(number, os.strerror(number), file)

    result = outcome(fails)
    assert result.outcome == expected, result
    case = Case("x.y", "A rule.", fails, "Why.", {"docker": "must"})
    assert conformance_of(case).outcome == expected


def conformance_of(case: Case) -> Result:
    with private_folder() as folder:
        plugin = Candidate([sys.executable, str(PART3)], folder / "x.sock", folder / "root")
        try:
            return judge.run_case(plugin, case, None)
        finally:
            plugin.close()


def test_a_volume_on_a_full_and_on_a_read_only_disk_is_skipped(tmp_path: Path) -> None:
    for options, expected in (("size=1M", "No space left"), ("ro", "Read-only")):
        disk = tmp_path / expected
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "disk", disk], capture_output=True).returncode:
            pytest.skip("needs the right to mount: sudo ./workshop test")
        try:

            def writes(plugin: PluginUnderTest, disk: Path = disk) -> None:
                (disk / "note").write_bytes(b"x" * 2**21)

            result = outcome(writes)
            assert result.outcome == "skip" and expected in result.reason, result
        finally:
            subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("error", [KeyError("ours"), OSError(errno.EIO, "I/O error"), AssertionError("wanted x")])
@pytest.mark.parametrize("kind", [PluginUnderTest, Candidate])
def test_an_error_does_not_poison_the_next_check(error: Exception, kind: type[PluginUnderTest]) -> None:
    def poisons(plugin: PluginUnderTest) -> None:
        assert plugin.root
        plugin.shut_down()
        plugin.socket, plugin.root, plugin.patience = Path("/nowhere/x.sock"), Path("/nowhere"), 0.01
        raise error

    def lives(plugin: PluginUnderTest) -> None:
        assert plugin.patience > 1
        plugin.ensure_running().call("VolumeDriver.List", {})
        assert plugin.exchanges[-1].ok

    with private_folder() as folder:
        plugin = kind([sys.executable, str(PART3)], folder / "x.sock", folder / "root")
        found = []
        for each in (poisons, lives):
            if isinstance(plugin, Candidate):
                case = Case("x.y", "A rule.", each, "Why.", {"docker": "must"})
                found.append(judge.run_case(plugin, case, None).outcome)
            else:
                found.append(steps.run_step(plugin, "3.1", each, None).outcome)
        plugin.close()
    assert found == ["error" if isinstance(error, KeyError) else "FAIL", "ok"]


# what the check itself lacks


def test_another_folder_is_taken_where_one_is_full(tmp_path: Path) -> None:
    (full := tmp_path / "full").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "full", full], capture_output=True).returncode:
        pytest.skip("needs the right to mount: sudo ./workshop test")
    try:
        assert place_with_room("/nowhere", str(full), str(tmp_path)) == str(tmp_path)
        with pytest.raises(OurTrouble, match="No folder has room"):
            place_with_room("/nowhere", str(full))
        first, last = (check_with_full_disks(full, disks) for disks in ((full, tmp_path), (full,)))
    finally:
        subprocess.run(["umount", full], check=True)
    assert first.returncode == 0, first.stdout + first.stderr
    assert last.returncode == 3 and "ended" not in last.stdout, last.stdout + last.stderr
    assert "No folder has room for the files of this check" in last.stderr


def check_with_full_disks(memory: Path, disks: tuple[Path, ...]) -> subprocess.CompletedProcess[str]:
    """Check part 2 where these are /dev/shm and the other folders for what a check needs."""
    places = f"folders.MEMORY, folders.DISKS = {str(memory)!r}, {tuple(map(str, disks))!r}"
    words = ["workshop", "check", "2", "--plugin", "part2/plugin.py"]
    code = f"import runpy, sys; from workshop.plugins import folders; {places}; sys.argv = {words!r}; "
    code += "runpy.run_module('workshop', run_name='__main__', alter_sys=True)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_disk_that_becomes_full_is_not_the_plugins_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20M", "disk", tmp_path], capture_output=True).returncode:
        pytest.skip("needs the right to mount: sudo ./workshop test")
    monkeypatch.setattr(folders, "MEMORY", str(tmp_path))

    def fills(plugin: PluginUnderTest) -> None:
        with contextlib.suppress(OSError):
            (tmp_path / "big").write_bytes(b"x" * 2**25)
        folder = plugin.folder(plugin.mount(plugin.create(), plugin.new_id()))
        (folder / "note").write_bytes(b"x" * 2**20)

    try:
        with pytest.raises(OurTrouble, match="The disk became full during the check"):
            outcome(fills)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_limit_of_open_files_is_ours() -> None:
    words = shlex.join([sys.executable, "-m", "workshop", "check", "2", "--plugin", "part2/plugin.py"])
    done = subprocess.run(["sh", "-c", f"ulimit -n 100; {words}"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "ulimit -n 256" in done.stderr) == (3, True), done.stdout + done.stderr


def test_a_socket_whose_path_linux_cannot_take_is_wrong_usage() -> None:
    done = check("--socket", f"/tmp/{'x' * 108}.sock")
    assert (done.returncode, "at most 107 bytes" in done.stderr) == (2, True), done.stdout + done.stderr


def test_a_process_that_leaves_its_session_ends_too() -> None:
    leaves = "import os, time\nif not os.fork():\n    os.setsid()\n    time.sleep(1000)\n"
    with private_folder() as folder:
        plugin = Plugin([sys.executable, "-c", leaves], folder / "x.sock", folder / "root")
        plugin.launch().wait()
        (pid,) = with_environment(plugin.mark)
        watched = os.pidfd_open(pid)
        plugin.close()
    select.select([watched], [], [], 10)
    os.close(watched)
    assert with_environment(plugin.mark) == []


# the files of a report


def test_a_report_replaces_the_old_one_whole_with_its_mode_and_through_a_link(tmp_path: Path) -> None:
    (file := tmp_path / "x.xml").write_text("old")
    file.chmod(0o640)
    (link := tmp_path / "link").symlink_to("x.xml")
    before = file.stat()
    whole_file.try_out(str(link))
    assert file.read_text() == "old" and sorted(os.listdir(tmp_path)) == ["link", "x.xml"]
    whole_file.write(str(link), b"new")
    assert (link.is_symlink(), file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (True, "new", 0o640)
    assert file.stat().st_ino != before.st_ino and file.stat().st_uid == before.st_uid
    assert sorted(os.listdir(tmp_path)) == ["link", "x.xml"]


def test_a_new_report_has_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        whole_file.write(str(tmp_path / "x"), b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_report_goes_into_a_fifo_and_a_device(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    whole_file.try_out(str(fifo))
    whole_file.write(str(fifo), b"new")
    reader.join()
    assert read == [b"new"] and stat.S_ISFIFO(fifo.stat().st_mode)
    whole_file.write("/dev/null", b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_report_on_the_standard_output_comes_after_what_is_printed(tmp_path: Path) -> None:
    for place in ("> out", "| cat > out"):
        words = shlex.join([sys.executable, "-m", "workshop", "check", "2", "--plugin", "part2/plugin.py"])
        command = f"{words} --json /dev/stdout {place.replace('out', str(tmp_path / 'out'))}"
        subprocess.run(["sh", "-c", command], cwd=ROOT, check=True)
        text = (tmp_path / "out").read_text()
        assert text.startswith("Part 2") and '"name": "part2/plugin.py"' in text and "All steps pass" in text, text


def test_a_file_that_is_mounted_by_itself_is_written_in_its_place(tmp_path: Path) -> None:
    (file := tmp_path / "x").write_text("a longer text of before")
    if subprocess.run(["mount", "--bind", file, file], capture_output=True).returncode:
        pytest.skip("needs the right to mount: sudo ./workshop test")
    try:
        whole_file.write(str(file), b"new")
        assert file.read_text() == "new"
    finally:
        subprocess.run(["umount", file], check=True)
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("place", ["folder", "nowhere/x", "/proc/x"])
def test_a_report_that_cannot_be_written_is_told_of_before_the_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    done = check("2", "--plugin", "part2/plugin.py", "--junit", str(tmp_path / place))
    assert (done.returncode, "cannot be written" in done.stderr, done.stdout) == (2, True, "")


# a signal at any instant


DRIVER = """
import collections, glob, json, os, signal, sys, threading
sys.path[:0] = ["src", "tests"]
place, program, store, number = *sys.argv[1:4], int(sys.argv[4])
import steps
from workshop import interrupt
from workshop.checker import steps as checks
from workshop.checker.conformance import case as rules
from workshop.course import check
from workshop.plugins import folders, process
folders.MEMORY, folders.DISKS = place, (place,)
CHOSEN = {each: steps.STEPS[each] for each in ("3.4", "3.6", "3.10")}
checks.checks_of_part = lambda part: CHOSEN
TWO = [case for case in rules.cases() if case.id in ("many.create-one-name", "socket.living")]
rules.cases = lambda: TWO
OURS = ("process.py", "folders.py", "safety.py", "under_test.py", "interrupt.py", "check.py", "judge.py", "run.py")
OURS += ("target.py", "listeners.py", "suite.py", "export.py", "options.py")
THEIRS = ("subprocess.py", "tempfile.py", "shutil.py")
def run():
    sys.stdout = sys.stderr = open(os.devnull, "w")
    given = {"part": 3, "run": f"{sys.executable} -S {program} {store}", "go_on": True, "seed": 1}
    given["json"] = store + ".json"
    if os.environ["SUITE"]:
        given |= {"part": None, "conformance": True}
    return check.main(check.Options(**given))
def trace(seen):
    def line(frame, event, _):
        if event == "line":
            seen((os.path.basename(frame.f_code.co_filename), frame.f_lineno))
        return line
    def call(frame, event, _):
        file = frame.f_code.co_filename
        known = "/workshop/" in file and file.endswith(OURS) or file.endswith(THEIRS)
        return line if known else None
    sys.settrace(call)
def child(work):
    # a process for each instant, from one that has everything imported
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 99
    try:
        status = work()
    except KeyboardInterrupt:
        status = 130
    except SystemExit as end:
        status = end.code
    finally:
        sys.settrace(None)
        threading._shutdown()
        __import__("atexit")._run_exitfuncs()
        os._exit(status)
def dry():
    places = {}
    trace(lambda place: places.setdefault(place))
    run()
    sys.settrace(None)
    with open(store + ".places", "w") as file:
        file.writelines(f"{name}:{line}\\n" for name, line in places)
    return 0
def struck(instant, often):
    left = [1]
    def seen(place):
        if left[0] and "%s:%s" % place == instant:
            left[0] = 0
            signal.raise_signal(number)
    def again(function):
        def does(*words, **more):
            if interrupt.happened():
                signal.raise_signal(number)
            return function(*words, **more)
        return does
    if often:
        # the next ones come in the middle of all that is done on the way out
        process.session_processes = again(process.session_processes)
        folders._take_away, folders.shutil.rmtree = again(folders._take_away), again(folders.shutil.rmtree)
        process.Plugin.call, process.with_environment = again(process.Plugin.call), again(process.with_environment)
    trace(seen)
    return run()
def torn():
    # a report is whole or not there, and nothing is left beside it
    with folders.contextlib.suppress(FileNotFoundError):
        with open(store + ".json") as file:
            text = file.read()
        try:
            json.loads(text)
        except ValueError:
            return ["torn"]
        os.unlink(store + ".json")
    return glob.glob(os.path.dirname(store) + "/.*.part")
def marked():
    return set(process.with_environment("TEST_HARM=" + store))
before = marked()
assert child(dry) == 0
instants = open(store + ".places").read().split()
first, step = (int(word) for word in sys.argv[5].split("/"))
for count, instant in enumerate(instants[first::step]):
    status = child(lambda: struck(instant, count % 2))
    volumes = [name for name in os.listdir(store) if name != "precious"]
    left = os.listdir(place), marked() - before, volumes, folders.mounts_below(folders.Path(place)), torn()
    if any(left) or status not in (128 + number, -number):
        print(instant, "again and again" if count % 2 else "once", status, *left, flush=True)
print("instants:", len(instants), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("suite_of", ["", "conformance"], ids=["steps", "conformance"])
def test_a_signal_at_any_line_leaves_nothing(store: Store, number: signal.Signals, suite_of: str) -> None:
    with private_folder() as place:
        (place / "in").mkdir()
        words = [str(place / "in"), str(store.program), str(store.folder), str(int(number))]
        # each of the three signals strikes at every third line, so that together they strike at every one
        share = f"{list(SHARES).index(number)}/{len(SHARES) * EVERY}"
        told = os.environ | {"TEST_HARM": str(store.folder), "SUITE": suite_of}
        command = [sys.executable, "-c", DRIVER, *words, share]
        done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    *bad, last = done.stdout.splitlines()
    assert not bad and int(last.split()[-1]) > 300, done.stdout


SHARES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EVERY = 12


def test_a_signal_during_poll_leaves_its_lock_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt._State, "last", 0)  # afterwards no signal has come

    def strike(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and frame.f_code.co_name == "_internal_poll" and lock.locked():
            sys.settrace(None)
            signal.raise_signal(signal.SIGHUP)
        return strike

    process = subprocess.Popen(["sleep", "60"])
    lock: threading.Lock = process._waitpid_lock  # type: ignore[attr-defined]
    try:
        with pytest.raises(SystemExit), interrupt.handled():
            sys.settrace(strike)
            try:
                exit_status(process)
            finally:
                sys.settrace(None)
        process.kill()
        assert process.wait(10) == -signal.SIGKILL  # with the lock taken it waits for ever
    finally:
        process.kill()


# a plugin that ends its own check: as it starts, and at one of its calls
STRIKES = """
import os, signal, sys, threading, time
def strike():
    os.kill(os.getppid(), int(os.environ["STRIKE"]))
if os.environ["AT"] == "0":
    strike()
    time.sleep(1000)
calls, later = [], threading.Event()
def struck():
    return os.path.exists(__file__ + ".struck")
"""
STRUCK = [(how, at, number) for how in ("check", "pytest") for at in ("0", "2", "7") for number in SHARES]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "at", "number"), sampled(STRUCK, lambda row: row[:2]))
def test_a_plugin_that_ends_its_own_check_leaves_nothing(
    store: Store, how: str, at: str, number: signal.Signals, tmp_path: Path
) -> None:
    # it does what it is called for after the check has hung up, and has called again; the second call is a Create
    counts = """        calls.append(1)
        if str(len(calls)) == os.environ["AT"] and not struck():
            open(__file__ + ".struck", "w").close()
            strike()
            self.connection.recv(1)
            later.wait()
"""
    said, sent = "        said = answer(", "        self.wfile.write(data)\n"
    text = FIXED.replace(said, f"{counts}{said}").replace(sent, f"{sent}        later.set() if struck() else None\n")
    (tmp_path / "strikes.py").write_text(STRIKES + text)
    run = shlex.join([sys.executable, str(tmp_path / "strikes.py"), str(store.folder)])
    words = {
        "check": ["workshop", "check", "3", "--all", "--run", run],
        "pytest": ["pytest", "-p", "no:cacheprovider", PARTS3, "--ddd-run", run],
    }[how]
    told = {"STRIKE": str(int(number)), "AT": at, "TEST_HARM": str(tmp_path)}
    # a machine whose memory has no folder: what is left is seen in one of our own
    nowhere = "import workshop.plugins.folders; workshop.plugins.folders.MEMORY = '/nowhere'"
    code = f"import runpy, sys; {nowhere}; sys.argv = {words!r}; "
    command = [sys.executable, "-c", f"{code}runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"]
    with private_folder() as place:
        told |= {"TMPDIR": str(place)}
        done = subprocess.run(command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, timeout=60)
        assert done.returncode == (2 if how == "pytest" else 128 + number), done.stdout + done.stderr
        assert with_environment(f"TEST_HARM={tmp_path}") == [] and os.listdir(place) == []
    assert store.whole(), os.listdir(store.folder)


PARTS3 = "tests/test_part3.py"
