"""Volume drivers as the daemon knows them: found, activated, asked, and what it makes of the answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from workshop.daemon.calls import GIVE_UP, Broken, Client, DriverError
from workshop.protocol.discovery import DiscoveryError, Found, NotFound
from workshop.protocol.exchange import Address

WRONG_KIND = "Plugin does not implement the requested driver"
NO_DATE = "0001-01-01T00:00:00Z"


@dataclass
class Volume:
    """A volume as its driver describes it."""

    name: str
    driver: str
    mountpoint: str = ""
    created_at: str = NO_DATE
    status: dict[str, Any] | None = None


def _volume_of(told: dict[str, Any], driver: str) -> Volume:
    """Return the volume of an answer of Get or List. Source: adapter.go (Get, List)."""
    return Volume(told["Name"], driver, told["Mountpoint"], told["CreatedAt"] or NO_DATE, told["Status"] or None)


class Plugin:
    """A driver behind an address. memory is what the daemon keeps of it until its next start: {"scope": ""}."""

    def __init__(self, name: str, address: Address, client: Client, memory: MutableMapping[str, Any]) -> None:
        self.name = name
        self.address = address
        self.client = client
        self.memory = memory

    def call(self, method: str, **body: Any) -> dict[str, Any]:
        """Call a method of the driver. Raises DriverError."""
        return self.client.call(self.address, f"VolumeDriver.{method}", body)

    def scope(self) -> str:
        """Return "local" or "global". Ask for Capabilities until there is a good answer; a failure counts as local."""
        if not self.memory.get("scope"):
            try:
                scope = self.call("Capabilities")["Capabilities"]["Scope"].lower()
            except DriverError:
                return "local"
            self.memory["scope"] = scope if scope in ("local", "global") else "local"
        return str(self.memory["scope"])

    def get(self, name: str) -> Volume | None:
        """Return a volume, None if the driver has none of that name: any error is a no. Raises Broken."""
        try:
            told = self.call("Get", Name=name)["Volume"]
        except Broken:
            raise
        except DriverError:
            return None
        return None if told is None else _volume_of(told, self.name)

    def create(self, name: str, options: Mapping[str, str] | None) -> Volume:
        """Make a volume. Raises DriverError. Do not ask for the result."""
        self.call("Create", Name=name, Opts=options)
        return Volume(name, self.name)

    def remove(self, name: str) -> None:
        """Remove a volume. Raises DriverError."""
        self.call("Remove", Name=name)

    def mount(self, name: str, mount_id: str) -> str:
        """Return the folder of a volume for one that uses it under this ID. Raises DriverError."""
        return str(self.call("Mount", Name=name, ID=mount_id)["Mountpoint"])

    def unmount(self, name: str, mount_id: str) -> None:
        """End the use of a volume under this ID. Raises DriverError."""
        self.call("Unmount", Name=name, ID=mount_id)

    def list(self) -> list[Volume]:
        """Return all volumes. Raises DriverError."""
        told = [each for each in self.call("List")["Volumes"] or [] if each is not None]
        return [_volume_of({**each, "CreatedAt": "", "Status": None}, self.name) for each in told]


class Drivers:
    """The plugins that a daemon knows. memory holds, for each that was activated, what is kept until the next start.

    fixed is for a daemon with one plugin, at this address.
    """

    def __init__(
        self,
        locate: Callable[[str], Found],
        scan: Callable[[], list[str]],
        client: Client,
        memory: Callable[[], MutableMapping[str, dict[str, Any]]],
        fixed: Address | None = None,
    ) -> None:
        self.locate = locate
        self.scan = scan
        self.client = client
        self.memory = memory
        self.fixed = fixed

    def get(self, name: str) -> Plugin:
        """Return a driver, activated first, and asked for its scope. Raises DriverError in Docker's words.

        Source: extpoint.go (lookup, validateDriver).
        """
        kept = self.memory().get(name, {})
        if kept.get("driver"):
            return self.plugin(name, kept)
        try:
            kept = self.load(name, look_again=True)
        except NotFound as error:
            raise DriverError(f"error looking up volume plugin {name}: {error}") from None
        except (DiscoveryError, DriverError) as error:
            raise DriverError(f"error looking up volume plugin {name}: legacy plugin: {error}") from None
        if "VolumeDriver" not in kept["implements"]:
            raise DriverError(f"error looking up volume plugin {name}: legacy plugin: {WRONG_KIND}")
        plugin = self.plugin(name, kept)
        plugin.scope()
        kept["driver"] = True
        return plugin

    def all(self) -> list[Plugin]:
        """Return every driver: those in use, then those found in the places where Docker looks.

        Each plugin found is activated, whatever it is for; one that fails is left out. Source: extpoint.go
        (GetAllDrivers), moby pkg/plugins/plugins.go (GetAll).
        """
        for name in dict.fromkeys(self.scan()):
            with contextlib.suppress(DiscoveryError, DriverError):
                kept = self.memory().get(name) or self.load(name, look_again=False)
                kept["driver"] = "VolumeDriver" in kept["implements"]
        return [self.plugin(name, kept) for name, kept in self.memory().items() if kept.get("driver")]

    def plugin(self, name: str, kept: MutableMapping[str, Any]) -> Plugin:
        """Return the driver from its record."""
        return Plugin(name, self.fixed or Found(kept["url"], kept["tls"]).address(), self.client, kept)

    def load(self, name: str, look_again: bool) -> dict[str, Any]:
        """Find and activate a plugin, and keep what it says. Raises DiscoveryError or DriverError."""
        if name in self.memory():
            return self.memory()[name]
        found = self.search(name) if look_again else self.locate(name)
        said = self.client.call(self.fixed or found.address(), "Plugin.Activate", None)
        tls = None if found.tls is None else dict(found.tls)
        self.memory()[name] = {
            "url": found.url,
            "tls": tls,
            "implements": said["Implements"] or [],
            "scope": "",
            "driver": False,
        }
        return self.memory()[name]

    def search(self, name: str) -> Found:
        """Look for a plugin, and again for 15 s: it may be about to start. Raises DiscoveryError."""
        begun, wait = self.client.clock.now(), 1.0
        while True:
            try:
                return self.locate(name)
            except DiscoveryError:
                if self.client.clock.now() - begun + wait >= GIVE_UP:
                    raise
            self.client.clock.sleep(wait)
            wait *= 2
