"""The tour: what one docker run makes Docker and the plugin say; with --all, the three parts and a volume's life."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.progress import progress
from workshop.daemon.daemon import Daemon, DockerError
from workshop.plugins.errors import NotReady
from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin, accepts, command_for
from workshop.protocol.exchange import Exchange
from workshop.terminal import in_colour, printable

PLUGINS = Path("/run/docker/plugins")
BOTH = "sh -c 'echo hello | tee /data/note'"
WRITE = "sh -c 'echo hello > /data/note'"
READ = "cat /data/note"
ACHIEVED = "Containers keep their files in your volumes."
REMEMBERED = """
Docker remembers the driver ddd until it is restarted: while no plugin listens at
/run/docker/plugins/ddd.sock, each `docker volume ls` takes 15 s. To make it forget:
    sudo systemctl restart docker"""


def main(engine: bool, everything: bool) -> int:
    """Show the tour, through a real Docker Engine if asked; return 0, or 1 after a sentence on what is missing."""
    try:
        return _engine_tour(everything) if engine else _practice_tour(everything)
    except (NotReady, DockerError) as error:
        print(f"\nThe tour stops here. {error}")
        if repository.find_clone():
            print(f"See what does not work on this machine:   {repository.tool()} test")
        return 1


def _practice_tour(everything: bool) -> int:
    """Play Docker's side ourselves, in a folder that is gone afterwards."""
    print("Docker's side is played here, so no Docker is needed.")
    stages = enumerate((_greeting, _activation, _volumes), start=1) if everything else [(3, _one_run)]
    with private_folder() as folder:
        for part, stage in stages:
            if everything:
                _say("head", f"\n{course.part(part).heading}")
            with _run_part(part, folder / "ddd.sock", folder / "root") as plugin:
                stage(plugin)
    if everything and not _engine_trouble():
        print(f"\nThere is a Docker Engine here. To see the real one do it:   {repository.tool()} tour --engine")
    _print_last_words(everything)
    return 0


def _print_last_words(everything: bool) -> None:
    """Say what to type after the tour."""
    print()
    if not everything:
        print(f"All three parts:         {repository.tool()} tour --all")
    print(f"Now write it yourself:   {repository.tool()} start")


@contextmanager
def _run_part(part: int, socket: Path, root: Path) -> Iterator[Plugin]:
    """Run the plugin of a part while its stage is shown. Outside of a clone it is made from the steps."""
    home = repository.find_clone()
    with private_folder() as folder:
        file = home / f"part{part}" / "plugin.py" if home else folder / "plugin.py"
        if not home:
            file.write_text(str(course.part(part).after["plugin.py"]))
        plugin = Plugin(command_for(str(file), None), socket, root)
        try:
            yield plugin.start()
        finally:
            plugin.close()


def _greeting(plugin: Plugin) -> None:
    """Part 1: somebody answers on the socket."""
    _say("you", "$ curl --unix-socket ddd.sock http://localhost/")
    _show(plugin.call("", method="GET"), caller="curl")
    _print_achievement(1, "A server listens where Docker looks for plugins.")


def _activation(plugin: Plugin) -> None:
    """Part 2: Docker activates the plugin, and is told what the plugin cannot do yet."""
    daemon = Daemon(plugin.address(), on_exchange=_show)
    _play("volume create -d ddd mango", lambda: daemon.volume_create("mango", "ddd"))
    _print_achievement(2, "Docker can activate the plugin, and print what it says.")


def _one_run(plugin: Plugin) -> None:
    """All that a new volume and its first container make Docker ask."""
    daemon = Daemon(plugin.address(), on_exchange=_show, seed=1)
    command = f"run --rm -v mango:/data --volume-driver=ddd busybox \\\n    {BOTH}"
    _play(command, lambda: daemon.run("mango", _write_and_read, "ddd"))
    _say("head", f"\nAchievement unlocked! {ACHIEVED}")


def _volumes(plugin: Plugin) -> None:
    """Part 3: the life of a volume."""
    daemon = Daemon(plugin.address(), on_exchange=_show, seed=1)
    _play("volume create -d ddd mango", lambda: daemon.volume_create("mango", "ddd"))
    _play("volume inspect mango", lambda: json.dumps([daemon.volume_inspect("mango")], indent=4))
    _play(f"run --rm -v mango:/data busybox {WRITE}", lambda: daemon.run("mango", _write_note))
    _play(f"run --rm -v mango:/data busybox {READ}", lambda: daemon.run("mango", _read_note))
    _play("volume rm mango", lambda: daemon.volume_rm("mango"))
    _print_achievement(3, ACHIEVED)


def _write_note(mountpoint: str) -> str:
    """Do what the first container does; it prints nothing."""
    Path(mountpoint, "note").write_text("hello\n")
    return "(prints nothing)"


def _read_note(mountpoint: str) -> str:
    """Do what the second container does."""
    return Path(mountpoint, "note").read_text().strip()


def _write_and_read(mountpoint: str) -> str:
    """Do what the container of the short tour does."""
    _write_note(mountpoint)
    return _read_note(mountpoint)


def _play(command: str, act: Callable[[], str]) -> None:
    """Show a docker command, then the exchanges that it makes, then what docker prints."""
    _say("you", f"\n$ docker {command}")
    try:
        print(act())
    except DockerError as error:
        print(f"Error response from daemon: {error}")


def _engine_trouble() -> str:
    """Return why no Docker Engine can be used here, "" when one can."""
    if not shutil.which("docker"):
        return "There is no docker command here. Install Docker Engine (Debian, Ubuntu: apt-get install docker.io)."
    asked = _run_docker("version", "--format", "{{.Server.Version}}")
    if asked.returncode:
        return f"Docker does not answer: {asked.stderr.strip().splitlines()[-1]} Start it, or run this as root."
    if not os.access(PLUGINS if PLUGINS.exists() else PLUGINS.parent.parent, os.W_OK):
        return f"There is no right to make a socket in {PLUGINS}. Type   sudo {repository.tool()} tour --engine"
    return ""


def _engine_tour(everything: bool) -> int:
    """Do the same through docker: the parts listen where Docker looks."""
    socket = PLUGINS / "ddd.sock"
    trouble = _engine_trouble()
    if accepts(socket):
        trouble = f"A plugin listens at {socket} already. End it, then type   {repository.tool()} tour --engine"
    if trouble:
        print(f"{trouble}\nWithout an engine:   {repository.tool()} tour")
        return 1
    print("Your Docker Engine speaks. After each command: what the plugin was asked.")
    volume = f"mango-{secrets.token_hex(4)}"
    with private_folder() as folder:
        if everything:
            _engine_beginning(socket, folder, volume)
        with _run_part(3, socket, folder) as plugin:
            _engine_volumes(plugin, volume, everything)
    print(REMEMBERED)
    _print_last_words(everything)
    return 0


def _engine_beginning(socket: Path, folder: Path, volume: str) -> None:
    """Parts 1 and 2 with a real engine."""
    _say("head", f"\n{course.part(1).heading}")
    with _run_part(1, socket, folder) as plugin:
        _greeting(plugin)
    _say("head", f"\n{course.part(2).heading}")
    with _run_part(2, socket, folder) as plugin:
        _docker(plugin, f"volume create -d ddd {volume}", wanted=1)
        _print_achievement(2, "Docker has activated the plugin, and prints its error.")
    _say("head", f"\n{course.part(3).heading}")


def _engine_volumes(plugin: Plugin, volume: str, everything: bool) -> None:
    """Part 3 with a real engine. The volume is removed whatever happens."""
    run = f"run --rm --network none -v {volume}:/data"
    life = [
        f"volume create -d ddd {volume}",
        f"volume inspect {volume}",
        f"{run} busybox {WRITE}",
        f"{run} busybox {READ}",
    ]
    try:
        for line in life if everything else [f"{run} --volume-driver=ddd busybox {BOTH}"]:
            _docker(plugin, line)
        _docker(plugin, f"volume rm {volume}")
    except DockerError:
        _run_docker("volume", "rm", "-f", volume)
        raise
    if everything:
        _print_achievement(3, ACHIEVED)
    else:
        _say("head", f"\nAchievement unlocked! {ACHIEVED}")


def _docker(plugin: Plugin, line: str, wanted: int = 0) -> None:
    """Run a docker command and show what it prints, and what the plugin was asked. Raises DockerError."""
    before = len(plugin.output())
    _say("you", f"\n$ docker {line}")
    done = subprocess.run(f"docker {line}", shell=True, capture_output=True, text=True, timeout=300)
    for request in plugin.output()[before:].splitlines():
        if '"' in request:
            _say("docker", f"  [docker]  {request.split(chr(34))[1]}")
    print((done.stdout + done.stderr).strip())
    if done.returncode != wanted:
        raise DockerError(f"docker {line.split()[0]} ended with status {done.returncode}.")


def _run_docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker, and give it 30 s: a driver that is gone costs 15."""
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 1, "", "no answer within 30 s.")


def _show(exchange: Exchange, caller: str = "docker") -> None:
    """Print an exchange, each line with its speaker."""
    method = exchange.request.split(b" ")[0].decode()
    _lines("docker", f"[{caller}]", f"{method} /{exchange.endpoint}  {exchange.sent or '(empty body)'}")
    answer = f"{exchange.status} {exchange.text.strip()}" if exchange.status else exchange.failure
    _lines("plugin" if exchange.status == 200 else "error", "[plugin]", answer)


def _short(text: str) -> str:
    """Return a text with IDs as docker shows them, and without the folder that the tour has made for the volumes."""
    return re.sub(r'"/[^"]*/volumes(/[^"]*)"', r'"…\1"', printable(text))


def _lines(colour: str, speaker: str, text: str) -> None:
    """Print a speaker's words in 80 columns."""
    wrapped = textwrap.wrap(_short(text), 68, subsequent_indent="  ", break_on_hyphens=False)
    for number, line in enumerate(wrapped):
        _say(colour, f"  {speaker if number == 0 else '':8}  {line}")


def _print_achievement(number: int, achievement: str) -> None:
    """End a part. Its plugin is the solution: where to read it is said to a learner who has passed the part."""
    _say("head", f"\nAchievement unlocked! {achievement}")
    part, now = course.part(number), progress()
    if not all(now.is_done(step.id) for step in part.steps):
        print(f"You write it in part {number}: {len(part.steps)} steps, {part.minutes} min.")
    elif repository.find_clone():
        print(f"Read it:   less part{number}/plugin.py")


def _say(colour: str, text: str) -> None:
    """Print in colour on a terminal, plainly elsewhere or with NO_COLOR."""
    print(in_colour(colour, text), flush=True)
