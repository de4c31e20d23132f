"""How far the learner is: the part begun, the steps passed or cut, the hints read; kept in work/.progress.json."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.course import Step
from workshop.repository import work


@dataclass
class Progress:
    """How far the learner is. Steps are named as in "1.1"."""

    part: int = 0
    """The part begun; 0 for none."""
    passed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """The steps that this machine cannot check."""
    cut: list[str] = field(default_factory=list)
    """The steps that the learner goes past: see check --skip."""
    hints: dict[str, int] = field(default_factory=dict)
    """How many hints of each step were read."""
    explained: list[str] = field(default_factory=list)
    """The steps that have passed once: an ok said then why Docker needs them."""
    starts: bool = True
    """Whether the plugin has started at the last check."""
    course: str = field(default_factory=course.version)
    """The steps that all this is about: see course.version."""

    def is_done(self, step_id: str) -> bool:
        """Tell whether a step is behind the learner: passed, or not asked for."""
        return step_id in self.passed or step_id in self.skipped or step_id in self.cut


def progress() -> Progress:
    """Return how far the learner is. A file that cannot be read counts as none; say so once."""
    path = work() / ".progress.json"
    try:
        return _of_this_course(_read(path.read_text()))
    except FileNotFoundError:
        return Progress()
    except OSError as error:
        raise cannot_write(error) from None
    except (ValueError, TypeError, RecursionError):
        print(f"{clone_path(path)} could not be read: your steps are counted from zero.")
        print("Your plugin is as it was. Count again what it passes of part 1, 2 or 3:")
        print(f"    {repository.tool()} check 1\n")
        save(Progress())
        return Progress()


def _of_this_course(found: Progress) -> Progress:
    """Return a progress; where its steps are no longer those of the course, it starts from zero, and says so once."""
    if found.course == course.version():
        return found
    afresh = Progress(found.part)
    if found.part or found.passed or found.hints:
        print("The steps of the course have changed; your plugin is as it was. Check it again:")
        print(f"    {repository.tool()} check\n")
    save(afresh)
    return afresh


def _read(text: str) -> Progress:
    """Return the progress in a JSON text. Raises ValueError or TypeError for any other text."""
    found = Progress(**{"course": "", **json.loads(text)})
    lists = (found.passed, found.skipped, found.cut, found.explained)
    whole = found.part in (0, 1, 2, 3) and all(isinstance(each, list) for each in lists)
    if not whole or not isinstance(found.hints, dict) or not isinstance(found.starts, bool):
        raise ValueError("not a progress")
    if not all(isinstance(one, str) and re.fullmatch(r"\d+\.\d+", one) for each in lists for one in each):
        raise ValueError("not a progress")
    if not all(isinstance(count, int) for count in found.hints.values()):
        raise ValueError("not a progress")
    return found


def save(now: Progress) -> None:
    """Write the progress, in one step. Raises repository.Lacking if that is not allowed."""
    path = work() / ".progress.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(asdict(now), indent=1) + "\n")
        fresh.replace(path)
    except OSError as error:
        raise cannot_write(error) from None


def cannot_write(error: OSError) -> repository.Lacking:
    command = f'sudo chown -R "$(id -un)" {clone_path(work())} && chmod -R u+rwX {clone_path(work())}'
    return repository.Lacking(f"{clone_path(work())} cannot be used: {error.strerror}. Make it yours:\n    {command}")


def record(part: int, results: dict[str, bool | None], starts: bool = True) -> None:
    """Note what a check of a part has found: for each step that was run whether it passed, None for a skipped one."""
    now = with_results(progress(), results)
    here = [step.id for about in course.parts() if about.number == now.part for step in about.steps]
    # to check a later or an earlier part does not change the part that was begun
    goes_on = part > now.part and all(now.is_done(step) for step in here)
    save(replace(now, part=part if goes_on else now.part, starts=starts))


def with_results(now: Progress, results: dict[str, bool | None]) -> Progress:
    """Return a progress with the results of a check: for each step whether it passed, None for a skipped one."""
    passed = [step for step in now.passed if step not in results] + [step for step in results if results[step]]
    skipped = [step for step in now.skipped if step not in results]
    skipped += [step for step, passes in results.items() if passes is None and step not in now.cut]
    explained = now.explained + [step for step in results if results[step] and step not in now.explained]
    return replace(now, passed=passed, skipped=skipped, explained=explained)


def next_step(now: Progress) -> Step | None:
    """Return the first step not done of the part begun, or of the first later part; None after the last one."""
    steps = [step for part in course.parts() for step in part.steps if part.number >= max(now.part, 1)]
    return next((step for step in steps if not now.is_done(step.id)), None)


def part_of(step: Step) -> int:
    """Return the number of the part of a step."""
    return int(step.id.split(".")[0])


def clone_path(path: Path) -> str:
    """Return a path as somebody in the clone, or in the folder of work/, would type it."""
    root = repository.find_clone() or Path.cwd()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
