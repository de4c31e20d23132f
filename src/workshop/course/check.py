"""The verb `check`: which plugin, which part, once or at every save; what comes next."""

from __future__ import annotations

import os
import random
import resource
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from workshop import interpreter, interrupt, repository, terminal
from workshop.checker import export, steps
from workshop.checker.conformance import suite
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import cases
from workshop.checker.export import Export, as_json, junit
from workshop.checker.listeners import StepsText
from workshop.checker.lookup import files_beside
from workshop.checker.run import Listener, Run, Summary
from workshop.checker.target import Target
from workshop.course import course, learner, progress
from workshop.plugins.errors import OurTrouble, Usage, WrongCommand
from workshop.plugins.process import command_for, file_stamp
from workshop.repository import work
from workshop.terminal import in_colour

UNLOCKED = {
    1: "A server listens where Docker looks for plugins.",
    2: "Docker can activate your plugin.",
    3: "Containers can trust your plugin with their files.",
}


OUR_ERROR = "  An error is our fault, not the plugin's. Please send its line to the project's issue tracker."
FILES = 256
LONGEST_SOCKET = 107


@dataclass(frozen=True)
class Options:
    """What was typed."""

    part: int | None = None
    plugin: str | None = None
    run: str | None = None
    socket: str | None = None
    go_on: bool = False
    watch: bool = False
    junit: str | None = None
    json: str | None = None
    seed: int | None = None
    conformance: bool = False
    profile: str | None = None
    allow_outside_root: bool = False

    @property
    def own(self) -> bool:
        """It is the learner's own work that is checked, so that its progress is kept."""
        return self.plugin is None and self.run is None and self.socket is None


def main(options: Options) -> int:
    """Check a plugin and print the report; return 0 (it passes), 1 (not yet), 2 (wrong usage) or 3 (our trouble)."""
    try:
        with interrupt.handled():
            return _begin(options)
    except (Usage, WrongCommand) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except OurTrouble as trouble:
        print(trouble, file=sys.stderr)
        return 3


def _begin(options: Options) -> int:
    """Check what was typed, and then the plugin; return 0 or 1, 3 where an error is ours. Raises Usage, OurTrouble."""
    if not __debug__:
        raise Usage("Python leaves out the checks. Type it again with   env -u PYTHONOPTIMIZE")
    run = _run_of(options)
    for path in filter(None, (options.junit, options.json)):
        export.try_out(path)
    _enough_files()
    return _watch(options, run) if options.watch else _check_once(options, run)


def _run_of(options: Options) -> Run:
    """Return the run that was typed. Raises Usage and WrongCommand."""
    target = _target(options, _plugin_file(options))
    if options.conformance:
        return Run(target, cases(), True, Candidate, suite.FIRST)
    chosen = [case for part in _parts_of(options) for case in steps.cases_of_part(part)]
    return Run(target, [replace(case, title=course.title(case.id) or case.title) for case in chosen], options.go_on)


def _target(options: Options, file: Path | None) -> Target:
    """Return the plugin that was named. Raises WrongCommand."""
    return Target(
        () if options.socket is not None else command_for(str(file), options.run),
        Path(options.socket) if options.socket is not None else None,
        file,
        file.parent if file and options.own else files_beside(file),
        options.plugin or options.run or options.socket or "work/plugin.py",
        random.randrange(10**6) if options.seed is None else options.seed,
        options.profile or "docker",
        options.allow_outside_root,
    )


def _plugin_file(options: Options) -> Path | None:
    """Return the Python file to check, None for a command or a socket. Raises Usage."""
    if sum(given is not None for given in (options.plugin, options.run, options.socket)) > 1:
        raise Usage("--plugin, --run and --socket each name a plugin: give one of them.")
    if options.conformance and (options.part or options.watch):
        raise Usage("--conformance runs all its cases once: leave out the part, and --watch.")
    if options.profile and not options.conformance:
        raise Usage("--profile says whose calls the conformance suite makes: add --conformance.")
    if options.watch and (options.run is not None or options.socket is not None):
        raise Usage("--watch looks at a file: give it with --plugin FILE.")
    if options.socket is not None and len(os.fsencode(options.socket)) > LONGEST_SOCKET:
        raise Usage(
            f"A socket's path has at most {LONGEST_SOCKET} bytes on Linux. Make a link:   ln -s PATH /tmp/x.sock"
        )
    there = options.socket == "" or os.path.exists(options.socket or "")
    if options.socket is not None and there and not Path(options.socket).is_socket():
        raise Usage(f"{options.socket or '(nothing)'} is no socket. Name the plugin's:   --socket PATH")
    if options.run is not None or options.socket is not None:
        return None
    file = Path(options.plugin) if options.plugin is not None else work() / "plugin.py"
    if not file.is_file() and options.own:
        other = (
            ""
            if repository.find_clone()
            else "\nFor a plugin of yours:   workshop check --socket /run/docker/plugins/NAME.sock"
        )
        raise Usage(f"There is no {terminal.short_path(file)} yet. Begin with   {repository.tool()} start{other}")
    if not file.is_file():
        raise Usage(f"There is no file {file}: give --plugin the plugin's Python file.")
    return file.resolve()


def _parts_of(options: Options) -> list[int]:
    """Return the parts to check: the one that was asked for, or the learner's; of a plugin by others, 2 and 3."""
    if options.part:
        return [options.part]
    return [max(progress.progress().part, 1)] if options.own else [2, 3]


def _enough_files() -> None:
    """Have some hundred files open at a time, as the suite needs it. Raises OurTrouble."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise OurTrouble(
            f"A check needs {FILES} open files, and here are {hard} at most. Raise it:   ulimit -n {FILES}"
        )
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def _check_once(options: Options, run: Run) -> int:
    """Run what was typed, print as it goes, and then what comes next; return 0, 1, or 3 where an error is ours."""
    again = f"{command_to_repeat(options)} --seed {run.target.seed}"
    files = [Export(path, form) for path, form in ((options.junit, junit), (options.json, as_json)) if path]
    headings = {str(part.number): part.heading for part in course.parts()}
    text = suite.SuiteText(again) if options.conformance else StepsText(again, headings)
    summary = run.execute(*files, text, *[Learner()] * options.own)
    print("\n".join(_after_conformance(options, summary) if options.conformance else _next_step(options, summary)))
    return summary.status


class Learner(Listener):
    """Keeps how far the learner is."""

    def end(self, summary: Summary) -> None:
        """Note the steps that pass and that fail, also of a check that was interrupted."""
        if summary.results:
            progress.record(
                int(summary.results[0].group), {each.step: each.outcome == "ok" for each in summary.results}
            )


def _after_conformance(options: Options, summary: Summary) -> list[str]:
    """Return the closing lines of the conformance suite; the last one holds the command to type."""
    if len(summary.results) == 1:
        return ["  No other case was run: this one comes before all. Mend it, and check again."]
    if summary.count("error"):
        return [OUR_ERROR]
    if summary.count("FAIL") or summary.count("warn"):
        return [f"  To repeat it with the same names:   {command_to_repeat(options)} --seed {summary.run.target.seed}"]
    return [f"All cases pass. To see every exchange:   {command_to_repeat(options)} --json FILE"]


def _next_step(options: Options, summary: Summary) -> list[str]:
    """Return the closing lines of the steps; the last one holds the command to type."""
    failed = next((result.step for result in summary.results if result.outcome == "FAIL"), "")
    if summary.count("error"):
        return [OUR_ERROR]
    if failed and options.own:
        return [f"  Next      {repository.tool()} hint {failed}"]
    if failed:
        return [f"  To repeat it with the same names:   {command_to_repeat(options)} --seed {summary.run.target.seed}"]
    if not options.own:
        return [f"All steps pass. To see every exchange:   {repository.tool()} check --json FILE …"]
    part = int(summary.results[0].group)
    lines = [
        in_colour("head", f"\nAchievement unlocked! {UNLOCKED[part]}"),
        f"  Compare   {repository.tool()} diff       with the end of part {part}",
    ]
    following = f"start {part + 1}    part {part + 1}" if part < 3 else "tour --engine    the real Docker"
    return [*lines, f"  Go on     {repository.tool()} {following}"]


def command_to_repeat(options: Options) -> str:
    """Return the command that checks the same plugin again."""
    how = next((f" --{o} {shlex.quote(v)}" for o in ("plugin", "run", "socket") if (v := getattr(options, o))), "")
    profile = f" --profile {options.profile}" if options.profile else ""
    more = " --allow-outside-root" * options.allow_outside_root + " --conformance" * options.conformance
    return f"{repository.tool()} check{f' {options.part}' if options.part else ''}{how}{profile}{more}"


def _watch(options: Options, run: Run) -> int:
    """Check at every save until Ctrl-C; return what came of the last one. It polls: not every disk tells of events.

    The plugin's file counts, and those that the steps make beside it. An editor may take one away for a moment.
    """
    file = run.target.file
    assert file
    status = 1
    beside = [file.with_name(name) for name in learner.names() if name != "plugin.py"]
    try:
        while True:
            before = [file_stamp(each) for each in (file, *beside)]
            status = _check_once(options, run)
            watched = " and ".join([terminal.short_path(file), *(each.name for each in beside if each.exists())])
            print(f"\nWatching {watched}: save to check again, Ctrl-C ends.\n", flush=True)
            while [file_stamp(each) for each in (file, *beside)] == before or not file.exists():
                time.sleep(0.1)
            run = _run_of(options)
    except KeyboardInterrupt:
        return status


def accept(root: Path) -> int:
    """Write anew what the tool says: transcripts, notebooks' outputs, the table of cases; show the difference."""
    pages = [
        "tests/test_conformance.py::test_the_authors_page_has_all_cases",
        "tests/test_verdict.py::test_the_page_has_the_list",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_diagnoses.py", "tests/test_notebooks.py", *pages]
    done = subprocess.run(command, cwd=root, env=interpreter.environment() | {"WORKSHOP_ACCEPT": "1"})
    written = ["tests/transcripts", "notebooks", "docs/authors.md", "docs/beyond.md"]
    subprocess.run(["git", "--no-pager", "diff", "--stat", "-p", "--", *written], cwd=root)
    print(f"Look at each change, then   git add {' '.join(written)}")
    return 1 if done.returncode else 0
