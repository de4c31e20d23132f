"""The mutation run: change the plugin of each part in one place at a time, and run the steps on what comes of it.

`.venv/bin/python tests/mutation.py` does all of it, and writes docs/mutation.md: half an hour on two cores. A name such
as part2, or ddd, makes it judge that program alone, and write nothing but to the terminal.

The exit status is 0 where all is well. It is 1 where a mutant survives that tests/survivors.py does not name, where a
row there is not needed any more, and where fewer than FLOOR percent are killed. It is 3 where none can be judged here.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from judge import Trouble, Verdict, judge
from mutants import DDD
from operators import OPERATORS, Mutant, mutants_of
from steps import PART_FILES, STEPS
from survivors import ROWS, Row

from workshop.course import course

FLOOR = 95.0
"""Percent of the mutants that are not equivalent."""
PAGE = Path(__file__).parent.parent / "docs" / "mutation.md"
PARTS = [f"part{part}" for part in PART_FILES]
AT_ONCE = 2


@dataclass(frozen=True)
class Judged:
    """A mutant of a program, and what came of it."""

    target: str
    mutant: Mutant
    verdict: Verdict

    @property
    def row(self) -> Row | None:
        """The row of this mutant in tests/survivors.py."""
        return find_row(self.target, self.mutant)

    @property
    def killed(self) -> bool:
        """Whether a step fails."""
        return bool(self.verdict.step)

    @property
    def by_its_own_step(self) -> bool:
        """Whether the step that brings the changed line into the program fails."""
        return self.verdict.step in steps_of(self.target, self.mutant)

    def __str__(self) -> str:
        where = f"{self.target}:{self.mutant.line} {self.mutant.function or '(outside)'}"
        return f"{where}: {self.mutant.operator}\n    - {self.mutant.before}\n    + {self.mutant.after}"


def find_row(target: str, mutant: Mutant) -> Row | None:
    """Return the row that names a mutant of a part."""
    named = [row for row in ROWS if f"part{target[-1]}" == target and target[-1] in row.parts]
    return next((row for row in named if (row.function, row.before, row.after) == mutant.key), None)


def source_of(target: str) -> str:
    """Return the program of a part, or a file of ddd."""
    return (PART_FILES[target[-1]] if target in PARTS else DDD / target).read_text()


def targets_of(name: str) -> list[str]:
    """Return what a name stands for on the command line."""
    return sorted(path.name for path in DDD.glob("*.py")) if name == "ddd" else [name]


def steps_of(target: str, mutant: Mutant) -> list[str]:
    """Return the steps that bring the changed lines into a part, in their order; none for those that are given."""
    if target not in PARTS:
        return []
    lines = course.parts()[int(target[-1]) - 1].after["plugin.py"].steps
    own = set(lines[mutant.line - 1 : mutant.line - 1 + mutant.lines])
    return [step for step in STEPS if step in own]


def sample(mutants: Iterable[tuple[str, Mutant]], one_in: int, seed: str) -> list[tuple[str, Mutant]]:
    """Return one in so many mutants. It is always the same one, and does not change with the lines above it."""
    return [each for each in mutants if draw(seed, each) % one_in == 0]


def draw(seed: str, mutant: tuple[str, Mutant]) -> int:
    """Return a number that looks like chance, always the same one for a mutant."""
    return int.from_bytes(hashlib.sha256("\n".join([seed, mutant[0], *mutant[1].key]).encode()).digest()[:8])


def run(mutants: Sequence[tuple[str, Mutant]]) -> Iterator[Judged]:
    """Judge mutants, two at once, and yield what came of each, in their order. Raises Trouble."""

    def one(each: tuple[str, Mutant]) -> Judged:
        target, mutant = each
        own = steps_of(target, mutant)
        verdict = judge(target, mutant.source, own)
        if not verdict.step and target in PARTS and not find_row(target, mutant):
            # perhaps only by chance: two calls did not meet, or this machine was slow
            verdict = judge(target, mutant.source, own)
        return Judged(target, mutant, verdict)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(one, mutants)


def check_unchanged(targets: Sequence[str]) -> None:
    """Want the programs to pass all steps as they are. Raises Trouble: then a mutant would be killed by nothing."""
    files_of_ddd = [target for target in targets if target not in PARTS]
    for target in [*(target for target in targets if target in PARTS), *files_of_ddd[:1]]:
        verdict = judge(target, source_of(target))
        if verdict != Verdict(""):
            raise Trouble(f"{target} as it is does not pass all steps here: {verdict}. Look with   ./workshop check")


def complaints(judged: Sequence[Judged]) -> list[str]:
    """Return what is wrong: a mutant that survives without a row, and a row that is not needed."""
    unnamed = [f"It survives, and tests/survivors.py has no row for it. {each}" for each in judged if is_unnamed(each)]
    unneeded = [
        f"Step {each.verdict.step} kills it: remove its row from tests/survivors.py. {each}"
        for each in judged
        if each.row and each.killed
    ]
    return [*unnamed, *unneeded]


def is_unnamed(judged: Judged) -> bool:
    """Tell whether a mutant of a part survives without a reason. ddd has no list: its tests know what it promises."""
    return judged.target in PARTS and not judged.killed and not judged.row


def score(judged: Sequence[Judged]) -> float:
    """Return how many percent of the mutants that are not equivalent are killed."""
    alive = sum(not each.killed for each in judged)
    killed, equivalent = len(judged) - alive, sum(bool(each.row and each.row.equivalent) for each in judged)
    return 100 * killed / max(1, len(judged) - equivalent)


# the page


def table(judged: Sequence[Judged], title: str, groups: dict[str, list[Judged]]) -> list[str]:
    """Return a table of scores, a row for each group of mutants."""
    lines = [f"| {title} | mutants | killed | by the step of its line | equivalent | survive | score |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, members in {**groups, "**all**": list(judged)}.items():
        killed = sum(each.killed for each in members)
        own = sum(each.by_its_own_step for each in members)
        same = sum(bool(each.row and each.row.equivalent) for each in members)
        alive = len(members) - killed - same
        lines.append(f"| {name} | {len(members)} | {killed} | {own} | {same} | {alive} | {score(members):.1f} % |")
    return lines


def kills(judged: Sequence[Judged]) -> list[str]:
    """Return a table of how many mutants each step kills; below the steps, other checks."""
    found = Counter(each.verdict.step for each in judged if each.killed)
    steps = [*(step for step in STEPS if found[step]), *sorted(found.keys() - STEPS.keys())]
    return ["| killed by | mutants |", "|---|---|", *(f"| {step} | {found[step]} |" for step in steps)]


def page(judged: Sequence[Judged]) -> str:
    """Return docs/mutation.md."""
    by_part = {each: [one for one in judged if one.target == each] for each in PARTS}
    by_operator = {name: [one for one in judged if one.mutant.operator == name] for name in OPERATORS}
    return "\n".join(
        [
            PREFACE.format(floor=FLOOR),
            *table(judged, "program", by_part),
            "",
            *table(judged, "operator", by_operator),
            "",
            "## Which step kills",
            "",
            "`advice`: the mutant passes all steps, and gets advice. `no end`: it took more than ten minutes.",
            "",
            *kills(judged),
            "",
            survivors(),
        ]
    )


PREFACE = """---
next: "Run one tenth of it:   .venv/bin/python tests/mutation.py --one-in 10"
---
# The mutation run

A mutation run changes a program in one small place, and runs the checks on the changed program, which is called a
mutant. A mutant that no check notices survives: it shows what the checks do not look at.

Here the programs are the plugins of the three parts, and the checks are the steps. `tests/operators.py` makes the
mutants. It does not change the wording of messages. A mutant may delete the wrong folder, as root. So the whole
machine is read-only for it, except for a new folder in memory, and it sees no other process and no network
(`tests/judge.py`). Type:

```console not run: it takes half an hour
$ .venv/bin/python tests/mutation.py
```

The command writes this page. It fails if a mutant survives without a reason in `tests/survivors.py`, if a reason there
is no longer needed, or if the score is below {floor:.0f} %. The score is the share of killed mutants among those
that are not equivalent. To Docker and Podman, an equivalent mutant does the same as the program, so that no check can
tell the two apart.

## The score

The steps that bring the changed line into the program run first, and then all steps in their order. The first one that
fails kills the mutant. The third column counts the mutants that fail a step of their own line. Some mutants pass all
steps and get advice, such as "passes, but only by a crash". They count as killed, because their author is told: below,
they are the row `advice`.
"""


def survivors() -> str:
    """Return the mutants that survive, with their reasons, as the page has them."""
    lines = ["## What survives", ""]
    for title, equivalent in (("### No step checks it", False), ("### Equivalent", True)):
        lines += [title, "", "| part | function | before | after | reason |", "|---|---|---|---|---|"]
        for row in ROWS:
            if row.equivalent is equivalent:
                parts = ", ".join(row.parts)
                code = " | ".join(f"`{text}`" if text else "" for text in (row.function, row.before, row.after))
                lines.append(f"| {parts} | {code} | {row.reason} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the mutants of what is named, or of all parts; return the exit status."""
    parser = argparse.ArgumentParser(description="Change a program in one place at a time, and run the steps on it.")
    parser.add_argument("program", nargs="*", help="part1, part2, part3, ddd or a file of it (default: all parts)")
    parser.add_argument("--only", metavar="TEXT", default="", help="only changes of lines and functions with this text")
    parser.add_argument("--one-in", metavar="N", type=int, default=1, help="only one in so many, always the same ones")
    chosen = parser.parse_args(arguments)
    targets = [target for name in chosen.program or PARTS for target in targets_of(name)]
    if unknown := [each for each in targets if each not in [*PARTS, *targets_of("ddd")]]:
        parser.error(f"there is no program {unknown[0]}: name part1, part2, part3, ddd or a file of src/ddd")
    found = [(target, mutant) for target in targets for mutant in mutants_of(source_of(target))]
    found = [each for each in found if chosen.only in f"{each[1].function} {each[1].before}"]
    found = sample(found, chosen.one_in, "") if chosen.one_in > 1 else found
    try:
        check_unchanged(targets)
        judged = list(report(run(found), len(found)))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 3
    by_target = {each: [one for one in judged if one.target == each] for each in targets}
    print("\n".join([*table(judged, "program", by_target), *kills(judged)]))
    if not (chosen.program or chosen.only or chosen.one_in > 1):
        PAGE.write_text(page(judged))
        print(f"Wrote {PAGE}.")
    wrong = complaints(judged)
    if score(judged) < FLOOR:
        wrong.append(f"Only {score(judged):.1f} % are killed, and {FLOOR:.0f} % are wanted.")
    print("\n".join(wrong))
    return 1 if wrong else 0


def report(judged: Iterator[Judged], total: int) -> Iterator[Judged]:
    """Print how far the run is, and each mutant that survives without a reason."""
    for number, each in enumerate(judged, 1):
        if not each.killed and not each.row:
            print(f"It survives: {each}", flush=True)
        if number % 20 == 0:
            print(f"{number} of {total}", flush=True)
        yield each


if __name__ == "__main__":
    sys.exit(main())
