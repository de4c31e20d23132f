"""A hint, and what the learner's own program needs beside it: the hints are written for the course's program."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from workshop.course import edits, needs
from workshop.course.course import Step
from workshop.course.edits import Edit
from workshop.course.needs import Definition

PLUGIN = "plugin.py"


def text(step: Step, depth: int, mine: Mapping[str, str]) -> str:
    """Return a hint of a step, from depth 1, for the learner's files. It includes what the hint uses and they lack."""
    hint, program = step.hints[depth - 1], mine.get(PLUGIN, "")
    if not program.strip():
        return hint
    if depth < len(step.hints):
        return "\n\n".join([hint, *_given(step, needs.lacking(step, program, _names_in_words(hint)))])
    wanted = _names_of_edits(step)
    lacking = needs.lacking(step, program, wanted)
    # what is given may use names in its turn
    used = wanted.union(*(each.uses for each in lacking))
    other = [*_other_lines(step, mine), *_other_names(step, program, used), *_other_folders(step, program)]
    return "\n\n".join([hint, *other, *_given(step, lacking)])


def _names_of_edits(step: Step) -> frozenset[str]:
    """Return the names that a step's new lines use, and the functions that these lines are in."""
    if all(edit.file != PLUGIN for edit in step.edits):
        return frozenset()
    places = [place for edit in step.edits if edit.file == PLUGIN for place in edits.places(edit, step.before)]
    used = needs.names_used(step.after[PLUGIN], step.id)
    heads = (re.match(r"def (\w+)", place.line) for place in places)
    return used | {place.function for place in places if place.function} | {head[1] for head in heads if head}


def _names_in_words(hint: str) -> frozenset[str]:
    """Return the words of a hint that are names of the program: VOLUMES, make_room, abort(…)."""
    return frozenset(re.findall(r"\b[A-Z]{3,}\b|\b\w+_\w+\b|\b\w+(?=\()", hint))


def _other_lines(step: Step, mine: Mapping[str, str]) -> Iterator[str]:
    """Yield what to say if the lines that a step's edits look for are not in the learner's files."""
    for edit in step.edits:
        lines = _missing(edit, step, mine.get(edit.file, "").splitlines()) if edit.file in step.before else []
        if lines:
            yield f"Your work/{edit.file} is written in another way. It does not have"
            yield _indented(lines)
            yield "Look for the place in yours that does the same."


def _missing(edit: Edit, step: Step, mine: list[str]) -> list[str]:
    """Return the lines that an edit looks for, and that the learner's file does not have, with any indent."""
    found: list[str] = []
    own = {line.strip() for line in mine}
    for hunk, place in zip(edit.hunks, edits.places(edit, step.before), strict=True):
        begun = any(line[1:].strip() in own for line in hunk.lines if line[0] == "+" and line[1:].strip())
        # a comment is nothing to go by, and what was replaced already is not missing
        gone = [line[1:] for line in hunk.lines if line[0] == "-" and not begun and line[1:2] != "#"]
        wanted = [line for line in [place.line, *gone] if line.strip() and line.strip() not in own]
        found += [line for line in wanted if line not in found]
    return found


def _other_names(step: Step, mine: str, wanted: frozenset[str]) -> Iterator[str]:
    """Yield what to say about names that the learner's program spells in another way."""
    for name, own in sorted(needs.renamed(step, mine).items()):
        if name in wanted:
            yield f"What is called {name} here is {own} in yours."


def _other_folders(step: Step, mine: str) -> Iterator[str]:
    """Yield what to say about folders of a volume that a step looks into, and the learner's program does not have."""
    if PLUGIN not in step.before:
        return
    added = "\n".join(line for edit in step.edits if edit.file == PLUGIN for line in edit.added)
    for name in sorted(_folders(added) & _folders(str(step.before[PLUGIN])) - frozenset(re.findall(r"\w+", mine))):
        yield f'The course keeps something in a folder "{name}", and yours does not.\nUse what yours makes there.'


def _folders(source: str) -> frozenset[str]:
    """Return the names of folders in the paths of a program: VOLUMES / name / "data", glob("*/data")."""
    parts = re.findall(r'(?:/ |glob\()"([^"]+)"', source)
    return frozenset(name for part in parts for name in re.findall(r"\w+", part))


def _given(step: Step, lacking: list[Definition]) -> Iterator[str]:
    """Yield the definitions that the learner's program lacks, and which steps made them."""
    if not lacking:
        return
    steps = ", ".join(f"{each.name} ({needs.giver(step, each) or 'the beginning'})" for each in lacking)
    head = f"Your work/{PLUGIN} has nothing by these names; in brackets is the step that made them: {steps}."
    yield textwrap.fill(f"{head} Take them from here, or write the same in your way:", 74)
    # one import may bring two of the names
    yield "\n\n".join(_indented(lines) for lines in dict.fromkeys(each.lines for each in lacking))


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"     {line}".rstrip() for line in lines)
