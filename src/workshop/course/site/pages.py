"""The pages of the site that the files of slides/ make: the slides, the checks, and the code of the part."""

from __future__ import annotations

import html
import json
import re
from itertools import groupby
from pathlib import Path

from workshop.checker import steps as steps_module
from workshop.course import contents, course
from workshop.course.contents import Page
from workshop.course.course import HEADING, Slide, heading
from workshop.course.edits import Edit
from workshop.course.questions import question
from workshop.course.site import deck, listing, questions
from workshop.trace import page as web

# The pages of a file of slides/


def page(path: Path, number: int = 1) -> str:
    """Return a page of a slides file as Markdown, by its place among the pages of the file. Raises CourseError."""
    pages = contents.pages(path)
    this, part = pages[number - 1], course.part_of(path)
    following = pages[number].slides if number < len(pages) else []
    blocks = [f"---\n{_front_matter(path, this, _next_step(path, following))}---"]
    sections = [_section(slide, name, path.stem, number == 1 and not n) for n, (name, slide) in enumerate(this.slides)]
    begin = f"{_buttons(path, this)}**{_minutes_text(sum(slide.minutes for _, slide in this.slides))}**\n{{: .begin }}"
    if number == 1:
        blocks += [sections.pop(0), begin, *(["<!-- try -->"] if part else [])]
    else:
        label = _step_label(f"Part {part}" if part else "")
        blocks += [f"# {label}{this.title}", begin]
    blocks += [*_list_of_pages(pages, this), *sections]
    if part and not following:
        blocks += [table_of_checks(part), whole_file(part)]
    return "\n\n".join(blocks) + "\n"


def _front_matter(path: Path, page: Page, next_step: str) -> str:
    """Return title, next step and, where no introduction says it, what a page is about, as YAML: JSON is YAML, too."""
    description = f"description: {json.dumps(page.about)}\n" if page.about else ""
    return f"title: {json.dumps(course.with_part(path, page.title))}\n{description}next: {json.dumps(next_step)}\n"


def _next_step(path: Path, following: list[tuple[str, Slide]]) -> str:
    """Return what the reader does after a page, as a sentence and a command; following is the page after it."""
    part = course.part_of(path)
    if step := next((slide for _, slide in following if slide.step), None):
        return f"The next step is {step.step}, {step.title}:   ./workshop check {part}"
    if following:
        return f"Check all steps once more before Docker does:   ./workshop check {part}"
    if path.stem == "end":
        return "See what else a plugin owes:   ./workshop check --conformance"
    return "Clean up:   ./workshop clean" if part == 3 else f"Begin part {part + 1}:   ./workshop start {part + 1}"


def _buttons(path: Path, this: Page) -> str:
    """Return what leads from a page to its slides, at the first of them, and to its notebook."""
    notebook = f"[Try it in the laboratory]({path.stem}-notebook.md){{ .md-button }} " if course.part_of(path) else ""
    first = f"#/{this.slides[0][0]}" if this.name != path.stem else ""
    return f"[Show the slides](decks/{path.stem}.html{first}){{ .md-button }} {notebook}"


def _list_of_pages(pages: list[Page], this: Page) -> list[str]:
    """Return the pages that a slides file makes as a list, with this one marked; nothing where it makes one only."""
    rows = [
        f"1. **{each.title}**{{ aria-current=page }}" if each is this else f"1. [{each.title}]({each.name}.md)"
        for each in pages
    ]
    nav = '<nav class="pages" aria-label="The pages of this part" markdown="1">'
    return ["\n".join([nav, "", *rows, "", "</nav>"])] * (len(pages) > 1)


def _step_label(label: str) -> str:
    return f'<span class="step">{label}</span> ' if label else ""


def _section(slide: Slide, anchor: str, name: str, first: bool) -> str:
    """Return a slide as a section of its page: text, code, what is more, and the hints. Raises CourseError."""
    title = heading(slide)
    part = f"Part {name[4:]}" if first and name.startswith("part") else ""
    step = _step_label(slide.step or part or ("Question" if slide.options else ""))
    level = "#" if first else "##"
    meta = f"{_minutes_text(slide.minutes)} · [slide](decks/{name}.html#/{anchor})\n{{: .meta }}"
    text = HEADING.sub("", slide.text, count=1)
    more = _insert_conversations(_insert_code(slide.more), slide.where)
    text = deck.EDIT.sub(lambda found: _edit_block(slide.edits[int(found[1])]), _insert_code(text))
    why = f"*Why Docker needs it:* {slide.why}" if slide.why else ""
    parts = [f"{level} {step}{title} {{ #{anchor} }}", "" if first else meta, text, why]
    parts += [questions.folded(question(slide))] if slide.options else []
    parts += [more, *(questions.exercise(each) for each in slide.exercises)]
    return "\n\n".join([*filter(None, map(str.strip, parts)), *_hints(slide)])


def _minutes_text(minutes: int) -> str:
    return f"{minutes} minute{'s' * (minutes != 1)}"


def _insert_code(text: str) -> str:
    """Return text with the code itself in the place of each line !CODE. Raises CourseError."""
    return deck.CODE.sub(lambda found: _fence(found[1], course.snippet(found[1])), text)


def _insert_conversations(text: str, where: str) -> str:
    """Return text with what Docker and the plugin said in the place of each line !TRACE. Raises CourseError."""

    def element(found: re.Match[str]) -> str:
        return f'<div class="conversation">\n{web.element(deck.recording(found[1], where))}</div>'

    return deck.TRACE.sub(element, text)


def table_of_checks(number: int) -> str:
    """Return the steps of a part, with what each check looks at, as a table in Markdown. Raises CourseError."""
    rows = ["| step | what is checked |", "|---|---|"]
    for step, check in steps_module.checks_of_part(number).items():
        said = " ".join((check.__doc__ or "").split()).replace("|", "\\|")
        place = f"part{number}.md#{contents.step_anchor(step)}"
        rows.append(f"| [{step} {course.step(step).title}]({place}) | {said} |")
    head = "## The steps, and the checks that say they are done { #checks }"
    said = f"`./workshop check {number}` checks them in this order, on your plugin, up to the first that fails."
    return "\n\n".join([head, said, "\n".join(rows)])


def _fence(title: str, source: str) -> str:
    return f'\n````python title="{title.replace(":", " · ")}"\n{source.rstrip()}\n````\n'


def _hints(slide: Slide) -> list[str]:
    """Return the hints folded away, so that each is opened on purpose."""
    return [
        f'<details class="hint"><summary>Hint {number} of {len(slide.hints)}</summary>\n{_plain(hint)}\n</details>'
        for number, hint in enumerate(slide.hints, start=1)
    ]


def _plain(text: str) -> str:
    """Return the text of a hint as HTML. Hints are written for the terminal: what is indented there is code."""
    found = []
    for is_code, blocks in groupby(text.split("\n\n"), lambda block: block.startswith("    ")):
        if is_code:
            source = re.sub(r"^ {4}", "", "\n\n".join(blocks).rstrip(), flags=re.MULTILINE)
            found.append(_code_block("".join(listing.lines(source))))
        else:
            found += [f"<p>{mark_code(block.strip())}</p>" for block in blocks]
    return "\n".join(found)


def mark_code(text: str) -> str:
    """Return a paragraph of a hint as HTML: two spaces set code off in it, up to two more or a comma."""
    first, *rest = re.split(r"(?m)(?<=\S)  (\S[^(\n]*?|\S.*?\))(  |(?=[,;] |[,;:.]?$))", text)
    pieces = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    marked = (f" <code>{html.escape(code)}</code>{gap[:1]}{html.escape(more)}" for code, gap, more in pieces)
    return html.escape(first) + "".join(marked)


def _code_block(lines: str) -> str:
    # an empty line would end the HTML for Markdown, and the code with it
    return f'<div class="highlight"><pre><code>{lines}</code></pre></div>'


def _edit_block(edit: Edit) -> str:
    """Return an edit as a listing in which new lines have a +, and those that go a −."""
    gap = '<span class="line gap">⋮\n</span>'
    code = gap.join("".join(listing.changed(edit.file, hunk.lines)) for hunk in edit.hunks)
    return f'\n<div class="edit"><span class="file">work/{edit.file}</span>\n{_code_block(code)}\n</div>\n'


def whole_file(number: int) -> str:
    """Return each file that a part changes, folded away, with the step beside each line. Raises CourseError."""
    rows = [f"## The whole of part {number}, with the step beside each line {{ #whole }}"]
    for name, text in course.part(number).changed.items():
        # a blank line needs no reason
        steps = [step if line.strip() else "" for line, step in zip(text.lines, text.steps, strict=True)]
        lines = [_with_step(line, step) for line, step in zip(listing.lines(str(text)), steps, strict=True)]
        summary = f"part{number}/{name}, {len(text.lines)} lines"
        rows.append(f'<details class="whole"><summary>{summary}</summary>\n{_code_block("".join(lines))}\n</details>')
    return "\n\n".join(rows)


def _with_step(line: str, step: str) -> str:
    """Return a line of code with a link to the step that wrote it; on the page of another part it leads there."""
    link = f'<a href="{contents.page_of_step(step)}">{step}</a>' if step else ""
    return line.replace(">", f'><span class="of">{link}</span>', 1)
