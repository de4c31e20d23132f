"""Who uses a volume: the records of its Mounts, judged by what the kernel says.

mounts is the descriptor of a volume's folder `mounts`; nobody else works in it meanwhile. It has a file for each ID,
with a line for each Mount. A line names the process that asked: its pid and start time, the processes among which that
pid counts, and the boot.
"""

import contextlib
import os

from ddd import kernel


def add(mounts: int, mount_id: str, pid: int, aside: str) -> None:
    """Record that a process mounts the volume with this ID. The file is made at aside, a path that nothing has."""
    record = f"{pid} {kernel.start_time(pid)} {kernel.pid_namespace()} {kernel.boot()}\n"
    write(mounts, mount_id, [*read(mounts, mount_id), record], aside)


def drop(mounts: int, mount_id: str, aside: str) -> None:
    """Delete one record of this ID. Not all: `docker cp` mounts again with the ID of the running container."""
    write(mounts, mount_id, read(mounts, mount_id)[:-1], aside)


def read(mounts: int, mount_id: str) -> list[str]:
    """Return a line for each Mount of this ID."""
    with contextlib.suppress(FileNotFoundError):
        record = os.open(mount_id, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=mounts)
        with open(record) as file:
            return file.readlines()
    return []


def write(mounts: int, mount_id: str, lines: list[str], aside: str) -> None:
    """Keep these lines for this ID, in one move. They need no fsync: a power cut ends all who have a mount."""
    if not lines:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(mount_id, dir_fd=mounts)
        return
    try:
        with open(aside, "w") as file:
            file.writelines(lines)
        os.rename(aside, mount_id, dst_dir_fd=mounts)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def user_of(volume: int, mounts: int) -> str | None:
    """Say who may use the volume: a process by its record, or by the kernel's word. None when nobody does."""
    return user_by_record(mounts) or kernel.user_of_folder(volume)


def user_by_record(mounts: int) -> str | None:
    """Name a process that mounted the volume and may still have it.

    The records of a process that has ended do not count: a daemon that was killed never sends its Unmount.
    """
    for mount_id in os.listdir(mounts):
        for line in read(mounts, mount_id):
            if counts(line):
                return f"process {line.split(' ')[0]} has not unmounted {mount_id[:12]}"
    return None


def counts(record: str) -> bool:
    """Tell whether the process of a record lives, or cannot be known."""
    try:
        pid, started, namespace, booted = record.split()
        number = int(pid)
    except ValueError:
        return True
    if booted != kernel.boot():
        return False
    if number == 0 or namespace != kernel.pid_namespace():
        return True
    # a process that ended during its Mount is recorded with the start time of none
    return started == kernel.start_time(pid) and kernel.exists(number)
