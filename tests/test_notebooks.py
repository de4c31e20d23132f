"""The notebooks: their stored outputs are what a new run gives, and each exercise can be solved.

`./workshop check --accept` stores the outputs again, and shows the difference.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from samples import sampled
from test_site import fetched

from workshop.course.notebooks import jupyter, lab
from workshop.plugins.process import accepts
from workshop.repository import Lacking

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LACKING = [name for name in ("nbclient", "nbformat", "ipykernel") if importlib.util.find_spec(name) is None]
needs_jupyter = pytest.mark.skipif(
    bool(LACKING), reason=f"No {', '.join(LACKING)} here: ./workshop test --require slow"
)

SOLUTIONS = {
    "part1": {
        "exercise-1": 'plugin = lab.start("part1")\nplugin.kill()',
        "exercise-2": 'mine = lab.start("part1", "Hello! I am ddd, a Docker plugin.", "Good morning!")',
    },
    "part2": {
        "exercise-1": 'plugin = lab.start("part2")\n(plugin.folder / "fig.spec").write_text("tcp://127.0.0.1:9999")',
        "exercise-2": 'broken = lab.start("part2", "reason}, error.code", "reason}")',
    },
    "part3": {
        "exercise-1": 'plugin = lab.start("part3")\n'
        'plugin.post("/VolumeDriver.Create", {"Name": "plum", "Opts": None})\n'
        'there = plugin.post("/VolumeDriver.Mount", {"Name": "plum", "ID": first}).json["Mountpoint"]\n'
        'Path(there, "stone").write_text("one")\n'
        'plugin.post("/VolumeDriver.Unmount", {"Name": "plum", "ID": first})',
        "exercise-2": 'plugin.post("/VolumeDriver.Unmount", {"Name": "lime", "ID": first})\n'
        'plugin.post("/VolumeDriver.Unmount", {"Name": "lime", "ID": first})\n'
        'plugin.post("/VolumeDriver.Remove", {"Name": "lime"})',
    },
}
"""What a learner may write, by notebook and cell. In part 3 the second one begins where the cell itself ends."""


def notebook(path: Path) -> Any:
    """Return a notebook as it is stored."""
    return json.loads(path.read_text())


def executed(stored: Any, settings: Path | None = None) -> Any:
    """Return a notebook after a run of all its cells in a new kernel.

    With a folder for IPython's settings it is a kernel of `./workshop lab`, and goes on after an error.
    """
    import nbclient
    import nbformat

    book = nbformat.reads(json.dumps(stored), as_version=4)
    kernel = {"timeout": 120, "startup_timeout": 120, "kernel_name": "python3", "allow_errors": bool(settings)}
    around = {"env": os.environ | {"IPYTHONDIR": str(jupyter.profile(settings))}} if settings else {}
    nbclient.NotebookClient(book, **kernel).execute(**around)
    return book


def outputs(cell: Any) -> list[dict[str, Any]]:
    """Return what a cell shows: each output as text, and as HTML where there is any."""
    shown = ("output_type", "data", "text", "name", "ename")
    kept = [{key: output[key] for key in shown if key in output} for output in cell["outputs"]]
    found: list[dict[str, Any]] = json.loads(json.dumps(kept))
    return [joined(output) for output in found]


def joined(value: Any) -> Any:
    """Return an output with its texts in one piece: a file has them line by line."""
    if isinstance(value, dict):
        return {key: joined(each) for key, each in value.items()}
    return "".join(value) if isinstance(value, list) else value


def code(book: Any) -> dict[str, Any]:
    """Return the cells with code, by their names."""
    return {cell["id"]: cell for cell in book["cells"] if cell["cell_type"] == "code"}


def store(path: Path, run: Any) -> None:
    """Store the outputs of a run in the file, where a difference is to be read."""
    book = notebook(path)
    for name, cell in code(book).items():
        cell["outputs"] = [in_lines(dict(output)) for output in code(run)[name]["outputs"]]
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n")


def in_lines(output: dict[str, Any]) -> dict[str, Any]:
    data = {kind: text.splitlines(True) for kind, text in output["data"].items()}
    return {"data": data, "execution_count": None, "metadata": {}, "output_type": output["output_type"]}


@pytest.mark.slow
@needs_jupyter
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_outputs_are_those_of_a_new_run(path: Path) -> None:
    run = executed(notebook(path))
    if "WORKSHOP_ACCEPT" in os.environ:
        store(path, run)
    stored = code(notebook(path))
    for name, cell in code(run).items():
        assert outputs(cell) == outputs(stored[name]), name


@pytest.mark.slow
@needs_jupyter
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_can_be_solved(path: Path) -> None:
    book = notebook(path)
    for name, solution in SOLUTIONS[path.stem].items():
        cell = code(book)[name]
        begins_there = path.stem == "part3" and name == "exercise-2"
        cell["source"] = "".join(cell["source"]) + "\n" + solution if begins_there else solution
    run = code(executed(book))
    said = {name: outputs(cell)[0]["data"]["text/plain"] for name, cell in run.items() if name.startswith("check-")}
    assert set(said.values()) == {"Solved."}, said


@pytest.mark.slow
@needs_jupyter
@pytest.mark.parametrize("path", sampled(NOTEBOOKS, lambda path: path.parent), ids=lambda path: path.stem)
def test_in_any_order_a_cell_answers_with_the_cell_to_run(path: Path, tmp_path: Path) -> None:
    book = notebook(path)
    cells = list(code(book).values())
    from_the_end, twice, after_close = cells[::-1], [cell for cell in cells for _ in range(2)], cells[1:]
    order = [*from_the_end, *twice, *after_close]
    book["cells"] = [dict(cell, id=f"cell-{number}") for number, cell in enumerate(order)]
    run = list(code(executed(book, tmp_path)).values())
    begins = {"".join(cell["source"]).splitlines()[0] for cell in cells}
    errors = [[output for output in cell["outputs"] if output["output_type"] == "error"] for cell in run]
    for (error,) in filter(None, errors):
        (sentence,) = error["traceback"]
        assert "Traceback" not in sentence and sentence.partition("   ")[2] in begins, sentence
    assert any(errors[: len(cells)]) and any(errors[-len(after_close) :])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_is_not_solved_yet_and_says_where_to_look(path: Path) -> None:
    cells = code(notebook(path))
    exercises = [name for name in cells if name.startswith("exercise-")]
    assert exercises == list(SOLUTIONS[path.stem])
    for name in exercises:
        (shown,) = outputs(cells[name.replace("exercise", "check")])
        assert shown["data"]["text/plain"].startswith("Not yet. ") and len(shown["data"]["text/plain"]) > 40


def test_each_part_has_its_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["part1", "part2", "part3"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_starts_its_own_part_and_ends_with_two_tasks(path: Path) -> None:
    cells = ["".join(cell["source"]) for cell in code(notebook(path)).values()]
    assert f'plugin = lab.start("{path.stem}")' in cells[0]
    assert cells[-1] == "lab.close()"
    names = [cell["id"] for cell in notebook(path)["cells"]]
    assert names[-7:] == ["exercise-1", "check-1", "exercise-2-text", "exercise-2", "check-2", "end", "close"]


@pytest.mark.slow
@needs_jupyter
def test_the_plugin_ends_when_the_kernel_is_killed() -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        said: list[str] = []
        client.execute_interactive(
            "from workshop.course.notebooks import lab; plugin = lab.start('part1'); print(plugin.socket)",
            timeout=30,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
        socket = Path("".join(said).strip())
        assert accepts(socket)
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while accepts(socket):
            assert time.monotonic() < end, "the plugin lives on"
            time.sleep(0.05)
        shutil.rmtree(socket.parent)  # a kernel that is killed leaves this
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_learners_copy_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path))
    folder = jupyter.copies()
    assert sorted(path.name for path in folder.iterdir()) == [path.name for path in NOTEBOOKS]
    (folder / "part1.ipynb").write_text("mine")
    (folder / "part2.ipynb").unlink()
    jupyter.copies()
    assert (folder / "part1.ipynb").read_text() == "mine"
    assert (folder / "part2.ipynb").read_bytes() == (ROOT / "notebooks" / "part2.ipynb").read_bytes()


def test_mine_needs_a_plugin_and_tells_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path))
    with pytest.raises(Lacking, match=r"There is no work/plugin\.py yet\. Begin one:   \./workshop start"):
        jupyter.serve(1, mine=True)
    (tmp_path / "plugin.py").write_text("")
    told: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _, __, environment: told.append(environment))
    jupyter.serve(1, mine=True)
    monkeypatch.setenv(lab.MINE, "1")  # as in a terminal of that JupyterLab
    jupyter.serve(1, mine=False)
    assert [each.get(lab.MINE) for each in told] == ["1", None]
    settings = Path(told[0]["IPYTHONDIR"]) / "profile_default" / "ipython_kernel_config.py"
    assert "workshop.course.notebooks.sentences" in settings.read_text()


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jupyterlab"), reason="No jupyterlab: ./workshop test --require slow")
def test_the_laboratory_is_served_where_it_says_until_ctrl_c(tmp_path: Path) -> None:
    told = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    # what somebody has set for a Jupyter of their own opens ours to nobody
    config = {"ServerApp": {"token": "", "allow_remote_access": True}, "IdentityProvider": {"token": ""}}
    for folder in (tmp_path / ".jupyter", tmp_path / "more"):
        folder.mkdir()
        (folder / "jupyter_server_config.json").write_text(json.dumps(config))
    told |= {"JUPYTER_CONFIG_PATH": str(tmp_path / "more"), "JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS": "true"}
    told |= {"WORKSHOP_WORK": str(tmp_path / "work"), "HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "workshop", "lab", "2"]
    with subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as serving:
        try:
            assert serving.stdout
            said = "".join(serving.stdout.readline() for _ in range(3))
            address = re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/part2\.ipynb(\?token=\w+)", said)
            assert address, said
            listed = json.loads(fetched(f"{address[1]}/api/contents{address[2]}", 60))
            assert {each["name"] for each in listed["content"]} == {path.name for path in NOTEBOOKS}
            assert "<title>JupyterLab</title>" in fetched(address[0], 60)
            for script in ("notebook.js", "conversation.js"):
                assert "plugin-conversation" in fetched(f"{address[1]}/static/{script}{address[2]}", 60)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"{address[1]}/api/contents", timeout=20)
            elsewhere = urllib.request.Request(
                f"{address[1]}/api/contents{address[2]}", headers={"Host": "evil.example"}
            )
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(elsewhere, timeout=20)
        finally:
            serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
