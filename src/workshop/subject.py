"""What a check speaks to: a plugin under test, as the three files of steps see it. Nothing here needs pytest.

A step is one short function of tests/test_partN.py: test_2_1_… is step 2.1. It gets one argument, a PluginUnderTest,
and asserts; the text of an assert says what was wanted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from workshop import interrupt
from workshop.discovery import Lookup
from workshop.interrupt import deferred
from workshop.process import LACKING, NotReady, OurTrouble, Plugin, accepts, mounted_in, own_folder, status_within
from workshop.wire import MEDIA_TYPE, NO_OPTIONS, SHAPES, Exchange

FRUIT = ("apple", "cherry", "fig", "grape", "kiwi", "lemon", "lime", "mango", "melon", "olive", "peach", "pear", "plum")


class PluginUnderTest(Plugin):
    """A plugin as the checks see it: it remembers every exchange, and what has to be cleaned up.

    Its volumes may be precious to somebody. What always runs is Remove of a volume that this check has made, under a
    random name for which Get answered an error before. What a bad plugin could take for more than that is destructive:
    Remove with any other name, harm to the root, a first start that wants to find nothing. It needs a store of our own
    (survey), or allow_outside_root.
    """

    shape = "28"
    chance = random.Random(0)
    allow_outside_root = False

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.exchanges: list[Exchange] = []
        self.advice: list[str] = []
        self.made: list[str] = []
        self.mounted: list[tuple[str, str]] = []
        self.trouble = ""
        self.elsewhere = contextlib.ExitStack()
        self.canaries: Path | None = None
        self.not_ours: str | None = None
        """Why the store may hold volumes of others; "" once the survey has seen that it is ours, None before it."""
        self.goes_away = False
        """What this check makes leaves a trace in DDD_ROOT, and is gone with that folder."""
        self.strangers: set[str] = set()
        """The volumes that the first List named: this check has not made them."""
        self.lost: list[str] = []
        """Which of them List has lost since: then the run ends at once."""
        self.left: dict[str, None] = {}
        """What this check has made, and the plugin has not let go."""
        self.unanswered: str | None = None
        """The volume of a call that a signal broke off."""
        self.before = socket_path, root, self.patience
        """What a check may change for a while."""
        self.random: set[str] = set()
        self.claimed: set[str] = set()
        self.removed: set[str] = set()
        """Of the claimed names, those whose volume is gone: a bad plugin may take Remove of these for all volumes."""
        self.claiming = threading.Lock()
        self.beside: Path | None = None
        """The folder of the plugin's file, where the learner's .spec and .json files are, too; None without one."""
        self.lookup: Lookup | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the plugin was started for the check, so that it can be stopped, too."""
        return bool(self.command)

    @property
    def may_destroy(self) -> bool:
        """Whether to ask for what a bad plugin takes for all its volumes, such as Remove of "..": see survey."""
        return self.allow_outside_root or self.not_ours == ""

    def needs_own_store(self) -> None:
        """Skip what is destructive, where the store is not known to be ours alone."""
        if not self.may_destroy:
            raise SkipTest(f"could harm other volumes: {self.not_ours or NOT_SURVEYED}. {ALLOW}")

    # whose volumes they are

    def survey(self) -> None:
        """See once, before all else, whether the store is ours: the first List is empty, a volume is in DDD_ROOT."""
        if self.not_ours is not None:
            return
        self.not_ours = NOT_SURVEYED
        with contextlib.suppress(AssertionError):
            self.running()
        if self.trouble or not accepts(self.socket):
            # the first check that wants it to run tells why
            self.down()
            return
        first = self.names_left()
        self.strangers = first or set()
        if not self.command:
            self.not_ours = "the plugin was not started by this check, and others may use it"
        elif first:
            self.not_ours = not_empty(first)
        else:
            self.not_ours = self.look_for_a_volume(first)
        self.clean_up()
        if self.command:
            self.down()  # the first check has the first answers of a plugin that was just started

    def look_for_a_volume(self, first: set[str] | None) -> str:
        """Make a volume, and return "" where its files are in DDD_ROOT and it is the only one; else what is so."""
        assert self.root
        name, mount_id = f"{FRUIT[0]}-{secrets.token_hex(8)}", secrets.token_hex(32)
        known = self.quietly("Get", {"Name": name})
        self.made.append(name)
        if knows_none(known):
            self.claimed.add(name)
        before = set(self.root.rglob("*"))
        self.quietly("Create", {"Name": name, "Opts": {}})
        self.goes_away = bool(set(self.root.rglob("*")) - before)
        if first is None:
            # List may fail while there is nothing, or because the plugin has just started
            with contextlib.suppress(AssertionError):
                self.down().running()
            if (then := self.names_left()) is not None:
                first = self.strangers = then - {name}
        self.mounted.append((name, mount_id))
        told = self.quietly("Mount", {"Name": name, "ID": mount_id}).object.get("Mountpoint")
        if first is None:
            return "List does not say what is there"
        if first:
            self.goes_away = False
            return not_empty(first)
        if not isinstance(told, str) or not os.path.isabs(told) or "\0" in told:
            return "no volume can be made and mounted, so that nobody knows where its files are"
        self.goes_away = self.in_root(told)
        if not self.goes_away:
            return f"the volumes are not in DDD_ROOT, but in {told}"
        return ""

    def in_root(self, path: str) -> bool:
        """Tell whether a path is in DDD_ROOT, and not in what is mounted there, be it for the plugin's eyes alone."""
        assert self.root and self.process
        root, real = self.root.resolve(), Path(os.path.realpath(path))
        with contextlib.suppress(OSError):
            points = {*mounted_in(root), *mounted_in(root, str(self.process.pid))}
            return real.is_relative_to(root) and not any(real.is_relative_to(point) for point in points)
        return False

    def quietly(self, endpoint: str, body: dict[str, object]) -> Exchange:
        """Call an endpoint for the check's own sake: no report shows it."""
        with self.answered(endpoint, body):
            return super().call(f"VolumeDriver.{endpoint}", body, self.shape)

    @contextlib.contextmanager
    def answered(self, endpoint: str, body: object) -> Iterator[None]:
        """Remember that a call got no answer because a signal broke in: the plugin may do it later than we clean up."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            self.unanswered = str(body.get("Name")) if isinstance(body, dict) else ""
            raise

    def settle(self) -> None:
        """Wait until a call without an answer is done, or given up: until the plugin's end, or its volume is there."""
        if self.unanswered is not None and self.command:
            self.down()
        deadline = time.monotonic() + 2
        while self.unanswered and not self.command and time.monotonic() < deadline:
            if not knows_none(self.quietly("Get", {"Name": self.unanswered})):
                break
            time.sleep(0.01)
        self.unanswered = None

    def names_left(self) -> set[str] | None:
        """Return the names that List tells, without a demand; None where it tells none."""
        answer = self.quietly("List", {})
        volumes = answer.object.get("Volumes")
        if not answer.ok or not isinstance(volumes, list | None):
            return None
        return {str(each.get("Name")) for each in volumes or [] if isinstance(each, dict)}

    def look_for_the_others(self) -> None:
        """See whether List still names what was there before. Fails where it does not: then the run ends."""
        if self.strangers and not self.lost and accepts(self.socket):
            listed = self.names_left()
            self.lost = sorted(self.strangers - listed) if listed is not None else []
        if self.lost:
            raise AssertionError(f"wanted the volumes of others to be left alone, and {', '.join(self.lost)} is gone")

    def guard(self, endpoint: str, body: dict[str, object] | bytes | None) -> None:
        """Let a call pass that harms nobody's volume, whatever the plugin makes of it; else skip the check."""
        said = body.get("Name") if isinstance(body, dict) else None
        name = said if isinstance(said, str) else ""
        if endpoint == "VolumeDriver.Remove":
            if name in self.strangers:
                raise SkipTest(f"would remove {name}, which was there before this check")
            if name not in self.claimed - self.removed:
                self.needs_own_store()
        elif endpoint == "VolumeDriver.Create":
            self.claim(name)
            self.removed.discard(name)

    def claim(self, name: str) -> None:
        """Make sure that a random name is nobody's before a volume of that name is made: then it is ours to remove."""
        if self.not_ours == "" or not any(part in name.lower() for part in self.random):
            return
        with self.claiming:
            if name not in self.claimed:
                answer = self.quietly("Get", {"Name": name})
                if knows_none(answer):
                    self.claimed.add(name)
                elif answer.status or self.strangers or not self.command:
                    raise SkipTest(f"needs names that are nobody's, and Get of {name}, a random one, has no error")

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
        self.needs_own_store()
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
        self.before = self.socket, self.root, self.patience
        return self if needs_process(check) else self.running()

    def second(self) -> int | None:
        """Start the program once more, as it stands, and return its exit status; None for one that went on."""
        process = self.launch()
        status = status_within(process, self.patience)
        if status is None:
            self.end_session(process, signal.SIGKILL)
        return status

    def needs_process(self) -> None:
        """Skip the check where the plugin is not ours to start and stop."""
        if not self.is_ours:
            raise SkipTest("starts and stops the plugin: give --plugin FILE or --run COMMAND instead of --socket")

    def name(self) -> str:
        """Return a volume name that nobody has used before; the volume is removed after the check."""
        fruit, number = self.chance.choice(FRUIT), f"{self.chance.randrange(16**8):08x}"
        self.random.add(number)
        self.made.append(f"{fruit}-{number}")
        return self.made[-1]

    def new_id(self) -> str:
        """Return a mount ID as Docker makes them: 64 hexadecimal digits."""
        new = f"{self.chance.randrange(16**64):064x}"
        self.random.add(new)  # it may become a name, too
        return new

    def call(
        self,
        endpoint: str,
        body: dict[str, object] | bytes | None = None,
        shape: str = "",
        method: str = "POST",
        content_type: str = "",
    ) -> Exchange:
        """Call an endpoint as Docker does, in the shape of this check; the Exchange is kept."""
        interrupt.go_on()  # also in another thread: what is made there now would be cleaned up by nobody
        self.guard(endpoint, body)
        mount = (str(body.get("Name")), str(body.get("ID"))) if isinstance(body, dict) else ("", "")
        mounts, unmounts = endpoint == "VolumeDriver.Mount", endpoint == "VolumeDriver.Unmount"
        if mounts:
            self.mounted.append(mount)  # before the call: it may succeed, and its answer may never come
        with self.answered(endpoint, body):
            answer = super().call(endpoint, body, shape or self.shape, method, content_type)
        self.exchanges.append(answer)
        no_longer = (unmounts and answer.ok) or (mounts and answer.status and not answer.ok)
        if no_longer and mount in self.mounted:
            self.mounted.remove(mount)
        if endpoint == "VolumeDriver.Remove":
            if answer.ok and isinstance(body, dict):
                self.removed.add(str(body.get("Name")))
            self.look_for_the_others()
        return answer

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
            told = "The volumes are not in DDD_ROOT, but in "
            if not any(each.startswith(told) for each in self.advice):
                self.advise(f"{told}{folder}: the checks work in your real folder.")

    def outside(self) -> Path:
        """Return a folder outside the plugin's root, where no call may leave a trace.

        It is on the same disk: across disks a rename fails, and a plugin that renames would look as if it were careful.
        """
        beside = str(self.root.parent.parent) if self.root else None
        self.canaries = self.canaries or self.elsewhere.enter_context(own_folder("outside-", beside))
        self.random.add(self.canaries.name.lower())
        return self.canaries

    def advise(self, text: str) -> None:
        """Note what works, and could be better."""
        if text not in self.advice:
            self.advice.append(text)

    def clean_up(self) -> None:
        """Remove what the check has made, and nothing else; note what the plugin does not let go. Signals wait."""
        with deferred():
            names = [name for name in dict.fromkeys(self.made) if name not in self.strangers]
            self.made.clear()
            self.random.clear()
            owed, self.mounted = list(self.mounted), []
            if not self.goes_away:
                self.settle()
            if not self.goes_away and (names or owed):
                with contextlib.suppress(AssertionError):
                    # one that is just being started does not listen yet
                    (self if accepts(self.socket) else self.down()).running()
            if accepts(self.socket):
                for name, mount_id in owed:
                    self.quietly("Unmount", {"Name": name, "ID": mount_id})
                if names:
                    self.remove_all(names)
            elif not self.goes_away:
                self.left |= dict.fromkeys(name for name in names if name in self.claimed)
            self.elsewhere.close()
            self.canaries = None
            self.lookup = None

    def remove_all(self, names: list[str]) -> None:
        """Remove these volumes, as far as they are ours; note which ones stay in a store that is not ours alone."""
        ours = [name for name in names if self.may_destroy or name in self.claimed]
        if self.not_ours != "" and (listed := self.names_left()) is not None:
            ours = [name for name in ours if name in listed]
        for name in ours:
            if self.lost:
                break
            answer = self.quietly("Remove", {"Name": name})
            with contextlib.suppress(AssertionError):
                self.look_for_the_others()
            if not answer.status:
                break  # the next would not be answered either
        if not self.goes_away:
            listed = self.names_left()
            self.left |= dict.fromkeys(ours if listed is None else [name for name in names if name in listed])

    def end(self) -> None:
        """Clean up, and end the plugin."""
        self.clean_up()
        super().end()

    def what_is_left(self) -> list[str]:
        """Return a sentence about what could not be cleaned up, none where there is nothing."""
        if not self.left:
            return []
        return [f"The plugin did not remove what this check has made: {', '.join(self.left)}. Remove it by yourself."]

    def caution(self) -> list[str]:
        """Return what is to be said at the beginning: what is not asked of the plugin, and why; or what is at stake."""
        if self.not_ours in (None, "", NOT_SURVEYED):
            return []
        why = f"{self.not_ours[0].upper()}{self.not_ours[1:]}"
        if self.allow_outside_root:
            return [f"{why}. With --allow-outside-root a bad plugin may lose any of its volumes."]
        return [
            f"{why}. Not tried: Remove with a name that this check has not made, harm to the root, and a first start "
            f"that finds nothing. {ALLOW}"
        ]

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Run a check, and tell the plugin's trouble from ours: the text of the AssertionError or SkipTest says which.

        Raises OurTrouble where the check failed because this machine has no room left.
        """
        try:
            try:
                yield
            except OSError as error:
                if (found := self.finding(error)) is error:
                    raise
                raise found from error
        except AssertionError:
            if trouble := self.our_trouble():
                raise OurTrouble(trouble) from None
            raise

    def afresh(self) -> None:
        """After a check that did not end well, begin anew: what it has left must not count against the next one."""
        socket, root, self.patience = self.before
        if (socket, root) != (self.socket, self.root):
            self.down()
            self.socket, self.root = socket, root

    def finding(self, error: OSError) -> Exception:
        """Return what an OSError in a check is: of the plugin's files, a failure or a reason to skip; else itself."""
        if error.errno in LACKING or not os.path.isabs(str(error.filename or "/")):
            return error
        where = f": {error.filename}" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            if trouble := self.our_trouble():
                return OurTrouble(trouble)
            if self.canaries and str(error.filename).startswith(str(self.canaries)):
                return error
            return SkipTest(f"writes into a volume, which is not possible here: {error.strerror}{where}")
        return AssertionError(f"wanted files that can be used, not the error {error.strerror!r}{where}")


NOT_SURVEYED = "it is not known whether the store is this check's own"
ALLOW = "To try it all the same:   --allow-outside-root"


def not_empty(first: set[str]) -> str:
    """Return that a first List has named volumes."""
    return f"the first List was not empty, but named {', '.join(sorted(first)[:3])}{', …' if len(first) > 3 else ''}"


def knows_none(answer: Exchange) -> bool:
    """Tell whether Get says that there is no such volume: an error, or no Volume, which is one to Docker.

    Source: moby daemon/volume/drivers/adapter.go (Get).
    """
    return bool(answer.status) and not (answer.ok and answer.object.get("Volume"))


Check = Callable[[PluginUnderTest], None]


def makes_volumes(step: str) -> bool:
    """Tell whether a step is one of part 3, which make volumes."""
    return step.startswith("3.")


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
