"""`mkdocs serve` in a fresh clone of what is committed, with nothing but what pip brings; what no build may lose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminals import blocks
from test_site import fetched, needs, needs_mkdocs

from workshop.course import contents, course
from workshop.course.site.build import free_port

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
OTHER_WAYS = {
    "editable": "-e .[docs]",
    "one line": "mkdocs-material pymdown-extensions",
}
OLD_PYTHON = "from collections import namedtuple as n; sys.version_info = n('v', 'major minor micro')(3, 10, 9)"
TITLE = "Part 1 begins like a mango"


@pytest.fixture(scope="module")
def new_clone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make fresh clones of what is committed."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("fresh") / "clone"
        clone = ["git", "-c", f"safe.directory={ROOT}", "clone", "--quiet", "--no-local", str(ROOT), str(folder)]
        subprocess.run(clone, check=True, timeout=120)
        return folder

    return make


def empty_environment() -> dict[str, str]:
    """Return the environment of a machine that has a Python and no package of ours. What says where pip looks stays."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    python = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
    return kept | {"PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}


def mkdocs(clone: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the mkdocs of .venv-docs, after these statements of Python in the same process."""
    script = f"import sys; {before or 'pass'}; from mkdocs.__main__ import cli; sys.argv[0] = 'mkdocs'; cli()"
    command = [str(clone / ".venv-docs/bin/python"), "-c", script, *words]
    return subprocess.run(command, cwd=clone, env=empty_environment(), capture_output=True, text=True, timeout=240)


def readme_line(clone: Path) -> str:
    """Return what the README says to type."""
    steps = [step for block in blocks(clone / "README.md", "README.md") for step in block.steps]
    (line,) = [step.typed for step in steps if "mkdocs serve" in step.typed]
    return line


@contextmanager
def typed(line: str, clone: Path) -> Iterator[None]:
    """Type a line in a clone; Ctrl-C at the end."""
    log = clone.parent / "log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            ["bash", "-c", line],
            cwd=clone,
            env=empty_environment(),
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as typing,
    ):
        try:
            yield
        except BaseException as error:
            error.add_note(log.read_text()[-3000:])
            raise
        finally:
            os.killpg(typing.pid, signal.SIGINT)


def test_the_line_of_the_readme_serves_the_course_and_each_change_of_it(new_clone: Callable[[], Path]) -> None:
    clone, port = new_clone(), free_port()
    address = f"http://127.0.0.1:{port}"
    with typed(f"{readme_line(clone)} --dev-addr 127.0.0.1:{port}", clone):
        page = fetched(f"{address}/part1.html", 240)
        assert "A server on a Unix socket" in page and TITLE not in page
        assert "What do Docker and a plugin say" in fetched(f"{address}/index.html")
        text = clone / "slides" / "part1.md"
        slides = re.sub(r"(?m)^!STEP 1\.1 .*$", f"!STEP 1.1 {TITLE}", text.read_text())
        text.write_text(slides.replace("\n!MORE", "\nMangoes are sweet.\n\n!MORE", 1))
        fetched(f"{address}/part1.html", 60, "Mangoes are sweet.")
        last = contents.pages(course.folder() / "part1.md")[-1].name  # with the table of the steps
        assert f">1.1 {TITLE}</a>" in fetched(f"{address}/{last}.html"), "the table of the steps shows the old title"
        assert "Mangoes are sweet." in fetched(f"{address}/decks/part1.html", 60, "Mangoes are sweet.")
    builds_what_it_says_now(clone, ["", "import workshop.course.site.pages"])
    git = ["git", "-C", str(clone), "status", "--porcelain"]
    assert subprocess.run(git, capture_output=True, text=True).stdout == (
        " M slides/part1.md\n M src/workshop/course/site/pages.py\n"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["editable", "one line"])
def test_each_other_way_to_install_builds_the_course_of_this_clone(new_clone: Callable[[], Path], way: str) -> None:
    clone = new_clone()
    venv, pip, _ = readme_line(clone).split(" && ")
    for line in (venv, pip.replace("'.[docs]'", OTHER_WAYS[way])):
        subprocess.run(["bash", "-c", line], cwd=clone, env=empty_environment(), check=True, timeout=240)
    builds_what_it_says_now(clone, ["", "import workshop.course.site.pages"] if way == "editable" else [""])


def builds_what_it_says_now(clone: Path, imported: list[str]) -> None:
    """Change the tool of a clone after it was installed, and look for the change in the site, strictly built."""
    source = clone / "src" / "workshop" / "course" / "site" / "pages.py"
    source.write_text(source.read_text().replace("Try it in the laboratory", "Try it in the kitchen"))
    for before in imported:
        shutil.rmtree(clone / "site", ignore_errors=True)
        done = mkdocs(clone, "build", "--strict", before=before)
        assert done.returncode == 0, done.stderr
        assert "Try it in the kitchen" in (clone / "site" / "part1.html").read_text()


@pytest.mark.thorough
def test_the_tool_of_another_clone_makes_way(new_clone: Callable[[], Path], tmp_path: Path) -> None:
    clone = new_clone()
    source = clone / "src" / "workshop" / "course" / "site" / "pages.py"
    source.write_text(source.read_text().replace("Try it in the laboratory", "Try it in the kitchen"))
    other = f"sys.path.insert(0, {str(ROOT / 'src')!r}); import workshop.course.site.pages"
    script = f"import sys; {other}; import mkdocs.__main__ as m"
    command = [sys.executable, "-P", "-c", f"{script}; m.cli()", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=clone, env=empty_environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Try it in the kitchen" in (tmp_path / "part1.html").read_text()


@needs_mkdocs
@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("sys.modules['pygments'] = None", "The site needs pygments, which is not installed beside "),
        ("import mkdocs; mkdocs.__version__ = '1.5.3'", "The site needs mkdocs 1.6 or newer, and this is 1.5.3."),
        (OLD_PYTHON, "The site needs Python 3.11 or newer, and this is "),
    ],
    ids=["package", "mkdocs", "Python"],
)
def test_what_is_missing_is_said_in_a_sentence_with_the_command(before: str, said: str, tmp_path: Path) -> None:
    script = f"import sys; {before}; import mkdocs.__main__ as m; m.cli()"
    command = [sys.executable, "-P", "-c", script, "build", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    install = done.stderr.strip().splitlines()[-1].strip()
    assert install.startswith("python3 -m venv") and readme_line(ROOT).startswith(install)


@needs_mkdocs
@needs("slow", "properdocs")
@pytest.mark.parametrize("program", ["mkdocs", "properdocs"])
def test_no_build_deletes_the_pdfs_of_the_decks(program: str, tmp_path: Path) -> None:
    decks = tmp_path / "site" / "decks"
    decks.mkdir(parents=True)
    for name in ("part1", "part2", "gone"):
        (decks / f"{name}.pdf").write_text(name)
    os.utime(decks / "part2.pdf", (1, 1))
    (decks / "old.html").write_text("")
    cut_off = tmp_path / "site" / ".pdf"  # a build that was killed has left this
    cut_off.mkdir()
    (cut_off / "part3.pdf").write_text("part3")
    command = [sys.executable, "-P", "-m", program, "build", "--site-dir", str(tmp_path / "site")]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert {path.stem: path.read_text() for path in decks.glob("*.pdf")} == {
            name: name for name in ("part1", "part2", "part3", "gone")
        }
        assert not (decks / "old.html").exists() and not cut_off.exists()
        assert "Older than their slides: gone.pdf, part2.pdf. Print them anew:" in done.stderr
