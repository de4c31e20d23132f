"""What part 3 leaves to ddd: the list is exact, each thing in it is shown by a test, and the page has it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from verdict import LACKS, Lack, table

from workshop.checker.conformance.case import cases

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "beyond.md"
CASES = {lack.shown for lack in LACKS if not lack.shown.startswith("test_")}


@pytest.mark.slow
def test_the_list_has_just_the_cases_that_part_3_does_not_meet(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workshop", "check", "--conformance", "--plugin", "part3/plugin.py"]
    done = subprocess.run([*command, "--json", str(tmp_path / "j")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "j").read_text())["steps"]
    assert len(steps) == len(cases())
    assert {step["step"] for step in steps if step["outcome"] in ("FAIL", "warn", "error")} == CASES
    if os.geteuid() == 0:
        assert {step["step"] for step in steps if step["outcome"] == "skip"} == set()


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack.title)
class TestLack:
    def test_it_says_what_goes_wrong(self, lack: Lack) -> None:
        assert lack.harm.endswith(".") and len(lack.harm) > 60

    def test_it_is_shown(self, lack: Lack) -> None:
        tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_parts.py"]
        names = {name for path in tests for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
        assert lack.shown in {*names, *(case.id for case in cases())}

    def test_its_code_is_in_ddd(self, lack: Lack) -> None:
        file, _, name = lack.code.partition(":")
        tree = ast.parse((ROOT / "src" / "ddd" / file).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_the_page_says_how_long_part_3_is() -> None:
    lines = (ROOT / "part3" / "plugin.py").read_text().count("\n")
    assert f"a plugin of {lines} lines" in PAGE.read_text()


def test_the_page_has_the_list() -> None:
    text, mark, _ = PAGE.read_text().partition("<!-- what follows is written by ./workshop check --accept -->\n")
    if "WORKSHOP_ACCEPT" in os.environ:
        PAGE.write_text(f"{text}{mark}\n{table()}")
    assert PAGE.read_text() == f"{text}{mark}\n{table()}"
