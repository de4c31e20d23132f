"""Slips in a plugin's file are named with any cause, and only where they are slips."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes.mistake import FILES

from workshop.checker.diagnose import diagnose
from workshop.checker.evidence import Evidence
from workshop.checker.slips import slips

NO_F = 'a, name = 1, "x"\n'
NO_GLOBAL = "volumes = {}\n\n\ndef load():\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NO_F + 'print("there is no {name}")\n', '"there is no {name}" has braces'),
        (NO_F + 'print("{name!r} is no name")\n', "has braces"),
        (NO_F + "print('{name.upper()}')\n", "has braces"),
        ("import secrets\nprint('{secrets.token_hex(8)}')\n", "has braces"),
        ("def path(name):\n    return '/srv/{name}'\n", "has braces"),
        (NO_GLOBAL + "    volumes = {1: 2}\n", "Write global volumes"),
        (NO_GLOBAL + "    with open('x') as file:\n        volumes = file.read()\n", "The function load()"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text)
    assert [each.sentence for each in slips(file) if words in each.sentence]
    assert words in diagnose(Evidence("3.1", "", file=file)).why


@pytest.mark.parametrize(
    "text",
    [
        NO_F + 'print(f"there is no {name}")\n',
        NO_F + 'print("there is no {name}".format(name=name))\n',
        NO_F + 'print("there is no {other}")\n',
        NO_F + 'print(f"{{name}} is {name}")\n',
        'def path(name):\n    """Return the folder {name}."""\n',
        '# "{name}"\nname = 1\n',
        NO_F + 'print("[a-z]{0,99}", \'{"name": 1}\')\n',
        NO_GLOBAL + "    global volumes\n    volumes = {1: 2}\n",
        NO_GLOBAL + "    volumes = {1: 2}\n    return volumes\n",
        NO_GLOBAL + "    volumes[1] = 2\n",
        "volumes = {}\n\n\ndef load(volumes):\n    volumes = None\n",
        'HELP = "PUT /{name} makes a volume"\n\n\ndef path(name):\n    return HELP\n',
        'def path(name):\n    return "/srv/{name}".replace("{name}", name)\n',
        'PATH = "/srv/{name}"\n\n\ndef path(name):\n    return PATH.replace("{name}", name)\n',
        "@app.get('/volumes/{name}')\ndef path(name):\n    return name\n",
        NO_GLOBAL + "    for volumes in range(2):\n        pass\n",
        NO_GLOBAL + "    first, volumes = 1, 2\n",
        NO_GLOBAL + "    with open('x') as volumes:\n        pass\n",
        "this is no Python\n",
    ],
)
def test_what_is_no_slip_is_not_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text)
    assert slips(file) == []


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if file.suffix == ".py"])
def test_a_right_plugin_has_none(name: str) -> None:
    assert slips(FILES[name]) == []


def test_of_a_program_that_is_no_python_nothing_is_said() -> None:
    assert slips(FILES["node"]) == slips(None) == []
