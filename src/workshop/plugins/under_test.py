"""What a check speaks to: a plugin under test, as the three files of steps see it. Nothing here needs pytest.

A step is one short function of tests/test_partN.py: test_2_1_… is step 2.1. It gets one argument, a PluginUnderTest,
and asserts; the text of an assert says what was wanted.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import functools
import math
import os
import random
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import SkipTest

from workshop import interrupt
from workshop.interrupt import deferred
from workshop.plugins.errors import LACKING, OurTrouble
from workshop.plugins.folders import own_folder
from workshop.plugins.kernel import Wait, exit_status_within, session_listens
from workshop.plugins.process import Plugin
from workshop.plugins.safety import ELSEWHERE, FRUIT, GuardedPlugin
from workshop.plugins.traits import TRAITS
from workshop.protocol import answers, gojson
from workshop.protocol.discovery import Lookup
from workshop.protocol.exchange import CLOSED, MEDIA_TYPE, NO_OPTIONS, SHAPES, Exchange

FORGETS = "The plugin knows no volume of before its start"
"""What is seen of a plugin with the trait no-persistence."""
GLOBAL = "Capabilities tells the scope global"
"""What is seen of a plugin with the trait global."""
Call = tuple[str, dict[str, object]]
"""An endpoint, and the body that it is called with."""
AT_ONCE = 8
"""How many calls are on their way at the same time."""
STANDSTILL = 2.0
"""How long a learner's plugin is waited for while it stands still, in seconds."""

FORM = '{"Err": ""}'
FORMS = {
    "VolumeDriver.Get": '{"Volume": {…}, "Err": ""}',
    "VolumeDriver.List": '{"Volumes": […], "Err": ""}',
    "VolumeDriver.Mount": '{"Mountpoint": "…", "Err": ""}',
    "VolumeDriver.Path": '{"Mountpoint": "…", "Err": ""}',
    "VolumeDriver.Capabilities": '{"Capabilities": {"Scope": "local"}}',
}
"""What a success looks like, by its endpoint; of the others, FORM."""


WRITTEN = "from the first container"
"""What is in a file that a check has left in a volume."""
LEFT = ("note", ".note", "folder/note")
"""The files that a check leaves in a volume: a plugin may lose what is hidden, or in a folder, and keep the rest."""


def leave_files(folder: Path) -> Path:
    """Leave files in a volume, and return the first of them. Raises OSError."""
    (folder / LEFT[2]).parent.mkdir(exist_ok=True)
    for each in LEFT:
        (folder / each).write_text(WRITTEN)
    return folder / LEFT[0]


def is_whole(note: Path | None) -> bool:
    """Tell whether a file that a check has left is there, with all that was written; of a folder, whether it is there.

    With the first of the files in a volume, the others have to be there. What could not be left (None) cannot be lost.
    """
    return note is None or note.is_dir() or lost(note) is None


def lost(note: Path | None) -> Path | None:
    """Return the first file that is gone, or has another text, of those that a check has left with this one."""
    return next((each for each in left_with(note) if not _is_written(each)), None) if note else None


def _is_written(file: Path) -> bool:
    """Tell whether a file has the text that a check writes."""
    try:
        return file.read_text() == WRITTEN
    except (OSError, ValueError):
        return False


def left_with(note: Path) -> list[Path]:
    """Return the files that a check has left together: all in the volume, or one somewhere else."""
    return [note.parent / each for each in LEFT] if note.name == LEFT[0] else [note]


def misspelt_keys(answer: object) -> Iterator[tuple[str, str]]:
    """Yield the keys of an answer that are nearly a key that Docker reads, each with that key. Status may have any."""
    if isinstance(answer, list):
        for each in answer:
            yield from misspelt_keys(each)
    elif isinstance(answer, dict):
        for key, value in answer.items():
            meant = answers.NAMES.get(gojson.fold(key)) or _nearest(key)
            if meant != key:
                yield key, meant
            if meant in answers.HOLDERS:
                yield from misspelt_keys(value)


@functools.lru_cache(256)
def _nearest(key: str) -> str:
    """Return the key that Docker reads and that this one is most like, itself where it is like none."""
    return next(iter(difflib.get_close_matches(key, answers.NAMES.values(), 1)), key)


def _json_of(text: str) -> object:
    """Return the first JSON value of a text, with the keys as they are there; None if there is none."""
    try:
        return gojson.decode(text)
    except ValueError:
        return None


class PluginUnderTest(GuardedPlugin):
    """A plugin as the checks see it: it remembers every exchange."""

    chance = random.Random(0)
    profile = "docker"
    """The client in whose name it is called."""
    by_others = False
    """Whether it was given by --run or --socket: a step then wants what Docker needs, and advises what it teaches."""

    traits: frozenset[str] = frozenset()
    """What it is by design, in its author's word: see TRAITS."""

    def __init__(self, command: list[str], socket_path: Path, root: Path | None) -> None:
        super().__init__(command, socket_path, root)
        self.exchanges: list[Exchange] = []
        """What a report of the case shows: a case may leave out what nobody wants to read."""
        self.said: list[Exchange] = []
        """All that was said in the case."""
        self.advice: list[str] = []
        self.notes: list[str] = []
        """What a case has recorded."""
        self.elsewhere = contextlib.ExitStack()
        self.canaries: Path | None = None
        self.before = socket_path, root, self.patience
        """What a check may change for a while."""
        self.beside: Path | None = None
        """The folder of the plugin's file, where the learner's .spec and .json files are, too; None without one."""
        self.lookup: Lookup | None = None
        self.worked: set[str] = set()
        """The endpoints that have done in this run what they are for."""
        self.folders: dict[str, str] = {}
        """For each mountpoint, the first volume that had it."""
        self.ends: list[tuple[int, int]] = []
        """How this check has ended the plugin: after how many exchanges, and by which signal."""

    @property
    def standstill(self) -> float | None:
        """How long to wait, in seconds, while the plugin stands still: a learner's is known to be stuck by then."""
        return None if self.by_others else STANDSTILL

    @property
    def first_shape(self) -> bool:
        """Whether this is the first run of a check: what takes long, and is alike for all engines, is done once."""
        return self.shape == SHAPES[0]

    @property
    def last_shape(self) -> bool:
        """Whether this is the last run of a check."""
        return self.shape == SHAPES[-1]

    @property
    def is_ours(self) -> bool:
        """Whether the plugin was started for the check, so that it can be stopped, too."""
        return bool(self.command)

    def survey(self) -> None:
        """See once whether the store is ours, as GuardedPlugin does, and propose the trait that this has shown."""
        super().survey()
        if (self.not_ours or "").startswith(ELSEWHERE):
            self.propose("own-storage", f"T{str(self.not_ours)[1:]}")

    def begin_anew(self) -> PluginUnderTest:
        """Start the plugin as if it was just installed, with an empty root."""
        self.needs_own_store()
        self.shut_down()
        assert self.root
        self.root = self.root.with_name(f"{self.root.name}-anew")
        return self.ensure_running()

    def leave_a_stale_socket(self) -> None:
        """Leave what a kill -9 leaves: the file of a socket that nothing listens on."""
        if self.runs:
            self.kill()
            return
        self.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(self.socket))

    def signal(self, number: int) -> int:
        """Send a signal to the plugin, and note that."""
        self.ends.append((len(self.exchanges), number))
        self.printed_before = self.printed()
        return super().signal(number)

    def ready_for(self, check: Check) -> PluginUnderTest:
        """Start the plugin for a check, unless that starts and stops it by itself."""
        self.before = self.socket, self.root, self.patience
        self.ends.clear()
        self.silent = False
        self.umask = Plugin.umask
        return self if needs_process(check) else self.ensure_running()

    def under_umask(self, umask: int) -> None:
        """Run the plugin as if somebody with this umask had started it, until its next start."""
        assert self.is_ours
        if self.process and f"Umask:\t{umask:04o}\n" in Path(f"/proc/{self.process.pid}/status").read_text():
            return
        if self.runs:
            self.kill()
        self.shut_down().umask = umask
        self.socket.unlink(missing_ok=True)  # that it ends when asked, and replaces a stale one, are later steps
        self.ensure_running()

    def second(self) -> int | None:
        """Start the same program once more, and return its exit status; None if it keeps running."""
        process = self.launch()
        wait = Wait(process.pid, self.patience, self.standstill, starting=True)
        while (status := exit_status_within(process, Wait.EVERY)) is None and not wait.over():
            if str(self.socket) in session_listens(process.pid):
                break  # it has taken the place
        waited = wait.seconds
        if status is None:
            self.end_session(process, signal.SIGKILL)
        self.waited = waited
        return status

    def needs_process(self) -> None:
        """Skip the check if the plugin is not ours to start and stop."""
        if not self.is_ours:
            raise SkipTest("starts and stops the plugin: give --plugin FILE or --run COMMAND instead of --socket")

    def needs_socket(self) -> None:
        """Skip the check where no other program can connect to the plugin's socket. Here all can."""

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
        late = self.deadline is not None and time.monotonic() > self.deadline
        assert not late, f"wanted the case to end in {self.case_limit:g} s, its --time-limit, before {endpoint}"
        interrupt.go_on()  # also in another thread: what is made there now would be cleaned up by nobody
        self.guard(endpoint, body)
        mount = (str(body.get("Name")), str(body.get("ID"))) if isinstance(body, dict) else ("", "")
        mounts, unmounts = endpoint == "VolumeDriver.Mount", endpoint == "VolumeDriver.Unmount"
        if mounts:
            self.mounted.append(mount)  # before the call: it may succeed, and its answer may never come
        with self.answered(endpoint, body):
            answer = super().call(
                endpoint, self.with_options(endpoint, body), shape or self.shape, method, content_type
            )
        self.keep(answer)
        if self._has_worked(answer):
            self.worked.add(endpoint)
        self.note_create(endpoint, body, answer)
        if mounts and answer.ok:
            self._look_at_the_options(mount[0], str(answer.object.get("Mountpoint")))
        no_longer = (unmounts and answer.ok) or (mounts and answer.status and not answer.ok)
        if no_longer and mount in self.mounted:
            self.mounted.remove(mount)
        if endpoint == "VolumeDriver.Remove":
            if answer.ok and isinstance(body, dict):
                self.removed.add(str(body.get("Name")))
            self.look_for_the_others()
        return answer

    def keep(self, said: Exchange) -> None:
        """Keep an exchange of the case."""
        self.exchanges.append(said)
        self.said.append(said)

    def _look_at_the_options(self, name: str, mountpoint: str) -> None:
        """Advise an author whose options give one folder to all volumes: then they share their files."""
        other = self.folders.setdefault(mountpoint, name)
        alike = self.options and not any("{name}" in value for value in self.options.values())
        if alike and other not in (name, *self.removed):
            key = next((key for key, value in self.options.items() if mountpoint.startswith(value or "/")), "KEY")
            self.advise(
                f"Each Create gets the same options, and all volumes have the folder {mountpoint}. Name another one "
                f"for each volume:   --opt '{key}={{root}}/{{name}}'"
            )

    def at_once(self, calls: Sequence[Call]) -> list[Exchange]:
        """Make calls at once, eight at a time and begun in their order; return the exchanges in that order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda each: self.call(*each), calls))

    def takes(self, answer: Exchange) -> bool:
        """Tell whether the client treats an answer as success."""
        return answer.ok

    def _has_worked(self, answer: Exchange) -> bool:
        """Tell whether an answer is a success that also has what its endpoint is for."""
        tells = {"Get": "Volume", "List": "Volumes", "Mount": "Mountpoint", "Path": "Mountpoint"}
        key = tells.get(answer.endpoint.removeprefix("VolumeDriver."))
        return self.takes(answer) and (key is None or bool(answer.object.get(key)))

    def has_mounted(self, call: Exchange) -> bool:
        """Tell whether the volume of a Mount is mounted already, with the same ID."""
        return any(f'"Name":"{name}"' in call.sent and f'"ID":"{i}"' in call.sent for name, i in self.mounted)

    def propose(self, trait: str, seen: str) -> None:
        """Advise an author of a trait that the plugin seems to have."""
        if trait not in self.traits:
            self.advise(f"{seen}. If that is by design:   --trait {trait}")

    def succeeds(self, endpoint: str, body: dict[str, object] | None = None) -> Exchange:
        """Call an endpoint and want success: 200 and a JSON object whose Err is empty, null or absent."""
        answer = self.call(endpoint, body)
        assert answer.ok, f"wanted 200 with {FORMS.get(endpoint, FORM)} for\n{answer}"
        return self.look_over(answer)

    def activate(self) -> Exchange:
        """Call Plugin.Activate and want a list of what is implemented."""
        return self.is_activated(self.call("Plugin.Activate"))

    def is_activated(self, answer: Exchange) -> Exchange:
        """Want a list of what is implemented in an answer to Plugin.Activate. Docker does not look for an Err here."""
        implements = answer.json.get("Implements") if isinstance(answer.json, dict) else None
        wanted = f'wanted 200 with {{"Implements": ["VolumeDriver"]}} for\n{answer}'
        assert answer.status == 200 and isinstance(implements, list) and "VolumeDriver" in implements, wanted
        assert all(isinstance(each, str) for each in implements), wanted  # Docker could not decode it
        return self.look_over(answer)

    def look_over(self, answer: Exchange) -> Exchange:
        """Return an answer, after a look at what works, and could be better."""
        told = answer.headers.get("content-type", "")
        once = "The Content-Type of a plugin's answers is"
        if told.partition(";")[0].strip() != MEDIA_TYPE and not any(each.startswith(once) for each in self.advice):
            yours = f"yours is {told}" if told else "yours have none"
            self.advise(f"{once} {MEDIA_TYPE}, and {yours}. Docker does not look at it.")
        for key, meant in misspelt_keys(_json_of(answer.text)):
            if key.lower() == meant.lower():
                why = f"The key is {meant}. Docker reads keys in any case, but other clients may not."
            else:
                why = f"Docker does not know this key, and ignores it. Do you mean {meant}?"
            self.advise(f"{answer.endpoint} answers with the key {key}. {why}")
        return answer

    def refuses(self, endpoint: str, body: dict[str, object] | bytes | None = None) -> Exchange:
        """Call an endpoint and want an error that Docker and Podman both take for one.

        Docker prints Err of a JSON object, and takes an Err under status 200 for an error too. Podman takes every 200
        for success (its pkg: libpod/plugin/volume_api.go), so that is not enough.
        """
        return self.is_refused(self.call(endpoint, body))

    def is_refused(self, answer: Exchange) -> Exchange:
        """Want an answer to be an error: with a status that says so, and with a sentence in Err.

        The sentence is for the user. Docker takes each status that is not 200 for an error, and prints any text as it
        is. Source: moby pkg/plugins/client.go (callWithRetry).
        """
        assert answer.status and answer.status != 200, f"wanted an error status, not 200, for\n{answer}"
        self.prefers(
            bool(answer.err),
            f'wanted a JSON error, {{"Err": "a sentence"}}, for\n{answer}',
            'An error is {"Err": "a sentence"}. Docker prints any other text as it is.',
        )
        return answer

    def knows_none(self, name: str) -> None:
        """Want Get to say that there is no such volume: by an error. A plugin by others may answer no Volume at all.

        Docker takes that for a no, too. Source: moby daemon/volume/drivers/adapter.go (Get).
        """
        answer = self.call("VolumeDriver.Get", {"Name": name})
        if self.by_others and answer.ok and not answer.object.get("Volume"):
            self.advise("Get of an unknown volume is an error. Docker takes an answer without a Volume for one, too.")
        else:
            self.is_refused(answer)

    def should_succeed(self, endpoint: str, body: dict[str, object], advice: str) -> Exchange:
        """Call an endpoint and want success that Docker can do without: an error of a plugin by others is advised.

        Docker goes on without an answer to Path and Capabilities, too.
        """
        answer = self.call(endpoint, body)
        spared = endpoint in ("VolumeDriver.Path", "VolumeDriver.Capabilities") and self.goes_on_without(answer)
        assert answer.status or spared or not self.by_others, f"wanted an answer for\n{answer}"
        self.prefers(answer.ok, f"wanted 200 with {FORMS.get(endpoint, FORM)} for\n{answer}", advice)
        return self.look_over(answer)

    def should_refuse(self, endpoint: str, body: dict[str, object] | bytes, advice: str) -> Exchange:
        """Call an endpoint and want an error that Docker can do without.

        A plugin by others that answers success, or closes the connection and goes on, is advised.
        """
        answer = self.call(endpoint, body)
        if not self.by_others or not (answer.ok or self.goes_on_without(answer)):
            return self.is_refused(answer)
        self.advise(advice)
        return answer

    def goes_on_without(self, answer: Exchange) -> bool:
        """Tell whether a plugin has closed the connection in place of an answer, and still takes calls."""
        return answer.failure == CLOSED and (not self.is_ours or bool(self.listens()))

    def prefers(self, good: bool, wanted: str, advice: str) -> bool:
        """Want what the course teaches, and return whether it is so. A plugin by others is not failed, but advised."""
        if not good and self.by_others:
            self.advise(advice)
        assert good or self.by_others, wanted
        return good

    def create(self, name: str = "") -> str:
        """Make a volume as `docker volume create` does, under a new name or this one, and return its name."""
        if name:
            self.made.append(name)
        name = name or self.name()
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
        advice = "Unmount of what was mounted succeeds. Docker writes an error into its log, and goes on."
        self.should_succeed("VolumeDriver.Unmount", {"Name": name, "ID": mount_id}, advice)

    def list_names(self) -> list[str]:
        """Return the names that List tells."""
        volumes = self.succeeds("VolumeDriver.List", {}).json.get("Volumes")
        wanted = f'wanted {{"Volumes": […]}} in\n{self.exchanges[-1]}'
        if volumes is None:
            self.prefers(False, wanted, 'List of no volumes is {"Volumes": []}. Docker takes null for that, too.')
            return []
        assert isinstance(volumes, list), wanted
        names = [volume.get("Name") if isinstance(volume, dict) else None for volume in volumes]
        assert None not in names, f'wanted {{"Name": …}} for each volume in\n{self.exchanges[-1]}'
        return [str(name) for name in names]

    def listed(self, names: list[str]) -> list[str]:
        """Return the names that List tells, sorted: all of them if the store is ours alone, else those of names."""
        return sorted(name for name in self.list_names() if self.may_destroy or name in names)

    def volume(self, name: str) -> dict[str, object]:
        """Return the volume of a name, as Get tells it."""
        answer = self.succeeds("VolumeDriver.Get", {"Name": name})
        volume = answer.json.get("Volume")
        assert isinstance(volume, dict), f'wanted {{"Volume": {{"Name": "{name}", …}}}} in\n{answer}'
        return volume

    def files_of(self, name: str) -> Path | None:
        """Return the folder that Get names for a volume; None if it names none, or none in DDD_ROOT."""
        told = self.volume(name).get("Mountpoint")
        path = told if isinstance(told, str) and os.path.isabs(told) and os.path.isdir(told) else ""
        return Path(path) if path and self.root and self.in_root(path) else None

    def fill(self, folder: str | Path | None) -> Path | None:
        """Leave files in a volume, one also in a folder with the volume's own name, and return the first.

        None if there is no folder to see, or nothing can be written: such a volume is checked without files. Also None
        if the folder has such a file already: a bad plugin may have named a folder of somebody else.
        """
        with contextlib.suppress(OSError):
            if folder and os.path.isdir(folder) and not os.path.lexists(os.path.join(folder, "note")):
                inner = Path(folder) / os.path.basename(folder)
                inner.mkdir()
                (inner / "note").write_text(WRITTEN)
                return leave_files(Path(folder))
        return None

    def traces(self) -> dict[str, tuple[int, ...]]:
        """Return what is in DDD_ROOT, and when each file and folder was changed last."""
        found: dict[str, tuple[int, ...]] = {}
        for folder, folders, files in os.walk(self.root) if self.root else ():
            for name in (*folders, *files):
                with contextlib.suppress(FileNotFoundError):  # what is removed may be deleted in the background
                    each = os.lstat(path := os.path.join(folder, name))
                    found[path] = (each.st_ino, each.st_size, each.st_mtime_ns)
        return found

    @property
    def is_seen_in_root(self) -> bool:
        """Whether volumes have to be in DDD_ROOT, which is new: those of a plugin by others may be anywhere else."""
        return bool(self.root) and not self.by_others and not (self.not_ours or "").startswith(ELSEWHERE)

    @contextlib.contextmanager
    def stray_file(self, folders: list[Path | None]) -> Iterator[None]:
        """Put a file that is not a volume beside the volumes that have these folders, if all of that is ours.

        Not for a plugin by others: it need not expect anything else in its folder.
        """
        seen = {str(folder) for folder in folders if folder}
        if self.by_others or not self.may_destroy or len(seen) < len(folders):
            yield
            return
        stray = Path(os.path.commonpath(seen)) / "stray"
        stray.write_text("no volume")
        try:
            yield
        finally:
            stray.unlink(missing_ok=True)

    def put_link(self, link: Path, target: Path) -> bool:
        """Put a symbolic link into a volume, as a container may; return whether there can be one.

        Not every file system has them: FAT answers EPERM, and that of rclone EIO. Raises OSError for a disk that
        takes nothing more.
        """
        try:
            link.symlink_to(target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
                raise
            return False
        return True

    def second_links(self, note: Path) -> list[Path]:
        """Give the files left in a volume second names outside: the count of links tells when a file is deleted.

        Of none where that cannot be: the volumes of a plugin by others may be on another disk.
        """
        twins: list[Path] = []
        with contextlib.suppress(OSError):
            for number, file in enumerate(left_with(note)):
                if self.root and self.in_root(str(file)) and hasattr(os, "link"):
                    twin = self.outside() / f"twin-{number}"
                    os.link(file, twin)
                    twins.append(twin)
        return twins

    def loses(self, path: Path) -> bool:
        """Tell whether a file goes away, or loses its text, after a Remove: that may be done in the background."""
        return self.comes_true(lambda: not is_whole(path), 3.0)

    def needs_memory(self) -> None:
        """Skip what is about volumes from before a restart, if the plugin forgets them by design."""
        if "no-persistence" in self.traits:
            raise SkipTest(f"--trait no-persistence: {TRAITS['no-persistence']}")

    def start_again(self, name: str) -> PluginUnderTest:
        """Start the plugin after its end; propose the trait of one by others that no longer knows a volume."""
        self.ensure_running()
        if self.by_others and self.knows_none_now(name):
            self.propose("no-persistence", FORGETS)
        return self

    def refuses_in_use(self, name: str, note: Path | None) -> bool:
        """Want Remove of a volume that a container has to be refused, and return whether it is.

        A plugin by others is advised, if it forgets the name only: Docker asks for it when none of its own containers
        has the volume (moby volume/service/store.go, Remove), and no file is lost.
        """
        answer = self.call("VolumeDriver.Remove", {"Name": name})
        if self.by_others and answer.ok and not (note and self.loses(note)):
            self.advise("Remove is refused while a container has the volume. Here it forgets the name.")
            return False
        self.is_refused(answer)
        return True

    def comes_true(self, condition: Callable[[], bool], seconds: float = math.inf) -> bool:
        """Wait until a condition holds, and return whether it did in so many seconds, or in the time for an answer."""
        deadline = time.monotonic() + min(self.limit, seconds)
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def names_the_folder(self, volume: dict[str, object], mountpoint: str) -> None:
        """Want a volume of Get or List to have no Mountpoint, or Mount's folder, even under another path."""
        told = volume.get("Mountpoint")
        try:
            same = not told or told == mountpoint or os.path.samefile(str(told), mountpoint)
        except OSError:
            same = False
        wanted = f"wanted no Mountpoint, or the one that Mount named, {mountpoint}, in\n{self.exchanges[-1]}"
        self.prefers(same, wanted, "Get and List name another folder than Mount. `docker volume inspect` shows Get's.")

    def lets_others_in(self, folder: Path) -> None:
        """Want the folder of a volume to be one that the users of containers can enter, and read."""
        mode = stat.S_IMODE(folder.stat().st_mode)
        wanted = f"wanted a folder that other users can enter, mode 0755, not {mode:04o}"
        advice = f"The folder of a volume has mode {mode:04o}, so that a container of another user cannot use it."
        if self.prefers(bool(mode & 0o001), wanted, advice) and not mode & 0o004:
            self.advise(f"The folder of a volume has mode {mode:04o}, so that other users cannot list its files.")

    def folder(self, mountpoint: str) -> Path:
        """Return the mountpoint as a folder to look into; skip if a plugin that already runs has it elsewhere."""
        if not self.is_ours and not os.path.isdir(mountpoint):
            raise SkipTest(f"looks into {mountpoint}, which is not to be seen from here: give --plugin or --run")
        assert os.path.isdir(mountpoint), f"wanted a folder at the Mountpoint that Mount named, {mountpoint}"
        return Path(mountpoint)

    def keeps_in_its_root(self, folder: Path) -> None:
        """Advise if a volume is not in DDD_ROOT: then the checks work in a folder that is meant for real volumes."""
        if self.root and not folder.resolve().is_relative_to(self.root.resolve()):
            told = "The volumes are not in DDD_ROOT, but in "
            if not any(each.startswith(told) for each in self.advice):
                self.advise(f"{told}{folder}: the checks work in your real folder.")

    def outside(self) -> Path:
        """Return a folder outside the plugin's root, where no call may leave a trace.

        It is on the same disk: across disks a rename fails, and a plugin that renames would only seem to be careful.
        """
        beside = str(self.root.parent.parent) if self.root else None
        self.canaries = self.canaries or self.elsewhere.enter_context(own_folder("outside-", beside))
        self.random.add(self.canaries.name.lower())
        return self.canaries

    def clean_up(self) -> None:
        """Remove what the check has made, the folder outside too, and nothing else."""
        with deferred():
            super().clean_up()
            self.elsewhere.close()
            self.canaries = None
            self.lookup = None
            self.ends.clear()

    def advise(self, text: str) -> None:
        """Note what works, and could be better."""
        if text not in self.advice:
            self.advice.append(text)

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Run a check, and distinguish the plugin's trouble from ours, in the text of the AssertionError or SkipTest.

        Raises OurTrouble if the check failed because this machine has no room left.
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

    def start_afresh(self) -> None:
        """After a check that did not end well, begin again: what it has left must not count against the next one."""
        socket, root, self.patience = self.before
        if (socket, root) != (self.socket, self.root):
            self.shut_down()
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
            if "read-only" in self.traits:
                return SkipTest(f"--trait read-only: {TRAITS['read-only']}")
            if self.by_others and self.is_ours:
                self.propose("read-only", "The files of a volume cannot be written")
            return SkipTest(f"writes into a volume, which is not possible here: {error.strerror}{where}")
        return AssertionError(f"wanted files that can be used, not the error {error.strerror!r}{where}")


Check = Callable[[PluginUnderTest], None]


def makes_volumes(step: str) -> bool:
    """Tell whether a step is one of part 3, which make volumes."""
    return step.startswith("3.")


def restarts_plugin(check: Check) -> Check:
    """Mark a check that starts and stops the plugin by itself: it is skipped if the plugin is not ours to stop."""
    check.needs_process = True  # type: ignore[attr-defined]
    return check


def needs_process(check: Check) -> bool:
    """Tell whether a check starts and stops the plugin."""
    return getattr(check, "needs_process", False)


def over_tcp(check: Check) -> Check:
    """Mark a check whose calls go over TCP: there all engines send the same bytes."""
    check.over_tcp = True  # type: ignore[attr-defined]
    return check
