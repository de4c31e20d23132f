"""The verb `check`: the run that was typed, once or at every save, and what comes next."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from workshop import interpreter, interrupt, repository, terminal
from workshop.checker import export
from workshop.checker.conformance.suite import SuiteText
from workshop.checker.export import Export, as_json, as_json_lines, as_markdown, junit
from workshop.checker.run import Listener, Run, Summary
from workshop.course import learner, progress
from workshop.course.listeners import Learner, StepsText, by_step, never_started
from workshop.course.options import Options, command_to_repeat, cut_steps, run_of, run_of_own
from workshop.plugins.errors import OurTrouble, Usage, WrongCommand
from workshop.plugins.process import file_stamp
from workshop.terminal import in_colour

UNLOCKED = {
    1: "A server listens where Docker looks for plugins.",
    2: "Docker can activate your plugin.",
    3: "Containers can trust your plugin with their files.",
}
OUR_ERROR = "  An error is our fault, not the plugin's. Please report its line where you got this checker."


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
    """Check what was typed, and then the plugin; return 0 or 1, 3 if an error is ours. Raises Usage, OurTrouble."""
    if not __debug__:
        raise Usage("Python leaves out the checks. Type it again with   env -u PYTHONOPTIMIZE")
    options = replace(options, skip=cut_steps(options))
    run = run_of(options)
    for path in filter(None, (options.junit, options.json, options.json_lines, options.markdown)):
        export.try_out(path)
    return _watch(options, run) if options.watch else check_once(options, run, set())


def check_once(options: Options, run: Run, printed: set[str], *listeners: Listener) -> int:
    """Run what was typed, print the results as they come, and then what to do next; return 0, 1, or 3 (our error).

    printed are the steps whose ok is on the screen already; listeners hear of the steps, too.
    """
    again = f"{command_to_repeat(options)} --seed {run.target.seed}"
    forms = [(options.junit, junit), (options.json, as_json)]
    forms += [(options.json_lines, as_json_lines), (options.markdown, as_markdown)]
    files = [Export(path, form) for path, form in forms if path]
    if options.conformance:
        summary = run.execute(*files, SuiteText(again))
        print("\n".join(_after_conformance(options, summary, again)))
        return summary.status
    now, ids = progress.progress() if options.own else None, [case.id for case in run.cases]
    text = StepsText(again, options.skip, now.explained if now else ids, printed)
    summary = run.execute(*files, *listeners, text, *[Learner()] * options.own)
    print("\n".join(_after_steps(options, summary, again)))
    return summary.status


def results_of_own(part: int) -> dict[str, bool | None]:
    """Check a part on the learner's own file, without a report, up to the first step that fails.

    Return of each step that was run whether it passes, None for a skipped one. Raises OurTrouble.
    """
    with interrupt.handled():
        return by_step(run_of_own(part).execute().results)


def _after_conformance(options: Options, summary: Summary, again: str) -> list[str]:
    """Return the closing lines of the conformance suite; the last one holds the command to type."""
    if len(summary.results) == 1:
        return ["  No other case was run: this one comes before all. Fix it, and check again."]
    if summary.count("error"):
        return [OUR_ERROR]
    if any(summary.count(outcome) for outcome in ("FAIL", "warn", "known")):
        return [f"  To repeat it with the same names:   {again}"]
    return [f"All cases pass. To see every exchange:   {command_to_repeat(options)} --json FILE"]


def _after_steps(options: Options, summary: Summary, again: str) -> list[str]:
    """Return the closing lines of the steps; the last one holds the command to type."""
    failed = next((result.step for result in summary.results if result.outcome == "FAIL"), "")
    if summary.count("error"):
        return [OUR_ERROR]
    if options.own and never_started(summary.results):
        return [f"  Next      fix that first: a plugin has to start. Stuck?   {repository.tool()} hint"]
    if failed and options.own:
        before = failed in progress.progress().explained
        note = [f"  Note      {failed} has passed before. Look first at what you have changed since."] if before else []
        return [*note, f"  Next      {repository.tool()} hint {failed}"]
    if failed:
        return [f"  To repeat it with the same names:   {again}"]
    if not options.own:
        skipped = summary.count("skip")
        head = f"No step fails, and {skipped} could not be checked" if skipped else "All steps pass"
        return [f"{head}. To see every exchange:   {repository.tool()} check --json FILE …"]
    part = int(summary.results[0].group)
    head = in_colour("head", f"\nAchievement unlocked! {UNLOCKED[part]}")
    if part == 3:
        return [head, *learner.after_last_step()]
    compare = f"  Compare   {repository.tool()} diff       with the end of part {part}"
    return [head, compare, f"  Go on     {repository.tool()} start {part + 1}    part {part + 1}"]


def _watch(options: Options, run: Run) -> int:
    """Check at every save until Ctrl-C; return the outcome of the last one. It polls: not every disk reports changes.

    The ok of a step is printed once, until the step has failed again.

    It watches the plugin's file, and those that the steps make beside it. An editor may remove a file for a moment.
    """
    file = run.target.file
    assert file
    status = 1
    printed: set[str] = set()
    beside = [file.with_name(name) for name in learner.names() if name != "plugin.py"]
    try:
        while True:
            before = [file_stamp(each) for each in (file, *beside)]
            status = check_once(options, run, printed)
            watched = " and ".join([terminal.short_path(file), *(each.name for each in beside if each.exists())])
            print(f"\nWatching {watched}: save to check again, Ctrl-C ends.\n", flush=True)
            while [file_stamp(each) for each in (file, *beside)] == before or not file.exists():
                time.sleep(0.02)
            run = run_of(options)
    except KeyboardInterrupt:
        return status


ACCEPTING = (
    "tests/test_diagnoses.py",
    "tests/test_notebooks.py",
    "tests/test_conformance.py::test_the_authors_page_has_all_cases",
    "tests/test_verdict.py::test_the_page_has_the_list",
    "tests/test_mistakes.py::TestReports::test_the_page_has_the_score",
)
"""The tests that write what the tool says, if they are asked to accept it."""


def accept(root: Path) -> int:
    """Write again what the tool says: transcripts, notebooks' outputs, the table of cases; show the difference."""
    command = [sys.executable, "-m", "pytest", "-q", *ACCEPTING]
    done = subprocess.run(command, cwd=root, env=interpreter.environment() | {"WORKSHOP_ACCEPT": "1"})
    written = ["tests/transcripts", "notebooks", "docs/authors.md", "docs/beyond.md", "docs/contributing.md"]
    subprocess.run(["git", "--no-pager", "diff", "--stat", "-p", "--", *written], cwd=root)
    print(f"Look at each change, then   git add {' '.join(written)}")
    return 1 if done.returncode else 0
