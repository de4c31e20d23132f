"""What the package says of itself: one version, who wrote it, and where to report; the CHANGELOG in its form."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import workshop
from workshop import cli

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
KINDS = {"Upgrade", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The kinds of changes of Keep a Changelog; and what to type, where an update takes more than a new version."""


def test_version_is_a_command() -> None:
    said = subprocess.run([ROOT / "workshop", "--version"], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, f"docker-plugin-workshop {workshop.__version__}\n"), said.stderr


def test_the_package_names_authors_and_keywords() -> None:
    (author,) = PROJECT["authors"]
    assert author["name"] in (ROOT / "LICENSE").read_text()
    assert {"docker", "volume plugin", "flask", "course"} <= set(PROJECT["keywords"])


def test_an_issue_tracker_that_is_named_has_an_address() -> None:
    named = [path for path in (ROOT / "src").rglob("*.py") if "issue tracker" in path.read_text()]
    assert not named or "Issues" in PROJECT.get("urls", {}), named


def test_a_fault_of_ours_says_where_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("mango")
    except RuntimeError as error:
        assert cli._our_fault(error) == 3
    said = capsys.readouterr().err
    assert said.startswith("RuntimeError: mango (test_package.py:")
    where = "report it where you got this repository or package:\n"
    assert f"{where}send the line above, what you typed, and the version, {workshop.__version__}.\n" in said


def test_the_changelog_has_this_version_first() -> None:
    versions = re.findall(r"^## \[(.+?)\] - (Unreleased|\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert versions[0][0] == workshop.__version__
    assert len(versions) == CHANGELOG.count("\n## ")


def test_the_changelog_has_the_kinds_of_keep_a_changelog() -> None:
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= KINDS


def test_a_line_of_the_changelog_is_short() -> None:
    for entry in re.split(r"\n(?=- |\n|#)", CHANGELOG):
        assert len(" ".join(entry.split())) <= 300, entry
