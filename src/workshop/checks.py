"""The pytest side of the checks: which plugin, its options and marks, and the `plugin` that every check speaks to."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.process import command_for, private_folder
from workshop.subject import PluginUnderTest, needs_process, shapes_of, step_number
from workshop.wire import SHAPES

MARKS = {
    "engine": "needs a real Docker Engine",
    "browser": "needs a real Chromium",
    "slow": "takes more than a second or two",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workshop", "which plugin the checks speak to (default: the part's own plugin.py)")
    group.addoption("--plugin", metavar="FILE", help="a plugin in Python")
    group.addoption("--run", metavar="COMMAND", help="a plugin in any language: DDD_SOCKET and DDD_ROOT tell it where")
    group.addoption("--socket", metavar="PATH", help="a plugin that already runs")
    group.addoption("--seed", type=int, default=random.randrange(10**6), help="repeat the names of an earlier run")
    required = {"action": "append", "default": [], "choices": ["engine", "browser", "slow"]}
    group.addoption("--require", **required, help="a skip of a test with this mark is a failure")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    chosen = [option for option in ("plugin", "run", "socket") if config.getoption(option)]
    if len(chosen) > 1:
        raise pytest.UsageError(f"--{' and --'.join(chosen)} name two plugins: give one of them.")
    file = config.getoption("plugin")
    if file and not Path(file).is_file():
        raise pytest.UsageError(f"There is no file {file}: give --plugin the plugin's Python file.")


def pytest_report_header(config: pytest.Config) -> str:
    return f"names from --seed {config.getoption('seed')}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that does not restart the plugin is run twice: with the calls of Docker 20.10, and with those of 28."""
    if step_number(metafunc.function.__name__):
        metafunc.parametrize("shape", shapes_of(metafunc.function))


@pytest.fixture
def shape() -> str:
    """The engine whose bytes are sent."""
    return SHAPES[-1]


@pytest.fixture(scope="module")
def shared_plugin(request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin that all checks of a part speak to."""
    config = request.config
    if config.getoption("socket"):
        yield PluginUnderTest([], Path(config.getoption("socket")), None)
        return
    part = re.sub(r"\D", "", request.path.stem)
    file = config.getoption("plugin") or str(config.rootpath / f"part{part}" / "plugin.py")
    with private_folder() as folder:
        plugin = PluginUnderTest(command_for(file, config.getoption("run")), folder / "ddd.sock", folder / "root")
        yield plugin
        plugin.close()


@pytest.fixture
def plugin(shared_plugin: PluginUnderTest, shape: str, request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin under test, running; what a check makes is removed after it."""
    if needs_process(request.function):
        shared_plugin.needs_process()
    shared_plugin.shape = shape
    shared_plugin.chance = random.Random(f"{request.config.getoption('seed')} {request.node.name}")
    shared_plugin.exchanges.clear()
    yield shared_plugin.ready_for(request.function)
    shared_plugin.clean_up()
    request.config.stash.setdefault(ADVICE, []).extend(shared_plugin.advice)


ADVICE = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Make the skip of a required test a failure: what CI asks for has to have run."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    required = [mark for mark in item.config.getoption("require") if item.get_closest_marker(mark)]
    if report.skipped and required and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.longrepr = f"--require {required[0]}, and this was left out. {reason}"
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    advice = config.stash.get(ADVICE, [])
    if advice:
        terminalreporter.section("advice")
        for line in sorted(set(advice)):
            terminalreporter.write_line(line)
