"""The verbs. Each imports what it needs inside its function, so that it starts at once."""

import io
import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from workshop import __version__, interpreter, repository, terminal
from workshop import install as setup
from workshop.plugins.traits import TRAITS

MARKS = ("slow", "engine", "browser", "peers", "thorough", "engines")
PLANS = ("day", "two-evenings", "half-day", "90-minutes")


def _part_number(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Return the number of a part. Reports name steps: if a step was typed, the error says what check takes."""
    found = re.fullmatch(r"(?:part)?([1-3])", value or "")
    if value is not None and not found:
        number = next(iter(re.findall("[1-3]", value)), "1")
        raise click.UsageError(f"check takes a part, 1, 2 or 3:   {repository.tool()} check {number}")
    return int(found[1]) if found else None


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="docker-plugin-workshop", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> int:
    """Write a Docker volume plugin in Flask, step by step."""
    if context.invoked_subcommand is None:
        from workshop.course import learner

        return learner.status()
    return 0


@cli.command()
@click.option("--engine", is_flag=True, help="Do the same through docker and a real Docker Engine.")
@click.option("--all", "everything", is_flag=True, help="Show all three parts, and the whole life of a volume.")
def tour(engine: bool, everything: bool) -> int:
    """Show what one docker run makes Docker and the plugin say."""
    from workshop.course.tour import main as play

    return play(engine, everything)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.option("--require", multiple=True, type=click.Choice(MARKS), help="Run these too: what cannot run is a failure.")
@click.option("--install", is_flag=True, help="As root, on Debian: install the programs that --require needs.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(require: tuple[str, ...], install: bool, arguments: tuple[str, ...]) -> int:
    """Run the tests. All further ARGUMENTS go to pytest."""
    root = repository.clone_root()
    if install and not require:
        raise click.UsageError("--install is for what --require needs:   ./workshop test --require engine --install")
    setup.programs_for(require, install)
    for name in ("test", *(name for mark in require for name in setup.NEEDS[mark].extras)):
        setup.extra(name)
    chosen = _chosen(arguments, root)
    left_out = [] if chosen else [mark for mark in MARKS if mark not in require]
    # a debugger, or a few tests, are for one process
    together = [] if chosen or not require else ["-n", "auto"]
    status = run_pytest(root, [*together, *_options(left_out, require), *arguments])
    _name_left_out([mark for mark in left_out if _in_use(mark, root)])
    return status


def _chosen(arguments: tuple[str, ...], root: Path) -> bool:
    """Tell whether the arguments themselves choose tests: by -m, or by a path in tests/."""
    paths = [(root / argument.split("::")[0]).resolve() for argument in arguments if argument[:1] != "-"]
    named = any(path.is_relative_to(root / "tests") and path.exists() for path in paths)
    return named or any(re.match(r"-m(?!-)", argument) for argument in arguments)


def _options(left_out: list[str], require: tuple[str, ...]) -> list[str]:
    marks = ["-m", " and ".join(f"not {mark}" for mark in left_out)] if left_out else []
    return marks + [word for mark in require for word in ("--ddd-require", mark)]


def run_pytest(root: Path, options: list[str]) -> int:
    # pytest stops what it started when it gets SIGINT; a SIGTERM would kill it at once. A background job of a script
    # starts with SIGINT ignored, and pytest would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen([sys.executable, "-m", "pytest", *options], cwd=root, env=interpreter.environment())
    before = signal.signal(signal.SIGTERM, lambda *_: running.send_signal(signal.SIGINT))
    interrupted = False
    while running.poll() is None:
        try:
            running.wait()
        except KeyboardInterrupt:
            interrupted = True
    signal.signal(signal.SIGTERM, before)
    if running.returncode == 5:
        click.echo("No test was run: nothing matches these arguments. All tests:  ./workshop test", err=True)
    if running.returncode == 2:
        return 130 if interrupted else 1
    return {0: 0, 1: 1, 4: 2, 5: 1}.get(running.returncode, 3)


def _in_use(mark: str, root: Path) -> bool:
    return any(f"mark.{mark}" in path.read_text() for path in (root / "tests").rglob("*.py"))


def _name_left_out(marks: list[str]) -> None:
    if marks:
        click.echo("\nLeft out, because of what these tests need:")
    for mark in marks:
        click.echo(f"    {mark:9}{setup.NEEDS[mark].why:40}./workshop test --require {mark}")


@cli.command()
@click.argument("part", required=False, callback=_part_number)
@click.option("--plugin", metavar="FILE", help="Check this plugin in Python, instead of work/plugin.py.")
@click.option("--run", metavar="COMMAND", help="Start this plugin, in any language, with DDD_SOCKET and DDD_ROOT set.")
@click.option("--socket", metavar="PATH", help="Check a plugin that already runs.")
@click.option("--all", "go_on", is_flag=True, help="Go on after a failure.")
@click.option("--watch", is_flag=True, help="Check again at every save.")
@click.option("--conformance", is_flag=True, help="Run the conformance suite instead of the steps.")
@click.option(
    "--profile", type=click.Choice(["docker", "podman"]), help="Whose calls the suite makes: docker by default."
)
@click.option("--junit", metavar="FILE", help="Write the results as JUnit XML, too.")
@click.option("--json", metavar="FILE", help="Write the results as JSON, with every exchange.")
@click.option("--json-lines", metavar="FILE", help="Write a line of JSON for each case, with every exchange.")
@click.option("--markdown", metavar="FILE", help="Write a summary for a page of continuous integration.")
@click.option("--baseline", metavar="FILE", help="Fail only what did not fail in this run, written by --json.")
@click.option("--only", metavar="GROUP", multiple=True, help="Run this group of the suite, such as mount.")
@click.option(
    "--fail-on", type=click.Choice(["must", "should"]), help="Which rules of the suite fail; must by default."
)
@click.option("--time-limit", metavar="SECONDS", type=click.FloatRange(min=0.1), help="How long a case may take.")
@click.option("--seed", type=int, help="Repeat the names of an earlier check.")
@click.option(
    "--allow-outside-root", is_flag=True, help="Try also what could harm volumes that the check did not make."
)
@click.option(
    "--opt",
    metavar="KEY=VALUE",
    multiple=True,
    help="For each Create, such as path={root}/{name}. Repeatable.",
)
@click.option("--prepare", metavar="COMMAND", help="Run this before each start with an empty root.")
@click.option("--cleanup", metavar="COMMAND", help="Run this after the last end with that root.")
@click.option("--trait", type=click.Choice(list(TRAITS)), multiple=True, help="What the plugin is by design.")
@click.option("--skip", metavar="STEP", multiple=True, help="Leave out a step such as 1.7, from now on. Repeatable.")
@click.option("--no-skip", is_flag=True, help="Check again what --skip has left out.")
@click.option("--explain", metavar="STEP", help="Show what the check of a step such as 3.9 does, call by call.")
@click.option("--accept", is_flag=True, help="For authors: write transcripts, notebooks and the table of cases again.")
def check(accept: bool, explain: str | None, **options: Any) -> int:
    """Check the steps of a part on your plugin, up to the first that fails."""
    if explain:
        from workshop.course.explain import main as tell

        return tell(explain)
    from workshop.course import check as verb
    from workshop.course.options import Options

    if accept:
        for name in ("test", "notebooks"):
            setup.extra(name)
        return verb.accept(repository.clone_root())
    return verb.main(Options(**options))


@cli.command()
@click.argument("part", required=False, type=int)
@click.option("--fresh", is_flag=True, help="Begin it with the course's files; yours are kept aside.")
def start(part: int | None, fresh: bool) -> int:
    """Begin a part, with your own plugin or a fresh one.

    Your work/plugin.py goes on once it passes the part before.
    """
    from workshop.course.start import start as begin

    return begin(part, fresh)


@cli.command()
@click.argument("step", required=False)
def hint(step: str | None) -> int:
    """Give the next hint for a step."""
    from workshop.course import learner

    return learner.hint(step)


@cli.command()
@click.argument("step", required=False)
@click.option("--show", is_flag=True, help="Show also what you have not passed yet: the solution.")
def diff(step: str | None, show: bool) -> int:
    """Show your plugin beside the course's, or a step's lines.

    What you have not passed yet is shown with --show.
    """
    from workshop.course import learner

    return learner.diff(step, show)


@cli.group(invoke_without_command=True)
@click.option("--plugin", metavar="FILE", help="Start this plugin in Python, and again when its file changes.")
@click.option("--run", metavar="COMMAND", help="Start a plugin in any language.")
@click.option("--socket", metavar="PATH", help="Listen to a plugin that already runs.")
@click.option("--tcp", metavar="HOST:PORT", help="Listen here for a plugin over TCP, with --to.")
@click.option("--to", metavar="HOST:PORT", help="Where the plugin over TCP is.")
@click.option("--record", metavar="FILE", help="Write the conversation to a file, as JSON lines.")
@click.option("--mask", is_flag=True, help="Do not show or write the values of options.")
@click.option("--web", is_flag=True, help="Draw the conversation on a page, too.")
@click.option("--port", type=int, default=0, help="The page's port on loopback; a free one by default.")
def trace(**options: Any) -> int:
    """Show what Docker and a plugin say to each other, as they say it."""
    from workshop.trace import trace as verb

    if click.get_current_context().invoked_subcommand is None:
        return verb.main(verb.Options(**options))
    return 0


@trace.command()
@click.argument("file")
def show(file: str) -> int:
    """Show a conversation that was recorded."""
    from workshop.trace import trace as verb

    return verb.show(file)


@cli.command()
@click.option("--pdf", is_flag=True, help="Make a PDF of each deck, and the handout, too.")
def slides(pdf: bool) -> int:
    """Make the decks, as pages that need no network."""
    from workshop.course.site import build as build_module
    from workshop.course.site import events

    folder = repository.clone_root() / "site"
    for name in ("docs", "browser") if pdf else ("docs",):
        setup.extra(name)
    if pdf:
        build_module.pdf(folder)
    else:
        build_module.build_decks(folder)
    made = "The decks and their PDFs" if pdf else "The decks"
    click.echo(f"{made} are in {folder / 'decks'}. Open one in a browser; the letter S shows the speaker's view.")
    if old := events.outdated(folder):
        click.echo(old)
    click.echo("The whole course as a site:   ./workshop site")
    return 0


@cli.command()
def handout() -> int:
    """Make the handout, a PDF: slides, notes and answers."""
    from workshop.course.site import build as build_module

    for name in ("docs", "browser"):
        setup.extra(name)
    made = build_module.handout_pdf(repository.clone_root() / "site")
    click.echo(f"The handout is {made}. Each deck as a PDF:   {repository.tool()} slides --pdf")
    return 0


@cli.command()
@click.option("--at", metavar="TIME", help="When it begins. Without --plan, the time chooses the plan.")
@click.option("--plan", type=click.Choice(PLANS), help="How long you have; a day by default.")
def agenda(at: str | None, plan: str | None) -> int:
    """Print a plan by the clock: its breaks, what it leaves out, what to cut first."""
    from workshop.course import agenda as verb

    try:
        return verb.main(at, plan)
    except verb.WrongTime as wrong:
        raise click.UsageError(str(wrong)) from None


@cli.command()
def build() -> int:
    """Write part1/ to part3/ again from the steps in slides/, and the style into the pictures."""
    from workshop.course import course
    from workshop.course.site import pictures

    return pictures.build() or course.build(repository.clone_root())


@cli.command()
def site() -> int:
    """Serve the course as a site on this machine."""
    setup.extra("docs")
    from workshop.course.site.build import serve

    return serve()


@cli.command()
@click.argument("part", required=False, type=click.IntRange(1, 3))
@click.option("--mine", is_flag=True, help="Speak to work/plugin.py, not to the course's plugin.")
def lab(part: int | None, mine: bool) -> int:
    """Open the notebooks in JupyterLab: speak to a part's plugin as Docker does."""
    setup.extra("lab")
    from workshop.course.notebooks import jupyter

    jupyter.serve(part, mine)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def docker(arguments: tuple[str, ...]) -> int:
    """Docker's commands of the course, for a machine without Docker."""
    from workshop.daemon.practice import docker as verb

    return verb.main(list(arguments))


@cli.command()
@click.option("--docs", is_flag=False, flag_value="", metavar="[FOLDER]", help="Write docs/cost.md and cost.svg, too.")
@click.option("--quick", is_flag=True, help="Measure little, and no engine: only to see that it works.")
@click.option("--runs", type=click.IntRange(1), default=1, help="So many runs: a ratio is the median of theirs.")
def bench(docs: str | None, quick: bool, runs: int) -> NoReturn:
    """Measure what part 3 costs, beside a plugin in Go and Docker's own driver."""
    root = repository.clone_root()
    setup.extra("serve")
    options = [f"--runs={runs}", *(["--quick"] if quick else [])]
    if docs is not None:
        options += ["--docs", docs or str(root / "docs")]
    measure = [sys.executable, str(root / "benchmarks" / "cost.py"), *options]
    os.execve(sys.executable, measure, interpreter.environment())


@cli.command()
@click.option("--yes", is_flag=True, help="Remove the volumes and all that is in them without a question.")
def clean(yes: bool) -> int:
    """Remove what the course left on this machine."""
    from workshop.course.clean import Places
    from workshop.course.clean import main as tidy

    def ask(question: str) -> bool:
        return click.confirm(question)

    return tidy(Places(), yes, ask if sys.stdin.isatty() else None)


def main() -> NoReturn:
    """Runs a verb, and exits: 0 pass, 1 not yet, 2 wrong usage, 3 our fault, 130 interrupted."""
    _print_as_far_as_can_be()
    sys.exit(_status())


def _print_as_far_as_can_be() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # somebody has closed it
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _status() -> int:
    try:
        number = _number(cli.main(prog_name=repository.tool(), standalone_mode=False))
        sys.stdout.flush()  # here, because the code below handles an output that nobody reads any more
        return number
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except repository.Lacking as lacking:
        click.echo(lacking, err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        terminal.print_nowhere()
        return 1
    except Exception as error:
        return _our_fault(error)


def _number(answer: Any) -> int:
    return answer if isinstance(answer, int) else 0


def _our_fault(error: Exception) -> int:
    place = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})", err=True)
    click.echo("This is our fault, not yours. Please report it where you got this repository or package:", err=True)
    click.echo(f"send the line above, what you typed, and the version, {__version__}.", err=True)
    click.echo(f"Until then, see what else there is:   {repository.tool()} --help", err=True)
    return 3
