"""The learner's verbs: where you are, hint, diff. Each prints, and ends in the command that comes next."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

from workshop import repository
from workshop.course import course, hints
from workshop.course.course import CourseError, Part, Step
from workshop.course.edits import Files
from workshop.course.progress import Progress, clone_path, next_step, part_of, progress, save
from workshop.repository import work
from workshop.terminal import in_colour, short_path

ENGINE = Path("/var/run/docker.sock")


def names() -> list[str]:
    """Return the names of all files that the steps make in work/: the plugin's, and those of discovery."""
    return list(course.parts()[-1].after)


def status() -> int:
    """Print where the learner is; for a newcomer the first three commands. Return 0."""
    now = progress()
    if not now.part and not (work() / "plugin.py").exists():
        return _welcome()
    for part in course.parts():
        _print_part(part, now)
    print()
    return print_next(now)


def _welcome() -> int:
    """Print what the course is, and how it begins."""
    print("A course in three parts: write ddd, a Docker volume plugin in Flask, and see the")
    print("Docker daemon talk to it at every step.\n")
    for part in course.parts():
        print(f"  {part.heading:58}{len(part.steps):3} steps {part.minutes:4} min")
    print("\nThe first three commands:\n")
    print(f"  {repository.tool()} tour     shows what Docker and a plugin say to each other")
    print(f"  {repository.tool()} start    puts the beginning of your plugin into work/plugin.py")
    print(f"  {repository.tool()} check    says how far it is, and what comes next")
    print(f"\nAll commands:   {repository.tool()} --help        Begin with:   {repository.tool()} tour")
    return 0


def _print_part(part: Part, now: Progress) -> None:
    """Print a line for a part; for the part that was begun, also a line for each of its steps."""
    done = sum(step.id in now.passed for step in part.steps)
    print(f"{part.heading:66}{done:3} of {len(part.steps):2} done")
    upcoming = next_step(now)
    for step in part.steps if part.number == max(now.part, 1) else []:
        print(f"  {_mark(step, now, upcoming):4}  {step.id:5} {step.title}")


def _mark(step: Step, now: Progress, upcoming: Step | None) -> str:
    """Return the word before a step: how far the learner is with it."""
    if step.id in now.passed:
        return "ok"
    if step.id in now.cut:
        return "cut"
    return "skip" if step.id in now.skipped else "next" if step is upcoming else ""


def print_next(now: Progress) -> int:
    """Print the command that comes next; return 0."""
    step = next_step(now)
    if step is None:
        print("\n".join([f"Achievement unlocked! {_how_far(now)}", *after_last_step()]))
    elif not (work() / "plugin.py").exists():
        print(
            f"There is no {clone_path(work() / 'plugin.py')}. To begin part {part_of(step)}:   {_start_command(step)}"
        )
    elif part_of(step) != max(now.part, 1):
        print(f"Part {max(now.part, 1)} is done. On with part {part_of(step)}:   {_start_command(step)}")
    else:
        files = " and ".join(clone_path(work() / edit.file) for edit in step.edits)
        print(f"Next is step {step.id}, {step.title}. Work on {files}.")
        print(f"Stuck?   {repository.tool()} hint        See whether it passes:   {repository.tool()} check")
    return 0


def _how_far(now: Progress) -> str:
    """Return how much is done when no step is next."""
    steps = [step.id for part in course.parts() for step in part.steps]
    left = [step for step in steps if step not in now.passed and step not in now.cut]
    if left:
        return f"The last step is done. Not done yet: {', '.join(left)}."
    cut = [step for step in steps if step in now.cut and step not in now.passed]
    return f"Every step is done, but for those that were cut: {', '.join(cut)}." if cut else "Every step is done."


def after_last_step() -> list[str]:
    """Return what comes after the last step, on this machine; the last line has a command."""
    state = engine_state()
    engine = state.startswith("yes")
    rows = [("Compare", f"{repository.tool()} diff", "with the end of part 3")]
    if repository.find_clone():
        rows.append(("Read", "docs/beyond.md", "what ddd does beyond this"))
    if repository.find_clone() and not engine:
        rows.append(("Read", "docs/practice.md", "how to use your plugin without Docker"))
    if engine:
        rows.append(("Go on", f"{'sudo ' * ('sudo' in state)}{repository.tool()} tour --engine", "the real Docker"))
    else:
        rows.append(("Go on", f"{repository.tool()} docker --help", "Docker's commands, without Docker"))
    return [f"  {word:10}{what:31}{why}" for word, what, why in rows]


def _start_command(step: Step) -> str:
    return f"{repository.tool()} start {part_of(step)}"


def wrong_usage(error: CourseError, command: str) -> int:
    """Print what was wrong in the usage, and a command that is right; return 2."""
    print(f"{error}\nFor example:   {command}", file=sys.stderr)
    return 2


def engine_state() -> str:
    """Return whether a Docker Engine can be reached, without calling it: this takes no time."""
    if not shutil.which("docker"):
        return "no: there is no docker command here"
    if "DOCKER_HOST" in os.environ:
        return "at DOCKER_HOST"
    if not ENGINE.exists():
        return "no: the docker command is here, but no engine runs"
    return "yes" if os.access(ENGINE, os.W_OK) else "yes, but this user may not speak to it: use sudo"


STARTING = """\
Docker gets no answer from a plugin that does not start. Start it yourself,
and read what it prints:

    DDD_SOCKET=/tmp/ddd.sock DDD_ROOT=/tmp/ddd \\
        PYTHON PLUGIN

A traceback names the line at which Python stopped. Where the program exits
without a word, look at the end of the file: does it still call the function
that serves? Where it goes on, it has to listen at the path that DDD_SOCKET
names."""


def hint(step: str | None = None) -> int:
    """Print the next hint of a step, by default the first one not passed; return 0, or 2: there is no such step.

    A plugin that did not start at the last check passes nothing: then give the hint about starting.
    """
    now = progress()
    try:
        about = course.step(step or "1.1") if step or not now.starts else next_step(now)
    except CourseError as error:
        return wrong_usage(error, f"{repository.tool()} hint 1.1")
    if about is None:
        return print_next(now)
    if not now.starts and about.id == "1.1":
        return _hint_about_starting(now)
    given = now.hints.get(about.id, 0)
    depth = min(given + 1, len(about.hints))
    print(f"Step {about.id} · {about.title}\nHint {depth} of {len(about.hints)}\n")
    if not now.starts:
        print(f"  At the last check your plugin did not start. First type   {repository.tool()} hint\n")
    elif about.id in now.explained and about.id not in now.passed:
        print(textwrap.indent(PASSED_BEFORE, "  "))
    print(textwrap.indent(hints.text(about, depth, _texts()), "  "))
    print()
    if given < len(about.hints):
        now.hints[about.id] = depth
        save(now)
    _after_hint(about, given, step, now)
    return 0


PASSED_BEFORE = "This step has passed before. Look first at what you have changed since.\n"


def _hint_about_starting(now: Progress) -> int:
    """Print how to find out why the plugin does not start; return 0."""
    typed = STARTING.replace("PYTHON", short_path(Path(sys.executable))).replace(
        "PLUGIN", clone_path(work() / "plugin.py")
    )
    print("At the last check your plugin did not start, and nothing passes before it does.\n")
    print(f"{textwrap.indent(typed, '  ')}\n")
    print(f"See whether it starts:   {repository.tool()} check {max(now.part, 1)}")
    return 0


def _after_hint(about: Step, given: int, asked: str | None, now: Progress) -> None:
    """Print what comes after a hint: the check, and the next hint; after the last one the diff."""
    again = f"{repository.tool()} hint {about.id}" if asked else f"{repository.tool()} hint"
    part = part_of(about)
    if given >= len(about.hints):
        show = "" if about.id in now.passed else " --show"
        print("That was the last hint once more. See how much of it yours has:")
        print(f"    {repository.tool()} diff {about.id}{show}")
    elif given + 1 == len(about.hints):
        print(f"That was the last hint.        See whether it passes:   {repository.tool()} check {part}")
    else:
        print(f"See whether it passes:   {repository.tool()} check {part}        More:   {again}")


def diff(step: str | None = None, show: bool = False) -> int:
    """Print what a step changes; without a step, the learner's files against those of a part as far as it is passed.

    What has not passed yet is a solution: it is printed only if show is true. Return 0, 1 if nothing is printed,
    2 if there is no such step.
    """
    now = progress()
    try:
        about = course.step(step) if step else None
    except CourseError as error:
        return wrong_usage(error, f"{repository.tool()} diff 1.1")
    if about:
        return _diff_of_step(about, now, show)
    part = course.part(max(now.part, 1))
    if not (work() / "plugin.py").is_file():
        print(f"There is no {clone_path(work() / 'plugin.py')} yet. Make it:   {repository.tool()} start {part.number}")
        return 1
    return _diff_of_part(part, now, show)


def _diff_of_part(part: Part, now: Progress, show: bool) -> int:
    """Print the differences between the learner's files and those of a part, up to the first step that is not done."""
    done = list(takewhile(lambda step: now.is_done(step.id), part.steps))
    whole = show or len(done) == len(part.steps)
    if not whole and not any(step.id in now.passed for step in done):
        print(f"No step of part {part.number} has passed yet: there is only the solution to compare with.")
        print(f"A hint:   {repository.tool()} hint")
        print(f"The solution anyway:   {repository.tool()} diff --show")
        return 1
    files = part.after if whole else done[-1].after
    changed = {name: text for name, text in files.items() if text != part.before.get(name)}
    print_diff(_differences(changed, f"part{part.number}" if whole else f"step {done[-1].id}"))
    print("\nLines with - are yours, lines with + the course's.", end=" ")
    if whole:
        print(f"Go on:   {repository.tool()} check {part.number}")
    else:
        print(f"This is as far as step {done[-1].id},\nthe last that is done. All of part {part.number}:", end="   ")
        print(f"{repository.tool()} diff --show")
    return 0


def _differences(files: Files, course_name: str) -> Iterator[str]:
    """Yield the differences between the learner's files and these."""
    for name, text in files.items():
        file = work() / name
        mine = _text_of(file)
        if mine == str(text):
            yield f"  {clone_path(file)} is the same as {course_name}/{name}."
        yield from difflib.unified_diff(
            mine.splitlines(), str(text).splitlines(), clone_path(file), f"{course_name}/{name}", lineterm=""
        )


def _diff_of_step(step: Step, now: Progress, show: bool) -> int:
    """Print the edit of a step, hunk by hunk; of one that has not passed only if it is to be shown."""
    print(f"Step {step.id} · {step.title}\n")
    if step.id not in now.passed and not show:
        print("It has not passed yet, and its lines are the solution.")
        print(f"A hint:   {repository.tool()} hint {step.id}")
        print(f"The lines anyway:   {repository.tool()} diff {step.id} --show")
        return 1
    for edit in step.edits:
        print(f"  {clone_path(work() / edit.file)}")
        for hunk in edit.hunks:
            print_diff(["@@", *(line.rstrip() for line in hunk.lines)])
    print(f"\n{_how_much(step)} Go on:   {repository.tool()} check {part_of(step)}")
    return 0


def _how_much(step: Step) -> str:
    """Return how many of the new lines of a step are in the learner's files."""
    texts = {name: text.splitlines() for name, text in _texts().items()}
    added = [(edit.file, line) for edit in step.edits for line in edit.added]
    found = sum(line in texts[file] for file, line in added)
    return f"Of {len(added)} new lines, yours has {found}."


def _texts() -> dict[str, str]:
    """Return the learner's files by name, "" for one that is not there."""
    return {name: _text_of(work() / name) for name in names()}


def _text_of(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def print_diff(differences: Iterable[str]) -> None:
    """Print, in colour on a terminal, plainly elsewhere or with NO_COLOR."""
    for line in differences:
        print(in_colour(line[0], line) if line[:1] in ("+", "-", "@") else line)
