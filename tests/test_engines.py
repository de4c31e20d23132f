"""The tests of an engine, and those that need nothing, on each release of Debian: its Docker Engine, Podman, Python.

`--durations=0` prints how long each took. The setup of a release's first test is the making of its root.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engine import compare
from engine.roots import ROOTS, prepared, run_in

RUNS = {"engine": ["--require", "engine", "tests/engine"], "unmarked": ["-n", "auto"]}
"""What is typed after `./workshop test` in a root."""


@pytest.fixture(scope="session", params=ROOTS)
def release(request: pytest.FixtureRequest) -> str:
    """Each release, with its root made."""
    if "engines" not in request.config.getoption("ddd_require"):
        pytest.skip("runs in each release of Debian, for an hour: ./workshop test --require engines")
    if os.geteuid() != 0:
        pytest.skip("only root can make a release of Debian: sudo ./workshop test --require engines")
    prepared(request.param)
    return str(request.param)


@pytest.mark.engines
@pytest.mark.parametrize("run", RUNS)
def test_the_tests_pass_there(release: str, run: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as output:
        status = run_in(release, ["./workshop", "test", *RUNS[run]], output)
    assert status == 0, "\n".join(log.read_text().splitlines()[-200:])


# What was recorded of them


def test_the_page_says_what_the_command_says() -> None:
    _, mark, table = compare.PAGE.read_text().partition(compare.MARK)
    assert mark and table == compare.written(), "type: .venv/bin/python -m tests.engine.compare"


def test_each_difference_has_its_reason_and_each_reason_its_difference() -> None:
    found = [compare.differences(compare.releases(podman)) for podman in (False, True)]
    assert sorted(compare.WHY) == sorted([*found[0], *found[1]])


def test_every_command_was_recorded_of_every_release() -> None:
    for podman in (False, True):
        files = {release: {path.name for path in (compare.TRACES / release).iterdir()} for release in
                 compare.releases(podman)}  # fmt: skip
        assert len(files) == 3 and len(set(map(frozenset, files.values()))) == 1, files


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('["Host", ""]', '["Host", "x"], ["X-New", "1"]', {"the header `Host`", "the header `X-New`"}),
        ('\\"Name\\":\\"mango\\"}\\n', '\\"Name\\":\\"kiwi\\"}\\n', {"`Name` of `VolumeDriver.Get`"}),
        ('{\\"Name\\":\\"mango\\"}\\n', '{\\"Name\\":\\"mango\\"}', {"the end of the body of `VolumeDriver.Get`"}),
        ("/VolumeDriver.Get", "/VolumeDriver.Path", {"calls of `docker volume inspect mango`"}),
    ],
)
def test_what_differs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, what: set[str]
) -> None:
    text = (compare.TRACES / "20.10" / "volume-inspect.jsonl").read_text()
    assert old in text
    for release, said in {"1.0": text, "2.0": text, "10.0": text.replace(old, new)}.items():
        (tmp_path / release).mkdir()
        (tmp_path / release / "volume-inspect.jsonl").write_text(said)
    monkeypatch.setattr(compare, "TRACES", tmp_path)
    assert compare.releases(podman=False) == ["1.0", "2.0", "10.0"]
    found = compare.differences(["1.0", "2.0", "10.0"])
    assert set(found) == what
    assert all(len(set(values.values())) == 2 for values in found.values()), found
