"""What a cell says in place of a traceback: what is missing, and which cell to run first. An extension of IPython."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

from workshop.course.course import CourseError
from workshop.course.site import notebook_pages

FIRST = "from workshop.course.notebooks import lab"
"""How the first cell of each notebook begins."""
IN_ORDER = f"Run the cells from the top, beginning with   {FIRST}"


class LabError(Exception):
    """A cell cannot do what it was asked to do. The text is whole sentences, and ends in what to run."""


def load_ipython_extension(shell: Any) -> None:
    """Answer in sentences from now on. IPython calls this by its name."""
    shell.set_custom_exc((Exception,), _answer)


def _answer(shell: Any, kind: type[Exception], error: Exception, trace: Any, tb_offset: int | None = None) -> None:
    """Show an error of a cell: in a sentence, or, where the learner's own code is wrong, as Python does."""
    sentence = sentence_for(error, shell.user_ns["In"][-1])
    if sentence:
        shell._showtraceback(kind, error, [sentence])
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def sentence_for(error: Exception, source: str) -> str:
    """Return what is to be said of an error in a cell with this source; "" where Python says it better."""
    if isinstance(error, (LabError, CourseError)):
        return str(error)
    if isinstance(error, NameError) and (maker := _maker(str(error.name), source)):
        return f"Nothing is called {error.name} yet. Run this cell first:   {maker}"
    if any(source.strip() == each for cells in _notebooks() for each in cells):
        return f"This cell needs what the cells above it leave behind ({type(error).__name__}: {error}). {IN_ORDER}"
    return ""


def _maker(name: str, source: str) -> str:
    """Return the first line of the cell that makes a name, in the notebook that has this source; "" where none does."""
    notebooks = list(_notebooks())
    here = [cells for cells in notebooks if source.strip() in cells]
    for cells in here or notebooks:
        for cell in cells:
            if name in _made_by(cell):
                return cell.splitlines()[0]
    return ""


def _notebooks() -> Iterator[list[str]]:
    """Yield the code of each notebook of the course, cell by cell."""
    for path in notebook_pages.notebook_files():
        cells = json.loads(path.read_text())["cells"]
        yield ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]


def _made_by(cell: str) -> set[str]:
    """Return the names that are there after a cell."""
    made = set()
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.alias):
            made.add(node.asname or node.name)
    return made
