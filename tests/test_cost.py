"""What `./workshop bench` says of the figures, and that it comes to its end."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def cost_page() -> ModuleType:
    """The half of the bench that measures nothing."""
    spec = importlib.util.spec_from_file_location("cost_page", ROOT / "benchmarks" / "cost_page.py")
    assert spec and spec.loader
    module = sys.modules["cost_page"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def figures(cost_page: ModuleType) -> Any:
    """Figures of a run in which Python takes three times as long as Go, and nothing grows."""
    found = cost_page.Figures(["2 cores"])
    groups = ("serial", "engine", "with 10 volumes", "with 100000 volumes")
    for group in groups:
        for what in (*cost_page.VERBS, "create", "inspect", "remove", "run"):
            for busy in (1, 10, 2):  # a machine that was slow for a round
                for kind, time in (("gunicorn", 3.0), ("development", 4.0), ("go", 1.0), ("local", 0.5)):
                    found.add(group, what, kind, [time * busy, time * busy * 1.5, time * busy * 0.5])
    found.calls = ["Get", "Create", "Get"]
    return found


def verdicts(cost_page: ModuleType, figures: Any) -> dict[str, str]:
    return {each.what: each.verdict for each in cost_page.targets(figures)}


def test_a_target_is_met_by_the_rounds_ratios(cost_page: ModuleType, figures: Any) -> None:
    ratio = figures.ratio("serial", "Get", "gunicorn")
    assert ratio == (3, 3, 3)  # a slow round is slow for both
    found = verdicts(cost_page, figures)
    assert found["Get over the socket, gunicorn to Go"] == "met"
    assert found["Create through the engine, gunicorn to Go"] == "**missed**"
    assert found["Mount, 100 000 volumes to 10"] == "met"
    assert found["List of 100 000 volumes, gunicorn to Go"] == "**missed**"


def test_many_calls_at_once_are_compared_the_other_way_round(cost_page: ModuleType, figures: Any) -> None:
    what = "Get, eight at once, calls of Go to gunicorn's"
    assert verdicts(cost_page, figures)[what] == "not measured"
    for rates in ((100.0, 500.0), (10.0, 41.0), (100.0, 390.0)):
        for kind, rate in zip(("gunicorn", "go"), rates, strict=True):
            figures.add("throughput", "Get", kind, [rate])
    assert verdicts(cost_page, figures)[what] == "**missed**"  # in the middle 4.1
    figures.groups["throughput"]["Get"]["go"] = [[400.0], [40.0], [400.0]]
    assert verdicts(cost_page, figures)[what] == "met"


def test_growth_compares_a_plugin_with_itself(cost_page: ModuleType, figures: Any) -> None:
    for each in figures.groups["with 100000 volumes"]["Mount"]["gunicorn"]:
        each[:] = [time * 1.31 for time in each]
    found = verdicts(cost_page, figures)
    assert found["Mount, 100 000 volumes to 10"] == "**missed**"
    assert found["Get, 100 000 volumes to 10"] == "met"


def test_of_several_runs_a_ratio_is_the_median_of_theirs(cost_page: ModuleType) -> None:
    runs = [cost_page.Figures(["2 cores"]) for _ in range(3)]
    for run, (rounds, time) in zip(runs, ((1, 3.0), (9, 9.0), (1, 4.0)), strict=True):
        for _ in range(rounds):
            run.add("serial", "Get", "gunicorn", [time])
            run.add("serial", "Get", "go", [1.0])
    figures = cost_page.together(runs)
    assert figures.ratio("serial", "Get", "gunicorn")[1] == 4  # of all rounds it would be 9
    assert figures.middle("serial", "Get", "gunicorn") == 9
    assert "Measured in 3 runs on" in cost_page.page(figures)
    assert cost_page.together(runs[:1]) is runs[0]


def test_the_page_says_which_target_flask_and_gunicorn_alone_miss(cost_page: ModuleType, figures: Any) -> None:
    for kind, time in (("flask", 0.364), ("gunicorn", 0.62), ("go", 0.102)):
        figures.add("whose", "one", kind, [time])
    said = " ".join(cost_page.page(figures).split())
    page = " ".join((ROOT / "docs" / "cost.md").read_text().split())
    sentence = "alone take 3.6 times as long as Go: 0.364 ms of ddd's 0.620 ms, and Go 0.102 ms. With them, the target"
    assert sentence in said and sentence in page
    figures.groups["whose"]["one"]["flask"] = [[0.3]]
    assert "cannot be met" not in cost_page.page(figures)


def test_what_was_not_measured_is_neither_met_nor_missed(cost_page: ModuleType, figures: Any) -> None:
    del figures.groups["engine"]
    found = verdicts(cost_page, figures)
    assert found["Create through the engine, gunicorn to Go"] == "not measured"
    assert "Through Docker Engine" not in cost_page.page(figures)


def test_without_go_there_are_no_ratios(cost_page: ModuleType, figures: Any) -> None:
    for kinds in (kinds for group in figures.groups.values() for kinds in group.values()):
        del kinds["go"]
    assert verdicts(cost_page, figures)["Get over the socket, gunicorn to Go"] == "not measured"
    assert "to Go |" not in cost_page.page(figures).partition("## One call at a time")[2]
    assert "plugin in Go" not in cost_page.draw(figures)


def test_the_share_of_a_container_is_the_sum_of_the_calls(cost_page: ModuleType, figures: Any) -> None:
    calls, share = cost_page.share_of_a_run(figures, "go")
    one = figures.middle("serial", "Get", "go")
    assert calls == 3 * one
    assert share == calls / figures.middle("engine", "run", "go")


def test_the_page_and_the_terminal_say_the_same(cost_page: ModuleType, figures: Any) -> None:
    page, table = cost_page.page(figures), cost_page.table(figures)
    assert "| Get over the socket, gunicorn to Go | 3.00 × | 3.00 × | met |" in page
    assert "calls the plugin: 2 Get, 1 Create." in page and "calls the plugin: 2 Get, 1 Create." in table
    assert "Get over the socket, gunicorn to Go" in table and "**" not in table


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (1.0, "1.00"), (12345.6, "12 346")])
def test_a_number_has_three_figures(cost_page: ModuleType, value: float, text: str) -> None:
    assert cost_page.number(value) == text


def test_the_picture_says_in_words_what_it_shows(cost_page: ModuleType, figures: Any) -> None:
    picture = ElementTree.fromstring(cost_page.draw(figures))
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert picture.find("svg:title", space) is not None
    said = picture.find("svg:desc", space)
    assert said is not None and said.text and "Get: ddd, gunicorn 6.00 ms" in said.text
    assert {"Get", "volume create"} <= {each.text for each in picture.iterfind("svg:text", space)}


@pytest.mark.slow
def test_the_verb_runs_to_its_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workshop", "bench", "--quick", "--docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "cost.md").read_text()
    kinds = ["ddd, gunicorn", "ddd, development server", *(["plugin in Go"] if shutil.which("go") else [])]
    for title in ("One call at a time", "Eight calls at once", "Start", "Memory"):
        head = page.partition(f"## {title}\n")[2].partition("|---|")[0]
        assert all(kind in head for kind in kinds), head
    whose = page.partition("## What is Flask's, and what is gunicorn's\n")[2].partition("##")[0]
    for kind in ("gunicorn with a function", "gunicorn with an empty Flask", kinds[0]):
        assert f"| {kind} | " in whose
    assert "`ddd/app.py: get`" in page.partition("### Get\n")[2].partition("###")[0]
    ElementTree.parse(tmp_path / "cost.svg")
