"""The pytest side of the checks: which plugin, its options, and the `plugin` that every check speaks to.

It is loaded by `-p workshop.checker.pytest_plugin` where it is wanted, and by itself nowhere: the wheel may lie beside
other tests. So its options bear a prefix, too: other plugins have a --profile and a --run.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop import interrupt
from workshop.checker import evidence, judge, roots, steps
from workshop.checker.case import CLIENTS, CLIENTS_SHAPE, Case
from workshop.checker.conformance import suite
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case_of
from workshop.checker.lookup import files_beside
from workshop.checker.result import Result
from workshop.checker.target import Target, options_of
from workshop.plugins.errors import OurTrouble, WrongCommand
from workshop.plugins.process import command_for
from workshop.plugins.traits import TRAITS
from workshop.plugins.under_test import PluginUnderTest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workshop", "which plugin the checks speak to (default: the part's own plugin.py)")
    group.addoption("--ddd-plugin", metavar="FILE", help="a plugin in Python")
    run = "a plugin in any language: DDD_SOCKET and DDD_ROOT tell it where"
    group.addoption("--ddd-run", metavar="COMMAND", help=run)
    group.addoption("--ddd-socket", metavar="PATH", help="a plugin that already runs")
    group.addoption(
        "--ddd-profile", choices=list(CLIENTS), default="docker", help="whose calls the conformance suite makes"
    )
    group.addoption("--ddd-opt", metavar="KEY=VALUE", action="append", default=[], help="an option for each Create")
    group.addoption("--ddd-prepare", metavar="COMMAND", help="run this before each start with an empty root")
    group.addoption("--ddd-cleanup", metavar="COMMAND", help="run this after the last end with that root")
    group.addoption(
        "--ddd-trait", choices=list(TRAITS), action="append", default=[], help="what the plugin is by design"
    )
    outside = "try also what could harm volumes of others"
    group.addoption("--ddd-allow-outside-root", action="store_true", help=outside)
    group.addoption("--ddd-seed", type=int, default=random.randrange(10**6), help="repeat the names of an earlier run")


def pytest_configure(config: pytest.Config) -> None:
    chosen = [f"--ddd-{name}" for name in ("plugin", "run", "socket") if config.getoption(f"ddd_{name}")]
    if len(chosen) > 1:
        raise pytest.UsageError(f"{' and '.join(chosen)} name two plugins: give one of them.")
    if not __debug__:
        raise pytest.UsageError("Python leaves out the checks. Type it again with   env -u PYTHONOPTIMIZE")
    if config.getoption("ddd_run") is not None:
        try:
            command_for(None, config.getoption("ddd_run"))
        except WrongCommand as wrong:
            raise pytest.UsageError(_prefixed(str(wrong))) from None
    try:
        options_of(config.getoption("ddd_opt"))
    except WrongCommand as wrong:
        raise pytest.UsageError(_prefixed(str(wrong))) from None
    file = config.getoption("ddd_plugin")
    if file and not Path(file).is_file():
        raise pytest.UsageError(f"There is no file {file}: give --ddd-plugin the plugin's Python file.")


def _prefixed(text: str) -> str:
    """Return a sentence that names options of `workshop check`, with the names that they have in pytest."""
    return re.sub(r"--(?=(plugin|run|socket|allow-outside-root|opt|trait|prepare|cleanup)\b)", "--ddd-", text)


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat a run."""
    return f"names from --ddd-seed={config.getoption('ddd_seed')}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that does not restart the plugin is run twice: with the calls of Docker 20.10, and with those of 28."""
    if steps.step_number(metafunc.function.__name__) and "shape" in metafunc.fixturenames:
        metafunc.parametrize("shape", steps.shapes_of(metafunc.function))


@pytest.fixture
def shape(request: pytest.FixtureRequest) -> str:
    """The engine whose bytes are sent."""
    return CLIENTS_SHAPE[request.config.getoption("ddd_profile")]


@pytest.fixture(scope="module")
def shared_plugin(request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin that all checks of a part speak to."""
    config = request.config
    kind = Candidate if request.path.parent == Path(suite.__file__).parent else PluginUnderTest
    part = re.sub(r"\D", "", request.path.stem) or "3"
    file = config.getoption("ddd_plugin") or str(config.rootpath / f"part{part}" / "plugin.py")
    socket = config.getoption("ddd_socket")
    if not Path(file).is_file() and not config.getoption("ddd_run") and not socket:
        command = "pytest -p workshop.checker.pytest_plugin --pyargs workshop.checker.conformance --ddd-socket=PATH"
        pytest.exit(f"Name a plugin:   {command}", 4)
    run, path = config.getoption("ddd_run"), Path(file).resolve()
    target = Target(
        () if socket else command_for(file, run),
        Path(socket) if socket else None,
        beside=None if socket or run else files_beside(path),
        by_others=bool(socket or run),
        profile=config.getoption("ddd_profile"),
        allow_outside_root=config.getoption("ddd_allow_outside_root"),
        options=options_of(config.getoption("ddd_opt")),
        prepare=config.getoption("ddd_prepare") or "",
        cleanup=config.getoption("ddd_cleanup") or "",
        traits=frozenset(config.getoption("ddd_trait")),
        seed=config.getoption("ddd_seed"),
    )
    with interrupt.handled(only_keyboard_interrupts=True), contextlib.ExitStack() as stack:
        try:
            plugin = stack.enter_context(target.opened(kind))
        except OurTrouble as trouble:
            pytest.exit(str(trouble), 3)  # this machine has no room: no test is to blame
        yield plugin
        stack.close()
        request.config.stash.setdefault(ADVICE, []).extend([*plugin.caution(), *plugin.what_is_left()])


@pytest.fixture
def plugin(shared_plugin: PluginUnderTest, shape: str, request: pytest.FixtureRequest) -> Iterator[PluginUnderTest]:
    """The plugin under test, running; what a check makes is removed after it."""
    case = _case_of(request.function)
    shared_plugin.chance = random.Random(f"{request.config.getoption('ddd_seed')} {request.node.name}")
    with judge.around(shared_plugin, case):
        yield judge.ready(shared_plugin, case, shape)
    if shared_plugin.lost:
        pytest.exit(f"A volume that no check has made is gone from List: {', '.join(shared_plugin.lost)}.", 1)
    request.config.stash.setdefault(ADVICE, []).extend(shared_plugin.advice)
    notes = [f"{case.id}: {note}" for note in shared_plugin.notes]
    request.config.stash.setdefault(NOTES, []).extend(notes)


def _case_of(test: Callable[..., None]) -> Case:
    """Return the case that a test is: a rule of the suite, or a step."""
    return case_of(test) or steps.case_of(steps.step_number(test.__name__), test)


CAUSES = pytest.StashKey[dict[str, Result]]()
ADVICE = pytest.StashKey[list[str]]()
NOTES = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tell of cases that do not hold, and of skips in the words of pytest's options."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed and call.excinfo and isinstance(call.excinfo.value, AssertionError):
        _report_case(item, report, call.excinfo.value)
    if isinstance(report.longrepr, tuple) and "shared_plugin" in getattr(item, "fixturenames", ()):
        file, line, reason = report.longrepr
        report.longrepr = (file, line, _prefixed(reason))
    return report  # type: ignore[return-value]


def _report_case(item: pytest.Item, report: pytest.TestReport, failure: AssertionError) -> None:
    """Report a failed case of the conformance suite as `workshop check` does. Only a must makes the run fail.

    Of those that fail for one reason, the first is reported, and the others are skipped.
    """
    case = case_of(getattr(item, "function", None))
    plugin = getattr(item, "funcargs", {}).get("plugin") or getattr(item, "funcargs", {}).get("shared_plugin")
    if not case or not isinstance(plugin, Candidate):
        return
    result = Result(case.id, case.title, level=case.level(plugin.profile))
    result.root = roots.root_of(plugin, failure)
    known = evidence.gather_evidence(plugin, case.id, str(failure), max(plugin.printed() - 4000, 0), None)
    judge.fail(result, plugin, case, known)
    causes = item.config.stash.setdefault(CAUSES, {})
    cause = causes.setdefault(result.root, result)
    if result.root and cause is not result and (cause.outcome == "FAIL" or result.outcome != "FAIL"):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: follows from {cause.step}")
        return
    report.longrepr = "\n".join(suite.lines_of(result))
    plugin.start_afresh()
    if result.outcome != "FAIL":
        report.outcome = "skipped"
        report.wasxfail = f"{result.level}: {case.title}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, key in (("advice", ADVICE), ("notes", NOTES)):
        lines = config.stash.get(key, [])
        if lines:
            terminalreporter.section(title)
        for line in dict.fromkeys(lines) if key is NOTES else sorted(set(lines)):
            terminalreporter.write_line(line)
