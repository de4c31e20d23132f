"""Paths in a container's volumes, as the container sees them. No path of a container is ever handed to the machine.

A path is followed component by component: a link in a volume leads to where it would lead in the container, through
its mounts. What was found is opened in the same way, each folder relative to the one above it and never through a link
(O_NOFOLLOW): if somebody puts a link in place of a folder meanwhile, that is an error, and no file outside is touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workshop.daemon.daemon import Bound

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# as many as Docker follows: moby pkg/symlink/fs.go
MOST_LINKS = 255


class Outside(Exception):
    """The path is in none of the container's volumes."""


@dataclass(frozen=True)
class Spot:
    """A place in a volume: the path in the container, the volume, and the names from its root on."""

    path: str
    volume: Bound
    names: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What is at a spot: its mode as os.lstat has it, 0 for nothing; and where a link leads."""

    spot: Spot
    mode: int
    target: str = ""

    @property
    def exists(self) -> bool:
        return self.mode != 0

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


def clean(path: str) -> str:
    """Return an absolute path without ".", ".." and double slashes, as Go's filepath.Join("/", path) does."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def means_folder(path: str) -> bool:
    """Tell whether a path ends in a slash, or in a component ".": then only a folder is meant."""
    return path.endswith("/") or os.path.basename(path) == "."


class View:
    """The volumes of a container, by its own paths."""

    def __init__(self, bound: Sequence[Bound]) -> None:
        self.volumes = {clean(each.destination): each for each in bound}

    def look(self, path: str) -> Found:
        """Return what is at a path; a link is not followed, unless the path says that a folder is meant.

        Raises Outside, and OSError if something above it is not a folder. Nothing above it is no error: there is
        nothing at the path, then.
        """
        spot = self.follow(path, means_folder(path))
        try:
            with self.parent(spot) as (folder, name):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                return Found(spot, mode, os.readlink(name, dir_fd=folder) if stat.S_ISLNK(mode) else "")
        except FileNotFoundError:
            return Found(spot, 0)

    def follow(self, path: str, last: bool) -> Spot:
        """Return where a path leads. Raises Outside, OSError. last is whether a link at its end is followed, too."""
        ahead = clean(path).strip("/").split("/")
        done: list[str] = []
        links = 0
        while ahead:
            name = ahead.pop(0)
            if name == "..":
                done = done[:-1]
            elif name not in ("", "."):
                target = self.link("/" + "/".join([*done, name])) if ahead or last else ""
                links += bool(target)
                if links > MOST_LINKS:
                    raise OSError(0, "too many links", path)
                done = [] if target.startswith("/") else done if target else [*done, name]
                ahead = [*target.split("/"), *ahead] if target else ahead
        return self.spot("/" + "/".join(done))

    def link(self, path: str) -> str:
        """Return where a link leads, "" for what is not a link. Links outside of the volumes are not known."""
        try:
            with self.parent(self.spot(path)) as (folder, name):
                return os.readlink(name, dir_fd=folder) if name != "." else ""
        except (Outside, FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            if error.errno == errno.EINVAL:  # it is not a link
                return ""
            raise

    def spot(self, path: str) -> Spot:
        """Return the volume that has a path, the innermost one. Raises Outside."""
        place = path
        while place not in self.volumes:
            if place == "/":
                raise Outside(path)
            place = os.path.dirname(place)
        names = tuple(name for name in path[len(place) :].split("/") if name)
        return Spot(path, self.volumes[place], names)

    def holds_another(self, spot: Spot) -> bool:
        """Tell whether another volume is somewhere below."""
        return any(place.startswith(spot.path.rstrip("/") + "/") for place in self.volumes)

    @contextlib.contextmanager
    def parent(self, spot: Spot) -> Iterator[tuple[int, str]]:
        """Open the folder above a spot; yield it with the name in it. The root of a volume is "." in itself."""
        if not os.path.isabs(spot.volume.source):
            raise FileNotFoundError(errno.ENOENT, "the driver's mountpoint is not absolute", spot.volume.source)
        with contextlib.ExitStack() as opened:
            folder = os.open(spot.volume.source, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, folder)
            for name in spot.names[:-1]:
                folder = open_folder(name, folder)
                opened.callback(os.close, folder)
            yield folder, spot.names[-1] if spot.names else "."


def open_folder(name: str, above: int) -> int:
    """Open a folder in another one. Raises OSError if it is a link, or no folder."""
    return os.open(name, FOLDER, dir_fd=above)
