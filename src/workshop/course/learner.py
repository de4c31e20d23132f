"""The learner's verbs: where you are, start, hint, diff. Each prints, and ends in the command that comes next."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.course import CourseError, Part, Step
from workshop.course.progress import Progress, cannot_write, clone_path, next_step, part_of, progress, save
from workshop.repository import work
from workshop.terminal import in_colour

SKELETON = '''\
"""ddd, a Docker volume plugin."""

from flask import Flask

app = Flask(__name__)

# Step 1.1: listen on the Unix socket where Docker looks for plugins. Stuck? Type   ./workshop hint
'''
PLUGINS = Path("/run/docker/plugins")
ENGINE = Path("/var/run/docker.sock")


def status() -> int:
    """Print where the learner is; for a newcomer the first three commands. Return 0."""
    now = progress()
    if not now.part and not (work() / "plugin.py").exists():
        return _welcome()
    for part in course.parts():
        _print_part(part, now)
    print()
    return _print_next(now)


def _welcome() -> int:
    """Print what the course is, and how it begins."""
    print("A course in three parts: write ddd, a Docker volume plugin in Flask, and see the")
    print("Docker daemon talk to it at every step.\n")
    for part in course.parts():
        print(f"  {part.heading:58}{len(part.steps):3} steps {part.minutes:4} min")
    print("\nThe first three commands:\n")
    print("  ./workshop tour     shows the three parts at work, in a few seconds")
    print("  ./workshop start    puts the beginning of your plugin into work/plugin.py")
    print("  ./workshop check    says how far it is, and what comes next")
    print("\nAll commands:   ./workshop --help        Begin with:   ./workshop tour")
    return 0


def _print_part(part: Part, now: Progress) -> None:
    """Print a line for a part, and for the part begun a line for each of its steps."""
    done = sum(step.id in now.passed for step in part.steps)
    print(f"{part.heading:66}{done:3} of {len(part.steps):2} done")
    upcoming = next_step(now)
    for step in part.steps if part.number == max(now.part, 1) else []:
        mark = "ok" if step.id in now.passed else "next" if step is upcoming else ""
        print(f"  {mark:4}  {step.id:5} {step.title}")


def _print_next(now: Progress) -> int:
    """Print the command that comes next."""
    step = next_step(now)
    if step is None:
        print("Achievement unlocked! Every step is done, up to the last.")
        print("See what part 3 of the course does beyond yours:   ./workshop diff")
    elif not (work() / "plugin.py").exists():
        print(
            f"There is no {clone_path(work() / 'plugin.py')}. To begin part {part_of(step)}:   {_start_command(step)}"
        )
    elif part_of(step) != max(now.part, 1):
        print(f"Part {max(now.part, 1)} is done. On with part {part_of(step)}:   {_start_command(step)}")
    else:
        print(f"Next is step {step.id}, {step.title}. Work on {clone_path(work() / 'plugin.py')}.")
        print("Stuck?   ./workshop hint        Look whether it passes:   ./workshop check")
    return 0


def _start_command(step: Step) -> str:
    return f"./workshop start {part_of(step)}"


def _wrong_usage(error: CourseError, command: str) -> int:
    """Print what was wrong in the usage, and a command that is right; return 2."""
    print(f"{error}\nFor example:   {command}", file=sys.stderr)
    return 2


def start(part: int | None = None) -> int:
    """Put the beginning of a part into work/plugin.py, and move what was there aside; return 0, or 2: no such part."""
    now = progress()
    step = next_step(now)
    if part is None and step is None:
        return _print_next(now)
    chosen = part if part is not None else part_of(step) if step else 3
    try:
        first = course.part(chosen).steps[0]
    except CourseError as error:
        return _wrong_usage(error, "./workshop start 1")
    if part is None and _is_begun(now, chosen):
        return _stay(chosen)
    _begin(chosen, now)
    _print_beginning(chosen, first)
    return 0


def beginning(part: int) -> bytes:
    """Return the plugin that a part begins with."""
    return (repository.clone_root() / f"part{part - 1}" / "plugin.py").read_bytes() if part > 1 else SKELETON.encode()


def _is_begun(now: Progress, part: int) -> bool:
    """Tell whether the learner has already changed the plugin of this part."""
    file = work() / "plugin.py"
    return now.part == part and file.is_file() and file.read_bytes() != beginning(part)


def _stay(part: int) -> int:
    print(f"You are at work on part {part}: {clone_path(work() / 'plugin.py')} stays as it is.")
    print(f"To begin the part again, with your file kept aside:   ./workshop start {part}")
    print("To go on where you are:   ./workshop check")
    return 0


def _begin(part: int, now: Progress) -> None:
    """Write work/plugin.py, and forget what was passed and read of this part and of later ones."""
    file, text = work() / "plugin.py", beginning(part)
    source = f"part{part - 1}/plugin.py" if part > 1 else "a skeleton of a few lines"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and file.read_bytes() == text:
            print(f"{clone_path(file)} is as part {part} begins already.")
        else:
            _move_aside(file, part)
            with open(file, "xb") as fresh:
                fresh.write(text)
            print(f"Made {clone_path(file)} from {source}. Open it in your editor.")
    except OSError as error:
        raise cannot_write(error) from None
    earlier = [step for step in now.passed if int(step.split(".")[0]) < part]
    save(Progress(part, earlier, {step: count for step, count in now.hints.items() if step in earlier}))


def _move_aside(file: Path, part: int) -> None:
    """Give what is in the place of work/plugin.py a numbered name, that nothing has, and say which."""
    if not os.path.lexists(file):
        return
    names = (file.with_name(f"plugin-{count}.py") for count in range(1, 10**6))
    aside = next(name for name in names if not os.path.lexists(name))
    file.rename(aside)
    print(f"Your earlier file is now {clone_path(aside)}.")
    if part > 1:
        print(f"To go on with that one instead:   cp {clone_path(aside)} {clone_path(file)}")


def _print_beginning(part: int, first: Step) -> None:
    """Print what to expect of the first check, and of this machine."""
    about = course.part(part)
    print(f"\n{about.heading}: {len(about.steps)} steps, {about.minutes} min.\n")
    print(f"The first check will FAIL, at step {first.id}. That is where part {part} begins, and not a")
    print("broken install: each step goes from FAIL to ok by what you write.\n")
    print("\n".join(_machine_lines()))
    print(f"\nStuck?   ./workshop hint        See step {first.id} fail:   ./workshop check")


def _machine_lines() -> list[str]:
    """Return what this machine has, and what is skipped without it."""
    from importlib import metadata

    python = ".".join(str(part) for part in sys.version_info[:3])
    root = os.geteuid() == 0
    rights = "root" if root else f"not root: {PLUGINS} needs sudo"
    return [
        f"  Python          {python}",
        f"  Flask           {metadata.version('flask')}",
        f"  Docker Engine   {_engine_state()}",
        f"  Rights          {rights}",
        "The checks of all three parts need no Docker and no root: nothing of them is",
        "skipped here. Only what goes through docker itself needs an engine, such as",
        "./workshop tour --engine and the docker commands on the slides.",
    ]


def _engine_state() -> str:
    """Return whether a Docker Engine can be reached: without a word to it, so that this takes no time."""
    if not shutil.which("docker"):
        return "no: there is no docker command here"
    if "DOCKER_HOST" in os.environ:
        return "at DOCKER_HOST"
    if not ENGINE.exists():
        return "no: the docker command is here, but no engine runs"
    return "yes" if os.access(ENGINE, os.W_OK) else "yes, but this user may not speak to it: use sudo"


def hint(step: str | None = None) -> int:
    """Print the next hint of a step, by default the first one not passed; return 0, or 2: there is no such step."""
    now = progress()
    try:
        about = course.step(step) if step else next_step(now)
    except CourseError as error:
        return _wrong_usage(error, "./workshop hint 1.1")
    if about is None:
        return _print_next(now)
    given = now.hints.get(about.id, 0)
    depth = min(given + 1, len(about.hints))
    print(f"Step {about.id} · {about.title}\nHint {depth} of {len(about.hints)}\n")
    print(textwrap.indent(about.hints[depth - 1], "  "))
    print()
    if given < len(about.hints):
        now.hints[about.id] = depth
        save(now)
    _after_hint(about, given, step)
    return 0


def _after_hint(about: Step, given: int, asked: str | None) -> None:
    """Print what comes after a hint: the check, and the next hint; after the last one the diff."""
    again = f"./workshop hint {about.id}" if asked else "./workshop hint"
    part = part_of(about)
    if given >= len(about.hints):
        print("That was the last hint once more. See how the course does it, beside yours:")
        print(f"    ./workshop diff {about.id}")
    elif given + 1 == len(about.hints):
        print(f"That was the last hint.        Look whether it passes:   ./workshop check {part}")
    else:
        print(f"Look whether it passes:   ./workshop check {part}        More:   {again}")


def diff(step: str | None = None) -> int:
    """Print the learner's plugin against the part's, for a step only its functions.

    Return 0, 1 where a file cannot be compared, 2 where there is no such step.
    """
    now = progress()
    try:
        about = course.step(step) if step else None
    except CourseError as error:
        return _wrong_usage(error, "./workshop diff 1.1")
    part = part_of(about) if about else max(now.part, 1)
    if not (work() / "plugin.py").is_file():
        print(f"There is no {clone_path(work() / 'plugin.py')} yet. Make it:   ./workshop start {part}")
        return 1
    try:
        differences = list(_diff_of_step(about) if about else _diff_of_part(part))
    except CourseError as error:
        print(f"{error}\nMend that first; it says more:   ./workshop check {part}")
        return 1
    print_diff(differences)
    print(f"\nLines with - are yours, lines with + the course's. Go on:   ./workshop check {part}")
    return 0


def _diff_of_part(part: int) -> Iterator[str]:
    """Yield the differences of the whole files."""
    mine = (work() / "plugin.py").read_text(errors="replace")
    yield from _unified(
        mine, (repository.clone_root() / f"part{part}" / "plugin.py").read_text(), f"part{part}/plugin.py"
    )


def _diff_of_step(step: Step) -> Iterator[str]:
    """Yield the differences of the functions of a step. Raises CourseError where the learner's file is no Python."""
    file = work() / "plugin.py"
    mine = course.functions(file.read_text(errors="replace"), clone_path(file))
    for reference in step.code:
        yield from _unified(mine.get(reference.partition(":")[2], ""), course.snippet(reference), reference)


def _unified(mine: str, theirs: str, reference: str) -> Iterator[str]:
    name, _, function = reference.partition(":")
    if mine == theirs:
        yield f"  {reference} is the same in yours."
        return
    if not mine:
        yield f"  There is no function {function} in yours. In {name} it is this:"
    label = f"{clone_path(work() / 'plugin.py')}{f':{function}' if function else ''}"
    yield from difflib.unified_diff(mine.splitlines(), theirs.splitlines(), label, reference, lineterm="")


def print_diff(differences: list[str]) -> None:
    """Print, in colour on a terminal, plainly elsewhere or with NO_COLOR."""
    for line in differences:
        print(in_colour(line[0], line) if line[:1] in ("+", "-", "@") else line)
