"""A learner's plugin is given up as soon as it stands still, and one by others when its time is over."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mutants import MUTANTS
from programs import perl
from steps import STEPS

from workshop.checker import report
from workshop.checker.steps import run_step
from workshop.plugins import kernel
from workshop.plugins.folders import private_folder
from workshop.plugins.kernel import Wait
from workshop.plugins.under_test import PluginUnderTest

PATIENCE = 10.0
TOO_LONG = 3600.0
"""A patience that no test has: what is waited for so long is not given up as it should be."""


class Clock:
    """A time that goes on by itself, by a little whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += Wait.EVERY
        return self.now


def given_up(
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[float], tuple[bool, float]],
    standstill: float | None,
    starting: bool,
) -> int:
    """Return after how many seconds a wait ends for a program that works like that; work gets the time."""
    clock = Clock()
    monkeypatch.setattr(kernel, "time", clock)
    monkeypatch.setattr(kernel, "work_of", lambda _: work(clock.now))
    wait = Wait(1, PATIENCE, standstill, starting)
    begun = clock.now
    while not wait.over():
        assert clock.now < TOO_LONG, "it is waited for in vain"
    return round(clock.now - begun)


@pytest.mark.parametrize(
    ("work", "standstill", "starting", "seconds"),
    [
        pytest.param(lambda now: (False, 0.0), 2.0, True, 2, id="it sleeps"),
        pytest.param(lambda now: (False, 0.0), 2.0, False, 2, id="it sleeps, and does not answer"),
        pytest.param(lambda now: (False, 0.0), None, True, 10, id="it is by others"),
        pytest.param(lambda now: (True, now), 2.0, True, 10, id="it starts, and uses the CPU"),
        pytest.param(lambda now: (True, now), 2.0, False, 2, id="it loops, and does not answer"),
        pytest.param(lambda now: (True, now / 4), 2.0, False, 8, id="it has a quarter of a busy CPU"),
        pytest.param(lambda now: (True, 0.0), 2.0, False, 10, id="it waits for a disk"),
        pytest.param(lambda now: (now < 3, 0.0), 2.0, True, 5, id="it stands still after a slow start"),
    ],
)
def test_it_is_given_up_when_it_stands_still(
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[float], tuple[bool, float]],
    standstill: float | None,
    starting: bool,
    seconds: int,
) -> None:
    assert given_up(monkeypatch, work, standstill, starting) == seconds


def test_a_program_at_work_is_seen_to_work(tmp_path: Path) -> None:
    with private_folder() as folder:
        for text, works in (("while True: pass", True), ("import signal; signal.pause()", False)):
            plugin = PluginUnderTest([sys.executable, "-c", text], folder / "ddd.sock", folder / "root")
            process = plugin.launch()
            while kernel.work_of(process.pid)[0] != works:
                assert process.poll() is None
            plugin.close()


WAITS = ["a port instead of the socket", "a socket in another place", "does not listen", "deaf to SIGTERM", "hangs"]
WRONG = [each for each in MUTANTS if each.name in [*WAITS, "one caller at a time", "second goes on"]]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_learner_does_not_wait_for_what_will_not_come(wrong: object, tmp_path: Path) -> None:
    command, file = wrong.command(tmp_path)  # type: ignore[attr-defined]
    with private_folder() as folder:
        plugin = PluginUnderTest(command, folder / "ddd.sock", folder / "root")
        plugin.patience = TOO_LONG
        result = run_step(plugin, wrong.step, STEPS[wrong.step], file)  # type: ignore[attr-defined]
        plugin.close()
    assert result.outcome == "FAIL"
    assert any(word in "\n".join(report.lines_of(result)) for word in ("waited ", "went on for ", "still runs after "))


@pytest.mark.slow
def test_a_plugin_that_never_answers_is_asked_little_more(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text(perl("sleep 1000 while $head =~ /Create|Mount|Remove|Get/;"))
    with private_folder() as folder:
        plugin = PluginUnderTest(["perl", str(silent)], folder / "ddd.sock", folder / "root")
        plugin.patience = TOO_LONG
        result = run_step(plugin, "3.16", STEPS["3.16"], None)
        assert (result.outcome, plugin.silent) == ("FAIL", True)
        plugin.close()


def test_a_caller_that_nobody_accepts_is_seen_also_after_it_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "ddd.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(str(path))
        listener.listen()
        assert kernel.callers_waiting(path) == 0
        caller.connect(str(path))
        assert kernel.callers_waiting(path) == 1
        caller.close()
        assert kernel.callers_waiting(path) == 1
        listener.accept()[0].close()
        assert kernel.callers_waiting(path) == 0
