"""Who uses a folder, by what the kernel shows of every thread. It takes two looks:

- /proc/PID/task/TID/mountinfo shows what a thread has mounted, as far as it can reach that from its root;
- the folders above its root and its current folder show a thread that has chrooted into a folder of a mount, or whose
  mount was detached (umount --lazy). The kernel shows them to a process with CAP_SYS_PTRACE; see kernel.limits().

Neither look shows an open file, the file of a running program, a mount namespace that only an open file holds, a layer
of an overlay file system (lower, upper or work) in whatever mount namespace, or a loop device over a file. Neither
shows a folder of the volume that is mounted by itself, once it is detached, or once all its processes have chrooted
below it.
"""

import itertools
import os
import re
from collections.abc import Iterator

from ddd import kernel
from ddd.folders import quoted

Place = tuple[str, str]
"""A device, and a path on it."""

Wanted = dict[Place | kernel.Identity, str]
"""For each key by which the kernel knows a folder, the name of that folder."""

View = tuple[object, ...]


def user_of_folder(folder: int) -> str | None:
    """Say which process has this folder, or one in it, mounted, or as its root or current folder.

    Or say what is mounted in the folder. A container is found by its processes, even if its daemon was killed.
    """
    return next((user for _, user in users_of(wanted(folder, place_of(folder)))), None)


def wanted(folder: int, place: Place, name: str = "") -> Wanted:
    """Return the keys of a folder: its place, itself, and the folders in it. A container gets one of these."""
    with os.scandir(folder) as entries:
        inside = [entry.stat(follow_symlinks=False) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return {place: name} | dict.fromkeys(map(kernel.identity, (os.stat(folder), *inside)), name)


def place_of(folder: int) -> Place:
    """Return where an open folder is."""
    with open(f"/proc/self/fdinfo/{folder}") as file:
        number = re.findall(r"mnt_id:\s*(\d+)", file.read())[0]
    return place_in(kernel.mount_table("/proc/self")[number], os.readlink(f"/proc/self/fd/{folder}"))


def users_of(folders: Wanted) -> Iterator[tuple[str, str]]:
    """Yield the name of a folder, and who uses it. A process whose mounts cannot be read may use each of them."""
    about = os.path.basename(os.path.commonpath([key[1] for key in folders if isinstance(key[1], str)]))
    views: set[View] = set()
    for pid in kernel.processes():
        try:
            for thread in kernel.threads(pid):
                # most threads see what another one sees: looking once is enough, and much faster
                view = view_of(thread)
                if view in views:
                    continue
                yield from users_above(thread, pid, folders)
                if not view or view[:-1] not in views:
                    yield from users_by_mounts(kernel.mount_table(thread, about), pid, folders)
                # a thread that has exited meanwhile, or changed its view, says nothing about another
                if view and view == view_of(thread):
                    views |= {view, view[:-1]}
        except PermissionError:
            user = f"process {pid} may use it: ddd may not read its mounts in /proc/{pid}"
            yield from ((name, user) for name in dict.fromkeys(folders.values()))


def users_above(thread: str, pid: str, folders: Wanted) -> Iterator[tuple[str, str]]:
    """Yield the folder that a thread's root or current folder is, or is in."""
    for above in itertools.chain(kernel.folders_above(f"{thread}/root"), kernel.folders_above(f"{thread}/cwd")):
        if above in folders:
            yield folders[above], f"process {pid} has its root or its current folder in it"
            return


def users_by_mounts(table: kernel.Table, pid: str, folders: Wanted) -> Iterator[tuple[str, str]]:
    """Yield the folders that are mounted, and those in which something is mounted."""
    for mounted in table.values():
        name = within((mounted.device, mounted.root), folders)
        if name is not None:
            yield name, f"process {pid} has it mounted at {quoted(mounted.point)}"
        elif mounted.parent in table:
            name = within(place_in(table[mounted.parent], mounted.point), folders)
            if name is not None:
                yield name, f"something is mounted in it, at {quoted(mounted.point)}"


def view_of(thread: str) -> View | None:
    """Return the mount namespace, the root and the current folder of a thread; None if they cannot be known.

    Threads with the same view are in the same place. If only the current folder differs, they have the same mounts.
    """
    try:
        root, current = kernel.identity(os.stat(f"{thread}/root")), kernel.identity(os.stat(f"{thread}/cwd"))
        return os.readlink(f"{thread}/ns/mnt"), os.readlink(f"{thread}/root"), root, current
    except OSError:
        return None


def place_in(mounted: kernel.Mounted, path: str) -> Place:
    """Return where a path that leads through this mount is: on which device, and at which path there."""
    return mounted.device, os.path.normpath(os.path.join(mounted.root, os.path.relpath(path, mounted.point)))


def within(place: Place, folders: Wanted) -> str | None:
    """Return the name of the folder that this place is, or is in."""
    device, path = place
    while path:
        if (device, path) in folders:
            return folders[device, path]
        path = path.rpartition("/")[0]
    return folders.get((device, "/"))
