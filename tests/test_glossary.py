"""The glossary: every entry is used, and the first use of a term on a page leads to it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from workshop.course import course
from workshop.course.site import events, glossary

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\(glossary\.md#([^)]+)\)")
TERMS = [
    *("activation", "atomic rename", "bind", "certificate authority", "daemon", "discovery", "driver", "endpoint"),
    *("engine", "flock", "gunicorn", "kernel", "live-restore", "lock", "managed plugin", "media type", "mode"),
    *("mount ID", "mountpoint", "mutual TLS", "plugin", "Podman", "registry", "reverse proxy", "scope", "SIGKILL"),
    *("SIGTERM", "stale socket", "thread", "umask", "Unix socket", "volume"),
]
"""What somebody may not know who reads the slides for the first time."""
PLACES = {"umask": "umask", "Unix socket": "unix-socket", "mount ID": "id", "ID": "id"}


def prose(path: Path) -> str:
    """Return what a page shows of the slides, with links to the glossary."""
    slides = course.slides(path)
    texts = [text for slide in slides for text in (slide.text, slide.more)]
    texts += [text for slide in slides for each in slide.exercises for text in (each.text, each.solution)]
    text = "\n\n".join(texts)
    return glossary.link(text, glossary.terms())


def test_each_entry_is_used_and_each_link_leads_to_one() -> None:
    linked = [LINK.findall(prose(path)) for path in course.files()]
    assert {place for places in linked for place in places} == set(glossary.terms().values())
    assert not [places for places in linked if len(places) != len(set(places))], "only the first use is a link"


@pytest.mark.parametrize("term", TERMS)
def test_a_term_of_the_slides_has_an_entry_to_which_its_first_use_leads(term: str) -> None:
    place = glossary.terms().get(term)
    assert place, f"no entry in docs/glossary.md is called {term}"
    assert any(f"](glossary.md#{place})" in prose(path) for path in course.files())


def test_the_entries_stand_in_the_order_of_the_alphabet() -> None:
    entries = glossary.ENTRY.findall((ROOT / "docs" / "glossary.md").read_text())
    names = [names.lower() for names, _ in entries]
    assert names == sorted(names) and len(names) > 20
    assert (ROOT / "docs" / "glossary.md").read_text().count("\n## ") == len(names)


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("A umask. A umask.", "A [umask](glossary.md#umask). A umask."),
        ("**Unix sockets** and IDs", "**[Unix socket](glossary.md#unix-socket)s** and [ID](glossary.md#id)s"),
        ("The mount ID, an ID", "The [mount ID](glossary.md#id), an ID"),
        ("Umask", "[Umask](glossary.md#umask)"),
        ("| umask |", "| [umask](glossary.md#umask) |"),
        ("A `umask`", "A [`umask`](glossary.md#umask)"),
        ("`umask 0`, [umask](a.md), umasked, /umask, umask/", None),
        ("## umask", None),
        ("```\numask\n\numask\n```", None),
        ("<details>\n<p>umask</p>\numask\n</details>", None),
        ("<p>x</p>\n\numask", "<p>x</p>\n\n[umask](glossary.md#umask)"),
    ],
)
def test_the_first_use_of_a_term_in_prose_is_a_link(text: str, linked: str | None) -> None:
    assert glossary.link(text, PLACES) == (linked or text)


@pytest.mark.parametrize(("name", "linked"), [("part1.md", True), ("part3-2.md", True), ("index.md", False)])
def test_the_pages_of_the_course_have_the_links(name: str, linked: bool) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri=name), meta={})
    assert ("glossary.md#umask" in events.on_page_markdown("The umask.", page)) == linked
