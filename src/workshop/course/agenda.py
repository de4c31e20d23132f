"""The plans by the clock, from the minutes of the slides: parts, breaks, what each leaves out, what to cut first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from workshop import repository, terminal
from workshop.course import course
from workshop.course.course import Slide, heading

LONGEST = 80
"""After so many minutes people need a break."""
BREAK, LUNCH = 15, 60
NOON = 12 * 60
FIRST_LUNCH, LAST_LUNCH = 11 * 60 + 30, 14 * 60
READING, TYPING, CHECKING = 150, 120, 1
"""Words that are read aloud in a minute; characters of code or of a command that are typed in one, which is half as
fast as prose; minutes for the two checks of a step, the red and the green one."""


@dataclass(frozen=True)
class Plan:
    """What is taught in a day, or in less. A slide says by !CUT which plans leave it out."""

    name: str
    """What it is called behind --plan: one of course.PLANS."""
    title: str
    start: str
    """When it usually begins."""
    minutes: int
    """How long one sitting may take, with its breaks."""
    sittings: tuple[tuple[str, ...], ...] = (course.ORDER,)
    """The files of slides/ that are taught in each."""
    longest: int = LONGEST
    """After so many minutes of slides there is a break."""


DAY = Plan("day", "A day", "9:30", 8 * 60)
PLANS = {
    plan.name: plan
    for plan in (
        DAY,
        Plan("two-evenings", "Two evenings", "18:00", 180, (("intro", "part1", "part2"), ("part3", "end"))),
        Plan("half-day", "Half a day", "13:30", 240),
        Plan("90-minutes", "90 minutes", "9:30", 90, (("intro", "part1", "part2", "end"),), longest=90),
    )
}


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


def plan_for(start: int) -> Plan:
    """Return the plan that usually begins at about this time, in minutes after midnight."""
    evening = minutes_of(PLANS["two-evenings"].start) - 60
    return PLANS["two-evenings" if start >= evening else "half-day" if start >= NOON else "day"]


def day(start: int) -> list[Stretch]:
    """Return what is done when in a day, from the start on. Raises CourseError."""
    return sittings(DAY, start)[0]


def sittings(plan: Plan, start: int) -> list[list[Stretch]]:
    """Return what is done when in each sitting of a plan; all begin at the same time of the day. Raises CourseError."""
    return [_sitting(plan, files, start) for files in plan.sittings]


def _sitting(plan: Plan, files: Sequence[str], start: int) -> list[Stretch]:
    taught = [path for path in course.files() if path.stem in files]
    slides = [(path, slide) for path in taught for slide in course.slides(path) if slide.is_in(plan.name)]
    found: list[Stretch] = []
    begin = 0
    for end in _breaks(slides, plan.longest):
        if found:
            now = found[-1].end
            eaten = start >= NOON or any(each.title == "lunch" for each in found)
            lunch = FIRST_LUNCH <= now < LAST_LUNCH and not eaten
            found.append(Stretch(now, LUNCH if lunch else BREAK, "lunch" if lunch else "break"))
        for path, group in groupby(slides[begin:end], lambda each: each[0]):
            shown = tuple(slide for _, slide in group)
            minutes = sum(slide.minutes for slide in shown)
            now = found[-1].end if found else start
            found.append(Stretch(now, minutes, course.full_title(path), shown, path.stem))
        begin = end
    return found


def _breaks(slides: Sequence[tuple[Path, Slide]], longest: int) -> tuple[int, ...]:
    """Return the numbers of slides after which there is a break, and that of all slides.

    There are as few breaks as can be: between two parts, or else before a slide to the right, rather than in a row of
    slides. A part that has a break inside begins after one.
    """
    files = [path.stem for path, _ in slides]
    best: dict[int, tuple[int, int, int, tuple[int, ...]]] = {len(slides): (0, 0, 0, ())}
    for begin in reversed(range(len(slides))):
        choices, since = [], 0
        for end in range(begin + 1, len(slides) + 1):
            since += slides[end - 1][1].minutes
            if since > longest and end > begin + 1:
                break
            inside = end < len(slides) and files[end] == files[end - 1]
            cost = 1 + slides[end][1].vertical if inside else 0
            late = inside and files.index(files[end]) > begin
            count, costs, lately, ends = best[end]
            # the longer stretch comes first: minus its end is the less
            choices.append((count + 1, costs + cost, lately + late, (-end, *ends)))
        best[begin] = min(choices)
    return tuple(-end for end in best[0][3])


def least_minutes(slide: Slide) -> float:
    """Return the minutes that a slide takes at the least: to read it aloud, to type what it asks for, to check it."""
    words = len(re.sub(r"^```.*?^```", "", slide.text, flags=re.MULTILINE | re.DOTALL).split())
    added = [line.strip() for edit in slide.edits for line in edit.added if slide.step]
    commands = re.findall(r"^[$>] (.+)$", slide.text, re.MULTILINE)
    typed = sum(len(line) for line in added + commands)
    return words / READING + typed / TYPING + CHECKING * bool(slide.step)


def name(stretch: Stretch) -> str:
    """Return the name of a stretch. A part that has a break in it is named with its steps."""
    steps = [slide.step for slide in stretch.slides if slide.step]
    return stretch.title + (f" ({steps[0]} to {steps[-1]})" if len(steps) > 1 else "")


def lines(start: int, plan: Plan = DAY) -> list[str]:
    """Return a plan as text. Raises CourseError."""
    rows = list[str]()
    for number, sitting in enumerate(sittings(plan, start)):
        taught, breaks = total(sitting)
        rows += [""] * bool(number)
        rows += [f"From {clock(start)} to {clock(sitting[-1].end)}: {taught} minutes of slides, {breaks} of breaks", ""]
        rows += [f"{clock(each.start):>5} {clock(each.end):>5} {each.minutes:4} min  {name(each)}" for each in sitting]
    return [*rows, *(line.replace("`", "") for line in not_shown(plan, start))]


def not_shown(plan: Plan, start: int, mark: str = "") -> Iterator[str]:
    """Yield what to cut first in a day, or what another plan leaves out, and the command that goes past these steps.

    mark stands before each item. Raises CourseError.
    """
    found = cut_first() if plan is DAY else left_out(plan)
    if not found:
        return
    saved = sum(slide.minutes for _, slide in found)
    if plan is DAY:
        end = clock(day(start)[-1].end - saved)
        yield from [
            "",
            f"Short of time? Cut these first: that gives back up to {saved} minutes, and the day ends at {end}.",
        ]
        yield ""
        for path, slide in found:
            yield f"{mark}{slide.minutes:3} min  {_title(slide)}, in {path.stem}"
    else:
        yield from ["", f"Left out, {saved} minutes:", ""]
        for path, group in groupby(found, lambda each: each[0]):
            shown = any(path.stem in files for files in plan.sittings)
            titles = "; ".join(_title(slide) for _, slide in group) if shown else "all of it"
            yield from [f"{mark}{path.stem}: {titles}"] if mark else terminal.wrap(f"  {path.stem:10}", titles)
    skips = " ".join(f"--skip {step}" for step in skipped(plan))
    if skips:
        yield from ["", f"Everybody then goes past these steps, from now on:   `{repository.tool()} check {skips}`"]


def cut_first() -> list[tuple[Path, Slide]]:
    """Return the slides to cut first when time is short, in the order of the day. Raises CourseError."""
    return [(path, slide) for path in course.files() for slide in course.slides(path) if slide.cut]


def left_out(plan: Plan) -> list[tuple[Path, Slide]]:
    """Return the slides that a plan does not show, in the order of the day. Raises CourseError."""
    taught = [name for files in plan.sittings for name in files]
    slides = [(path, slide) for path in course.files() for slide in course.slides(path)]
    return [(path, slide) for path, slide in slides if path.stem not in taught or not slide.is_in(plan.name)]


def skipped(plan: Plan) -> list[str]:
    """Return the steps of the parts taught that a plan leaves out; of a day, those to cut first. Raises CourseError."""
    taught = [name for files in plan.sittings for name in files]
    found = cut_first() if plan is DAY else left_out(plan)
    return [slide.step for path, slide in found if slide.step and path.stem in taught]


def _title(slide: Slide) -> str:
    return f"{slide.step} {heading(slide)}".strip()


def total(plan: list[Stretch]) -> tuple[int, int]:
    """Return the minutes of slides, and those of breaks."""
    taught = sum(each.minutes for each in plan if each.slides)
    return taught, sum(each.minutes for each in plan) - taught


def main(at: str | None, chosen: str | None) -> int:
    """Print the plan that was chosen, or the one for this time of the day; return 0. Raises WrongTime, CourseError."""
    start = minutes_of(at or (PLANS[chosen] if chosen else DAY).start)
    plan = PLANS[chosen] if chosen else plan_for(start)
    others = " ".join(f"--plan {name}" for name in PLANS if name != plan.name)
    head, *rest = lines(start, plan)
    print(f"{head}\nPlan: {plan.title.lower()}. Others: {others}")
    print("\n".join(rest))
    return 0
