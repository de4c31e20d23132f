"""One exchange with a plugin, byte for byte what Docker sends, over a Unix socket, TCP or TLS."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import re
import socket
import ssl
import time
import urllib.parse
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Literal

from workshop.protocol import answers, gojson, in_memory
from workshop.protocol.gojson import to_json
from workshop.protocol.redirect import MOST, REDIRECTS, RedirectError, next_request

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
SHAPES = ("20.10", "28")
Shape = Literal["20.10", "28"]

# 20.10.24 leaves Host empty on a Unix socket; engines since 20.10.26 fill in a name (moby issue 45935)
HOSTS = {"20.10": "", "28": "plugin.moby.localhost", "podman": "plugin"}
# Podman 4.3 names a type that no longer fits, takes any, and ends its body without a newline
PODMAN_TYPE = "application/vnd.docker.plugins.v1.1+json"
# what a client passes on for a volume without options: docker 20.10 sends {}, docker 28 sends null
NO_OPTIONS: dict[str, dict[str, str] | None] = {"20.10": {}, "28": None}

CLOSED = "the connection was closed without an answer"
"""The failure of a call to a plugin that hangs up."""

# what Go leaves in a host as it is, beside letters and digits. Source: net/url url.go (shouldEscape)
IN_A_HOST = "-_.~!$&'()*+,;=:[]<>\""

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
            connection = in_memory.unix_socket(self.path)
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
    """A request and its outcome: an answer (status and body), or a failure (why there is none)."""

    endpoint: str
    request: bytes = field(repr=False)  # so that the answer is there when pytest shortens the text of a failure
    status: int = 0
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""
    failure: str = ""
    closes: bool = False
    """The plugin closes the connection of the request after its answer, and has said so."""
    seconds: float = 0.0
    redirects: tuple[Exchange, ...] = ()
    """The answers that led elsewhere, the first one first. Status, headers and body are those at the end."""
    url: str = ""
    """What was asked last, or could not be."""
    reached: bool = False
    """The plugin was connected, and the request is spent."""
    error: Exception | None = None
    """Why there is no answer."""
    printed: int = field(default=0, repr=False)
    """How many bytes the plugin had printed before the call."""
    broke_off: int = 0
    """The status of an answer that broke off in its body, which has what came: Docker may need no more of it."""

    @property
    def sent(self) -> str:
        """The body of the request, as text."""
        return self.request.partition(b"\r\n\r\n")[2].decode("utf-8", "replace").rstrip("\n")

    @property
    def is_error(self) -> bool:
        """The answer has a status other than 200."""
        return self.status not in (0, 200)

    @property
    def text(self) -> str:
        """The body of the answer, as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The answer as Go's decoder reads it, keys in any case: the first JSON value; None if there is no value.

        Of an error it is all of the body: what follows the value makes that no JSON, and Docker prints it as it is.
        Source: json.NewDecoder(body).Decode and json.Unmarshal in moby pkg/plugins/client.go (CallWithOptions,
        callWithRetry).
        """
        try:
            return answers.named(gojson.decode(self.body, whole=self.is_error))
        except ValueError:
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The answer as a JSON object; an empty one where it is none, as Go's decoder leaves it for null."""
        value = self.json
        return value if isinstance(value, dict) else {}

    @property
    def err(self) -> str:
        """What the answer says in Err; "" when it says nothing or is not a JSON object."""
        said = self.object.get("Err")
        return said if isinstance(said, str) else ""

    @property
    def ok(self) -> bool:
        """Docker takes this for success: status 200, a JSON object, nothing in Err."""
        value = self.json if self.status == 200 else None
        return isinstance(value, dict) and value.get("Err") in (None, "")

    @property
    def way(self) -> str:
        """The redirects on the way to the answer, as text: "308 to /elsewhere -> "."""
        return "".join(f"{each.status} to {each.headers['location']} -> " for each in self.redirects)

    def __str__(self) -> str:
        answer = f"{self.status} {self.text.strip()}" if self.status else self.failure
        return f"POST /{self.endpoint} {self.sent or '(empty body)'} -> {self.way}{answer}"


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


def base_url(address: Address, host: str) -> str:
    """Return the URL of a plugin, from what Host says: before 20.10.26 a socket's path stood for the host."""
    scheme = "https" if address.tls else "http"
    return f"{scheme}://{host or urllib.parse.quote(address.path, safe=IN_A_HOST)}"


def exchange(
    address: Address,
    endpoint: str,
    sent: bytes,
    timeout: float = 10.0,
    over: Callable[[], bool] | None = None,
    connection: socket.socket | None = None,
) -> Exchange:
    """Send these bytes and return the Exchange. It has the failure, which is never raised.

    They go over a new connection, or over one that is open, and stays so. A redirect is followed over a new one, as
    Go's client does it: on a Unix socket whatever its host is, else on the same host.
    timeout is in seconds and bounds the sending, and the whole answer; Docker itself waits 60 s, 120 s for Create and
    Mount. over is asked meanwhile, several times a second, whether to give up before that.
    """
    begun = time.perf_counter()
    host = re.search(rb"\r\nHost: (.*?)\r\n", sent)
    base = base_url(address, host[1].decode("latin-1") if host else "")
    result = Exchange(endpoint, sent, url=f"{base}/{endpoint}")
    try:
        if connection:
            _ask_on(connection, result, sent, over)
        else:
            _ask(address, result, sent, timeout, over)
        while result.status in REDIRECTS and (location := result.headers.get("location")):
            if len(result.redirects) == MOST - 1:
                raise RedirectError(location, f"stopped after {MOST} redirects")
            result.redirects = (*result.redirects, replace(result, redirects=()))
            status, result.status, result.headers, result.body = result.status, 0, {}, b""
            result.url, sent = next_request(sent, result.url, status, location)
            _stay(address, base, result.url)
            _ask(address, result, sent, max(timeout - (time.perf_counter() - begun), 0.001), over)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, http.client.IncompleteRead):
            result.broke_off, result.body = result.status, error.partial
        result.status = 0
        result.failure, result.error = failure(error), error
        result.url = error.url if isinstance(error, RedirectError) else result.url
    result.closes = result.redirects[0].closes if result.redirects else result.closes
    result.seconds = time.perf_counter() - begun
    return result


def _ask(address: Address, result: Exchange, sent: bytes, timeout: float, over: Callable[[], bool] | None) -> None:
    """Send a request on a new connection, and read what is answered into result. Raises OSError or HTTPException."""
    with in_memory.connect(str(address)) or address.connect(timeout) as connection:
        _ask_on(connection, result, sent, over)


def _ask_on(
    connection: socket.socket | in_memory.Connection, result: Exchange, sent: bytes, over: Callable[[], bool] | None
) -> None:
    """Send a request on a connection, and read what is answered into result. Raises OSError or HTTPException."""
    result.reached = True
    # a plugin may refuse a large body before it has read all of it: what it answered still counts
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(sent)
    read_answer(connection, result, over)


def _stay(address: Address, base: str, url: str) -> None:
    """Raise RedirectError if a redirect leads to a place where Docker would go, and we do not."""
    if address.path and url.startswith("https:"):
        raise RedirectError(url, "TLS on a Unix socket is not tried here")
    if not address.path and "/".join(url.split("/")[:3]) != base:
        raise RedirectError(url, "another host, or another scheme, is not asked here")


def read_answer(
    connection: socket.socket | in_memory.Connection, result: Exchange, over: Callable[[], bool] | None = None
) -> None:
    """Read one HTTP answer into result, in the time that the connection has for one wait, or until over() is true.

    Raises OSError or HTTPException when none comes whole.
    """
    response = _final_response(io.BufferedReader(DeadlineReader(connection, over)))
    try:
        result.status, result.reason = response.status, response.reason
        result.headers = {name.lower(): value for name, value in response.getheaders()}
        result.body = _read_body(response)
        result.closes = response.will_close
    finally:
        response.close()
    # Go decodes what it has asked for, which it does over TCP only
    zipped = result.headers.get("content-encoding", "").lower() == "gzip"
    if zipped and b"\r\nAccept-Encoding: gzip\r\n" in result.request:
        result.body = _unzipped(result.body)


def _final_response(reader: io.BufferedReader) -> http.client.HTTPResponse:
    """Return the answer after all that come before it with a status 1xx, such as 103 Early Hints.

    101 ends them. Source: Go net/http transport.go (readResponse).
    """
    while True:
        response = http.client.HTTPResponse(SimpleNamespace(makefile=lambda _: reader), method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            _check_head(response)
        except BaseException:
            response.close()  # Python 3.13 prints a traceback for one that is left open
            raise
        if not 100 <= response.status < 200 or response.status == 101:
            return response
        response.fp = None  # type: ignore[assignment]  # else its end closes the reader


class Malformed(http.client.HTTPException):
    """What Go does not take for an answer, in its words."""


def _check_head(response: http.client.HTTPResponse) -> None:
    """Raise Malformed for headers that http.client takes, and Go does not.

    Source: Go net/http transfer.go (fixLength, parseTransferEncoding), net/textproto reader.go (ReadMIMEHeader).
    """
    headers = response.headers
    if headers.defects:
        line = str(headers.get_payload()).partition("\n")[0].rstrip("\r")
        raise Malformed(f"malformed MIME header: missing colon: {gojson.quote_text(line)}")
    coding = headers.get("Transfer-Encoding", "chunked")
    if coding.lower() != "chunked":
        raise Malformed(f"unsupported transfer encoding: {gojson.quote_text(coding)}")
    lengths = [each.strip() for each in headers.get_all("Content-Length", [])]
    if len(set(lengths)) > 1:
        told = " ".join(map(gojson.quote_text, lengths))
        raise Malformed(f"http: message cannot contain multiple Content-Length headers; got [{told}]")
    if lengths and not response.chunked and not re.fullmatch("[0-9]+", lengths[0]):
        raise Malformed(f"bad Content-Length {gojson.quote_text(lengths[0])}")


def _unzipped(body: bytes) -> bytes:
    """Return what gzip has packed. Raises HTTPException."""
    try:
        unzipped = gzip.GzipFile(fileobj=io.BytesIO(body)).read(LONGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise http.client.HTTPException(f"its gzip is broken: {error}") from None
    if len(unzipped) > LONGEST:
        raise http.client.HTTPException(f"it has more than {LONGEST} bytes")
    return unzipped


class DeadlineReader(io.RawIOBase):
    """Reads from a connection until a deadline for all together: an answer may come drop by drop, and never end."""

    def __init__(
        self, connection: socket.socket | in_memory.Connection, over: Callable[[], bool] | None = None
    ) -> None:
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
        case RedirectError():
            return f"the redirect to {error.url} is not followed: {error}"
        case FileNotFoundError():
            return "there is no socket"
        case ConnectionRefusedError():
            return "nobody listens on the socket"
        case TimeoutError():
            return "no answer in time"
        case BlockingIOError():
            return "the queue of its socket is full"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return CLOSED
        case http.client.BadStatusLine():
            return f"the answer is not HTTP: {str(error)[:60]!r}"
        case _:
            return f"no answer: {error}"
