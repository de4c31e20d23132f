"""The container verbs of `./workshop docker`: run, start, stop, kill, rm, ps, cp. What runs is no container."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import click

from workshop import interpreter
from workshop.daemon import Container, Daemon, DockerError
from workshop.practice import container as machine
from workshop.practice.copying import copy
from workshop.practice.mounts import by_mount_flag, by_volume_flag
from workshop.practice.talk import Failed, Practice, attempt, each, note, table
from workshop.wire import Shape

NO_CONTAINER = "This is no container: the command runs here, with the volumes in place."


class Machine:
    """What runs the containers' commands: this machine. Tests have one that runs nothing."""

    def foreground(self, practice: Practice, container: Container) -> int:
        """Run a container's command to its end; return its exit status."""
        process = begin(practice.daemon, container, detached=False)
        status = machine.wait(process)
        if practice.daemon.container_ended(container, status) and container.remove:
            practice.daemon.container_rm(container, volumes=True)
        return status

    def detached(self, practice: Practice, container: Container) -> None:
        """Start a container's command. A program of its own mounts its volumes, and stays until they are unmounted."""
        # -P: no file of the current folder is imported, whatever its name
        words = [sys.executable, "-P", "-m", "workshop.practice.verb", *practice.options(), "keep", container.id]
        keeper = subprocess.Popen(
            words, stdout=subprocess.PIPE, start_new_session=True, text=True, env=interpreter.environment()
        )
        assert keeper.stdout
        with keeper.stdout as output:
            started = output.read() == "started\n"
        if not started:
            raise Failed(keeper.wait())
        keeper.returncode = 0  # it is left to itself, and nobody waits for it

    def end(self, container: Container, patience: float) -> None:
        """End a container's command."""
        machine.end(container.pid, container.started, patience)

    def lives(self, container: Container) -> bool:
        """Tell whether a container's command runs."""
        return machine.lives(container.pid, container.started)


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option("-v", "--volume", "volumes", multiple=True, metavar="NAME:/PATH", help="A volume, and its place.")
@click.option("--mount", "flags", multiple=True, metavar="src=NAME,dst=/PATH", help="The same in other words.")
@click.option("--volume-driver", default="", help="The plugin that makes the volumes of -v.")
@click.option("--name", default="", help="The container's name.")
@click.option("--rm", "remove", is_flag=True, help="Forget the container at its end.")
@click.option("-d", "--detach", is_flag=True, help="Do not wait for its end.")
@click.option("-i", "--interactive", is_flag=True, hidden=True)
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option("--network", "--net", hidden=True)
@click.argument("image")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def run(
    practice: Practice, /, volumes: list[str], flags: list[str], volume_driver: str, name: str, **more: Any
) -> None:
    """Run a command of this machine with volumes at their place. The image is not needed."""
    mounts = [by_mount_flag(flag) for flag in flags]

    def create() -> Container:
        asked = [*(by_volume_flag(text, volume_driver) for text in volumes), *mounts]
        return practice.daemon.container_create(asked, name, more["image"], more["command"] or ["sh"], more["remove"])

    container = attempt(practice, create, "docker: ")
    if more["detach"]:
        practice.machine.detached(practice, container)
        print(container.id)
    else:
        raise Failed(attempt(practice, lambda: practice.machine.foreground(practice, container), "docker: "))


def begin(daemon: Daemon, container: Container, detached: bool) -> subprocess.Popen[bytes]:
    """Mount a container's volumes and start its command. Raises DockerError, Failed or Unable, with nothing mounted."""
    note(NO_CONTAINER)
    with daemon.record:  # nobody is to see it running and without its process
        try:
            bound = daemon.container_start(container)
            process = machine.start(container.command, bound, detached)
        except (DockerError, OSError, machine.NoCommand, machine.Unable) as error:
            if container.status == "running":
                daemon.container_stop(container, 127)
            if container.remove:
                daemon.container_rm(container, volumes=True)
            raise not_started(error) from None
        container.pid, container.started = process.pid, machine.started(process.pid)
        daemon.keep(container)
    return process


def not_started(error: Exception) -> Exception:
    """Return what docker makes of a command that could not be started; 127 stands for one that is not there."""
    runc = "OCI runtime create failed: runc create failed: unable to start container process"
    match error:
        case machine.NoCommand():
            exec_failed = f'{runc}: exec: "{error}": executable file not found in $PATH'
            print(f"docker: Error response from daemon: {exec_failed}", file=sys.stderr)
            return Failed(127)
        case OSError():
            return DockerError(f'{runc}: error mounting "{error}": no such file or directory')
        case _:
            return error


@click.command("keep", hidden=True)
@click.argument("name")
@click.pass_obj
def keep(practice: Practice, name: str) -> None:
    """The program behind `docker run -d`: it is the container's daemon until the container ends."""
    daemon = practice.daemon
    container = daemon.container(name)
    process = attempt(practice, lambda: begin(daemon, container, detached=True), "docker: ")
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
        if status(practice, container) != "running":
            stopped(practice, container, 0)
            practice.machine.detached(practice, container)

    each(practice, names, again)


@click.command("stop")
@click.option("-t", "--time", "patience", type=float, default=10, help="Seconds until it is killed.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def stop(practice: Practice, patience: float, names: list[str]) -> None:
    """End containers."""
    each(practice, names, lambda name: stopped(practice, practice.daemon.container(name), patience))


@click.command("kill")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def kill(practice: Practice, names: list[str]) -> None:
    """Kill containers."""
    each(practice, names, lambda name: stopped(practice, practice.daemon.container(name), 0))


def status(practice: Practice, container: Container) -> str:
    """Return how a container is: one whose command has ended unseen, as in a reboot, is "exited"."""
    unseen = container.status in ("running", "stopping") and not practice.machine.lives(container)
    return "exited" if unseen else container.status


def stopped(practice: Practice, container: Container, patience: float) -> None:
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
        container = practice.daemon.container(name)
        if status(practice, container) == "running" and not force:
            raise DockerError(running(container, name, practice.daemon.shape))
        stopped(practice, container, 0)
        practice.daemon.container_rm(container, volumes)

    each(practice, names, forget)


def running(container: Container, name: str, shape: Shape) -> str:
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
    everyone = [(one, status(practice, one)) for one in practice.daemon.container_list()]
    found = [(one, state(one, how)) for one, how in everyone if all_of_them or how == "running"]
    rows = [[one.id[:12], one.image, f'"{" ".join(one.command)}"', shown, one.name] for one, shown in found]
    if quiet:
        print("".join(f"{row[0]}\n" for row in rows), end="")
    else:
        table([["CONTAINER ID", "IMAGE", "COMMAND", "STATUS", "NAMES"], *rows])


def state(container: Container, how: str) -> str:
    """Return how a container is, in the words of docker ps."""
    if how != "exited":
        return how.capitalize()
    # of a command that has ended unseen nobody knows the exit status: docker ps shows 255 then
    return f"Exited ({container.exit_status if container.status == 'exited' else 255})"


@click.command("cp")
@click.argument("source")
@click.argument("target")
@click.pass_obj
def cp(practice: Practice, source: str, target: str) -> None:
    """Copy files from a container or into one: CONTAINER:/PATH is in it."""
    attempt(practice, lambda: copy(practice.daemon, source, target))


VERBS = (run, keep, start, stop, kill, rm, ps, cp)
