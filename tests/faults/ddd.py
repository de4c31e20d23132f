"""ddd as the tests under fault see it: through its socket, and by what it keeps on disk."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine.engine import wait_for

from workshop.plugins.process import Plugin
from workshop.protocol.exchange import Exchange

DDD = Path(__file__).parents[1] / "serve.py"
SERVERS = ("werkzeug", "gunicorn")
GONE = "the connection was closed without an answer"

OWNER = (4711, 4712) if os.geteuid() == 0 else (os.geteuid(), os.getegid())  # only root gives a folder away
OPTIONS = {"uid": str(OWNER[0]), "gid": str(OWNER[1]), "mode": "1770"}
"""What the volume `peach` is made with, and no other."""

State = dict[str, dict[str, int]]
"""Volumes, and how often each ID has each of them mounted."""


def command(server: str, plugin: Path) -> list[str]:
    """Return the command that starts ddd under Werkzeug's server, or as it is run. A spoilt ddd is beside plugin."""
    werkzeug = [sys.executable, str(plugin)]
    gunicorn = ["env", f"PYTHONPATH={plugin.parent}", sys.executable, "-m", "ddd"]
    return {"werkzeug": werkzeug, "gunicorn": gunicorn}[server]


class Ddd(Plugin):
    """ddd, running. before is put in front of its command: what starts it with a fault of its own."""

    patience = 20.0

    def __init__(self, server: str, folder: Path, plugin: Path = DDD, before: Sequence[str] = ()) -> None:
        super().__init__([*before, *command(server, plugin)], folder / "ddd.sock", folder / "root")
        self.server = server

    def start(self) -> Ddd:
        """Start the plugin; return when the process is there that answers."""
        super().start()
        wait_for(self.worker, "the worker")
        return self

    def worker(self) -> int:
        """Return the pid of the process that answers: gunicorn's is a child of the one that was started."""
        assert self.process
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return pid if self.server == "werkzeug" else int(children[0]) if children else 0

    def ask(self, endpoint: str, name: object = "mango", **more: object) -> Exchange:
        """Call an endpoint of VolumeDriver with this Name."""
        return self.call(f"VolumeDriver.{endpoint}", {"Name": name, **more})

    def succeeds(self, endpoint: str, name: str = "mango", **more: object) -> Exchange:
        """Call an endpoint and want success."""
        answer = self.ask(endpoint, name, **more)
        assert answer.ok, answer
        return answer

    def refuses(self, endpoint: str, status: int, name: object = "mango", **more: object) -> Exchange:
        """Call an endpoint and want a sentence under this status."""
        answer = self.ask(endpoint, name, **more)
        assert answer.status == status and answer.err.endswith("."), answer
        return answer

    @property
    def there(self) -> Path:
        """The plugin's root as the plugin sees it, which may be in a mount namespace of its own."""
        assert self.process and self.root
        return Path(f"/proc/{self.process.pid}/root{self.root}") if self.process.poll() is None else self.root

    def volume(self, name: str = "mango") -> Path:
        """Return the folder of a volume."""
        return self.there / "volumes" / name

    def aside(self) -> list[str]:
        """Return what is on its way in or out."""
        return os.listdir(self.there / "aside")

    def nothing_aside(self) -> None:
        """Wait until nothing is aside any more, and the rm that deleted it has ended."""
        wait_for(lambda: not self.aside() and not self.children(), "nothing to be aside", self.patience)

    def children(self) -> str:
        """Return the pids of the processes that the one that answers has started."""
        found = ""
        for thread in Path(f"/proc/{self.worker()}/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                found += (thread / "children").read_text()
        return found

    def listed(self) -> list[str]:
        """Return the names that List tells."""
        return [volume["Name"] for volume in self.succeeds("List").json["Volumes"]]

    def state(self) -> State:
        """Return what stands on disk. What is there, but half, fails the test."""
        return {volume.name: mounts_of(volume) for volume in (self.there / "volumes").iterdir()}

    def wipe(self) -> None:
        """Remove all volumes through the socket, whoever has them."""
        for volume in (self.there / "volumes").iterdir():
            name = volume.name
            for mount_id, count in mounts_of(volume, owner_and_mode(volume / "data")).items():
                for _ in range(count):
                    self.succeeds("Unmount", name, ID=mount_id)
            self.succeeds("Remove", name)
        self.nothing_aside()


def mounts_of(volume: Path, data: tuple[int, int, int] | None = None) -> dict[str, int]:
    """Return how often each ID has a volume mounted; fail when the volume is not whole.

    data is the owner, the group and the mode that its data folder has to have: those that its name tells if None.
    """
    if os.listdir(volume) == ["data"] and (volume / "data" / "restored").exists():
        return {}  # as the test has restored it from a backup
    assert sorted(os.listdir(volume)) == ["data", "mounts"], volume
    ours = (os.geteuid(), os.getegid())
    data = data or ((*OWNER, 0o41770) if volume.name == "peach" else (*ours, 0o40755))
    found = [owner_and_mode(path) for path in (volume, volume / "mounts", volume / "data")]
    assert found == [(*ours, 0o40700), (*ours, 0o40700), data], (volume, found)
    counts: Counter[str] = Counter()
    for record in (volume / "mounts").iterdir():
        name, text = re.fullmatch(r"(.+)\.[0-9a-f]{16}", record.name), record.read_text()
        # the version before has a file for each ID, with a line for each mount
        form = r"pid=\d+ start=\d+ namespace=\S+ boot=\S+\n" if name else r"(\d+ \d+ \S+ \S+\n)+"
        assert re.fullmatch(form, text), (record, text)
        counts[name[1] if name else record.name] += text.count("\n")
    return dict(counts)


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    """Return the owner, the group and the mode of a file, without following a link."""
    found = path.lstat()
    return found.st_uid, found.st_gid, found.st_mode
