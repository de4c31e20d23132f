"""The site and the decks: made from slides/ and the parts, and never with a hole in them."""

from __future__ import annotations

import html
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from workshop import __version__, repository
from workshop.cli import cli
from workshop.course import agenda, contents, course
from workshop.course.course import CourseError
from workshop.course.site import build, deck, events, handout, listing, notebook_pages
from workshop.course.site import pages as maker

ROOT = Path(__file__).parent.parent
FRONT = "---\ntitle: Fruit\nminutes: 5\n---\n"
PARTS = (1, 2, 3)
PAGES = [(path, number) for path in course.files() for number, _ in enumerate(contents.pages(path), start=1)]


def needs(mark: str, *modules: str) -> pytest.MarkDecorator:
    lacking = ", ".join(name for name in modules if importlib.util.find_spec(name) is None)
    return pytest.mark.skipif(bool(lacking), reason=f"No {lacking} here: ./workshop test --require {mark}")


needs_mkdocs = needs("slow", "mkdocs", "material")
needs_markdown = needs("slow", "markdown")
needs_pygments = needs("slow", "pygments", "markdown", "pymdownx")


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A slides file of the test's own, with one slide."""
    path = tmp_path / "fruit.md"
    path.write_text(FRONT + "!SLIDE\n!MINUTES 5\n## Mango\n\nSweet.\n")
    return path


def add(path: Path, text: str) -> Path:
    path.write_text(path.read_text() + text)
    return path


@pytest.mark.parametrize("make", [maker.page, deck.page], ids=["page", "deck"])
@needs_pygments
def test_code_that_is_gone_fails_the_build(slides: Path, make: object) -> None:
    assert callable(make)
    assert make(slides)
    add(slides, "!CODE part1/plugin.py:gone\n")
    with pytest.raises(CourseError, match="there is no function gone here: fix the line !CODE"):
        make(slides)


def test_a_slide_without_a_heading_fails_the_build(slides: Path) -> None:
    add(slides, "!SUB\nNo heading.\n")
    with pytest.raises(CourseError, match=r"fruit\.md:10: the slide does not begin with a heading"):
        maker.page(slides)


@pytest.mark.parametrize("name", course.ORDER)
def test_the_minutes_of_a_file_are_those_of_its_slides(name: str) -> None:
    path = course.folder() / f"{name}.md"
    slides = course.slides(path)
    assert sum(slide.minutes for slide in slides) == course.front_matter(path)[1]
    assert not [slide.where for slide in slides if not slide.minutes]


@pytest.mark.parametrize("name", course.ORDER)
def test_the_presenter_has_a_prompt_on_every_slide(name: str) -> None:
    slides = course.slides(course.folder() / f"{name}.md")
    prompts = [(slide.where, line) for slide in slides for line in slide.notes.split("\n") or [""]]
    assert not [where for where, line in prompts if not re.match(r"(Ask|Demo|Note): ", line)]


def test_every_file_of_slides_has_its_place_in_the_day() -> None:
    assert sorted(course.ORDER) == sorted(path.stem for path in course.folder().glob("*.md"))


@needs_pygments
def test_everything_stands_on_the_page(slides: Path) -> None:
    add(slides, "!MORE\nAnd round.\n!NOTE\nAsk: who?\n!HINT\nLook *here* <now>:\n\n    eat(mango)\n")
    text = maker.page(slides)
    for wanted in ("Sweet.", "And round.", "Hint 1 of 1", "Look *here* &lt;now&gt;:", "decks/fruit.html"):
        assert wanted in text
    assert "Ask: who?" not in text
    assert re.search(r"<pre><code>.*eat.*mango.*</code></pre>", text, re.DOTALL)


@needs_pygments
def test_a_deck_has_the_notes_and_no_more(slides: Path) -> None:
    add(slides, "!MORE\nAnd round.\n!NOTE\nAsk: who?\n!SUB\n!MINUTES 1\n## Below\n!SLIDE\n!MINUTES 1\n## Right\n")
    text = deck.page(slides)
    assert "And round." not in text
    assert re.search(r'<aside class="notes">.*5 min.*Ask: who\?.*</aside>', text, re.DOTALL)
    assert re.findall(r'<section( id="[^"]*")?', text) == ["", ' id="slide-1"', ' id="slide-2"', "", ' id="slide-3"']


@pytest.mark.parametrize("part", PARTS)
@needs_pygments
def test_a_slide_has_one_number_in_the_deck_and_in_the_handout(part: int) -> None:
    path = course.folder() / f"part{part}.md"
    screens = re.findall(r'<section id="([^"]+)"', deck.page(path))
    first = [screens.index(name) + 1 for page in contents.pages(path) for name, _ in page.slides]
    chapter = handout.page().partition(f"Notes and answers: {course.full_title(path)}</h1>")[0]
    shown = re.findall(r'<span class="number">(\d+)', chapter.rpartition('<h1 class="chapter">')[2])
    assert [int(number) for number in shown] == first and first != [*range(1, len(first) + 1)]


@needs_pygments
def test_the_notes_say_what_to_cut_first(slides: Path) -> None:
    assert "Cut this first" not in deck.page(slides)
    add(slides, "!SUB\n!MINUTES 1\n!CUT\n## Below\n")
    assert deck.page(slides).count("Cut this first") == 1
    assert "Cut" not in maker.page(slides)


@needs_pygments
def test_the_notes_say_which_plans_leave_a_slide_out(slides: Path) -> None:
    assert "Left out" not in deck.page(slides)
    add(slides, "!SUB\n!MINUTES 1\n!CUT half-day\n## Below\n")
    assert deck.page(slides).count("<strong>Left out</strong> of: half-day, 90-minutes.") == 1
    assert "half-day" not in maker.page(slides)


@pytest.mark.parametrize(
    ("info", "caption"),
    [("", ""), (" terminal 2", "In a second terminal"), (" not run: it never ends", "")],
    ids=["first terminal", "second terminal", "not run"],
)
@needs_pygments
def test_a_block_of_commands_says_which_terminal_it_is_for(info: str, caption: str) -> None:
    block = f"Type:\n\n```console{info}\n$ docker ps\nCONTAINER ID\n```\n"
    shown = deck.markdown(block, "here")
    assert re.findall(r'<span class="filename">([^<]*)</span>', shown) == [caption] * bool(caption)
    assert '<span class="gp">$ </span>' in shown and '<span class="go">CONTAINER ID</span>' in shown
    assert "not run" not in shown and "terminal 2" not in shown
    assert events.on_page_markdown(block) == deck.consoles(block)


def sources(number: int) -> str:
    return (ROOT / f"part{number}" / "plugin.py").read_text()


def test_the_first_page_leads_to_try_only_if_that_is_built(tmp_path: Path) -> None:
    config = SimpleNamespace(site_dir=str(tmp_path))
    assert events.on_page_markdown("<!-- try -->", config=config) == ""
    (tmp_path / "try").mkdir()
    assert 'href="try/index.html"' in events.on_page_markdown("<!-- try -->", config=config)


@needs_markdown
def test_the_first_page_of_each_part_leads_to_the_page_try() -> None:
    first = {path.stem: maker.page(path) for path in course.files()}
    assert [name for name, text in first.items() if "<!-- try -->" in text] == ["part1", "part2", "part3"]
    assert 'target="_top"' in events.TRY  # in the page try/ they are in a frame


@pytest.mark.parametrize("number", PARTS)
def test_a_presenter_points_at_every_line_once(number: int) -> None:
    for name, source in course.functions(sources(number)).items():
        told = [line for a, b in listing.stretches(source) for line in range(a, b + 1)]
        assert told == list(range(1, len(source.splitlines()) + 1)), name


@needs_pygments
def test_an_edit_stands_on_the_page_and_in_the_deck(slides: Path) -> None:
    add(slides, "!EDIT plugin.py\n```diff\n def eat():\n-    bite()\n+    peel()\n@@\n x = 1\n+y = 2\n```\nEnjoy.\n")
    wanted = "def eat():\n<del>    bite()\n</del><ins>    peel()\n</ins>⋮\nx = 1\n<ins>y = 2\n</ins>"
    for text in (maker.page(slides), deck.page(slides)):
        plain = re.sub(r"<(?!/?(ins|del)\b)[^>]*>", "", text)
        assert wanted in plain and "Enjoy." in plain and "!EDIT" not in plain


@pytest.mark.parametrize("number", PARTS)
@needs_pygments
def test_a_page_shows_the_whole_of_a_part_with_the_step_beside_each_line(number: int) -> None:
    text = maker.whole_file(number)
    lines = re.findall(r'<span class="line"[^>]*><span class="of">(?:<a href="([^"]+)">(\S+)</a>)?</span>', text)
    files = course.part(number).changed
    whole = [each for after in files.values() for each in zip(after.lines, after.steps, strict=True)]
    assert [step for _, step in lines] == [step if line else "" for line, step in whole]
    assert all(link == contents.page_of_step(step) for link, step in lines if step)
    summaries = [f"part{number}/{name}, {len(after.lines)} lines" for name, after in files.items()]
    assert re.findall(r"<summary>(.*)</summary>", text) == summaries


def test_a_slide_has_room_for_the_code_on_it() -> None:
    long = [
        (slide.where, each.name, each.rows)
        for path in course.files()
        for slide in course.slides(path)
        for each in deck.listings(slide)
        if slide.edits and each.rows > deck.ROWS
    ]
    assert long == []


def test_the_agenda_sums_the_minutes_of_the_day() -> None:
    minutes = [course.front_matter(path)[1] for path in course.files()]
    table = events.agenda_table()
    assert f"**{sum(minutes)} minutes of slides, " in table
    taught = [int(found) for found in re.findall(r"\| (\d+) \| \[", table)]
    assert sum(taught) == sum(minutes)
    assert set(re.findall(r"decks/(\w+)\.html", table)) == set(course.ORDER)


def test_the_page_for_teachers_has_every_plan() -> None:
    plans = events.on_page_markdown("<!-- agenda -->\n\n<!-- plans -->")
    assert re.findall(r"^### (.+?) \{ #", plans, re.MULTILINE) == ["Two evenings", "Half a day", "90 minutes"]
    for plan in agenda.PLANS.values():
        assert f"check {' '.join(f'--skip {step}' for step in agenda.skipped(plan))}`" in plans
    page = (ROOT / "docs" / "teachers.md").read_text()
    assert "<!-- agenda -->" in page and "<!-- plans -->" in page


def test_every_test_that_the_protocol_names_is_there() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "protocol.md").read_text())
    there = {
        name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert len(named) > 20
    assert not set(named) - there


@needs_pygments
def test_a_conversation_stands_on_the_page_and_has_a_slide_of_its_own(slides: Path) -> None:
    add(slides, "!NOTE\nAsk: who?\n!TRACE 20.10/run\n")
    page, text = maker.page(slides), deck.page(slides)
    assert "TRACE" not in page and "TRACE" not in text and "Ask: who?" in text
    assert page.count('"path": "/VolumeDriver.Mount"') == 1
    (talk,) = re.findall(r'<section id="slide-1-calls-1".*?</section>', text, re.DOTALL)
    assert talk.count('"path": "/VolumeDriver.Mount"') == 1
    assert talk.count('class="fragment"') == talk.count('"path": ') == 5
    assert [int(seconds) for seconds in re.findall(r'data-timing="(\d+)"', text)] == [150, 150]


@needs_pygments
@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("!TRACE 20.10/bake", "There is no conversation 20.10/bake in traces/. There are: 20.10/cp-from-running, "),
        ("!TRACE", "a conversation is named as in traces/, without .jsonl: !TRACE 20.10/run"),
    ],
)
def test_a_conversation_that_is_not_there_fails_the_build(slides: Path, mark: str, said: str) -> None:
    add(slides, f"!MORE\n{mark}\n")
    for make in (maker.page, deck.page):
        with pytest.raises(CourseError, match=r"fruit\.md:\d+: " + re.escape(said)):
            make(slides)


@pytest.mark.parametrize("shown", ["slides/part3.md", "slides/pictures/on-disk.svg", "traces/20.10/run.jsonl"])
def test_a_pdf_is_old_once_anything_on_its_slides_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    for each in ("pyproject.toml", "workshop", "slides", "traces"):
        copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
        copy(ROOT / each, tmp_path / each)
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "part3.pdf").write_text("")
    os.utime(tmp_path / "decks" / "part3.pdf", (2, 2))
    monkeypatch.setattr(repository, "find_clone", lambda: tmp_path)
    monkeypatch.setattr(repository, "clone_root", lambda: tmp_path)
    assert events.outdated(tmp_path) == ""
    os.utime(tmp_path / shown, (3, 3))
    assert events.outdated(tmp_path).startswith("Older than their slides: part3.pdf. ")


def test_a_page_is_for_one_sitting() -> None:
    pages = [page for path in course.files() for page in contents.pages(path)]
    assert [page.name for page in pages if sum(bool(slide.step) for _, slide in page.slides) > 8] == []
    assert len({page.title for page in pages}) == len(pages)
    names = [page.name for page in pages if page.name.startswith("part")]
    assert names == [
        *("part1", "part1-2", "part2", "part2-2", "part2-3"),
        *("part3", "part3-2", "part3-3", "part3-4"),
    ]


@needs_pygments
@pytest.mark.parametrize(("path", "number"), PAGES, ids=lambda each: each.stem if isinstance(each, Path) else each)
def test_a_page_without_an_introduction_is_described_by_a_sentence(path: Path, number: int) -> None:
    said = re.findall(r"^description: (.*)$", maker.page(path, number), re.MULTILINE)
    assert len(said) == (number > 1)
    for about in map(json.loads, said):
        assert "?." not in about and re.fullmatch(r"[A-Z][^.?]{39,}\.", about) and len(about) <= events.DESCRIPTION


def test_a_page_that_is_not_described_fails_the_build(slides: Path) -> None:
    add(slides, "!SUB\n!PAGE Peel it\n!MINUTES 3\n## With a knife\n")
    with pytest.raises(CourseError, match=r"fruit\.md:\d+: say below !PAGE what the page is about: !ABOUT a sentence$"):
        contents.pages(slides)


def test_the_first_slide_begins_no_page_of_its_own(slides: Path) -> None:
    slides.write_text(slides.read_text().replace("!MINUTES", "!PAGE Peel it\n!MINUTES"))
    with pytest.raises(CourseError, match=r"fruit\.md:5: the first page begins here already: remove the line !PAGE\."):
        contents.pages(slides)


@needs_pygments
def test_a_file_makes_a_page_more_at_each_mark(slides: Path) -> None:
    add(
        slides,
        "!SUB\n!PAGE Peel it\n!ABOUT How to peel it.\n!MINUTES 3\n## With a knife\n!SUB\n!MINUTES 4\n## Or not\n",
    )
    first, second = maker.page(slides), maker.page(slides, 2)
    assert "Sweet." in first and "With a knife" not in first and "**5 minutes**" in first
    assert "Sweet." not in second and "\n# Peel it\n" in second and "**7 minutes**" in second
    assert "(decks/fruit.html#/slide-2)" in second and "## Or not { #slide-3 }" in second
    assert re.findall(r"^1\. (.*)$", first, re.MULTILINE) == ["**Fruit**{ aria-current=page }", "[Peel it](fruit-2.md)"]
    assert re.findall(r"^1\. (.*)$", second, re.MULTILINE) == ["[Fruit](fruit.md)", "**Peel it**{ aria-current=page }"]
    assert re.findall(r'href="\.\./([^"]+)"', deck.page(slides))[-3:] == [
        *("fruit.html#slide-1", "fruit-2.html#slide-2", "fruit-2.html#slide-3")
    ]


def test_a_link_to_a_slide_leads_to_the_page_that_has_it() -> None:
    text = "[a](part3.md#step-3-12) [b](part3.md#step-3-1) [c](part3.md) [d](cost.md#targets) [e](part3.md#gone)"
    made = events.on_page_markdown(text)
    assert re.findall(r"\((.*?)\)", made) == [
        *("part3-3.md#step-3-12", "part3.md#step-3-1", "part3.md", "cost.md#targets", "part3.md#gone")
    ]


def test_a_page_is_described_by_its_first_sentences() -> None:
    long = f"It is orange{', and it grows on a tree' * 4}."
    assert len(long) < events.DESCRIPTION < 2 * len(long)
    page = f"<h1>Fruit</h1><p>A <em>mango</em> &amp; more.\nIs it sweet? {long}</p><p>No.</p>"
    assert events.describe(page) == f"A mango & more. Is it sweet? {long}"
    assert events.describe(f"<p>{long} {long}</p>") == long
    assert events.describe("<h1>Fruit</h1>") == ""


@pytest.mark.parametrize("number", PARTS)
def test_every_step_has_its_check_in_the_table(number: int) -> None:
    table = maker.table_of_checks(number)
    rows = re.findall(r"^\| \[(\S+) (.+?)\]\(part\d\.md#step-(\S+)\) \| (.+) \|$", table, re.MULTILINE)
    assert [(step, title) for step, title, _, _ in rows] == [(s.id, s.title) for s in course.part(number).steps]
    assert all(step.replace(".", "-") == name and said.endswith(".") for step, _, name, said in rows)


def test_a_notebook_is_a_page_with_its_outputs() -> None:
    *_, path = notebook_pages.notebook_files()
    text = notebook_pages.page(path)
    assert text.startswith("---\ntitle: Part 3 in the laboratory\n")
    assert "\n---\n\n# Part 3 in the laboratory: volumes\n" in text
    assert '```python\nplugin.docker("docker volume rm mango")\n```\n\n<div class="output"><div class="lab">' in text
    assert "<div class=\"output\"><pre>['aside', 'escape', 'volumes']</pre></div>" in text


def test_a_notebook_that_failed_fails_the_build(tmp_path: Path) -> None:
    path = tmp_path / "part1.ipynb"
    failed = {"id": "peel", "cell_type": "code", "source": ["peel()"], "outputs": [{"output_type": "error"}]}
    path.write_text(json.dumps({"cells": [{"id": "a", "cell_type": "markdown", "source": ["# A"]}, failed]}))
    with pytest.raises(CourseError, match=r"part1\.ipynb: the cell peel has printed, or failed\. Run it again: "):
        notebook_pages.page(path)


# What takes longer: the whole site


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the site."""
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.mark.slow
@needs_mkdocs
def test_the_site_is_built_without_a_warning(built: Path) -> None:
    for name in course.ORDER:
        assert (built / f"{name}.html").is_file()
        assert (built / "decks" / f"{name}.html").is_file()
    for number in PARTS:
        assert f'href="part{number}-notebook.html"' in (built / f"part{number}.html").read_text()
        assert (built / f"part{number}-notebook.html").is_file()


@pytest.mark.slow
@needs_mkdocs
def test_each_page_says_what_it_is_about_which_version_and_what_comes_next(built: Path) -> None:
    pages = {path.name: path.read_text() for path in built.glob("*.html") if path.name != "404.html"}
    about = {name: re.findall(r'<meta name="description" content="([^"]+)">', text) for name, text in pages.items()}
    assert [name for name, found in about.items() if len(found) != 1 or len(found[0]) < 40] == []
    assert len({found[0] for found in about.values()}) == len(pages)
    assert [name for name, text in pages.items() if f"Version {__version__}" not in text] == []
    ends = {
        name: plain(text.partition('<h2 class="next"')[2].partition("</article>")[0]) for name, text in pages.items()
    }
    commands = {name: re.findall(r"^\$ (.+)$", end, re.MULTILINE) for name, end in ends.items()}
    assert [name for name, found in commands.items() if len(found) != 1] == []
    verbs = {found[0].split()[1] for found in commands.values() if found[0].startswith("./workshop ")}
    assert len(verbs) > 5 and verbs <= set(cli.commands)


def plain(text: str) -> str:
    """Return HTML without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", text))


@pytest.mark.slow
@needs_mkdocs
def test_with_an_address_each_page_leads_to_the_file_that_it_is_made_from(tmp_path: Path) -> None:
    settings = (ROOT / "mkdocs.yml").read_text().replace("hooks: [src", f"hooks: [{ROOT}/src")
    settings = re.sub(r"^watch:.*\n", "", settings, flags=re.MULTILINE).replace(
        "docs_dir: docs", f"docs_dir: {ROOT}/docs"
    )
    shown = re.findall(r"^#     (repo_url|edit_uri): (.*)$", settings, re.MULTILINE)
    assert [name for name, _ in shown] == ["repo_url", "edit_uri"]
    (tmp_path / "mkdocs.yml").write_text(f"{settings}\nrepo_url: https://fruit.example/ddd/\nedit_uri: {shown[1][1]}\n")
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=tmp_path, env=quiet, check=True, capture_output=True)
    for name, source in (
        ("part3-2", "slides/part3.md"),
        ("part1-notebook", "notebooks/part1.ipynb"),
        ("trace", "docs/trace.md"),
    ):
        (link,) = re.findall(
            r'<a href="([^"]+)" title="Edit this page"', (tmp_path / "site" / f"{name}.html").read_text()
        )
        assert link == f"https://fruit.example/ddd/edit/main/{source}"


@pytest.mark.slow
@needs_mkdocs
@needs("slow", "properdocs")
def test_properdocs_builds_the_same_site(built: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "properdocs", "build", "--strict", "--quiet"]
    command += ["--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there = {path.relative_to(built) for path in built.rglob("*.html")}
    assert {path.relative_to(tmp_path / "site") for path in (tmp_path / "site").rglob("*.html")} == there


class Page(HTMLParser):
    """What a page leads to, and what can be led to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {given["id"] or ""} if "id" in given else set()
        if link := given.get("href") or given.get("src"):
            self.links.append(link)


@pytest.mark.slow
@needs_mkdocs
def test_every_link_leads_somewhere_and_none_leads_away(built: Path) -> None:
    pages = {path: Page(path.read_text()) for path in built.rglob("*.html") if path.name != "404.html"}
    lost = [(path.name, link) for path, page in pages.items() for link in page.links if not leads(path, link, pages)]
    assert not lost
    assert sum(len(page.links) for page in pages.values()) > 500


def leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    """Tell whether a link of a page leads to a file of the site, and to a place that is there."""
    if link == "data:,":
        return True
    file, _, name = link.partition("#")
    target = (path.parent / file).resolve() if file else path
    if target.is_dir():
        target /= "index.html"
    return target.is_file() and (not name or name.removeprefix("/") in pages[target].names)


@pytest.mark.slow
@needs_mkdocs
@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("[nowhere](gone.md)", "gone.md"),
        ("[nowhere](part1.md#gone)", "does not contain an anchor '#gone'"),
        ("![Fruit](../slides/pictures/fruit.svg)", "operators.md: there is no picture fruit"),
    ],
    ids=["page", "anchor", "picture"],
)
def test_a_hole_in_a_page_fails_the_build(tmp_path: Path, spoilt: str, said: str) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("vendor"))
    add(tmp_path / "docs" / "operators.md", f"\n\n{spoilt}\n")
    settings = (ROOT / "mkdocs.yml").read_text().replace("hooks: [src", f"hooks: [{ROOT}/src")
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"^watch:.*\n", "", settings, flags=re.MULTILINE))
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.slow
@needs_mkdocs
@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda pid: os.killpg(pid, signal.SIGINT), 0),  # as a terminal does
        (lambda pid: os.kill(pid, signal.SIGINT), 0),
        (lambda pid: os.kill(pid, signal.SIGTERM), 128 + signal.SIGTERM),
    ],
    ids=["ctrl-c", "SIGINT", "SIGTERM"],
)
def test_the_site_is_served_where_it_says_until_a_signal(
    end: Callable[[int], None], status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-P", "-c", "from workshop.course.site import build; raise SystemExit(build.serve())"]
    place = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=place, start_new_session=True) as serving:
        assert serving.stdout
        address = re.search(r"http://127\.0\.0\.1:\d+/", serving.stdout.readline())
        assert address
        try:
            assert "What do Docker and a plugin say" in fetched(address[0] + "index.html")
        finally:
            end(serving.pid)
        assert serving.wait(10) == status
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((urlsplit(address[0]).hostname, urlsplit(address[0]).port))
    assert list(tmp_path.iterdir()) == []


def fetched(address: str, seconds: float = 60, wanted: str = "") -> str:
    """Return a page, as soon as somebody serves it with the wanted text on it."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as answer:
                page = str(answer.read().decode())
            if wanted in page:
                return page
            assert time.monotonic() < end, f"in vain: {wanted!r} at {address}"
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def test_without_chromium_the_pdf_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(repository.Lacking, match=r"apt-get install chromium$"):
        build.pdf(tmp_path)


def test_the_vendored_files_have_their_licences_and_name_no_map() -> None:
    for folder in (ROOT / "docs" / "vendor").iterdir():
        assert "Permission is hereby granted" in (folder / "LICENSE").read_text(), folder.name
        for path in folder.glob("*.js"):
            assert "sourceMappingURL=" not in path.read_text()[-300:], path.name


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("With  import re  and  import json:", "With <code>import re</code> and <code>import json</code>:"),
        ("With  import re, as before:", "With <code>import re</code>, as before:"),
        (
            'Type  answer({"Err": ""}, 400)\nthere.',
            "Type <code>answer({&quot;Err&quot;: &quot;&quot;}, 400)</code>\nthere.",
        ),
        ("No code here, a < b.", "No code here, a &lt; b."),
    ],
)
def test_two_spaces_set_code_off_in_a_hint(text: str, made: str) -> None:
    assert maker.mark_code(text) == made
