"""The hook that mkdocs.yml names: pages and decks are made by this clone's own tool, whatever else is installed.

pip may have brought mkdocs alone, or an older copy of the tool, or the tool of another clone.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

SRC = Path(__file__).resolve().parents[3]
INSTALL = "python3 -m venv .venv-docs && .venv-docs/bin/pip install -c constraints.txt '.[docs]'"
PACKAGES = ("markdown", "pygments", "pymdownx")
"""What the tool imports beside mkdocs, and only when a page needs it."""


def _lacking() -> str:
    """Return what this Python lacks for the site, as the end of a sentence; "" where it lacks nothing."""
    mkdocs = str(import_module("mkdocs").__version__)
    if sys.version_info < (3, 11):  # noqa: UP036
        return f"Python 3.11 or newer, and this is {sys.version.split()[0]}"
    if [int(number) for number in mkdocs.split(".")[:2]] < [1, 6]:
        return f"mkdocs 1.6 or newer, and this is {mkdocs}"
    try:
        for name in PACKAGES:
            import_module(name)
    except ModuleNotFoundError as error:
        return f"{error.name}, which is not installed beside {sys.executable}"
    return ""


def _load() -> Any:
    """Return the module `events` of this clone. Raises mkdocs' ConfigurationError, which has no traceback."""
    if lacks := _lacking():
        text = f"The site needs {lacks}. Install what it needs, in this folder:\n    {INSTALL}"
        raise import_module("mkdocs.exceptions").ConfigurationError(text)
    for name in [name for name in sys.modules if name.partition(".")[0] == "workshop"]:
        del sys.modules[name]
    # mkdocs takes this away again, but a package that is loaded finds its modules by its own folder
    sys.path.insert(0, str(SRC))
    return import_module("workshop.course.site.events")


events = _load()
on_config, on_pre_build, on_files = events.on_config, events.on_pre_build, events.on_files
on_page_markdown, on_page_content = events.on_page_markdown, events.on_page_content
on_post_page, on_post_template = events.on_post_page, events.on_post_template
