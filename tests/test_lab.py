"""What a notebook calls: what it shows is true, and the same in every run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.course.course import CourseError
from workshop.course.notebooks import lab

ID = "1" * 64
MOUNTED = """root/volumes
└── mango
    ├── data
    │   └── note: hello
    └── mounts"""
RECORD = "\n        {}── 111111111111…"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """End what a test has started."""
    yield
    lab.close()


def test_request_and_answer_stand_side_by_side() -> None:
    (row,) = lab.start("part2").post("/VolumeDriver.Create", {"Name": "mango"}).rows
    assert row[0] == 'POST /VolumeDriver.Create\n{"Name":"mango"}'
    assert row[1] == '404 NOT FOUND\n{"Err":"ddd does not answer POST /VolumeDriver.Create."}'


def test_text_and_html_say_the_same() -> None:
    answer = lab.start("part2").post("/Plugin.Activate")
    assert "POST /Plugin.Activate                          │ 200 OK\n" in repr(answer)
    assert '>200 OK\n{"Implements":["VolumeDriver"]}</pre>' in answer._repr_html_()


def test_a_page_of_html_is_shown_not_followed() -> None:
    pages = lab.start("part2", "@app.errorhandler(HTTPException)\n", "")
    assert "&lt;title&gt;404 Not Found&lt;/title&gt;" in pages.get("/mango")._repr_html_()


def test_the_whole_of_an_exchange_hides_the_clock_only() -> None:
    row = lab.start("part2").post("/Plugin.Activate").whole().rows[0]
    assert row[0].startswith("POST /Plugin.Activate HTTP/1.1\nHost: ") and row[0].endswith("\n\n(empty body)")
    assert "\nDate: …\nContent-Type: application/vnd.docker.plugins.v1.2+json\n" in row[1]


def test_the_folder_of_the_volumes_is_drawn_after_each_call() -> None:
    plugin = lab.start("part3")
    assert (
        plugin.docker("docker volume create -d ddd mango").below[-1].endswith("└── mango\n    ├── data\n    └── mounts")
    )
    there = plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": ID}).json["Mountpoint"]
    Path(there, "note").write_text("hello")
    assert plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": ID}).below == [
        MOUNTED + RECORD.format("├") + RECORD.format("└")
    ]
    assert plugin.post("/VolumeDriver.Unmount", {"Name": "mango", "ID": ID}).below == [MOUNTED + RECORD.format("└")]
    plugin.post("/VolumeDriver.Unmount", {"Name": "mango", "ID": ID})
    assert plugin.docker("docker volume rm mango").below == ["docker prints:\nmango", "root/volumes"]


def test_nothing_shows_which_run_it_was() -> None:
    plugin = lab.start("part3")
    plugin.docker("docker volume create -d ddd mango")
    plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": ID})
    shown = [repr(plugin), repr(plugin.docker("docker volume inspect mango")), repr(plugin.second())]
    shown += [repr(plugin.post("/VolumeDriver.Remove", {"Name": "mango"})), repr(plugin.find("ddd"))]
    text = " ".join("\n".join(shown).split())
    for wanted in ("Volume mango is in use.", "/lab/root/volumes/mango/data", "unix:///lab/ddd.sock"):
        assert wanted in text
    assert str(plugin.folder) not in text


def test_why_there_is_no_answer() -> None:
    plugin = lab.start("part1")
    assert repr(plugin.kill()) == "SIGKILL: part1/plugin.py ended with status -9. Its socket is still there."
    assert plugin.post("/").rows[0][1] == "(nobody listens on the socket)"
    assert plugin.again().post("/").status == 200
    assert repr(plugin.stop()) == "SIGTERM: part1/plugin.py ended with status 0. Its socket is gone."
    assert plugin.post("/").rows[0][1] == "(there is no socket)"


def test_a_change_needs_its_place() -> None:
    with pytest.raises(ValueError, match=r"part1/plugin\.py has this text 0 times, not once: 'mango'"):
        lab.start("part1", "mango", "fig")


def test_a_plugin_that_does_not_start_says_why() -> None:
    with pytest.raises(AssertionError, match="ModuleNotFoundError: No module named 'fctnl'"):
        lab.start("part1", "import stat", "import fctnl")


def test_a_conversation_is_one_of_those_recorded() -> None:
    shown = lab.conversation("20.10/volume-create")
    assert shown.title.startswith("$ docker volume create -d ddd mango\n(Docker Engine 20.10.24, ")
    assert [asked.split()[1] for asked, _ in shown.rows][0::3] == ["/Plugin.Activate", "/VolumeDriver.Create"]
    for name in ("20.10/volume-bake", "run", "../20.10/run", ""):
        with pytest.raises(CourseError, match=r"There are: 20\.10/cp-from-running, "):
            lab.conversation(name)


def test_an_exercise_is_solved_or_not() -> None:
    assert repr(lab.exercise(True, "Look there.")) == "Solved."
    assert repr(lab.exercise(False, "Look there.")) == "Not yet. Look there."


def test_nothing_is_left_of_a_closed_laboratory() -> None:
    plugins = [lab.start("part1"), lab.start("part3")]
    lab.close()
    assert [plugin.folder.exists() for plugin in plugins] == [False, False]
    assert [plugin.plugin.exit_status() for plugin in plugins] == [0, 0]


def test_nothing_is_left_when_python_ends() -> None:
    script = "from workshop.course.notebooks import lab; bench = lab.start('part1'); print(bench.folder)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists()
