"""`./workshop docker`: the course's docker commands, played by the practice daemon on a machine without Docker."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click

from workshop.daemon.daemon import Daemon, DockerError
from workshop.daemon.practice.containers import VERBS, Machine
from workshop.daemon.practice.home import DiskRecord, Homeless, Unreadable, home, places
from workshop.daemon.practice.namespace import Unable
from workshop.daemon.practice.talk import Failed, PatientClock, Practice, attempt, each, say, show, table
from workshop.daemon.practice.volume_flags import WrongFlag
from workshop.protocol import gojson
from workshop.protocol.discovery import Places
from workshop.protocol.exchange import SHAPES, Shape


def main(arguments: list[str]) -> int:
    """Do what `docker` does with these arguments; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # a name that is not UTF-8 is printed as it came
    return play(arguments, None)


def play(arguments: list[str], practice: Practice | None) -> int:
    """Do the same with this practice daemon; None is the one of this user's folder."""
    try:
        docker.main(arguments, prog_name="./workshop docker", standalone_mode=False, obj=practice)
    except Failed as failed:
        return failed.status
    except (click.NoSuchOption, click.BadParameter, click.UsageError) as wrong:
        program = wrong.ctx.command_path if wrong.ctx else "./workshop docker"
        print(f"{_unknown_option(wrong)}\nWhat the practice daemon knows of it:\n    {program} --help", file=sys.stderr)
        return 125
    except WrongFlag as wrong:
        print(wrong, file=sys.stderr)
        return wrong.status
    except (Unable, Unreadable, Homeless) as wrong:
        print(wrong, file=sys.stderr)
        return 125
    except (KeyboardInterrupt, click.Abort):  # what click makes of Ctrl-C
        return 130
    return 0


def _unknown_option(wrong: click.UsageError) -> str:
    """Return what docker says of an option that it does not know."""
    if isinstance(wrong, click.NoSuchOption):
        name = wrong.option_name
        return f"unknown flag: {name}" if name.startswith("--") else f"unknown shorthand flag: '{name[1:]}' in {name}"
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
            on_exchange=show if trace else lambda _: None,
            clock=PatientClock(),
            record=DiskRecord(folder),
            folder=folder / "volumes",
        )
        context.obj = Practice(daemon, Machine(), folder, host, trace)
    if restart:
        context.obj.daemon.restart()
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a dictionary."""
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _labels(texts: Iterable[str]) -> dict[str, str]:
    """Return what --label says. Raises WrongFlag. Source: docker/cli opts/opts.go (ValidateLabel)."""
    for text in texts:
        key = text.partition("=")[0].lstrip()
        if not key or re.search(r"\s", key):
            why = f"label '{key}' contains whitespaces" if key else f"invalid label '{text}': empty name"
            raise WrongFlag(f'invalid argument {gojson.quote_text(text)} for "--label" flag: {why}')
    return _pairs(texts)


def _as_json(value: Any) -> str:
    """Return a value as docker's own json prints it: in one line, keys in their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _with_escapes(text: str) -> str:
    """Return JSON as Go's encoder prints it for a web page: docker volume inspect does, without --format."""
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


FIELDS = ("CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope", "Status")
MAPS = ("Labels", "Options", "Status")
ONE_FIELD = re.compile(r"\{\{\s*(?:(json)\s+)?\.(\w+)(?:\.(\w+))?\s*\}\}")
FIELDS_ONLY = """The practice daemon fills in fields, and no more of Go's templates:
    {{.Name}}  {{.Labels.stage}}  {{json .Labels}}
The fields: """ + ", ".join(FIELDS)


def _checked(template: str) -> str:
    """Return a --format that can be filled in. Raises WrongFlag, in words of its own: Go's are too many."""
    for word, name, key in ONE_FIELD.findall(template):
        if name not in FIELDS or (key and name != "Labels") or (name in MAPS and not word and not key):
            raise WrongFlag(FIELDS_ONLY, 1)
    if "{{" in ONE_FIELD.sub("", template):
        raise WrongFlag(FIELDS_ONLY, 64)
    return template


def _fill(template: str, values: dict[str, Any]) -> str:
    """Return a checked --format with its fields filled in."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[2])
        found = (found or {}).get(match[3]) if match[3] else found
        return _as_json(found) if match[1] else "<no value>" if found is None else str(found)

    return ONE_FIELD.sub(value, template)


# Volumes


@docker.group(no_args_is_help=True)
def volume() -> None:
    """Manage volumes."""


@volume.command("create")
@click.option("-d", "--driver", default="local", help="The plugin that makes the volume.")
@click.option("-o", "--opt", multiple=True, metavar="KEY=VALUE", help="An option for the plugin.")
@click.option("--label", multiple=True, metavar="KEY=VALUE", help="What Docker is to remember of it.")
@click.option("--name", "named", hidden=True)
@click.argument("name", required=False)
@click.pass_obj
def volume_create(
    practice: Practice, driver: str, opt: list[str], label: list[str], named: str | None, name: str | None
) -> None:
    """Make a volume."""
    kept = _labels(label)
    if named and name is not None:
        old = "either specify --name or provide positional arg, not both"
        new = "cannot specify a volume-name through both --name and as a positional arg"
        raise WrongFlag(f"conflicting options: {old if practice.daemon.shape == '20.10' else new}", 1)
    wanted = name or named or ""
    print(attempt(practice, lambda: practice.daemon.volume_create(wanted, driver or "local", _pairs(opt), kept)))


@volume.command("inspect")
@click.option("-f", "--format", "template", default="", help="Print this, with fields such as {{.Mountpoint}}.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def volume_inspect(practice: Practice, template: str, names: list[str]) -> None:
    """Show what there is to know of volumes."""
    _checked(template)
    found, errors = [], []
    for name in names:
        try:
            found.append(practice.daemon.volume_inspect(name))
        except DockerError as error:
            errors.append(error)
    if template == "json" and practice.daemon.shape != "20.10":
        print(_as_json(found))
    elif template:
        print("\n".join(_fill(template, one) for one in found))
    else:
        print(_with_escapes(json.dumps(found, indent=4, ensure_ascii=False, sort_keys=True)))
    for wrong in errors:
        say(practice, wrong)
    if errors:
        raise Failed(1)


FILTERS = "The practice daemon filters by driver and name:\n    ./workshop docker volume ls -f driver=ddd"


def _by_filters(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return what is asked for by each filter: one of several values is enough. Raises WrongFlag."""
    wanted: dict[str, list[str]] = {}
    for text in filter(None, texts):
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            why = "bad format of filter (expected name=value)"
            raise WrongFlag(f'invalid argument {gojson.quote_text(text)} for "-f, --filter" flag: {why}')
        if key.lower() in ("dangling", "label"):
            raise WrongFlag(FILTERS)
        if key.lower() not in ("driver", "name"):
            raise WrongFlag(f"Error response from daemon: Invalid filter '{key.lower()}'\n{FILTERS}", 1)
        # docker takes a name for a regular expression of Go
        if key.lower() == "name" and not re.fullmatch(r"[\w-]+", value):
            raise WrongFlag(f"Give a part of the name: letters, digits, - and _. {FILTERS}")
        wanted.setdefault(key.lower(), []).append(value)
    return wanted


@volume.command("ls")
@click.option("-q", "--quiet", is_flag=True, help="The names only.")
@click.option(
    "-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="Only those of a driver, or a name."
)
@click.pass_obj
def volume_ls(practice: Practice, quiet: bool, filters: list[str]) -> None:
    """List the volumes of all drivers."""
    wanted = _by_filters(filters)
    found = attempt(practice, practice.daemon.volume_ls)
    found = [one for one in found if one.driver in wanted.get("driver", [one.driver])]
    found = [one for one in found if any(part in one.name for part in wanted.get("name", [""]))]
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


PRUNE = "    ./workshop docker volume prune -f"


@volume.command("prune")
@click.option("-f", "--force", is_flag=True, help="Without a question: the practice daemon asks none.")
@click.option("-a", "--all", "all_of_them", is_flag=True, help="Local volumes with a name, too.")
@click.pass_obj
def volume_prune(practice: Practice, force: bool, all_of_them: bool) -> None:
    """Remove local volumes that no container has; those of plugins stay."""
    if all_of_them and practice.daemon.shape == "20.10":
        raise WrongFlag("unknown shorthand flag: 'a' in -a: it came with Docker Engine 23.0")
    if not force:
        raise WrongFlag("docker asks before it removes. The practice daemon does not: add -f, as in\n" + PRUNE)
    removed = attempt(practice, lambda: practice.daemon.volume_prune(all_of_them))
    if removed:
        print("Deleted Volumes:\n" + "\n".join(removed) + "\n")
    print("Total reclaimed space: 0B")


for verb in VERBS:
    docker.add_command(verb)

if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
