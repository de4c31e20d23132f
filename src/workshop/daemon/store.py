"""The daemon's store of volumes: what it remembers of each, and which driver it asks to confirm that.

Source: moby daemon/volume/service/store.go, whose functions these are; on releases up to 28 under volume/service.
"""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from workshop.daemon.calls import Broken, Client, DriverError
from workshop.daemon.drivers import Drivers, Volume
from workshop.daemon.local import Local
from workshop.protocol.discovery import Found, Places, locate, scan
from workshop.protocol.exchange import Address

UNIQUE = "volume name must be unique"
LOST = (
    "found references to volume '{name}' in driver '{owner}' but the volume was not found in the driver -- "
    "you may need to remove containers referencing this volume or force remove the volume to re-create it"
)
Options = Mapping[str, str] | None


class DockerError(Exception):
    """What docker prints after "Error response from daemon: "."""


class NoSuchVolume(DockerError):
    """No driver has the volume. docker 20.10 prints this in other words than other errors."""

    def __init__(self, name: str) -> None:
        super().__init__(f"get {name}: no such volume")
        self.name = name


class NoSuchContainer(DockerError):
    """There is no container of this ID or name, nor one whose ID begins with it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}")


class Unnamed(DockerError):
    """The name of a container or volume is empty: docker does not ask the daemon then."""

    def __init__(self, what: str, text: str = "") -> None:
        super().__init__(text or f"invalid {what} name or ID: value is empty")
        self.what = what


class Driver(Protocol):
    """What a daemon asks of a driver: a plugin's, or its own for local volumes."""

    name: str

    def scope(self) -> str: ...
    def get(self, name: str) -> Volume | None: ...
    def create(self, name: str, options: Options) -> Volume: ...
    def remove(self, name: str) -> None: ...
    def mount(self, name: str, mount_id: str) -> str: ...
    def unmount(self, name: str, mount_id: str) -> None: ...
    def list(self) -> list[Volume]: ...


class Record:
    """What a daemon remembers, in memory. `with record:` is around each of its verbs; practice.py keeps one on disk."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Any]] = {"plugins": {}, "volumes": {}, "containers": {}, "local": {}}

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Store:
    """The volumes that a daemon knows, and the drivers that it asks for them."""

    def __init__(self, plugins: Places | Address, client: Client, record: Record, folder: Path | None) -> None:
        self.record = record
        self.drivers = _drivers_at(plugins, client, record)
        self.local = Local(lambda: record.data["local"], folder)

    @property
    def volumes(self) -> dict[str, Any]:
        """The record of volumes: name -> driver, labels, options."""
        return self.record.data["volumes"]

    @property
    def containers(self) -> dict[str, Any]:
        """The record of containers, by ID."""
        return self.record.data["containers"]

    def create(self, name: str, driver: str, options: Options, labels: Options) -> Volume:
        """Return the volume of a name, made if need be. Raises DockerError. Source: store.go (create)."""
        try:
            known = self.known(name, driver) or (None if driver else self.look_up(name))
            if known:
                return known
            makes = self.driver(driver or "local")
            volume = None
            with contextlib.suppress(Broken):  # if Get fails, Create is still tried
                volume = makes.get(name)
            volume = volume or makes.create(name, options)
        except (DockerError, DriverError) as error:
            raise DockerError(f"create {name}: {error}") from None
        self.volumes[name] = {"driver": makes.name, "labels": labels, "options": options}
        makes.scope()
        return volume

    def known(self, name: str, driver: str) -> Volume | None:
        """Return the volume of the record that has this name, if its driver still has it. Source: checkConflict."""
        if name not in self.volumes:
            return None
        owner = self.volumes[name]["driver"]
        conflict = bool(driver) and self.driver(driver).name != owner
        try:
            volume = self.ask(owner, name)
        except DockerError as error:
            found = f"found reference to volume '{name}' in driver '{owner}'"
            raise DockerError(f"{found}, but got an error while checking the driver: {error}: {UNIQUE}") from None
        if volume and conflict:
            raise DockerError(f"driver '{owner}' already has volume '{name}': {UNIQUE}")
        if not volume:
            self.forget(name, owner)
        return volume

    def forget(self, name: str, owner: str) -> None:
        """Take a volume out of the record if its driver no longer has it. Raises DockerError if a container has it."""
        if self.users(name):
            raise DockerError(f"{LOST.format(name=name, owner=owner)}: {UNIQUE}")
        self.volumes.pop(name, None)

    def get(self, name: str) -> Volume:
        """Return a volume. Raises DockerError, NoSuchVolume if there is none. Source: store.go (Get)."""
        try:
            volume = self.look_up(name)
        except (DockerError, DriverError) as error:
            raise DockerError(f"get {name}: {error}") from None
        if not volume:
            raise NoSuchVolume(name)
        return volume

    def look_up(self, name: str) -> Volume | None:
        """Return what a driver says of a volume: its own, or else the first that has it. Source: store.go (getVolume).

        An error of the driver removes the volume's record, with its labels. Raises DockerError if no answer comes.
        """
        kept = self.volumes.get(name)
        if kept:
            volume = self.ask(kept["driver"], name)
            if not volume:
                self.volumes.pop(name, None)
        else:
            volume = self.probe(name)
        if volume:
            self.driver(volume.driver).scope()
        return volume

    def probe(self, name: str) -> Volume | None:
        """Ask every driver for a volume that is not in the record."""
        for driver in self.all_drivers():
            with contextlib.suppress(DriverError):
                volume = driver.get(name)
                if volume:
                    self.volumes[name] = {"driver": driver.name, "labels": None, "options": None}
                    return volume
        return None

    def ask(self, driver: str, name: str) -> Volume | None:
        """Return what the driver's Get says. Raises DockerError if no answer comes. Source: lookupVolume."""
        try:
            return self.driver(driver).get(name)
        except (DockerError, DriverError) as error:
            raise DockerError(f'error while checking if volume "{name}" exists in driver "{driver}": {error}') from None

    def remove(self, name: str, volume: Volume, force: bool) -> None:
        """Have the driver remove a volume. Raises DockerError."""
        try:
            self.driver(volume.driver).remove(volume.name)
            force = True
        except (DockerError, DriverError) as error:
            raise DockerError(f"remove {name}: {error}") from None
        finally:
            if force:
                self.volumes.pop(name, None)

    def list(self) -> list[Volume]:
        """Return the volumes of all drivers; of one that cannot list, those in the record. Source: list, Find."""
        found: list[Volume] = []
        for driver in self.all_drivers():
            try:
                listed = driver.list()
            except DriverError:
                kept = self.volumes
                listed = [Volume(name, driver.name) for name, each in kept.items() if each["driver"] == driver.name]
            for volume in listed:
                driver.scope()
                # if two drivers have a volume of this name, the one in the record counts
                if self.volumes.get(volume.name, {"driver": driver.name})["driver"] == driver.name:
                    found.append(volume)
        return found

    def users(self, name: str) -> builtins.list[str]:
        """Return the IDs of the containers, running or not, that have a volume."""
        everyone = self.containers.values()
        return [each["id"] for each in everyone if any(point["name"] == name for point in each["points"])]

    def driver(self, name: str) -> Driver:
        """Return a driver, activated. Raises DockerError."""
        try:
            return self.local if name == "local" else self.drivers.get(name)
        except DriverError as error:
            raise DockerError(str(error)) from None

    def all_drivers(self) -> builtins.list[Driver]:
        """Return Docker's own driver and those of all plugins."""
        return [self.local, *self.drivers.all()]


def _drivers_at(plugins: Places | Address, client: Client, record: Record) -> Drivers:
    """Return the plugins of these places, or the one at an address."""
    memory = lambda: record.data["plugins"]  # noqa: E731 - the record on disk is read again before each verb
    if isinstance(plugins, Places):
        return Drivers(lambda name: locate(name, plugins), lambda: scan(plugins), client, memory)
    return Drivers(lambda name: Found(str(plugins)), lambda: [], client, memory, plugins)
