"""The pytest side of the checks: which plugin, its options and marks, and the `plugin` that every check speaks to."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop import interrupt, setup
from workshop import report as reports
from workshop.conformance import suite
from workshop.conformance.candidate import Candidate
from workshop.conformance.case import CLIENTS, case_of
from workshop.process import OurTrouble, WrongCommand, command_for, private_folder
from workshop.subject import PluginUnderTest, makes_volumes, needs_process, shapes_of, step_number
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
    group.addoption(
        "--profile", choices=list(CLIENTS), default="docker", help="whose calls the conformance suite makes"
    )
    group.addoption("--allow-outside-root", action="store_true", help="try also what could harm volumes of others")
    group.addoption("--seed", type=int, default=random.randrange(10**6), help="repeat the names of an earlier run")
    required = {"action": "append", "default": [], "choices": ["engine", "browser", "slow"]}
    group.addoption("--require", **required, help="a skip of a test with this mark is a failure")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    chosen = [option for option in ("plugin", "run", "socket") if config.getoption(option)]
    if len(chosen) > 1:
        raise pytest.UsageError(f"--{' and --'.join(chosen)} name two plugins: give one of them.")
    if not __debug__:
        raise pytest.UsageError("Python leaves out the checks. Type it again with   env -u PYTHONOPTIMIZE")
    try:
        command_for(None, config.getoption("run") or "true")
    except WrongCommand as wrong:
        raise pytest.UsageError(str(wrong)) from None
    file = config.getoption("plugin")
    if file and not Path(file).is_file():
        raise pytest.UsageError(f"There is no file {file}: give --plugin the plugin's Python file.")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say how to repeat a run. Where the wheel is installed beside other tests, they are not bothered with it."""
    ours = setup.home() or any(config.getoption(option) for option in ("plugin", "run", "socket"))
    return f"names from --seed {config.getoption('seed')}" if ours else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that does not restart the plugin is run twice: with the calls of Docker 20.10, and with those of 28."""
    if step_number(metafunc.function.__name__) and "shape" in metafunc.fixturenames:
        metafunc.parametrize("shape", shapes_of(metafunc.function))


@pytest.fixture
def shape() -> str:
    """The engine whose bytes are sent."""
    return SHAPES[-1]


@pytest.fixture(scope="module")
def shared_plugin(request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin that all checks of a part speak to."""
    config = request.config
    kind = Candidate if request.path.parent == Path(suite.__file__).parent else PluginUnderTest
    part = re.sub(r"\D", "", request.path.stem) or "3"
    file = config.getoption("plugin") or str(config.rootpath / f"part{part}" / "plugin.py")
    socket = config.getoption("socket")
    if not Path(file).is_file() and not config.getoption("run") and not socket:
        pytest.exit("Name a plugin:   pytest --pyargs workshop.conformance --socket PATH", 4)
    with interrupt.handled(only_keyboard_interrupts=True), folder_for_checks() as folder:
        if socket:
            plugin = kind([], Path(socket), None)
        else:
            plugin = kind(command_for(file, config.getoption("run")), folder / "ddd.sock", folder / "root")
        plugin.allow_outside_root = config.getoption("allow_outside_root")
        yield plugin
        plugin.close()
        request.config.stash.setdefault(ADVICE, []).extend([*plugin.caution(), *plugin.what_is_left()])


@contextlib.contextmanager
def folder_for_checks() -> Iterator[Path]:
    """Give a private folder; end the run where this machine has no room for one: no test is to blame."""
    try:
        with private_folder() as folder:
            yield folder
    except OurTrouble as trouble:
        pytest.exit(str(trouble), 3)


@pytest.fixture
def plugin(shared_plugin: PluginUnderTest, shape: str, request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin under test, running; what a check makes is removed after it."""
    if needs_process(request.function):
        shared_plugin.needs_process()
    shared_plugin.shape = shape
    shared_plugin.chance = random.Random(f"{request.config.getoption('seed')} {request.node.name}")
    shared_plugin.exchanges.clear()
    case = case_of(request.function)
    if case or makes_volumes(step_number(request.function.__name__)):
        shared_plugin.survey()
    if case and isinstance(shared_plugin, Candidate):
        shared_plugin.profile, patience = request.config.getoption("profile"), shared_plugin.patience
        yield shared_plugin.ready(case)
        shared_plugin.patience = patience
        notes = [f"{case.id}: {note}" for note in shared_plugin.notes]
        request.config.stash.setdefault(NOTES, []).extend(notes)
    else:
        yield shared_plugin.ready_for(request.function)
    shared_plugin.clean_up()
    with contextlib.suppress(AssertionError):
        shared_plugin.look_for_the_others()
    if shared_plugin.lost:
        pytest.exit(f"A volume that no check has made is gone from List: {', '.join(shared_plugin.lost)}.", 1)
    request.config.stash.setdefault(ADVICE, []).extend(shared_plugin.advice)


ADVICE = pytest.StashKey[list[str]]()
NOTES = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Make the skip of a required test a failure: what CI asks for has to have run. Tell of cases that do not hold."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed and call.excinfo and isinstance(call.excinfo.value, AssertionError):
        tell_of_case(item, report, str(call.excinfo.value))
    required = [mark for mark in item.config.getoption("require") if item.get_closest_marker(mark)]
    if report.skipped and required and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.longrepr = f"--require {required[0]}, and this was left out. {reason}"
    return report  # type: ignore[return-value]


def tell_of_case(item: pytest.Item, report: pytest.TestReport, failure: str) -> None:
    """Report a failed case of the conformance suite as `workshop check` does. Only a must makes the run fail."""
    case = case_of(getattr(item, "function", None))
    plugin = getattr(item, "funcargs", {}).get("plugin") or getattr(item, "funcargs", {}).get("shared_plugin")
    if not case or not isinstance(plugin, Candidate):
        return
    result = reports.Result(case.id, case.rule, level=case.levels[plugin.profile])
    suite.fail(result, plugin, case, reports.evidence(plugin, case.id, failure, plugin.output()[-4000:], None))
    report.longrepr = "\n".join(suite.lines_of(result))
    plugin.afresh()
    if result.outcome != "FAIL":
        report.outcome = "skipped"
        report.wasxfail = f"{result.level}: {case.rule}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, key in (("advice", ADVICE), ("notes", NOTES)):
        lines = config.stash.get(key, [])
        if lines:
            terminalreporter.section(title)
        for line in dict.fromkeys(lines) if key is NOTES else sorted(set(lines)):
            terminalreporter.write_line(line)
