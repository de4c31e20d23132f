"""The verb `start`: a part begins with the learner's own file, which passes the part before, or with the course's."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from workshop import repository
from workshop.course import check, course, options
from workshop.course.course import CourseError
from workshop.course.learner import engine_state, names, print_next, wrong_usage
from workshop.course.progress import (
    Progress,
    cannot_write,
    clone_path,
    next_step,
    part_of,
    progress,
    save,
    with_results,
)
from workshop.plugins.errors import OurTrouble
from workshop.plugins.in_process import PluginInProcess
from workshop.repository import work

PLUGINS = Path("/run/docker/plugins")


def start(part: int | None = None, fresh: bool = False) -> int:
    """Begin a part, by default the next one; return 0, 1 (the learner's file is not ready for it), or 2 (no such part).

    The learner keeps work/plugin.py, once it passes the part before. If there is none, or fresh is true, the part
    begins with the course's files, and what was in their place is moved aside.
    """
    now = progress()
    step = next_step(now)
    if part is None and step is None:
        return print_next(now)
    chosen = part if part is not None else part_of(step) if step else 3
    try:
        course.part(chosen)
    except CourseError as error:
        return wrong_usage(error, f"{repository.tool()} start 1")
    try:
        return _start(chosen, fresh, now)
    except OurTrouble as trouble:
        print(trouble, file=sys.stderr)
        return 3


def _start(chosen: int, fresh: bool, now: Progress) -> int:
    """Begin a part that exists; return 0, or 1 if the learner's file is not ready for it. Raises OurTrouble."""
    if fresh or not (work() / "plugin.py").is_file():
        _begin(chosen, now)
    elif chosen == max(now.part, 1):
        if not _is_unchanged(chosen):
            return _stay(chosen, now)
        print(f"{clone_path(work() / 'plugin.py')} is as part {chosen} begins already.")
    elif chosen > 1 and not _passes(chosen - 1, now):
        return _not_yet(chosen)
    else:
        print(f"Part {chosen} goes on with your {clone_path(work() / 'plugin.py')}, which stays as it is.")
        save(replace(progress(), part=chosen))
    _print_beginning(chosen, progress())
    return 0


def _passes(part: int, now: Progress) -> bool:
    """Check the learner's own file, which may have changed since the last check, and note the results."""
    print(f"Checking part {part} on {clone_path(work() / 'plugin.py')} …", flush=True)
    results = check.results_of_own(part)
    # an ok of this check is not printed: what the steps are for is still to be said
    save(replace(with_results(now, results), explained=now.explained))
    passes = all(result is not False for result in results.values())
    if passes:
        print(f"It passes part {part}.", end=" ")
    return passes


def _not_yet(part: int) -> int:
    """Print which steps are missing before a part can begin with the learner's file, and what to type; return 1."""
    now = progress()
    missing = [step.id for step in course.part(part - 1).steps if not now.is_done(step.id)]
    print(f"It does not pass part {part - 1} yet. Missing: {', '.join(missing)}.")
    print(f"To go on with your own file, see what it lacks:   {repository.tool()} check {part - 1}")
    print(f"To take the course's, with yours kept aside:      {repository.tool()} start {part} --fresh")
    return 1


def _beginning(part: int) -> dict[str, bytes]:
    """Return the files of work/ that a part begins with, by name."""
    return {name: str(text).encode() for name, text in course.part(part).before.items()}


def _is_unchanged(part: int) -> bool:
    """Tell whether the learner's files are still as a part begins."""
    texts = _beginning(part)
    there = [work() / name for name in names() if (work() / name).is_file()]
    try:
        return all(file.read_bytes() == texts.get(file.name) for file in there)
    except OSError as error:
        raise cannot_write(error) from None


def _stay(part: int, now: Progress) -> int:
    save(replace(now, part=part))
    print(f"You are at work on part {part}: {clone_path(work() / 'plugin.py')} stays as it is.")
    print(f"To begin the part again, with your file kept aside:   {repository.tool()} start {part} --fresh")
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
    earlier = {step.id for about in course.parts() for step in about.steps if about.number < part}
    passed, skipped, explained = (
        [step for step in each if step in earlier] for each in (now.passed, now.skipped, now.explained)
    )
    hints = {step: count for step, count in now.hints.items() if step in earlier}
    save(Progress(part, passed, skipped, now.cut, hints, explained))
    # only now: the reader of the output may exit, as `head` does
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
    """Move what is in the place of a file to a new, numbered name; return the sentences that say which."""
    if not os.path.lexists(file):
        return []
    names = (file.with_name(f"{file.stem}-{count}{file.suffix}") for count in range(1, 10**6))
    aside = next(name for name in names if not os.path.lexists(name))
    file.rename(aside)
    again = [f"To go on with that one instead:   cp {clone_path(aside)} {clone_path(file)}"] if part > 1 else []
    return [f"Your earlier file is now {clone_path(aside)}.", *again]


def _print_beginning(part: int, now: Progress) -> None:
    """Print what to expect of the first check, and of this machine."""
    about = course.part(part)
    first = next((step for step in about.steps if not now.is_done(step.id)), None)
    print(f"\n{about.heading}: {len(about.steps)} steps, {about.minutes} min.\n")
    if first is None:
        print(f"All its steps are done. To check them again:   {repository.tool()} check")
        return
    print(f"The first check will FAIL, at step {first.id}. That is where part {part} begins, and not a")
    print("broken install: each step goes from FAIL to ok by what you write.\n")
    print("\n".join(_machine_lines()))
    print(f"\nStuck?   {repository.tool()} hint        See step {first.id} fail:   {repository.tool()} check")


def _machine_lines() -> list[str]:
    """Return what this machine has, and what is skipped without it."""
    from importlib import metadata

    python = ".".join(str(part) for part in sys.version_info[:3])
    versions = [f"  Python          {python}", f"  Flask           {metadata.version('flask')}"]
    if issubclass(options.KIND, PluginInProcess):
        return [
            *versions,
            "Some steps need a process, other programs or several calls at once. They are",
            "skipped here, and checked on a Linux machine.",
        ]
    root = os.geteuid() == 0
    but = "but for step 3.15" if root else "but for step 3.15, which is skipped"
    rights = "root" if root else f"not root: {PLUGINS} needs sudo"
    return [
        *versions,
        f"  Docker Engine   {engine_state()}",
        f"  openssl         {'yes' if shutil.which('openssl') else 'no: only step 2.5 is skipped'}",
        f"  Rights          {rights}",
        f"The checks of all three parts need no Docker, and no root {but}.",
        "Only what goes through docker itself needs an engine, such as",
        f"{repository.tool()} tour --engine and the docker commands on the slides.",
    ]
