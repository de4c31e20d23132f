"""Writes into docs/protocol.md what differs between the conversations of several engines in traces/.

.venv/bin/python -m tests.engine.compare

It needs no engine: `tests/engine/record.py` has recorded them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .images import REPOSITORY

TRACES = REPOSITORY / "traces"
PAGE = REPOSITORY / "docs" / "protocol.md"
MARK = "<!-- what follows is written by .venv/bin/python -m tests.engine.compare -->\n"
ID = re.compile(r"\b[0-9a-f]{64}\b")

WHY = {
    "the header `Host`": "The newer Go refuses an empty one. Engines since 20.10.26, 23.0.7 and 24.0.5 send a name.",
    "`Opts` of `VolumeDriver.Create`": "Without options, the client of 20.10 sends an empty object, and newer ones "
    "`null`.",
    "calls of `podman run --rm -v mango:/data busybox:local sh -c 'echo hello > /data/note'`": "Podman 4 activates "
    "the plugin again before Unmount. Podman 5 does not, when one command sends Mount and Unmount.",
}
"""Why each thing differs, by the first cell of its row."""

Row = dict[str, Any]
Said = dict[str, dict[str, str]]
"""What differs: of each thing, what each release has said."""


def releases(podman: bool) -> list[str]:
    """The releases in traces/, the oldest first: of Podman, or of Docker Engine."""
    found = [folder.name for folder in TRACES.iterdir() if folder.name.startswith("podman-") == podman]
    return sorted(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def conversation(release: str, stem: str) -> tuple[str, str, list[Row]]:
    """The engine, the command and the exchanges of a recorded conversation."""
    head, *rows = map(json.loads, (TRACES / release / f"{stem}.jsonl").read_text().splitlines())
    return head["engine"], head["title"], rows


def calls(rows: list[Row]) -> str:
    """The calls of a conversation, with a letter for each ID: "Get, Mount a"."""
    ids: dict[str, str] = {}
    names = []
    for row in rows:
        mount = ID.search(row["request"])
        letter = ids.setdefault(mount[0], "abcdefgh"[len(ids)]) if mount else ""
        names.append(row["path"].split(".")[-1] + (f" {letter}" if letter else ""))
    return ", ".join(names) or "none"


def differences(compared: list[str]) -> Said:
    """What differs between some releases: the headers of all calls, and the calls and bodies of each command."""
    said: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for stem in sorted(path.stem for path in (TRACES / compared[0]).iterdir()):
        talks = {release: conversation(release, stem) for release in compared}
        by_release = {release: calls(rows) for release, (_, _, rows) in talks.items()}
        if len(set(by_release.values())) > 1:
            command = talks[compared[0]][1]
            for release, text in by_release.items():
                said[f"calls of `{command}`"][release].add(text)
            continue
        for exchanges in zip(*(rows for _, _, rows in talks.values()), strict=True):
            for what, values in different(list(exchanges)):
                for release, value in zip(compared, values, strict=True):
                    said[what][release].add(value)
    return {
        what: {release: " or ".join(sorted(texts)) for release, texts in found.items()} for what, found in said.items()
    }


def different(exchanges: list[Row]) -> Iterator[tuple[str, list[str]]]:
    """What differs in one exchange, and what each release has there: headers, and keys of the body."""
    headers: list[dict[str, str]] = [dict(row["request_headers"]) for row in exchanges]
    for name in sorted({name for each in headers for name in each} - {"Content-Length"}):
        values = [each.get(name) for each in headers]
        if len(set(values)) > 1:
            yield (
                f"the header `{name}`",
                ["no" if value is None else f"`{value}`" if value else "empty" for value in values],
            )
    bodies = [json.loads(ID.sub("ID", row["request"]) or "{}") for row in exchanges]
    call = exchanges[0]["path"].removeprefix("/")
    for key in sorted({key for each in bodies for key in each} - {"ID"}):
        values = [json.dumps(each[key]) if key in each else None for each in bodies]
        if len(set(values)) > 1:
            yield f"`{key}` of `{call}`", ["no" if value is None else f"`{value}`" for value in values]
    ends = [row["request"][-1:] == "\n" for row in exchanges]
    if len(set(ends)) > 1:
        yield f"the end of the body of `{call}`", ["a newline" if each else "no newline" for each in ends]


def table(podman: bool) -> str:
    """The table of what differs, with a sentence on each row."""
    compared = releases(podman)
    engines = [conversation(release, "volume-create")[0] for release in compared]
    found = differences(compared)
    if not found:
        return f"Between {', '.join(engines)}, nothing differs: all say the same to the plugin.\n"
    lines = [f"| | {' | '.join(engines)} | why |", "|---" * (len(engines) + 2) + "|"]
    for what, said in found.items():
        lines.append(f"| {what} | {' | '.join(said[release] for release in compared)} | {WHY[what]} |")
    return "\n".join(lines) + "\n"


def count(podman: bool) -> int:
    """How many commands were recorded of each release."""
    return len(list((TRACES / releases(podman)[0]).iterdir()))


def written() -> str:
    """What follows the mark on the page."""
    return (
        f"\nOf {count(podman=False)} commands, these are all the differences between the Docker Engines:\n"
        f"\n{table(podman=False)}"
        f"\nOf {count(podman=True)} commands, these are all the differences between the Podmans:\n"
        f"\n{table(podman=True)}"
    )


if __name__ == "__main__":
    before, mark, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(before + mark + written())
