"""`check --explain STEP`: what the check of a step does, call by call, with the course's own plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import SkipTest

from workshop import repository, terminal
from workshop.checker import report, steps
from workshop.checker.judge import around, ready
from workshop.checker.target import Target
from workshop.course import course
from workshop.course.course import CourseError, Step
from workshop.plugins.folders import private_folder
from workshop.plugins.process import command_for
from workshop.plugins.under_test import Check, PluginUnderTest
from workshop.protocol.exchange import SHAPES, Exchange

ACTIONS = {
    "launch": "starts the plugin",
    "begin_anew": "starts the plugin with an empty folder for its volumes",
    "leave_a_stale_socket": "leaves the socket of a plugin that was killed",
    "under_umask": "starts the plugin with umask 0",
    "second": "starts the program a second time, and waits for its end",
    "stop": "stops the plugin with SIGTERM",
    "shut_down": "stops the plugin with SIGTERM",
    "kill": "kills the plugin with SIGKILL",
    "signal": "sends the plugin a signal, and waits for its end",
    "fill": "puts files into the volume",
    "stray_file": "puts a file that is no volume beside the volumes",
}
"""What a check does apart from calls, by the method of PluginUnderTest that does it."""
ALIKE = 2
"""How many calls in a row that are alike are shown."""
LONGEST = 60
"""How many lines of a check are shown: the last steps repeat theirs some hundred times."""

Event = str | Exchange


class Narrated(PluginUnderTest):
    """A plugin under test that notes what a check does with it."""

    inside = False
    """Whether an action is going on: what it is made of is not noted."""
    first_shape = last_shape = True

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.events: list[Event] = []

    def call(self, *words: Any, **named: Any) -> Exchange:
        """Call as the check does, and note the exchange."""
        answer = super().call(*words, **named)
        if not self.inside:
            self.events.append(answer)
        return answer


def _noted(name: str, sentence: str) -> Callable[..., Any]:
    """Return a method that does what PluginUnderTest's does, and notes it."""
    method = getattr(PluginUnderTest, name)

    @wraps(method)
    def action(self: Narrated, *words: Any, **named: Any) -> Any:
        running = self.runs
        idle = name in ("shut_down", "stop") and not running
        outer, self.inside = self.inside, True
        try:
            if not outer and not idle:
                self.events.append(sentence)
            return method(self, *words, **named)
        finally:
            self.inside = outer

    return action


for _name, _sentence in ACTIONS.items():
    setattr(Narrated, _name, _noted(_name, _sentence))


def main(step_id: str) -> int:
    """Print what the check of a step does, and why Docker needs the step; return 0, or 2: there is no such step."""
    try:
        step = course.step(step_id)
    except CourseError as error:
        print(f"{error}\nFor example:   {repository.tool()} check --explain 1.1", file=sys.stderr)
        return 2
    print(terminal.in_colour("head", f"Step {step.id} · {step.title}"))
    print("\n".join(terminal.wrap("  Why       ", step.why)))
    check = steps.checks_of_part(int(step.id[0]))[step.id]
    print("\n".join(terminal.wrap("  Check     ", (check.__doc__ or "").strip().partition("\n")[0])))
    print("            Call by call, with the course's plugin:")
    for line in _lines(step, check):
        print(line)
    print(f"  Next      {repository.tool()} check {step.id[0]}")
    return 0


def _lines(step: Step, check: Check) -> Iterator[str]:
    """Yield what the check does, in lines; of a long one the beginning."""
    events, reason = _events(step, check)
    lines = [line for event, count in _alike(events) for line in _event_lines(event, count)]
    yield from lines[:LONGEST]
    if len(lines) > LONGEST:
        calls = sum(isinstance(event, Exchange) for event in events)
        yield f"            … and so on: {calls} calls in all"
    if reason:
        yield from terminal.wrap("  left out  ", f"what follows {reason}")


def _events(step: Step, check: Check) -> tuple[list[Event], str]:
    """Run the check of a step; return what it did, and why it stopped, "" if it ran to its end."""
    case, reason = steps.case_of(step.id, check), ""
    with private_folder() as folder:
        for name, text in course.part(int(step.id[0])).after.items():
            (folder / name).write_text(str(text))
        target = Target(command_for(str(folder / "plugin.py"), None), beside=folder)
        with target.opened(Narrated) as plugin, around(plugin, case):
            try:
                ready(plugin, case, SHAPES[-1])
                plugin.events.clear()
                check(plugin)
            except SkipTest as skipped:
                reason = str(skipped)
            lookup = plugin.lookup
            found = [f"looks for the driver {lookup.driver} as Docker does, and takes {lookup.place}"] if lookup else []
            return [*found, *(plugin.exchanges if lookup else []), *plugin.events], reason


def _alike(events: list[Event]) -> Iterator[tuple[Event, int]]:
    """Yield the events; of similar calls in a row only the first ones; the last says how many more came."""
    for _, group in groupby(events, key=_kind):
        members = list(group)
        for event in members[: ALIKE - 1]:
            yield event, 0
        if len(members) >= ALIKE:
            yield members[ALIKE - 1], len(members) - ALIKE


def _kind(event: Event) -> tuple[str, str]:
    return (event.endpoint, _answer(event)) if isinstance(event, Exchange) else (event, "")


def _answer(exchange: Exchange) -> str:
    """Return what kind of answer the course's plugin gave: nearly always, this is the wanted one."""
    if not exchange.endpoint.startswith("VolumeDriver."):
        return exchange.text.strip()
    return "success" if exchange.ok else "an error"


def _event_lines(event: Event, more: int) -> list[str]:
    """Return the lines of an event, and how many more of its kind follow."""
    if isinstance(event, str):
        return terminal.wrap("  [check]   ", f"{event}{f', {more + 1} times more' if more else ''}")
    such = f", as for {more} more such call{'s' if more > 1 else ''}" if more else ""
    answer = f"{_answer(event)}{such}"
    return [
        f"{report.speaker_of(event)}{terminal.shorten(report.asked(event), terminal.WIDTH - 12)}",
        f"  {terminal.in_colour('plugin', '[plugin]')}  {answer}",
    ]
