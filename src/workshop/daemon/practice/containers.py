"""The container verbs of `./workshop docker`: run, start, stop, kill, rm, ps, cp. What runs is not a container."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import click

from workshop import interpreter
from workshop.daemon.daemon import Container, Daemon, DockerError, NoSuchContainer, Unnamed
from workshop.daemon.practice import namespace as machine
from workshop.daemon.practice.copying import copy
from workshop.daemon.practice.talk import Failed, Missing, Practice, Unsaid, attempt, each, note, say, table
from workshop.daemon.practice.volume_flags import WrongFlag, by_flags
from workshop.protocol.exchange import Shape

# an image's name, as docker writes it: busybox, library/busybox:1.36
IMAGE = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:\w[\w.-]*)?(@sha256:[0-9a-f]{64})?")
NO_CONTAINER = "This is not a container: the command runs here, with the volumes in place."


class Machine:
    """Runs the containers' commands, on this machine. Tests have one that runs nothing."""

    def foreground(self, practice: Practice, container: Container) -> int:
        """Run a container's command to its end; return its exit status."""
        process = _begin(practice.daemon, container, detached=False)
        status = machine.wait(process)
        if practice.daemon.container_ended(container, status) and container.remove:
            practice.daemon.container_rm(container, volumes=True)
        return status

    def detached(self, practice: Practice, container: Container) -> None:
        """Start a container's command. A separate program mounts its volumes, and runs until they are unmounted."""
        # -P: Python imports no file of the current folder, whatever its name
        words = [
            sys.executable,
            "-P",
            "-m",
            "workshop.daemon.practice.docker",
            *practice.options(),
            "keep",
            container.id,
        ]
        keeper = subprocess.Popen(
            words, stdout=subprocess.PIPE, start_new_session=True, text=True, env=interpreter.environment()
        )
        assert keeper.stdout
        with keeper.stdout as output:
            started = output.read() == "started\n"
        if not started:
            raise Failed(keeper.wait())
        keeper.returncode = 0  # nobody waits for it

    def end(self, container: Container, patience: float) -> None:
        """End a container's command."""
        machine.end(container.pid, container.started, patience)

    def is_running(self, container: Container) -> bool:
        """Tell whether a container's command runs."""
        return machine.is_running(container.pid, container.started)


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option("-v", "--volume", "volumes", multiple=True, metavar="NAME:/PATH", help="A volume, and its place.")
@click.option("--mount", "flags", multiple=True, metavar="src=NAME,dst=/PATH", help="The same in other words.")
@click.option("--volume-driver", default="", help="The plugin that makes the volumes of -v.")
@click.option("--name", default="", help="The container's name.")
@click.option("--rm", "remove", is_flag=True, help="Forget the container at its end.")
@click.option("-d", "--detach", is_flag=True, help="Do not wait for its end.")
@click.option("-i", "--interactive", is_flag=True, hidden=True)
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option("--network", "--net", type=click.Choice(["host"]), hidden=True)
@click.argument("image")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def run(
    practice: Practice, /, volumes: list[str], flags: list[str], volume_driver: str, name: str, **more: Any
) -> None:
    """Run a command of this machine with volumes at their place. The image is not needed."""
    if not IMAGE.fullmatch(more["image"]):
        raise WrongFlag("docker: invalid reference format")

    def create() -> Container:
        asked = by_flags(volumes, volume_driver, flags)
        return practice.daemon.container_create(asked, name, more["image"], more["command"] or ["sh"], more["remove"])

    container = attempt(practice, create, "docker: ")
    if more["detach"]:
        practice.machine.detached(practice, container)
        print(container.id)
    else:
        raise Failed(attempt(practice, lambda: practice.machine.foreground(practice, container), "docker: "))


def _begin(daemon: Daemon, container: Container, detached: bool) -> subprocess.Popen[bytes]:
    """Mount a container's volumes and start its command. Raises DockerError, Failed or Unable, with nothing mounted."""
    note(NO_CONTAINER)
    with daemon.record:  # nobody must see it running without its process
        try:
            bound = daemon.container_start(container)
            process = machine.start(container.command, bound, detached)
        except BaseException as error:  # whatever it was, leave nothing behind
            if container.status == "running":
                daemon.container_stop(container, 127)
            if container.remove:
                daemon.container_rm(container, volumes=True)
            raise _start_error(error) from None
        container.pid, container.started = process.pid, machine.start_time(process.pid)
        daemon.keep(container)
    return process


def _start_error(error: BaseException) -> BaseException:
    """Return docker's error for a command that could not be started. Status 127 means that there is no such command."""
    runc = "OCI runtime create failed: runc create failed: unable to start container process"
    match error:
        case machine.NoCommand():
            exec_failed = f'{runc}: exec: "{error}": executable file not found in $PATH'
            print(f"docker: Error response from daemon: {exec_failed}", file=sys.stderr)
            return Failed(127)
        case OSError():
            return DockerError(f'{runc}: error mounting "{error.filename}": {(error.strerror or str(error)).lower()}')
        case _:
            return error


@click.command("keep", hidden=True)
@click.argument("name")
@click.pass_obj
def keep(practice: Practice, name: str) -> None:
    """The program behind `docker run -d`: it is the container's daemon until the container ends."""
    daemon = practice.daemon
    container = daemon.container(name)
    process = attempt(practice, lambda: _begin(daemon, container, detached=True), "docker: ")
    print("started", flush=True)
    with open(os.devnull, "r+") as nothing:
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    status = machine.wait(process)
    if daemon.container_ended(container, status) and container.remove:
        daemon.container_rm(container, volumes=True)


@click.command("start")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def start(practice: Practice, names: list[str]) -> None:
    """Start containers again, without waiting for their end."""

    def again(name: str) -> None:
        container = practice.daemon.container(name)
        if _status(practice, container) != "running":
            _stop_container(practice, container, 0)
            practice.machine.detached(practice, container)

    failed = each(practice, names, again, end=False)
    if failed:
        print(f"Error: failed to start containers: {', '.join(failed)}", file=sys.stderr)
        raise Failed(1)


# for a negative number docker waits without limit; this does not
SECONDS = click.IntRange(0, 10**6)


@click.command("stop")
@click.option("-t", "--time", "patience", type=SECONDS, default=10, help="Seconds until it is killed.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(practice: Practice, patience: float, names: list[str]) -> None:
    """End containers."""
    each(practice, names, lambda name: _stop_container(practice, practice.daemon.container(name), patience))


@click.command("kill")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def kill(practice: Practice, names: list[str]) -> None:
    """Kill containers."""

    cannot, one = ("Cannot", "Container") if practice.daemon.shape == "20.10" else ("cannot", "container")

    def end(name: str) -> None:
        try:
            container = practice.daemon.container(name)
        except NoSuchContainer as error:
            raise DockerError(f"{cannot} kill container: {name}: {error}") from None
        if container.status != "running":
            raise DockerError(f"{cannot} kill container: {name}: {one} {container.id} is not running")
        _stop_container(practice, container, 0)

    each(practice, names, end)


def _status(practice: Practice, container: Container) -> str:
    """Return the state of a container: one whose command has ended unseen, as in a reboot, is "exited"."""
    unseen = container.status in ("running", "stopping") and not practice.machine.is_running(container)
    return "exited" if unseen else container.status


def _stop_container(practice: Practice, container: Container, patience: float) -> None:
    """End a container's command, and unmount its volumes."""
    daemon = practice.daemon
    if container.status != "running":
        return
    container.status = "stopping"
    with daemon.record:
        daemon.keep(container)
    practice.machine.end(container, patience)
    daemon.container_stop(container, 137)
    if container.remove:
        daemon.container_rm(container, volumes=True)


@click.command("rm")
@click.option("-f", "--force", is_flag=True, help="One that runs, too.")
@click.option("-v", "--volumes", is_flag=True, help="Its anonymous volumes, too.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def rm(practice: Practice, force: bool, volumes: bool, names: list[str]) -> None:
    """Forget containers."""

    def forget(name: str) -> None:
        try:
            container = practice.daemon.container(name.strip("/"))
        except Unnamed:
            old = practice.daemon.shape == "20.10"
            raise Unnamed("container", f"{'C' if old else 'c'}ontainer name cannot be empty") from None
        except NoSuchContainer as error:
            if not force:
                raise Missing(str(error)) from None
            say(practice, Missing(str(error)))
            raise Unsaid from None
        if _status(practice, container) == "running" and not force:
            raise DockerError(_running_error(container, name, practice.daemon.shape))
        _stop_container(practice, container, 0)
        practice.daemon.container_rm(container, volumes)

    each(practice, names, forget)


def _running_error(container: Container, name: str, shape: Shape) -> str:
    """Return why docker does not remove a container that runs."""
    if shape == "20.10":
        first = f"You cannot remove a running container {container.id}."
        return f"{first} Stop the container before attempting removal or force remove"
    return f'cannot remove container "{name}": container is running: stop the container before removing or force remove'


@click.command("ps")
@click.option("-a", "--all", "all_of_them", is_flag=True, help="Those that have ended, too.")
@click.option("-q", "--quiet", is_flag=True, help="The IDs only.")
@click.pass_obj
def ps(practice: Practice, all_of_them: bool, quiet: bool) -> None:
    """List containers."""
    everyone = [(one, _status(practice, one)) for one in practice.daemon.container_list()]
    found = [(one, _state(one, how)) for one, how in everyone if all_of_them or how == "running"]
    rows = [[one.id[:12], one.image, f'"{" ".join(one.command)}"', shown, one.name] for one, shown in found]
    if quiet:
        print("".join(f"{row[0]}\n" for row in rows), end="")
    else:
        table([["CONTAINER ID", "IMAGE", "COMMAND", "STATUS", "NAMES"], *rows])


def _state(container: Container, how: str) -> str:
    """Return the state of a container, in the words of docker ps."""
    if how != "exited":
        return how.capitalize()
    # nobody knows the exit status of a command that has ended unseen: docker ps shows 255 then
    return f"Exited ({container.exit_status if container.status == 'exited' else 255})"


@click.command("cp")
@click.argument("source")
@click.argument("target")
@click.pass_obj
def cp(practice: Practice, source: str, target: str) -> None:
    """Copy files from a container or into one: CONTAINER:/PATH is in it."""
    attempt(practice, lambda: copy(practice.daemon, source, target))


VERBS = (run, keep, start, stop, kill, rm, ps, cp)
