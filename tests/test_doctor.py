"""`python -m ddd doctor` and `release`, as an operator types them beside a running ddd, on roots that are broken."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from faults.conftest import rm_held
from test_ddd import (
    SERVERS,
    create,
    elsewhere,
    in_record,
    mount,
    plugin_of,
    recorded,
    records,
    remove,
    take_volumes_away,
    volume,
    waits_for_a_lock,
)
from test_our_plugins import PARTS, wait_for

from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin, accepts

Done = subprocess.CompletedProcess[str]
pytestmark = pytest.mark.slow
LONG_AGO = 130
NOT_ROOT = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""What runs a command that may not read the files of other users, though it can read Python."""


@pytest.fixture(scope="module")
def server() -> Iterator[Plugin]:
    """ddd, which each test finds running."""
    with private_folder() as path:
        plugin = plugin_of(SERVERS["werkzeug"], path)
        yield plugin
        plugin.close()


@pytest.fixture
def ddd(server: Plugin) -> Iterator[Plugin]:
    """ddd, running, without a volume."""
    yield server if accepts(server.socket) else server.start()
    take_volumes_away(server)


def command(plugin: Plugin, *words: str, before: Sequence[str] = ()) -> Done:
    """Run a command of ddd beside the plugin, where nobody can be asked."""
    told = os.environ | {"DDD_ROOT": str(plugin.root)}
    return subprocess.run(
        [*before, *SERVERS["gunicorn"], *words],
        env=told,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )


def doctor(plugin: Plugin) -> Done:
    return command(plugin, "doctor")


def release(plugin: Plugin, *words: str) -> Done:
    return command(plugin, "release", "mango", *words)


def stuck(plugin: Plugin, age: float = LONG_AGO) -> None:
    """Leave a record of this process, as a failed Unmount does, and let it be so old."""
    recorded(plugin)
    for record in records(plugin):
        os.utime(record, (time.time() - age,) * 2)


def test_where_nothing_is_wrong_doctor_says_so(ddd: Plugin) -> None:
    create(ddd)
    done = doctor(ddd)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{ddd.root} has 1 volume.\n" in done.stdout and done.stdout.endswith("\nNothing needs fixing.\n")
    assert "mango" not in done.stdout


def test_doctor_shows_the_records_and_the_users_of_a_volume(ddd: Plugin, tmp_path: Path) -> None:
    record, fields = recorded(ddd)
    record.with_name(f"b.{'0' * 16}").write_text(in_record(fields | {"start": "1"}))
    record.with_name(f"c.{'0' * 16}").touch()
    create(ddd, "pear")
    with elsewhere('mount --bind "$1/data" "$2"', volume(ddd), tmp_path):
        done = doctor(ddd)
    assert done.returncode == 0, done
    kinds = "1 of a process that has exited, which does not count, 1 of a running process, "
    assert f"Volume mango has 3 records: {kinds}1 of a process that cannot be known.\n    process " in done.stdout
    assert f" has it mounted at {tmp_path}\n" in done.stdout
    assert "pear" not in done.stdout


def test_a_record_that_nobody_can_strike_out_is_found_and_released(ddd: Plugin) -> None:
    stuck(ddd)
    assert remove(ddd).status == 409
    found = doctor(ddd)
    assert (found.returncode, found.stderr) == (1, ""), found
    assert "\nOnly its records keep volume mango. Type: python -m ddd release mango\n" in found.stdout
    done = release(ddd, "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "Volume mango has 1 record: 1 of a running process.\n" in done.stdout
    assert "No process uses it, as far as the kernel shows.\n" in done.stdout
    assert done.stdout.endswith("The records are deleted. To remove the volume, type: docker volume rm mango\n")
    assert records(ddd) == []
    assert remove(ddd).ok


def test_release_of_a_volume_without_records_has_nothing_to_do(ddd: Plugin) -> None:
    create(ddd)
    done = release(ddd)
    assert (done.returncode, "Volume mango has no records." in done.stdout) == (0, True), done


def test_where_nobody_can_be_asked_release_wants_yes(ddd: Plugin) -> None:
    stuck(ddd)
    done = release(ddd)
    assert (done.returncode, done.stderr) == (2, "Nobody can be asked here. To delete these records, add --yes.\n")
    assert len(records(ddd)) == 1


def test_nor_does_it_ask_where_stdin_is_closed(ddd: Plugin) -> None:
    stuck(ddd)
    words = ["sh", "-c", 'exec "$@" <&-', "sh", *SERVERS["gunicorn"], "release", "mango"]
    told = os.environ | {"DDD_ROOT": str(ddd.root)}
    done = subprocess.run(words, env=told, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (2, "Nobody can be asked here. To delete these records, add --yes.\n")


@pytest.mark.parametrize(("typed", "left"), [("y", 0), ("", 1), ("n", 1)])
def test_on_a_terminal_release_asks(ddd: Plugin, typed: str, left: int) -> None:
    stuck(ddd)
    keyboard, terminal = pty.openpty()
    told = os.environ | {"DDD_ROOT": str(ddd.root)}
    with subprocess.Popen(
        [*SERVERS["gunicorn"], "release", "mango"], env=told, stdin=terminal, stdout=subprocess.PIPE, text=True
    ) as process:
        os.write(keyboard, f"{typed}\n".encode())
        said, _ = process.communicate(timeout=20)
    for descriptor in (keyboard, terminal):
        os.close(descriptor)
    assert "Delete these records? [y/N]" in said
    assert (process.returncode, len(records(ddd))) == (left, left), said


def test_what_a_process_uses_is_not_released(ddd: Plugin, tmp_path: Path) -> None:
    stuck(ddd)
    with elsewhere('mount --bind "$1/data" "$2"', volume(ddd), tmp_path):
        done = release(ddd, "--yes")
    assert done.returncode == 1 and done.stdout == "", done
    assert re.fullmatch(
        r"The records of volume mango stay, because it is in use: process \d+ has it .*\.\n", done.stderr
    )
    assert len(records(ddd)) == 1


def test_nor_is_what_a_container_may_be_about_to_start_with(ddd: Plugin) -> None:
    stuck(ddd, age=60)
    done = release(ddd, "--yes")
    assert done.returncode == 1 and "a container may start, which mounted it 6" in done.stderr, done
    assert len(records(ddd)) == 1


def test_a_mount_that_comes_while_release_asks_keeps_its_record(ddd: Plugin) -> None:
    stuck(ddd)
    keyboard, terminal = pty.openpty()
    told = os.environ | {"DDD_ROOT": str(ddd.root), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*SERVERS["gunicorn"], "release", "mango"],
        env=told,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        while process.stdout.read(1) != "?":
            pass
        mount(ddd, "b")  # the volume is not locked meanwhile
        os.write(keyboard, b"y\n")
        _, error = process.communicate(timeout=20)
    for descriptor in (keyboard, terminal):
        os.close(descriptor)
    assert process.returncode == 1 and "a container may start" in error, error
    assert len(records(ddd)) == 2


@pytest.mark.parametrize("words", [["doctor"], ["release", "mango", "--yes"]], ids=["doctor", "release"])
def test_a_call_that_holds_its_volume_does_not_hold_up_who_looks(ddd: Plugin, words: list[str]) -> None:
    stuck(ddd)
    create(ddd, "pear")
    os.rmdir(volume(ddd, "pear") / "data")
    held = os.open(volume(ddd), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        done = command(ddd, *words)
    finally:
        os.close(held)
    assert done.returncode == 1, done
    assert "Volume mango cannot be used: a call holds it. When" in done.stdout + done.stderr, done
    assert len(records(ddd)) == 1
    if words == ["doctor"]:
        assert "\nVolume pear cannot be used: " in done.stdout


def test_release_waits_for_the_call_that_has_the_volume(ddd: Plugin) -> None:
    stuck(ddd)
    held = os.open(volume(ddd), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    told = os.environ | {"DDD_ROOT": str(ddd.root)}
    with subprocess.Popen([*SERVERS["gunicorn"], "release", "mango", "--yes"], env=told) as process:
        wait_for(lambda: waits_for_a_lock(process.pid))
        assert len(records(ddd)) == 1
        os.close(held)
        assert process.wait(20) == 0
    assert records(ddd) == []


@pytest.mark.parametrize("name", ["nobody", "../mango", "a/b", ""])
def test_a_name_of_no_volume_is_wrong_usage(ddd: Plugin, name: str) -> None:
    create(ddd)
    done = command(ddd, "release", name, "--yes")
    assert done.returncode == 2 and done.stderr.endswith("type: python -m ddd doctor\n"), done


@pytest.mark.parametrize("words", [["doctor"], ["release", "mango"]])
def test_a_root_that_is_not_there_is_said(ddd: Plugin, words: list[str]) -> None:
    assert ddd.root
    away = (ddd.root / "volumes").rename(ddd.root / "away")
    done = command(ddd, *words)
    away.rename(ddd.root / "volumes")
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith(f"No volumes are in {ddd.root}: No such file or directory.")


def test_doctor_names_what_is_broken_and_goes_on(ddd: Plugin, tmp_path: Path) -> None:
    for name in ("fig", "lime", "mango", "pear"):
        create(ddd, name)
    shutil.rmtree(volume(ddd, "fig"))
    volume(ddd, "fig").symlink_to(tmp_path)
    shutil.rmtree(volume(ddd, "lime") / "mounts")  # made again when it is needed: no fault
    (volume(ddd, "pear") / "data").rmdir()
    stuck(ddd)
    done = doctor(ddd)
    assert done.returncode == 1, done
    for sentence in (
        f"Volume fig cannot be used: a link is in the place of the folder {volume(ddd, 'fig')}. Put the folder back",
        f"Volume pear cannot be used: nothing is in the place of the folder {volume(ddd, 'pear')}/data.",
        "Only its records keep volume mango.",
    ):
        assert sentence in done.stdout, sentence
    assert "lime" not in done.stdout
    assert not (volume(ddd, "lime") / "mounts").exists(), "doctor changes nothing"
    assert command(ddd, "release", "fig", "--yes").returncode == 1


@pytest.mark.parametrize("kind", ["a folder", "a link"])
def test_what_is_no_record_is_named_with_its_path(ddd: Plugin, tmp_path: Path, kind: str) -> None:
    create(ddd)
    path = volume(ddd) / "mounts" / "lost"
    path.mkdir() if kind == "a folder" else path.symlink_to(tmp_path)
    sentence = f"'{path}' is {kind}, not the record of a Mount. Move it away."
    assert f"Volume mango cannot be used: {sentence}\n" in doctor(ddd).stdout
    assert release(ddd).stderr == f"Volume mango cannot be used: {sentence}\n"
    assert sentence in str(remove(ddd).json)


def test_a_disk_that_takes_no_writes_is_found(ddd: Plugin) -> None:
    create(ddd)
    script = 'mount --bind "$DDD_ROOT" "$DDD_ROOT" && mount -o remount,bind,ro "$DDD_ROOT" && exec "$@"'
    done = command(ddd, "doctor", before=["unshare", "--mount", "sh", "-c", script, "sh"])
    assert done.returncode == 1 and f"Read-only file system: '{ddd.root}'." in done.stdout, done
    assert doctor(ddd).returncode == 0


@pytest.mark.parametrize("words", [["doctor"], ["release", "mango"]])
def test_who_may_not_read_the_volumes_is_told_to_be_root(ddd: Plugin, words: list[str]) -> None:
    assert ddd.root
    create(ddd)
    os.chown(ddd.root / "volumes", 65534, -1)
    done = command(ddd, *words, before=NOT_ROOT)
    os.chown(ddd.root / "volumes", 0, -1)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith(f"No volumes are in {ddd.root}: Permission denied. Run as root")


def test_the_installed_command_is_what_is_to_be_typed(ddd: Plugin) -> None:
    stuck(ddd)
    code = "import runpy, sys; sys.argv[0] = '/opt/ddd/bin/ddd-plugin'; runpy.run_module('ddd', run_name='__main__')"
    run, told = [sys.executable, "-c", code], os.environ | {"DDD_ROOT": str(ddd.root)}
    found = subprocess.run([*run, "doctor"], env=told, capture_output=True, text=True, timeout=20)
    assert "Type: /opt/ddd/bin/ddd-plugin release mango\n" in found.stdout
    wrong = subprocess.run([*run, "release", "pear"], env=told, capture_output=True, text=True, timeout=20)
    assert wrong.stderr.endswith("type: /opt/ddd/bin/ddd-plugin doctor\n")


# what stays aside


@pytest.mark.parametrize("name", ["it's kept", "a\nfalse line \udcff\x1b[31m"], ids=["a quote", "what is no text"])
def test_an_immutable_file_is_told_in_the_log_and_by_doctor_with_what_to_type(ddd: Plugin, name: str) -> None:
    before = len(ddd.output().splitlines())
    create(ddd)
    file = volume(ddd) / "data" / name
    file.touch()
    if subprocess.run(["chattr", "+i", file], capture_output=True).returncode:
        pytest.skip("This file system has no immutable files: TMPDIR=… ./workshop test tests/test_doctor.py")
    assert remove(ddd).ok
    told_and_mended(ddd, "is immutable or append-only. Type: (chattr -R -ia .*)")
    said = [line for line in ddd.output().splitlines()[before:] if "VolumeDriver." not in line]
    assert len(said) == 1 and said[0].isprintable(), said


def told_and_mended(plugin: Plugin, reason: str) -> None:
    """The log and doctor say why something stays aside, and what they say to type fixes it."""
    wait_for(lambda: bool(re.search(reason, plugin.output())))
    assert plugin.root
    (left,) = os.listdir(plugin.root / "aside")
    done = doctor(plugin)
    found = re.search(f"^{plugin.root}/aside/{left} is not deleted: .*{reason}$", done.stdout, re.M)
    assert done.returncode == 1 and found, done
    subprocess.run(["sh", "-euc", found[1]], check=True)
    assert os.listdir(plugin.root / "aside") == []
    assert doctor(plugin).returncode == 0


def test_what_is_mounted_aside_is_told_by_doctor(ddd: Plugin, tmp_path: Path) -> None:
    assert ddd.root
    left = ddd.root / "aside" / ("0" * 32)
    (left / "data").mkdir(parents=True)
    with elsewhere('mount --bind "$1" "$2/data"', tmp_path, left):
        done = doctor(ddd)
    assert done.returncode == 1 and f"\n{left} is not deleted: something is mounted in it, at " in done.stdout, done
    assert doctor(ddd).returncode == 0  # what is on its way needs nobody


@pytest.mark.parametrize("kind", ["a folder", "a file"])
def test_what_stays_aside_without_a_reason_is_told_by_doctor(ddd: Plugin, kind: str) -> None:
    assert ddd.root
    left = ddd.root / "aside" / ("1" * 32)
    (left / "data").mkdir(parents=True) if kind == "a folder" else left.touch()
    assert doctor(ddd).returncode == 0  # it may be on its way
    os.utime(left, (time.time() - 2 * 24 * 3600,) * 2)
    told = f"^{left} is not deleted: no reason is found. If no rm works on it any more, type: (rm .*)$"
    done = doctor(ddd)
    found = re.search(told, done.stdout, re.M)
    assert done.returncode == 1 and found, done
    subprocess.run(["sh", "-euc", found[1]], check=True)
    assert doctor(ddd).returncode == 0


def test_a_removal_that_has_just_begun_is_no_leftover(folder: Path) -> None:
    with rm_held(folder) as (path, let_go):
        plugin = plugin_of(["env", f"PATH={path}", *SERVERS["werkzeug"]], folder)
        try:
            create(plugin.start())
            os.utime(volume(plugin), (time.time() - 2 * 24 * 3600,) * 2)  # so old is the volume
            assert remove(plugin).ok
            wait_for((folder / "bin" / "held").exists)
            done = doctor(plugin)
            assert done.returncode == 0 and os.listdir(folder / "root" / "aside"), done
            let_go()
        finally:
            plugin.close()


def test_without_the_folder_aside_doctor_says_what_that_means(ddd: Plugin) -> None:
    assert ddd.root
    away = (ddd.root / "aside").rename(ddd.root / "away")
    done = doctor(ddd)
    away.rename(ddd.root / "aside")
    assert done.returncode == 1 and f"{ddd.root}/aside is missing: nothing can be made or removed." in done.stdout, done


# the page


def test_a_backup_as_the_page_says_brings_back_the_attributes_of_files(tmp_path: Path) -> None:
    page = (PARTS / "docs" / "operators.md").read_text()
    pack, *unpack = re.findall(r"^\$ (tar -C /var/lib/ddd/volumes/mango .*)$", page, re.M)
    assert len(unpack) == 2
    data = tmp_path / "ddd" / "volumes" / "mango" / "data"
    data.mkdir(parents=True)
    (data / "note").touch()
    capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service: capability.h
    try:
        os.setxattr(data / "note", "security.capability", capability)
    except PermissionError:
        pytest.skip("needs the right to give capabilities to files: sudo ./workshop test")
    for number, line in enumerate([pack, *unpack]):
        if number:
            shutil.rmtree(data)
        told = line.replace("/var/lib/ddd", f"{tmp_path}/ddd")
        subprocess.run(["sh", "-euc", told], cwd=tmp_path, check=True, timeout=20)
        assert os.getxattr(data / "note", "security.capability") == capability, line
