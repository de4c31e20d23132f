"""The course, read from slides/: parts, steps, minutes, hints, and code from the parts by name.

A slides file begins with front matter: title and minutes; in intro.md, date, place and address of the course as well.
`!SLIDE` starts a slide to the right, `!SUB` one below. On a slide, `!STEP 2.1 title`, `!MINUTES 5`, `!WHY a sentence`
(why Docker needs the step), `!CUT` (cut this slide first when time is short), `!CUT half-day` (leave it out of that
plan and of shorter ones) and `!CODE src/ddd/app.py:get` are one line each; `!HINT`, `!MORE` and `!NOTE` begin a block
that lasts to the next such line. `!RIGHT an option` and `!WRONG an option` make the slide a question for everybody;
the block below each says why it is right, or which misconception it stands for. `!EXERCISE 10 title` begins an
exercise for those who are fast, with its minutes, and `!SOLUTION` its solution. `!EDIT plugin.py` and the fence below
it are what the step changes (see edits.py); an edit on a slide that is no step is what the learner is given. `!PAGE
title` begins another page of the site (see contents.py), and `!ABOUT` says in a sentence what that page is about.
Inside a code fence no mark counts.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from workshop import repository
from workshop.course import edits
from workshop.course.edits import CourseError as CourseError
from workshop.course.edits import Edit, Files

MARK = re.compile(r"!([A-Z]+)(?:[ \t]+(.*))?$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")


ORDER = ("intro", "part1", "part2", "part3", "end")
"""The files of slides/ in the order of the day."""
PLANS = ("day", "two-evenings", "half-day", "90-minutes")
"""The plans of the agenda, the longest first: what one of them leaves out, the shorter ones leave out too."""


@dataclass
class Option:
    """One answer to choose from."""

    text: str
    right: bool
    reason: str = ""
    """Why it is right; of a wrong one, the misconception of those who choose it."""


@dataclass
class Exercise:
    """What those who are fast do while the others finish their steps."""

    title: str
    minutes: int
    text: str = ""
    solution: str = ""


@dataclass
class Slide:
    """One slide. In text and more, a line `!CODE …` says where that code is shown. In text, `!EDIT 0`, `!EDIT 1`, …
    say where the edits are."""

    where: str
    """The file and the line that it begins at, for messages."""
    vertical: bool
    """Whether it is below the slide before it, not to its right."""
    text: str = ""
    more: str = ""
    notes: str = ""
    minutes: int = 0
    cut: bool = False
    """Whether it is one to cut first when time is short."""
    left_out: str = ""
    """The longest plan that leaves it out; "" for none."""
    step: str = ""
    """The step of the learner's way that it is, "2.1"; "" for none."""
    title: str = ""
    """The title of the step."""
    page: str = ""
    """The title of the page of the site that begins with this slide; "" where the page goes on."""
    about: str = ""
    """What that page is about, in a sentence."""
    why: str = ""
    """Why Docker needs the step, in a sentence."""
    options: list[Option] = field(default_factory=list)
    """The options of a question for everybody; none on other slides."""
    exercises: list[Exercise] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def is_in(self, plan: str) -> bool:
        """Tell whether a plan of the agenda shows it."""
        return not self.left_out or PLANS.index(plan) < PLANS.index(self.left_out)


@dataclass(frozen=True)
class Step:
    """A step of the learner's way: one check, one slide, and what the learner changes in the files of work/."""

    id: str
    title: str
    minutes: int
    hints: tuple[str, ...]
    """The two hints in words, and the edit itself, as the terminal shows it."""
    edits: tuple[Edit, ...]
    before: Files
    """The files of work/ as the steps before this one leave them."""
    after: Files
    why: str
    """Why Docker needs it, in a sentence."""
    where: str
    """The slides file, and the line that the step's slide begins at."""


@dataclass(frozen=True)
class Part:
    """A part of the course, with the minutes that its front matter names."""

    number: int
    title: str
    minutes: int
    steps: list[Step]
    before: Files
    """The files of work/ as the part begins: those of the part before, and what the learner is given."""

    @property
    def after(self) -> Files:
        """The files of work/ as the part ends."""
        return self.steps[-1].after if self.steps else self.before

    @property
    def changed(self) -> Files:
        """The files of work/ that this part changes, as it leaves them."""
        return {name: text for name, text in self.after.items() if text != self.before.get(name)}

    @property
    def heading(self) -> str:
        """The title, with the part's number before it."""
        return f"Part {self.number} · {self.title}"


def folder() -> Path:
    """Return where the slides are: in the clone, or in the installed wheel."""
    root = repository.find_clone()
    return root / "slides" if root else Path(__file__).parent / "slides"


def files() -> list[Path]:
    """Return the files of slides/ in the order of the day."""
    return [folder() / f"{name}.md" for name in ORDER]


@cache
def parts() -> list[Part]:
    """Return the three parts in their order. Raises CourseError."""
    found: list[Part] = []
    for number in (1, 2, 3):
        found.append(_read_part(number, folder() / f"part{number}.md", found[-1].after if found else {}))
    return found


def part(number: int) -> Part:
    """Return one part. Raises CourseError, whose text names all parts."""
    for found in parts():
        if found.number == number:
            return found
    raise CourseError(f"There is no part {number}: the parts are 1, 2 and 3.")


def step(step_id: str) -> Step:
    """Return one step, such as "2.1". Raises CourseError, whose text names all steps."""
    steps = [found for one in parts() for found in one.steps]
    for found in steps:
        if found.id == step_id:
            return found
    spans = [f"{one.steps[0].id} to {one.steps[-1].id}" for one in parts() if one.steps]
    raise CourseError(f"There is no step {step_id}: the steps are {', '.join(spans[:-1])} and {spans[-1]}.")


def title(step_id: str) -> str:
    """Return the title of a step, "" if the slides do not have the step."""
    return next((step.title for part in parts() for step in part.steps if step.id == step_id), "")


def _read_part(number: int, path: Path, files: Files) -> Part:
    """Return the part that a slides file describes, whose first edit changes these files. Raises CourseError."""
    title, minutes = front_matter(path)
    steps: list[Step] = []
    given = files
    for slide in slides(path):
        before = files
        for edit in slide.edits:
            files = edits.apply(edit, files, slide.step)
        if slide.step:
            steps.append(_read_step(slide, before, files))
        elif slide.edits:
            if steps:
                raise CourseError(f"{slide.where}: what the learner is given stands before the first step.")
            given = files
    return Part(number, title, minutes, steps, given)


def _read_step(slide: Slide, before: Files, after: Files) -> Step:
    """Return the step that a slide is. Raises CourseError."""
    shown, files = list[str](), before
    for edit in slide.edits:
        shown.append(edits.as_text(edit, files))
        files = edits.apply(edit, files, slide.step)
    hints = (*slide.hints, "\n\n".join(shown)) if shown else tuple(slide.hints)
    return Step(
        slide.step, slide.title, slide.minutes, hints, tuple(slide.edits), before, after, slide.why, slide.where
    )


def build(root: Path) -> int:
    """Write the files of each part into a clone, and print those that have changed.

    Return 0, or 1 if an edit does not fit the file before it: the first such edit is printed.
    """
    try:
        found = parts()
    except CourseError as error:
        print(f"{error}\nFix it, and replay the steps:   ./workshop build")
        return 1
    for one in found:
        for name, text in one.changed.items():
            file = root / f"part{one.number}" / name
            if not file.is_file() or file.read_text() != str(text):
                file.write_text(str(text))
                print(f"Wrote part{one.number}/{name}.")
    print("The parts are what their steps add up to. See what has changed:   git diff part1 part2 part3")
    return 0


def version() -> str:
    """Return a name for the steps as they are: it changes when a step comes or goes, or its edit changes."""
    steps = [step for part in parts() for step in part.steps]
    # the line of an edit in slides/ does not count
    edits = [[(edit.file, [hunk.lines for hunk in edit.hunks]) for edit in step.edits] for step in steps]
    told = [f"{step.id} {step.title} {changes}" for step, changes in zip(steps, edits, strict=True)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def front_matter(path: Path) -> tuple[str, int]:
    """Return the title and the minutes that a slides file begins with. Raises CourseError."""
    fields = _fields(path)
    if not fields.get("title"):
        raise CourseError(f"{path}:1: the front matter names no title.")
    return fields["title"], _number_at(f"{path}:1", "minutes", fields.get("minutes", ""))


def occasion() -> list[str]:
    """Return date, place and address of this course as the front matter of intro.md has them, without empty ones."""
    fields = _fields(folder() / "intro.md")
    return [fields[name] for name in ("date", "place", "address") if fields.get(name)]


def _fields(path: Path) -> dict[str, str]:
    """Return the fields of the front matter, each a line `name: value`. Raises CourseError."""
    return dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", _head(path), re.MULTILINE))


def part_of(path: Path) -> int:
    """Return the number of the part that a slides file is about, 0 for one that is about the whole course."""
    found = re.fullmatch(r"part(\d)", path.stem)
    return int(found[1]) if found else 0


def full_title(path: Path) -> str:
    """Return the title of a slides file, with the part's number before it. Raises CourseError."""
    return with_part(path, front_matter(path)[0])


def with_part(path: Path, title: str) -> str:
    """Return a title with the number of the part before it that a slides file is about, if it is about one."""
    number = part_of(path)
    return f"Part {number} · {title}" if number else title


def _head(path: Path) -> str:
    """Return the front matter with the two lines `---` around it. Raises CourseError if it is not there."""
    try:
        text = path.read_text()
    except OSError as error:
        raise CourseError(f"{path}:1: the slides cannot be read: {error.strerror}.") from None
    found = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
    if not found:
        raise CourseError(f"{path}:1: the file does not begin with front matter between two lines ---.")
    return found[0]


def _number_at(where: str, name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise CourseError(f"{where}: {name} is to be a whole number over 0, not {text!r}.")
    return int(text)


def slides(path: Path) -> list[Slide]:
    """Return the slides of a file, in their order. Raises CourseError."""
    reader = Reader(path)
    for line, text, fenced in _lines(path):
        mark = None if fenced else MARK.match(text)
        if mark:
            reader.mark(f"{path}:{line}", mark[1], (mark[2] or "").strip(), text)
        elif reader.file:
            reader.edit_line(path, line, text)
        else:
            reader.add(text)
    return reader.finish()


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield number, text and "is inside a code fence" of each line after the front matter. Raises CourseError."""
    begin = _head(path).count("\n")
    open_fence, opened_at = "", 0
    # what is typed is another command where the tool is installed
    whole = path.read_text().replace("./workshop ", f"{repository.tool()} ")
    for number, text in enumerate(whole.splitlines()[begin:], start=begin + 1):
        fence = FENCE.match(text)
        yield number, text, bool(open_fence or fence)
        if fence and not open_fence:
            open_fence, opened_at = fence[1], number
        elif fence and fence[1].startswith(open_fence) and not fence[2].strip():
            open_fence = ""
    if open_fence:
        raise CourseError(f"{path}:{opened_at}: the code fence that begins here has no end.")


class Reader:
    """Collects the slides of one file, line by line."""

    def __init__(self, path: Path) -> None:
        self.slides: list[Slide] = [Slide(f"{path}:1", vertical=False)]
        self.block = "text"
        self.file = ""
        """The file of the edit that is being read; "" outside of one."""
        self.fence: list[str] | None = None
        self.first = 0
        self.single: dict[str, Callable[[str, str, str], None]] = {
            "PAGE": self.page,
            "ABOUT": self.about,
            "STEP": self.step,
            "MINUTES": self.minutes,
            "WHY": self.why,
            "CUT": self.cut,
            "CODE": self.code,
            "EDIT": self.edit,
        }

    def mark(self, where: str, name: str, argument: str, text: str) -> None:
        """Take a line with a mark. Raises CourseError for a mark that means nothing."""
        if self.file:
            raise CourseError(f"{where}: {self.wanted}")
        if name in ("SLIDE", "SUB"):
            self.slides.append(Slide(where, vertical=name == "SUB"))
            self.block = "text"
        elif name in ("HINT", "MORE", "NOTE"):
            self.block = {"HINT": "hint", "MORE": "more", "NOTE": "notes"}[name]
            if name == "HINT":
                self.slides[-1].hints.append("")
        elif name in ("RIGHT", "WRONG"):
            self.option(where, name, argument)
        elif name in ("EXERCISE", "SOLUTION"):
            self.exercise(where, name, argument)
        elif name == "TRACE":
            self.trace(where, argument)
        elif name in self.single:
            self.block = "more" if self.block == "more" else "text"
            self.single[name](where, argument, text)
        else:
            known = (
                "SLIDE SUB PAGE ABOUT STEP MINUTES WHY CUT CODE EDIT TRACE HINT MORE NOTE RIGHT WRONG EXERCISE SOLUTION"
            )
            raise CourseError(f"{where}: !{name} means nothing. What does: {known}.")

    def page(self, where: str, argument: str, _text: str) -> None:
        if not argument or self.slides[-1].page:
            raise CourseError(f"{where}: a slide begins a page with one line !PAGE and a title behind it.")
        self.slides[-1].page = argument

    def about(self, where: str, argument: str, _text: str) -> None:
        if not argument or not self.slides[-1].page or self.slides[-1].about:
            raise CourseError(f"{where}: below !PAGE stands one line !ABOUT, with a sentence behind it.")
        self.slides[-1].about = argument

    def step(self, where: str, argument: str, _text: str) -> None:
        found = re.fullmatch(r"(\d+\.\d+)[ \t]+(\S.*)", argument)
        if not found or self.slides[-1].step:
            raise CourseError(f"{where}: a slide has one line !STEP, with a number and a title: !STEP 2.1 title")
        self.slides[-1].step, self.slides[-1].title = found[1], found[2]

    def minutes(self, where: str, argument: str, _text: str) -> None:
        self.slides[-1].minutes += _number_at(where, "minutes", argument)

    def why(self, where: str, argument: str, _text: str) -> None:
        if not argument or self.slides[-1].why:
            raise CourseError(f"{where}: a slide has one line !WHY, with a sentence behind it.")
        self.slides[-1].why = argument

    def cut(self, where: str, argument: str, _text: str) -> None:
        shorter = PLANS[1:]
        if argument and argument not in shorter:
            raise CourseError(f"{where}: behind !CUT stands nothing, or {', '.join(shorter)}; not {argument!r}.")
        self.slides[-1].cut = not argument
        self.slides[-1].left_out = argument or shorter[0]

    def code(self, where: str, argument: str, text: str) -> None:
        if not re.fullmatch(r"[\w./-]+:\w+", argument):
            raise CourseError(f"{where}: code is named by file and function: !CODE part2/plugin.py:activate")
        self.slides[-1].code.append(argument)
        self.add(text)

    def edit(self, where: str, argument: str, _text: str) -> None:
        if not re.fullmatch(r"[\w.-]+", argument):
            raise CourseError(f"{where}: an edit names a file of work/: !EDIT plugin.py")
        self.add(f"!EDIT {len(self.slides[-1].edits)}")
        self.file, self.fence = argument, None

    @property
    def wanted(self) -> str:
        return f"below !EDIT {self.file} comes the edit itself, between ```diff and ```."

    def edit_line(self, path: Path, number: int, text: str) -> None:
        """Take a line of the fence of an edit. Raises CourseError."""
        if self.fence is None and text == "```diff":
            self.fence, self.first = [], number + 1
        elif self.fence is None and text.strip():
            raise CourseError(
                f"{path}:{number}: below !EDIT {self.file} comes the edit itself, between ```diff and ```."
            )
        elif self.fence is not None and text == "```":
            self.slides[-1].edits.append(edits.read(self.file, self.first, str(path), self.fence))
            self.file = ""
        elif self.fence is not None:
            self.fence.append(text)

    def option(self, where: str, name: str, argument: str) -> None:
        if not argument:
            raise CourseError(f"{where}: an option stands behind !{name}, and its reason below.")
        self.slides[-1].options.append(Option(argument, name == "RIGHT"))
        self.block = "option"

    def exercise(self, where: str, name: str, argument: str) -> None:
        found = re.fullmatch(r"(\d+)[ \t]+(\S.*)", argument)
        if name == "EXERCISE" and not found:
            raise CourseError(f"{where}: an exercise has minutes and a title: !EXERCISE 10 title")
        if name == "SOLUTION" and (argument or self.block != "exercise"):
            raise CourseError(f"{where}: !SOLUTION stands alone on its line, below the text of its exercise.")
        if found:
            self.slides[-1].exercises.append(Exercise(found[2], _number_at(where, "minutes", found[1])))
        self.block = name.lower()

    def trace(self, where: str, argument: str) -> None:
        """Take `!TRACE 20.10/run`, a conversation of traces/, in whatever block. A deck gives it its own slide."""
        if not re.fullmatch(r"[\w./-]+", argument):
            raise CourseError(f"{where}: a conversation is named as in traces/, without .jsonl: !TRACE 20.10/run")
        self.slides[-1].more += f"\n!TRACE {argument}\n"

    def add(self, text: str) -> None:
        """Add a line to the block that is being read."""
        slide = self.slides[-1]
        if self.block == "hint":
            slide.hints[-1] += text + "\n"
        elif self.block == "option":
            slide.options[-1].reason += text + "\n"
        elif self.block == "exercise":
            slide.exercises[-1].text += text + "\n"
        elif self.block == "solution":
            slide.exercises[-1].solution += text + "\n"
        else:
            setattr(slide, self.block, getattr(slide, self.block) + text + "\n")

    def finish(self) -> list[Slide]:
        """Return the slides, without empty lines at their ends. The text before the first one is a slide, if any."""
        for slide in self.slides:
            slide.text, slide.more, slide.notes = (_trim(slide.text), _trim(slide.more), _trim(slide.notes))
            slide.hints = [_trim(hint) for hint in slide.hints]
            for option in slide.options:
                option.reason = _trim(option.reason)
            for exercise in slide.exercises:
                exercise.text, exercise.solution = _trim(exercise.text), _trim(exercise.solution)
        first = self.slides[0]
        return self.slides if first.text or first.step or first.minutes else self.slides[1:]


def _trim(text: str) -> str:
    """Return text without the empty lines before and after it; a first line may be indented, so no strip()."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", text).rstrip()


def snippet(reference: str, root: Path | None = None) -> str:
    """Return a function of a part with its decorators, for "part2/plugin.py:activate". Raises CourseError."""
    name, _, function = reference.partition(":")
    path = (root or repository.clone_root()) / name
    try:
        found = functions(path.read_text(), str(path))
    except OSError as error:
        raise CourseError(
            f"{path}:1: the file that !CODE {reference} names cannot be read: {error.strerror}."
        ) from None
    if function not in found:
        raise CourseError(f"{path}:1: there is no function {function} here: fix the line !CODE {reference}")
    return found[function]


def conversation(name: str, root: Path | None = None) -> Path:
    """Return the file of a recorded conversation, "20.10/run". Raises CourseError, whose text names all of them."""
    traces = (root or repository.clone_root()) / "traces"
    there = [str(path.relative_to(traces).with_suffix("")) for path in sorted(traces.rglob("*.jsonl"))]
    if name not in there:
        raise CourseError(f"There is no conversation {name} in traces/. There are: {', '.join(there)}.")
    return traces / f"{name}.jsonl"


def functions(source: str, path: str = "the file") -> dict[str, str]:
    """Return the source of each function of a Python text, by name, with its decorators. Raises CourseError."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise CourseError(f"{path}:{line}: this is not Python: {getattr(error, 'msg', error)}.") from None
    text = source.splitlines()
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: "\n".join(text[_first_line(node) - 1 : node.end_lineno]) + "\n" for node in nodes}


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


HEADING = re.compile(r"\A(#{1,2})[ \t]+(.+)$", re.MULTILINE)


def heading(slide: Slide) -> str:
    """Return a slide's heading without its marks. Raises CourseError if it does not begin with one."""
    found = HEADING.match(slide.text)
    if not found:
        raise CourseError(f"{slide.where}: the slide does not begin with a heading, # or ##.")
    return found[2].strip()
