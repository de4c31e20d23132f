"""The README, and that of each part: what a stranger has to find there, and what does not belong there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workshop.course import course

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PARTS = (1, 2, 3)
SCREEN = 60
"""How many lines a screen shows."""
READMES = ["README.md", *(f"part{number}/README.md" for number in PARTS)]


def part_readme(number: int) -> str:
    """Return the README of a part."""
    return (ROOT / f"part{number}" / "README.md").read_text()


def test_the_first_screen_has_what_a_stranger_looks_for() -> None:
    first = "\n".join(README.splitlines()[:24])
    places = [first.index(wanted) for wanted in ("**For**", "**Time**", "$ git clone ", "![")]
    assert places == sorted(places)


def test_a_red_check_turns_green() -> None:
    red, green = README.index("  FAIL  1.1 "), README.index("  ok    1.1 ")
    assert README.index("![") < red < green < README.index("./workshop tour")


@pytest.mark.parametrize("word", ["systemd", "systemctl", "15 s", "15 seconds"])
def test_no_wait_and_no_service_is_on_the_first_page(word: str) -> None:
    assert word not in README


def test_the_readme_tells_the_size_of_the_plugin() -> None:
    (told,) = re.findall(r"(\d+) lines of Python", README)
    assert abs(len((ROOT / "part3" / "plugin.py").read_text().splitlines()) - int(told)) < 20


@pytest.mark.parametrize("name", READMES)
def test_each_link_leads_to_a_file(name: str) -> None:
    text = (ROOT / name).read_text()
    found = re.findall(r"\]\(([^)#]+)", text)
    assert found
    assert not [link for link in found if not (ROOT / name).parent.joinpath(link).exists()]


@pytest.mark.parametrize("number", PARTS)
def test_the_readme_of_a_part_fits_one_screen_and_names_each_file(number: int) -> None:
    text, folder = part_readme(number), ROOT / f"part{number}"
    assert len(text.splitlines()) <= SCREEN
    files = {path.name for path in folder.iterdir() if path.is_file()} - {"README.md"}
    assert set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)) == files


@pytest.mark.parametrize("number", PARTS)
def test_the_readme_of_a_part_names_its_last_step(number: int) -> None:
    assert f"the plugin after step {course.part(number).steps[-1].id}" in part_readme(number)
