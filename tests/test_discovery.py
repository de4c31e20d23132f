"""From a plugin's name to its address. The whole table, beside a real engine: tests/engine/test_discovery_table.py."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.plugins.folders import private_folder
from workshop.protocol.discovery import WHITE_SPACE, DiscoveryError, NotFound, Places, find, locate, parse, scan
from workshop.protocol.exchange import Address
from workshop.protocol.gojson import quote_text

SPEC = "unix:///run/spec.sock"


@pytest.fixture
def places() -> Iterator[Places]:
    """Folders like Docker's three: for sockets, and two for specs."""
    with private_folder() as folder:
        made = Places(folder / "run", (folder / "etc", folder / "usr"))
        for each in (made.sockets, *made.specs):
            each.mkdir()
        yield made


def put(path: Path, text: str = "") -> Path:
    """Write a file; without a text, leave a socket there."""
    path.parent.mkdir(exist_ok=True)
    if text:
        path.write_text(text)
    else:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
    return path


def in_order(places: Places) -> list[Path]:
    """The ten paths that Docker tries for the name ddd, in its order."""
    paths = [places.sockets / "ddd.sock", places.sockets / "ddd" / "ddd.sock"]
    for folder in places.specs:
        for ending in ("spec", "json"):
            paths += [folder / f"ddd.{ending}", folder / "ddd" / f"ddd.{ending}"]
    return paths


@pytest.mark.parametrize("first", range(10))
def test_the_first_of_the_ten_paths_wins(places: Places, first: int) -> None:
    paths = in_order(places)
    for number, path in enumerate(paths[first:], start=first):
        url = f"unix:///{number}"
        put(path, {".sock": "", ".spec": url, ".json": json.dumps({"Addr": url})}[path.suffix])
    wanted = str(paths[first]) if first < 2 else f"/{first}"
    assert find("ddd", places) == Address(path=wanted)


def test_there_is_nothing(places: Places) -> None:
    with pytest.raises(NotFound, match=r'^plugin "ddd" not found$'):
        find("ddd", places)


@pytest.mark.parametrize("text", ["", "/run/x.sock", '{"Addr": "x"}', "unix:///a\nunix:///b", ":x", "127.0.0.1:80"])
def test_a_broken_spec_is_an_error_and_hides_what_comes_after_it(places: Places, text: str) -> None:
    put(places.specs[0] / "ddd.spec", text or "\n")
    put(places.specs[0] / "ddd.json", json.dumps({"Addr": SPEC}))
    with pytest.raises(DiscoveryError):
        find("ddd", places)


@pytest.mark.parametrize("text", ["{", "[]", '{"Addr": 5}', '{"Addr": "unix:///x",}', "no JSON", '{"TLSConfig": 1}'])
def test_a_broken_json_file_is_an_error(places: Places, text: str) -> None:
    put(places.specs[0] / "ddd.json", text)
    put(places.specs[1] / "ddd.spec", SPEC)
    with pytest.raises(DiscoveryError):
        find("ddd", places)


def test_what_is_no_socket_is_passed_over_and_a_link_to_one_is_one(places: Places) -> None:
    put(places.sockets / "ddd.sock", "no socket")
    put(places.specs[0] / "ddd.spec", SPEC)
    assert find("ddd", places).path == "/run/spec.sock"
    (places.sockets / "linked.sock").symlink_to(put(places.sockets / "target"))
    assert find("linked", places).path == str(places.sockets / "linked.sock")


def test_a_name_may_lead_out_of_the_folder(places: Places) -> None:
    put(places.sockets.parent / "out.sock")
    assert find("../out", places).path == str(places.sockets.parent / "out.sock")


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("tcp://127.0.0.1:8787", "127.0.0.1", 8787, False),
        ("http://plugin:80/base/path", "plugin", 80, False),
        ("http://plugin", "plugin", 80, False),
        ("whatever://plugin:1", "plugin", 1, False),
        ("https://plugin", "plugin", 443, True),
        ("HTTPS://[::1]:8788", "::1", 8788, True),
    ],
)
def test_everything_but_unix_is_tcp_and_https_alone_is_secured(
    places: Places, url: str, host: str, port: int, secure: bool
) -> None:
    put(places.specs[0] / "ddd.spec", url)
    found = find("ddd", places)
    assert (found.host, found.port, found.tls is not None) == (host, port, secure)


def test_unix_with_two_slashes_is_another_path(places: Places) -> None:
    put(places.specs[0] / "ddd.spec", "unix://run/x.sock")
    assert find("ddd", places) == Address(path="run")


# What net/url of Go 1.19 says of each: scheme, host and path, or the error
GO = {
    "unix:///run/x.sock#part": ("unix", "", "/run/x.sock"),
    "unix:///run/x.sock?q=%zz": ("unix", "", "/run/x.sock"),
    "unix:///run/a b.sock": ("unix", "", "/run/a b.sock"),
    "unix:///run/a%20b%23.sock": ("unix", "", "/run/a b#.sock"),
    "\u00a0unix:///run/x.sock\u3000": ("unix", "", "/run/x.sock"),
    "unix:run/x.sock": ("unix", "", ""),
    "tcp:////host": ("tcp", "", "//host"),
    "//host/path": ("", "host", "/path"),
    "tcp://127.0.0.1:99999": ("tcp", "127.0.0.1:99999", ""),
    "tcp://user:pass@host:1": ("tcp", "host:1", ""),
    "tcp://a@b@host:1": ("tcp", "host:1", ""),
    "tcp://[fe80::1%25en0]:1": ("tcp", "[fe80::1%en0]:1", ""),
    "tcp://::1": ("tcp", "::1", ""),
    'tcp://h"ost:1': ("tcp", 'h"ost:1', ""),
    "unix:///run/a%zz.sock": 'invalid URL escape "%zz"',
    "unix:///run/a%2": 'invalid URL escape "%2"',
    "unix:///run/x#%zz": 'invalid URL escape "%zz"',
    "tcp://ho%41st:1": 'invalid URL escape "%41"',
    "tcp://[fe80::1%en0]:1": 'invalid URL escape "%en"',
    "tcp://user:%zz@host": 'invalid URL escape "%zz"',
    "tcp://us<er@host:1": "net/url: invalid userinfo",
    "tcp://ho st:1": 'invalid character " " in host name',
    "tcp://ho^st": 'invalid character "^" in host name',
    "tcp://host\\x:1": 'invalid character "\\\\" in host name',
    "tcp://[::1": "missing ']' in host",
    "tcp://[::1]x:1": 'invalid port "x:1" after host',
    "tcp://127.0.0.1:-1": 'invalid port ":-1" after host',
    "tcp://host:\u0663": 'invalid port ":\u0663" after host',
    "unix:///a\tb": "net/url: invalid control character in URL",
    "\x1cunix:///x": "net/url: invalid control character in URL",
    "\ufeffunix:///run/x.sock": "first path segment in URL cannot contain colon",
    "un_ix:///x": "first path segment in URL cannot contain colon",
    "://x": "missing protocol scheme",
}


@pytest.mark.parametrize("url", GO)
def test_a_url_is_read_as_go_reads_it(url: str) -> None:
    wanted = GO[url]
    if isinstance(wanted, tuple):
        assert parse(url.strip(WHITE_SPACE)) == wanted
    else:
        with pytest.raises(DiscoveryError) as raised:
            parse(url.strip(WHITE_SPACE))
        assert str(raised.value) == f"parse {quote_text(url)}: {wanted}"


def test_a_port_that_there_is_not(places: Places) -> None:
    put(places.specs[0] / "ddd.spec", "tcp://127.0.0.1:99999")
    wrong = 'Post "http://127.0.0.1:99999/Plugin.Activate": dial tcp: address 99999: invalid port'
    with pytest.raises(DiscoveryError, match=f"^{wrong}$"):
        find("ddd", places)


def test_a_path_stands_for_a_host_that_is_missing(places: Places) -> None:
    put(places.specs[0] / "ddd.spec", "tcp:/127.0.0.1:8787")
    wrong = 'Post "http://%2F127.0.0.1:8787/Plugin.Activate": dial tcp: lookup /127.0.0.1: no such host'
    with pytest.raises(DiscoveryError, match=f"^{re.escape(wrong)}$"):
        find("ddd", places)


@pytest.mark.parametrize("url", ["unix:run/x.sock", "unix://", "unix:#x"])
def test_a_url_without_a_socket(places: Places, url: str) -> None:
    put(places.specs[0] / "ddd.spec", url)
    with pytest.raises(DiscoveryError, match="no Host in request URL"):
        find("ddd", places)


def test_a_path_that_no_socket_can_have(places: Places) -> None:
    put(places.specs[0] / "ddd.spec", "unix:///run/x%00y")
    with pytest.raises(DiscoveryError, match="is no path of a Unix socket"):
        find("ddd", places)


def test_a_json_file_that_begins_with_a_bom(places: Places) -> None:
    put(places.specs[0] / "ddd.json", '\ufeff{"Addr": "unix:///x"}')
    with pytest.raises(DiscoveryError, match=r"^invalid character 'ï' looking for beginning of value$"):
        find("ddd", places)


def test_what_go_quotes() -> None:
    assert quote_text('a"\\\n\x00\x7f\ufeffä\U0001f600\udc80') == r'"a\"\\\n\x00\x7f\ufeffä😀\x80"'


# of an authority that nobody knows, for a hundred years
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUbVSMQzblQGMaB0mHwk1bYCHBroAwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXYSBjZXJ0aWZpY2F0ZSBmb3IgdGVzdHMwIBcNMjYxMTIzMjAz
MjUwWhgPMjEyNjEwMzAyMDMyNTBaMCIxIDAeBgNVBAMMF2EgY2VydGlmaWNhdGUg
Zm9yIHRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECZBMeSSCl62wSUJS
xFkUMKcNqBr8cl6L235AJAM1mDZpWOpfru6UmT0hzWHmvlAUanEAbr4h33XjG1PL
fsV7Z6NTMFEwHQYDVR0OBBYEFIWKkN040p6UL/aBCcEVAHcJYA1WMB8GA1UdIwQY
MBaAFIWKkN040p6UL/aBCcEVAHcJYA1WMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
zj0EAwIDSAAwRQIgXhU0L60NKV7LIv9B1xve2QfgbTCoL7UDVshoqga1f5ICIQDv
3r1Ihuss56GTGx7OWawy8WjzU0OPAB9G+AJVwnAc6g==
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize(
    ("tls", "verified"),
    [
        (None, True),
        ({}, False),
        ({"InsecureSkipVerify": False}, False),
        ({"CAFile": "CA"}, True),
        ({"cafile": "CA", "InsecureSkipVerify": True}, False),
    ],
)
def test_what_a_json_file_says_decides_whether_a_server_is_verified(
    places: Places, tls: dict[str, object] | None, verified: bool
) -> None:
    certificate = put(places.specs[0] / "ca.pem", CERTIFICATE)
    said = {key: str(certificate) if value == "CA" else value for key, value in (tls or {}).items()}
    body = {"Addr": "https://plugin:1"} | ({} if tls is None else {"TLSConfig": said})
    put(places.specs[0] / "ddd.json", json.dumps(body))
    context = find("ddd", places).tls
    assert context
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (verified, verified)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_spec_file_never_verifies(places: Places) -> None:
    put(places.specs[0] / "ddd.spec", "https://plugin:1")
    context = find("ddd", places).tls
    assert context
    assert context.verify_mode == ssl.CERT_NONE


def test_a_certificate_that_cannot_be_read_is_an_error_of_the_address(places: Places) -> None:
    put(places.specs[0] / "ddd.json", json.dumps({"Addr": "https://x:1", "TLSConfig": {"CAFile": "/nowhere"}}))
    found = locate("ddd", places)
    with pytest.raises(DiscoveryError, match=r'^could not read CA certificate "/nowhere": open /nowhere: no such file'):
        found.address()


def test_a_look_into_the_folders(places: Places) -> None:
    put(places.sockets / "a.sock")
    put(places.sockets / "b" / "b.sock")
    put(places.sockets / "c" / "other.sock")
    put(places.sockets / "plain.sock", "no socket")
    (places.sockets / "linked.sock").symlink_to(places.sockets / "a.sock")
    put(places.specs[0] / "d.spec", SPEC)
    put(places.specs[0] / "e" / "e.json", "{}")
    put(places.specs[0] / "f.txt", SPEC)
    put(places.specs[1] / "a.json", "{}")
    assert scan(places) == ["a", "b", "d", "e", "a"]


def test_a_look_where_nothing_is(places: Places) -> None:
    assert scan(Places(places.sockets / "none", (places.sockets / "none",))) == []
