"""A plugin as the conformance suite meets it: called as one client calls, and judged by what that client makes of it.

The steps of the course want the answers that suit everybody. Here an answer is wrong when this client is misled by it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

from workshop import interrupt
from workshop.checker.case import CLIENTS
from workshop.checker.roots import Rooted, wants_file
from workshop.plugins.kernel import session_processes
from workshop.plugins.under_test import LEFT, PluginUnderTest, is_whole, leave_files, lost
from workshop.protocol.exchange import NO_OPTIONS, Exchange, exchange, failure, request

# Docker waits 60 s (moby daemon/volume/drivers/proxy.go), and twice that for Create and Mount, which nobody here waits
# for; Podman 5 s
CLIENTS_WAIT = {"docker": 60.0, "podman": 5.0}
# Podman counts mounts by itself, and gives every volume this one ID
PODMAN_ID = "2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2"
Body = dict[str, object]


class Candidate(PluginUnderTest):
    """A plugin under test, and the client ("docker" or "podman") in whose name it is called."""

    limits = CLIENTS_WAIT
    """How long each client waits for an answer, in seconds."""

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.starts = 0
        self.hangs = False
        self.removes_in_use: str | None = None

    @property
    def standstill(self) -> None:
        """Wait as the client does, whatever the plugin does meanwhile."""
        return None

    @property
    def client(self) -> str:
        """The client by its name."""
        return CLIENTS[self.profile]

    @property
    def limit(self) -> float:
        """How long to wait for an answer: as the client does, until the plugin has let it wait in vain once."""
        limit = self.limits[self.profile]
        return self.in_time(min(limit, 2.0) if interrupt.happened() else min(limit, 5.0) if self.hangs else limit)

    def call(
        self,
        endpoint: str,
        body: Body | bytes | None = None,
        shape: str = "",
        method: str = "POST",
        content_type: str = "",
    ) -> Exchange:
        """Call an endpoint as the client does."""
        answer = super().call(endpoint, body, shape, method, content_type)
        self.hangs = self.hangs or answer.failure == "no answer in time"
        return answer

    def needs_process(self) -> None:
        """Skip the case where the plugin is not ours to start and stop."""
        if not self.command:
            raise SkipTest("more than a socket: give --plugin or --run")

    def start_afresh(self) -> None:
        """After a failure, begin anew where that can be: what one rule has cost must not count against the next."""
        super().start_afresh()
        if self.command and self.root:
            self.shut_down()
            self.starts += 1
            self.root = self.root.with_name(f"root-{self.starts}")

    # what the client makes of an answer

    def takes(self, answer: Exchange) -> bool:
        """Tell whether the client takes an answer for success.

        Docker: status 200, and a JSON object (null is as good as {}) without an Err. Podman: any 200, whatever Err
        says; the answers of Create, Unmount and Remove it does not read at all.
        """
        value = {} if answer.text.strip() == "null" else answer.json
        if self.profile == "podman":
            unread = answer.endpoint.rpartition(".")[2] in ("Create", "Unmount", "Remove")
            return answer.status == 200 and (unread or isinstance(value, dict))
        return answer.status == 200 and isinstance(value, dict) and value.get("Err") in (None, "")

    def fails(self, answer: Exchange) -> bool:
        """Tell whether the client takes an answer for an error, in whatever form."""
        return bool(answer.status) and not self.takes(answer)

    def succeeds(self, endpoint: str, body: Body | None = None) -> Exchange:
        """Call an endpoint, and want what the client takes for success."""
        answer = self.call(endpoint, body)
        assert self.takes(answer), f"wanted success for\n{answer}"
        return answer

    def refuses(self, endpoint: str, body: Body | bytes | None = None) -> Exchange:
        """Call an endpoint, and want what the client takes for an error."""
        answer = self.call(endpoint, body)
        assert self.fails(answer), f"wanted an error for\n{answer}"
        return answer

    def does_not_take(self, endpoint: str, body: Body | bytes | None = None) -> Exchange:
        """Call an endpoint, and want anything but success: no answer will do."""
        answer = self.call(endpoint, body)
        assert not self.takes(answer), f"wanted anything but success for\n{answer}"
        return answer

    def look_over(self, answer: Exchange) -> Exchange:
        """Return an answer: what could be better about it is a case of its own."""
        return answer

    # volumes

    def choose(self, name: str) -> str:
        """Return a name that a case has chosen; its volume is removed after the case. It holds a random part."""
        self.made.append(name)
        return name

    def no_options(self) -> Body:
        """Return what the client adds to a Create without options: Podman leaves Opts out."""
        return {} if self.profile == "podman" else {"Opts": NO_OPTIONS[self.shape]}

    def needs_no_options(self) -> None:
        """Skip what asks for a volume without options, where the plugin is given some for each Create."""
        if self.options:
            raise SkipTest("asks for a volume without options, and this plugin is given them by --opt")

    def create(self, name: str = "") -> str:
        """Make a volume, and return its name."""
        name = name or self.name()
        self.succeeds("VolumeDriver.Create", {"Name": name, **self.no_options()})
        return name

    def makes(self, name: str) -> bool:
        """Make a volume of this name, and return whether the plugin takes such a name."""
        return self.takes(self.call("VolumeDriver.Create", {"Name": self.choose(name), **self.no_options()}))

    def remove(self, name: str) -> Exchange:
        """Remove a volume."""
        return self.succeeds("VolumeDriver.Remove", {"Name": name})

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the volume that Get tells of, None where it says in any form that there is none."""
        answer = self.call("VolumeDriver.Get", {"Name": name})
        assert answer.status, f"wanted an answer for\n{answer}"
        volume = answer.object.get("Volume") if self.takes(answer) else None
        return volume if isinstance(volume, dict) else None

    def knows(self, name: str) -> dict[str, Any]:
        """Want a volume to be known, and return what Get tells of it."""
        volume = self.get(name)
        assert volume is not None, f"wanted the volume {name} from\n{self.exchanges[-1]}"
        return volume

    def forgets(self, name: str) -> None:
        """Want a volume to be unknown, to Get and to List."""
        assert self.get(name) is None, f"wanted no volume {name} from\n{self.exchanges[-1]}"
        assert name not in self.list_names(), f"wanted no volume {name} in\n{self.exchanges[-1]}"

    def volumes(self) -> list[Any]:
        """Return what List tells, as it stands there."""
        answer = self.succeeds("VolumeDriver.List", None if self.profile == "podman" else {})
        found = answer.object.get("Volumes")
        assert isinstance(found, list | None), f'wanted {{"Volumes": […]}} in\n{answer}'
        return found or []

    def entries(self) -> list[dict[str, Any]]:
        """Return the objects in what List tells: what is none is a case of its own."""
        return [each for each in self.volumes() if isinstance(each, dict)]

    def unmount(self, name: str, mount_id: str) -> None:
        """Unmount a volume, and want success."""
        self.succeeds("VolumeDriver.Unmount", {"Name": name, "ID": mount_id})

    def list_names(self) -> list[str]:
        """Return the names that List tells."""
        return [str(each.get("Name")) for each in self.entries()]

    def mount(self, name: str, mount_id: str) -> str:
        """Mount a volume, and return the mountpoint."""
        answer = self.succeeds("VolumeDriver.Mount", {"Name": name, "ID": mount_id})
        mountpoint = answer.object.get("Mountpoint")
        assert isinstance(mountpoint, str) and mountpoint, f"wanted a Mountpoint in\n{answer}"
        return mountpoint

    def creating(self) -> list[str]:
        """Return the endpoint that makes volumes, where a volume of a wrong name is in nobody's way."""
        return ["Create"] if self.may_destroy else []

    def mount_id(self) -> str:
        """Return an ID for a mount, as the client chooses it."""
        return PODMAN_ID if self.profile == "podman" else self.new_id()

    def hold(self, name: str, mount_id: str = "") -> tuple[str, str]:
        """Mount a volume; return the ID, and the mountpoint."""
        mount_id = mount_id or self.mount_id()
        return mount_id, self.mount(name, mount_id)

    def unmount_anyway(self, name: str, mount_id: str) -> Exchange:
        """Unmount a volume, whatever comes of it: Docker writes an error into its log, and no more."""
        return self.call("VolumeDriver.Unmount", {"Name": name, "ID": mount_id})

    def keeps(self, name: str, note: Path | None) -> None:
        """Want a volume that somebody has to stay: its file is there, and Remove is refused.

        A Remove that only forgets the name, and keeps the files, costs nobody a file: then it cannot be seen what the
        plugin counts.
        """
        wants_file(is_whole(note), f"wanted {lost(note)} to be whole while the volume is mounted")
        answer = self.call("VolumeDriver.Remove", {"Name": name})
        if self.takes(answer):
            self.looks_at_remove(answer, note)
        wants_file(is_whole(note), f"wanted {lost(note)} to be whole while the volume is mounted, after\n{answer}")
        assert self.fails(answer), f"wanted Remove to be refused while the volume is mounted\n{answer}"

    def looks_at_remove(self, answer: Exchange, note: Path | None) -> None:
        """Go on only if the plugin refuses Remove of a volume that is mounted once: else no count can be seen by it.

        Also go on where a file is lost that Remove leaves alone otherwise.
        """
        found = self.what_remove_does()
        if found == "loses":
            raise Rooted("in use", f"wanted Remove to be refused while the volume is mounted\n{answer}")
        if found and is_whole(note):
            raise SkipTest("cannot be seen by Remove: see remove.in-use-is-refused")

    def what_remove_does(self) -> str:
        """Return what Remove does to a volume that is mounted: "" where it is refused, "loses" or "keeps" its files."""
        if self.removes_in_use is None:
            before = list(self.exchanges)
            name = self.create()
            note = self.leave(self.hold(name)[1])
            taken = self.takes(self.call("VolumeDriver.Remove", {"Name": name}))
            self.removes_in_use = "" if not taken else "loses" if not note or self.loses(note) else "keeps"
            self.exchanges[:] = before
        return self.removes_in_use

    def allows_removal(self, name: str) -> None:
        """Want Remove to succeed, because nobody has the volume any more."""
        answer = self.call("VolumeDriver.Remove", {"Name": name})
        assert self.takes(answer), f"wanted Remove to succeed when all have unmounted\n{answer}"

    def leave(self, mountpoint: str) -> Path | None:
        """Leave a file at a mountpoint, and return it; of a read-only volume, the folder itself.

        None where this cannot be seen, or written, from here: what is asked for is then judged by the answers alone.
        """
        folder = Path(mountpoint)
        if not folder.is_dir() or (not self.command and not os.access(folder, os.W_OK)):
            return None
        if "read-only" in self.traits:
            return folder
        note = folder / LEFT[0]
        with contextlib.suppress(OSError, ValueError):
            # a bad plugin may have named a folder of somebody else
            if not os.path.lexists(note) or is_whole(note):
                return leave_files(folder)
        return None

    def leave_for_sure(self, name: str) -> tuple[str, Path]:
        """Mount a volume and leave a file in it; return the ID and the file. Skips where that cannot be."""
        mount_id, mountpoint = self.hold(name)
        note = self.leave(mountpoint)
        if not note:
            raise SkipTest(f"looks at a file in {mountpoint}, which cannot be written from here: give --run, as root")
        return mount_id, note

    def seen_at(self, mountpoint: str | Path, note: Path) -> Path:
        """Return the file that was left, as another mountpoint shows it; of a read-only volume, the folder."""
        return Path(mountpoint) if "read-only" in self.traits else Path(mountpoint) / note.name

    def same_files(self, first: str, *others: str) -> bool:
        """Tell whether mountpoints show the same files: they are one folder, or what is written in one is in all.

        Where that cannot be seen from here, different mountpoints count as the trait of the plugin says.
        """
        if all(other == first for other in others):
            return True
        self.propose("mountpoint-per-id", "Each mount ID has a mountpoint of its own")
        note = self.leave(first)
        if not note or note.is_dir():
            return "mountpoint-per-id" in self.traits
        return all(is_whole(Path(other) / LEFT[0]) for other in others)

    def files(self, name: str) -> Path:
        """Mount a volume, and return its folder to write into; skip where that is not to be seen from here."""
        folder = self.folder(self.hold(name)[1])
        if not self.command and not os.access(folder, os.W_OK):
            raise SkipTest(f"writes into {folder}, which this user may not: run it as root, or give --plugin or --run")
        return folder

    # the connection

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """Connect to the plugin, as a client does that goes on to do something unusual."""
        try:
            opened = self.address().connect(self.limit)
        except OSError as error:
            raise AssertionError(f"wanted a connection to {self.socket}: {failure(error)}") from None
        with opened:
            yield opened

    def bytes_of(self, endpoint: str, body: Body | None = None) -> bytes:
        """Return the bytes of a call that harms nobody."""
        self.guard(endpoint, body)
        return request(endpoint, self.with_options(endpoint, body), self.shape)

    def on(self, connection: socket.socket, endpoint: str, body: Body | None = None) -> Exchange:
        """Call an endpoint on a connection that is open."""
        printed = self.printed()
        result = exchange(self.address(), endpoint, self.bytes_of(endpoint, body), self.limit, connection=connection)
        result.printed = printed
        self.hangs = self.hangs or result.failure == "no answer in time"
        self.keep(result)
        return result

    # the process

    def processes(self) -> list[str]:
        """Return the pids of the plugin, and of what it started."""
        return session_processes(self.process.pid) if self.process else []

    def restart(self, kill: bool = False, knows: str = "") -> None:
        """End the plugin, with SIGTERM or as a power cut does, and start it again.

        A case that is about more than the volume itself names the one that has to be known after it.
        """
        self.kill() if kill else self.stop()
        self.ensure_running()
        if knows and self.get(knows) is None:
            raise Rooted("restart", f"wanted the volume {knows} after the restart, from\n{self.exchanges[-1]}")

    def note(self, text: str) -> None:
        """Record what the plugin does."""
        self.notes.append(text)
