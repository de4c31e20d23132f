"""When a skip is a failure. Only the tests of this repository load this, by `-p workshop.checker.skips`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

MARKS = {
    "engine": "needs a real Docker Engine",
    "slow": "takes more than a second or two",
    "browser": "needs a real Chromium",
    "peers": "runs public plugins, for minutes",
    "thorough": "tries what the other tests leave out of long tables",
    "engines": "runs tests again on each release of Debian, for an hour",
}
NIGHTLY = ("peers", "thorough", "engines")
"""The marks that .ci/run does not require, and .ci/nightly does."""
ROWS = "tests that may be skipped though all marks are required: `nodeid: reason`, with or without the [parameters]"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workshop", "which plugin the checks speak to (default: the part's own plugin.py)")
    help = "a skip of a test with this mark is a failure; with engine, slow and browser, each is but those in ddd_skips"
    group.addoption("--ddd-require", action="append", default=[], choices=list(MARKS), help=help)
    parser.addini("ddd_skips", ROWS, type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.pluginmanager.register(Skips(config), "workshop skips")


class Skips:
    """What is required in this run, and which rows of the list of skips it has needed."""

    def __init__(self, config: pytest.Config) -> None:
        self.required: list[str] = config.getoption("ddd_require")
        self.all_required = set(self.required) >= set(MARKS) - set(NIGHTLY)
        self.rows = dict(_row_of(line) for line in config.getini("ddd_skips"))
        self.needed: set[str] = set()
        without_nightly = re.sub("|".join(f"not {mark}( and )?" for mark in NIGHTLY), "", config.option.markexpr)
        chosen = config.option.keyword or without_nightly
        whole = not chosen and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        # a worker of pytest-xdist has a part of the tests only, and their reports go to the process that began the run
        self.complete = self.all_required and whole and not hasattr(config, "workerinput")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Make the skip of a required test a failure: what CI asks for has to have run. An xfail is a skip, too."""
        report: pytest.TestReport = yield  # type: ignore[assignment]
        required = self.all_required or any(item.get_closest_marker(mark) for mark in self.required)
        if report.skipped and required:
            self.fail_unless_listed(report)
        return report  # type: ignore[return-value]

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Iterator[None]:
        """Make the skip of a whole file a failure where anything is required: nobody knows the marks of its tests."""
        report: pytest.CollectReport = yield  # type: ignore[assignment]
        if report.skipped and self.required:
            self.fail_unless_listed(report)
        return report  # type: ignore[return-value]

    def fail_unless_listed(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = _reason_of(report)
        for row in (report.nodeid, report.nodeid.partition("[")[0]):
            if row in self.rows and self.rows[row] in reason:
                report.__dict__["ddd_row"] = row  # pytest-xdist passes on what a report has
                return
        report.outcome = "failed"
        required = "All marks are" if self.all_required else f"{' and '.join(self.required)} is"
        report.longrepr = f"{required} required, and this was skipped. {reason}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.needed.add(getattr(report, "ddd_row", ""))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.needed.add(getattr(report, "ddd_row", ""))

    def unneeded(self, session: pytest.Session) -> list[str]:
        """Return the rows of the list that a complete run did not need; none for a run that was not complete."""
        complete = self.complete and not session.shouldstop and not session.shouldfail
        return sorted(set(self.rows) - self.needed) if complete else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and self.unneeded(session):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        session = terminalreporter._session
        for row in self.unneeded(session) if session else []:
            terminalreporter.write_line(f"{row} is in ddd_skips, and was not skipped. Remove its row.", red=True)


def _row_of(line: str) -> tuple[str, str]:
    """Return the nodeid and the reason of a row. Raises UsageError for a row without a reason."""
    nodeid, _, reason = line.partition(": ")
    if not reason:
        raise pytest.UsageError(f"A row of ddd_skips is `nodeid: reason`, not {line!r}. Give the reason of the skip.")
    return nodeid, reason


def _reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test was skipped, or is expected to fail."""
    if hasattr(report, "wasxfail"):
        return f"Expected to fail: {report.wasxfail}"
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
