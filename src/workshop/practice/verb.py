"""`./workshop docker`: the course's docker commands, played by the practice daemon on a machine without Docker."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click

from workshop.daemon import Daemon, DockerError
from workshop.discovery import Places
from workshop.practice.container import Unable
from workshop.practice.containers import VERBS, Machine
from workshop.practice.home import DiskRecord, Homeless, Unreadable, home, places
from workshop.practice.mounts import WrongFlag
from workshop.practice.talk import Failed, PatientClock, Practice, attempt, each, say, show, table
from workshop.wire import SHAPES, Shape


def main(arguments: list[str]) -> int:
    """Do what `docker` does with these arguments; return its exit status."""
    return play(arguments, None)


def play(arguments: list[str], practice: Practice | None) -> int:
    """Do the same with this practice daemon; None is the one of this user's folder."""
    try:
        docker.main(arguments, prog_name="./workshop docker", standalone_mode=False, obj=practice)
    except Failed as failed:
        return failed.status
    except (click.NoSuchOption, click.BadParameter, click.UsageError) as wrong:
        program = wrong.ctx.command_path if wrong.ctx else "./workshop docker"
        print(f"{unknown(wrong)}\nWhat the practice daemon knows of it:\n    {program} --help", file=sys.stderr)
        return 125
    except (WrongFlag, Unable, Unreadable, Homeless) as wrong:
        print(wrong, file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    return 0


def unknown(wrong: click.UsageError) -> str:
    """Return what docker says of an option that it does not know."""
    if isinstance(wrong, click.NoSuchOption):
        return f"unknown {'flag' if wrong.option_name.startswith('--') else 'shorthand flag'}: {wrong.option_name}"
    return wrong.format_message()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--trace", is_flag=True, help="Show every exchange with a plugin.")
@click.option("--host", is_flag=True, help="Look for plugins in Docker's own folders: /run/docker/plugins and others.")
@click.option("--engine", type=click.Choice(SHAPES), default="28", help="Speak as this release of Docker Engine does.")
@click.option("--restart", is_flag=True, help="Forget what plugins have said, as a restart of Docker does.")
@click.pass_context
def docker(context: click.Context, trace: bool, host: bool, engine: Shape, restart: bool) -> None:
    """docker's commands of the course, without Docker: a practice daemon calls your plugin as Docker does."""
    if context.obj is None:
        folder = home()
        own = places(folder)
        daemon = Daemon(
            Places() if host else own,
            shape=engine,
            told=show if trace else lambda _: None,
            clock=PatientClock(),
            record=DiskRecord(folder),
            folder=folder / "volumes",
        )
        context.obj = Practice(daemon, Machine(), folder, host, trace)
    if restart:
        context.obj.daemon.restart()
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a dictionary."""
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def filled(template: str, values: dict[str, Any]) -> str:
    """Return a --format with its fields filled in: {{.Name}}, {{.Labels.stage}}, {{json .Labels}}; no more of Go's."""

    def value(match: re.Match[str]) -> str:
        found: Any = values
        for key in match[2].split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return (
            json.dumps(found, separators=(",", ":")) if match[1] else str(found if found is not None else "<no value>")
        )

    return re.sub(r"\{\{\s*(json\s+)?\.([\w.]+)\s*\}\}", value, template)


# Volumes


@docker.group(no_args_is_help=True)
def volume() -> None:
    """Manage volumes."""


@volume.command("create")
@click.option("-d", "--driver", default="local", help="The plugin that makes the volume.")
@click.option("-o", "--opt", multiple=True, metavar="KEY=VALUE", help="An option for the plugin.")
@click.option("--label", multiple=True, metavar="KEY=VALUE", help="What Docker is to remember of it.")
@click.option("--name", "named", hidden=True)
@click.argument("name", default="")
@click.pass_obj
def volume_create(practice: Practice, driver: str, opt: list[str], label: list[str], named: str, name: str) -> None:
    """Make a volume."""
    daemon = practice.daemon
    print(attempt(practice, lambda: daemon.volume_create(name or named or "", driver, pairs(opt), pairs(label))))


@volume.command("inspect")
@click.option("-f", "--format", "template", default="", help="Print this, with fields such as {{.Mountpoint}}.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def volume_inspect(practice: Practice, template: str, names: list[str]) -> None:
    """Show what there is to know of volumes."""
    found, errors = [], []
    for name in names:
        try:
            found.append(practice.daemon.volume_inspect(name))
        except DockerError as error:
            errors.append(error)
    if template:
        print("\n".join(filled(template, one) for one in found))
    else:
        print(json.dumps(found, indent=4))
    for wrong in errors:
        say(practice, wrong)
    if errors:
        raise Failed(1)


@volume.command("ls")
@click.option("-q", "--quiet", is_flag=True, help="The names only.")
@click.option(
    "-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="Only those of a driver, or a name."
)
@click.pass_obj
def volume_ls(practice: Practice, quiet: bool, filters: list[str]) -> None:
    """List the volumes of all drivers."""
    wanted = pairs(filters)
    if set(wanted) - {"driver", "name"}:
        raise WrongFlag(
            "The practice daemon filters by driver and name:\n    ./workshop docker volume ls -f driver=ddd"
        )
    found = attempt(practice, practice.daemon.volume_ls)
    found = [
        one for one in found if wanted.get("driver", one.driver) == one.driver and wanted.get("name", "") in one.name
    ]
    found.sort(key=lambda one: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", one.name)])
    if quiet:
        print("".join(f"{one.name}\n" for one in found), end="")
    else:
        table([["DRIVER", "VOLUME NAME"], *([one.driver, one.name] for one in found)])


@volume.command("rm")
@click.option("-f", "--force", is_flag=True, help="No error where there is none of that name.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def volume_rm(practice: Practice, force: bool, names: list[str]) -> None:
    """Remove volumes."""
    each(practice, names, lambda name: practice.daemon.volume_rm(name, force))


@volume.command("prune")
@click.option("-f", "--force", is_flag=True, help="Without a question, as this does anyway.")
@click.option("-a", "--all", "all_of_them", is_flag=True, help="Local volumes with a name, too.")
@click.pass_obj
def volume_prune(practice: Practice, force: bool, all_of_them: bool) -> None:
    """Remove local volumes that no container has; those of plugins stay."""
    removed = attempt(practice, lambda: practice.daemon.volume_prune(all_of_them))
    if removed:
        print("Deleted Volumes:\n" + "\n".join(removed) + "\n")
    print("Total reclaimed space: 0B")


for verb in VERBS:
    docker.add_command(verb)

if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
