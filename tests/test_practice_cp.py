"""`./workshop docker cp`: from and to a container's volumes, and nothing else of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop.daemon.daemon import Bound, Daemon, Mount
from workshop.daemon.practice import copying, inside
from workshop.daemon.practice.docker import main
from workshop.daemon.practice.home import DiskRecord
from workshop.plugins.folders import private_folder
from workshop.protocol.discovery import Places

Docker = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The practice daemon's folder, with a container `box` that has volumes at /data and /other, and is not running.

    Beside it is `secret`, a file of the machine.
    """
    with private_folder() as path:
        monkeypatch.setenv("WORKSHOP_PRACTICE", str(path))
        (path / "here").mkdir()
        monkeypatch.chdir(path / "here")
        (path / "secret").mkdir()
        (path / "secret" / "file").write_text("secret")
        daemon = Daemon(Places(path / "plugins", ()), record=DiskRecord(path), folder=path / "volumes")
        mounts = [Mount("/data", "mango"), Mount("/other", "kiwi"), Mount("/read", "fig", read_only=True)]
        daemon.container_create(mounts, "box")
        yield path


@pytest.fixture
def data(folder: Path) -> Path:
    """The volume at /data, with a note and a folder in it."""
    data = folder / "volumes" / "mango" / "_data"
    (data / "note").write_text("hello")
    (data / "sub").mkdir()
    (data / "sub" / "file").write_text("inner")
    return data


@pytest.fixture
def docker(folder: Path, capfd: pytest.CaptureFixture[str]) -> Docker:
    """Types a command; what comes of it: exit status, output, errors."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        return status, *capfd.readouterr()

    return run


def files(folder: Path) -> dict[str, str]:
    """What is below a folder."""
    found = (each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())
    return {str(each.relative_to(folder)): "link" if each.is_symlink() else each.read_text() for each in found}


# A link in a volume, and what it leads to: FOLDER is the folder of this test on the machine
LINKS = [
    "FOLDER/secret",
    "../../../secret",
    "../../../../../../../../../../../..FOLDER/secret",
    "sub/../../../../secret",
]


@pytest.mark.parametrize("target", LINKS)
def test_a_link_in_a_volume_does_not_lead_to_the_machine(docker: Docker, folder: Path, data: Path, target: str) -> None:
    (data / "out").symlink_to(target.replace("FOLDER", str(folder)))
    (data / "out-file").symlink_to(target.replace("FOLDER", str(folder)) + "/file")
    Path("mine").write_text("mine")
    for path in ("box:/data/out/file", "box:/data/out/.", "box:/data/out-file/"):
        assert docker("cp", path, "stolen")[0] != 0
    for path in ("box:/data/out/file", "box:/data/out", "box:/data/out/new", "box:/data/out-file", "box:/data/out/"):
        assert docker("cp", "mine", path)[0] != 0, path
    assert files(folder / "secret") == {"file": "secret"}
    assert files(folder / "here") == {"mine": "mine"}


@pytest.mark.parametrize(
    "form", ["FOLDER/secret/file", "/data/../FOLDER/secret/file", "FOLDER/secret/.", "../FOLDER/secret/file"]
)
def test_what_is_in_no_volume_is_refused(docker: Docker, folder: Path, data: Path, form: str) -> None:
    path = "box:" + form.replace("FOLDER", str(folder))
    Path("mine").write_text("mine")
    Path("dir").mkdir()
    for words in ((path, "stolen"), ("mine", path), ("dir", path)):
        status, _, errors = docker("cp", *words)
        assert status == 125
        assert "is in none of the container's volumes" in errors
        assert errors.endswith("\n    ./workshop docker cp CONTAINER:/data/file .\n")
    assert files(folder / "secret") == {"file": "secret"}
    assert files(folder / "here") == {"mine": "mine"}


def test_a_link_leads_where_it_leads_in_the_container(docker: Docker, folder: Path, data: Path) -> None:
    (folder / "volumes" / "kiwi" / "_data" / "note").write_text("another")
    for name, target in {
        "root": "/data/note",
        "up": "../data/note",
        "across": "/other",
        "far": "sub/../../../other",
    }.items():
        (data / name).symlink_to(target)
    for name in ("across", "far"):
        assert docker("cp", f"box:/data/{name}/note", name)[0] == 0
        assert Path(name).read_text() == "another"
    Path("mine").write_text("mine")
    assert docker("cp", "mine", "box:/data/across/mine")[0] == 0
    assert docker("cp", "mine", "box:/data/up")[0] == 0
    assert files(folder / "volumes" / "kiwi" / "_data") == {"note": "another", "mine": "mine"}
    assert (data / "note").read_text() == "mine"
    assert (data / "up").is_symlink()


def test_a_link_is_copied_as_a_link(docker: Docker, folder: Path, data: Path) -> None:
    (data / "sub" / "out").symlink_to(folder / "secret" / "file")
    assert docker("cp", "box:/data/sub", ".") == (0, "", "")
    assert os.readlink("sub/out") == str(folder / "secret" / "file")
    assert docker("cp", "sub/out", "box:/data/link") == (0, "", "")
    assert os.readlink(data / "link") == str(folder / "secret" / "file")
    # what a link in a copy leads to is never written
    Path("sub/out").unlink()
    Path("sub/out").write_text("mine")
    assert docker("cp", "sub", "box:/data") == (0, "", "")
    assert (data / "sub" / "out").read_text() == "mine"
    assert files(folder / "secret") == {"file": "secret"}


def test_links_without_end_are_an_error(docker: Docker, data: Path) -> None:
    (data / "loop").symlink_to("loop")
    (data / "a").symlink_to("/data/b/x")
    (data / "b").symlink_to("a")
    for path in ("/data/loop/x", "/data/b/y", "/data/loop/"):
        status, _, errors = docker("cp", f"box:{path}", "new")
        assert (status, "too many links" in errors) == (1, True)


def swap(data: Path, folder: Path) -> None:
    """Put a link to the machine in the place of a folder of the volume."""
    (data / "sub").rename(folder / "swapped")
    (data / "sub").symlink_to(folder / "secret")


@pytest.mark.parametrize("words", [("box:/data/sub/file", "new"), ("box:/data/sub", "new"), ("box:/data/.", "new")])
def test_a_folder_that_becomes_a_link_while_it_is_read(
    docker: Docker, folder: Path, data: Path, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    swaps_at_every_opening(docker, folder, data, ["cp", *words], monkeypatch)


@pytest.mark.parametrize("target", ["box:/data/sub/file", "box:/data/sub", "box:/data/sub/new", "box:/data/sub/."])
@pytest.mark.parametrize("source", ["mine", "dir", "dir/."])
def test_a_folder_that_becomes_a_link_while_it_is_written(
    docker: Docker, folder: Path, data: Path, source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine").write_text("mine")
    Path("dir/sub").mkdir(parents=True)
    Path("dir/file").write_text("mine")
    Path("dir/sub/file").write_text("mine")
    swaps_at_every_opening(docker, folder, data, ["cp", source, target], monkeypatch)


def swaps_at_every_opening(
    docker: Docker, folder: Path, data: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Type a command again and again, and swap the folder before the first, second, … folder is opened in it."""
    real = inside.open_folder
    for number in range(100):
        opened = 0

        def open_folder(name: str, above: int, at: int = number) -> int:
            nonlocal opened
            if opened == at:
                swap(data, folder)
            opened += 1
            return real(name, above)

        with monkeypatch.context() as patched:
            patched.setattr(inside, "open_folder", open_folder)
            patched.setattr(copying, "open_folder", open_folder)
            docker(*words)
        assert files(folder / "secret") == {"file": "secret"}, f"swapped before folder {number + 1}"
        assert "secret" not in files(folder / "here").values(), f"swapped before folder {number + 1}"
        if opened <= number:
            assert number > 0, "nothing was swapped"
            return
        (data / "sub").unlink()
        (folder / "swapped").rename(data / "sub")
        shutil.rmtree("new", ignore_errors=True)


def test_a_file_that_becomes_a_pipe_or_a_link_while_it_is_read(
    docker: Docker, folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(put: Callable[[Path], None]) -> None:
        real = copying.copy_file

        def copy_file(*where: object) -> None:
            (data / "note").unlink()
            put(data / "note")
            real(*where)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(copying, "copy_file", copy_file)
            assert docker("cp", "box:/data/note", "new")[0] == 1
        assert not Path("new").exists()
        (data / "note").unlink()
        (data / "note").write_text("hello")

    replace(lambda path: path.symlink_to(folder / "secret" / "file"))
    replace(os.mkfifo)


# What docker says of the forms, and does: tests/engine/test_practice_table.py asks a real engine


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["box:/data/note", "missing/new"], 1, 'invalid output path: directory "HERE/missing" does not exist'),
        (["box:/data/note", "new/"], 1, "no such directory"),
        (["box:/data/sub", "mine"], 1, "cannot copy directory"),
        (["box:/data/sub/.", "mine"], 1, "cannot copy directory"),
        (["box:/data/note", "mine/"], 1, "stat HERE/mine/: not a directory"),
        (["mine", "box:/data/missing/new"], 1, "Could not find the file /data/missing in container box"),
        (["mine", "box:/data/note/"], 1, "no such directory"),
        (["mine", "box:/data/note/x"], 1, "extraction point is not a directory"),
        (["dir", "box:/data/note"], 1, "cannot copy directory"),
        (["mine", "box:/read"], 1, "mounted volume is marked read-only"),
        (["mine/", "box:/data"], 1, "not a directory"),
        (["nosuch", "box:/data"], 1, "lstat HERE/nosuch: no such file or directory"),
        (["mine", "nobox:/data"], 1, "No such container: nobox"),
        (["a:b", "box:/data"], 1, "copying between containers is not supported"),
        (["box:/data", "box:/data"], 1, "copying between containers is not supported"),
        (["mine", "."], 1, "must specify at least one container source"),
        ([":/data", "."], 1, "must specify at least one container source"),
        (["", "."], 1, "source can not be empty"),
        (["box:/data", ""], 1, "destination can not be empty"),
        (["box:", "."], 1, "bad parameter"),
        (["box:/data/note", "-"], 125, "no archives"),
        (["-L", "box:/data/note", "new"], 125, "--help"),
        (["..", "box:/data/new"], 1, "cannot copy a directory into itself"),
        (["box:/", "new"], 125, "in none of the container's volumes"),
    ],
)
def test_what_is_refused(docker: Docker, folder: Path, data: Path, words: list[str], status: int, said: str) -> None:
    Path("mine").write_text("mine")
    Path("dir").mkdir()
    before = files(folder / "here"), files(folder / "volumes")
    done = docker("cp", *words)
    assert (done[0], done[1]) == (status, "")
    assert said.replace("HERE", os.getcwd()) in done[2]
    assert (files(folder / "here"), files(folder / "volumes")) == before


def test_a_colon_in_a_local_path(docker: Docker, data: Path) -> None:
    Path("a:b").write_text("mine")
    assert docker("cp", "./a:b", "box:/data") == (0, "", "")
    assert (data / "a:b").read_text() == "mine"
    assert docker("cp", f"{os.getcwd()}/a:b", "box:/data/c:d") == (0, "", "")
    assert (data / "c:d").read_text() == "mine"
    assert docker("cp", "box:/data/note", "./x:y") == (0, "", "")
    assert Path("x:y").read_text() == "hello"


def test_the_contents_of_a_folder(docker: Docker, data: Path) -> None:
    Path("dir").mkdir()
    assert docker("cp", "box:/data/sub/.", "dir") == (0, "", "")
    assert docker("cp", "box:/data/sub", "dir") == (0, "", "")
    assert files(Path("dir")) == {"file": "inner", "sub/file": "inner"}
    assert docker("cp", "dir/.", "box:/data/new") == (0, "", "")
    assert files(data / "new") == {"file": "inner", "sub/file": "inner"}


def test_mode_and_time_are_kept(docker: Docker, data: Path) -> None:
    (data / "note").chmod(0o640)
    os.utime(data / "note", (1, 2))
    docker("cp", "box:/data/note", "new")
    found = Path("new").stat()
    assert (oct(found.st_mode), found.st_mtime) == (oct(0o100640), 2)


def test_no_file_but_files_folders_and_links_is_copied(docker: Docker, data: Path) -> None:
    os.mkfifo(data / "pipe")
    status, _, errors = docker("cp", "box:/data/pipe", "new")
    assert (status, "copies files, folders and links" in errors) == (1, True)


def test_a_folder_without_end_is_refused(docker: Docker, folder: Path, data: Path) -> None:
    deep = data
    for _ in range(copying.DEEPEST + 2):
        deep = deep / "d"
    deep.mkdir(parents=True)
    status, _, errors = docker("cp", "box:/data/d", "new")
    assert (status, "levels" in errors) == (1, True)


@pytest.mark.parametrize("mountpoint", ["", ".", "sub"])
def test_a_mountpoint_that_is_not_absolute_is_not_looked_up_here(folder: Path, mountpoint: str) -> None:
    Path("sub").mkdir()
    assert not inside.View([Bound(mountpoint, "/data", False)]).look("/data/").exists


def test_a_volume_in_another_one_is_not_passed_over(docker: Docker, folder: Path, data: Path) -> None:
    daemon = Daemon(Places(folder / "plugins", ()), record=DiskRecord(folder), folder=folder / "volumes")
    daemon.container_create([Mount("/data", "mango"), Mount("/data/sub", "kiwi")], "nested")
    Path("dir").mkdir()
    for words in (["nested:/data", "new"], ["nested:/data/.", "new"], ["dir", "nested:/data"]):
        status, _, errors = docker("cp", *words)
        assert (status, "one volume at a time" in errors) == (125, True)
    Path("mine").write_text("mine")
    assert docker("cp", "mine", "nested:/data/sub") == (0, "", "")
    assert files(folder / "volumes" / "kiwi" / "_data") == {"mine": "mine"}
    assert files(data) == {"note": "hello", "sub/file": "inner"}
