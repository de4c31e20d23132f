"""The command of the page "More than one machine" tells a folder that one machine has from one that two share badly."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "benchmarks" / "shared_folder.py"
PAGE = (ROOT / "docs" / "cluster.md").read_text()


def shown(first: Path, other: Path) -> subprocess.CompletedProcess[str]:
    """Run the command on two folders."""
    words = [sys.executable, str(PROGRAM), str(first), str(other)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def test_on_a_disk_of_this_machine_it_prints_what_the_page_shows(tmp_path: Path) -> None:
    done = shown(tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"shared_folder.py /tmp /tmp\n{done.stdout}```" in PAGE
    assert list(tmp_path.iterdir()) == []


def test_two_folders_that_are_not_one_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    done = shown(tmp_path / "a", tmp_path / "b")
    assert done.returncode == 1 and "name two mounts of one file system" in done.stderr
    assert list((tmp_path / "a").iterdir()) == []


LOCAL_LOCKS = """
import fcntl, runpy, sys
fcntl.flock = lambda *_: None
runpy.run_path(sys.argv[1], {})["main"](sys.argv[2], sys.argv[2])
"""


def test_a_lock_that_is_granted_twice_is_told(tmp_path: Path) -> None:
    words = [sys.executable, "-c", LOCAL_LOCKS, str(PROGRAM), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "flock on a folder         granted to both\n" in done.stdout, done.stderr
    assert "lockf on a file           the second is refused\n" in done.stdout


@pytest.mark.parametrize("words", [[], ["one"]])
def test_it_says_what_to_type(words: list[str]) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith("python3 benchmarks/shared_folder.py /mnt/a /mnt/b\n")
