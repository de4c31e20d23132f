"""The verb `check`: which plugin, which part, once or at every save; what comes next."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from unittest import SkipTest

from workshop import interpreter, interrupt, repository, terminal
from workshop.checker import export, report, steps, whole_file
from workshop.checker.lookup import files_beside
from workshop.checker.result import Result
from workshop.course import course, learner, needs, progress, reading
from workshop.plugins.errors import OurTrouble, WrongCommand
from workshop.plugins.folders import private_folder
from workshop.plugins.process import command_for, file_stamp
from workshop.plugins.under_test import Check, PluginUnderTest
from workshop.repository import work
from workshop.terminal import in_colour

UNLOCKED = {
    1: "A server listens where Docker looks for plugins.",
    2: "Docker can activate your plugin.",
    3: "Containers can trust your plugin with their files.",
}


OUR_ERROR = "  An error is our fault, not the plugin's. Please send its line to the project's issue tracker."
BAD = ("FAIL", "error")
FILES = 256
LONGEST_SOCKET = 107

Kind = TypeVar("Kind", bound=PluginUnderTest)


class Usage(Exception):
    """What was typed cannot be done: the text says why, and ends in a command."""


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
    skip: tuple[str, ...] = ()
    """The steps to go past; of the learner's own work those of earlier checks are added to them."""
    no_skip: bool = False

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
    options = replace(options, skip=_cut_steps(options))
    file = _plugin_file(options)
    _check_writable(options)
    _enough_files()
    if options.conformance:
        return _conformance(options, file)
    parts = _parts_of(options)
    return _watch(options, file, parts) if options.watch else _check_once(options, file, parts)


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


def _cut_steps(options: Options) -> tuple[str, ...]:
    """Return the steps that the check goes past, and keep them for the learner's next one. Raises Usage."""
    try:
        needed = {step: needs.steps_that_need(step) for step in options.skip}
    except course.CourseError as error:
        raise Usage(f"{error}\nFor example:   {repository.tool()} check --skip 1.7") from None
    if options.conformance and (options.skip or options.no_skip):
        raise Usage("--skip names steps, and --conformance runs none: leave one of them out.")
    if options.skip and options.no_skip:
        raise Usage("--skip goes past steps, --no-skip checks all of them again: give one of them.")
    now = progress.progress() if options.own else progress.Progress()
    kept = [] if options.no_skip else now.cut
    cut = [*kept, *(step for step in needed if step not in kept)]
    if options.own and cut != now.cut:
        progress.save(replace(now, cut=cut))
    for step in [step for step in needed if step not in kept]:
        later = [each for each in needed[step] if each not in cut]
        if later:
            text = f"The edits of later steps need lines of {step}: {', '.join(later)}. "
            lines = terminal.wrap("  note      ", f"{text}To see its lines:")
            print("\n".join([*lines, f"{'':12}{repository.tool()} diff {step} --show"]))
    return tuple(cut)


def _check_writable(options: Options) -> None:
    """See that the reports can be written, before the time is spent. Raises Usage."""
    for path in filter(None, (options.junit, options.json)):
        with _cannot_be_written(path):
            whole_file.try_out(path)


def _enough_files() -> None:
    """Have some hundred files open at a time, as the suite needs it. Raises OurTrouble."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise OurTrouble(
            f"A check needs {FILES} open files, and here are {hard} at most. Raise it:   ulimit -n {FILES}"
        )
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def _check_once(options: Options, file: Path | None, parts: list[int], printed: set[str] | None = None) -> int:
    """Check the parts one after the other, and print as it goes; return 0 or 1.

    printed are the steps whose ok is on the screen already: only their number is told.
    """
    results: list[Result] = []
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with _under_test(options, file, seed, PluginUnderTest) as plugin:
        if 3 in parts:
            _begin_with_caution(plugin)
        for part in parts:
            results += _check_part(plugin, part, options, file, set() if printed is None else printed)
            if plugin.lost or (any(result.outcome in BAD for result in results) and not options.go_on):
                break
    interrupt.go_on()
    return _conclude(options, parts, results, plugin, seed)


@contextlib.contextmanager
def _under_test(options: Options, file: Path | None, seed: int, kind: type[Kind]) -> Iterator[Kind]:
    """Give the plugin that was named, in a folder of its own, and end it afterwards."""
    with private_folder() as folder:
        command = [] if options.socket is not None else command_for(str(file) if file else None, options.run)
        socket = Path(options.socket) if options.socket is not None else folder / "ddd.sock"
        plugin = kind(command, socket, None if options.socket else folder / "root")
        plugin.chance = random.Random(seed)
        plugin.allow_outside_root = options.allow_outside_root
        plugin.beside = file.parent if file and options.own else files_beside(file)
        plugin.by_others = file is None
        try:
            yield plugin
        except BaseException:
            plugin.close()
            for line in plugin.what_is_left():
                print(line, file=sys.stderr)
            raise
        finally:
            plugin.close()


def _begin_with_caution(plugin: PluginUnderTest) -> None:
    """See whose volumes the plugin has, and say at the beginning what is not asked of it, and why."""
    plugin.survey()
    for line in plugin.caution():
        print("\n".join(terminal.wrap("  caution   ", line)), flush=True)


def _conformance(options: Options, file: Path | None) -> int:
    """Run the conformance suite, and print as it goes; return 0, 1 where a must is broken, 3 where we are."""
    from workshop.checker.conformance import suite
    from workshop.checker.conformance.candidate import Candidate

    results: list[Result] = []
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with _under_test(options, file, seed, Candidate) as plugin:
        plugin.profile = options.profile or plugin.profile
        _begin_with_caution(plugin)
        for result, text in suite.render(suite.run(plugin, file)):
            results.append(result)
            print(text, end="\n" if text else "", flush=True)
    interrupt.go_on()
    name = options.plugin or options.run or options.socket or "work/plugin.py"
    _write(options.junit, lambda: export.junit(results, name))
    _write(options.json, lambda: export.as_json(results, name))
    print("\n".join(suite.summary(results)))
    _print_advice(plugin)
    print("\n".join(_after_conformance(options, results, seed)))
    outcomes = {result.outcome for result in results}
    return 3 if "error" in outcomes else 1 if "FAIL" in outcomes else 0


def _print_advice(plugin: PluginUnderTest) -> None:
    """Print what could be better, and what could not be cleaned up."""
    for word, lines in (("advice", plugin.advice), ("left", plugin.what_is_left())):
        for line in lines:
            print("\n".join(terminal.wrap(f"  {word:10}", line)))


def _after_conformance(options: Options, results: list[Result], seed: int) -> list[str]:
    """Return the closing lines of the conformance suite; the last one holds the command to type."""
    if len(results) == 1:
        return ["  No other case was run: this one comes before all. Mend it, and check again."]
    if any(result.outcome == "error" for result in results):
        return [OUR_ERROR]
    if any(result.outcome in ("FAIL", "warn") for result in results):
        return [f"  To repeat it with the same names:   {command_to_repeat(options)} --conformance --seed {seed}"]
    return [f"All cases pass. To see every exchange:   {command_to_repeat(options)} --conformance --json FILE"]


def command_to_repeat(options: Options) -> str:
    """Return the command that checks the same plugin again."""
    how = next((f" --{o} {shlex.quote(v)}" for o in ("plugin", "run", "socket") if (v := getattr(options, o))), "")
    profile = f" --profile {options.profile}" if options.profile else ""
    return f"{repository.tool()} check{how}{profile}{' --allow-outside-root' if options.allow_outside_root else ''}"


def _check_part(
    plugin: PluginUnderTest, part: int, options: Options, file: Path | None, printed: set[str]
) -> list[Result]:
    """Check one part, and print the report of each step as it comes, unless it is ok and has been printed."""
    checks = _checks(part, options.skip)
    explained = progress.progress().explained if options.own else list(checks)
    site = reading.Site()
    print(in_colour("head", course.parts()[part - 1].heading), flush=True)
    results = []
    for result in steps.run(plugin, checks, options.go_on, file):
        result.title = course.title(result.step) or result.title
        result.page = reading.file_and_line(result.step)
        results.append(result)
        if result.outcome != "ok" or result.step not in printed:
            print("\n".join(report.lines_of(result)), flush=True)
        if result.outcome == "FAIL" or (result.outcome == "ok" and result.step not in {*explained, *printed}):
            for line in reading.lines(result.step, result.outcome == "ok", site):
                print(line, flush=True)
        (printed.add if result.outcome == "ok" else printed.discard)(result.step)
    passed = sum(result.outcome == "ok" for result in results)
    cut = sum(step in options.skip for step in checks)
    print(f"  {passed} of {len(checks)} steps pass{f', {cut} cut' if cut else ''}.")
    return results


def _checks(part: int, cut: Collection[str]) -> dict[str, Check]:
    """Return the checks of a part by step. That of a step that was cut is only a reason to skip it."""

    def skip(_: PluginUnderTest) -> None:
        raise SkipTest(f"It was cut. To check all steps again:   {repository.tool()} check --no-skip")

    return {step: skip if step in cut else check for step, check in steps.checks_of_part(part).items()}


def results_of_own(part: int) -> dict[str, bool | None]:
    """Check a part on the learner's own file, without a report, up to the first step that fails.

    Return of each step that was run whether it passes, None for a skipped one. Raises OurTrouble.
    """
    _enough_files()
    file = (work() / "plugin.py").resolve()
    checks = _checks(part, progress.progress().cut)
    with interrupt.handled(), _under_test(Options(), file, random.randrange(10**6), PluginUnderTest) as plugin:
        return _by_step(list(steps.run(plugin, checks, False, file)))


def _by_step(results: list[Result]) -> dict[str, bool | None]:
    """Return of each step whether it passes, None for a skipped one."""
    return {result.step: None if result.outcome == "skip" else result.outcome == "ok" for result in results}


def _conclude(options: Options, parts: list[int], results: list[Result], plugin: PluginUnderTest, seed: int) -> int:
    """Keep the progress, write the files, and print what comes next; return 0, 1, or 3 where an error is ours."""
    failed = [result.step for result in results if result.outcome == "FAIL"]
    name = options.plugin or options.run or options.socket or "work/plugin.py"
    _write(options.junit, lambda: export.junit(results, name))
    _write(options.json, lambda: export.as_json(results, name))
    _print_advice(plugin)
    if options.own:
        progress.record(parts[0], _by_step(results), not _never_started(results))
    if any(result.outcome == "error" for result in results):
        print(OUR_ERROR)
        return 3
    if options.own and _never_started(results):
        print(f"  Next      mend that first: a plugin has to start. Stuck?   {repository.tool()} hint")
    else:
        print("\n".join(_next_step(options, parts, failed, seed)))
    return 1 if failed else 0


def _never_started(results: list[Result]) -> bool:
    """Tell whether no step could be tried: the first one failed because the plugin did not start."""
    first = next((result for result in results if result.outcome in BAD), None)
    passed = any(result.outcome == "ok" for result in results)
    return bool(first and first.step[0] != "1" and not passed and first.evidence and first.evidence.trouble)


def _next_step(options: Options, parts: list[int], failed: list[str], seed: int) -> list[str]:
    """Return the closing lines; the last one holds the command to type."""
    if failed and options.own:
        before = failed[0] in progress.progress().explained
        note = (
            [f"  Note      {failed[0]} has passed before. Look first at what you have changed since."] if before else []
        )
        return [*note, f"  Next      {repository.tool()} hint {failed[0]}"]
    if failed:
        return [f"  To repeat it with the same names:   {command_to_repeat(options)} --seed {seed}"]
    if not options.own:
        return [f"All steps pass. To see every exchange:   {repository.tool()} check --json FILE …"]
    part = parts[0]
    head = in_colour("head", f"\nAchievement unlocked! {UNLOCKED[part]}")
    if part == 3:
        return [head, *learner.after_last_step()]
    compare = f"  Compare   {repository.tool()} diff       with the end of part {part}"
    return [head, compare, f"  Go on     {repository.tool()} start {part + 1}    part {part + 1}"]


def _write(path: str | None, text: Callable[[], str]) -> None:
    """Write a report to a file. Raises Usage."""
    if path:
        with _cannot_be_written(path):
            whole_file.write(path, text().encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def _cannot_be_written(path: str) -> Iterator[None]:
    """Raise Usage where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def _watch(options: Options, file: Path | None, parts: list[int]) -> int:
    """Check at every save until Ctrl-C; return what came of the last one. It polls: not every disk tells of events.

    The ok of a step is printed once, until the step has failed again.

    The plugin's file counts, and those that the steps make beside it. An editor may take one away for a moment.
    """
    assert file
    status = 1
    printed: set[str] = set()
    beside = [file.with_name(name) for name in learner.names() if name != "plugin.py"]
    try:
        while True:
            before = [file_stamp(each) for each in (file, *beside)]
            status = _check_once(options, file, parts, printed)
            watched = " and ".join([terminal.short_path(file), *(each.name for each in beside if each.exists())])
            print(f"\nWatching {watched}: save to check again, Ctrl-C ends.\n", flush=True)
            while [file_stamp(each) for each in (file, *beside)] == before or not file.exists():
                time.sleep(0.02)
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
