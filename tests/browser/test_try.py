"""The page try/ in Chromium: the steps, the reports and the diagnoses of a terminal, by keys, on a phone, offline.

The nightly run opens it in Firefox, too.
"""

import functools
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samples import sampled
from test_diagnoses import masked
from test_in_process import NOT_HERE, WRONG, accepted

from workshop import repository
from workshop.course import check, course, reading
from workshop.course.options import Options, run_of
from workshop.course.page import build

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

pytestmark = pytest.mark.browser
PATIENCE = 300_000
"""How long a test waits for what has to come, in milliseconds."""
NOT_RUN = NOT_HERE - {"2.4"} | {"3.15"}
"""The steps that are skipped in the page, as long as no file asks for TLS."""
PYTHON = (3, 14)
"""Pyodide's: another one prints other lines of a traceback."""
AXE = {"axe-core": "4.14.1"}
SAMPLE = [wrong for wrong in WRONG if wrong.part in "23"][::12]


class Quiet(SimpleHTTPRequestHandler):
    """A server of files, and no more."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served; beside it, a page stands for that of the step."""
    folder = tmp_path_factory.mktemp("site")
    if why := build.build(folder / "try"):
        pytest.skip(why)
    for part in (1, 2, 3):
        (folder / f"part{part}.html").write_text("<!DOCTYPE html><html lang=en><title>A step</title><h1>A step</h1>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/try/index.html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def open_page(browser: Any, address: str) -> Callable[..., "Page"]:
    """Opens the page in a context of its own, and waits until Python is there."""

    def open_it(**options: Any) -> "Page":
        return opened(browser.new_context(**options), address)

    return open_it


def opened(context: Any, address: str) -> "Page":
    """Open the page, and wait until Python is there."""
    context.set_default_timeout(PATIENCE)
    page: Page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.evaluate("document.body.dataset.limit = 60000")  # of a busy machine nothing is said here
    return page


@pytest.fixture(scope="module")
def page(open_page: Callable[..., "Page"]) -> "Page":
    """One page for the tests that only type."""
    return open_page()


def typed(page: "Page", line: str, files: dict[str, str] | None = None) -> str:
    """Type a line, for files of work/ if they are given; return what is printed, without the line."""
    done = page.evaluate("Number(document.body.dataset.done || 0)")
    page.evaluate(
        "([line, given]) => { if (given) { files = given; show(PLUGIN); } run(line); }",
        [line, files],
    )
    page.wait_for_function("(done) => Number(document.body.dataset.done || 0) > done", arg=done)
    return str(page.inner_text("#output")).partition("\n")[2]


def failure(text: str) -> str:
    """Return the report of the step that fails, without what differs from run to run, or between two Pythons."""
    block = re.search(r"^  FAIL .*?(?=^  \d+ of \d+ steps pass)", text, re.MULTILINE | re.DOTALL)
    assert block, text
    same = sys.version_info[:2] == PYTHON
    return plain(block[0] if same else re.sub(r"^  The plugin's last lines:\n(    .*\n)*", "", block[0], flags=re.M))


def plain(text: str) -> str:
    """Return a text without what differs: where lines break and are cut, names, and the system's numbers of errors."""
    found = masked("".join(re.sub(r"\[Errno \d+\]", "", masked(text)).split()))
    return re.sub(r'"Volumes":\[.*?(?=\[docker\]|wanted)', '"Volumes":[…', found)


def test_every_step_fails_before_its_edit_and_passes_after_it_with_the_report_of_a_terminal(
    page: "Page", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKSHOP_WORK", str(work))
    monkeypatch.setattr(reading, "PORT", 9)  # a site that is served here has a line in the report of the terminal
    compared = []
    for part in course.parts():
        for step in (each for each in part.steps if each.id not in NOT_RUN):
            for name, text in step.before.items():
                (work / name).write_text(str(text))
            options = Options(part=part.number)
            check.check_once(options, run_of(options), set())
            wanted = failure(capsys.readouterr().out)
            said = typed(page, f"./workshop check {part.number}", {k: str(v) for k, v in step.before.items()})
            assert failure(said) == wanted and f"FAIL{step.id}" in wanted
            compared.append(step.id)
        said = typed(page, f"./workshop check {part.number}", {k: str(v) for k, v in part.after.items()})
        assert "FAIL" not in said and "Achievement unlocked!" in said
    assert len(compared) == 21


@pytest.mark.parametrize("wrong", sampled(SAMPLE, lambda wrong: wrong.part), ids=lambda wrong: wrong.name)
def test_a_wrong_plugin_gets_its_diagnosis(page: "Page", wrong: Any, tmp_path: Path) -> None:
    _, file = wrong.command(tmp_path)
    files = {path.name: path.read_text() for path in file.parent.iterdir() if path.is_file()}
    said = typed(page, f"./workshop check {wrong.part}", files)
    why = re.compile(r"^  Why +(.*?)(?=^  \S|\Z)", re.MULTILINE | re.DOTALL)
    here, there = why.search(said), why.search(accepted(wrong))
    assert here and there and f"FAIL  {wrong.step} " in said
    assert plain(here[1]) == plain(there[1])


COMPILED_HERE = """
import sys

found = []
for name, module in list(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if spec and type(spec.loader).__name__ == "zipimporter":
        found += [name] if spec.origin.endswith(".py") else []
sys.exit(f"compiled here: {found}")
"""


def test_python_compiles_nothing_of_its_library(open_page: Callable[..., "Page"]) -> None:
    page = open_page()  # a wrong plugin may have imported what no right one needs
    said = typed(page, "./workshop check 1", {"plugin.py": COMPILED_HERE})
    assert "compiled here: []" in said, said


@pytest.mark.thorough
def test_in_firefox_a_check_fails_and_one_passes(playwright: "Playwright", address: str) -> None:
    program = shutil.which("firefox-esr")
    if not program:
        pytest.skip("No page can be opened here (no firefox-esr): ./workshop test --require thorough --install")
    firefox = playwright.firefox.launch(channel="moz-firefox", executable_path=program)
    page = opened(firefox.new_context(), address)
    part = course.part(3)
    for files, wanted in ((part.before, "FAIL  3.1"), (part.after, "Achievement unlocked!")):
        assert wanted in typed(page, "./workshop check 3", {name: str(text) for name, text in files.items()})
    firefox.close()


def test_an_exception_marks_its_line(page: "Page") -> None:
    source = str(course.step("2.1").after["plugin.py"])
    line = '    return {"Implements": ["VolumeDriver"]}\n'
    typed(page, "./workshop check 2", {"plugin.py": source.replace(line, f"    oops()\n{line}")})
    marks = page.evaluate("editor.session.getAnnotations()")
    assert [page.evaluate("(row) => editor.session.getLine(row)", each["row"]) for each in marks] == ["    oops()"]
    assert "oops" in marks[0]["text"]


def test_a_loop_without_end_is_stopped_and_the_next_check_works(page: "Page") -> None:
    source = str(course.step("2.1").after["plugin.py"])
    line = '    return {"Implements": ["VolumeDriver"]}\n'
    page.evaluate("document.body.dataset.limit = 5000")
    endless = source.replace(line, f"    while True:\n        pass\n{line}")
    page.evaluate("(text) => { files = {[PLUGIN]: text}; show(PLUGIN); run('./workshop check 2'); }", endless)
    page.wait_for_function("document.getElementById('output').textContent.includes('was stopped')")
    said = page.inner_text("#output")
    assert "while it answered POST /Plugin.Activate, and was stopped. Its volumes are gone." in said
    page.evaluate("document.body.dataset.limit = 60000")
    assert "ok    2.1" in typed(page, "./workshop check 2", {"plugin.py": source})


def test_the_conversation_and_the_tree_are_drawn(page: "Page") -> None:
    typed(page, "docker volume create -d ddd mango", {"plugin.py": str(course.step("3.1").after["plugin.py"])})
    page.locator("plugin-conversation .method", has_text="Create").wait_for(state="attached")
    assert "+ volumes/mango/" in page.locator("#tree .new").all_text_contents()
    page.click("#earlier")
    assert page.locator("#tree .new").count() == 0


def test_file_and_progress_survive_a_reload_and_can_be_taken_along(open_page: Callable[..., "Page"]) -> None:
    page = open_page()
    source = str(course.step("1.1").after["plugin.py"])
    typed(page, "./workshop check", {"plugin.py": source})
    page.reload()
    page.wait_for_selector("body[data-usable]")
    assert page.evaluate("editor.getValue()") == source
    assert "1.1" in page.evaluate("JSON.parse(files['.progress.json']).passed")
    with page.expect_download() as download:
        page.click("#take")
    assert Path(download.value.path()).read_text() == source
    page.context.close()


def test_it_is_used_by_keys_alone_on_a_phone_and_offline(open_page: Callable[..., "Page"], address: str) -> None:
    asked: list[str] = []
    page = open_page(viewport={"width": 390, "height": 780})
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.focus("#take")
    page.keyboard.press("Tab")  # the lines' numbers
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # into the editor
    page.keyboard.press("Control+Home")
    page.keyboard.type("#")
    page.keyboard.press("Tab")
    assert page.evaluate("editor.getValue()").startswith("#   ")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "output"
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("./workshop check")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-done]")
    assert "FAIL  1.1" in page.inner_text("#output")
    assert all(each.startswith((address.rpartition("/")[0], "blob:")) for each in asked)
    page.context.close()


def test_keys_pass_the_page_of_the_step_and_stay_on_a_button_that_is_pressed(open_page: Callable[..., "Page"]) -> None:
    page = open_page()
    focus = "document.activeElement.id"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'file'")
    page.keyboard.press("Tab")
    assert page.evaluate(focus) == "check"
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-done='1']")
    assert page.evaluate(focus) == "check"
    typed(page, "docker volume create -d ddd mango", {"plugin.py": str(course.step("3.1").after["plugin.py"])})
    page.focus("#earlier")
    while page.get_attribute("#earlier", "aria-disabled") == "false":
        page.keyboard.press("Enter")
    assert page.evaluate(focus) == "earlier"
    page.context.close()


def test_two_tabs_have_one_file(open_page: Callable[..., "Page"], address: str) -> None:
    one = open_page()
    two = opened(one.context, address)
    two.evaluate("editor.setValue('# two')")
    one.wait_for_function("editor.getValue() === '# two'", polling=100)
    one.evaluate("editor.setValue('# two, and one')")
    two.wait_for_function("editor.getValue() === '# two, and one'", polling=100)
    one.context.close()


def test_where_the_browser_keeps_nothing_it_is_said_until_it_does(open_page: Callable[..., "Page"]) -> None:
    page = open_page()
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('full'); }; }")
    typed(page, "./workshop")
    assert "Done. This browser keeps nothing" in page.inner_text("#state")
    page.context.close()


def test_without_a_network_the_build_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_cache", lambda: tmp_path / "try")
    said = build.build(tmp_path / "site")
    assert "ECONNREFUSED" in said and said.endswith("\n    npm ping")
    assert not (tmp_path / "site").exists()


def test_axe_finds_nothing_serious(page: "Page") -> None:
    folder = repository.clone_root() / ".cache" / "axe" / AXE["axe-core"]
    if why := build.fetch(folder, AXE):
        pytest.skip(why)
    typed(page, "docker volume create -d ddd kiwi", {"plugin.py": str(course.step("3.1").after["plugin.py"])})
    page.add_script_tag(path=folder / "axe-core" / "axe.min.js")
    found = page.evaluate("axe.run(document, {iframes: false})")["violations"]
    assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []
