"""Public plugins and our own through the conformance suite: how each is checked, and what does not hold, and why.

`.venv/bin/python tests/peers.py` runs all of them, and writes tests/peers.json and docs/plugins.md: some minutes, as
root. A name such as `rclone` runs that one alone. What it needs, `./workshop test --require peers` says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from workshop.checker.conformance.case import cases
from workshop.install import lacks

ROOT = Path(__file__).parent.parent
VERDICTS = ROOT / "tests" / "peers.json"
PAGE = ROOT / "docs" / "plugins.md"


class Verdict(TypedDict):
    """What came of a plugin."""

    version: str
    must: list[str]
    should: list[str]
    """The cases that do not hold, by their level."""
    follow: dict[str, str]
    """The cases that follow from others, with their causes."""
    skip: list[str]
    """The cases that could not be checked."""


@dataclass(frozen=True)
class Peer:
    """A plugin, and how it is checked."""

    name: str
    is_what: str
    """What it is, in a sentence."""
    run: str
    """The command behind --run. {clone} and {made} stand for the clone, and the folder in which setup has run."""
    setup: str = ""
    """A shell line that makes the plugin ready, in an empty folder."""
    version: str = ""
    """A shell line that prints its version; none for a plugin of this repository."""
    more: tuple[str, ...] = ()
    """The other options of the check."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why each must that it breaks is its own."""


PYTHON = shlex.quote(sys.executable)
PEERS = (
    Peer("ddd", "The plugin for daily use of this repository, in Python.", "{python} -m ddd"),
    Peer("part3", "The plugin that the course ends with, in Python.", "{python} {clone}/part3/plugin.py"),
    Peer(
        "go",
        "The plugin of `benchmarks/go`, in Go.",
        "{made}/plugin",
        setup="cp {clone}/benchmarks/go/* . && go build -o plugin .",
    ),
    Peer(
        "node",
        "A plugin of `tests/mistakes/right`, in Node: it is what a learner may write.",
        "node {clone}/tests/mistakes/right/plugin.js",
    ),
    Peer(
        "rclone",
        "Cloud storage as volumes, in Go with go-plugins-helpers. Here its remote is a local folder.",
        'sh -c "exec rclone serve docker --socket-addr $DDD_SOCKET --base-dir $DDD_ROOT/mounts'
        ' --cache-dir $DDD_ROOT/cache --config /dev/null"',
        version="rclone version | sed -n 's/^rclone v//p'",
        more=(
            *("--opt", "remote={root}/files/{name}"),
            *("--prepare", 'mkdir -p "$DDD_ROOT/files" "$DDD_ROOT/mounts"'),
            *("--trait", "own-storage"),
            "--allow-outside-root",
        ),
        reasons={
            "mount.same-id": "It refuses a second Mount with the same ID: `docker cp` on a running container fails.",
            "files.after-a-kill": "A `kill -9` leaves dead FUSE mounts. At its next start, rclone does not restore the "
            "volumes that have one: Docker hears that they do not exist.",
            "files.after-docker-cp": "The same as `mount.same-id`: it refuses the second Mount.",
            "files.after-a-failed-remove": "The same: the volume cannot be mounted after the kill.",
            "restart.while-mounted": "The same: Get does not know the volume that a container has.",
            "restart.mount-again": "The same: a container that had the volume cannot start again.",
            "security.create-outside": "It joins a name to `--base-dir`: a name with `../` makes a folder anywhere.",
            "security.dots": "The mountpoint of a volume `.` is the folder with the mountpoints of all others.",
        },
    ),
    Peer(
        "buttervolume",
        "Volumes as subvolumes of btrfs, in Python with bottle.",
        'sh -c "BUTTERVOLUME_SOCKET=$DDD_SOCKET BUTTERVOLUME_RUNPATH=$DDD_ROOT'
        " BUTTERVOLUME_VOLUMES_PATH=$DDD_ROOT/volumes/ BUTTERVOLUME_SNAPSHOTS_PATH=$DDD_ROOT/snapshots/"
        ' BUTTERVOLUME_SCHEDULE=$DDD_ROOT/schedule.csv exec {made}/venv/bin/buttervolume run"',
        setup="{python} -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check buttervolume==3.13"
        " bottle==0.13.4 waitress==3.0.2",
        version="venv/bin/pip --disable-pip-version-check show buttervolume | sed -n 's/^Version: //p'",
        more=(
            "--prepare",
            'mkdir -p "$DDD_ROOT" && truncate -s 512M "$DDD_ROOT.img" && mkfs.btrfs -q "$DDD_ROOT.img"'
            ' && mount -o loop "$DDD_ROOT.img" "$DDD_ROOT"',
            "--cleanup",
            'umount "$DDD_ROOT" && rm "$DDD_ROOT.img"',
        ),
        reasons={
            "remove.nameless": "The name is in a shell line, without quotes: Remove of `*` deletes all volumes.",
            "remove.in-use": "It does not count mounts: Remove deletes a volume while a container has it.",
            "security.dots": "It joins a name to its folder: Mount of `..` answers the folder above all volumes.",
            "security.no-shell": "The name is in shell lines: what stands in `$(…)` in a name is run, as root.",
        },
    ),
)


class Trouble(Exception):
    """A plugin could not be made ready, or not be checked: that is no verdict. The text says what was printed."""


def verdict_of(peer: Peer) -> Verdict:
    """Make a plugin ready, run the suite on it, and return what came of it. Raises Trouble."""
    with tempfile.TemporaryDirectory(prefix="peer-") as made:
        if peer.setup:
            _shell(_filled(peer.setup, made), made)
        version = _shell(peer.version, made).strip() if peer.version else ""
        told = Path(made) / "results.json"
        command = [sys.executable, "-m", "workshop", "check", "--conformance", "--seed", "1", "--json", str(told)]
        command += ["--run", _filled(peer.run, made), *peer.more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
        if done.returncode not in (0, 1) or not told.exists():
            raise Trouble(f"{peer.name} was not checked, status {done.returncode}:\n{done.stdout[-800:]}{done.stderr}")
        return _summed_up(version, json.loads(told.read_text())["steps"])


def _shell(line: str, folder: str) -> str:
    """Run a shell line in a folder, and return what it printed. Raises Trouble."""
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": f"{folder}/go-cache"}
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Trouble(f"This ended with status {done.returncode}:\n    {line}\n{done.stdout}{done.stderr}")
    return done.stdout


def _filled(line: str, made: str) -> str:
    """Return a line with what stands for the clone, this Python, and the folder of what was made."""
    words = {"{clone}": str(ROOT), "{python}": PYTHON, "{made}": made}
    return re.sub(r"\{(clone|python|made)\}", lambda found: words[found[0]], line)


def _summed_up(version: str, steps: Sequence[dict[str, str]]) -> Verdict:
    """Return the verdict from the results of the suite."""
    return {
        "version": version,
        "must": [each["step"] for each in steps if each["outcome"] == "FAIL"],
        "should": [each["step"] for each in steps if each["outcome"] == "warn"],
        "follow": {each["step"]: each["follows"] for each in steps if each.get("follows")},
        "skip": [each["step"] for each in steps if each["outcome"] == "skip" and not each.get("follows")],
    }


def kept() -> dict[str, Verdict]:
    """Return the verdicts of the last run, by the names of the plugins."""
    found: dict[str, Verdict] = json.loads(VERDICTS.read_text()) if VERDICTS.exists() else {}
    return found


def page(verdicts: dict[str, Verdict]) -> str:
    """Return docs/plugins.md."""
    found = [(peer, verdicts[peer.name]) for peer in PEERS if peer.name in verdicts]
    lines = [HEAD, "| plugin | version | musts that it breaks | advice | follow from others | not checked |"]
    lines += ["|---|---|---|---|---|---|"]
    for peer, told in found:
        counts = [len(told["must"]), len(told["should"]), len(told["follow"]), len(told["skip"])]
        row = [f"[{peer.name}](#{peer.name})", told["version"] or "this repository", *map(str, counts)]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, "", *(_section(peer, told) for peer, told in found)]).rstrip() + "\n"


def _section(peer: Peer, told: Verdict) -> str:
    """Return what the page says of a plugin."""
    traits = [value for option, value in zip(peer.more, peer.more[1:], strict=False) if option == "--trait"]
    lines = [f"## {peer.name}", "", peer.is_what, "", "```text"]
    lines += [_typed(peer), "```", ""]
    lines += [f"Traits: {', '.join(f'`{each}`' for each in traits)}.", ""] if traits else []
    if told["must"]:
        lines += ["| must | what goes wrong | follow from it |", "|---|---|---|"]
    for step in told["must"]:
        after = [each for each, cause in told["follow"].items() if cause == step]
        lines.append(f"| `{step}` | {peer.reasons.get(step, '')} | {_listed(after)} |")
    lines += [""] if told["must"] else ["It keeps all musts.", ""]
    if told["should"]:
        lines += ["| advice | the rule |", "|---|---|"]
        lines += [f"| `{step}` | {_rule_of(step)} |" for step in told["should"]] + [""]
    lines += [f"Not checked: {_listed(told['skip'])}.", ""] if told["skip"] else []
    return "\n".join(lines)


def _rule_of(step: str) -> str:
    """Return the rule of a case, for a cell of a table."""
    return next((case.title for case in cases() if case.id == step), "").replace("|", "&#124;")


def _typed(peer: Peer) -> str:
    """Return the command that checks a plugin, as somebody would type it."""
    run = peer.run.replace("{python}", ".venv/bin/python").replace("{clone}/", "").replace("{made}", ".")
    words = [f"./workshop check --conformance --run {_quoted(run)}"]
    for word in peer.more:
        words += [f"    {word}"] if word.startswith("--") else [f"{words.pop()} {_quoted(word)}"]
    return " \\\n".join(words)


def _quoted(word: str) -> str:
    """Return a word as somebody would quote it for a shell."""
    return word if re.fullmatch(r"[\w./-]+", word) else f"'{word}'"


def _listed(names: Sequence[str]) -> str:
    """Return the names of cases in a line."""
    return ", ".join(f"`{name}`" for name in names)


def differences(peer: Peer, before: Verdict | None, now: Verdict) -> list[str]:
    """Return in words what differs between the verdict that is kept, and the one of now."""
    old, new = dict(before or {}), dict(now)
    return [f"{peer.name}, {key}: kept {old.get(key)}, now {new[key]}" for key in new if old.get(key) != new[key]]


HEAD = """---
next: "Run the suite on a plugin of your own:   ./workshop check --conformance --run COMMAND"
---
# Plugins through the suite

What the [conformance suite](authors.md) says of public plugins and of our own, as Docker would use them. A *must* that
is broken breaks a real client, or loses files. Advice is what users and operators are better off with. The command
writes this page, as root, on a machine with FUSE and loop devices:

```console not run: it takes minutes, and mounts file systems
$ .venv/bin/python tests/peers.py
```

With `--page` it writes the page from the verdicts of the last run. `./workshop test --require peers` runs the same
plugins, and compares their verdicts with those in `tests/peers.json`. It says what the machine lacks, and installs the
programs with `--install`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or all plugins, and write the verdicts and the page; return the exit status."""
    parser = argparse.ArgumentParser(description="Run plugins through the suite, and write docs/plugins.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only {', '.join(peer.name for peer in PEERS)}")
    parser.add_argument("--page", action="store_true", help="write the page from the kept verdicts, and run nothing")
    told = parser.parse_args(arguments)
    if told.page:
        PAGE.write_text(page(kept()))
        return 0
    names = told.names
    if unknown := [name for name in names if name not in [peer.name for peer in PEERS]]:
        parser.error(f"there is no plugin {unknown[0]}")
    if absent := lacks("peers"):
        print(absent, file=sys.stderr)
        return 2
    verdicts = kept()
    for peer in PEERS:
        if not names or peer.name in names:
            try:
                now = verdict_of(peer)
            except Trouble as trouble:
                print(trouble, file=sys.stderr)
                return 3
            print("\n".join(differences(peer, verdicts.get(peer.name), now) or [f"{peer.name}: as before"]))
            verdicts[peer.name] = now
    VERDICTS.write_text(
        json.dumps({peer.name: verdicts[peer.name] for peer in PEERS if peer.name in verdicts}, indent=1) + "\n"
    )
    PAGE.write_text(page(verdicts))
    print(f"Wrote {VERDICTS} and {PAGE}. Look at each change.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
