"""The notebooks as pages of the site: their text, their code, and the outputs that are stored in them."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from workshop import repository
from workshop.course.course import CourseError

LOADER = '<script src="/static/notebook.js"></script>'
"""Draws the conversations of a cell in JupyterLab, which serves this script. A page of the site has its own."""


def notebook_files() -> list[Path]:
    """Return the notebooks of the course, in the order of the parts."""
    return sorted((repository.clone_root() / "notebooks").glob("part*.ipynb"))


def page(path: Path) -> str:
    """Return the page of a notebook as Markdown. Raises CourseError for a notebook without its outputs."""
    cells = json.loads(path.read_text())["cells"]
    title, _, text = "".join(cells[0]["source"]).partition("\n")
    number = path.stem.removeprefix("part")
    begin = (
        f"Open it, and change what you like:  `./workshop lab {number}`. It belongs to [part {number}]({path.stem}.md)."
    )
    blocks = [f"---\ntitle: Part {number} in the laboratory\n---", title, begin, text]
    return "\n\n".join([*blocks, *(_block(cell, path) for cell in cells[1:])]) + "\n"


def _block(cell: dict[str, Any], path: Path) -> str:
    """Return a cell as Markdown. Raises CourseError."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    if any(output["output_type"] not in ("execute_result", "display_data") for output in cell["outputs"]):
        raise CourseError(
            f"{path}: the cell {cell['id']} has printed, or failed. Run it again: ./workshop check --accept"
        )
    return "\n\n".join([f"```python\n{source}\n```", *(_output_html(output["data"]) for output in cell["outputs"])])


def _output_html(data: dict[str, list[str]]) -> str:
    """Return an output as HTML without an empty line, which would end it for Markdown."""
    text = "".join(data["text/plain"])
    rich = "".join(data.get("text/html", [])) or f"<pre>{html.escape(text, quote=False)}</pre>"
    # in a script, &#10; would be five letters: the lines of a recording stay, and none is empty
    pieces = re.split("(<script.*?</script>)", rich.replace(LOADER, ""), flags=re.DOTALL)
    kept = [each if each.startswith("<script") else each.replace("\n", "&#10;") for each in pieces]
    return '<div class="output">' + "".join(kept) + "</div>"
