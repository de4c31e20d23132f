"""The learner's verbs: where you are, start, hint, diff. Each prints, and ends in the command that comes next."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from workshop import course, setup
from workshop.course import CourseError, Part, Step

PLUGINS = Path("/run/docker/plugins")
ENGINE = Path("/var/run/docker.sock")
COLOURS = {"+": "32", "-": "31", "@": "36"}


@dataclass
class Progress:
    """How far the learner is: the part begun (0: none), the steps passed, and how many hints of each step were read."""

    part: int = 0
    passed: list[str] = field(default_factory=list)
    hints: dict[str, int] = field(default_factory=dict)
    course: str = field(default_factory=course.version)
    """The steps that all this is about: see course.version."""


def work() -> Path:
    """Return the folder of the learner's files: work/ in the clone, or in the current folder outside of one."""
    chosen = os.environ.get("WORKSHOP_WORK")
    return Path(chosen) if chosen else (setup.home() or Path.cwd()) / "work"


def names() -> list[str]:
    """Return the names of all files that the steps make in work/: the plugin's, and those of discovery."""
    return list(course.parts()[-1].after)


def progress() -> Progress:
    """Return how far the learner is; a file that cannot be read counts as none, and that is said once."""
    path = work() / ".progress.json"
    try:
        return of_this_course(read(path.read_text()))
    except FileNotFoundError:
        return Progress()
    except OSError as error:
        raise cannot_write(error) from None
    except (ValueError, TypeError, RecursionError):
        print(f"{shown(path)} could not be read: the count of your steps begins afresh.")
        print("Your plugin is as it was. Count again what it passes of part 1, 2 or 3:")
        print(f"    {setup.tool()} check 1\n")
        save(Progress())
        return Progress()


def of_this_course(found: Progress) -> Progress:
    """Return a progress; where its steps are no longer those of the course it begins afresh, and that is said once."""
    if found.course == course.version():
        return found
    afresh = Progress(found.part)
    if found.part or found.passed or found.hints:
        print("The steps of the course have changed; your plugin is as it was. Check it anew:")
        print(f"    {setup.tool()} check\n")
    save(afresh)
    return afresh


def read(text: str) -> Progress:
    """Return the progress in a JSON text. Raises ValueError or TypeError for any other text."""
    found = Progress(**{"course": "", **json.loads(text)})
    whole = found.part in (0, 1, 2, 3) and isinstance(found.passed, list) and isinstance(found.hints, dict)
    if not whole or not all(isinstance(one, str) and re.fullmatch(r"\d+\.\d+", one) for one in found.passed):
        raise ValueError("not a progress")
    if not all(isinstance(count, int) for count in found.hints.values()):
        raise ValueError("not a progress")
    return found


def save(now: Progress) -> None:
    """Write the progress, in one move. Raises setup.Lacking where that may not be."""
    path = work() / ".progress.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(asdict(now), indent=1) + "\n")
        fresh.replace(path)
    except OSError as error:
        raise cannot_write(error) from None


def cannot_write(error: OSError) -> setup.Lacking:
    command = f'sudo chown -R "$(id -un)" {shown(work())} && chmod -R u+rwX {shown(work())}'
    return setup.Lacking(f"{shown(work())} cannot be used: {error.strerror}. Make it yours:\n    {command}")


def record(part: int, results: dict[str, bool]) -> None:
    """Note what a check has found: for each step that was run, whether it passed."""
    now = progress()
    kept = [step for step in now.passed if step not in results]
    passed = kept + [step for step, passes in results.items() if passes]
    here = [step.id for about in course.parts() if about.number == now.part for step in about.steps]
    # a look ahead is no step ahead
    unfinished = part > now.part and not set(here) <= set(passed)
    save(Progress(now.part if unfinished else part, passed, now.hints))


def next_step(now: Progress) -> Step | None:
    """Return the first step not passed of the part begun, or of the first later part; None after the last one."""
    steps = [step for part in course.parts() for step in part.steps if part.number >= max(now.part, 1)]
    return next((step for step in steps if step.id not in now.passed), None)


def number(step: Step) -> int:
    """Return the number of the part of a step."""
    return int(step.id.split(".")[0])


def shown(path: Path) -> str:
    """Return a path as somebody in the clone, or in the folder of work/, would type it."""
    root = setup.home() or Path.cwd()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def status() -> int:
    """Print where the learner is; for a newcomer the first three commands. Return 0."""
    now = progress()
    if not now.part and not (work() / "plugin.py").exists():
        return welcome()
    for part in course.parts():
        print_part(part, now)
    print()
    return print_next(now)


def welcome() -> int:
    """Print what the course is, and how it begins."""
    print("A course in three parts: write ddd, a Docker volume plugin in Flask, and see the")
    print("Docker daemon talk to it at every step.\n")
    for part in course.parts():
        print(f"  {part.heading:58}{len(part.steps):3} steps {part.minutes:4} min")
    print("\nThe first three commands:\n")
    print(f"  {setup.tool()} tour     shows the three parts at work, in a few seconds")
    print(f"  {setup.tool()} start    puts the beginning of your plugin into work/plugin.py")
    print(f"  {setup.tool()} check    says how far it is, and what comes next")
    print(f"\nAll commands:   {setup.tool()} --help        Begin with:   {setup.tool()} tour")
    return 0


def print_part(part: Part, now: Progress) -> None:
    """Print a line for a part, and for the part begun a line for each of its steps."""
    done = sum(step.id in now.passed for step in part.steps)
    print(f"{part.heading:66}{done:3} of {len(part.steps):2} done")
    upcoming = next_step(now)
    for step in part.steps if part.number == max(now.part, 1) else []:
        mark = "ok" if step.id in now.passed else "next" if step is upcoming else ""
        print(f"  {mark:4}  {step.id:5} {step.title}")


def print_next(now: Progress) -> int:
    """Print the command that comes next."""
    step = next_step(now)
    if step is None:
        print("Achievement unlocked! Every step is done, up to the last.")
        print(f"See yours beside the course's:   {setup.tool()} diff")
    elif not (work() / "plugin.py").exists():
        print(f"There is no {shown(work() / 'plugin.py')}. To begin part {number(step)}:   {start_command(step)}")
    elif number(step) != max(now.part, 1):
        print(f"Part {max(now.part, 1)} is done. On with part {number(step)}:   {start_command(step)}")
    else:
        files = " and ".join(shown(work() / edit.file) for edit in step.edits)
        print(f"Next is step {step.id}, {step.title}. Work on {files}.")
        print(f"Stuck?   {setup.tool()} hint        Look whether it passes:   {setup.tool()} check")
    return 0


def start_command(step: Step) -> str:
    return f"{setup.tool()} start {number(step)}"


def wrong(error: CourseError, command: str) -> int:
    """Print what was wrong in the usage, and a command that is right; return 2."""
    print(f"{error}\nFor example:   {command}", file=sys.stderr)
    return 2


def start(part: int | None = None) -> int:
    """Put the beginning of a part into work/plugin.py, and move what was there aside; return 0, or 2: no such part."""
    now = progress()
    step = next_step(now)
    if part is None and step is None:
        return print_next(now)
    chosen = part if part is not None else number(step) if step else 3
    try:
        first = course.part(chosen).steps[0]
    except CourseError as error:
        return wrong(error, f"{setup.tool()} start 1")
    if part is None and under_way(now, chosen):
        return stay(chosen)
    begin(chosen, now)
    print_beginning(chosen, first)
    return 0


def beginning(part: int) -> dict[str, bytes]:
    """Return the files of work/ that a part begins with, by name."""
    return {name: str(text).encode() for name, text in course.part(part).before.items()}


def under_way(now: Progress, part: int) -> bool:
    """Tell whether the learner has already changed the files of this part, or made one that it does not begin with."""
    texts = beginning(part)
    there = [work() / name for name in names() if (work() / name).is_file()]
    return now.part == part and any(file.read_bytes() != texts.get(file.name) for file in there)


def stay(part: int) -> int:
    print(f"You are at work on part {part}: {shown(work() / 'plugin.py')} stays as it is.")
    print(f"To begin the part again, with your file kept aside:   {setup.tool()} start {part}")
    print(f"To go on where you are:   {setup.tool()} check")
    return 0


def begin(part: int, now: Progress) -> None:
    """Write the files of work/, and forget what was passed and read of this part and of later ones.

    A file that only a later step makes is moved aside.
    """
    texts = beginning(part)
    try:
        for name in names():
            if name in texts:
                write_file(work() / name, texts[name], part)
            else:
                move_aside(work() / name, part)
    except OSError as error:
        raise cannot_write(error) from None
    earlier = [step for step in now.passed if int(step.split(".")[0]) < part]
    save(Progress(part, earlier, {step: count for step, count in now.hints.items() if step in earlier}))


def write_file(file: Path, text: bytes, part: int) -> None:
    """Write a file as a part begins with it, and move what was there aside. Raises OSError."""
    source = f"the end of part {part - 1}" if part > 1 else "a skeleton of a few lines"
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_file() and file.read_bytes() == text:
        print(f"{shown(file)} is as part {part} begins already.")
        return
    move_aside(file, part)
    with open(file, "xb") as fresh:
        fresh.write(text)
    print(f"Made {shown(file)} from {source}. Open it in your editor.")


def move_aside(file: Path, part: int) -> None:
    """Give what is in the place of a file a numbered name, that nothing has, and say which."""
    if not os.path.lexists(file):
        return
    names = (file.with_name(f"{file.stem}-{count}{file.suffix}") for count in range(1, 10**6))
    aside = next(name for name in names if not os.path.lexists(name))
    file.rename(aside)
    print(f"Your earlier file is now {shown(aside)}.")
    if part > 1:
        print(f"To go on with that one instead:   cp {shown(aside)} {shown(file)}")


def print_beginning(part: int, first: Step) -> None:
    """Print what to expect of the first check, and of this machine."""
    about = course.part(part)
    print(f"\n{about.heading}: {len(about.steps)} steps, {about.minutes} min.\n")
    print(f"The first check will FAIL, at step {first.id}. That is where part {part} begins, and not a")
    print("broken install: each step goes from FAIL to ok by what you write.\n")
    print("\n".join(machine()))
    print(f"\nStuck?   {setup.tool()} hint        See step {first.id} fail:   {setup.tool()} check")


def machine() -> list[str]:
    """Return what this machine has, and what is skipped without it."""
    from importlib import metadata

    python = ".".join(str(part) for part in sys.version_info[:3])
    root = os.geteuid() == 0
    but = "" if root else ": only step 3.15 is skipped"
    rights = "root" if root else f"not root: {PLUGINS} needs sudo"
    return [
        f"  Python          {python}",
        f"  Flask           {metadata.version('flask')}",
        f"  Docker Engine   {engine()}",
        f"  openssl         {'yes' if shutil.which('openssl') else 'no: only step 2.5 is skipped'}",
        f"  Rights          {rights}",
        f"The checks of all three parts need no Docker, and no root{but}.",
        "Only what goes through docker itself needs an engine, such as",
        f"{setup.tool()} tour --engine and the docker commands on the slides.",
    ]


def engine() -> str:
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
        return wrong(error, f"{setup.tool()} hint 1.1")
    if about is None:
        return print_next(now)
    given = now.hints.get(about.id, 0)
    depth = min(given + 1, len(about.hints))
    print(f"Step {about.id} · {about.title}\nHint {depth} of {len(about.hints)}\n")
    print(textwrap.indent(about.hints[depth - 1], "  "))
    print()
    if given < len(about.hints):
        now.hints[about.id] = depth
        save(now)
    after_hint(about, given, step)
    return 0


def after_hint(about: Step, given: int, asked: str | None) -> None:
    """Print what comes after a hint: the check, and the next hint; after the last one the diff."""
    again = f"{setup.tool()} hint {about.id}" if asked else f"{setup.tool()} hint"
    part = number(about)
    if given >= len(about.hints):
        print("That was the last hint once more. See how much of it yours has:")
        print(f"    {setup.tool()} diff {about.id}")
    elif given + 1 == len(about.hints):
        print(f"That was the last hint.        Look whether it passes:   {setup.tool()} check {part}")
    else:
        print(f"Look whether it passes:   {setup.tool()} check {part}        More:   {again}")


def diff(step: str | None = None) -> int:
    """Print what a step changes; without a step, the learner's files against those at the end of the part.

    Return 0, 1 where there is no file to compare, 2 where there is no such step.
    """
    now = progress()
    try:
        about = course.step(step) if step else None
    except CourseError as error:
        return wrong(error, f"{setup.tool()} diff 1.1")
    part = number(about) if about else max(now.part, 1)
    if about:
        print(f"Step {about.id} · {about.title}\n")
        print_diff(of_step(about))
        print(f"\n{how_much(about)} Go on:   {setup.tool()} check {part}")
        return 0
    if not (work() / "plugin.py").is_file():
        print(f"There is no {shown(work() / 'plugin.py')} yet. Make it:   {setup.tool()} start {part}")
        return 1
    print_diff(of_part(part))
    print(f"\nLines with - are yours, lines with + the course's. Go on:   {setup.tool()} check {part}")
    return 0


def of_part(part: int) -> Iterator[str]:
    """Yield the differences between the learner's files and those at the end of a part."""
    for name, text in course.part(part).changed.items():
        file = work() / name
        mine = text_of(file)
        if mine == str(text):
            yield f"  {shown(file)} is the same as part{part}/{name}."
        yield from difflib.unified_diff(
            mine.splitlines(), str(text).splitlines(), shown(file), f"part{part}/{name}", lineterm=""
        )


def of_step(step: Step) -> Iterator[str]:
    """Yield the edit of a step, hunk by hunk."""
    for edit in step.edits:
        yield f"  {shown(work() / edit.file)}"
        for hunk in edit.hunks:
            yield "@@"
            yield from (line.rstrip() for line in hunk.lines)


def how_much(step: Step) -> str:
    """Return how many of the new lines of a step are in the learner's files."""
    there = {edit.file: text_of(work() / edit.file).splitlines() for edit in step.edits}
    added = [(edit.file, line) for edit in step.edits for line in edit.added]
    found = sum(line in there[file] for file, line in added)
    return f"Of {len(added)} new lines, yours has {found}."


def text_of(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def print_diff(differences: Iterable[str]) -> None:
    """Print, in colour on a terminal, plainly elsewhere or with NO_COLOR."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    for line in differences:
        colour = COLOURS.get(line[:1])
        print(line if plain or not colour else f"\033[{colour}m{line}\033[0m")
