"""docker cp, as exchanges and as copies: a container's volumes are mounted for it, whether it runs or not.

Source: moby daemon/archive.go: to copy into a container docker first asks what is there, which mounts once more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from workshop.daemon import Bound, Daemon, DockerError
from workshop.practice.mounts import WrongFlag


def copy(daemon: Daemon, source: str, target: str) -> None:
    """Copy; either source or target is CONTAINER:/PATH. Raises DockerError, WrongFlag."""
    outward, inward = ":" in source, ":" in target
    if outward == inward:
        raise WrongFlag("One of the two is in a container:\n    ./workshop docker cp CONTAINER:/data/file .")
    if outward:
        name, path = source.split(":", 1)
        take(daemon, name, path, target)
    else:
        name, path = target.split(":", 1)
        put(daemon, source, name, path)


def take(daemon: Daemon, name: str, path: str, target: str) -> None:
    """Copy out of a container."""
    with daemon.container_volumes(daemon.container(name)) as bound:
        found = place(path, bound)
        if not found.exists():
            missing = f"Could not find the file {path} in container {name}"
            raise DockerError(f"No such container:path: {name}:{path}" if daemon.shape == "20.10" else missing)
        duplicate(found, Path(target), Path(path).name)


def put(daemon: Daemon, source: str, name: str, path: str) -> None:
    """Copy into a container."""
    if not os.path.lexists(source):
        raise WrongFlag(f"lstat {os.path.abspath(source)}: no such file or directory")
    with daemon.container_volumes(daemon.container(name)) as bound:
        inside = place(path, bound).is_dir()
    with daemon.container_volumes(daemon.container(name)) as bound:
        if not inside and not place(path, bound).parent.is_dir():
            raise DockerError(f"Could not find the file {os.path.dirname(path)} in container {name}")
        duplicate(Path(source), place(path, bound), Path(source).name)


def place(path: str, bound: Sequence[Bound]) -> Path:
    """Return where a path of a container is on this machine: in a volume, or else under its own name."""
    path = os.path.normpath(os.path.join("/", path))
    for each in sorted(bound, key=lambda each: len(each.destination), reverse=True):
        if Path(path).is_relative_to(each.destination):
            return Path(each.source, os.path.relpath(path, each.destination))
    return Path(path)


def duplicate(source: Path, target: Path, name: str) -> None:
    """Copy a file or folder to a place, or into the folder that is there. Raises DockerError."""
    target = target / name if target.is_dir() else target
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target, follow_symlinks=False)
    except OSError as error:
        raise DockerError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None
