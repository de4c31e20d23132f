"""Plugins that are right in an unusual way are not failed for it, and a failure is told with its own cause.

Public plugins have shown each of these: see docs/plugins.md.
"""

import errno
import os
import shutil
from pathlib import Path

import pytest
from programs import HELPERS_IN_PYTHON, helpers_in_go
from test_options import CASES, chosen, target

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.report import lines_of
from workshop.checker.result import Result
from workshop.checker.run import Run
from workshop.checker.steps import cases_of_part
from workshop.checker.target import Target
from workshop.plugins.under_test import PluginUnderTest

ROOT = Path(__file__).parent.parent


def edited(*edits: tuple[str, str]) -> str:
    """Return the plugin in the manners of go-plugins-helpers, with these texts replaced."""
    text = HELPERS_IN_PYTHON
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def report(result: Result) -> str:
    return "\n".join(lines_of(result))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="needs Go: ./workshop test --require slow")
def test_a_plugin_in_go_with_the_manners_of_its_helpers_keeps_all_musts(tmp_path: Path) -> None:
    musts = [case for case in CASES.values() if case.level("docker") == "must"]
    results = Run(Target(helpers_in_go(tmp_path), by_others=True), musts, True, Candidate).execute().results
    assert [report(each) for each in results if each.outcome not in ("ok", "skip")] == []
    assert len(results) == len(musts) and [each.step for each in results if each.outcome == "skip"] == (
        ["security.mount-in-a-volume"] if os.geteuid() else []
    )


# redirects, as a router makes them that wants a slash at the end


SLASHES = (
    'int(self.headers.get("Content-Length") or 0))\n',
    """int(self.headers.get("Content-Length") or 0))
        if not self.path.endswith("/"):
            self.send_response(308)
            self.send_header("Location", f"{self.path}/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.path = self.path[:-1]
""",
)


@pytest.mark.parametrize("profile", ["docker", "podman"])
def test_redirects_are_followed_on_an_open_connection_too(profile: str, tmp_path: Path) -> None:
    plugin = target(tmp_path, edited(SLASHES), profile=profile)
    found, _ = chosen(plugin, "http.keep-alive", "answers.keep-alive", "many.connections", "get.name")
    assert [report(each) for each in found.values() if each.outcome not in ("ok", "note")] == []
    assert all(each.redirects for each in found["http.keep-alive"].exchanges)


# what a file system does not have


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file system takes a symbolic link, as that of rclone answers."""

    def symlink_to(self: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))

    monkeypatch.setattr(Path, "symlink_to", symlink_to)


@pytest.mark.usefixtures("no_links")
def test_volumes_that_have_no_symbolic_links(tmp_path: Path) -> None:
    plugin = target(tmp_path, HELPERS_IN_PYTHON)
    found, _ = chosen(plugin, "security.link-in-a-volume")
    assert [(each.outcome, "has none" in each.reason) for each in found.values()] == [("skip", True)]
    removes = [case for case in cases_of_part(3) if case.id == "3.9"]
    assert [each.outcome for each in Run(plugin, removes, True, PluginUnderTest).execute().results] == ["ok"]


@pytest.mark.skipif(bool(os.geteuid()), reason="mounts something: sudo ./workshop test")
def test_a_root_that_is_a_mountpoint_is_not_moved_away(tmp_path: Path) -> None:
    mount = 'mkdir -p "$DDD_ROOT" && mount -t tmpfs none "$DDD_ROOT"'
    plugin = target(tmp_path, HELPERS_IN_PYTHON, prepare=mount, cleanup='umount "$DDD_ROOT"')
    found, _ = chosen(plugin, "get.root-away")
    assert [(each.outcome, "a mountpoint" in each.reason) for each in found.values()] == [("skip", True)]


MOUNTS = (
    (
        '    for part in ("data", "mounts"):\n',
        '    os.makedirs(folder(asked["Name"]) + "/data")\n'
        '    os.system(f"mount -t tmpfs none {folder(asked[\'Name\'])}/data")\n    for part in ("data", "mounts"):\n',
    ),
    ("    shutil.rmtree(there)\n", '    os.system(f"umount {there}/data")\n    shutil.rmtree(there)\n'),
)


@pytest.mark.skipif(bool(os.geteuid()), reason="mounts something: sudo ./workshop test")
def test_a_plugin_that_mounts_in_its_root_is_told_so(tmp_path: Path) -> None:
    with target(tmp_path, edited(*MOUNTS)).opened(Candidate) as plugin:
        plugin.survey()
        said = str(plugin.not_ours)
        assert said.startswith(f"the volumes are not in DDD_ROOT itself, but in what is mounted at {plugin.root}/")
        assert any(each.endswith("--trait own-storage") for each in plugin.advice)


# a failure, and its cause


def test_mounts_of_one_id_at_once_follow_from_one_that_is_refused(tmp_path: Path) -> None:
    one_each = (
        '    open(os.path.join(known(asked), "mounts", uuid.uuid4().hex), "w").close()\n',
        '    open(os.path.join(known(asked), "mounts", asked["ID"]), "x").close()\n',
    )
    text = edited(one_each, ("except Refused as", "except (Refused, OSError) as"))
    found, _ = chosen(target(tmp_path, text), "mount.same-id", "many.mounts-of-one-id")
    assert [each.outcome for each in found.values()] == ["FAIL", "skip"]
    assert found["many.mounts-of-one-id"].follows == "mount.same-id"


def test_volumes_that_are_all_gone_after_a_kill_follow_from_those_after_a_restart(tmp_path: Path) -> None:
    text = edited(("class Refused", "shutil.rmtree(root, ignore_errors=True)\nclass Refused"))
    found, _ = chosen(target(tmp_path, text), "restart.keeps-volumes", "restart.after-a-kill", "restart.in-the-middle")
    assert [each.follows for each in found.values()] == ["", *["restart.keeps-volumes"] * 2]
    forget = (
        "os.makedirs(root, exist_ok=True)\nfor each in os.listdir(root)[1:]:\n    shutil.rmtree(f'{root}/{each}')\n"
    )
    half = edited(("class Refused", f"{forget}class Refused"))
    found, _ = chosen(target(tmp_path, half), "restart.keeps-volumes", "restart.after-a-kill", "restart.in-the-middle")
    assert [(each.outcome, each.follows) for each in found.values()] == [("ok", ""), ("FAIL", ""), ("FAIL", "")]


def test_a_loss_is_told_with_the_call_that_caused_it(tmp_path: Path) -> None:
    """A later call whose answer is a page has nothing to do with it."""
    shell = ("    there = known(asked)\n    if os.listdir", "    there = wild(asked)\n    if os.listdir")
    wild = (
        "def create(asked):\n",
        "def wild(asked):\n"
        '    if asked.get("Name") == "*":\n        shutil.rmtree(root)\n        os.mkdir(root)\n'
        '        raise Refused("<html>no</html>")\n    return known(asked)\ndef create(asked):\n',
    )
    page = ('json.dumps({"Err": str(error)}))', '"<html>500</html>", "text/html")')
    found, _ = chosen(target(tmp_path, edited(shell, wild, page)), "remove.nameless")
    (told,) = found.values()
    assert told.outcome == "FAIL" and told.diagnosis and told.diagnosis.key == "remove.nameless"
    assert told.exchanges[-1].sent == '{"Name":"*"}'


def test_a_page_that_is_the_answer_in_question_is_the_cause(tmp_path: Path) -> None:
    page = ('CALLS = {"Create": create,', 'CALLS = {"Create": lambda _: 1 / 0,')
    crash = ("except Refused as error:\n            self.answer(500, json.dumps({\"Err\": str(error)}))",
             "except Exception as error:\n            self.answer(500, '<html>500</html>', 'text/html')")  # fmt: skip
    found, _ = chosen(target(tmp_path, edited(page, crash)), "create.makes-a-volume")
    (told,) = found.values()
    assert told.diagnosis and "HTML" in told.diagnosis.why, told.diagnosis


def test_a_long_line_of_a_log_is_shown_to_its_end(tmp_path: Path) -> None:
    line = f"cannot restore {'x' * 100}: the disk is gone"
    text = edited(
        ("def create(asked):\n", f"def create(asked):\n    print({line!r}, flush=True)\n    raise Refused('no')\n")
    )
    found, _ = chosen(target(tmp_path, text), "create.makes-a-volume")
    _, _, shown = report(found["create.makes-a-volume"]).partition("The plugin's last lines:\n")
    assert "the disk is gone" in " ".join(shown.split())
    assert all(len(each) <= 80 for each in shown.splitlines())
