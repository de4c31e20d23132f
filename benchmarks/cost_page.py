"""From the figures of a run to what people read: a table, a page, a picture, and which targets are met."""

from __future__ import annotations

import html
import math
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median, quantiles

NAMES = {
    "gunicorn": "ddd, gunicorn",
    "development": "ddd, development server",
    "go": "plugin in Go",
    "wsgi": "gunicorn with a function",
    "flask": "gunicorn with an empty Flask",
    "local": "Docker's local driver",
    "no volume": "no volume at all",
}
VERBS = ("Activate", "Capabilities", "Create", "Get", "List", "Path", "Mount", "Unmount", "Remove")
COMMANDS = [
    ("create", "`docker volume create`"),
    ("inspect", "`docker volume inspect`"),
    ("remove", "`docker volume rm`"),
    ("run", "`docker run --rm -v /data busybox true`"),
]
ONE_BY_ONE = "Milliseconds over the socket, on a connection that stays open where the plugin lets it."
THROUGH = "Milliseconds that the engine takes for these commands. The start of `docker` itself is not in it."
WHOSE = """A Get once more, in turn: gunicorn, with the settings of ddd, before a function that answers the same text;
before a Flask app that does the same; before ddd. The difference between the last two is ddd's own: it reads the JSON,
opens and locks the volume, writes a line into the log, and counts the call."""
MEMORY = "Megabytes after all these calls. Memory that two processes share counts half for each."
GROWING = ("Create", "Get", "Mount", "Unmount", "Remove")
GET = 3
"""How many times as long as the plugin in Go a Get may take."""
Spread = tuple[float, float, float]


@dataclass
class Figures:
    """What a run measured: group -> what -> plugin -> a list of figures for each round."""

    machine: list[str]
    many: int = 100_000
    groups: dict[str, dict[str, dict[str, list[list[float]]]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    profiles: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    inside: dict[str, tuple[float, float]] = field(default_factory=dict)
    without_engine: str = ""
    runs: list[Figures] = field(default_factory=list)

    def add(self, group: str, what: str, kind: str, figures: list[float]) -> None:
        """Keep the figures of one round."""
        self.groups.setdefault(group, {}).setdefault(what, {}).setdefault(kind, []).append(figures)

    def rounds(self, group: str, what: str, kind: str) -> list[list[float]]:
        """Return the figures of each round; none where it was not measured."""
        return self.groups.get(group, {}).get(what, {}).get(kind, [])

    def kinds(self, group: str, what: str) -> list[str]:
        """Return the plugins that were measured, in the order of NAMES."""
        return [kind for kind in NAMES if self.rounds(group, what, kind)]

    def spread(self, group: str, what: str, kind: str) -> Spread | None:
        """Return the quartiles of all figures."""
        return quartiles([figure for each in self.rounds(group, what, kind) for figure in each])

    def middle(self, group: str, what: str, kind: str) -> float | None:
        """Return the median of all figures."""
        found = self.spread(group, what, kind)
        return found[1] if found else None

    def ratio(self, group: str, what: str, kind: str, to: str = "go", base: str = "") -> Spread | None:
        """Return the quartiles of the rounds' ratios to another plugin, or to the same one in another group.

        Of several runs, return the quartiles of their medians.
        """
        if self.runs:
            each = [run.ratio(group, what, kind, to, base) for run in self.runs]
            return quartiles([found[1] for found in each if found])
        ours, theirs = self.rounds(group, what, kind), self.rounds(base or group, what, kind if base else to)
        return quartiles([median(one) / median(other) for one, other in zip(ours, theirs, strict=False)])


def together(runs: list[Figures]) -> Figures:
    """Return the figures of several runs as those of one."""
    if len(runs) == 1:
        return runs[0]
    all_of_them = replace(runs[-1], groups={}, runs=runs)
    for run in runs:
        for group, measured in run.groups.items():
            for what, kinds in measured.items():
                for kind, rounds in kinds.items():
                    for figures in rounds:
                        all_of_them.add(group, what, kind, figures)
    return all_of_them


def quartiles(figures: list[float]) -> Spread | None:
    """Return the quartiles: half of the figures lie between the first and the last."""
    if len(figures) < 2:
        return (figures[0], figures[0], figures[0]) if figures else None
    low, middle, high = quantiles(figures, n=4, method="inclusive")
    return low, middle, high


# targets


@dataclass(frozen=True)
class Target:
    """What was wanted, and what was measured; None where it was not."""

    what: str
    limit: float
    measured: float | None
    unit: str = " ×"

    @property
    def verdict(self) -> str:
        """Say whether the target is met."""
        if self.measured is None:
            return "not measured"
        return "met" if self.measured <= self.limit else "**missed**"


def targets(figures: Figures) -> list[Target]:
    """Return all targets, in the order of the page."""

    def ratio(group: str, what: str, kind: str, to: str = "go", base: str = "") -> float | None:
        found = figures.ratio(group, what, kind, to, base)
        return found[1] if found else None

    few, many = "with 10 volumes", f"with {figures.many} volumes"
    whole = figures.middle(many, "List", "gunicorn")
    return [
        Target("Create through the engine, gunicorn to Go", 1.5, ratio("engine", "create", "gunicorn")),
        Target("Create through the engine, development server to Go", 2.2, ratio("engine", "create", "development")),
        Target("Get over the socket, gunicorn to Go", GET, ratio("serial", "Get", "gunicorn")),
        *[
            Target(f"{verb}, {number(figures.many)} volumes to 10", 1.3, ratio(many, verb, "gunicorn", base=few))
            for verb in GROWING
        ],
        Target("Get, eight at once, calls of Go to gunicorn's", 4, ratio("throughput", "Get", "go", to="gunicorn")),
        Target(f"List of {number(figures.many)} volumes", 300, whole, " ms"),
        Target(f"List of {number(figures.many)} volumes, gunicorn to Go", 1, ratio(many, "List", "gunicorn")),
    ]


def best_for_get(figures: Figures) -> str:
    """Say what Flask and gunicorn alone take for a Get; "" where that was not measured, or is within the target."""
    found = [figures.middle("whose", "one", kind) for kind in ("flask", "gunicorn", "go")]
    flask, ours, go = (found_one or 0 for found_one in found)
    if not go or flask / go <= GET:
        return ""
    return textwrap.fill(
        f"For a Get, Flask and gunicorn alone take {flask / go:.1f} times as long as Go: {number(flask)} ms of ddd's "
        f"{number(ours)} ms, and Go {number(go)} ms. With them, the target of {GET} cannot be met.",
        118,
    )


def share_of_a_run(figures: Figures, kind: str) -> tuple[float, float] | None:
    """Return the milliseconds that the calls of one `docker run --rm -v` take, and their share of the whole."""
    whole = figures.middle("engine", "run", kind)
    each = [figures.middle("serial", verb, kind) for verb in figures.calls]
    known = [time for time in each if time is not None]
    return (sum(known), sum(known) / whole) if whole and known else None


# text


def number(value: float) -> str:
    """Return a number in three figures, a large one with its thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def with_spread(found: Spread | None) -> str:
    """Return a median with its quartiles."""
    if found is None:
        return "–"
    low, middle, high = map(number, found)
    return middle if low == high else f"{middle} ({low} – {high})"


def rows(figures: Figures, group: str, measures: list[tuple[str, str]], to: str = "go") -> list[list[str]]:
    """Return a head and a row for each of (what, its name): the figures of each plugin, and ours as ratios to Go's."""
    kinds = [kind for kind in NAMES if any(figures.rounds(group, what, kind) for what, _ in measures)]
    ours = [kind for kind in ("gunicorn", "development") if to in kinds]
    head = ["", *[NAMES[kind] for kind in kinds], *[f"{NAMES[kind].removeprefix('ddd, ')} to Go" for kind in ours]]
    return [
        head,
        *[
            [
                name,
                *[with_spread(figures.spread(group, what, kind)) for kind in kinds],
                *[with_spread(figures.ratio(group, what, kind, to)) for kind in ours],
            ]
            for what, name in measures
        ],
    ]


def target_rows(figures: Figures) -> list[list[str]]:
    """Return the targets as a table."""
    return [
        ["target", "at most", "measured", ""],
        *[
            [each.what, number(each.limit) + each.unit, said(each.measured, each.unit), each.verdict]
            for each in targets(figures)
        ],
    ]


def said(value: float | None, unit: str) -> str:
    """Return a figure with its unit."""
    return "–" if value is None else number(value) + unit


def whose_rows(figures: Figures) -> list[list[str]]:
    """Return what a Get costs without ddd, and without Flask, as a table."""
    kinds = [kind for kind in ("wsgi", "flask", "gunicorn", "go") if figures.rounds("whose", "one", kind)]
    return [
        ["", "one at a time, ms", "eight at once, calls in a second"],
        *[
            [NAMES[kind], *[with_spread(figures.spread("whose", what, kind)) for what in ("one", "eight")]]
            for kind in kinds
        ],
    ]


def growth_rows(figures: Figures) -> list[list[str]]:
    """Return how each endpoint grows, as a table."""
    few, many = "with 10 volumes", f"with {figures.many} volumes"
    kinds = figures.kinds(many, "Get")
    table: list[list[str]] = [["", *[NAMES[kind] for kind in kinds]]]
    for verb in ("Create", "Get", "Path", "Mount", "Unmount", "Remove"):
        each = [(figures.spread(many, verb, kind), figures.ratio(many, verb, kind, base=few)) for kind in kinds]
        table.append([verb, *[f"{with_spread(time)}, × {with_spread(times)}" for time, times in each]])
    table.append(["List", *[with_spread(figures.spread(many, "List", kind)) for kind in kinds]])
    return table


def sections(figures: Figures) -> list[tuple[str, str, list[list[str]]]]:
    """Return the tables, each with its title and a sentence."""
    verbs, many = [(verb, verb) for verb in VERBS], number(figures.many)
    found = [
        ("Targets", "", target_rows(figures)),
        ("One call at a time", ONE_BY_ONE, rows(figures, "serial", verbs)),
        ("Eight calls at once", "Calls in a second, on eight connections.", rows(figures, "throughput", verbs)),
        ("What is Flask's, and what is gunicorn's", WHOSE, whose_rows(figures)),
    ]
    if "engine" in figures.groups:
        found.append(("Through Docker Engine", THROUGH, rows(figures, "engine", COMMANDS)))
        found.append(("Its share of a container", share_text(figures), share_rows(figures)))
    return [
        *found,
        ("Many volumes", f"Milliseconds with {many} volumes, and × those with 10.", growth_rows(figures)),
        ("Start", "Milliseconds from the command to the first answer.", rows(figures, "start", [("start", "start")])),
        ("Memory", MEMORY, rows(figures, "memory", [("memory", "memory")])),
    ]


def share_text(figures: Figures) -> str:
    """Return which calls one container costs."""
    counted = ", ".join(f"{count} {verb}" for verb, count in Counter(figures.calls).items())
    return (
        f"For one `docker run --rm -v /data`, from its start to its removal, this engine calls the plugin: {counted}."
    )


def share_rows(figures: Figures) -> list[list[str]]:
    """Return the share of a run that is the plugin's, as a table."""
    table = [["", "the plugin's calls", "the whole", "share"]]
    for kind in figures.kinds("engine", "run"):
        found, whole = share_of_a_run(figures, kind), figures.middle("engine", "run", kind)
        if found and whole:
            table.append([NAMES[kind], f"{number(found[0])} ms", f"{number(whole)} ms", f"{found[1]:.1%}"])
    return table


def table(figures: Figures) -> str:
    """Return all tables, for a terminal."""
    blocks = [about(figures)]
    for title, text, cells in sections(figures):
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        blocks.append("\n".join([title, *([text] if text else []), "", *lines]))
    return "\n\n".join(blocks).replace("**", "").replace("`", "")


def about(figures: Figures) -> str:
    """Describe the machine."""
    lacking = f" Without a Docker Engine: {figures.without_engine}." if figures.without_engine else ""
    runs = f"{len(figures.runs)} runs" if figures.runs else "one run"
    return textwrap.fill(f"Measured in {runs} on a machine with {', '.join(figures.machine)}.{lacking}", 118)


# the page

INTRO = """---
next: "Measure it on your machine:   sudo ./workshop bench"
---
# What it costs

ddd, beside a plugin in Go that does the same work (`benchmarks/go`), and Docker's own local driver. This command makes
this page, on your machine too:

```console not run: it takes minutes, and writes this page again
$ sudo ./workshop bench --docs
```

{about}

The command measures all plugins in one run, in turn, round after round. A figure is a median, with the quartiles
behind it: half of all calls lie between them. A ratio is the median of the ratios of all rounds: other work of the
machine slows all plugins, and changes the ratios little. With `--runs 5`, it is the median of five runs' ratios. Both
plugins wait until what Create and Remove answer is on
the disk (fsync), and for Remove they read which processes have which mounts. Docker's local driver does neither.
"""

MISSED = """Where a target is missed, [a comparison](#what-is-flasks-and-what-is-gunicorns) shows how much of it is
the servers', and [the profile](#where-the-time-goes) shows where the time goes.
"""

WHERE = """## Where the time goes

A profile of ddd under gunicorn, one call at a time: milliseconds a call, each function with all that it calls. The
profiler makes small functions look slower than they are: compare the figures with each other. It watches the thread
that answers. It does not see the way of a call from gunicorn's main thread to that thread, and back.
"""


def page(figures: Figures) -> str:
    """Return docs/cost.md."""
    blocks = [INTRO.format(about=about(figures))]
    for title, text, cells in sections(figures):
        blocks.append(f"## {title}\n\n{text + chr(10) * 2 if text else ''}{markdown(cells)}")
        if title == "Targets":
            blocks += [MISSED] if any("missed" in each.verdict for each in targets(figures)) else []
            blocks += [f"{said}\n"] if (said := best_for_get(figures)) else []
            blocks.append(f"![{TITLE}](cost.svg)\n")
    blocks.append(WHERE)
    for verb, functions in figures.profiles.items():
        caller, thread = figures.inside[verb]
        watched = f"Without the profiler {number(caller)} ms for the caller, {number(thread)} ms of them in the thread."
        cells = [["function", "ms"], *[[f"`{name}`", f"{spent:.3f}"] for name, spent in functions]]
        blocks.append(f"### {verb}\n\n{watched}\n\n{markdown(cells)}")
    return "\n".join(blocks)


def markdown(cells: list[list[str]]) -> str:
    """Return a table in Markdown."""
    head, *rest = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([head, "|" + "---|" * len(cells[0]), *rest, ""])


# the picture

TITLE = "What a call costs, in milliseconds: the figures are in the tables"
MARKS = {
    "gunicorn": ("var(--first)", '<circle cx="{x}" cy="{y}" r="6"/>'),
    "development": ("var(--second)", '<rect x="{left}" y="{top}" width="11" height="11"/>'),
    "go": ("var(--third)", '<path d="M{x} {top} l7 11 h-14 z"/>'),
    "local": ("var(--fourth)", '<path d="M{x} {top} l6.5 5.5 l-6.5 5.5 l-6.5 -5.5 z"/>'),
}
STYLE = """<style>
svg { --paper: #fdfcf9; --ink: #1d2733; --line: #d8d3c6;
  --first: #9a4300; --second: #00607a; --third: #22662b; --fourth: #51606f; }
@media (prefers-color-scheme: dark) { svg { --paper: #12181f; --ink: #e9edf1; --line: #36434f;
  --first: #ffb454; --second: #7fd4e6; --third: #a5d98a; --fourth: #a9b6c3; } }
</style>"""
"""The colours of the picture alone. On the page it has those of the page: see docs/stylesheets/site.css."""
STEPS = [digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5)]
ROW, LEFT, WIDTH, TOP = 34, 200, 560, 64


def drawn(figures: Figures) -> list[tuple[str, str, str]]:
    """Return what is drawn: group, what, and its name, a row each."""
    found = [("serial", verb, verb) for verb in VERBS[2:]]
    if "engine" in figures.groups:
        found += [("engine", what, f"volume {what}") for what in ("create", "inspect", "remove")]
    return found


def describe(figures: Figures) -> str:
    """Say in words what the picture shows."""
    said = []
    for group, what, name in drawn(figures):
        times = [(NAMES[kind], figures.middle(group, what, kind)) for kind in MARKS]
        said.append(f"{name}: " + ", ".join(f"{kind} {number(time)} ms" for kind, time in times if time is not None))
    return "Milliseconds for each call, median. " + "; ".join(said) + "."


def draw(figures: Figures) -> str:
    """Return docs/cost.svg: a row for each call, a mark for each plugin, a line between its quartiles."""
    lines = drawn(figures)
    everything = [spread for group, what, _ in lines for kind in MARKS if (spread := figures.spread(group, what, kind))]
    low = max(step for step in STEPS if step <= min(spread[0] for spread in everything))
    high = min(step for step in STEPS if step >= max(spread[2] for spread in everything))
    height = TOP + ROW * len(lines) + 44

    def across(time: float) -> float:
        return LEFT + WIDTH * math.log(time / low) / math.log(high / low)

    body = [legend(figures), scale([step for step in STEPS if low <= step <= high], height, across)]
    for row, (group, what, name) in enumerate(lines):
        y = TOP + ROW * row + ROW / 2
        body.append(f'<text x="{LEFT - 14}" y="{y + 5}" text-anchor="end">{html.escape(name)}</text>')
        for place, kind in enumerate(MARKS):
            spread = figures.spread(group, what, kind)
            if spread:
                body.append(mark(kind, [across(each) for each in spread], y + 3 * (place - 1.5)))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}" role="img" '
        'aria-labelledby="cost-title cost-desc" font-family="system-ui, sans-serif" font-size="15" fill="var(--ink)">',
        f'<title id="cost-title">{TITLE}</title>',
        f'<desc id="cost-desc">{html.escape(describe(figures))}</desc>',
        STYLE,
        f'<rect width="{LEFT + WIDTH + 40}" height="{height}" rx="8" fill="var(--paper)"/>',
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def mark(kind: str, across: list[float], y: float) -> str:
    """Return the mark of a plugin at a place, with the line between its quartiles."""
    colour, shape = MARKS[kind]
    left, x, right = across
    line = f'<path d="M{left:.1f} {y:.1f} H{right:.1f}" stroke="{colour}" stroke-width="2.5"/>'
    point = shape.format(x=f"{x:.1f}", y=f"{y:.1f}", left=f"{x - 5.5:.1f}", top=f"{y - 5.5:.1f}")
    return f'<g fill="{colour}">{line}{point}</g>'


def legend(figures: Figures) -> str:
    """Return which mark is whose."""
    items, x = [], 24
    for kind in MARKS:
        if kind in figures.kinds("serial", "Get") + figures.kinds("engine", "create"):
            items.append(mark(kind, [x, x, x], 24) + f'<text x="{x + 14}" y="29">{NAMES[kind]}</text>')
            x += 46 + round(7.6 * len(NAMES[kind]))
    return "\n".join(items)


def scale(steps: list[float], height: int, across: Callable[[float], float]) -> str:
    """Return a line for each step of the scale."""
    found = [f'<text x="{LEFT - 28}" y="{height - 18}" text-anchor="end" font-size="13">milliseconds</text>']
    for step in steps:
        x = f"{across(step):.1f}"
        found.append(f'<path d="M{x} {TOP - 6} V{height - 40}" stroke="var(--line)"/>')
        found.append(f'<text x="{x}" y="{height - 18}" text-anchor="middle" font-size="13">{step:g}</text>')
    return "\n".join(found)
