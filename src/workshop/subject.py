"""What a check speaks to: a plugin under test, as the three files of steps see it. Nothing here needs pytest.

A step is one short function of tests/test_partN.py: test_2_1_… is step 2.1. It gets one argument, a PluginUnderTest,
and asserts; the text of an assert says what was wanted.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from workshop.discovery import Lookup
from workshop.process import NotReady, Plugin, accepts, own_folder, status_within
from workshop.wire import MEDIA_TYPE, NO_OPTIONS, SHAPES, Exchange

FRUIT = ("apple", "cherry", "fig", "grape", "kiwi", "lemon", "lime", "mango", "melon", "olive", "peach", "pear", "plum")


class PluginUnderTest(Plugin):
    """A plugin as the checks see it: it remembers every exchange, and what has to be cleaned up."""

    shape = "28"
    chance = random.Random(0)

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.exchanges: list[Exchange] = []
        self.advice: list[str] = []
        self.made: list[str] = []
        self.mounted: list[tuple[str, str]] = []
        self.trouble = ""
        self.elsewhere = contextlib.ExitStack()
        self.canaries: Path | None = None
        self.beside: Path | None = None
        """The folder of the plugin's file, where the learner's .spec and .json files are, too; None without one."""
        self.lookup: Lookup | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the plugin was started for the check, and holds nothing else.

        One that already runs may hold what people need: a Remove of ".." or of no name is not for it, because a
        careless plugin takes that for all its volumes.
        """
        return bool(self.command)

    def running(self) -> PluginUnderTest:
        """Start the plugin unless it runs. A plugin that does not start fails the check with what it printed."""
        self.trouble = ""
        if self.command and (self.process is None or self.process.poll() is not None):
            try:
                self.down().start()
            except NotReady as error:
                self.trouble = str(error)
                raise AssertionError(f"wanted a plugin that listens\n{error}\n{self.output()[-2000:]}") from None
        return self

    def down(self) -> PluginUnderTest:
        """End the plugin if it runs, or if something runs that it has started."""
        super().down()
        return self

    def begin_anew(self) -> PluginUnderTest:
        """Start the plugin as on the day of its installation: nothing is in its root."""
        self.down()
        assert self.root
        self.root = self.root.with_name(f"{self.root.name}-anew")
        return self.running()

    def leave_a_stale_socket(self) -> None:
        """Leave what a kill -9 leaves: the file of a socket that nobody listens on."""
        if self.process and self.process.poll() is None:
            self.kill()
            return
        self.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(self.socket))

    def ready_for(self, check: Check) -> PluginUnderTest:
        """Start the plugin for a check, unless that starts and stops it by itself."""
        return self if needs_process(check) else self.running()

    def second(self) -> int | None:
        """Start the program once more, as it stands, and return its exit status; None for one that went on."""
        process = self.launch()
        status = status_within(process, self.patience)
        if status is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return status

    def needs_process(self) -> None:
        """Skip the check where the plugin is not ours to start and stop."""
        if not self.is_ours:
            raise SkipTest("starts and stops the plugin: give --plugin FILE or --run COMMAND instead of --socket")

    def name(self) -> str:
        """Return a volume name that nobody has used before; the volume is removed after the check."""
        self.made.append(f"{self.chance.choice(FRUIT)}-{self.chance.randrange(16**8):08x}")
        return self.made[-1]

    def new_id(self) -> str:
        """Return a mount ID as Docker makes them: 64 hexadecimal digits."""
        return f"{self.chance.randrange(16**64):064x}"

    def call(
        self,
        endpoint: str,
        body: dict[str, object] | bytes | None = None,
        shape: str = "",
        method: str = "POST",
        content_type: str = "",
    ) -> Exchange:
        """Call an endpoint as Docker does, in the shape of this check; the Exchange is kept."""
        answer = super().call(endpoint, body, shape or self.shape, method, content_type)
        self.exchanges.append(answer)
        if answer.ok and isinstance(body, dict):
            self.remember(endpoint, (str(body.get("Name")), str(body.get("ID"))))
        return answer

    def remember(self, endpoint: str, mount: tuple[str, str]) -> None:
        """Note which mounts are owed an Unmount."""
        if endpoint == "VolumeDriver.Mount":
            self.mounted.append(mount)
        elif endpoint == "VolumeDriver.Unmount" and mount in self.mounted:
            self.mounted.remove(mount)

    def succeeds(self, endpoint: str, body: dict[str, object] | None = None) -> Exchange:
        """Call an endpoint and want success: 200 and a JSON object whose Err is empty, null or absent."""
        answer = self.call(endpoint, body)
        assert answer.ok, f'wanted 200 with {{"Err": ""}} for\n{answer}'
        return self.advised(answer)

    def activated(self) -> Exchange:
        """Call Plugin.Activate and want a list of what is implemented."""
        return self.is_activated(self.call("Plugin.Activate"))

    def is_activated(self, answer: Exchange) -> Exchange:
        """Want a list of what is implemented in an answer to Plugin.Activate. Docker does not look for an Err here."""
        implements = answer.json.get("Implements") if isinstance(answer.json, dict) else None
        wanted = f'wanted 200 with {{"Implements": ["VolumeDriver"]}} for\n{answer}'
        assert answer.status == 200 and isinstance(implements, list) and "VolumeDriver" in implements, wanted
        assert all(isinstance(each, str) for each in implements), wanted  # Docker could not decode it
        return self.advised(answer)

    def advised(self, answer: Exchange) -> Exchange:
        """Return an answer, after a look at what works, and could be better."""
        if MEDIA_TYPE not in answer.headers.get("content-type", ""):
            self.advise(f"The Content-Type of a plugin's answers is {MEDIA_TYPE}. Docker does not look at it.")
        return answer

    def refuses(self, endpoint: str, body: dict[str, object] | bytes | None = None) -> Exchange:
        """Call an endpoint and want an error that Docker and Podman both take for one.

        Docker prints Err of a JSON object, and takes an Err under status 200 for an error too. Podman takes every 200
        for success (its pkg: libpod/plugin/volume_api.go), so that is not enough.
        """
        answer = self.call(endpoint, body)
        assert answer.status and answer.status != 200, f"wanted an error status, not 200, for\n{answer}"
        assert answer.err, f'wanted a JSON error, {{"Err": "a sentence"}}, for\n{answer}'
        return answer

    def create(self) -> str:
        """Make a volume as `docker volume create` does, and return its name."""
        name = self.name()
        self.succeeds("VolumeDriver.Create", {"Name": name, "Opts": NO_OPTIONS[self.shape]})
        return name

    def mount(self, name: str, mount_id: str) -> str:
        """Mount a volume as `docker run` does, and return the mountpoint."""
        answer = self.succeeds("VolumeDriver.Mount", {"Name": name, "ID": mount_id})
        mountpoint = answer.json.get("Mountpoint")
        assert isinstance(mountpoint, str) and os.path.isabs(mountpoint), f"wanted an absolute Mountpoint in\n{answer}"
        return mountpoint

    def unmount(self, name: str, mount_id: str) -> None:
        """Unmount a volume as the end of a container does."""
        self.succeeds("VolumeDriver.Unmount", {"Name": name, "ID": mount_id})

    def listed(self) -> list[str]:
        """Return the names that List tells."""
        volumes = self.succeeds("VolumeDriver.List", {}).json.get("Volumes")
        assert isinstance(volumes, list), f'wanted {{"Volumes": […]}} in\n{self.exchanges[-1]}'
        names = [volume.get("Name") if isinstance(volume, dict) else None for volume in volumes]
        assert None not in names, f'wanted {{"Name": …}} for each volume in\n{self.exchanges[-1]}'
        return [str(name) for name in names]

    def folder(self, mountpoint: str) -> Path:
        """Return the mountpoint as a folder to look into; skip where a plugin that already runs has it elsewhere."""
        if not self.is_ours and not os.path.isdir(mountpoint):
            raise SkipTest(f"looks into {mountpoint}, which is not to be seen from here: give --plugin or --run")
        assert os.path.isdir(mountpoint), f"wanted a folder at the Mountpoint that it named, {mountpoint}"
        return Path(mountpoint)

    def keeps_in_its_root(self, folder: Path) -> None:
        """Advise where a volume is not in DDD_ROOT: the checks work in a folder then that is meant for real volumes."""
        if self.root and not folder.resolve().is_relative_to(self.root.resolve()):
            self.advise(f"The volumes are not in DDD_ROOT, but in {folder}: the checks work in your real folder.")

    def outside(self) -> Path:
        """Return a folder outside the plugin's root, where no call may leave a trace.

        It is on the same disk: across disks a rename fails, and a plugin that renames would look as if it were careful.
        """
        beside = str(self.root.parent.parent) if self.root else None
        self.canaries = self.canaries or self.elsewhere.enter_context(own_folder("outside-", beside))
        return self.canaries

    def advise(self, text: str) -> None:
        """Note what works, and could be better."""
        if text not in self.advice:
            self.advice.append(text)

    def clean_up(self) -> None:
        """Remove what the check has made, and nothing else."""
        if accepts(self.socket):
            for name, mount_id in self.mounted:
                super().call("VolumeDriver.Unmount", {"Name": name, "ID": mount_id})
            for name in self.made:
                super().call("VolumeDriver.Remove", {"Name": name})
        self.mounted.clear()
        self.made.clear()
        self.elsewhere.close()
        self.canaries = None
        self.lookup = None


Check = Callable[[PluginUnderTest], None]


def process(check: Check) -> Check:
    """Mark a check that starts and stops the plugin by itself: it is skipped where the plugin is not ours to stop."""
    check.needs_process = True  # type: ignore[attr-defined]
    return check


def needs_process(check: Check) -> bool:
    """Tell whether a check starts and stops the plugin."""
    return getattr(check, "needs_process", False)


def over_tcp(check: Check) -> Check:
    """Mark a check whose calls go over TCP: there all engines send the same bytes."""
    check.over_tcp = True  # type: ignore[attr-defined]
    return check


def step_number(function: str) -> str:
    """Return the step that a check is for, "2.1" for test_2_1_…; "" for a test that is none."""
    found = re.match(r"test_(\d+)_(\d+)_", function)
    return f"{found[1]}.{found[2]}" if found else ""


def steps_of(module: ModuleType) -> dict[str, Check]:
    """Return the checks of a module in their order, by step."""
    return {step_number(name): check for name, check in vars(module).items() if step_number(name)}


def shapes_of(check: Check) -> tuple[str, ...]:
    """Return the engines a check is run for: both, or one where it starts and stops the plugin, or goes over TCP."""
    return SHAPES[-1:] if needs_process(check) or getattr(check, "over_tcp", False) else SHAPES
