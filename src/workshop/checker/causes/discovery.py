"""Causes in the files that lead to a driver: it is not found, or not reached by what the file says."""

from __future__ import annotations

import json
import re

from workshop.checker.causes.table import cause
from workshop.checker.evidence import Evidence
from workshop.protocol import gojson
from workshop.protocol.discovery import Lookup


def _failed_search(e: Evidence) -> Lookup | None:
    """Return the search for a driver that failed; None where the plugin has been reached, and it answered wrongly."""
    impostor = "claims to be" in e.demand
    return e.lookup if e.lookup and (impostor or not e.last.status or not e.lookup.own) else None


def _own_file(e: Evidence) -> Lookup | None:
    """Return the search, where Docker takes a file of the learner and does not reach the plugin by it."""
    lookup = _failed_search(e)
    return lookup if lookup and lookup.own else None


def _json_of(lookup: Lookup) -> dict[str, object]:
    """Return the object in the .json file that was found, an empty one where it is none."""
    try:
        value = gojson.decode(lookup.text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and lookup.place.endswith(".json") else {}


def line_of_file(lookup: Lookup) -> tuple[int, str]:
    """Return the line of the file that Docker takes where to look, and its text."""
    lines = lookup.text.splitlines() or [""]
    number = _line_of_json(lookup, lines) if lookup.place.endswith(".json") else 1
    return number, lines[number - 1].strip()


def _line_of_json(lookup: Lookup, lines: list[str]) -> int:
    """Return the line at fault of a .json file: where it breaks off, or that of a wrong key, a path, the address."""
    if comma := _trailing_comma(lookup.text):
        return comma
    try:
        json.JSONDecoder().raw_decode(lookup.text.lstrip())
    except json.JSONDecodeError as error:
        return min(error.lineno, len(lines))
    words = [f'"{key}"' for key in _wrong_keys(lookup)] + re.findall(r"/etc/docker/ddd-certs/[\w.-]+", lookup.error)
    # with a handshake, the address was right
    words += ['"TLSConfig"'] if lookup.wanted == "mutual TLS" and lookup.url.lower().startswith("https:") else []
    words = [word.lower() for word in (*words, '"addr"')]
    return next((n for word in words for n, line in enumerate(lines, 1) if word in line.lower()), 1)


def _trailing_comma(text: str) -> int:
    """Return the line of a comma with no key or value after it, 0 where there is none."""
    plain = re.sub(r'"(\\.|[^"\\\n])*"', lambda found: "x" * len(found[0]), text)
    found = re.search(r",\s*[}\]]", plain)
    return plain.count("\n", 0, found.start()) + 1 if found else 0


KEYS = {"addr": "Addr", "tlsconfig": "TLSConfig", "name": "Name"}
TLS_KEYS = {
    "cafile": "CAFile",
    "certfile": "CertFile",
    "keyfile": "KeyFile",
    "insecureskipverify": "InsecureSkipVerify",
}
TLS_KEYS |= {"exclusiverootpools": "ExclusiveRootPools"}


def _wrong_keys(lookup: Lookup) -> list[str]:
    """Return the keys of a .json file that mean nothing to Docker. Upper and lower case do not count to it."""
    told = _json_of(lookup)
    tls = gojson.field(told, "TLSConfig")
    inner = [key for key in tls if key.lower() not in TLS_KEYS] if isinstance(tls, dict) else []
    return [key for key in told if key.lower() not in KEYS] + inner


@cause("a file of another name")
def a_file_of_another_name(e: Evidence) -> str | None:
    lookup = _failed_search(e)
    if not lookup or lookup.own:
        return None
    files = [path.name for path in sorted(lookup.folder.iterdir()) if path.is_file()]
    others = [name for name in files if _resembles(name, lookup.driver)]
    if others:
        return (
            f"There is {others[0]}, and Docker looks for {lookup.driver}.spec or {lookup.driver}.json, because the "
            f"driver that was asked for is {lookup.driver}. The file's name is the driver's name: rename it."
        )
    return None


def _resembles(file: str, driver: str) -> bool:
    """Tell whether a file may be meant for a driver, and has another name. Files that were put aside are not."""
    other = {"ddd-tcp": "ddd-tls", "ddd-tls": "ddd-tcp"}.get(driver, "")
    ending = r"\.(spec|json)(\.\w+)?" if driver not in file else r"(\.\w+)*"
    return bool(re.fullmatch(rf"(?!\.|{other}\.|.*-\d+\.)[^.]*{ending}", file))


@cause("no file for the driver")
def no_file_for_the_driver(e: Evidence) -> str | None:
    lookup = _failed_search(e)
    if lookup and not lookup.file:
        return (
            f"No file leads to the driver {lookup.driver}. Docker looks in its places for {lookup.driver}.sock, then "
            f"{lookup.driver}.spec and {lookup.driver}.json: a file's name is the driver's name. This check takes the "
            f"folder of your plugin for /etc/docker/plugins. Make a file there, with the address of the plugin."
        )
    return None


@cause("the package's file comes first")
def the_packages_file_comes_first(e: Evidence) -> str | None:
    lookup = _failed_search(e)
    if lookup and lookup.file and not lookup.own:
        return (
            f"Docker takes {lookup.place}, which a package has brought, and the plugin that this leads to is gone. A "
            f"file that leads nowhere is not passed over. Docker looks in /etc/docker/plugins first: make a file "
            f"{lookup.driver}.json there, which is {lookup.driver}.json beside your plugin here."
        )
    return None


@cause("JSON in the .spec")
def json_in_the_spec(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.place.endswith(".spec") and lookup.text.lstrip().startswith(("{", "[")):
        return (
            "A .spec is not JSON: it is one line with the address, such as tcp://127.0.0.1:8787. What begins with a "
            "brace belongs in a .json. A .spec in the same folder comes before the .json, even if it is broken."
        )
    return None


@cause("JSON that Go cannot read")
def json_that_go_cannot_read(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if not lookup or not lookup.place.endswith(".json"):
        return None
    try:
        gojson.decode(lookup.text)
    except ValueError as error:
        comma = _trailing_comma(lookup.text)
        where = f" After the comma of line {comma} comes no other key: take it away." if comma else ""
        return (
            f"Docker, which is written in Go, cannot read this JSON: {error}.{where} Docker does not pass over "
            "a broken file."
        )
    return None


@cause("a wrong key")
def a_wrong_key(e: Evidence) -> str | None:
    lookup = _own_file(e)
    keys = _wrong_keys(lookup) if lookup else []
    if lookup and keys:
        return (
            f'Docker does not know the key "{keys[0]}", and says nothing about it. It reads Addr and TLSConfig, and '
            "in TLSConfig it reads CAFile, CertFile, KeyFile and InsecureSkipVerify."
        )
    return None


@cause("two slashes in unix://")
def two_slashes_in_unix(e: Evidence) -> str | None:
    lookup = _own_file(e)
    found = re.match(r"unix://([^/]+)(/.*)?", lookup.url) if lookup else None
    if lookup and found:
        return (
            f"After unix:// a path begins with a slash of its own: unix:///{found[1]}{found[2] or ''} has three. With "
            f"two, {found[1]} is the host, and Docker takes that for the path, in its own folder. This step is "
            "about TCP: tcp://127.0.0.1:8787."
        )
    return None


@cause("a socket instead of an address of TCP")
def a_socket_instead_of_an_address_of_tcp(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.url.lower().startswith("unix:"):
        return "The file leads to a Unix socket. Here the driver is to be reached over TCP: tcp://127.0.0.1:8787."
    return None


@cause("an address without a scheme")
def an_address_without_a_scheme(e: Evidence) -> str | None:
    lookup = _own_file(e)
    address = (lookup.url or lookup.text.strip()) if lookup and not _json_of(lookup) else lookup.url if lookup else ""
    if lookup and re.match(r"[^/:]*:\d+", address):
        return (
            f"An address begins with how it is spoken to: tcp:// or http://, https:// for TLS. So it is "
            f"tcp://{address}."
        )
    return None


@cause("no loopback address")
def no_loopback_address(e: Evidence) -> str | None:
    if e.lookup and "address of this machine alone" in e.demand:
        return (
            "Docker calls the address in the file, and whoever can reach it can call the plugin. The plugin is on this "
            "machine: name 127.0.0.1, which no other machine reaches."
        )
    return None


@cause("a certificate that cannot be read")
def a_certificate_that_cannot_be_read(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and re.match("could not read CA|failed to append|Could not load X509", lookup.error):
        return (
            f"Docker says: {lookup.error}. The files are ca.pem for CAFile, client.pem for CertFile and client-key.pem "
            "for KeyFile, all three in /etc/docker/ddd-certs."
        )
    return None


@cause("a plain http address for TLS")
def a_plain_http_address_for_tls(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.wanted == "mutual TLS" and not lookup.url.lower().startswith("https:"):
        return (
            f"The address is {lookup.url}, so Docker speaks plain HTTP, whatever TLSConfig says, and the plugin waits "
            "for TLS. Only https:// is TLS."
        )
    return None


@cause("https for a plugin without TLS")
def https_for_a_plugin_without_tls(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.wanted == "TCP" and lookup.url.lower().startswith("https:"):
        return "https:// makes Docker speak TLS, and the plugin of this step speaks plain HTTP. Write tcp:// instead."
    return None


@cause("the plugin's certificate is not accepted")
def the_plugins_certificate_is_not_accepted(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and "Docker does not accept" in e.last.failure:
        return (
            "Docker could not verify the plugin's certificate. It is for 127.0.0.1 and localhost, and the authority "
            "that vouches for it is in /etc/docker/ddd-certs/ca.pem: Addr has to name one of the two hosts, and CAFile "
            "that file."
        )
    return None


@cause("a client certificate that is missing")
def a_client_certificate_that_is_missing(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.met == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return (
            "The plugin wants to see who calls, and Docker had no certificate to show. CertFile and KeyFile in "
            "TLSConfig name it: client.pem and client-key.pem in /etc/docker/ddd-certs."
        )
    return None


@cause("another certificate than the client's")
def another_certificate_than_the_clients(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.met == "CERTIFICATE_VERIFY_FAILED":
        return (
            "Docker shows a certificate that the plugin does not take for one of a client. Docker's own are client.pem "
            "and client-key.pem; server.pem and server-key.pem are the plugin's."
        )
    return None


@cause("anybody is taken for the plugin")
def anybody_is_taken_for_the_plugin(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and "claims to be" in e.demand:
        return (
            "Docker called a program whose certificate is of another authority: it verifies nothing. Either CAFile is "
            "missing, and then Docker looks at no certificate whatever InsecureSkipVerify says, or InsecureSkipVerify "
            "is true."
        )
    return None


@cause("a file that Docker cannot use")
def a_file_that_docker_cannot_use(e: Evidence) -> str | None:
    lookup = _own_file(e)
    if lookup and lookup.error:
        return (
            f"Docker says: {lookup.error}. It does not pass over a broken file: the first one there is counts. A .spec "
            "holds one line, the address; a .json holds an object with Addr."
        )
    return None
