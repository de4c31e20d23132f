"""The practice daemon beside a real engine: the same commands, the same plugin, the same conversation, exchange by
exchange, and the same words on the terminal."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin
from workshop.protocol.exchange import Address, exchange, request

from .engine import Engine
from .images import REPOSITORY, import_busybox
from .record import BEHIND, RESTART, Conversation, Proxy, Row, converse, course, program_of, version_of
from .wording import neutral

pytestmark = pytest.mark.engine
ID = re.compile(r"\b[0-9a-f]{64}\b")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def real(machine: None) -> tuple[str, dict[str, Conversation]]:
    """The version of this machine's engine, and its conversations."""
    with Engine() as engine:
        import_busybox(engine)
        client = [program_of(version_of(engine).rpartition(".")[0])]
        return version_of(engine), {each.stem: each for each in converse(engine, client)}


@pytest.fixture(scope="module")
def practised(real: tuple[str, dict[str, Conversation]]) -> dict[str, Conversation]:
    """Those of the practice daemon, as that release."""
    release = "20.10" if real[0].startswith("20.10") else "28"
    with private_folder() as folder:
        command = [sys.executable, str(REPOSITORY / "tests" / "serve.py")]
        plugin = Plugin(command, folder / "behind.sock", folder / "ddd")
        (folder / "plugins").mkdir()
        try:
            plugin.start()
            with Proxy(folder / "plugins" / "ddd.sock", plugin.socket) as proxy:
                return {each.stem: each for each in practise(folder, proxy, release)}
        finally:
            practice(folder, release, ["rm", "-f", "keeper"])
            plugin.close()


def practise(folder: Path, proxy: Proxy, release: str) -> Iterator[Conversation]:
    """Type each command of the course, as `./workshop docker …`."""
    for stem, command in course():
        if stem in BEHIND:
            method, volume = BEHIND[stem]
            sent = request(f"VolumeDriver.{method}", {"Name": volume})
            assert exchange(Address(path=str(proxy.behind)), method, sent).ok
        done = practice(folder, release, ["--restart"] if command == RESTART else shlex.split(command))
        yield Conversation(stem, command, proxy.take(), done)


def practice(folder: Path, release: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the practice daemon on a folder of its own."""
    line = [sys.executable, "-m", "workshop.daemon.practice.docker", "--engine", release, *words]
    environment = os.environ | {"WORKSHOP_PRACTICE": str(folder)}
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def said(conversations: dict[str, Conversation]) -> dict[str, list[object]]:
    """What is compared: all but times, and of IDs which of them are the same, from the first command to the last."""
    mask = masking()
    return {stem: [compared(row, mask) for row in each.rows] for stem, each in conversations.items()}


def compared(row: Row, mask: Callable[[str], str]) -> object:
    return row["method"], mask(row["path"]), row["request_headers"], mask(row["request"]), row["status"]


def masking() -> Callable[[str], str]:
    """A function that puts "ID 1", "ID 2", … in the place of IDs."""
    ids: dict[str, str] = {}
    return lambda text: ID.sub(lambda match: ids.setdefault(match[0], f"ID {len(ids) + 1}"), text)


@pytest.mark.parametrize("stem", [stem for stem, _ in course()])
def test_the_practice_daemon_says_to_the_plugin_what_this_engine_says(
    stem: str, real: tuple[str, dict[str, Conversation]], practised: dict[str, Conversation]
) -> None:
    assert said(practised)[stem] == said(real[1])[stem]


@pytest.mark.parametrize("stem", [stem for stem, command in course() if command != RESTART])
def test_it_prints_what_docker_prints(
    stem: str, real: tuple[str, dict[str, Conversation]], practised: dict[str, Conversation]
) -> None:
    assert printed(practised[stem], real[0]) == printed(real[1][stem], real[0])


def printed(conversation: Conversation, version: str) -> tuple[int, str, str]:
    """Exit status and output, without what differs from run to run: IDs, dates, the folder of the volumes."""
    assert conversation.done
    mask = masking()
    output = DATE.sub("DATE", mask(conversation.done.stdout))
    output = re.sub(r'"Mountpoint": ".*/ddd/', '"Mountpoint": "/var/lib/ddd/', output)
    errors = [line for line in conversation.done.stderr.splitlines() if not line.startswith("This is not a container")]
    return conversation.done.returncode, output, neutral(mask("\n".join(errors)), version)
