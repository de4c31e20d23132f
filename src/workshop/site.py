"""The site and its decks, both made from slides/: what mkdocs calls through hook.py, and what the verbs call."""

from __future__ import annotations

import html
import logging
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from workshop import agenda as day
from workshop import course, deck, interpreter, notebooks, report, setup, web
from workshop.course import CourseError, Slide
from workshop.deck import listing
from workshop.edits import Edit

ORDER = course.ORDER
"""The files of slides/ in the order of the day."""

TRACE = re.compile(r"^!TRACE[ \t]+(\S+)[ \t]*$", re.MULTILINE)
SCRIPT = "scripts/conversation.js"
FOLLOW = """
const follow = () => document.querySelectorAll("plugin-conversation").forEach((each) =>
  each.setAttribute("theme", document.body.dataset.mdColorScheme === "slate" ? "dark" : "light"));
new MutationObserver(follow).observe(document.body, {attributeFilter: ["data-md-color-scheme"]});
follow();
"""
"""Keeps the conversations of a page as light or dark as the page."""

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
ASIDE = ".pdf"
"""Where PDFs are while mkdocs empties the folder of the site."""
log = logging.getLogger("mkdocs.hooks.workshop")


def slide_files() -> list[Path]:
    """Return the files of slides/ in the order of the day."""
    return course.files()


# What mkdocs calls, by these names


def on_pre_build(config: Any) -> None:
    """Put the PDFs of the decks aside: next, mkdocs deletes what is in the folder of the site and not hidden."""
    move_pdfs(Path(config.site_dir, "decks"), Path(config.site_dir, ASIDE))


def on_files(files: Any, config: Any) -> Any:
    """Add a page and a deck for each file of slides/, a page for each notebook, and what draws conversations."""
    folder = Path(config.site_dir)
    move_pdfs(folder / ASIDE, folder / "decks")
    if old := outdated(folder):
        log.info(old)
    course.parts.cache_clear()  # `mkdocs serve` builds again after a change
    File = import_module("mkdocs.structure.files").File
    with told():
        for path in slide_files():
            files.append(File.generated(config, f"{path.stem}.md", content=page(path)))
            files.append(File.generated(config, f"decks/{path.stem}.html", content=deck.page(path)))
        for path in notebooks.stored():
            files.append(File.generated(config, f"{path.stem}-notebook.md", content=notebooks.page(path)))
    files.append(File.generated(config, SCRIPT, abs_src_path=str(web.FOLDER / "conversation.js")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the agenda, and lead a link to the README to the page that says the same: the site ends at docs/."""
    with told():
        text = deck.consoles(markdown).replace("](../README.md)", "](index.md)")
        return text.replace("<!-- agenda -->", agenda())


def on_page_content(text: str, page: Any, **_: Any) -> str:
    """Give every picture its text."""
    with told():
        return deck.pictures(text, page.file.src_uri)


def on_post_page(output: str, **_: Any) -> str:
    """Leave out the 3 MB that draw pictures where there is none, and bring in what draws conversations where one is."""
    if "<plugin-conversation" in output:
        scripts = f'<script src="{SCRIPT}" defer></script><script>{FOLLOW}</script>'
        output = output.replace("</body>", f"{scripts}</body>")
    if 'class="mermaid"' in output:
        return output
    return re.sub(r'<script src="[^"]*mermaid\.min\.js"></script>', "", output)


@contextmanager
def told() -> Iterator[None]:
    """Tell what is wrong with the course as mkdocs tells errors: a sentence, no traceback."""
    try:
        yield
    except (CourseError, setup.Lacking) as error:
        raise import_module("mkdocs.exceptions").PluginError(str(error)) from None


def move_pdfs(source: Path, target: Path) -> None:
    """Move the PDFs of a folder, if there are any, with the times of their making."""
    for path in source.glob("*.pdf"):
        target.mkdir(parents=True, exist_ok=True)
        path.replace(target / path.name)
    if source.name == ASIDE and source.is_dir():
        source.rmdir()


def outdated(folder: Path) -> str:
    """Return a sentence on the PDFs of a built site that are older than what their decks show; "" where none is."""
    old = [path.name for path in sorted(folder.glob("decks/*.pdf")) if path.stat().st_mtime < changed(path.stem)]
    if not old:
        return ""
    return f"Older than their slides: {', '.join(old)}. Print them anew:   {setup.tool()} slides --pdf"


def changed(name: str) -> float:
    """Return when the text or the code of a deck was last changed, in seconds since the epoch."""
    path = course.folder() / f"{name}.md"
    if not path.is_file():  # the deck is gone, and its PDF shows what was
        return float("inf")
    code = {where.partition(":")[0] for where in deck.CODE.findall(path.read_text())}
    files = [path, *(setup.clone() / each for each in code)]
    return max(float(file.stat().st_mtime) for file in files if file.is_file())


def agenda() -> str:
    """Return the day as a table in Markdown: when, what, and its slides. Raises CourseError."""
    plan = day.day(day.minutes_of(day.START))
    taught, breaks = day.total(plan)
    rows = ["| time | minutes | | |", "|---|---|---|---|"]
    for each in plan:
        what, shown = each.title, ""
        if each.slides:
            what = f"[{day.name(each)}]({each.file}.md)"
            shown = f"[slides](decks/{each.file}.html)"
        rows.append(f"| {day.clock(each.start)}–{day.clock(each.end)} | {each.minutes} | {what} | {shown} |")
    rows.append(f"| | **{taught + breaks}** | **{taught} minutes of slides, {breaks} of breaks** | |")
    return "\n".join([*rows, *day.cut_lines(plan[-1].end, "- ")])


# A page for each file of slides/


def page(path: Path) -> str:
    """Return the page of a slides file as Markdown. Raises CourseError."""
    title, minutes = course.whole_title(path), course.front_matter(path)[1]
    slides = list(enumerate(course.slides(path), start=1))
    name = path.stem
    blocks = [f"---\ntitle: {title}\n---"]
    blocks += [part_of_page(slide, deck.anchor(slide, number), name, number == 1) for number, slide in slides]
    number = course.part_of(path)
    laboratory = f"[Try it in the laboratory]({name}-notebook.md){{ .md-button }} " if number else ""
    slides_button = f"[Show the slides](decks/{name}.html){{ .md-button }} "
    blocks.insert(2, f"{slides_button}{laboratory}**{minutes} minutes**\n{{: .begin }}")
    if number:
        blocks += [checks(number), whole(number)]
    return "\n\n".join(blocks) + "\n"


def part_of_page(slide: Slide, anchor: str, name: str, first: bool) -> str:
    """Return a slide as a section of its page: text, code, what is more, and the hints. Raises CourseError."""
    title = deck.heading(slide)
    part = f"Part {name[4:]}" if first and name.startswith("part") else ""
    step = f'<span class="step">{slide.step or part}</span> ' if slide.step or part else ""
    level = "#" if first else "##"
    meta = f"{minutes_text(slide.minutes)} · [slide](decks/{name}.html#/{anchor})\n{{: .meta }}"
    text = deck.HEADING.sub("", slide.text, count=1)
    more = with_conversations(with_code(slide.more), slide.where)
    text = deck.EDIT.sub(lambda found: edit_block(slide.edits[int(found[1])]), with_code(text))
    parts = [f"{level} {step}{title} {{ #{anchor} }}", "" if first else meta, text, more]
    return "\n\n".join([*filter(None, map(str.strip, parts)), *hints(slide)])


def minutes_text(minutes: int) -> str:
    return f"{minutes} minute{'s' * (minutes != 1)}"


def with_code(text: str) -> str:
    """Return text with the code itself in the place of each line !CODE. Raises CourseError."""
    return deck.CODE.sub(lambda found: fenced(found[1], course.snippet(found[1])), text)


def with_conversations(text: str, where: str) -> str:
    """Return text with what Docker and the plugin said in the place of each line !TRACE. Raises CourseError."""
    return TRACE.sub(lambda found: conversation(found[1], where), text)


def conversation(name: str, where: str) -> str:
    """Return a recorded conversation as the element that draws it. Raises CourseError."""
    try:
        recording = course.conversation(name).read_text()
    except CourseError as error:
        raise CourseError(f"{where}: {error}") from None
    return f'<div class="conversation">\n{web.embedded(recording)}</div>'


def checks(number: int) -> str:
    """Return the steps of a part, with what each check looks at, as a table in Markdown. Raises CourseError."""
    rows = ["| step | what is checked |", "|---|---|"]
    for step, check in report.steps(number).items():
        said = " ".join((check.__doc__ or "").split()).replace("|", "\\|")
        rows.append(f"| [{step} {course.step(step).title}](#step-{step.replace('.', '-')}) | {said} |")
    head = "## The steps, and the checks that say they are done { #checks }"
    said = f"`./workshop check {number}` checks them in this order, on your plugin, up to the first that fails."
    return "\n\n".join([head, said, "\n".join(rows)])


def fenced(title: str, source: str) -> str:
    return f'\n````python title="{title.replace(":", " · ")}"\n{source.rstrip()}\n````\n'


def hints(slide: Slide) -> list[str]:
    """Return the hints folded away, so that each is opened on purpose."""
    return [
        f'<details class="hint"><summary>Hint {number} of {len(slide.hints)}</summary>\n{plain(hint)}\n</details>'
        for number, hint in enumerate(slide.hints, start=1)
    ]


def plain(text: str) -> str:
    """Return the text of a hint as HTML. Hints are written for the terminal: what is indented there is code."""
    found = []
    for is_code, blocks in groupby(text.split("\n\n"), lambda block: block.startswith("    ")):
        if is_code:
            source = re.sub(r"^ {4}", "", "\n\n".join(blocks).rstrip(), flags=re.MULTILINE)
            found.append(code_block("".join(listing.lines(source))))
        else:
            found += [f"<p>{with_code_marked(block.strip())}</p>" for block in blocks]
    return "\n".join(found)


def with_code_marked(text: str) -> str:
    """Return a paragraph of a hint as HTML: two spaces set code off in it, up to two more or a comma."""
    first, *rest = re.split(r"(?m)(?<=\S)  (\S[^(\n]*?|\S.*?\))(  |(?=[,;] |[,;:.]?$))", text)
    pieces = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    marked = (f" <code>{html.escape(code)}</code>{gap[:1]}{html.escape(more)}" for code, gap, more in pieces)
    return html.escape(first) + "".join(marked)


def code_block(lines: str) -> str:
    # an empty line would end the HTML for Markdown, and the code with it
    return f'<div class="highlight"><pre><code>{lines}</code></pre></div>'


def edit_block(edit: Edit) -> str:
    """Return an edit as a listing in which new lines have a +, and those that go a −."""
    gap = '<span class="line gap">⋮\n</span>'
    code = gap.join("".join(listing.changed(edit.file, hunk.lines)) for hunk in edit.hunks)
    return f'\n<div class="edit"><span class="file">work/{edit.file}</span>\n{code_block(code)}\n</div>\n'


def whole(number: int) -> str:
    """Return each file that a part changes, folded away, with the step beside each line. Raises CourseError."""
    rows = [f"## The whole of part {number}, with the step beside each line {{ #whole }}"]
    for name, text in course.part(number).changed.items():
        # a blank line needs no reason
        steps = [step if line.strip() else "" for line, step in zip(text.lines, text.steps, strict=True)]
        lines = [with_step(line, step) for line, step in zip(listing.lines(str(text)), steps, strict=True)]
        summary = f"part{number}/{name}, {len(text.lines)} lines"
        rows.append(f'<details class="whole"><summary>{summary}</summary>\n{code_block("".join(lines))}\n</details>')
    return "\n\n".join(rows)


def with_step(line: str, step: str) -> str:
    """Return a line of code with a link to the step that wrote it; on the page of another part it leads there."""
    link = f'<a href="part{step[0]}.html#step-{step.replace(".", "-")}">{step}</a>' if step else ""
    return line.replace(">", f'><span class="of">{link}</span>', 1)


# What the verbs call


def build(folder: Path) -> None:
    """Build the site into a folder. Raises CourseError with what mkdocs says where that fails."""
    done = subprocess.run([*mkdocs("build"), "--strict", "--quiet", "--site-dir", str(folder)], **surroundings())
    if done.returncode:
        raise CourseError(done.stdout.strip())


def build_decks(folder: Path) -> list[Path]:
    """Build the site, whose pages the slides lead to, into a folder, and return its decks. Raises CourseError."""
    build(folder)
    return [folder / "decks" / f"{name}.html" for name in ORDER]


def pdf(folder: Path) -> list[Path]:
    """Return each deck as a PDF beside it, built like build_decks. Raises CourseError, and Lacking without Chromium."""
    found = shutil.which("chromium")
    if not found:
        raise setup.Lacking("A PDF is printed by Chromium. Install it:\n    sudo apt-get install chromium")
    decks = build_decks(folder)
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM + QUIET)
        printed = [print_deck(browser, path) for path in decks]
        browser.close()
    return printed


def print_deck(browser: Any, path: Path) -> Path:
    """Return the PDF of a deck, made beside it."""
    page = browser.new_page()
    page.goto(f"{path.as_uri()}?print-pdf")
    page.wait_for_selector(".reveal[data-painted]", state="attached")
    page.wait_for_function("Reveal.isReady() && document.querySelector('.pdf-page')")
    target = path.with_suffix(".pdf")
    page.pdf(path=str(target), prefer_css_page_size=True, print_background=True)
    page.close()
    return target


def serve() -> int:
    """Serve the site until Ctrl-C, building it anew at every change; say where. Returns mkdocs' exit status."""
    port = free_port()
    print(f"The course is at http://127.0.0.1:{port}/ as soon as it is built. Ctrl-C ends it.", flush=True)
    with suppress(KeyboardInterrupt):
        return subprocess.call([*mkdocs("serve"), "--quiet", "--dev-addr", f"127.0.0.1:{port}"], **surroundings(False))
    return 0


def free_port(wanted: int = 8000) -> int:
    """Return a port of this machine that nobody has: the wanted one if it is free."""
    for port in (wanted, 0):
        with socket.socket() as listener, suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    return wanted


def mkdocs(verb: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mkdocs", verb, "--config-file", str(setup.clone() / "mkdocs.yml")]


def surroundings(capture: bool = True) -> dict[str, Any]:
    """Return how mkdocs is run: without an advertisement of Material's, and with what it says kept if wanted."""
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if capture else {}
    return {"cwd": setup.clone(), "env": interpreter.environment() | {"NO_MKDOCS_2_WARNING": "1"}, **kept}
