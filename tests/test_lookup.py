"""The checks of discovery: what they accept, what is not the learner's fault, and what they need."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from files import FILES, PLAIN, RIGHT, TCP, TLS, free_port

from workshop.checker import lookup
from workshop.checker import steps as steps_module
from workshop.plugins.folders import private_folder
from workshop.plugins.process import command_for
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent
STEPS = steps_module.checks_of_part(2)


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[PluginUnderTest]:
    """The plugin of part 2, in a folder without any file beside it."""
    shutil.copy(ROOT / "part2" / "plugin.py", tmp_path)
    with private_folder() as folder:
        made = PluginUnderTest(command_for(str(tmp_path / "plugin.py"), None), folder / "ddd.sock", folder / "root")
        made.beside = tmp_path
        yield made
        made.close()


def outcome(plugin: PluginUnderTest, step: str) -> tuple[str, str]:
    """Return what came of a step, and why."""
    result = steps_module.run_step(plugin, step, STEPS[step], None)
    return result.outcome, result.diagnosis.key if result.diagnosis else result.reason


def put(plugin: PluginUnderTest, name: str, text: str) -> None:
    assert plugin.beside
    (plugin.beside / name).parent.mkdir(exist_ok=True)
    (plugin.beside / name).write_text(text)


@pytest.mark.parametrize("name", RIGHT)
def test_what_docker_accepts_is_right(plugin: PluginUnderTest, name: str) -> None:
    step, file, text = RIGHT[name]
    put(plugin, file, text.replace("PORT", str(free_port())))
    assert outcome(plugin, step) == ("ok", "")


@pytest.mark.parametrize(
    ("step", "file", "text"),
    [("2.3", "ddd-tcp.spec", TCP), ("2.4", "ddd-tls.json", PLAIN), ("2.5", "ddd-tls.json", TLS)],
)
def test_a_port_that_another_program_has_is_no_fault(plugin: PluginUnderTest, step: str, file: str, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        port = str(another.getsockname()[1])
        put(plugin, file, text.replace("8787", port).replace("8788", port))
        kind, reason = outcome(plugin, step)
    assert kind == "skip" and f"port {port} of 127.0.0.1: another program has it" in reason, reason
    assert f"name another port in {file}" in reason


def test_a_check_waits_for_a_port_that_another_check_has(
    plugin: PluginUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = socket.create_server(("127.0.0.1", 0))
    put(plugin, "ddd-tcp.spec", TCP.replace("8787", str(another.getsockname()[1])))
    asked_again: list[float] = []

    def other_check_ends(seconds: float) -> None:
        asked_again.append(seconds)
        another.close()

    monkeypatch.setattr(lookup, "time", SimpleNamespace(monotonic=time.monotonic, sleep=other_check_ends))
    assert outcome(plugin, "2.3") == ("ok", "")
    assert asked_again


@pytest.mark.parametrize("port", ["0", "99999"])
def test_a_port_that_is_none_is_not_accepted(plugin: PluginUnderTest, port: str) -> None:
    put(plugin, "ddd-tcp.spec", TCP.replace("8787", port))
    assert outcome(plugin, "2.3") == ("FAIL", "a file that Docker cannot use")


def test_without_openssl_only_tls_is_skipped(plugin: PluginUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    put(plugin, "ddd-tcp.spec", TCP.replace("8787", str(free_port())))
    put(plugin, "ddd-tls.json", TLS.replace("8788", str(free_port())))
    monkeypatch.setattr(lookup, "which", lambda _: None)
    assert outcome(plugin, "2.3") == ("ok", "")
    kind, reason = outcome(plugin, "2.5")
    assert kind == "skip" and reason.endswith("apt-get install openssl")


def test_another_path_is_taken_as_it_is_written(plugin: PluginUnderTest, tmp_path: Path) -> None:
    lookup.made_certificates(tmp_path / "mine")
    text = TLS.replace("8788", str(free_port()))
    put(plugin, "ddd-tls.json", text.replace("/etc/docker/ddd-certs", str(tmp_path / "mine")))
    # they are of another authority than the check's
    assert outcome(plugin, "2.5") == ("FAIL", "the plugin's certificate is not accepted")


def test_without_the_plugins_folder_the_steps_are_skipped(plugin: PluginUnderTest) -> None:
    plugin.beside = None
    for step in ("2.3", "2.4", "2.5"):
        assert outcome(plugin, step) == (
            "skip",
            "looks at .spec and .json files, which have to be beside the file of --plugin FILE",
        )


def test_what_was_put_aside_and_the_progress_are_no_files(plugin: PluginUnderTest) -> None:
    put(plugin, "ddd-tcp-1.spec", TCP)
    put(plugin, ".progress.json", "{}")
    assert outcome(plugin, "2.3") == ("FAIL", "no file for the driver")


def test_a_file_that_may_not_be_read_is_the_files_fault(plugin: PluginUnderTest) -> None:
    assert plugin.beside
    (plugin.beside / "ddd-tcp.spec").mkdir()
    assert outcome(plugin, "2.3") == ("FAIL", "a file that Docker cannot use")


def test_a_plugin_that_answers_wrongly_is_not_a_wrong_file(plugin: PluginUnderTest, tmp_path: Path) -> None:
    put(plugin, "ddd-tcp.spec", TCP.replace("8787", str(free_port())))
    text = (tmp_path / "plugin.py").read_text()
    (tmp_path / "plugin.py").write_text(text.replace('["VolumeDriver"]', "[]"))
    kind, key = outcome(plugin, "2.3")
    assert kind == "FAIL" and key not in {each.diagnosis or each.name for each in FILES}


@pytest.mark.parametrize(
    ("names", "outcomes"),
    [
        ([], ["skip"] * 3),
        ([".progress.json"], ["skip"] * 3),
        (["ddd.spec"], ["FAIL"] * 3),
        (["ddd-tcp.spec"], ["ok", "FAIL", "FAIL"]),
        (["ddd-tcp.spec", "ddd-tls.json"], ["ok"] * 3),
    ],
)
def test_the_files_of_a_plugin_are_beside_it(tmp_path: Path, names: list[str], outcomes: list[str]) -> None:
    shutil.copy(ROOT / "part2" / "plugin.py", tmp_path)
    texts = {"ddd-tls.json": TLS.replace("8788", str(free_port()))}
    for name in names:
        (tmp_path / name).write_text(texts.get(name, TCP.replace("8787", str(free_port()))))
    command = [sys.executable, "-m", "workshop", "check", "2", "--all", "--plugin", str(tmp_path / "plugin.py")]
    done = subprocess.run([*command, "--json", str(tmp_path / "said.txt")], capture_output=True, cwd=ROOT, timeout=60)
    steps = json.loads((tmp_path / "said.txt").read_text())["steps"]
    assert [step["outcome"] for step in steps][2:] == outcomes, done.stdout
