"""Docker's own driver: local volumes, which need no plugin. Source: moby daemon/volume/local/local.go."""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

from workshop.daemon.calls import DriverError
from workshop.daemon.drivers import Volume


class Local:
    """The volumes of the driver "local". memory holds their names and dates; their files are in folder, if any."""

    name = "local"

    def __init__(self, memory: Callable[[], MutableMapping[str, str]], folder: Path | None) -> None:
        self.memory = memory
        self.folder = folder

    def scope(self) -> str:
        """Return "local"."""
        return "local"

    def place(self, name: str) -> Path:
        """Return where the files of a volume are."""
        return (self.folder or Path("/var/lib/docker/volumes")) / name / "_data"

    def get(self, name: str) -> Volume | None:
        """Return a volume, None if there is none of that name."""
        return Volume(name, "local", str(self.place(name)), self.memory()[name]) if name in self.memory() else None

    def create(self, name: str, options: Mapping[str, str] | None) -> Volume:
        """Make a volume. Raises DriverError: of all drivers only this one has a rule for names."""
        if len(name) == 1:
            raise DriverError("volume name is too short, names should be at least two alphanumeric characters")
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
            wrong = f'"{name}" includes invalid characters for a local volume name'
            rule = 'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'
            hint = "If you intended to pass a host directory, use absolute path"
            raise DriverError(f"{wrong}, {rule}. {hint}")
        if set(options or ()) & {"type", "o", "device", "size"}:
            raise DriverError("the local volumes of the practice daemon take no options: leave out -o")
        if options:
            raise DriverError(f'invalid option: "{next(iter(options))}"')
        if self.folder:
            try:
                self.place(name).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                wrong = f"mkdir {error.filename}: {(error.strerror or str(error)).lower()}"
                raise DriverError(f"error while creating volume root path: {wrong}") from None
        self.memory()[name] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Volume(name, "local", str(self.place(name)), self.memory()[name])

    def remove(self, name: str) -> None:
        """Remove a volume with its files."""
        self.memory().pop(name, None)
        if self.folder:
            shutil.rmtree(self.place(name).parent, ignore_errors=True)

    def mount(self, name: str, mount_id: str) -> str:
        """Return the folder of a volume."""
        return str(self.place(name))

    def unmount(self, name: str, mount_id: str) -> None:
        """Nothing is to be done."""

    def list(self) -> list[Volume]:
        """Return all volumes."""
        return [volume for name in self.memory() if (volume := self.get(name))]
