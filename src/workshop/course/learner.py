"""The learner's verbs: where you are, start, hint, diff. Each prints, and ends in the command that comes next."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.course import CourseError, Part, Step
from workshop.course.progress import Progress, cannot_write, clone_path, next_step, part_of, progress, save
from workshop.repository import work
from workshop.terminal import in_colour

PLUGINS = Path("/run/docker/plugins")
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
    return _print_next(now)


def _welcome() -> int:
    """Print what the course is, and how it begins."""
    print("A course in three parts: write ddd, a Docker volume plugin in Flask, and see the")
    print("Docker daemon talk to it at every step.\n")
    for part in course.parts():
        print(f"  {part.heading:58}{len(part.steps):3} steps {part.minutes:4} min")
    print("\nThe first three commands:\n")
    print(f"  {repository.tool()} tour     shows the three parts at work, in a few seconds")
    print(f"  {repository.tool()} start    puts the beginning of your plugin into work/plugin.py")
    print(f"  {repository.tool()} check    says how far it is, and what comes next")
    print(f"\nAll commands:   {repository.tool()} --help        Begin with:   {repository.tool()} tour")
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
        left = [each.id for part in course.parts() for each in part.steps if each.id not in now.passed]
        done = (
            f"The last step is done. Not done yet: {', '.join(left)}."
            if left
            else "Every step is done, up to the last."
        )
        print(f"Achievement unlocked! {done}")
        print(f"See yours beside the course's:   {repository.tool()} diff")
    elif not (work() / "plugin.py").exists():
        print(
            f"There is no {clone_path(work() / 'plugin.py')}. To begin part {part_of(step)}:   {_start_command(step)}"
        )
    elif part_of(step) != max(now.part, 1):
        print(f"Part {max(now.part, 1)} is done. On with part {part_of(step)}:   {_start_command(step)}")
    else:
        files = " and ".join(clone_path(work() / edit.file) for edit in step.edits)
        print(f"Next is step {step.id}, {step.title}. Work on {files}.")
        print(f"Stuck?   {repository.tool()} hint        Look whether it passes:   {repository.tool()} check")
    return 0


def _start_command(step: Step) -> str:
    return f"{repository.tool()} start {part_of(step)}"


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
        return _wrong_usage(error, f"{repository.tool()} start 1")
    if part is None and _is_begun(now, chosen):
        return _stay(chosen)
    _begin(chosen, now)
    _print_beginning(chosen, first)
    return 0


def _beginning(part: int) -> dict[str, bytes]:
    """Return the files of work/ that a part begins with, by name."""
    return {name: str(text).encode() for name, text in course.part(part).before.items()}


def _is_begun(now: Progress, part: int) -> bool:
    """Tell whether the learner has already changed the files of this part, or made one that it does not begin with."""
    texts = _beginning(part)
    there = [work() / name for name in names() if (work() / name).is_file()]
    return now.part == part and any(file.read_bytes() != texts.get(file.name) for file in there)


def _stay(part: int) -> int:
    print(f"You are at work on part {part}: {clone_path(work() / 'plugin.py')} stays as it is.")
    print(f"To begin the part again, with your file kept aside:   {repository.tool()} start {part}")
    print(f"To go on where you are:   {repository.tool()} check")
    return 0


def _begin(part: int, now: Progress) -> None:
    """Write the files of work/, and forget what was passed and read of this part and of later ones.

    A file that only a later step makes is moved aside.
    """
    texts, told = _beginning(part), list[str]()
    try:
        for name in names():
            told += _write_file(work() / name, texts[name], part) if name in texts else _move_aside(work() / name, part)
    except OSError as error:
        raise cannot_write(error) from None
    earlier = [step for step in now.passed if int(step.split(".")[0]) < part]
    save(Progress(part, earlier, {step: count for step, count in now.hints.items() if step in earlier}))
    # only now: whoever reads it may go away, as `head` does
    print("\n".join(told))


def _write_file(file: Path, text: bytes, part: int) -> list[str]:
    """Write a file as a part begins with it, and move what was there aside; return what to say. Raises OSError."""
    source = f"the end of part {part - 1}" if part > 1 else "a skeleton of a few lines"
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_file() and file.read_bytes() == text:
        return [f"{clone_path(file)} is as part {part} begins already."]
    told = _move_aside(file, part)
    with open(file, "xb") as fresh:
        fresh.write(text)
    return [*told, f"Made {clone_path(file)} from {source}. Open it in your editor."]


def _move_aside(file: Path, part: int) -> list[str]:
    """Give what is in the place of a file a numbered name, that nothing has; return the sentences that say which."""
    if not os.path.lexists(file):
        return []
    names = (file.with_name(f"{file.stem}-{count}{file.suffix}") for count in range(1, 10**6))
    aside = next(name for name in names if not os.path.lexists(name))
    file.rename(aside)
    again = [f"To go on with that one instead:   cp {clone_path(aside)} {clone_path(file)}"] if part > 1 else []
    return [f"Your earlier file is now {clone_path(aside)}.", *again]


def _print_beginning(part: int, first: Step) -> None:
    """Print what to expect of the first check, and of this machine."""
    about = course.part(part)
    print(f"\n{about.heading}: {len(about.steps)} steps, {about.minutes} min.\n")
    print(f"The first check will FAIL, at step {first.id}. That is where part {part} begins, and not a")
    print("broken install: each step goes from FAIL to ok by what you write.\n")
    print("\n".join(_machine_lines()))
    print(f"\nStuck?   {repository.tool()} hint        See step {first.id} fail:   {repository.tool()} check")


def _machine_lines() -> list[str]:
    """Return what this machine has, and what is skipped without it."""
    from importlib import metadata

    python = ".".join(str(part) for part in sys.version_info[:3])
    root = os.geteuid() == 0
    but = "" if root else ": only step 3.15 is skipped"
    rights = "root" if root else f"not root: {PLUGINS} needs sudo"
    return [
        f"  Python          {python}",
        f"  Flask           {metadata.version('flask')}",
        f"  Docker Engine   {_engine_state()}",
        f"  openssl         {'yes' if shutil.which('openssl') else 'no: only step 2.5 is skipped'}",
        f"  Rights          {rights}",
        f"The checks of all three parts need no Docker, and no root{but}.",
        "Only what goes through docker itself needs an engine, such as",
        f"{repository.tool()} tour --engine and the docker commands on the slides.",
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
        return _wrong_usage(error, f"{repository.tool()} hint 1.1")
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
    again = f"{repository.tool()} hint {about.id}" if asked else f"{repository.tool()} hint"
    part = part_of(about)
    if given >= len(about.hints):
        print("That was the last hint once more. See how much of it yours has:")
        print(f"    {repository.tool()} diff {about.id}")
    elif given + 1 == len(about.hints):
        print(f"That was the last hint.        Look whether it passes:   {repository.tool()} check {part}")
    else:
        print(f"Look whether it passes:   {repository.tool()} check {part}        More:   {again}")


def diff(step: str | None = None) -> int:
    """Print what a step changes; without a step, the learner's files against those at the end of the part.

    Return 0, 1 where there is no file to compare, 2 where there is no such step.
    """
    now = progress()
    try:
        about = course.step(step) if step else None
    except CourseError as error:
        return _wrong_usage(error, f"{repository.tool()} diff 1.1")
    part = part_of(about) if about else max(now.part, 1)
    if about:
        print(f"Step {about.id} · {about.title}\n")
        print_diff(_diff_of_step(about))
        print(f"\n{_how_much(about)} Go on:   {repository.tool()} check {part}")
        return 0
    if not (work() / "plugin.py").is_file():
        print(f"There is no {clone_path(work() / 'plugin.py')} yet. Make it:   {repository.tool()} start {part}")
        return 1
    print_diff(_diff_of_part(part))
    print(f"\nLines with - are yours, lines with + the course's. Go on:   {repository.tool()} check {part}")
    return 0


def _diff_of_part(part: int) -> Iterator[str]:
    """Yield the differences between the learner's files and those at the end of a part."""
    for name, text in course.part(part).changed.items():
        file = work() / name
        mine = _text_of(file)
        if mine == str(text):
            yield f"  {clone_path(file)} is the same as part{part}/{name}."
        yield from difflib.unified_diff(
            mine.splitlines(), str(text).splitlines(), clone_path(file), f"part{part}/{name}", lineterm=""
        )


def _diff_of_step(step: Step) -> Iterator[str]:
    """Yield the edit of a step, hunk by hunk."""
    for edit in step.edits:
        yield f"  {clone_path(work() / edit.file)}"
        for hunk in edit.hunks:
            yield "@@"
            yield from (line.rstrip() for line in hunk.lines)


def _how_much(step: Step) -> str:
    """Return how many of the new lines of a step are in the learner's files."""
    there = {edit.file: _text_of(work() / edit.file).splitlines() for edit in step.edits}
    added = [(edit.file, line) for edit in step.edits for line in edit.added]
    found = sum(line in there[file] for file, line in added)
    return f"Of {len(added)} new lines, yours has {found}."


def _text_of(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def print_diff(differences: Iterable[str]) -> None:
    """Print, in colour on a terminal, plainly elsewhere or with NO_COLOR."""
    for line in differences:
        print(in_colour(line[0], line) if line[:1] in ("+", "-", "@") else line)
