"""How long a learner waits: from the command to the verdict, and from save to verdict.

    .venv/bin/python benchmarks/check.py

Prints the median and the spread of seven runs of each command, interleaved, in seconds.
"""

import statistics
import subprocess
import sys
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


def main() -> None:
    """Run the commands in turn, and print a line for each."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(7):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    for name, each in times.items():
        print(f"{name:22} median {statistics.median(each):5.2f} s   from {min(each):.2f} to {max(each):.2f} s")


if __name__ == "__main__":
    sys.exit(main())
