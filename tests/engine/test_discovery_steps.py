"""The checks of discovery, beside a real engine: what they accept, it accepts, and what they say it prints, it prints.

Each row of tests/files.py is put into the engine's folders under a driver's name of its own, with part 2 behind it over
TCP, TLS and mutual TLS. A lookup that fails costs a real engine 15 s, so all are made at once.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from files import FILES, RIGHT

from workshop.checker import steps
from workshop.checker.diagnose import docker_prints
from workshop.checker.result import Result
from workshop.plugins.folders import private_folder
from workshop.plugins.process import command_for
from workshop.plugins.under_test import PluginUnderTest

from .engine import Engine
from .images import REPOSITORY
from .record import version_of
from .test_discovery import gunicorn, secured
from .test_discovery_table import ETC, USR, WRITE, make_usr_lib_writable, plain
from .wording import neutral

pytestmark = pytest.mark.engine
PLAIN, TLS, MUTUAL = "8787", "8789", "8788"
MORE_THAN_DOCKER = {"anybody is taken for the plugin", "no loopback address"}
"""What Docker accepts, and the checks do not: it is not safe, or cannot be made to listen here."""


@dataclass(frozen=True)
class Row:
    """Files for a driver of its own name."""

    name: str
    step: str
    files: dict[str, str]
    diagnosis: str

    @property
    def old(self) -> str:
        """The driver's name in the course."""
        return "ddd-tcp" if self.step == "2.3" else "ddd-tls"

    @property
    def driver(self) -> str:
        """The driver's name at the engine."""
        return re.sub(r"\W+", "-", self.name).strip("-")

    def texts(self) -> dict[str, str]:
        """Return the files, with the port at which somebody listens as the step wants it."""
        return {name: re.sub(r"8787|8788|PORT", self.port(text), text) for name, text in self.files.items()}

    def port(self, text: str) -> str:
        """Return the port for an address."""
        return MUTUAL if self.step == "2.5" else TLS if "https:" in text and self.step == "2.4" else PLAIN

    def on_a_machine(self) -> dict[str, str]:
        """Return the files by their paths at the engine; in step 2.4, that of the package too."""
        found = {f"{ETC}/{name.replace(self.old, self.driver)}": text for name, text in self.texts().items()}
        return found | ({f"{USR}/{self.driver}.spec": "unix:///run/ddd-1.0.sock\n"} if self.step == "2.4" else {})


ROWS = [Row(each.name, each.step, dict(each.files), each.diagnosis or each.name) for each in FILES]
ROWS += [Row(name, step, {file: text}, "") for name, (step, file, text) in RIGHT.items()]


VERSION = "the engine's version"


@pytest.fixture(scope="module")
def engines_words(machine: None) -> Iterator[dict[str, str]]:
    """What docker says of each row, and under VERSION its version."""
    with Engine() as engine, ExitStack() as servers:
        make_usr_lib_writable(engine)
        files = {path: text for row in ROWS for path, text in row.on_a_machine().items()}
        engine.run(sys.executable, "-c", WRITE, json.dumps(files))
        options = secured(engine)
        servers.enter_context(gunicorn(engine, f"127.0.0.1:{PLAIN}"))
        servers.enter_context(gunicorn(engine, f"127.0.0.1:{TLS}", *options[:4]))
        servers.enter_context(gunicorn(engine, f"127.0.0.1:{MUTUAL}", *options))

        def create(row: Row) -> str:
            # Docker makes one volume of a name after the other
            volume = f"v-{row.driver}"
            said = engine.docker("volume", "create", f"--driver={row.driver}", volume, check=False).stderr
            return said.replace(f"create {volume}: ", "create mango: ")

        with ThreadPoolExecutor(len(ROWS)) as pool:
            words = dict(zip([row.name for row in ROWS], pool.map(create, ROWS), strict=True))
        yield words | {VERSION: version_of(engine)}


def checked(row: Row, folder: Path) -> Result:
    """Return what the check of a step says of a row."""
    shutil.copy(REPOSITORY / "part2" / "plugin.py", folder)
    for name, text in row.texts().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with private_folder() as private:
        plugin = PluginUnderTest(command_for(str(folder / "plugin.py"), None), private / "ddd.sock", private / "root")
        plugin.beside = folder
        try:
            return steps.run_step(plugin, row.step, steps.checks_of_part(2)[row.step], folder / "plugin.py")
        finally:
            plugin.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.driver)
def test_what_the_check_accepts_docker_accepts(row: Row, engines_words: dict[str, str], tmp_path: Path) -> None:
    result, real = checked(row, tmp_path), engines_words[row.name].strip()
    activated = "VolumeDriver.Create: ddd does not answer" in real
    assert (result.diagnosis.key if result.diagnosis else "") == row.diagnosis, result
    assert activated == (result.outcome == "ok" or row.diagnosis in MORE_THAN_DOCKER), real
    said = docker_prints(result.evidence) if result.evidence else ""
    if said and row.diagnosis != "a file of another name" and not said.endswith("Could not load X509 key pair"):
        words = [of_any_engine(text) for text in (said.replace(row.old, row.driver), real)]
        assert neutral(words[0], engines_words[VERSION]) == neutral(words[1], engines_words[VERSION])


def of_any_engine(text: str) -> str:
    """Return a message without the host that stands for a socket: engines before 20.10.26 name the path there."""
    return re.sub(r"http://[^/]+(?=/Plugin.Activate\": dial unix)", "http://", plain(text))
