"""What `check --explain` says of a step: all that its check does, by a run on the course's own plugin."""

from __future__ import annotations

import os

import pytest

from workshop.course import course, explain

ALL = [step for part in course.parts() for step in part.steps]


def said(step: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what is said of a step, line by line."""
    assert explain.main(step) == 0
    return capsys.readouterr().out.splitlines()


def test_it_tells_each_call_and_what_is_done_between_them(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said("3.4", capsys)
    assert lines[0] == f"Step 3.4 · {course.title('3.4')}"
    assert " ".join(line.strip() for line in lines[1:3]).startswith(f"Why       {course.step('3.4').why[:40]}")
    calls = [line.split()[2] for line in lines if line.startswith("  [docker]  ")]
    assert calls == [f"/VolumeDriver.{method}" for method in ("Create", "Get", "Create", "Get")]
    at = [number for number, line in enumerate(lines) if "[check]   puts files into the volume" in line]
    assert at and "/VolumeDriver.Get" in lines[at[0] - 2] and "/VolumeDriver.Create" in lines[at[0] + 1]
    assert lines[-1].startswith("  Next ") and lines[-1].endswith(" check 3")


def test_it_tells_how_the_plugin_is_started_and_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line for line in said("1.7", capsys) if line.startswith("  [check] ")] == [
        "  [check]   starts the plugin",
        "  [check]   starts the program a second time, and waits for its end",
    ]
    assert [line for line in said("3.5", capsys) if line.startswith("  [check] ")] == [
        "  [check]   starts the plugin with an empty folder for its volumes",
        "  [check]   puts files into the volume",
        "  [check]   puts a file that is no volume beside the volumes",
        "  [check]   stops the plugin with SIGTERM",
        "  [check]   starts the plugin",
    ]


def test_what_docker_does_not_call_is_a_call_of_curl(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said("1.2", capsys)
    assert [line.split()[:3] for line in lines if " / " in line] == [["[curl]", "GET", "/"], ["[curl]", "POST", "/"]]


def test_it_tells_where_docker_looks(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(" ".join(said("2.3", capsys)).split())
    assert "[check] looks for the driver ddd-tcp as Docker does, and takes /etc/docker/plugins/ddd-tcp.spec" in text
    assert "[docker] POST /Plugin.Activate (empty body)" in text and '{"Implements":["VolumeDriver"]}' in text


def test_a_step_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main("9.9") == 2
    assert capsys.readouterr().err.endswith(" check --explain 1.1\n")


@pytest.mark.slow
@pytest.mark.parametrize("step", ALL, ids=lambda step: step.id)
def test_each_check_comes_to_its_end(step: course.Step, capsys: pytest.CaptureFixture[str]) -> None:
    if step.id == "3.15" and os.geteuid():
        pytest.skip("mounts something: sudo ./workshop test")
    lines = said(step.id, capsys)
    assert not any(line.startswith("  left out") for line in lines)
    assert any(line.startswith(("  [docker]", "  [curl]", "  [check] ")) for line in lines) or step.id == "1.1"
    assert [line for line in lines if len(line) > 80] == []
