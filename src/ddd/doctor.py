"""What an operator looks at, and fixes, beside a running plugin or without one: `doctor` and `release`.

doctor changes nothing. release deletes records, under the lock that the plugin takes. Each returns an exit status.
"""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

from ddd import holders, kernel, trash, users
from ddd.app import volumes
from ddd.folders import command, found_at, opened
from ddd.volumes import NAME, NoSuchVolume

STARTING = 120
"""For so many seconds Docker waits for the answer to Mount. The kernel shows the container only afterwards."""

PATIENCE = 5
"""For so many seconds doctor and release wait for a call that holds a volume."""

NOBODY = "No process uses it, as far as the kernel shows."


class Refused(Exception):
    """ddd does not do what was asked for, and exits with this status; the text says why, and what to do."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def doctor() -> int:
    """Print who uses which volume, and what needs fixing; return 1 when something does. Raises Refused."""
    attach()
    names = volumes.names()
    print(f"{volumes.root} has {count(len(names), 'volume')}.", *kernel.limits(), sep="\n")
    in_use = users_by_kernel(names)
    faults: list[str] = []
    for name in names:
        try:
            records = records_of(name)
        except NoSuchVolume:  # it has just been removed
            continue
        except OSError as error:
            faults.append(f"Volume {name} cannot be used: {error}.")
            continue
        if records or name in in_use:
            print(f"\nVolume {name} has {summary(records)}.", *in_use.get(name, [NOBODY]), sep="\n    ")
        callers = callers_of(records)
        if name not in in_use and any(map(users.counts, callers)) and not unseen(callers):
            faults.append(f"Only its records keep volume {name}. Type: {command()} release {name}")
    try:
        faults += [f"{path} is not deleted: {why}" for path in volumes.left_aside() if (why := trash.why_stays(path))]
        volumes.check()
    except FileNotFoundError:
        cannot = "nothing can be made or removed. No container with a volume can start."
        faults.append(f"{volumes.aside} is missing: {cannot} To make it, restart ddd.")
    except OSError as error:
        faults.append(f"ddd can answer only List and Get: {error}. The kernel's log says why: dmesg")
    print("", *(faults or ["Nothing needs fixing."]), sep="\n")
    return 1 if faults else 0


def release(name: str, yes: bool) -> int:
    """Delete the records of a volume that no process uses, once somebody agrees; return 1 if not. Raises Refused."""
    attach()
    with unused(name) as mounts:
        records = users.records(mounts)
    print(f"Volume {name} has {summary(records)}.", *kernel.limits(), NOBODY, sep="\n")
    if not records:
        return 0
    if not yes and not agreed():
        print("Nothing is changed.")
        return 1
    with unused(name) as mounts:
        for record in records:  # a record of a Mount that came meanwhile stays
            with contextlib.suppress(FileNotFoundError):
                os.unlink(record.file, dir_fd=mounts)
        os.fsync(mounts)
    print(f"The records are deleted. To remove the volume, type: docker volume rm {name}")
    return 0


def attach() -> None:
    """Find the root. Raises Refused."""
    try:
        volumes.attach()
        with volumes.open_all():
            pass
    except OSError as error:
        how = "Run as root, mount its disk, or name another folder: DDD_ROOT=…"
        raise Refused(f"No volumes are in {volumes.root}: {error.strerror}. {how}", 2) from None


@contextlib.contextmanager
def locked(name: str) -> Iterator[int]:
    """Open a volume and lock it. Raises NoSuchVolume, OSError; TimeoutError if a call does not let go of it."""

    def give_up(*_: object) -> None:
        raise TimeoutError("a call holds it. When the log shows the end of that call, try again")

    signal.signal(signal.SIGALRM, give_up)
    with contextlib.ExitStack() as opened_one:
        signal.alarm(PATIENCE)
        try:
            volume = opened_one.enter_context(volumes.open_one(name))
        finally:
            signal.alarm(0)
        yield volume


@contextlib.contextmanager
def unused(name: str) -> Iterator[int]:
    """Lock a volume that no process uses, and open the folder of its records. Raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is not a name for a volume. To see all volumes, type: {command()} doctor", 2)
    try:
        with locked(name) as volume, users.opened_mounts(volume) as mounts:
            if unseen(callers_of(users.records(mounts))):
                raise Refused(f"Who uses volume {name} cannot be seen in this container: run this with --pid host.", 1)
            if user := holders.user_of_folder(volume) or about_to_start(mounts):
                raise Refused(f"The records of volume {name} stay, because it is in use: {user}.", 1)
            yield mounts
    except NoSuchVolume as error:
        raise Refused(f"{error} To see all volumes, type: {command()} doctor", 2) from None
    except OSError as error:
        raise Refused(f"Volume {name} cannot be used: {error}.", 1) from None


def callers_of(records: list[users.Record]) -> list[str]:
    """Return the processes of all Mounts, as they are recorded."""
    return [caller for record in records for caller in record.callers]


def unseen(callers: list[str]) -> bool:
    """Tell whether one of these processes is outside of this container: then so are the containers of that daemon."""
    return kernel.sees_only_itself() and any(map(users.is_hidden, callers))


def about_to_start(mounts: int) -> str:
    """Say which Mount is so new that the kernel may not show its container yet; "" if there is none."""
    for record in users.records(mounts):
        age = time.time() - os.stat(record.file, dir_fd=mounts).st_mtime
        if 0 <= age < STARTING and any(map(users.counts, record.callers)):
            return f"a container may start, which mounted it {age:.0f} seconds ago. Try again after {STARTING} seconds"
    return ""


def agreed() -> bool:
    """Ask for a yes. Raises Refused if nobody can answer."""
    if not (sys.stdin and sys.stdin.isatty()):  # Python has no sys.stdin if it is closed
        raise Refused("Nobody can be asked here. To delete these records, add --yes.", 2)
    return input("Delete these records? [y/N] ").strip().lower() in ("y", "yes")


def records_of(name: str) -> list[users.Record]:
    """Return the records of a volume. Raises NoSuchVolume, OSError."""
    with locked(name) as volume:
        if found_at("mounts", volume) == "nothing":  # the next Mount or Remove makes it
            return []
        with users.opened_mounts(volume) as mounts:
            return users.records(mounts)


def users_by_kernel(names: list[str]) -> dict[str, list[str]]:
    """Return who uses these volumes, in words, as the kernel shows it; no entry for a volume that nobody uses."""
    wanted: holders.Wanted = {}
    with volumes.open_all() as folder:
        device, path = holders.place_of(folder)
        for name in names:
            with contextlib.suppress(OSError), opened(name, inside=folder) as volume:
                wanted |= holders.wanted(volume, (device, os.path.join(path, name)), name)
    found: dict[str, list[str]] = {}
    for name, user in holders.users_of(wanted) if wanted else ():
        if user not in found.setdefault(name, []):
            found[name].append(user)
    return found


def summary(records: list[users.Record]) -> str:
    """Return how many Mounts are recorded, and of what kind of process."""
    states = Counter(map(users.state, callers_of(records)))
    kinds = ", ".join(f"{number} of {PROCESSES[state]}" for state, number in sorted(states.items()))
    return f"{count(states.total(), 'record')}{': ' if kinds else ''}{kinds}"


PROCESSES = {
    "live": "a running process",
    "dead": "a process that has exited, which does not count",
    "unknown": "a process that cannot be known",
}


def count(number: int, thing: str) -> str:
    """Return a number and what it counts."""
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"
