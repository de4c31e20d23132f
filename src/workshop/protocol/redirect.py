"""Redirects as Go's client follows them: from an answer to the next request. Source: Go net/http client.go (do)."""

from __future__ import annotations

import http.client
from urllib.parse import unquote, urljoin, urlsplit

REDIRECTS = (301, 302, 303, 307, 308)
KEEP_THE_BODY = (307, 308)
MOST = 10
"""How many requests are sent for one call: where the answer to the last one is a redirect too, Go gives up."""


class RedirectError(http.client.HTTPException):
    """Why a redirect cannot be followed, in Go's words if Go cannot either. url is where it leads."""

    def __init__(self, url: str, words: str) -> None:
        super().__init__(words)
        self.url = url


def next_request(sent: bytes, url: str, status: int, location: str) -> tuple[str, bytes]:
    """Return the URL to which the answer to a request leads, and the bytes that Go sends there.

    url is that of the request. 307 and 308 repeat the call with its body; the others make a GET of it, without one.
    Raises RedirectError.
    """
    target = _resolved(url, location)
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, keeps = first.split(" ")[0], status in KEEP_THE_BODY
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = dict(line.split(": ", 1) for line in lines)
    # before 20.10.26 the path of a socket takes the place of the host, and nothing of it is left in Host
    headers["Host"] = unquote(parts.netloc.rpartition("@")[2]).partition("/")[0]
    headers.pop("Referer", None)
    if not keeps:
        headers.pop("Content-Length", None)
    zipped = headers.pop("Accept-Encoding", "")
    if urlsplit(url).scheme == parts.scheme:
        headers["Referer"] = url
    if zipped:
        headers["Accept-Encoding"] = zipped
    lines = [f"{method if keeps or method == 'HEAD' else 'GET'} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return target, "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if keeps else b"")


def _resolved(url: str, location: str) -> str:
    """Return the URL that a Location names, from that of the request. Raises RedirectError."""
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise RedirectError(url, f"failed to parse Location header: {error}") from None
    if not parts.scheme:
        return urljoin(url, location)
    if parts.scheme not in ("http", "https"):
        raise RedirectError(location, f'unsupported protocol scheme "{parts.scheme}"')
    if not parts.netloc:
        raise RedirectError(location, "http: no Host in request URL")
    return location
