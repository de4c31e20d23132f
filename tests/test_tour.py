"""The tour, as somebody reads it who has just cloned the repository."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.course import course

ROOT = Path(__file__).parent.parent


def tour(work: Path, *options: str) -> str:
    """Return what the tour prints for somebody whose work is in this folder."""
    environment = os.environ | {"WORKSHOP_WORK": str(work)}
    command = [sys.executable, "-m", "workshop", "tour", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tour(tmp_path_factory.mktemp("work"), "--all")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tour(tmp_path_factory.mktemp("work"))


def asked(text: str) -> list[str]:
    """Return what Docker asks in a tour."""
    return [line.split()[2].removeprefix("/") for line in text.splitlines() if line.startswith("  [docker]  POST")]


def test_the_tour_is_one_conversation_of_one_screen(short: str) -> None:
    begin = ["Plugin.Activate", "VolumeDriver.Capabilities", "VolumeDriver.Get", "VolumeDriver.Create"]
    use = ["VolumeDriver.Get", "VolumeDriver.Mount", "VolumeDriver.Get", "VolumeDriver.Unmount"]
    assert asked(short) == [*begin, *use]
    assert "\nhello\n" in short and short.count("\n$ ") == 1
    assert len(short.splitlines()) <= 28
    assert max(map(len, short.splitlines())) <= 80


def test_it_names_the_rest_and_then_what_to_type(short: str) -> None:
    assert short.endswith("./workshop tour --all\nNow write it yourself:   ./workshop start\n")


def test_what_nobody_reads_is_short(short: str, text: str) -> None:
    for shown in (short, text):
        assert not re.search("[0-9a-f]{13}", shown)
        assert '"Mountpoint":"…/mango/data"' in shown and not re.search('Mountpoint":"/', shown)


def test_each_part_ends_with_an_achievement_and_what_is_to_be_written(text: str) -> None:
    parts = text.split("\nPart ")[1:]
    assert [part[0] for part in parts] == ["1", "2", "3"]
    for part in parts:
        assert f"You write it in part {part[0]}: " in part.partition("\nAchievement unlocked! ")[2], part


def test_it_names_no_solution_before_the_learner_has_passed_it(text: str, tmp_path: Path) -> None:
    solutions = re.compile(r"part[123]/|plugin\.py")
    assert not solutions.search(text)
    passed = [step.id for step in course.part(1).steps]
    (tmp_path / ".progress.json").write_text(json.dumps({"part": 2, "passed": passed, "course": course.version()}))
    assert solutions.findall(tour(tmp_path, "--all")) == ["part1/", "plugin.py"]


def test_it_shows_what_docker_says_in_its_order(text: str) -> None:
    create = ["Plugin.Activate", "VolumeDriver.Capabilities", "VolumeDriver.Get", "VolumeDriver.Create"]
    run = ["VolumeDriver.Get", "VolumeDriver.Get", "VolumeDriver.Mount", "VolumeDriver.Get", "VolumeDriver.Unmount"]
    remove = ["VolumeDriver.Get", "VolumeDriver.Get", "VolumeDriver.Remove"]
    assert asked(text) == [*create, *create, "VolumeDriver.Get", *run, *run, *remove]


def test_the_second_container_reads_what_the_first_wrote(text: str) -> None:
    assert "\nhello\n" in text


def test_it_fits_80_columns_and_has_no_colour_in_a_pipe(text: str) -> None:
    # what docker itself would print stays on its line
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert all(line.startswith("Error response from daemon: ") for line in wide), wide
    assert "\033" not in text


def test_it_ends_with_a_command(text: str) -> None:
    assert text.rstrip().splitlines()[-1].endswith("./workshop start")
