"""How long a learner waits: from the command to the verdict, and from save to verdict.

    .venv/bin/python benchmarks/check.py

Prints the median and the spread of seven runs of each command, interleaved, in seconds.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAUNCHER = str(ROOT / "workshop")
COMMANDS = {
    "./workshop": [LAUNCHER],
    **{f"./workshop check {part}": [LAUNCHER, "check", part, "--plugin", f"part{part}/plugin.py"] for part in "123"},
}


def seconds(command: list[str]) -> float:
    """Run a command to its end, and return how long that took."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def save(file: Path, text: str) -> None:
    """Save a file as many editors do: a new one takes the place of the old one."""
    fresh = file.with_name("new")
    fresh.write_text(text)
    fresh.rename(file)


def save_to_verdict() -> dict[str, list[float]]:
    """Save a plugin of part 3 that passes, and one that fails at once, in turn, under `check 3 --watch`."""
    right = (ROOT / "part3" / "plugin.py").read_text()
    early = right.replace('"/VolumeDriver.Create"', '"/VolumeDriver.Make"')
    assert early != right
    times: dict[str, list[float]] = {"save to verdict, an early failure": [], "save to verdict, all of part 3": []}
    with tempfile.TemporaryDirectory(prefix="ddd-") as work:
        file = Path(shutil.copy(ROOT / "part3" / "plugin.py", work))
        command = [sys.executable, "-m", "workshop", "check", "3", "--watch"]
        told = os.environ | {"WORKSHOP_WORK": work}
        with subprocess.Popen(command, cwd=ROOT, env=told, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout
            for turn in range(15):
                while "save to check again" not in watch.stdout.readline():
                    pass
                name, text = list(zip(times, (early, right), strict=True))[turn % 2]
                begun = time.perf_counter()
                save(file, text)
                while "steps pass." not in watch.stdout.readline():
                    pass
                times[name].append(time.perf_counter() - begun)
            watch.terminate()
    return times


def main() -> None:
    """Run the commands in turn, and print a line for each."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(7):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    times |= save_to_verdict()
    for name, each in times.items():
        print(f"{name:33} median {statistics.median(each):5.2f} s   from {min(each):.2f} to {max(each):.2f} s")


if __name__ == "__main__":
    sys.exit(main())
