"""One exchange with a plugin, byte for byte what Docker sends, over a Unix socket, TCP or TLS."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from workshop.protocol import answers, gojson
from workshop.protocol.gojson import to_json

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
SHAPES = ("20.10", "28")
Shape = Literal["20.10", "28"]

# 20.10.24 leaves Host empty on a Unix socket; engines since 20.10.26 fill in a name (moby issue 45935)
HOSTS = {"20.10": "", "28": "plugin.moby.localhost", "podman": "plugin"}
# Podman 4.3 names a type that no longer fits, takes any, and ends its body without a newline
PODMAN_TYPE = "application/vnd.docker.plugins.v1.1+json"
# what a client passes on for a volume without options: docker 20.10 sends {}, docker 28 sends null
NO_OPTIONS: dict[str, dict[str, str] | None] = {"20.10": {}, "28": None}

LONGEST = 64 << 20
"""How many bytes of an answer are read: the names of 100 000 volumes take a tenth of it."""


@dataclass(frozen=True)
class Address:
    """Where a plugin listens: a Unix socket's path, or host and port, with a TLS context for https."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None

    def connect(self, timeout: float) -> socket.socket:
        """Return a connected socket. Raises OSError (ssl.SSLError among them)."""
        if not self.path:
            raw = socket.create_connection((self.host, self.port), timeout)
            return self.tls.wrap_socket(raw, server_hostname=self.host) if self.tls else raw
        # where the plugin's queue is full, Docker tries again after a second
        give_up = time.monotonic() + min(timeout, 1.0)
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout)
            try:
                connection.connect(self.path)
                return connection
            except BlockingIOError:
                connection.close()
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
            except OSError:
                connection.close()
                raise

    def __str__(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"unix://{self.path}" if self.path else f"{scheme}://{self.host}:{self.port}"


@dataclass
class Exchange:
    """A request and what came of it: an answer (status and body), or a failure (why there is none)."""

    endpoint: str
    request: bytes
    status: int = 0
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""
    closes: bool = False
    """The plugin closes the connection after its answer, and has said so."""
    seconds: float = 0.0

    @property
    def sent(self) -> str:
        """The body of the request, as text."""
        return self.request.partition(b"\r\n\r\n")[2].decode("utf-8", "replace").rstrip("\n")

    @property
    def text(self) -> str:
        """The body of the answer, as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The answer as Go's decoder reads it: the first JSON value, keys in any case; None where there is no value.

        Source: json.NewDecoder(body).Decode in moby pkg/plugins/client.go (CallWithOptions).
        """
        try:
            return answers.named(gojson.decode(self.body))
        except ValueError:
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The answer as a JSON object; an empty one where it is none, as Go's decoder leaves it for null."""
        value = self.json
        return value if isinstance(value, dict) else {}

    @property
    def err(self) -> str:
        """What the answer says in Err; "" when it says nothing or is no JSON object."""
        said = self.object.get("Err")
        return said if isinstance(said, str) else ""

    @property
    def ok(self) -> bool:
        """Docker takes this for success: status 200, a JSON object, nothing in Err."""
        said = self.json.get("Err") if isinstance(self.json, dict) else "no object"
        return self.status == 200 and said in (None, "")

    def __str__(self) -> str:
        answer = f"{self.status} {self.text.strip()}" if self.status else self.failure
        return f"POST /{self.endpoint} {self.sent or '(empty body)'} -> {answer}"


def request(
    endpoint: str,
    body: Mapping[str, Any] | bytes | None = None,
    shape: str = "28",
    *,
    host: str | None = None,
    method: str = "POST",
    content_type: str = "",
) -> bytes:
    """Return the bytes that Docker writes for one call.

    shape is the engine: "20.10" or "28", or "podman". host is for TCP, where Docker names host:port and takes gzip;
    content_type is for clients other than Docker, which sends none. body None is an empty body, as on Plugin.Activate.
    Source: moby pkg/plugins/transport/http.go (NewRequest), and the engine tests, which compare the bytes.
    """
    payload = b"" if body is None else body if isinstance(body, bytes) else to_json(body)
    if shape == "podman":
        payload, content_type = payload.removesuffix(b"\n"), content_type or PODMAN_TYPE
    lines = [
        f"{method} /{endpoint} HTTP/1.1",
        f"Host: {HOSTS[shape] if host is None else host}",
        "User-Agent: Go-http-client/1.1",
        f"Content-Length: {len(payload)}",
        *([] if shape == "podman" else [f"Accept: {MEDIA_TYPE}"]),
    ]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if host is not None:
        lines.append("Accept-Encoding: gzip")
    return "\r\n".join([*lines, "", ""]).encode() + payload


def exchange(
    address: Address,
    endpoint: str,
    sent: bytes,
    timeout: float = 10.0,
    over: Callable[[], bool] | None = None,
) -> Exchange:
    """Send these bytes on a new connection and return the Exchange; a failure is told in it, never raised.

    timeout is in seconds and bounds the sending, and the whole answer; Docker itself waits 60 s, 120 s for Create and
    Mount. over is asked meanwhile, several times a second, whether to give up before that.
    """
    begun = time.perf_counter()
    result = Exchange(endpoint, sent)
    try:
        with address.connect(timeout) as connection:
            # a plugin may refuse a large body before it has read all of it: what it answered still counts
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(sent)
            read_answer(connection, result, over)
    except (OSError, http.client.HTTPException, ValueError) as error:
        result.status = 0
        result.failure = failure(error)
    result.seconds = time.perf_counter() - begun
    return result


def read_answer(connection: socket.socket, result: Exchange, over: Callable[[], bool] | None = None) -> None:
    """Read one HTTP answer into result, in the time that the connection has for one wait, or until over() is true.

    Raises OSError or HTTPException when none comes whole.
    """
    reader = io.BufferedReader(DeadlineReader(connection, over))
    response = http.client.HTTPResponse(SimpleNamespace(makefile=lambda _: reader), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        result.status, result.reason = response.status, response.reason
        result.headers = {name.lower(): value for name, value in response.getheaders()}
        result.body = _read_body(response)
        result.closes = response.will_close
    finally:
        response.close()


class DeadlineReader(io.RawIOBase):
    """Reads from a connection until a deadline for all together: an answer may come drop by drop, and never end."""

    def __init__(self, connection: socket.socket, over: Callable[[], bool] | None = None) -> None:
        self.connection = connection
        self.over = over
        self.limit = connection.gettimeout()
        self.began = time.monotonic()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, as io.RawIOBase says. Raises TimeoutError and other OSErrors."""
        while True:
            if self.limit is not None:
                left = self.limit - (time.monotonic() - self.began)
                if left <= 0:
                    raise TimeoutError
                self.connection.settimeout(min(left, 0.05) if self.over else left)
            try:
                return self.connection.recv_into(buffer)
            except TimeoutError:
                if not self.over or self.over():
                    raise
            finally:
                self.connection.settimeout(self.limit)


def _read_body(response: http.client.HTTPResponse) -> bytes:
    """Return the body of an answer. Raises HTTPException for one that is broken off, or does not end."""
    # only a whole read tells of a body that is shorter than its Content-Length
    if response.length is not None and response.length <= LONGEST:
        return response.read()
    body = response.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise http.client.HTTPException(f"it has more than {LONGEST} bytes")
    return body


def failure(error: Exception) -> str:
    """Return in a few words why there is no answer."""
    match error:
        case FileNotFoundError():
            return "there is no socket"
        case ConnectionRefusedError():
            return "nobody listens on the socket"
        case TimeoutError():
            return "no answer in time"
        case BlockingIOError():
            return "the queue of its socket is full"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the connection was closed without an answer"
        case http.client.BadStatusLine():
            return f"the answer is not HTTP: {str(error)[:60]!r}"
        case _:
            return f"no answer: {error}"
