"""What a notebook calls: what it shows is true, and the same in every run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop import repository
from workshop.course.course import CourseError
from workshop.course.notebooks import lab
from workshop.course.notebooks.cell import Cell
from workshop.course.notebooks.sentences import FIRST, IN_ORDER, LabError, sentence_for

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


def test_the_folder_of_the_volumes_is_drawn_before_and_after_each_call() -> None:
    plugin = lab.start("part3")
    created = "root/volumes\n└── mango\n    ├── data\n    └── mounts"
    assert plugin.docker("docker volume create -d ddd mango").trees == ("root/volumes", created)
    there = plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": ID}).json["Mountpoint"]
    Path(there, "note").write_text("hello")
    once, twice = MOUNTED + RECORD.format("└"), MOUNTED + RECORD.format("├") + RECORD.format("└")
    assert plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": ID}).trees == (once, twice)
    assert plugin.post("/VolumeDriver.Unmount", {"Name": "mango", "ID": ID}).trees == (twice, once)
    plugin.post("/VolumeDriver.Unmount", {"Name": "mango", "ID": ID})
    removed = plugin.docker("docker volume rm mango")
    assert (removed.below, removed.trees) == (["docker prints:\nmango"], (MOUNTED, "root/volumes"))


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


def test_before_and_after_stand_side_by_side_and_once_where_nothing_changed() -> None:
    plugin = lab.start("part3")
    created = plugin.docker("docker volume create -d ddd mango")
    assert f"{'root/volumes':46} │ root/volumes\n{'':46} │ └── mango\n" in repr(created)
    assert '<table class="folders"' in created._repr_html_()
    same = plugin.docker("docker volume inspect mango")
    assert repr(same).endswith(
        "The volumes folder, before and after:\nroot/volumes\n└── mango\n    ├── data\n    └── mounts"
    )
    assert '<table class="folders"' not in same._repr_html_()


def drawn(cell: Cell) -> list[dict[str, Any]]:
    """Return the calls that <plugin-conversation> draws in a cell."""
    (element,) = re.findall("<plugin-conversation .*?</plugin-conversation>", cell._repr_html_(), re.DOTALL)
    (data,) = re.findall('<script type="application/jsonl">(.*?)</script>', element, re.DOTALL)
    return [json.loads(line) for line in data.strip().splitlines()]


def test_a_cell_draws_what_was_said_as_the_pages_do() -> None:
    plugin = lab.start("part2")
    (row,) = drawn(plugin.post("/Plugin.Activate"))
    assert (row["method"], row["path"], row["status"], row["answer"]) == (
        "POST",
        "/Plugin.Activate",
        200,
        '{"Implements":["VolumeDriver"]}',
    )
    assert ["Host", "plugin.moby.localhost"] in row["request_headers"] and ["Date", "…"] in row["answer_headers"]
    assert not {"at", "took"} & set(row), "times differ in every run"
    paths = [row["path"] for row in drawn(plugin.docker("docker volume create -d ddd mango"))]
    assert paths == ["/Plugin.Activate", *(f"/VolumeDriver.{name}" for name in ("Capabilities", "Get", "Create"))]
    plugin.kill()
    (row,) = drawn(plugin.post("/Plugin.Activate"))
    assert (row["status"], row["failure"]) == (0, "nobody listens on the socket")


def test_the_words_are_shown_where_no_script_runs() -> None:
    plugin = lab.start("part2")
    for cell in (plugin.post("/Plugin.Activate"), lab.conversation("20.10/volume-create")):
        assert '<table class="exchange"' in cell._repr_html_()


def test_a_change_needs_its_place() -> None:
    with pytest.raises(LabError, match=r"part1/plugin\.py has this text 0 times, not once: 'mango'"):
        lab.start("part1", "mango", "fig")


def test_a_plugin_that_does_not_start_says_why() -> None:
    with pytest.raises(LabError, match="ModuleNotFoundError: No module named 'fctnl'"):
        lab.start("part1", "import stat", "import fctnl")


ANYTHING: dict[str, Callable[[lab.Bench], object]] = {
    "post": lambda plugin: plugin.post("/"),
    "docker": lambda plugin: plugin.docker("docker volume rm mango"),
    "find": lambda plugin: plugin.find("ddd"),
    "volumes": lambda plugin: plugin.volumes(),
    "stop": lambda plugin: plugin.stop(),
    "kill": lambda plugin: plugin.kill(),
    "again": lambda plugin: plugin.again(),
    "second": lambda plugin: plugin.second(),
}


@pytest.mark.parametrize("act", ANYTHING.values(), ids=ANYTHING.keys())
def test_after_close_everything_says_which_cell_to_run(act: Callable[[lab.Bench], object]) -> None:
    plugin = lab.start("part1")
    lab.close()
    with pytest.raises(
        LabError, match=r"^lab\.close\(\) has ended this plugin\. Run .*   from workshop\S* import lab$"
    ):
        act(plugin)


def test_what_is_done_twice_says_what_to_run() -> None:
    plugin = lab.start("part1")
    plugin.stop()
    for cell in (plugin.stop(), plugin.kill(), plugin.second()):
        assert repr(cell) == "part1/plugin.py has ended already. To start it again, run   plugin.again()"
    assert plugin.again().post("/").status == 200
    assert repr(lab.close()).startswith("The plugins have ended")
    assert repr(lab.close()) == f"No plugin runs. {IN_ORDER}"


@pytest.mark.parametrize(
    "command", ["docker ps", "docker volume create -d ddd -o size=1G kiwi", "docker volume", "", "'"]
)
def test_a_command_that_the_laboratory_cannot_do_is_refused(command: str) -> None:
    with pytest.raises(LabError, match='It takes   "docker volume create -d ddd NAME"'):
        lab.start("part3").docker(command)


def test_mine_is_the_learners_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path))
    monkeypatch.setenv(lab.MINE, "1")
    with pytest.raises(LabError, match=r"There is no work/plugin\.py yet\. .*   \./workshop start$"):
        lab.start("part1")
    text = (repository.clone_root() / "part1" / "plugin.py").read_text()
    (tmp_path / "plugin.py").write_text(text.replace("Hello!", "Good morning!"))
    plugin = lab.start("part1")
    assert repr(plugin) == "work/plugin.py listens at /lab/ddd.sock"
    assert plugin.get("/").text.startswith("Good morning!")
    with pytest.raises(
        LabError, match=r"work/plugin\.py has this text 0 times, not once: 'Hello!'.*   \./workshop lab$"
    ):
        lab.start("part1", "Hello!", "Bye!")


OUT_OF_ORDER = {
    ("plugin.post('/')", "name 'plugin' is not defined", "plugin"): FIRST,
    ('plugin.post("/VolumeDriver.Mount", {"Name": "mango", "ID": second})', "", "second"): "first, second = ",
    ("small_again()", "", "small"): "small = lab.start(",
}


@pytest.mark.parametrize(("cell", "begins"), OUT_OF_ORDER.items(), ids=lambda value: str(value[-1]))
def test_a_name_that_is_not_there_yet_names_its_cell(cell: tuple[str, str, str], begins: str) -> None:
    source, text, name = cell
    said = sentence_for(NameError(text, name=name), source)
    assert said.startswith(f"Nothing is called {name} yet. Run this cell first:   {begins}"), said


def test_a_cell_of_the_course_needs_what_was_before_and_the_learners_own_code_has_its_traceback() -> None:
    course_cell = "stat.filemode(os.stat(plugin.socket).st_mode)"
    cell = f"import os\nimport stat\n\n{course_cell}\n"
    assert sentence_for(FileNotFoundError("gone"), cell) == (
        f"This cell needs what the cells above it leave behind (FileNotFoundError: gone). {IN_ORDER}"
    )
    assert sentence_for(FileNotFoundError("gone"), "open('mine')") == ""
    assert sentence_for(NameError("", name="nmae"), "nmae") == ""


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
