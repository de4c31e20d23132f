"""How the daemon calls a plugin: time limits, retries, and what Go's client says of an error."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workshop.protocol import answers, gojson
from workshop.protocol.exchange import HOSTS, Address, Exchange, Malformed, base_url, exchange, request
from workshop.protocol.gojson import to_json

# in seconds; Docker waits for Create and Mount twice as long as for the others, and for Plugin.Activate without limit
LIMITS = {"VolumeDriver.Create": 120.0, "VolumeDriver.Mount": 120.0, "Plugin.Activate": 1e6}
LIMIT = 60.0
# after 1, 2, 4 and 8 s comes another attempt; the next one would be later than this
GIVE_UP = 30.0
BROKEN = "net/http: HTTP/1.x transport connection broken: "


class DriverError(Exception):
    """What a driver answered instead of what was wanted, in Docker's words."""


class Broken(DriverError):
    """No answer came. Only then Docker does not conclude that there is no such volume."""


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
    """One exchange, and Go's words for why it has no answer."""

    exchange: Exchange
    wrong: str = ""


def attempt(address: Address, endpoint: str, data: bytes, limit: float) -> Attempt:
    """Send a request on a new connection, and return its outcome. limit bounds all of it, in seconds."""
    made = exchange(address, endpoint, data, limit)
    return Attempt(made, _go_error(made.error, address, made.reached) if made.error else "")


def _go_error(error: Exception, address: Address, connected: bool) -> str:
    """Return what Go's http client says of an error."""
    where = f"unix {address.path}" if address.path else f"tcp {address.host}:{address.port}"
    match error:
        case TimeoutError():
            return "context deadline exceeded"
        case http.client.RemoteDisconnected():
            return "EOF"
        case http.client.BadStatusLine():
            return BROKEN + _bad_first_line(str(error).rstrip("\r\n"))
        case http.client.UnknownProtocol():
            return f"{BROKEN}malformed HTTP version {gojson.quote_text(str(error))}"
        case Malformed():
            return f"{BROKEN}{error}"
        case ConnectionResetError() | BrokenPipeError() if connected:
            return f"read {where}: connection reset by peer"
        case OSError(strerror=str(words)) if not connected and error.errno:
            return f"dial {where}: connect: {words.lower()}"
        case _:
            return str(error)


def _bad_first_line(line: str) -> str:
    """Return what Go says of a first line that it cannot read. Source: Go net/http response.go (ReadResponse)."""
    version, _, rest = line.partition(" ")
    if version.startswith("HTTP/") and rest:
        return f"malformed HTTP status code {gojson.quote_text(rest.split(' ')[0])}"
    return f"malformed HTTP response {gojson.quote_text(line)}"


@dataclass
class Client:
    """How a daemon calls: as which engine, who hears of each exchange, and by which clock it waits."""

    shape: str
    on_exchange: Callable[[Exchange], None]
    clock: Clock

    def call(self, address: Address, endpoint: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the object that is answered. Raises DriverError, Broken if no answer comes after all attempts."""
        return decode(self.first_answer(address, endpoint, None if body is None else to_json(body)))

    def first_answer(self, address: Address, endpoint: str, body: bytes | None) -> Exchange:
        """Return the first answer, whatever it says: Docker repeats only what was not answered. Raises Broken."""
        begun, wait = self.clock.now(), 1.0
        while True:
            sent = request(endpoint, body, self.shape, host=host_header(address))
            made = attempt(address, endpoint, sent, LIMITS.get(endpoint, LIMIT))
            self.on_exchange(made.exchange)
            if made.exchange.status or made.exchange.broke_off:
                return made.exchange
            if self.clock.now() - begun + wait >= GIVE_UP:
                raise Broken(f'Post "{made.exchange.url}": {made.wrong}')
            self.clock.sleep(wait)
            wait *= 2
            # what was sent is lost: Docker sends the rest of a buffer that it has read to its end (moby issue 39331)
            body = b"" if made.exchange.reached else body


def host_header(address: Address) -> str | None:
    """Return the Host that Docker sends over TCP; None for a socket: there it depends on the engine."""
    if address.path:
        return None
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def url(address: Address, shape: str) -> str:
    """Return the URL that Docker names in an error."""
    return base_url(address, host_header(address) or HOSTS[shape])


def decode(answer: Exchange) -> dict[str, Any]:
    """Return what Docker decodes an answer into. Raises DriverError in its words if it cannot, or is told an error.

    Source: moby pkg/plugins/client.go (callWithRetry), and tests/engine/test_diagnoses.py.
    """
    if answer.broke_off not in (0, 200):
        raise DriverError(f"{answer.endpoint}: unexpected EOF")
    if not answer.broke_off and answer.status != 200:
        raise DriverError(f"{answer.endpoint}: {answers.read_error(answer.body)}")
    try:
        value = answers.read_answer(answer.endpoint, answer.body)
    except ValueError as error:
        raise DriverError("unexpected EOF" if answer.broke_off and str(error) == "EOF" else str(error)) from None
    if value.get("Err"):
        raise DriverError(value["Err"])
    return value
