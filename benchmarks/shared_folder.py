"""What a shared file system gives a volume plugin: two mounts of the same folder are tried, one for each machine.

    python3 benchmarks/shared_folder.py /mnt/a /mnt/b

Each line is a thing that a plugin for several machines would rely on, and what was seen. It needs nothing but Python.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HOLD = """
import fcntl, os, sys
opened = os.open(sys.argv[1], os.O_RDONLY if os.path.isdir(sys.argv[1]) else os.O_RDWR)
getattr(fcntl, sys.argv[2])(opened, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def holder(path: Path, kind: str) -> subprocess.Popen[str]:
    """A process that holds a lock on `path`. `kind` is flock or lockf."""
    command = [sys.executable, "-c", HOLD, str(path), kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n", "no lock could be had at all"
    return process


def second(path: Path, kind: str) -> str:
    """What a second taker of that lock gets."""
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    lock: Callable[[int, int], object] = getattr(fcntl, kind)
    try:
        lock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return "granted to both"
    except BlockingIOError:
        return "the second is refused"
    finally:
        os.close(opened)


def lock(a: Path, b: Path, kind: str) -> str:
    """Take a lock through one mount, and try the same through the other."""
    with holder(a, kind) as process:
        try:
            return second(b, kind)
        finally:
            process.kill()


def after_a_kill(a: Path, b: Path) -> str:
    """Whether a lock on a file is free once its holder was killed."""
    with holder(a, "flock") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        limit = time.monotonic() + 5
        while second(b, "flock") != "granted to both":
            if time.monotonic() > limit:
                return "not free after 5 s"
        return "free"


def rename(a: Path, b: Path) -> str:
    """What happens to a folder that is renamed onto a name that the other machine has given to a folder with files."""
    (b / "volume").mkdir()
    (b / "volume" / "file").write_text("mine")
    (a / "aside").mkdir()
    try:
        os.rename(a / "aside", a / "volume")
    except OSError as error:
        return f"refused: {errno.errorcode[error.errno or 0]}"
    return "done: the other folder is gone"


def gone(a: Path, b: Path) -> str:
    """Whether one machine still sees a file that the other has just removed."""
    (a / "here").write_text("")
    assert (b / "here").exists()
    (a / "here").unlink()
    return "still there" if (b / "here").exists() else "gone"


def main(first: str, other: str) -> None:
    """Try everything in a new folder of the file system, and remove it."""
    with tempfile.TemporaryDirectory(dir=first) as folder:
        a, b = Path(folder), Path(other) / Path(folder).name
        if not b.is_dir():
            sys.exit(f"{other} does not show what was made in {first}: name two mounts of one file system.")
        (a / "file").write_text("")
        print(f"flock on a folder         {lock(a, b, 'flock')}")
        print(f"flock on a file           {lock(a / 'file', b / 'file', 'flock')}")
        print(f"lockf on a file           {lock(a / 'file', b / 'file', 'lockf')}")
        print(f"flock, the holder killed  {after_a_kill(a / 'file', b / 'file')}")
        print(f"rename onto a folder      {rename(a, b)}")
        print(f"a file just removed       {gone(a, b)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Name two mounts of one file system:\n    python3 benchmarks/shared_folder.py /mnt/a /mnt/b")
    main(*sys.argv[1:])
