"""The events of mkdocs, which hook.py hands on: pages and decks made from slides/ are added, and what they need."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any

from workshop import __version__, repository
from workshop.course import agenda as day
from workshop.course import contents, course
from workshop.course.course import CourseError
from workshop.course.page import build as try_page
from workshop.course.site import deck, glossary, notebook_pages, pictures
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
    '<p class="begin">No Linux here? <a class="md-button" href="try/index.html" target="_top">Write the plugin in this '
    "browser</a> with nothing installed.</p>"
)
"""What the first page, and that of each part, say if the page try/ is built. It shows these pages in a frame."""
MOVED = """
const page = %s[location.hash.slice(1)];
if (page) location.replace(`${page}.html${location.hash}`);
"""
SLIDE = re.compile(r"\]\((\w+)\.md#([\w-]+)\)")
"""A link to a slide: the file of slides/, and the name of the slide in it."""
TASK = re.compile(r'(?<=<li class="task-list-item">)(<input type="checkbox"[^>]*>.*?)(?=</li>)', re.DOTALL)
"""A point of a checklist: pymdownx gives its box no label."""
DESCRIPTION = 160
"""How many characters of a description search engines show."""
ASIDE = ".pdf"
"""Where PDFs are while mkdocs empties the folder of the site."""
log = logging.getLogger("mkdocs.hooks.workshop")


# What mkdocs calls, by these names


def on_config(config: Any) -> Any:
    """Say the version below each page."""
    config.copyright = f"Version {__version__}"
    return config


def on_pre_build(config: Any) -> None:
    """Put the PDFs of the decks aside: next, mkdocs deletes what is in the folder of the site and not hidden."""
    _move_pdfs(Path(config.site_dir, "decks"), Path(config.site_dir, ASIDE))


def on_files(files: Any, config: Any) -> Any:
    """Add a page and a deck for each file of slides/, a page for each notebook, and what both draw with."""
    folder = Path(config.site_dir)
    _move_pdfs(folder / ASIDE, folder / "decks")
    if old := outdated(folder):
        log.info(old)
    for cached in (course.parts, contents.places):
        cached.cache_clear()  # `mkdocs serve` builds again after a change
    File = import_module("mkdocs.structure.files").File

    def add(name: str, content: str, source: Path) -> None:
        files.append(made := File.generated(config, name, content=content))
        made.edit_uri = f"../{source.relative_to(repository.clone_root())}"  # edit_uri of mkdocs.yml ends at docs/

    with _mkdocs_errors():
        for path in course.files():
            for number, each in enumerate(contents.pages(path), start=1):
                add(f"{each.name}.md", page(path, number), path)
            add(f"decks/{path.stem}.html", deck.page(path), path)
        for path in notebook_pages.notebook_files():
            add(f"{path.stem}-notebook.md", notebook_pages.page(path), path)
    files.append(File.generated(config, SCRIPT, abs_src_path=str(web.FOLDER / "conversation.js")))
    files.append(File.generated(config, STYLE, abs_src_path=str(pictures.STYLE)))
    with _mkdocs_errors():
        if why := try_page.build(folder / "try"):  # before the pages: the first one leads there if it is built
            log.info(why)
    return files


def on_page_markdown(markdown: str, page: Any = None, config: Any = None, **_: Any) -> str:
    """Fill in pictures, plans, the next step and links to the glossary, and lead links to the page that they mean.

    The site ends at docs/: a link to the README leads to the first page. A link to a slide names the file of slides/.
    """
    with _mkdocs_errors():
        name = page.file.src_uri if page else "the page"
        linked = glossary.link(markdown, glossary.terms()) if glossary.is_of_the_course(name) else markdown
        text = pictures.inline(linked, name)
        text = deck.consoles(text).replace("](../README.md)", "](index.md)")
        text = SLIDE.sub(_to_its_page, text)
        filled: dict[str, Callable[[], str]] = {
            "<!-- try -->": lambda: TRY if config and Path(config.site_dir, "try").is_dir() else "",
            "<!-- agenda -->": agenda_table,
            "<!-- plans -->": other_plans,
        }
        for mark, made in filled.items():
            if mark in text:
                text = text.replace(mark, made())
        return text + _next_step(page.meta if page else {})


def _to_its_page(link: re.Match[str]) -> str:
    file, name = link[1], link[2]
    return f"]({contents.places().get((file, name), file)}.md#{name})"


def _next_step(meta: dict[str, Any]) -> str:
    """Return the end of a page, from `next: a sentence:   ./workshop …` in its front matter; "" where it has none."""
    sentence, _, command = str(meta.get("next", "")).partition("   ")
    return f"\n\n## Next {{ .next }}\n\n{sentence}\n\n```console\n$ {command}\n```\n" if command else ""


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Give each page a description, which is how it begins, and each point of a checklist a label."""
    page.meta.setdefault("description", describe(html))
    return TASK.sub(r"<label>\1</label>", html)


def describe(html: str) -> str:
    """Return the first sentences of a page, as many as a list of search results shows; one at least."""
    first = re.search(r"<p>(.*?)</p>", html, re.DOTALL)
    text = unescape(re.sub(r"<[^>]+>", "", first[1])) if first else ""
    sentences = re.findall(r"\S.*?[.:?](?=\s|$)", " ".join(text.split()))
    fitting = [n for n in range(1, len(sentences)) if len(" ".join(sentences[: n + 1])) <= DESCRIPTION]
    return " ".join(sentences[: max(fitting, default=0) + 1])


def on_post_page(output: str, page: Any = None, **_: Any) -> str:
    """Bring in what draws conversations where one is, name the search, and lead old addresses on."""
    output = on_post_template(output)
    scripts = _moved(page.file.src_uri.removesuffix(".md")) if page else ""
    if "<plugin-conversation" in output:
        scripts += f'<script src="{SCRIPT}" defer></script><script>{FOLLOW}</script>'
    return output.replace("</body>", f"{scripts}</body>")


def on_post_template(output: str, **_: Any) -> str:
    """Name the dialog of Material's search. Of all pages only 404.html is a template."""
    return output.replace(' role="dialog"', ' role="dialog" aria-label="Search"', 1)


def _moved(name: str) -> str:
    """Return what leads from a slide's address on the first page of its file to the page that has it."""
    moved = {place: page for (file, place), page in contents.places().items() if file == name != page}
    return f"<script>{MOVED % json.dumps(moved)}</script>" if moved else ""


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
    if name == "handout":
        return max(_changed(each) for each in course.ORDER)
    path = course.folder() / f"{name}.md"
    if not path.is_file():  # the deck is gone, and its PDF shows what was
        return float("inf")
    text, root = path.read_text(), repository.clone_root()
    shown = [root / where.partition(":")[0] for where in deck.CODE.findall(text)]
    shown += [root / "traces" / f"{talk}.jsonl" for talk in deck.TRACE.findall(text)]
    shown += [pictures.folder() / f"{picture}.svg" for _, picture in pictures.LINE.findall(text)]
    # date and place on the first slide of each deck are those of intro.md
    files = [path, course.folder() / "intro.md", *shown]
    return max(float(file.stat().st_mtime) for file in files if file.is_file())


def outdated(folder: Path) -> str:
    """Return a sentence on the PDFs of a built site that are older than what their decks show; "" where none is."""
    old = [path.name for path in sorted(folder.glob("decks/*.pdf")) if path.stat().st_mtime < _changed(path.stem)]
    if not old:
        return ""
    return f"Older than their slides: {', '.join(old)}. Print them anew:   {repository.tool()} slides --pdf"


def agenda_table() -> str:
    """Return the day as a table in Markdown: when, what, and its slides. Raises CourseError."""
    return _plan_tables(day.DAY)


def other_plans() -> str:
    """Return the plans that are shorter than a day, each with a heading and tables in Markdown. Raises CourseError."""
    plans = [plan for plan in day.PLANS.values() if plan is not day.DAY]
    return "\n\n".join(f"### {plan.title} {{ #{plan.name} }}\n\n{_plan_tables(plan)}" for plan in plans)


def _plan_tables(plan: day.Plan) -> str:
    start = day.minutes_of(plan.start)
    tables = [_table(sitting) for sitting in day.sittings(plan, start)]
    return "\n".join(["\n\n".join(tables), *day.not_shown(plan, start, "- ")])


def _table(sitting: list[day.Stretch]) -> str:
    taught, breaks = day.total(sitting)
    rows = ["| time | minutes | | |", "|---|---|---|---|"]
    for each in sitting:
        what, shown = each.title, ""
        if each.slides:
            what = f"[{day.name(each)}]({each.file}.md)"
            shown = f"[slides](decks/{each.file}.html)"
        rows.append(f"| {day.clock(each.start)}–{day.clock(each.end)} | {each.minutes} | {what} | {shown} |")
    rows.append(f"| | **{taught + breaks}** | **{taught} minutes of slides, {breaks} of breaks** | |")
    return "\n".join(rows)
