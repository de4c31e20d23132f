"""What a skip may hide: nothing that is required, and nothing at all where all is, as in .ci/run."""

import pytest

pytest_plugins = ["pytester"]

ALL = [word for mark in ("engine", "slow", "browser") for word in ("--ddd-require", mark)]
SOURCE = """
import pytest, unittest

def test_run(): pass

def test_skipped(): pytest.skip("no strace")

@pytest.mark.skipif(True, reason="no strace")
def test_skipif(): pass

@pytest.mark.xfail(reason="no strace")
def test_xfail(): assert False

@pytest.mark.xfail(run=False, reason="no strace")
def test_not_run(): pass

@pytest.mark.parametrize("number", [])
def test_of_nothing(number): pass

@pytest.fixture
def strace(): raise unittest.SkipTest("no strace")

@pytest.mark.parametrize("number", [1, 2])
def test_fixture(number, strace): pass

@pytest.mark.slow
def test_slow(): pytest.skip("no strace")
"""
PEERS = """
@pytest.mark.peers
def test_peer(): pytest.skip("no rclone")
"""
LEFT_OUT = ["skipped", "skipif", "xfail", "not_run", "of_nothing", "fixture", "slow"]
WHOLE_FILES = ['pytest.skip("no strace", allow_module_level=True)', 'pytest.importorskip("strace")']


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose tests are skipped in all ways that there are."""
    pytester.mkdir("tests")
    (pytester.path / "tests" / "test_it.py").write_text(SOURCE)
    allow(pytester)
    return pytester


def allow(suite: pytest.Pytester, *rows: str) -> None:
    suite.makepyprojecttoml(f'[tool.pytest.ini_options]\ntestpaths = ["tests"]\nddd_skips = {list(rows)}\n')


def run(suite: pytest.Pytester, *words: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "workshop.checker.skips", "-p", "no:cacheprovider", "-ra", *words)


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_where_all_is_required_each_skip_is_a_failure_and_says_why(suite: pytest.Pytester, kind: str) -> None:
    done = run(suite, *ALL, "-k", f"run or {kind}" if kind != "not_run" else "not_run or test_run")
    found = done.parseoutcomes()
    assert done.ret == 1 and found["passed"] == 1 and not found.keys() & {"skipped", "xfailed"}, found
    done.stdout.fnmatch_lines(["*was skipped. *got empty*" if kind == "of_nothing" else "*was skipped. *no strace"])


def test_where_a_mark_is_required_the_skips_of_others_are_none(suite: pytest.Pytester) -> None:
    done = run(suite, "--ddd-require", "slow")
    done.assert_outcomes(passed=1, skipped=5, xfailed=2, failed=1)
    assert done.ret == 1
    run(suite, "--ddd-require", "engine").assert_outcomes(passed=1, skipped=6, xfailed=2)
    assert run(suite).ret == 0


@pytest.mark.parametrize("words", [ALL, ["--ddd-require", "engine"]], ids=["all", "one"])
@pytest.mark.parametrize("line", WHOLE_FILES)
def test_a_whole_file_that_is_skipped_is_a_failure(suite: pytest.Pytester, line: str, words: list[str]) -> None:
    (suite.path / "tests" / "test_it.py").write_text(f"import pytest\n{line}\ndef test_run(): pass\n")
    assert run(suite).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    done = run(suite, *words)
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*was skipped. *strace*", "ERROR tests/test_it.py*"])
    allow(suite, "tests/test_it.py: strace")
    assert run(suite, *words).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_what_the_list_names_may_be_skipped(suite: pytest.Pytester) -> None:
    names = [f"test_{kind}" for kind in LEFT_OUT if kind != "of_nothing"]
    allow(suite, "tests/test_it.py::test_of_nothing: got empty", *(f"tests/test_it.py::{name}: no s" for name in names))
    done = run(suite, *ALL)
    assert done.ret == 0
    done.assert_outcomes(passed=1, skipped=6, xfailed=2)
    done.stdout.fnmatch_lines(["SKIPPED * no strace"])


def test_it_may_not_be_skipped_for_another_reason(suite: pytest.Pytester) -> None:
    allow(suite, "tests/test_it.py::test_skipped: no right to mount")
    run(suite, *ALL, "-k", "test_skipped").assert_outcomes(failed=1, deselected=8)


def test_a_row_names_one_set_of_parameters_or_all(suite: pytest.Pytester) -> None:
    allow(suite, "tests/test_it.py::test_fixture[1]: no strace")
    run(suite, *ALL, "-k", "test_fixture").assert_outcomes(skipped=1, errors=1, deselected=7)


def test_a_row_that_a_complete_run_does_not_need_is_a_failure(suite: pytest.Pytester) -> None:
    (suite.path / "tests" / "test_it.py").write_text("def test_run(): pass\n\ndef test_more(): pass\n")
    allow(suite, "tests/test_it.py::test_run: no strace", "tests/test_gone.py::test_it: no strace")
    done = run(suite, *ALL)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["tests/test_gone.py::test_it is in ddd_skips*Remove its row.", "tests/test_it.py::test_run is*"]
    )
    for part in ([*ALL, "-k", "more"], [*ALL, "tests/test_it.py"], ALL[:-2], [*ALL, "-m", "not slow"]):
        assert run(suite, *part).ret == 0


def test_a_run_without_what_is_for_the_night_is_complete(suite: pytest.Pytester) -> None:
    """`.ci/run` leaves three marks out: ./workshop test types -m "not peers and not thorough and not engines"."""
    allow(suite, "tests/test_gone.py::test_it: no strace")
    (suite.path / "tests" / "test_it.py").write_text(f"{SOURCE.partition('def test_skipped')[0]}{PEERS}")
    done = run(suite, *ALL, "-m", "not peers and not thorough and not engines")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["tests/test_gone.py::test_it is in ddd_skips*Remove its row."])
    allow(suite)
    for words in ("not peers and not thorough and not engines", "not peers"):
        assert run(suite, *ALL, "-m", words).ret == 0
    assert run(suite, "--ddd-require", "peers").ret == 1


def test_a_row_without_a_reason_is_wrong_usage(suite: pytest.Pytester) -> None:
    allow(suite, "tests/test_it.py::test_skipped")
    done = run(suite, *ALL)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*`nodeid: reason`*"])


def test_where_two_processes_run_the_tests_all_of_this_holds(suite: pytest.Pytester) -> None:
    words = [*ALL, "-p", "xdist", "-n", "2"]
    run(suite, *words).assert_outcomes(passed=1, failed=3, errors=5)
    names = [f"test_{kind}" for kind in LEFT_OUT if kind != "of_nothing"]
    rows = ["tests/test_it.py::test_of_nothing: got empty", *(f"tests/test_it.py::{name}: no s" for name in names)]
    allow(suite, *rows)
    assert run(suite, *words).ret == 0
    allow(suite, *rows, "tests/test_it.py::test_run: no strace")
    done = run(suite, *words)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["tests/test_it.py::test_run is in ddd_skips*Remove its row."])
