"""Links from the first use of a term on a page to its entry in docs/glossary.md."""

from __future__ import annotations

import re
from pathlib import Path

from workshop import repository

ENTRY = re.compile(r"^## (.+?) \{ #(\S+) \}$", re.MULTILINE)
"""An entry: the names of a term with commas between them, and its place on the page."""
KEPT = re.compile(r"(`[^`]*`|!?\[[^\]]*\]\([^)]*\)|<[^>]*>)")
"""What stays as it is in a line: links, pictures and tags, and code, unless all of it is the name of a term."""
PAGES = re.compile(r"(intro|part\d(?!-notebook).*|end)\.md")
"""The pages that are made from slides/."""


def terms() -> dict[str, str]:
    """Return the names of all terms, each with the place of its entry on the page."""
    text = (repository.clone_root() / "docs" / "glossary.md").read_text()
    return {name: place for names, place in ENTRY.findall(text) for name in names.split(", ")}


def is_of_the_course(page: str) -> bool:
    """Tell whether a page, "part1.md", is one whose terms are linked."""
    return bool(PAGES.fullmatch(Path(page).name))


def link(text: str, places: dict[str, str]) -> str:
    """Return the Markdown of a page with the first use of each term as a link, in prose and tables."""
    seen: set[str] = set()
    names = "|".join(sorted(map(re.escape, places), key=len, reverse=True))
    name = re.compile(rf"(?<![\w./-])(?:{names})(?=s?(?![\w/-]))", re.IGNORECASE)
    code = re.compile(rf"\A`(?:{names})`\Z", re.IGNORECASE)
    folded = {each.lower(): place for each, place in places.items()}

    def replace(found: re.Match[str]) -> str:
        place = folded[found[0].strip("`").lower()]
        if place in seen:
            return found[0]
        seen.add(place)
        return f"[{found[0]}](glossary.md#{place})"

    def line(text: str) -> str:
        pieces = KEPT.split(text)
        return "".join(
            code.sub(replace, piece) if n % 2 else name.sub(replace, piece) for n, piece in enumerate(pieces)
        )

    return "\n".join(line(each) if prose else each for each, prose in _lines(text))


def _lines(text: str) -> list[tuple[str, bool]]:
    """Return each line, and whether it is prose: no heading, and in no fence and no block of HTML."""
    found: list[tuple[str, bool]] = []
    fence, block = "", False
    for line in text.split("\n"):
        mark = re.match(r" *(`{3,}|~{3,})", line)
        block = line.startswith("<") or (block and bool(line.strip()))
        found.append((line, not (fence or mark or block or line.startswith(("#", "{:")))))
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
    return found
