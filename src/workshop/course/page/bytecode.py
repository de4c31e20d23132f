"""Bytecode of Python's library for the page: without it, Python compiles what it imports each time the page opens."""

from __future__ import annotations

import importlib.util
import json
import marshal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from zipimport import zipimporter

from workshop.course import course
from workshop.course.page.session import Session

UNCHECKED = 0b01
"""The flags of bytecode that is not compared with its source. Source: PEP 552."""


def write(session: Session, archive: str) -> None:
    """Write the bytecode of what a session imports into an archive."""
    use(session)
    with zipfile.ZipFile(archive, "w") as target:
        for name, code in imported():
            target.writestr(name, code)


def use(session: Session) -> None:
    """Check a file that fails and one that passes, so that Python imports what a check needs."""
    for part, files in ((1, course.part(1).before), (3, course.part(3).after)):
        texts = {name: str(text) for name, text in files.items()}
        session.do(json.dumps({"line": f"./workshop check {part}", "files": texts}))


def imported() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytecode of each module from the archive of Python's library: more would be too large to fetch."""
    for spec in [spec for module in [*sys.modules.values()] if (spec := getattr(module, "__spec__", None))]:
        if isinstance(spec.loader, zipimporter):
            source = Path(spec.origin or "").with_suffix(".py")
            name = source.relative_to(spec.loader.archive).with_suffix(".pyc")
            yield str(name), bytecode(spec.loader.get_data(str(source)), source)


def bytecode(source: bytes, file: Path) -> bytes:
    """Return the content of the .pyc of a file."""
    code = marshal.dumps(compile(source, str(file), "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(source) + code
