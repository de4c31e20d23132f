"""What was typed after `check`, and the run that it means."""

from __future__ import annotations

import os
import random
import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import SkipTest

from workshop import repository, terminal
from workshop.checker import steps
from workshop.checker.case import Case
from workshop.checker.conformance import case as rules
from workshop.checker.conformance import suite
from workshop.checker.conformance.candidate import Candidate
from workshop.checker.export import failed_before
from workshop.checker.lookup import files_beside
from workshop.checker.run import Run
from workshop.checker.target import Target, options_of
from workshop.course import course, needs, progress, reading
from workshop.plugins.errors import Usage
from workshop.plugins.process import command_for
from workshop.plugins.under_test import PluginUnderTest, restarts_plugin
from workshop.repository import work

LONGEST_SOCKET = 107
KIND: type[PluginUnderTest] = PluginUnderTest
"""How a plugin is run: in a process of its own, unless a page of a browser sets another kind."""


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
    opt: tuple[str, ...] = ()
    prepare: str | None = None
    cleanup: str | None = None
    trait: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    fail_on: str | None = None
    baseline: str | None = None
    time_limit: float | None = None
    json_lines: str | None = None
    markdown: str | None = None
    skip: tuple[str, ...] = ()
    """The steps to go past; of the learner's own work those of earlier checks are added to them."""
    no_skip: bool = False

    @property
    def own(self) -> bool:
        """It is the learner's own work that is checked, so that its progress is kept."""
        return self.plugin is None and self.run is None and self.socket is None


def run_of(options: Options) -> Run:
    """Return the run that was typed. Raises Usage and WrongCommand."""
    target = _target(options, _plugin_file(options))
    fail_on = options.fail_on or "must"
    baseline = failed_before(options.baseline, fail_on) if options.baseline else frozenset()
    if options.conformance:
        only = {suite.FIRST.partition(".")[0], *options.only} if options.only else rules.GROUPS
        cases = [case for case in rules.cases() if case.group in only]
        return Run(target, cases, True, Candidate, suite.FIRST, fail_on, baseline)
    cases = [case for part in _parts_of(options) for case in steps_of(part, options.skip)]
    return Run(target, cases, options.go_on, KIND, baseline=baseline)


def run_of_own(part: int) -> Run:
    """Return the run of a part on the learner's own file, up to the first step that fails."""
    file = (work() / "plugin.py").resolve()
    return Run(_target(Options(), file), steps_of(part, progress.progress().cut), kind=KIND)


def steps_of(part: int, cut: Collection[str]) -> list[Case]:
    """Return the steps of a part, with the titles and the places of the course. One that was cut is only skipped."""

    @restarts_plugin
    def skip(_: PluginUnderTest) -> None:
        raise SkipTest(f"It was cut. To check all steps again:   {repository.tool()} check --no-skip")

    found = []
    for case in steps.cases_of_part(part):
        case = replace(case, title=course.title(case.id) or case.title, page=reading.file_and_line(case.id))
        found.append(replace(case, test=skip, needs_process=False, shapes=()) if case.id in cut else case)
    return found


def _target(options: Options, file: Path | None) -> Target:
    """Return the plugin that was named. Raises WrongCommand."""
    return Target(
        () if options.socket is not None else command_for(str(file), options.run),
        Path(options.socket) if options.socket is not None else None,
        file,
        file.parent if file and options.own else files_beside(file),
        options.plugin or options.run or options.socket or "work/plugin.py",
        random.randrange(10**6) if options.seed is None else options.seed,
        by_others=file is None,
        profile=options.profile or "docker",
        allow_outside_root=options.allow_outside_root,
        options=options_of(options.opt),
        prepare=options.prepare or "",
        cleanup=options.cleanup or "",
        traits=frozenset(options.trait),
        case_limit=options.time_limit,
    )


def _plugin_file(options: Options) -> Path | None:
    """Return the Python file to check, None for a command or a socket. Raises Usage."""
    if sum(given is not None for given in (options.plugin, options.run, options.socket)) > 1:
        raise Usage("--plugin, --run and --socket each name a plugin: give one of them.")
    if options.conformance and (options.part or options.watch):
        raise Usage("--conformance runs all its cases once: leave out the part, and --watch.")
    if options.profile and not options.conformance:
        raise Usage("--profile says whose calls the conformance suite makes: add --conformance.")
    if (options.only or options.fail_on) and not options.conformance:
        raise Usage("--only and --fail-on are for the rules of the conformance suite: add --conformance.")
    if unknown := [group for group in options.only if group not in rules.GROUPS]:
        raise Usage(f"There is no group {unknown[0]}. The groups:   --only {'|'.join(rules.GROUPS)}")
    if options.own and (options.opt or options.trait):
        raise Usage("--opt and --trait are for a plugin of your own: add --run COMMAND, or --socket PATH.")
    if options.socket is not None and (options.prepare or options.cleanup):
        raise Usage("--prepare and --cleanup are for a plugin that the check starts: give --run COMMAND.")
    if options.socket is not None and any("{root}" in word for word in options.opt):
        raise Usage("{root} in --opt is DDD_ROOT, which only a plugin has that the check starts: give --run COMMAND.")
    if options.watch and (options.run is not None or options.socket is not None):
        raise Usage("--watch looks at a file: give it with --plugin FILE.")
    if options.socket is not None and len(os.fsencode(options.socket)) > LONGEST_SOCKET:
        raise Usage(
            f"A socket's path has at most {LONGEST_SOCKET} bytes on Linux. Make a link:   ln -s PATH /tmp/x.sock"
        )
    there = options.socket == "" or os.path.exists(options.socket or "")
    if options.socket is not None and there and not Path(options.socket).is_socket():
        raise Usage(f"{options.socket or '(nothing)'} is not a socket. Name the plugin's:   --socket PATH")
    if options.run is not None or options.socket is not None:
        return None
    file = Path(options.plugin) if options.plugin is not None else work() / "plugin.py"
    if not file.is_file() and options.own:
        raise Usage(f"There is no {terminal.short_path(file)} yet. {_what_to_do_without(file)}")
    if not file.is_file():
        raise Usage(f"There is no file {file}: give --plugin the plugin's Python file.")
    return file.resolve()


def _what_to_do_without(file: Path) -> str:
    """Return what to type where the learner's file is not there: it may only have another name."""
    others = sorted(file.parent.glob("*.py"))
    if len(others) == 1:
        return (
            f"There is {terminal.short_path(others[0])}: give it the name plugin.py, or check it as it is:   "
            f"{repository.tool()} check --plugin {terminal.short_path(others[0])}"
        )
    other = "\nFor a plugin of yours:   workshop check --socket /run/docker/plugins/NAME.sock"
    return f"Begin with   {repository.tool()} start{'' if repository.find_clone() else other}"


def _parts_of(options: Options) -> list[int]:
    """Return the parts to check: the one that was asked for, or the learner's; of a plugin by others, 2 and 3."""
    if options.part:
        return [options.part]
    return [max(progress.progress().part, 1)] if options.own else [2, 3]


def cut_steps(options: Options) -> tuple[str, ...]:
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
        later = {"edits": needed[step], "checks": needs.checks_that_need(step)}
        for what, which in later.items():
            if left := [each for each in which if each not in cut]:
                text = f"The {what} of later steps need lines of {step}: {', '.join(left)}. "
                lines = terminal.wrap("  note      ", f"{text}To see its lines:")
                print("\n".join([*lines, f"{'':12}{repository.tool()} diff {step} --show"]))
    return tuple(cut)


def command_to_repeat(options: Options) -> str:
    """Return the command that checks the same plugin again."""
    part = f" {options.part}" if options.part else ""
    how = next((f" --{o} {shlex.quote(v)}" for o in ("plugin", "run", "socket") if (v := getattr(options, o))), "")
    profile = f" --profile {options.profile}" if options.profile else ""
    words = [("opt", word) for word in options.opt] + [("trait", word) for word in options.trait]
    words += [("prepare", options.prepare or ""), ("cleanup", options.cleanup or "")]
    words += [("only", group) for group in options.only] + [("fail-on", options.fail_on or "")]
    words += [("baseline", options.baseline or ""), ("time-limit", f"{options.time_limit or ''}")]
    how += "".join(f" --{option} {shlex.quote(word)}" for option, word in words if word)
    more = " --allow-outside-root" * options.allow_outside_root + " --conformance" * options.conformance
    return f"{repository.tool()} check{part}{how}{profile}{more}"
