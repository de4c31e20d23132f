"""docker cp: a container's volumes are mounted for it, whether it runs or not, and files are copied from or to them.

Sources: docker/cli cli/command/container/cp.go, moby pkg/archive/copy.go (PrepareArchiveCopy) and archive.go
(createTarFile), daemon/archive.go; tests/engine/test_practice_table.py compares with a real engine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workshop.daemon.daemon import Daemon, DockerError
from workshop.daemon.practice.inside import FOLDER, Found, Outside, Spot, View, clean, means_folder, open_folder
from workshop.daemon.practice.talk import Missing
from workshop.daemon.practice.volume_flags import WrongFlag

ONE_INSIDE = "One of the two is in a container, as in\n    ./workshop docker cp CONTAINER:/data/file ."
VOLUMES_ONLY = (
    "{path} is in none of the container's volumes. The practice daemon copies from and to volumes only, as in\n"
    "    ./workshop docker cp CONTAINER:/data/file ."
)
# each level keeps two files open
DEEPEST = 100


class Clash(Exception):
    """Something cannot be copied to its target, or not at all."""


@dataclass
class Source:
    """What is copied: a name in an open folder, "." for the folder itself. contents: what is in it, and not it."""

    folder: int
    name: str
    base: str
    is_dir: bool
    contents: bool


def copy(daemon: Daemon, source: str, target: str) -> None:
    """Copy; either source or target is CONTAINER:/PATH. Raises DockerError, WrongFlag."""
    for text, what in ((source, "source"), (target, "destination")):
        if not text:
            raise WrongFlag(f"{what} can not be empty", 1)
    (outer, from_path), (inner, to_path) = _split(source), _split(target)
    if outer and inner:
        raise WrongFlag("copying between containers is not supported", 1)
    if not outer and not inner:
        raise WrongFlag(f"must specify at least one container source\n{ONE_INSIDE}", 1)
    if "-" in (source, target):
        raise WrongFlag(
            f'The practice daemon copies files, and no archives: name a file in place of "-".\n{ONE_INSIDE}'
        )
    if not (from_path if outer else to_path):
        raise DockerError("bad parameter: pathcannot be empty")
    if outer:
        _take(daemon, outer, from_path, target)
    else:
        _put(daemon, source, inner, to_path)


def _split(text: str) -> tuple[str, str]:
    """Return container and path; no container for a path of the machine. Source: cp.go (splitCpArg)."""
    name, colon, path = text.partition(":")
    return (name, path) if colon and not text.startswith(("/", ".")) else ("", text)


def _take(daemon: Daemon, name: str, path: str, target: str) -> None:
    """Copy out of a container."""
    above = os.path.dirname(_local(target))
    if not os.path.exists(above):
        raise WrongFlag(f'invalid output path: directory "{above}" does not exist', 1)
    container = daemon.container(name)
    with daemon.container_volumes(container) as bound, _in_dockers_words(path):
        view = View(bound)
        found = _existing(daemon, view, name, path)
        with _origin(view, found, path) as source, _machine_errors():
            folder, base = _destination(source, *_target_on_machine(target), means_folder(target))
            into = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _transfer_all(source, into, base, folder)
            finally:
                os.close(into)


def _existing(daemon: Daemon, view: View, name: str, path: str) -> Found:
    """Return what is at a container's path. Raises DockerError if nothing is."""
    found = view.look(path)
    if not found.exists:
        raise _missing(daemon, name, path)
    if means_folder(path) and not found.is_dir:
        raise DockerError(f"lstat {path}: not a directory")
    return found


def _missing(daemon: Daemon, name: str, path: str) -> DockerError:
    """Return what docker says of a path of a container at which nothing is."""
    if daemon.shape == "20.10":
        return Missing(f"No such container:path: {name}:{path}")
    return DockerError(f"Could not find the file {path} in container {name}")


@contextlib.contextmanager
def _origin(view: View, found: Found, path: str) -> Iterator[Source]:
    """Open what is to be copied out of a volume."""
    base = os.path.basename(clean(path))
    with view.parent(found.spot) as (folder, name):
        if not found.is_dir:
            yield Source(folder, name, base, False, False)
            return
        if view.holds_another(found.spot):
            raise WrongFlag(f"In {path} is another volume. The practice daemon copies one volume at a time.")
        inner = open_folder(name, folder)
        try:
            yield Source(inner, ".", base, True, os.path.basename(path) == ".")
        finally:
            os.close(inner)


def _target_on_machine(target: str) -> tuple[str, int]:
    """Return where a path of the machine leads, through links, and the mode of what is there, 0 for nothing."""
    path = os.path.realpath(_local(target))
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return path, 0
    if means_folder(target) and not stat.S_ISDIR(mode):
        raise WrongFlag(f"stat {_local(target)}/: not a directory", 1)
    return path, mode


def _put(daemon: Daemon, text: str, name: str, path: str) -> None:
    """Copy into a container. First docker asks what is there, which mounts once more; it ignores errors of that."""
    mode, told = 0, path
    with contextlib.suppress(DockerError):
        found = _look(daemon, name, path)
        if found.is_link:
            told = os.path.join(os.path.dirname(clean(path)), found.target)
            found = _look(daemon, name, told)
        mode = found.mode
    with _machine_source(text) as source:
        container = daemon.container(name)
        with _refused(lambda wrong: WrongFlag(wrong, 1)):
            folder, base = _destination(source, told, mode, means_folder(path))
        with daemon.container_volumes(container) as bound, _in_dockers_words(path):
            view = View(bound)
            above = view.look(folder.rstrip("/") + "/")
            if not above.exists:
                raise _missing(daemon, name, clean(folder))
            if not above.is_dir:
                raise DockerError("extraction point is not a directory")
            if above.spot.volume.read_only:
                raise DockerError("mounted volume is marked read-only")
            _into_volume(view, above.spot, source, base)


def _look(daemon: Daemon, name: str, path: str) -> Found:
    """Return what is at a path of a container. Raises DockerError, WrongFlag."""
    with daemon.container_volumes(daemon.container(name)) as bound, _in_dockers_words(path):
        return View(bound).look(path)


def _into_volume(view: View, above: Spot, source: Source, base: str) -> None:
    """Copy into a folder of a volume."""
    if source.is_dir and view.holds_another(above):
        raise WrongFlag(f"In {above.path} is another volume. The practice daemon copies into one volume at a time.")
    with view.parent(above) as (folder, name), _refused(lambda text: DockerError(f"Error processing tar file: {text}")):
        into = open_folder(name, folder)
        try:
            _transfer_all(source, into, base, above.path)
        finally:
            os.close(into)


@contextlib.contextmanager
def _machine_source(text: str) -> Iterator[Source]:
    """Open what is to be copied from the machine. Raises WrongFlag."""
    path = _local(text)
    with _machine_errors(), contextlib.ExitStack() as opened:
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            raise WrongFlag(f"lstat {path}: no such file or directory", 1) from None
        if means_folder(text) and stat.S_ISLNK(mode):
            mode = os.stat(path).st_mode
        if means_folder(text) and not stat.S_ISDIR(mode):
            raise WrongFlag("not a directory", 1)
        is_dir = stat.S_ISDIR(mode)
        folder = os.open(path if is_dir else os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, folder)
        contents = is_dir and os.path.basename(text.rstrip("/")) == "."
        yield Source(folder, "." if is_dir else os.path.basename(path), os.path.basename(path), is_dir, contents)


def _local(path: str) -> str:
    """Return a path of the machine from its root on."""
    return clean(os.path.join(os.getcwd(), path))


def _destination(source: Source, path: str, mode: int, folder_meant: bool) -> tuple[str, str]:
    """Return the folder to copy into, and the name in it, "" for the contents. Source: PrepareArchiveCopy.

    mode is that of what is at the path, 0 for nothing. Raises Clash.
    """
    if stat.S_ISDIR(mode):
        return path, "" if source.contents else source.base
    if mode and source.is_dir:
        raise Clash("cannot copy directory")
    if folder_meant and not source.is_dir:
        raise Clash("no such directory")
    above, base = os.path.split(clean(path))
    return above, base


@contextlib.contextmanager
def _refused(words: Callable[[str], Exception]) -> Iterator[None]:
    """Say what docker says about a Clash. That depends on who finds it: the client, or the daemon."""
    try:
        yield
    except Clash as clash:
        raise words(str(clash)) from None


@contextlib.contextmanager
def _machine_errors() -> Iterator[None]:
    """Raise WrongFlag, as the client fails, if a file of the machine cannot be read or written."""
    try:
        yield
    except Clash as clash:
        raise WrongFlag(str(clash), 1) from None
    except OSError as error:
        raise WrongFlag(f"{error.filename}: {(error.strerror or str(error)).lower()}", 1) from None


@contextlib.contextmanager
def _in_dockers_words(path: str) -> Iterator[None]:
    """Raise DockerError if a path of a container cannot be followed, WrongFlag if it leads out of the volumes."""
    try:
        yield
    except Outside:
        raise WrongFlag(VOLUMES_ONLY.format(path=path)) from None
    except OSError as error:
        raise DockerError(f"{path}: {(error.strerror or str(error)).lower()}") from None


# The copy itself: from an open folder to an open folder, without following a link


def _transfer_all(source: Source, into: int, base: str, where: str) -> None:
    """Copy to a name in an open folder, "" for what is in the source. where names the folder. Raises Clash, OSError."""
    if source.is_dir and _identity(source.folder) in _above_of(into):
        raise Clash("cannot copy a directory into itself")
    if base:
        _transfer(source.folder, source.name, into, base, where, "")
    else:
        for name in sorted(os.listdir(source.folder)):  # as Docker does: what fails has copied the same
            _transfer(source.folder, name, into, name, where, "")


def _transfer(source: int, name: str, into: int, base: str, where: str, inner: str) -> None:
    """Copy a folder, file or link. inner is the folder in which it is, counted from where. Raises Clash, OSError."""
    found = os.stat(name, dir_fd=source, follow_symlinks=False)
    path, is_dir = os.path.join(inner, base), stat.S_ISDIR(found.st_mode)
    if path.count("/") > DEEPEST:
        raise Clash(f"The practice daemon copies no folder with more than {DEEPEST} levels.")
    _make_way(into, base, os.path.join(where, path), is_dir)
    if is_dir:
        _copy_folder(source, name, into, base, where, path)
    elif stat.S_ISLNK(found.st_mode):
        _copy_link(os.readlink(name, dir_fd=source), into, base, where, path)
    elif stat.S_ISREG(found.st_mode):
        copy_file(source, name, into, base)
    else:
        raise Clash(
            f"The practice daemon copies files, folders and links: {os.path.join(where, path)} is none of these."
        )
    times = (found.st_atime_ns, found.st_mtime_ns)
    os.utime(base, ns=times, dir_fd=into, follow_symlinks=False)


def _make_way(into: int, base: str, path: str, is_dir: bool) -> None:
    """Remove the file or link that is in the way. Raises Clash if one of the two is a folder, the other is not."""
    try:
        there = stat.S_ISDIR(os.stat(base, dir_fd=into, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return
    if there and not is_dir:
        raise Clash(f'cannot overwrite directory "{path}" with non-directory "{os.path.dirname(path)}"')
    if is_dir and not there:
        raise Clash(f'cannot overwrite non-directory "{path}" with directory "{os.path.dirname(path)}"')
    if not there:
        os.unlink(base, dir_fd=into)


def _copy_folder(source: int, name: str, into: int, base: str, where: str, path: str) -> None:
    """Copy a folder and all that is in it; one that is there stays, with what else is in it."""
    with contextlib.ExitStack() as opened:
        old = open_folder(name, source)
        opened.callback(os.close, old)
        with contextlib.suppress(FileExistsError):
            os.mkdir(base, 0o700, dir_fd=into)
        new = open_folder(base, into)
        opened.callback(os.close, new)
        for each in sorted(os.listdir(old)):
            _transfer(old, each, new, each, where, path)
        os.fchmod(new, stat.S_IMODE(os.fstat(old).st_mode))


def _copy_link(target: str, into: int, base: str, where: str, path: str) -> None:
    """Make a link; as Docker does, none that leads out of what is copied. Source: archive.go (createTarFile)."""
    leads = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if leads.split("/")[0] == "..":
        raise Clash(f'invalid symlink "{os.path.join(where, path)}" -> "{target}"')
    os.symlink(target, base, dir_fd=into)


def copy_file(source: int, name: str, into: int, base: str) -> None:
    """Copy a file to a new one."""
    # O_NONBLOCK: if somebody puts a pipe in its place meanwhile, do not wait for a writer
    read = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=source)
    with open(read, "rb") as old:
        found = os.fstat(read)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it changed during the copy", name)
        write = os.open(base, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=into)
        with open(write, "wb") as new:
            shutil.copyfileobj(old, new)
            os.fchmod(write, stat.S_IMODE(found.st_mode))


def _identity(folder: int) -> tuple[int, int]:
    """Return what identifies an open folder."""
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


def _above_of(folder: int) -> list[tuple[int, int]]:
    """Return the identities of an open folder and of all above it."""
    found = [_identity(folder)]
    with contextlib.ExitStack() as opened:
        while True:
            folder = os.open("..", FOLDER, dir_fd=folder)
            opened.callback(os.close, folder)
            if _identity(folder) == found[-1]:
                return found
            found.append(_identity(folder))
