"""Make mistakes, and print their score by step, and what was missed: `python -m mistakes fresh`, or `part3 3.1`."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mistakes.mistake import check, table


def main(name: str, step: str = "") -> int:
    """Make the mistakes of one file of this folder, of one step or of all; return 0."""
    rows = [row for row in importlib.import_module(f"mistakes.{name}").ROWS if step in ("", row.step)]
    with tempfile.TemporaryDirectory(prefix="mistakes-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda row: check(row, Path(folder)), rows))
    for report in reports:
        if report.step != report.mistake.step:
            print(f"{report.mistake.name} fails {report.step or 'no step'}, and not {report.mistake.step}.")
        if report.verdict != "named":
            print(report.missed())
    print(table(reports), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
