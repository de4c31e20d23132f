"""Who uses a volume: the records of its Mounts, judged by what the kernel says.

A record is a file in the volume's folder `mounts`, one for each Mount, named ID.RANDOM. It names the process that
asked: its pid and start time, the PID namespace of that pid, and the boot. An empty record is a Mount whose process
cannot be known. In earlier versions, a file ID had a line for each Mount: such files are read, too.

mounts is a descriptor of that folder. The caller has locked the volume, so nobody else changes it.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from typing import NamedTuple

from ddd import holders, kernel
from ddd.folders import Damaged, found_at, opened

# an ID may contain dots, RANDOM has none: what precedes the last dot is the ID
NAME = re.compile(r"(.+)\.[0-9a-f]{16}")
LONGEST_ID = 255 - len(".") - 16  # so that ID.RANDOM is a name for a file: 255 bytes at most
CALLER = re.compile(r"(?:pid=)?(\d+) (?:start=)?(\d+) (?:namespace=)?(\S+) (?:boot=)?(\S+)\n")
OLD = re.compile(r"\d+ ")  # how a line in a file ID begins, even if the ID itself looks like ID.RANDOM


class Record(NamedTuple):
    """What is in a file of `mounts`."""

    file: str
    mount_id: str  # as in_name() returns it
    callers: list[str]  # one for each Mount that the file records


@contextlib.contextmanager
def opened_mounts(volume: int) -> Iterator[int]:
    """Open the folder `mounts` of an open volume. A volume from a backup has none: then make it."""
    found = found_at("mounts", volume)
    if found == "nothing":
        before = os.stat(volume)
        os.mkdir("mounts", 0o700, dir_fd=volume)
        os.utime(volume, ns=(before.st_atime_ns, before.st_mtime_ns))  # Docker shows this as the volume's date
    elif found != "a folder":
        raise Damaged.at(os.readlink(f"/proc/self/fd/{volume}") + "/mounts", found)
    with opened("mounts", inside=volume) as mounts:
        yield mounts


def add(mounts: int, mount_id: str, pid: int, aside: str) -> None:
    """Record that a process mounts the volume with this ID. The file is made at the path aside, which is free."""
    start, namespace, boot = kernel.start_time(pid), kernel.pid_namespace(), kernel.boot()
    try:
        with open(aside, "x") as file:
            file.write(f"pid={pid} start={start} namespace={namespace} boot={boot}\n")
            file.flush()
            # a power cut must not leave an empty record: it would count until an Unmount that Docker never sends
            os.fsync(file.fileno())
        os.rename(aside, f"{in_name(mount_id)}.{secrets.token_hex(8)}", dst_dir_fd=mounts)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def drop(mounts: int, mount_id: str) -> None:
    """Delete one record of this ID. Nothing is written, so this works on a full disk.

    Only one: `docker cp` mounts and unmounts with the ID of the running container. Records that count come first. The
    others were left by a daemon that was killed, and mean nothing to the daemon that asks now.
    """
    names = {mount_id, in_name(mount_id)}
    found = [record for record in records(mounts, names) if record.mount_id in names and record.callers]
    if not found:
        return
    record = max(found, key=lambda each: counts(each.callers[-1])) if len(found) > 1 else found[0]
    if len(record.callers) == 1:
        os.unlink(record.file, dir_fd=mounts)
    else:
        file = os.open(record.file, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=mounts)
        try:
            os.truncate(file, sum(map(len, record.callers[:-1])))
        finally:
            os.close(file)


def records(mounts: int, names: set[str] | None = None) -> list[Record]:
    """Return the records of all IDs, or only those that may belong to the IDs with these names."""
    files = os.listdir(mounts)
    if names is not None:
        files = [file for file in files if file in names or file.rpartition(".")[0] in names]
    return [read(mounts, file) for file in files]


def read(mounts: int, file: str) -> Record:
    """Return what is in a file of `mounts`, without following a link."""
    try:
        with open(
            # latin-1 reads any byte as one character: a damaged record is one that cannot be known
            file,
            encoding="latin-1",
            newline="\n",
            # O_NONBLOCK: to open a pipe is to wait for a writer, and all calls for the volume would wait, too
            opener=lambda path, flags: os.open(path, os.O_NONBLOCK | flags | os.O_NOFOLLOW, dir_fd=mounts),
        ) as record:
            callers = record.readlines()
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.ELOOP):
            raise
        path = os.path.join(os.readlink(f"/proc/self/fd/{mounts}"), file)
        raise Damaged(f"{path!r} is {found_at(file, mounts)}, not the record of a Mount. Move it away") from None
    named = NAME.fullmatch(file)
    if named and not (callers and OLD.match(callers[0])):
        return Record(file, named[1], ["".join(callers)])
    return Record(file, file, callers)


def in_name(mount_id: str) -> str:
    """Return an ID as a file's name has it. An ID that is too long becomes a hash after _: no ID begins with _."""
    return mount_id if len(mount_id) <= LONGEST_ID else f"_{hashlib.sha256(mount_id.encode()).hexdigest()}"


def user_of(volume: int, mounts: int) -> str | None:
    """Say who may use the volume, by the records and by what the kernel shows. None if nobody does."""
    return user_by_record(mounts) or holders.user_of_folder(volume)


def user_by_record(mounts: int) -> str | None:
    """Name a process that mounted the volume and may still use it."""
    for record in records(mounts):
        for caller in record.callers:
            if counts(caller):
                return f"{process(caller)} has not unmounted {record.mount_id[:12]}"
    return None


def process(caller: str) -> str:
    """Name the process of a record."""
    known = CALLER.fullmatch(caller)
    return f"process {known[1]}" if known and known[1] != "0" else "a process that cannot be known"


def counts(caller: str) -> bool:
    """Tell whether the process of a record lives, or cannot be known.

    Other records do not count: a daemon that was killed never sends its Unmount.
    """
    return state(caller) != "dead"


def is_hidden(caller: str) -> bool:
    """Tell whether the process of a record called over TCP, or from where its pid cannot be seen."""
    known = CALLER.fullmatch(caller)
    return known is not None and (known[1] == "0" or known[3] != kernel.pid_namespace())


def state(caller: str) -> str:
    """Tell whether the process of a record is "live" or "dead", or "unknown" where nobody can tell from here."""
    known = CALLER.fullmatch(caller)
    if not known:
        return "unknown"
    pid, start, _, boot = known.groups()
    if boot != kernel.boot():
        return "dead"
    if is_hidden(caller):
        return "unknown"
    # a process that exited during its Mount is recorded with the start time "0"
    return "live" if start == kernel.start_time(pid) and kernel.exists(int(pid)) else "dead"
