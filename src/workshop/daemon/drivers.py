"""How the daemon calls a volume driver: activation, retries, time limits, and what it makes of the answers.

Sources: moby pkg/plugins/client.go (callWithRetry) and plugins.go (loadWithRetry), daemon/volume/drivers (extpoint.go,
proxy.go, adapter.go), on releases up to 28 under volume/drivers.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

from workshop import gojson
from workshop.discovery import DiscoveryError, Found, NotFound
from workshop.wire import HOSTS, Address, Exchange, as_go_reads, failure, read_answer, request, to_json

# in seconds; Docker waits for Create and Mount twice as long as for the others, and for Plugin.Activate for ever
LIMITS = {"VolumeDriver.Create": 120.0, "VolumeDriver.Mount": 120.0, "Plugin.Activate": 1e6}
LIMIT = 60.0
# after 1, 2, 4 and 8 s comes another attempt; the next one would be later than this
GIVE_UP = 30.0
# what Go leaves in a host as it is, beside letters and digits. Source: net/url url.go (shouldEscape)
IN_A_HOST = "-_.~!$&'()*+,;=:[]<>\""
WRONG_KIND = "Plugin does not implement the requested driver"
ZONED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:\d\d)")
NO_DATE = "0001-01-01T00:00:00Z"
Type = TypeVar("Type")


class DriverError(Exception):
    """What a driver answered instead of what was wanted, in Docker's words."""


class Broken(DriverError):
    """No answer came. Only this is no "no" to Docker."""


class Clock:
    """The time, and waiting. Tests have one that need not wait."""

    def now(self) -> float:
        """Return seconds, from some start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass
class Attempt:
    """One exchange, and where it failed: whether the request had been sent by then, and Go's words for it."""

    exchange: Exchange
    sent: bool = False
    wrong: str = ""


def attempt(address: Address, endpoint: str, data: bytes, limit: float) -> Attempt:
    """Send a request on a new connection, and return what came of it. limit bounds each wait, in seconds."""
    result = Attempt(Exchange(endpoint, data))
    begun = time.perf_counter()
    try:
        with address.connect(limit) as connection:
            result.sent = True
            # a plugin may refuse a large body before it has read all of it: what it answered still counts
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            read_answer(connection, result.exchange)
    except (OSError, http.client.HTTPException) as error:
        result.exchange.status, result.exchange.failure = 0, failure(error)
        result.wrong = in_go(error, address, result.sent)
    result.exchange.seconds = time.perf_counter() - begun
    return result


def in_go(error: Exception, address: Address, connected: bool) -> str:
    """Return what Go's http client says of an error."""
    where = f"unix {address.path}" if address.path else f"tcp {address.host}:{address.port}"
    match error:
        case TimeoutError():
            return "context deadline exceeded"
        case http.client.RemoteDisconnected():
            return "EOF"
        case http.client.BadStatusLine():
            return f"malformed HTTP response {gojson.quoted_text(str(error))}"
        case ConnectionResetError() | BrokenPipeError() if connected:
            return f"read {where}: connection reset by peer"
        case OSError(strerror=str(words)) if not connected and error.errno:
            return f"dial {where}: connect: {words.lower()}"
        case _:
            return str(error)


@dataclass
class Line:
    """How a daemon calls: as which engine, who is told of each exchange, and by which clock it waits."""

    shape: str
    told: Callable[[Exchange], None]
    clock: Clock

    def call(self, address: Address, endpoint: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the object that is answered. Raises DriverError, Broken where no answer comes after all attempts."""
        answer = self.answered(address, endpoint, None if body is None else to_json(body))
        if answer.status != 200:
            raise DriverError(f"{endpoint}: {answer.err or answer.text}")
        return decoded(answer)

    def answered(self, address: Address, endpoint: str, body: bytes | None) -> Exchange:
        """Return the first answer, whatever it says: Docker repeats only what was not answered. Raises Broken."""
        begun, wait = self.clock.now(), 1.0
        while True:
            sent = request(endpoint, body, self.shape, host=host_header(address))
            made = attempt(address, endpoint, sent, LIMITS.get(endpoint, LIMIT))
            self.told(made.exchange)
            if made.exchange.status:
                return made.exchange
            if self.clock.now() - begun + wait >= GIVE_UP:
                raise Broken(f'Post "{url(address, self.shape)}/{endpoint}": {made.wrong}')
            self.clock.sleep(wait)
            wait *= 2
            # what was sent is lost: Docker sends the rest of a buffer that it has read to its end (moby issue 39331)
            body = b"" if made.sent else body


def host_header(address: Address) -> str | None:
    """Return what Docker names in Host over TCP; None for a socket, where it depends on the engine."""
    if address.path:
        return None
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def url(address: Address, shape: str) -> str:
    """Return the URL that Docker names in an error: before 20.10.26 a socket's path stood for the host."""
    if address.path:
        return f"http://{HOSTS[shape] or urllib.parse.quote(address.path, safe=IN_A_HOST)}"
    return f"{'https' if address.tls else 'http'}://{host_header(address)}"


def decoded(answer: Exchange) -> dict[str, Any]:
    """Return the object in an answer of status 200. Raises DriverError where there is none, or Err says something."""
    try:
        value = as_go_reads(gojson.decode(answer.text))
    except ValueError as error:
        raise DriverError(str(error)) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DriverError(f"json: cannot unmarshal {gojson.kind(value)} into Go value")
    err = typed(value.get("Err"), str, ".Err of type string")
    if err:
        raise DriverError(err)
    return value


def typed(value: Any, wanted: type[Type], field: str) -> Type:
    """Return a value of an answer, an empty one for null. Raises DriverError where it is of another type.

    field is Go's name for where it is to go, as far as it is the same in all releases.
    """
    if value is None:
        return wanted()
    if not isinstance(value, wanted):
        raise DriverError(f"json: cannot unmarshal {gojson.kind(value)} into Go struct field {field}")
    return value


@dataclass
class Volume:
    """A volume as its driver tells of it."""

    name: str
    driver: str
    mountpoint: str = ""
    created_at: str = NO_DATE
    status: dict[str, Any] | None = None


def volume_of(told: Any, driver: str) -> Volume | None:
    """Return the volume of an answer of Get or List. Raises DriverError where Go could not read it.

    Source: adapter.go (Get, List): CreatedAt is a time with its zone, or absent.
    """
    told = typed(told, dict, ".Volume")
    if not told:
        return None
    name, mountpoint = (typed(told.get(key), str, f".{key} of type string") for key in ("Name", "Mountpoint"))
    status = typed(told.get("Status"), dict, ".Status of type map[string]interface {}")
    volume = Volume(name, driver, mountpoint, status=status or None)
    created = told.get("CreatedAt")
    if created is not None:
        time_of_day = ZONED.fullmatch(created) if isinstance(created, str) else None
        if not time_of_day:
            raise DriverError(f"parsing time {json.dumps(created)}: it is no time with its zone, as RFC 3339 has it")
        volume.created_at = time_of_day[1] + time_of_day[2].replace("+00:00", "Z")
    return volume


class Plugin:
    """A driver behind an address. memory is what the daemon keeps of it until its next start: {"scope": ""}."""

    def __init__(self, name: str, address: Address, line: Line, memory: MutableMapping[str, Any]) -> None:
        self.name = name
        self.address = address
        self.line = line
        self.memory = memory

    def call(self, method: str, **body: Any) -> dict[str, Any]:
        """Call a method of the driver. Raises DriverError."""
        return self.line.call(self.address, f"VolumeDriver.{method}", body)

    def scope(self) -> str:
        """Return "local" or "global". Capabilities is asked until it is answered well; what fails counts as local."""
        if not self.memory.get("scope"):
            try:
                said = typed(self.call("Capabilities").get("Capabilities"), dict, ".Capabilities")
                scope = typed(said.get("Scope"), str, ".Scope of type string").lower()
            except DriverError:
                return "local"
            self.memory["scope"] = scope if scope in ("local", "global") else "local"
        return str(self.memory["scope"])

    def get(self, name: str) -> Volume | None:
        """Return a volume, None where the driver has none of that name: any error is a no. Raises Broken."""
        try:
            return volume_of(self.call("Get", Name=name).get("Volume"), self.name)
        except Broken:
            raise
        except DriverError:
            return None

    def create(self, name: str, options: Mapping[str, str] | None) -> Volume:
        """Make a volume. Raises DriverError. What the driver made of it is not asked."""
        self.call("Create", Name=name, Opts=options)
        return Volume(name, self.name)

    def remove(self, name: str) -> None:
        """Remove a volume. Raises DriverError."""
        self.call("Remove", Name=name)

    def mount(self, name: str, mount_id: str) -> str:
        """Return the folder of a volume for one that uses it under this ID. Raises DriverError."""
        told = self.call("Mount", Name=name, ID=mount_id).get("Mountpoint")
        return typed(told, str, "volumeDriverProxyMountResponse.Mountpoint of type string")

    def unmount(self, name: str, mount_id: str) -> None:
        """End the use of a volume under this ID. Raises DriverError."""
        self.call("Unmount", Name=name, ID=mount_id)

    def list(self) -> list[Volume]:
        """Return all volumes. Raises DriverError."""
        told = typed(self.call("List").get("Volumes"), list, ".Volumes")
        undated = [{**typed(each, dict, ".Volumes"), "CreatedAt": None} for each in told if each is not None]
        return [volume for each in undated if (volume := volume_of(each, self.name))]


class Drivers:
    """The plugins that a daemon knows. memory holds, for each that was activated, what is kept until the next start.

    fixed is for a daemon with one plugin, at this address.
    """

    def __init__(
        self,
        locate: Callable[[str], Found],
        scan: Callable[[], list[str]],
        line: Line,
        memory: Callable[[], MutableMapping[str, dict[str, Any]]],
        fixed: Address | None = None,
    ) -> None:
        self.locate = locate
        self.scan = scan
        self.line = line
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
        """Return every driver: those in use, then those that a look into the places finds.

        All that is found is activated, whatever it is for; what fails is left out. Source: extpoint.go
        (GetAllDrivers), moby pkg/plugins/plugins.go (GetAll).
        """
        for name in dict.fromkeys(self.scan()):
            with contextlib.suppress(DiscoveryError, DriverError):
                kept = self.memory().get(name) or self.load(name, look_again=False)
                kept["driver"] = "VolumeDriver" in kept["implements"]
        return [self.plugin(name, kept) for name, kept in self.memory().items() if kept.get("driver")]

    def plugin(self, name: str, kept: MutableMapping[str, Any]) -> Plugin:
        """Return the driver for what is kept of it."""
        return Plugin(name, self.fixed or Found(kept["url"], kept["tls"]).address(), self.line, kept)

    def load(self, name: str, look_again: bool) -> dict[str, Any]:
        """Find and activate a plugin, and keep what it says. Raises DiscoveryError or DriverError."""
        if name in self.memory():
            return self.memory()[name]
        found = self.located(name) if look_again else self.locate(name)
        said = self.line.call(self.fixed or found.address(), "Plugin.Activate", None)
        told = typed(said.get("Implements"), list, "Manifest.Implements of type []string")
        implements = [typed(each, str, "Manifest.Implements of type string") for each in told]
        tls = None if found.tls is None else dict(found.tls)
        self.memory()[name] = {"url": found.url, "tls": tls, "implements": implements, "scope": "", "driver": False}
        return self.memory()[name]

    def located(self, name: str) -> Found:
        """Look for a plugin, and again for 15 s: it may be about to start. Raises DiscoveryError."""
        begun, wait = self.line.clock.now(), 1.0
        while True:
            try:
                return self.locate(name)
            except DiscoveryError:
                if self.line.clock.now() - begun + wait >= GIVE_UP:
                    raise
            self.line.clock.sleep(wait)
            wait *= 2
