"""The tool's own Python and pip, which ignore settings that were meant for another Python or another pip.

The launcher runs this file by its path, before .venv has any package: `interpreter.py MODULE ARGUMENT…`.
"""

import configparser
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

# where packages come from, and how to reach that place: pip's own names, and the second name that two of them have
SOURCES = {
    "index-url": "index-url",
    "pypi-url": "index-url",
    "extra-index-url": "extra-index-url",
    "find-links": "find-links",
    "no-index": "no-index",
    "trusted-host": "trusted-host",
    "cert": "cert",
    "client-cert": "client-cert",
    "keyring-provider": "keyring-provider",
    "proxy": "proxy",
    "timeout": "timeout",
    "default-timeout": "timeout",
    "retries": "retries",
}


class Unreadable(Exception):
    """A configuration file of pip's cannot be read; the text says which."""


def environment() -> dict[str, str]:
    """Return the environment for another Python of ours, which hears what this one hears.

    The launcher starts this one with -I: then PYTHONPATH, PYTHONHOME and their like are left out. A tool that was
    installed by somebody runs as he runs his Python.
    """
    return _without_python() if sys.flags.ignore_environment else dict(os.environ)


def _without_python() -> dict[str, str]:
    """Return this process's environment without what Python reads. PYTHON alone is the launcher's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == "PYTHON"}


def for_pip() -> dict[str, str]:
    """Return the environment for our pip: of its configuration, the SOURCES only. Raises Unreadable."""
    ours = {name: value for name, value in _without_python().items() if not name.startswith("PIP_")}
    told = {f"PIP_{option.upper().replace('-', '_')}": value for option, value in _sources().items()}
    return ours | told | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _sources() -> dict[str, str]:
    """Return what the user has told pip of the SOURCES, in files and in variables. Raises Unreadable."""
    # pip passes over a value that is empty
    return {SOURCES[option]: value for option, value in _configured() if option in SOURCES and value}


def _configured() -> Iterator[tuple[str, str]]:
    """Yield pip's configuration as `pip install` reads it, the stronger value later.

    Source: pip's documentation, "Configuration"; pip/_internal/cli/parser.py for the order of the sections.
    """
    parsers = [_read(file) for file in files()]
    for section in ("global", "install"):
        for parser in parsers:
            yield from parser.items(section) if parser.has_section(section) else ()
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            yield _normal(name.removeprefix("PIP_")), value


def files() -> list[Path]:
    """Return where pip looks for its configuration, the stronger file later: the machine's, the user's, .venv's.

    PIP_CONFIG_FILE takes the place of the user's files; as /dev/null, of all.
    """
    named = os.environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    machine = [Path(folder, "pip") for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    user = [Path("~/.pip").expanduser(), Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "pip"]
    folders = [*machine, Path("/etc"), *([] if named and Path(named).exists() else user), Path(sys.prefix)]
    return [folder / "pip.conf" for folder in folders] + ([Path(named)] if named else [])


def _read(file: Path) -> configparser.RawConfigParser:
    """Return a configuration file of pip's; an empty one if there is none. Raises Unreadable."""
    parser = configparser.RawConfigParser()
    parser.optionxform = _normal  # type: ignore[method-assign, assignment]
    try:
        parser.read(file)
    except (configparser.Error, UnicodeError) as error:
        raise Unreadable(f"pip's configuration in {file} cannot be read: {error}") from None
    return parser


def _normal(name: str) -> str:
    """Return an option's name as pip compares it: PIP_INDEX_URL, index_url and --index-url are one."""
    return name.lower().replace("_", "-").removeprefix("--")


def main(module: str, *arguments: str) -> NoReturn:
    """Become this Python with a module: pip with its sources, or another one."""
    try:
        surroundings = for_pip() if module == "pip" else _without_python()
    except Unreadable as error:
        sys.exit(str(error))
    # in place of this process: what the launcher has locked stays locked as long as pip runs
    os.execve(sys.executable, [sys.executable, "-I", "-m", module, *arguments], surroundings)


if __name__ == "__main__":
    main(*sys.argv[1:])
