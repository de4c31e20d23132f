"""The disk, or the right to use it, goes away: every call says so, nothing half-made is left, and work goes on."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.engine import wait_for

from workshop.plugins.kernel import open_sockets
from workshop.protocol.exchange import Exchange, failure, read_answer, request

from .conftest import Start, on_a_disk, rm_held
from .ddd import GONE, SERVERS, Ddd

pytestmark = pytest.mark.slow
by_each_server = pytest.mark.parametrize("server", SERVERS)

ENDPOINTS = ("Create", "Get", "List", "Path", "Mount", "Unmount", "Remove")


def there(ddd: Ddd, script: str, *words: object) -> None:
    """Run a shell script in the mount namespace of the plugin; $1 is its root."""
    assert ddd.process
    command = ["nsenter", "--mount", "--target", str(ddd.process.pid), "sh", "-euc", script, "sh", str(ddd.root)]
    subprocess.run([*command, *map(str, words)], check=True)


def in_trouble(ddd: Ddd, because: str, *endpoints: str) -> None:
    """Each of these calls says why it cannot be; Get, whose errors mean "no such volume" to Docker, says nothing."""
    for endpoint in endpoints:
        if endpoint == "Get":
            assert ddd.ask("Get").failure == GONE
            continue
        name = "pear" if endpoint == "Create" else "mango"
        assert because in ddd.refuses(endpoint, 500, name, ID="a").err, endpoint


def all_is_well(ddd: Ddd) -> None:
    """Work goes on: a whole life of a volume."""
    for endpoint in ENDPOINTS:
        ddd.succeeds(endpoint, "fig", ID="a")


def fill(folder: Path) -> list[Path]:
    """Use up the files that a disk can hold, and all of its space; return the files that do."""
    files = []
    with contextlib.suppress(OSError):
        for number in itertools.count():
            (folder / f"filler{number}").touch()
            files.append(folder / f"filler{number}")
    with contextlib.suppress(OSError), open(files[0], "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    return files


@by_each_server
def test_a_full_disk(start: Start, server: str) -> None:
    ddd = on_a_disk(start, server, "size=256k,nr_inodes=100")
    ddd.succeeds("Create")
    for mount_id in ("a", "a", "b"):
        ddd.succeeds("Mount", ID=mount_id)
    # as the version before recorded two mounts
    (ddd.volume() / "mounts" / "c").write_text(f"{os.getpid()} 0 pid:[1] boot\n" * 2)
    filler, *empty = fill(ddd.there)
    before = ddd.state()
    in_trouble(ddd, "No space left on device", "Create", "Mount")
    empty.pop().unlink()
    in_trouble(ddd, "No space left on device", "Create", "Mount")  # a file can be made, but not written
    empty.pop().unlink()
    in_trouble(ddd, "No space left on device", "Create")
    assert (ddd.state(), ddd.aside()) == (before, [])
    ddd.succeeds("Get")
    assert ddd.listed() == ["mango"]
    with contextlib.suppress(OSError):
        for number in itertools.count():
            (ddd.there / f"again{number}").touch()
            empty.append(ddd.there / f"again{number}")
    for mount_id in ("a", "c"):
        ddd.succeeds("Unmount", ID=mount_id)
    assert ddd.state() == {"mango": {"a": 1, "b": 1, "c": 1}}
    for mount_id in ("a", "b", "c"):
        ddd.succeeds("Unmount", ID=mount_id)
    ddd.succeeds("Remove")
    for path in (filler, *empty):
        path.unlink()
    all_is_well(ddd)


@by_each_server
def test_a_volume_can_be_removed_from_a_full_disk(start: Start, server: str) -> None:
    ddd = on_a_disk(start, server, "size=256k,nr_inodes=100")
    ddd.succeeds("Create")
    (ddd.volume() / "data" / "file").write_text("large")
    fill(ddd.there)
    ddd.succeeds("Remove")
    ddd.nothing_aside()
    ddd.succeeds("Create", "pear")


@by_each_server
def test_a_disk_that_has_become_read_only(start: Start, server: str) -> None:
    ddd = on_a_disk(start, server, "size=1m")
    ddd.succeeds("Create")
    ddd.succeeds("Mount", ID="a")
    before = ddd.state()
    there(ddd, 'mount -o remount,ro "$1"')
    in_trouble(ddd, "Read-only file system", "Create", "Mount", "Unmount")
    ddd.refuses("Remove", 409)
    for endpoint in ("Get", "List", "Path"):
        ddd.succeeds(endpoint)
    there(ddd, 'mount -o remount,rw "$1"')
    assert (ddd.state(), ddd.aside()) == (before, [])
    ddd.succeeds("Unmount", ID="a")
    there(ddd, 'mount -o remount,ro "$1"')
    in_trouble(ddd, "Read-only file system", "Remove")
    there(ddd, 'mount -o remount,rw "$1"')
    ddd.succeeds("Remove")
    all_is_well(ddd)


@by_each_server
def test_no_permission(start: Start, server: str) -> None:
    # root without its capabilities may do what the owner of a file may, and no more
    ddd = start(server, "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    ddd.succeeds("Create")
    before = ddd.state()
    for folder, endpoints in (
        (ddd.there / "volumes", ENDPOINTS),
        (ddd.volume(), ("Get", "Path", "Mount", "Unmount", "Remove")),
        (ddd.volume() / "mounts", ("Mount", "Unmount", "Remove")),
        (ddd.there / "aside", ("Create", "Mount", "Remove")),
    ):
        folder.chmod(0)
        in_trouble(ddd, "Permission denied", *endpoints)
        folder.chmod(0o700)
        assert (ddd.state(), ddd.aside()) == (before, []), folder
    all_is_well(ddd)


@by_each_server
@pytest.mark.parametrize("look_alike", [False, True], ids=["gone", "replaced"])
def test_a_disk_that_is_away(start: Start, server: str, folder: Path, look_alike: bool) -> None:
    ddd = on_a_disk(start, server, "size=1m", f'mkdir "{folder}/keep"')
    ddd.succeeds("Create")
    there(ddd, 'mount --bind "$1" "$2"; umount --lazy "$1"', folder / "keep")
    if look_alike:
        there(ddd, 'mount -t tmpfs other "$1"; mkdir -p "$1/volumes/mango/data" "$1/aside"')
    in_trouble(ddd, "Not the folder" if look_alike else "No such file or directory", *ENDPOINTS)
    found = sorted(str(path.relative_to(ddd.there)) for path in ddd.there.rglob("*"))
    assert found == (["aside", "volumes", "volumes/mango", "volumes/mango/data"] if look_alike else [])
    there(ddd, 'umount "$1" 2>/dev/null || true; mount --bind "$2" "$1"', folder / "keep")
    assert ddd.state() == {"mango": {}}
    all_is_well(ddd)


@contextlib.contextmanager
def files_left(ddd: Ddd, free: int) -> Iterator[None]:
    """Let the plugin open so many files more, and no more, while the body runs."""
    pid = ddd.worker()
    taken = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    numbers = (number for number in itertools.count() if number not in taken)
    limit = next(itertools.islice(numbers, free, None))
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, usual[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)


def connections(ddd: Ddd) -> int:
    """Return how many connections the plugin has open."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    connected = {row[6] for row in rows if row[5] == "03"}
    return sum(inode in connected for inode in open_sockets(str(ddd.worker())))


def with_files_left(ddd: Ddd, free: int, endpoint: str) -> Exchange:
    """Make a call on a connection that stands already: Docker keeps its connections where the server lets it."""
    name = "fig" if endpoint == "Create" else "mango"
    sent = request(f"VolumeDriver.{endpoint}", {"Name": name, "ID": "a"})
    answer = Exchange(endpoint, sent)
    wait_for(lambda: connections(ddd) == 0, "the plugin to have no connection")
    with ddd.address().connect(ddd.patience) as connection:
        if ddd.server == "gunicorn":
            connection.sendall(request("Plugin.Activate"))
            read_answer(connection, Exchange("", b""))
        wait_for(lambda: connections(ddd) == 1, "the plugin to take the connection")
        with files_left(ddd, free):
            connection.sendall(sent)
            try:
                read_answer(connection, answer)
            except (OSError, http.client.HTTPException) as error:
                answer.failure = failure(error)
    return answer


@by_each_server
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_too_many_open_files(start: Start, server: str, endpoint: str) -> None:
    ddd = start(server)
    all_is_well(ddd)  # Python has loaded all that it needs
    ddd.succeeds("Create")
    if endpoint != "Remove":
        ddd.succeeds("Mount", ID="a")
    before = ddd.state()
    ddd.nothing_aside()
    for free in range(20):
        answer = with_files_left(ddd, free, endpoint)
        if answer.ok:
            break
        assert ddd.state() == before
        assert answer.failure == GONE if endpoint == "Get" else "Too many open files" in answer.err, (free, answer)
    assert free > 0 and answer.ok, answer
    ddd.kill()
    ddd.start().nothing_aside()
    all_is_well(ddd)


def ticks(ddd: Ddd) -> int:
    """Return how long the plugin has worked, in ticks of the kernel's clock."""
    assert ddd.process
    fields = Path(f"/proc/{ddd.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@by_each_server
def test_too_many_open_files_for_a_connection(start: Start, server: str) -> None:
    ddd = start(server)
    ddd.succeeds("Create")
    ddd.succeeds("Mount", ID="a")
    wait_for(lambda: connections(ddd) == 0, "the plugin to have no connection")
    pid, worked = ddd.worker(), ticks(ddd)
    with files_left(ddd, 0), ddd.address().connect(ddd.patience) as waiting:
        waiting.sendall(request("VolumeDriver.Get", {"Name": "mango"}))
        # one server tries again and again, the other starts another process
        wait_for(lambda: ddd.worker() != pid or ticks(ddd) > worked + 5, "the plugin to have tried")
    wait_for(lambda: ddd.ask("Get").ok, "the plugin to answer again")
    assert ddd.state() == {"mango": {"a": 1}}
    all_is_well(ddd)


@by_each_server
def test_what_is_mounted_in_a_volume_is_not_touched(start: Start, server: str, folder: Path) -> None:
    ddd = on_a_disk(start, server, "size=1m", f'mkdir "$DDD_ROOT/precious" "{folder}/precious"')
    ddd.succeeds("Create")
    for precious in (ddd.there / "precious", folder / "precious"):
        (precious / "file").write_text("kept")
    (ddd.volume() / "data" / "deep" / "er").mkdir(parents=True)
    for precious in (Path(f"{ddd.root}/precious"), folder / "precious"):  # on the same disk, and on another
        there(ddd, 'mount --bind "$2" "$1/volumes/mango/data/deep/er"', precious)
        assert "something is mounted in it" in ddd.refuses("Remove", 409).err
        there(ddd, 'umount "$1/volumes/mango/data/deep/er"')
    ddd.succeeds("Remove")
    ddd.nothing_aside()
    assert (ddd.there / "precious" / "file").exists() and (folder / "precious" / "file").exists()


@by_each_server
def test_nor_what_is_mounted_in_what_a_killed_plugin_left_aside(start: Start, server: str, folder: Path) -> None:
    first, left, last = "0" * 32, "1" * 32, "2" * 32  # whichever way they are read, one of the others comes after it
    script = f'LEFT={left}; mkdir -p "$DDD_ROOT/precious" "$DDD_ROOT/aside/{first}"'
    script += f' && mkdir -p "$DDD_ROOT/aside/$LEFT/data/in" && mkdir "$DDD_ROOT/aside/{last}"'
    script += ' && touch "$DDD_ROOT/precious/file" "$DDD_ROOT/aside/$LEFT/data/note"'
    script += ' && mount --bind "$DDD_ROOT/precious" "$DDD_ROOT/aside/$LEFT/data/in"'
    ddd = on_a_disk(start, server, "size=1m", script)
    wait_for(lambda: "is not deleted: something is mounted in it" in ddd.output(), "a line in the log", ddd.patience)
    wait_for(lambda: ddd.aside() == [left], "the rest to be deleted")
    assert (ddd.there / "precious" / "file").exists()
    assert (ddd.there / "aside" / left / "data" / "note").exists()


@by_each_server
def test_nor_a_disk_that_is_mounted_while_it_is_deleted(start: Start, server: str, folder: Path) -> None:
    with rm_held(folder) as (path, let_go):
        ddd = on_a_disk(start, server, "size=1m", f'export PATH="{path}"')
        ddd.succeeds("Create")
        (ddd.volume() / "data" / "in").mkdir()
        ddd.succeeds("Remove")
        (gone,) = ddd.aside()
        wait_for((folder / "bin" / "held").exists, "rm to be started")
        there(ddd, 'mount -t tmpfs other "$1/aside/$2/data/in"; touch "$1/aside/$2/data/in/file"', gone)
        let_go()
        wait_for(lambda: "rm: " in ddd.output(), "rm to have said what it leaves")
    assert (ddd.there / "aside" / gone / "data" / "in" / "file").exists()


BTRFS = """PATH=$PATH:/usr/sbin:/sbin; truncate --size=128M "$DDD_ROOT.img"; mkfs.btrfs --quiet "$DDD_ROOT.img"
mkdir "$DDD_ROOT"; mount -o loop "$DDD_ROOT.img" "$DDD_ROOT"; exec "$@\""""


def test_of_a_btrfs_subvolume_in_a_removed_volume_the_log_says_why_it_stays_and_what_to_type(start: Start) -> None:
    ddd = start("gunicorn", "unshare", "--mount", "sh", "-euc", BTRFS, "sh")
    ddd.succeeds("Create")
    there(ddd, 'btrfs subvolume create "$1/volumes/mango/data/sub"; touch "$1/volumes/mango/data/sub/file"')
    ddd.succeeds("Remove")
    told = re.compile("is not deleted: .* is a btrfs subvolume, which rm does not delete. Type: (.*)")
    wait_for(lambda: told.search(ddd.output()), "the reason in the log", ddd.patience)
    (typed,) = told.findall(ddd.output())
    there(ddd, typed)
    assert ddd.aside() == []


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Open a folder for what is done in it."""
    number = os.open(folder, os.O_RDONLY)
    yield number
    os.close(number)


def test_remove_of_many_files_is_answered_before_they_are_deleted(start: Start, folder: Path) -> None:
    with rm_held(folder) as (path, let_go):
        ddd = on_a_disk(start, "werkzeug", "size=1g", f'export PATH="{path}"')
        ddd.succeeds("Create")
        with opened(ddd.volume() / "data") as data:
            for number in range(100_000):
                os.mknod(str(number), dir_fd=data)
        ddd.succeeds("Remove")
        assert ddd.listed() == []
        (gone,) = ddd.aside()
        assert len(os.listdir(ddd.there / "aside" / gone / "data")) == 100_000
        let_go()
        ddd.nothing_aside()
