"""How an engine finds a plugin by its name, and what it does when the plugin is started again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .engine import Engine, wait_for
from .images import BUSYBOX, REPOSITORY
from .plugins import Part, Recorder

pytestmark = pytest.mark.engine

Start = Callable[[], Engine]
CERTIFICATES = "/etc/docker/ddd-certs"


def drivers(engine: Engine) -> list[str]:
    """The volume drivers that the engine has found and activated so far."""
    found = json.loads(engine.output("info", "--format={{json .Plugins.Volume}}"))
    assert isinstance(found, list)
    return found


def create(engine: Engine, driver: str) -> str:
    """What Docker says to a volume of a plugin which has no VolumeDriver.Create yet."""
    failed = engine.docker("volume", "create", f"--driver={driver}", "first", check=False)
    assert failed.returncode == 1
    return failed.stderr


@contextmanager
def gunicorn(engine: Engine, address: str, *options: str) -> Iterator[None]:
    """Part 2 over TCP, as its slides say; returns when somebody answers at the address."""
    program = str(Path(sys.executable).with_name("gunicorn"))
    command = [program, "--chdir", "part2", "--bind", address, *options, "plugin:app"]
    with (engine.folder / "gunicorn.log").open("a") as log:
        process = engine.spawn(command, output=log, folder=REPOSITORY)
    refused = 7  # curl's word for: nobody listens there
    wait_for(lambda: engine.run("curl", f"http://{address}", check=False).returncode != refused, "gunicorn")
    yield
    engine.signal(process, signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_plugin_is_found_by_its_socket_and_activated_on_first_use(fresh_engine: Start) -> None:
    engine = fresh_engine()
    with Part(engine, 2):
        assert drivers(engine) == ["local"]
        assert "VolumeDriver.Create: " in create(engine, "ddd")
        assert drivers(engine) == ["ddd", "local"]


def test_a_server_without_activation_is_not_taken_for_a_plugin(fresh_engine: Start) -> None:
    engine = fresh_engine()
    with Part(engine, 1):
        assert "Plugin.Activate" in create(engine, "ddd")
        assert drivers(engine) == ["local"]


def test_a_plugin_is_found_by_its_spec_over_tcp(fresh_engine: Start) -> None:
    engine = fresh_engine()
    shutil.copy(REPOSITORY / "part2" / "ddd-tcp.spec", engine.specs)
    with gunicorn(engine, "127.0.0.1:8787"):
        assert "VolumeDriver.Create: " in create(engine, "ddd-tcp")
        assert "ddd-tcp" in drivers(engine)


def secured(engine: Engine) -> Sequence[str]:
    """Make the certificates of part 2 where its .json file looks for them; return gunicorn's options for them."""
    shutil.copy(REPOSITORY / "part2" / "ddd-tls.json", engine.specs)
    engine.run("sh", "part2/make-certs.sh", CERTIFICATES, folder=REPOSITORY)
    server = ["--certfile", f"{CERTIFICATES}/server.pem", "--keyfile", f"{CERTIFICATES}/server-key.pem"]
    return [*server, "--ca-certs", f"{CERTIFICATES}/ca.pem", "--cert-reqs", "2"]


def test_a_plugin_is_found_by_its_json_file_over_mutual_tls(fresh_engine: Start) -> None:
    engine = fresh_engine()
    with gunicorn(engine, "127.0.0.1:8788", *secured(engine)):
        assert "VolumeDriver.Create: " in create(engine, "ddd-tls")
        assert "ddd-tls" in drivers(engine)


def activate(engine: Engine, *options: str) -> subprocess.CompletedProcess[str]:
    curl = ["curl", "--silent", "--cacert", f"{CERTIFICATES}/ca.pem", *options, "--request", "POST"]
    return engine.run(*curl, "https://127.0.0.1:8788/Plugin.Activate", check=False)


def test_without_the_client_certificate_nothing_is_answered(fresh_engine: Start) -> None:
    engine = fresh_engine()
    with gunicorn(engine, "127.0.0.1:8788", *secured(engine)):
        known = ["--cert", f"{CERTIFICATES}/client.pem", "--key", f"{CERTIFICATES}/client-key.pem"]
        assert json.loads(activate(engine, *known).stdout) == {"Implements": ["VolumeDriver"]}
        unknown = activate(engine)
        assert unknown.returncode != 0
        assert unknown.stdout == ""


@pytest.mark.parametrize("present", ["sock spec json", "spec json", "json"])
def test_the_socket_wins_over_the_spec_and_the_spec_over_the_json_file(fresh_engine: Start, present: str) -> None:
    engine = fresh_engine()
    places = {kind: engine.root / f"{kind}.sock" for kind in ["spec", "json"]}
    (engine.specs / "ddd.spec").write_text("unix:///var/lib/ddd/spec.sock\n")
    (engine.specs / "ddd.json").write_text(json.dumps({"Addr": "unix:///var/lib/ddd/json.sock"}))
    places["sock"] = engine.plugins / "ddd.sock"
    with ExitStack() as servers:
        kinds = present.split()
        for kind in {"spec", "json"} - set(kinds):
            (engine.specs / f"ddd.{kind}").unlink()
        asked = {kind: servers.enter_context(Recorder(places[kind])) for kind in kinds}
        engine.docker("volume", "create", "--driver=ddd", "first")
    assert [kind for kind in kinds if asked[kind].requests] == kinds[:1]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_plugin_that_was_started_again_goes_on_as_if_nothing_had_been(
    fresh_engine: Start, name: str, how: signal.Signals
) -> None:
    engine = fresh_engine()
    with Part(engine) as plugin:
        engine.docker("volume", "create", "--driver=ddd", "--label=kept=yes", name)
        engine.container("-v", f"{name}:/data", BUSYBOX, "touch", "/data/file")
        status = plugin.stop(how)
        assert status == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        assert (engine.plugins / "ddd.sock").exists() == (how == signal.SIGKILL)
        plugin.start()
        assert engine.output("volume", "inspect", "--format={{.Labels.kept}}", name) == "yes"
        assert engine.container("-v", f"{name}:/data", BUSYBOX, "ls", "/data") == "file"
        assert name in engine.output("volume", "ls", "--quiet").splitlines()
        engine.docker("volume", "rm", name)


def test_a_plugin_that_comes_a_moment_late_is_still_found(fresh_engine: Start, name: str) -> None:
    # Docker looks again 1, 3, 7 and 15 s after its first look
    engine = fresh_engine()
    creation = engine.spawn(["docker", "volume", "create", "--driver=ddd", name], output=subprocess.PIPE)
    wait_for(lambda: "Unable to locate plugin: ddd" in engine.log.read_text(), "the engine's first look")
    with creation, Part(engine):
        output, _ = creation.communicate(timeout=60)
        assert output.strip() == name
