"""The practice daemon beside a real engine, on a table of commands: the same exit status, the same files, and the same
words where we claim them. What it does not do it refuses, and then nothing is changed.

Both have local volumes, for what is compared is not said to a plugin: tests/engine/test_conversations.py does that.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workshop.daemon.daemon import Daemon, Mount
from workshop.daemon.practice.home import DiskRecord
from workshop.protocol.discovery import Places
from workshop.protocol.exchange import Shape

from .engine import Engine
from .record import program_of, version_of
from .wording import neutral

pytestmark = pytest.mark.engine

# Commands of which exit status and words are compared. RUN is `run --rm`, without a network on the engine.
SAID = """
volume create --name x y
volume create --name x x
volume create x
volume create bad/name
volume create -o a=1 fresh
volume rm nosuch
volume rm -f nosuch
volume inspect nosuch
volume ls -f =x
rm nosuch
rm -f nosuch
rm -f nosuch /nosuch2
stop nosuch
kill nosuch
kill box
start nosuch nosuch2
rm ''
stop box
RUN --name 'bad name' busybox true
RUN --name a busybox true
RUN --name -x busybox true
RUN --name a/b busybox true
RUN --name box busybox true
RUN --name /box busybox true
RUN -v mango:/data:bogus busybox true
RUN -v mango:/data:rw,ro busybox true
RUN -v mango:/data:ro,ro busybox true
RUN -v mango:/data:,ro busybox true
RUN -v mango:/data:RO busybox true
RUN -v mango:/data:nocopy,ro busybox true
RUN -v mango:/data:ro:z busybox true
RUN -v mango:data busybox true
RUN -v mango:./data busybox true
RUN -v mango:/ busybox true
RUN -v mango:/.. busybox true
RUN -v mango:/data -v kiwi:/data busybox true
RUN -v mango:/data -v kiwi:/data/ busybox true
RUN -v mango:/data -v mango:/data busybox true
RUN -v /data -v mango:/data busybox true
RUN -v /data -v /data busybox true
RUN -v mango:/a/../data busybox ls /data
RUN -v bad/name:/data busybox true
RUN --mount src=mango,dst=data busybox true
RUN --mount src=mango,dst=/ busybox true
RUN --mount src=mango,dst=/data --mount src=kiwi,dst=/data busybox true
RUN --mount src=mango,dst=/data -v kiwi:/data busybox true
RUN --mount src=mango,dst=/data,readonly=false busybox touch /data/x
RUN --mount src=mango,dst=/data,readonly=True busybox ls /data
volume inspect -f {{.Name}}x mango
volume inspect -f '{{.Driver}} {{.Labels.none}} {{.Scope}}' labelled
volume inspect -f '{{json .Labels}}{{json .Options}}' labelled
volume inspect -f '{{json .Status}} {{json .Labels.stage}}' labelled
volume inspect -f '{{.Name}}' mango nosuch labelled
volume inspect --format json mango
volume ls -q -f name=ang -f name=label
volume ls -q -f driver=local -f driver=foo -f name=mango
cp . .
cp '' .
cp box:/data ''
cp box:/data box:/data
cp a:b box:/data
cp :/data .
"""
# Commands of which exit status and the first line are compared: the rest of what docker says is how it is used.
FLAGS = """
volume create --label =z mango
volume create --label '' mango
volume create --label 'a b=1' mango
volume ls -f driver
RUN --mount src=mango,dst=/data,readonly=maybe busybox true
RUN --mount src=mango,dst=/data,readonly= busybox true
RUN --mount src=mango,dst=/data,RO=tRuE busybox true
RUN --mount src=mango,dst=/data,volume-nocopy=maybe busybox true
RUN --mount src=mango,dst=/data,frob busybox true
RUN --mount src=mango,dst=/data,frob=1 busybox true
RUN --mount src=mango,dst=/data, busybox true
RUN --mount src=mango busybox true
RUN --mount src=mango,dst= busybox true
RUN --mount type=,src=mango,dst=/data busybox true
RUN --mount '' busybox true
RUN --frob busybox true
RUN -z busybox true
"""
# Commands of which the exit status is compared: what is said is Go's, or names a place on the engine's machine.
STATUS = """
RUN --rm=maybe busybox true
RUN '' true
RUN --mount 'src=mango,dst="/data"' busybox true
RUN --mount 'src=mango,"dst=/data' busybox true
RUN -v mango:/proc busybox true
stop -t 1.5 box
stop -t x box
stop ''
start ''
kill ''
rm -f ''
volume rm ''
volume inspect ''
volume inspect -f '{{.Nope}}' mango
volume inspect -f '{{.Name.x}}' mango
volume inspect -f '{{.Name' mango
volume inspect -f '{{.Name}' mango
"""
# What docker does and the practice daemon does not.
REFUSED = """
volume create -o type=tmpfs -o device=tmpfs -o o=size=1m small
volume ls --format {{.Name}}
volume ls -f dangling=true
volume ls -f label=stage
volume ls -f name=^m
volume inspect -f '{{.Name | upper}}' mango
volume inspect -f '{{.Labels}}' labelled
RUN -v ./here:/data busybox true
RUN -v c:/data busybox true
RUN -v data busybox true
RUN -v mango:/data: busybox true
RUN -v mango:/data:z busybox true
RUN -v mango:/data:cached busybox true
RUN --mount src=mango,dst=/data,volume-label=a=b busybox true
RUN --mount type=tmpfs,dst=/data busybox true
cp -L box:/data/link new
cp -a box:/data/note new
cp box:/data/note -
cp box:/etc/group new
cp file box:/new
cp box:/data/outdir/group new
"""
# Copies of which exit status and what is there afterwards are compared.
COPIES = """
cp box:/data/note .
cp box:/data/note new
cp box:/data/note new/
cp box:/data/note empty
cp box:/data/note file
cp box:/data/note file/
cp box:/data/note missing/new
cp box:/data/note flink
cp box:/data/note dlink
cp box:/data/note blink
cp box:/data/note/ new
cp box:/data/note/. new
cp box:/data/note/x new
cp box:/data/nosuch new
cp box:/data/dir .
cp box:/data/dir new
cp box:/data/dir new/
cp box:/data/dir/ new
cp box:/data/dir/ folder
cp box:/data/dir/. new
cp box:/data/dir/. folder
cp box:/data/dir folder
cp box:/data/dir file
cp box:/data/dir/. file
cp box:/data/dir folder2
cp box:/data/link new
cp box:/data/dirlink new
cp box:/data/dirlink/ new
cp box:/data/dirlink/ folder
cp box:/data/dirlink/. folder
cp box:/data/dirlink/inner new
cp box:/data/dirlink/../note new
cp box:/data/abs new
cp box:/data/abs/ new
cp box:/data/absdir/inner new
cp box:/data/across new
cp box:/data/acrossdir/other new
cp box:/data/acrossdir/. new
cp box:/data/acrossdir/../data/note new
cp box:/data/out new
cp box:/data/broken new
cp box:/data/broken/x new
cp box:/data/loop/x new
cp box:/data/../data/note new
cp box:data/note new
cp box://data//note new
cp box:/data new
cp box:/data/. empty
cp box:/data/note ./x:y
cp box:/data/note x:y
cp box: .
cp nobox:/data/x .
cp box:/data/note nosuch/../new
cp file box:/data
cp file box:/data/.
cp file box:/data/new
cp file box:/data/note
cp file box:/data/note/
cp file box:/data/new/
cp file box:/data/new/.
cp file box:/data/missing/new
cp file box:/data/dir
cp file box:/data/dirlink
cp file box:/data/dirlink/new
cp file box:/data/link
cp file box:/data/abs
cp file box:/data/across
cp file box:/data/acrossdir
cp file box:/data/acrossdir/new
cp file box:/data/broken
cp file box:/data/loop
cp file box:/data/up/data/new
cp file box:/data/note/x
cp file box:/data/nosuch/../new
cp folder box:/data
cp folder box:/data/new
cp folder box:/data/new/
cp folder box:/data/missing/new
cp folder/ box:/data
cp folder/. box:/data/new
cp folder/. box:/data
cp folder/. box:/data/dir
cp folder/. box:/data/missing/new
cp folder/. box:/data/note
cp folder box:/data/note
cp folder box:/data/link
cp folder box:/data/dirlink
cp folder box:/data/broken
cp folder2/. box:/data
cp note box:/data
cp note/. box:/data
cp flink box:/data/new
cp flink box:/data
cp flink/ box:/data
cp dlink box:/data/new
cp dlink/ box:/data/new
cp dlink/ box:/data
cp dlink/. box:/data
cp blink box:/data/new
cp nosuch box:/data
cp file/ box:/data
cp file/. box:/data
cp ./a:b box:/data
cp file box:/read
cp file box:/read/new
cp box:/read/ new
cp . box:/data/new
cp ./ box:/data/dir
cp empty box:/data/new
cp empty/. box:/data/new
cp file nobox:/data
cp nosuch nobox:/data
cp file box:
"""
SINCE_28 = ["cp box:/data/. empty"]
"""Copies that 20.10 and 26.1 refuse, and 28.5 allows: with a link to `..` in a folder that is there already."""
LINKS = {
    "link": "note",
    "dirlink": "dir",
    "abs": "/data/note",
    "absdir": "/data/dir",
    "out": "/etc/group",
    "outdir": "/etc",
    "broken": "nowhere",
    "loop": "loop",
    "across": "/other/other",
    "acrossdir": "/other",
    "up": "..",
}
VOLUMES = {"mango": "/data", "kiwi": "/other", "fig": "/read"}
FILES = ["file", "folder/deep", "folder2/dir", "a:b", "note/x"]


@dataclass
class Side:
    """Where commands are typed: the volumes, a folder with files, and what runs the command."""

    volumes: Path
    here: Path
    program: list[str]
    environment: dict[str, str]
    engine: bool
    version: str

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        words = ["run", "--rm", *(["--network=none"] if self.engine else [])]
        words = [word for each in shlex.split(line) for word in (words if each == "RUN" else [each])]
        environment = os.environ | self.environment
        command = [*self.program, *words]
        stream = subprocess.DEVNULL
        return subprocess.run(
            command, cwd=self.here, env=environment, stdin=stream, capture_output=True, text=True, timeout=60
        )

    def reset(self) -> None:
        """Put the files of the table back in their places."""
        places = [self.volumes / name / "_data" for name in VOLUMES]
        for folder in (self.here, *places):
            for each in folder.iterdir():
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each)
                else:
                    each.unlink()
        mango, kiwi, _ = places
        for path in (mango / "note", mango / "dir/inner", kiwi / "other", *(self.here / name for name in FILES)):
            path.parent.mkdir(exist_ok=True)
            path.write_text(path.name)
        for name, target in LINKS.items():
            (mango / name).symlink_to(target)
        (self.here / "empty").mkdir()
        for name, target in {"flink": "file", "dlink": "folder", "blink": "nowhere"}.items():
            (self.here / name).symlink_to(target)

    def tree(self) -> dict[str, str]:
        """What is there: in the volumes, and where the commands are typed."""
        roots = {name: self.volumes / name / "_data" for name in VOLUMES} | {"here": self.here}
        return {f"{name}/{each.relative_to(root)}": held(each) for name, root in roots.items() for each in below(root)}


def below(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, each) for each in folders + files)


def held(path: Path) -> str:
    """What a file, folder or link is."""
    return f"-> {os.readlink(path)}" if path.is_symlink() else "a folder" if path.is_dir() else path.read_text()


@pytest.fixture(scope="module")
def real(engine: Engine) -> Iterator[Side]:
    """The shared engine, with a container `box`."""
    program = program_of(version_of(engine).rpartition(".")[0])
    engine.docker("tag", "busybox:local", "busybox")
    here = engine.folder / "here"
    here.mkdir()
    command, version = [*engine.inside([program], here)], version_of(engine)
    side = Side(engine.folder / "data/volumes", here, command, engine.environment(), True, version)
    volumes = "-v mango:/data -v kiwi:/other -v fig:/read:ro"
    for line in (f"create --name box {volumes} busybox true", "volume create --label stage=test labelled"):
        assert side.type(line).returncode == 0
    yield side
    for line in ("rm -f box", "volume rm labelled", f"volume rm {' '.join(VOLUMES)}"):
        side.type(line)
    engine.docker("rmi", "busybox")


@pytest.fixture(scope="module")
def practised(real: Side, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Side:
    """The practice daemon, as that release."""
    release: Shape = "20.10" if version_of(engine).startswith("20.10") else "28"
    folder = tmp_path_factory.mktemp("practice")
    (folder / "here").mkdir()
    places, record = Places(folder / "plugins", ()), DiskRecord(folder)
    daemon = Daemon(places, shape=release, record=record, folder=folder / "volumes")
    mounts = [Mount(place, name, read_only=place == "/read") for name, place in VOLUMES.items()]
    daemon.container_create(mounts, "box", "busybox", ["true"])
    daemon.volume_create("labelled", labels={"stage": "test"})
    program = [sys.executable, "-m", "workshop.daemon.practice.docker", "--engine", release]
    return Side(folder / "volumes", folder / "here", program, {"WORKSHOP_PRACTICE": str(folder)}, False, release)


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


def words(text: str) -> list[str]:
    """What is printed, without what differs from run to run: IDs, folders, dates, what the practice daemon adds."""
    found = re.sub(r"\b[0-9a-f]{64}\b", "ID", text).strip()
    found = re.sub(r'"/[^"]*(?=/volumes/)', '"ROOT', found)
    found = re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"DATE"', found)
    return [line.rstrip() for line in found.splitlines() if not line.startswith("This is not a container")]


@pytest.mark.parametrize("line", lines(SAID))
def test_both_say_the_same(line: str, real: Side, practised: Side) -> None:
    real.reset()
    practised.reset()
    one, other = real.type(line), practised.type(line)
    assert (other.returncode, words(other.stdout)) == (one.returncode, words(one.stdout))
    # a copy that names no container is told how one is named
    printed = neutral("\n".join(words(one.stderr)), real.version).splitlines()
    said = neutral("\n".join(words(other.stderr)), real.version).splitlines()
    assert said[: len(printed)] == printed


@pytest.mark.parametrize("line", lines(FLAGS))
def test_both_refuse_a_flag_in_the_same_words(line: str, real: Side, practised: Side) -> None:
    one, other = real.type(line), practised.type(line)
    assert (other.returncode, other.stdout) == (one.returncode, one.stdout)
    assert words(other.stderr)[0] == words(one.stderr)[0]


@pytest.mark.parametrize("line", lines(STATUS))
def test_both_refuse(line: str, real: Side, practised: Side) -> None:
    real.reset()
    practised.reset()
    one, other = real.type(line), practised.type(line)
    assert other.returncode == one.returncode != 0
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize("line", lines(REFUSED))
def test_what_only_docker_does_is_refused(line: str, real: Side, practised: Side) -> None:
    practised.reset()
    before = practised.tree()
    done = practised.type(line)
    assert done.returncode not in (0, 3)
    assert "Traceback" not in done.stderr
    assert "practice daemon" in done.stderr or "./workshop docker" in done.stderr
    assert practised.tree() == before


@pytest.mark.parametrize("line", lines(COPIES))
def test_both_copy_the_same(line: str, real: Side, practised: Side) -> None:
    real.reset()
    practised.reset()
    one, other = real.type(line), practised.type(line)
    if line in SINCE_28 and not real.version.startswith(("20.10", "26")):
        assert other.returncode == 1 and one.returncode == 0, "the practice daemon refuses what newer engines allow"
        return
    assert (other.returncode, practised.tree()) == (one.returncode, real.tree()), one.stderr + other.stderr
    assert "Traceback" not in other.stderr


def test_a_mount_inside_proc_fails_with_the_status_of_the_runtime(real: Side, practised: Side) -> None:
    """What it is depends on runc: 125 beside Docker Engine 20.10, 127 beside 28."""
    line = "RUN -v mango:/proc/x busybox true"
    one, other = real.type(line), practised.type(line)
    assert other.returncode == 125 and one.returncode in (125, 127)


def test_a_prune_of_all_is_refused_by_engines_before_23_only(real: Side, practised: Side) -> None:
    one, other = real.type("volume prune -a -f"), practised.type("volume prune -a -f")
    assert one.returncode == other.returncode == (125 if real.version.startswith("20.10") else 0)
