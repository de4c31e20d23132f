"""The pictures: each is used, says what it shows, and has the colours of what is around it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_site import needs_pygments

from workshop.course import course
from workshop.course.course import CourseError
from workshop.course.site import deck, events, pictures

ROOT = Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"
ALL = sorted((ROOT / "slides" / "pictures").glob("*.svg"))
SMALLEST = 880 * 11 / 358
"""The size of type that a phone 390 pixels wide, 358 without its margins, shows in 11 pixels, where 880 units fit."""
each = pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)


def test_there_are_twelve_or_more() -> None:
    assert len(ALL) >= 12


@each
def test_a_picture_has_its_text_and_names_of_its_own(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    title, desc = root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{path.stem}-title {path.stem}-desc"
    assert title and desc and len(desc) > 100
    names = [name for element in root.iter() if (name := element.get("id"))]
    assert sorted(names) == sorted(f"{path.stem}-{what}" for what in ("title", "desc", "head"))
    named = re.findall(r"url\(#([^)]*)\)", path.read_text())
    assert set(named) <= {f"{path.stem}-head"}


@each
def test_a_picture_has_no_colour_of_its_own(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    styled = {"fill", "stroke", "style", "color", "stop-color", "font-size", "font-family", "opacity"}
    assert not [element.tag for element in root.iter() if styled & set(element.keys())]
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text")
    }
    known = set(re.findall(r"\.([a-z]+)", pictures.STYLE.read_text()))
    assert {name for element in root.iter() for name in (element.get("class") or "").split()} <= known


@each
def test_a_phone_shows_its_type_in_eleven_pixels(path: Path) -> None:
    left, top, width, height = map(int, ElementTree.parse(path).getroot().attrib["viewBox"].split())
    (size,) = re.findall(r"font-size: (\d+)px", pictures.STYLE.read_text())
    assert (left, top) == (0, 0) and width <= 880 and height <= 540
    assert int(size) >= SMALLEST


@each
def test_a_picture_alone_has_the_style_of_all(path: Path) -> None:
    assert path.read_text() == pictures.with_style(path), "./workshop build"


def test_every_colour_is_a_variable_that_page_deck_and_file_have() -> None:
    rules = pictures.STYLE.read_text()
    assert set(re.findall(r"(?:fill|stroke): ([^;]+);", rules)) == {
        *("none", "var(--ink)", "var(--paper)", "var(--quiet)", "var(--raised)", "var(--accent)"),
        *("var(--docker)", "var(--plugin)", "var(--new)", "var(--gone)"),
    }
    wanted = set(re.findall(r"var\((--\w+)\)", rules))
    folder = pictures.STYLE.parent
    for where in (pictures.LIGHT, pictures.DARK, (ROOT / "docs/stylesheets/site.css").read_text()):
        assert wanted <= set(re.findall(r"(--\w+):", where))
    for theme in (folder / "theme.css").read_text().split("html, body")[0].split("}")[:2]:
        assert wanted <= set(re.findall(r"(--\w+):", theme))


def test_every_picture_is_on_a_slide_and_no_deck_has_it_twice() -> None:
    used = set()
    for path in course.files():
        here = [name for slide in course.slides(path) for _, name in pictures.LINE.findall(slide.text)]
        assert len(here) == len(set(here))
        used |= set(here)
    assert used == {path.stem for path in ALL}


@needs_pygments
@pytest.mark.parametrize("name", course.ORDER)
def test_decks_and_pages_have_the_pictures_themselves(name: str) -> None:
    path = course.folder() / f"{name}.md"
    titles = [title for slide in course.slides(path) for title, _ in pictures.LINE.findall(slide.text)]
    for text in (deck.page(path), pictures.inline(path.read_text(), name)):
        assert re.findall(r'<svg [^>]*role="img"[^>]*>\n<title [^>]*>(.*)</title>', text) == titles
        assert "pictures/" not in text.replace("slides/pictures/", "")
        assert "prefers-color-scheme: dark) { svg" not in text


@pytest.mark.parametrize("line", ["![Fruit](pictures/fruit.svg)", "![Fruit](../slides/pictures/fruit.svg)"])
def test_a_line_becomes_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    drawing = f'<svg>\n<title id="t">Fruit</title>\n<desc id="d">{"A mango. " * 9}</desc>\n<rect/>\n</svg>\n'
    (tmp_path / "fruit.svg").write_text(drawing)
    monkeypatch.setattr(pictures, "folder", lambda: tmp_path)
    pictures.build()
    assert "prefers-color-scheme: dark" in (tmp_path / "fruit.svg").read_text()
    assert events.on_page_markdown(f"Eat:\n\n{line}\n") == f'Eat:\n\n\n<figure class="picture">\n{drawing}</figure>\n\n'


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        ("![Fruit](pictures/fruit.svg)", "", "", r"^here: there is no picture fruit in slides/pictures/\. There are: "),
        ("![Fruit](pictures/on-disk.svg)", "", "", r"^here: the picture on-disk has another title: write !\[What is "),
        ("![What is on the disk](pictures/on-disk.svg)", "<desc", "<dusk", r"^here: the picture on-disk has no text"),
        ("![What is on the disk](pictures/on-disk.svg)", "<title", "<tilte", r"^here: the picture on-disk has no text"),
    ],
    ids=["not there", "another title", "no description", "no title"],
)
def test_a_picture_that_is_wrong_fails_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, old: str, new: str, said: str
) -> None:
    there = tmp_path / "on-disk.svg"
    there.write_text((ROOT / "slides/pictures/on-disk.svg").read_text().replace(old, new))
    monkeypatch.setattr(pictures, "folder", lambda: tmp_path)
    with pytest.raises(CourseError, match=said):
        pictures.inline(f"{line}\n", "here")


def test_build_writes_the_style_of_those_that_lack_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ALL[:2]:
        shutil.copy(path, tmp_path)
    old = tmp_path / ALL[0].name
    old.write_text(re.sub(r"<style>.*</style>\n", "", old.read_text(), flags=re.DOTALL))
    monkeypatch.setattr(pictures, "folder", lambda: tmp_path)
    assert pictures.build() == 0
    assert capsys.readouterr().out == f"Wrote slides/pictures/{old.name}.\n"
    assert old.read_text() == ALL[0].read_text()


def test_build_names_a_picture_that_has_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fruit.svg").write_text("<svg></svg>\n")
    monkeypatch.setattr(pictures, "folder", lambda: tmp_path)
    assert pictures.build() == 1
    said = capsys.readouterr().out
    assert "fruit.svg:1: a picture begins with a <title>" in said and said.endswith(":   ./workshop build\n")


def test_the_readme_shows_one() -> None:
    (shown,) = pictures.LINE.findall((ROOT / "README.md").read_text())
    assert shown[1] in {path.stem for path in ALL}
