"""The house rules that a machine can check."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict"], ["codespell_lib"]],
    ids=" ".join,
)
def test_the_code_and_the_texts_are_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_run_downwards_only() -> None:
    """The contracts stand in pyproject.toml."""
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contributors_table_names_every_room_and_all_that_is_in_it() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text()
    table = text.partition("| `src/workshop/` | its idea |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \|.*\|([^|]*)\|$", table, re.MULTILINE)
    assert {name: set(re.findall("`([^`]+)`", inside)) for name, inside in rows} == contents(ROOT / "src" / "workshop")
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    upwards = [name for layer in reversed(contract["layers"]) for name in layer.split(" | ")]
    assert [name.removesuffix("/").removesuffix(".py") for name, _ in rows] == upwards[:-1]  # without __main__


def contents(tool: Path) -> dict[str, set[str]]:
    """Return the rooms, and the files beside them, with the modules and the folders in each."""
    found: dict[str, set[str]] = {}
    for path in tool.rglob("*"):
        if path.suffix in (".pyc", ".typed") or path.name.startswith("__") or not path.is_file():
            continue
        first, *rest = path.relative_to(tool).parts
        inside = found.setdefault(f"{first}/" if rest else first, set())
        if rest:
            inside.add(f"{rest[0]}/" if rest[1:] else rest[0].removesuffix(".py"))
    return found
