"""The day by the clock, from the minutes of the slides: its parts, its breaks, and what to cut first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.course.course import Slide, heading

LONGEST = 80
"""After so many minutes people need a break."""
ENOUGH = 40
"""After so many minutes, a break at the end of a part is better than one in the middle of the next part."""
BREAK, LUNCH = 15, 60
NOON = 12 * 60
FIRST_LUNCH, LAST_LUNCH = 11 * 60 + 30, 14 * 60
START = "9:30"


class WrongTime(Exception):
    """What was given is not a time of day. The text says what is one."""


@dataclass
class Stretch:
    """A stretch of the day between two times, in minutes after midnight: a break, or slides of one file."""

    start: int
    minutes: int
    title: str
    slides: tuple[Slide, ...] = ()
    file: str = ""

    @property
    def end(self) -> int:
        """When it ends, in minutes after midnight."""
        return self.start + self.minutes


def minutes_of(time: str) -> int:
    """Return a time, "13:30", in minutes after midnight. Raises WrongTime."""
    found = re.fullmatch(r"(\d{1,2}):(\d\d)", time, re.ASCII)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise WrongTime(f"{time!r} is not a time of day. Say when you begin, such as   --at 13:30")
    return int(found[1]) * 60 + int(found[2])


def clock(minutes: int) -> str:
    """Return minutes after midnight as a clock shows them."""
    return f"{minutes // 60 % 24}:{minutes % 60:02}"


def day(start: int) -> list[Stretch]:
    """Return the stretches of the day, from its start. Raises CourseError."""
    found: list[Stretch] = []
    for path, group in _groups():
        now = found[-1].end if found else start
        if group is None:
            eaten = start >= NOON or any(each.title == "lunch" for each in found)
            lunch = FIRST_LUNCH <= now < LAST_LUNCH and not eaten
            found.append(Stretch(now, LUNCH if lunch else BREAK, "lunch" if lunch else "break"))
        else:
            minutes = sum(slide.minutes for slide in group)
            found.append(Stretch(now, minutes, course.full_title(path), tuple(group), path.stem))
    return found


def _groups() -> Iterator[tuple[Path, list[Slide] | None]]:
    """Yield the slides of each file that are shown without a break; None for a break. Raises CourseError."""
    since = 0
    for path in course.files():
        slides = course.slides(path)
        if since >= ENOUGH and since + sum(slide.minutes for slide in slides) > LONGEST:
            yield path, None
            since = 0
        group: list[Slide] = []
        for slide in slides:
            if group and since + slide.minutes > LONGEST:
                yield path, group
                yield path, None
                group, since = [], 0
            group.append(slide)
            since += slide.minutes
        yield path, group


def name(stretch: Stretch) -> str:
    """Return the name of a stretch. A part that has a break in it is named with its steps."""
    steps = [slide.step for slide in stretch.slides if slide.step]
    return stretch.title + (f" ({steps[0]} to {steps[-1]})" if len(steps) > 1 else "")


def _cuts() -> list[tuple[Path, Slide]]:
    """Return the slides to cut first, in the order of the day. Raises CourseError."""
    return [(path, slide) for path in course.files() for slide in course.slides(path) if slide.cut]


def lines(start: int) -> list[str]:
    """Return the day as text. Raises CourseError."""
    plan = day(start)
    taught, breaks = total(plan)
    head = f"From {clock(start)} to {clock(plan[-1].end)}: {taught} minutes of slides, {breaks} of breaks"
    rows = [f"{clock(each.start):>5} {clock(each.end):>5} {each.minutes:4} min  {name(each)}" for each in plan]
    return [head, "", *rows, *(line.replace("`", "") for line in cut_lines(plan[-1].end))]


def cut_lines(end: int, mark: str = "") -> Iterator[str]:
    """Yield what to cut first, and when the day then ends; mark comes before each slide.

    Raises CourseError.
    """
    found = _cuts()
    if found:
        saved = sum(slide.minutes for _, slide in found)
        back = f"that gives back up to {saved} minutes, and the day ends at {clock(end - saved)}."
        yield from ["", f"Short of time? Cut these first: {back}", ""]
    for path, slide in found:
        title = f"{slide.step} {heading(slide)}".strip()
        yield f"{mark}{slide.minutes:3} min  {title}, in {path.stem}"
    skips = " ".join(f"--skip {slide.step}" for _, slide in found if slide.step)
    if skips:
        yield from ["", f"Everybody then goes past these steps, from now on:   `{repository.tool()} check {skips}`"]


def total(plan: list[Stretch]) -> tuple[int, int]:
    """Return the minutes of slides, and those of breaks."""
    taught = sum(each.minutes for each in plan if each.slides)
    return taught, sum(each.minutes for each in plan) - taught


def main(at: str) -> int:
    """Print the day that begins at this time; return 0. Raises WrongTime, CourseError."""
    print("\n".join(lines(minutes_of(at))))
    return 0
