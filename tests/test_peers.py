"""Public plugins and our own keep their verdicts, and docs/plugins.md says what these are."""

import subprocess
from pathlib import Path

import pytest
from peers import PAGE, PEERS, Peer, differences, kept, page, verdict_of

from workshop.checker.conformance.case import cases
from workshop.checker.skips import MARKS
from workshop.install import NEEDS, lacks

ROOT = Path(__file__).parent.parent


@pytest.mark.peers
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_plugin_keeps_its_verdict(peer: Peer, pytestconfig: pytest.Config) -> None:
    if "peers" not in pytestconfig.getoption("ddd_require"):
        pytest.skip("runs public plugins for minutes: ./workshop test --require peers")
    if absent := lacks("peers"):
        pytest.skip(absent)
    assert differences(peer, kept()[peer.name], verdict_of(peer)) == []


def test_the_page_has_the_verdicts() -> None:
    assert PAGE.read_text() == page(kept())


def test_the_page_says_the_rule_of_each_advice() -> None:
    rules, text = {case.id: case.title for case in cases()}, PAGE.read_text()
    advised = {step for told in kept().values() for step in told["should"]}
    assert advised and [step for step in advised if f"| `{step}` | {rules[step]} |" not in text] == []


def test_each_plugin_has_a_verdict_and_each_broken_must_its_reason() -> None:
    verdicts, known = kept(), {case.id for case in cases()}
    assert list(verdicts) == [peer.name for peer in PEERS]
    for peer in PEERS:
        told = verdicts[peer.name]
        assert set(peer.reasons) == set(told["must"]) <= known, peer.name
        assert {*told["should"], *told["skip"], *told["follow"]} <= known
        assert set(told["follow"].values()) <= {*told["must"], *told["should"]}


def test_our_own_plugins_keep_all_musts() -> None:
    assert [kept()[name]["must"] for name in ("ddd", "part3", "go", "node")] == [[], [], [], []]


def test_what_the_kernel_lacks_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    there = {path for path, _ in NEEDS["peers"].kernel}
    monkeypatch.setattr(Path, "exists", lambda self: str(self) in there)
    assert lacks("peers") == ""
    there.remove("/dev/fuse")
    assert lacks("peers") == (
        "These tests need /dev/fuse. Make them, as root:\n    modprobe fuse; mknod /dev/fuse c 10 229"
    )
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert lacks("peers").endswith("\n    sudo ./workshop test --require peers")
    assert lacks("slow") == ""


def test_the_nightly_run_requires_them() -> None:
    for script in ("run", "nightly"):
        subprocess.run(["bash", "-n", str(ROOT / ".ci" / script)], check=True)
    assert f"all=({' '.join(MARKS)})" in (ROOT / ".ci" / "nightly").read_text()
