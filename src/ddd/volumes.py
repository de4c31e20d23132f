"""Volumes on the disk: made, found, listed, and removed whole."""

import contextlib
import datetime
import errno
import fcntl
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator

from ddd import locks, options, trash, users
from ddd.folders import Damaged, found_at, opened, require_folder, require_writable

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
"""What a volume's name and a mount ID may be: nothing that leads out of the root. Docker checks neither."""

logger = logging.getLogger(__name__)


class NoSuchVolume(Exception):
    """There is no volume of this name; the text says so in a sentence."""


class InUse(Exception):
    """The volume cannot be removed; the text says in a sentence who may use it."""


class Volumes:
    """All volumes under one root.

    volumes/NAME is a volume: `data` has its files, `mounts` the records of its Mounts. `aside` has what is not yet a
    volume or a record, and what no longer is one.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)  # a link to a data disk is followed only here: Docker gets the real path
        self.folder = os.path.join(self.root, "volumes")
        self.aside = os.path.join(self.root, "aside")
        self.began_with: os.stat_result | None = None

    def prepare(self) -> None:
        """Make the folders, and lock the root until this process exits. If that fails, exit with a sentence."""
        try:
            self.root.encode()
            os.makedirs(self.root, 0o700, exist_ok=True)
            for folder in (self.folder, self.aside):
                os.makedirs(folder, 0o700, exist_ok=True)
                with opened(folder) as descriptor:
                    os.chmod(descriptor, 0o700)
            locks.take(self.root)
        except UnicodeEncodeError:
            sys.exit(f"{self.root!r} is not UTF-8, as Docker needs it. Choose a folder with DDD_ROOT=…")
        except locks.Taken as error:
            sys.exit(str(error))
        except OSError as error:
            place = f"No volumes can be kept in {self.root}: {error.strerror}."
            sys.exit(f"{place} Run as root, or choose a folder with DDD_ROOT=…")
        self.attach()

    def attach(self) -> None:
        """Work in a root that a plugin has prepared: make nothing, and lock nothing. Raises OSError."""
        self.began_with = os.stat(self.folder)

    def check(self) -> None:
        """Look for what every call needs: both folders, and a disk that takes writes. Raises OSError."""
        with self.open_all() as volumes, opened(self.aside):
            require_writable(volumes, self.root)

    def mountpoint(self, name: str) -> str:
        """Return the folder that a container gets."""
        return f"{self.folder}/{name}/data"

    def create(self, name: str, wanted: options.Options | None = None) -> None:
        """Make a volume: first aside, so that no call ever sees half of it. An existing one stays as it is.

        Raises Damaged if the existing one is not whole, and OtherOptions if it does not have what is wanted.
        """
        with self.open_all() as volumes:
            fresh = self.fresh()
            try:
                for folder, mode in ((fresh, 0o700), (f"{fresh}/mounts", 0o700), (f"{fresh}/data", 0o755)):
                    os.mkdir(folder)
                    os.chmod(folder, mode)
                if wanted:
                    with opened(f"{fresh}/data") as data:
                        options.apply(data, wanted)
                        os.fsync(data)
                with opened(fresh) as descriptor:
                    os.fsync(descriptor)
                os.rename(fresh, name, dst_dir_fd=volumes)
            except OSError as error:
                self.delete(fresh)
                require_folder(f"{self.folder}/{name}", volumes)
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                try:
                    self.compare(name, wanted or {}, volumes)
                except NoSuchVolume:  # a Remove has come meanwhile
                    self.create(name, wanted)
            # what is answered outlasts a power cut
            os.fsync(volumes)

    def compare(self, name: str, wanted: options.Options, volumes: int) -> None:
        """Raise OtherOptions if the data folder does not have what is wanted now: a container may have changed it."""
        with self.open_one(name, volumes) as volume:
            has = options.differences(os.lstat("data", dir_fd=volume), wanted)
        if has:
            instead = "Leave out these options, or take another name."
            raise options.OtherOptions(f"Volume {name} exists, and its data folder has {has}. {instead}")

    def names(self) -> list[str]:
        """Return the names of all volumes, sorted, damaged ones too: Docker forgets one that List does not name."""
        with self.open_all() as volumes:
            return sorted(filter(NAME.fullmatch, os.listdir(volumes)))

    def created(self, name: str) -> datetime.datetime:
        """Return when a volume was made. Raises NoSuchVolume."""
        with self.open_one(name) as volume:
            return datetime.datetime.fromtimestamp(os.stat(volume).st_mtime, datetime.UTC)

    def mount(self, name: str, mount_id: str, pid: int) -> None:
        """Record that a process mounts a volume with this ID. Raises NoSuchVolume."""
        with self.open_one(name) as volume, users.opened_mounts(volume) as mounts:
            users.add(mounts, mount_id, pid, self.fresh())

    def unmount(self, name: str, mount_id: str) -> None:
        """Delete one record of this ID. Raises NoSuchVolume."""
        with self.open_one(name) as volume, users.opened_mounts(volume) as mounts:
            users.drop(mounts, mount_id)

    def remove(self, name: str) -> str:
        """Move a volume aside, and return the path to delete. Raises NoSuchVolume, InUse."""
        with self.open_all() as volumes, self.open_one(name, volumes) as volume:
            with users.opened_mounts(volume) as mounts:
                if user := users.user_of(volume, mounts):
                    raise InUse(f"Volume {name} is in use: {user}.")
            gone = self.fresh()
            os.rename(name, gone, src_dir_fd=volumes)
            try:
                os.fsync(volumes)
            except OSError:
                # the error tells Docker that the volume is still there, so it has to be
                with contextlib.suppress(OSError):
                    os.rename(gone, name, dst_dir_fd=volumes)
                if not os.path.lexists(gone):
                    raise
        return gone

    def delete(self, path: str) -> None:
        """Delete what was moved aside. If it stays, the log says why."""
        if reason := trash.delete(path):
            logger.error("%s is not deleted: %s", path, reason)

    def left_aside(self) -> list[str]:
        """Return the paths that an earlier run left aside when it was killed. Call this before the first call comes."""
        # a file with another name belongs to somebody else
        return [f"{self.aside}/{entry}" for entry in os.listdir(self.aside) if re.fullmatch("[0-9a-f]{32}", entry)]

    def clear(self, left: list[str]) -> None:
        """Delete what an earlier run left aside."""
        for path in left:
            self.delete(path)

    def fresh(self) -> str:
        """Return a new path in `aside`."""
        return os.path.join(self.aside, secrets.token_hex(16))

    @contextlib.contextmanager
    def open_all(self) -> Iterator[int]:
        """Open the folder of all volumes, if it is the one that the plugin began with.

        If the disk is not mounted, its empty folder must not look as if all volumes had been removed.
        """
        with opened(self.folder) as volumes:
            if self.began_with is None or not os.path.samestat(os.stat(volumes), self.began_with):
                raise OSError(errno.ESTALE, "Not the folder that the plugin began with", self.folder)
            yield volumes

    @contextlib.contextmanager
    def open_one(self, name: str, inside: int | None = None) -> Iterator[int]:
        """Open a volume, in that open folder, and make other calls for it wait. Raises NoSuchVolume, Damaged."""
        with contextlib.ExitStack() as stack:
            volumes = stack.enter_context(self.open_all()) if inside is None else inside
            try:
                volume = stack.enter_context(opened(name, inside=volumes))
                fcntl.flock(volume, fcntl.LOCK_EX)
                # the call before this one may have been a Remove
                there = os.path.samestat(os.stat(volume), os.lstat(name, dir_fd=volumes))
            except (FileNotFoundError, NotADirectoryError):
                there = False
            if not there:
                require_folder(f"{self.folder}/{name}", volumes)
                raise NoSuchVolume(f"There is no volume {name}.")
            if (found := found_at("data", volume)) != "a folder":
                raise Damaged.at(self.mountpoint(name), found)
            yield volume
