"""The events of mkdocs, which hook.py hands on: pages and decks made from slides/ are added, and what they need."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from workshop import repository
from workshop.course import agenda as day
from workshop.course import course
from workshop.course.course import CourseError
from workshop.course.page import build as try_page
from workshop.course.site import deck, notebook_pages, pictures
from workshop.course.site.pages import page
from workshop.trace import page as web

SCRIPT = "scripts/conversation.js"
STYLE = "stylesheets/pictures.css"
FOLLOW = """
const follow = () => document.querySelectorAll("plugin-conversation").forEach((each) =>
  each.setAttribute("theme", document.body.dataset.mdColorScheme === "slate" ? "dark" : "light"));
new MutationObserver(follow).observe(document.body, {attributeFilter: ["data-md-color-scheme"]});
follow();
"""
"""Keeps the conversations of a page as light or dark as the page."""
TRY = (
    '<p class="begin">No Linux here? <a class="md-button" href="try/index.html">Write the plugin in this browser</a> '
    "with nothing installed.</p>"
)
"""What the first page says where the page try/ is built."""
ASIDE = ".pdf"
"""Where PDFs are while mkdocs empties the folder of the site."""
log = logging.getLogger("mkdocs.hooks.workshop")


# What mkdocs calls, by these names


def on_pre_build(config: Any) -> None:
    """Put the PDFs of the decks aside: next, mkdocs deletes what is in the folder of the site and not hidden."""
    _move_pdfs(Path(config.site_dir, "decks"), Path(config.site_dir, ASIDE))


def on_files(files: Any, config: Any) -> Any:
    """Add a page and a deck for each file of slides/, a page for each notebook, and what both draw with."""
    folder = Path(config.site_dir)
    _move_pdfs(folder / ASIDE, folder / "decks")
    if old := outdated(folder):
        log.info(old)
    course.parts.cache_clear()  # `mkdocs serve` builds again after a change
    File = import_module("mkdocs.structure.files").File
    with _mkdocs_errors():
        for path in course.files():
            files.append(File.generated(config, f"{path.stem}.md", content=page(path)))
            files.append(File.generated(config, f"decks/{path.stem}.html", content=deck.page(path)))
        for path in notebook_pages.notebook_files():
            files.append(File.generated(config, f"{path.stem}-notebook.md", content=notebook_pages.page(path)))
    files.append(File.generated(config, SCRIPT, abs_src_path=str(web.FOLDER / "conversation.js")))
    files.append(File.generated(config, STYLE, abs_src_path=str(pictures.STYLE)))
    return files


def on_page_markdown(markdown: str, page: Any = None, **_: Any) -> str:
    """Fill in pictures and the agenda, and lead a link to the README to the page that says the same.

    The site ends at docs/.
    """
    with _mkdocs_errors():
        text = pictures.inline(markdown, page.file.src_uri if page else "the page")
        text = deck.consoles(text).replace("](../README.md)", "](index.md)")
        text = text.replace("<!-- try -->", "" if try_page.lacking() else TRY)
        return text.replace("<!-- agenda -->", agenda_table())


def on_post_build(config: Any) -> None:
    """Build the page try/ into the site; say what it lacks where it cannot be built."""
    with _mkdocs_errors():
        if why := try_page.build(Path(config.site_dir, "try")):
            log.info(why)


def on_post_page(output: str, **_: Any) -> str:
    """Bring in what draws conversations where one is."""
    if "<plugin-conversation" not in output:
        return output
    scripts = f'<script src="{SCRIPT}" defer></script><script>{FOLLOW}</script>'
    return output.replace("</body>", f"{scripts}</body>")


@contextmanager
def _mkdocs_errors() -> Iterator[None]:
    """Tell what is wrong with the course as mkdocs tells errors: a sentence, no traceback."""
    try:
        yield
    except (CourseError, repository.Lacking) as error:
        raise import_module("mkdocs.exceptions").PluginError(str(error)) from None


def _move_pdfs(source: Path, target: Path) -> None:
    """Move the PDFs of a folder, if there are any, with the times of their making."""
    for path in source.glob("*.pdf"):
        target.mkdir(parents=True, exist_ok=True)
        path.replace(target / path.name)
    if source.name == ASIDE and source.is_dir():
        source.rmdir()


def _changed(name: str) -> float:
    """Return when the text of a deck, or what it shows besides, was last changed, in seconds since the epoch."""
    path = course.folder() / f"{name}.md"
    if not path.is_file():  # the deck is gone, and its PDF shows what was
        return float("inf")
    text, root = path.read_text(), repository.clone_root()
    shown = [root / where.partition(":")[0] for where in deck.CODE.findall(text)]
    shown += [root / "traces" / f"{talk}.jsonl" for talk in deck.TRACE.findall(text)]
    shown += [pictures.folder() / f"{picture}.svg" for _, picture in pictures.LINE.findall(text)]
    files = [path, *shown]
    return max(float(file.stat().st_mtime) for file in files if file.is_file())


def outdated(folder: Path) -> str:
    """Return a sentence on the PDFs of a built site that are older than what their decks show; "" where none is."""
    old = [path.name for path in sorted(folder.glob("decks/*.pdf")) if path.stat().st_mtime < _changed(path.stem)]
    if not old:
        return ""
    return f"Older than their slides: {', '.join(old)}. Print them anew:   {repository.tool()} slides --pdf"


def agenda_table() -> str:
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
