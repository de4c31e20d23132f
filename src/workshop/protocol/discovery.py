"""From a plugin's name to its address, by Docker's rules: a socket, then .spec and .json files.

Sources: moby pkg/plugins/discovery.go (LocalRegistry.Plugin, Scan) and client.go (newTransport); the tests beside a
real engine, tests/engine/test_discovery_table.py.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.protocol import gojson
from workshop.protocol.exchange import IN_A_HOST, Address

# the longest path that fits into the kernel's sockaddr_un, which ends in a zero byte
LONGEST_PATH = 107
LAST_PORT = 65535
NO_HOST = 'Post "http:///Plugin.Activate": http: no Host in request URL'
# what Go's strings.TrimSpace takes for white space; Python's strip takes more
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


class DiscoveryError(Exception):
    """No address was found; the text is Docker's own."""


class NotFound(DiscoveryError):
    """None of the places has a file of this name."""


@dataclass(frozen=True)
class Places:
    """The folders in which Docker looks."""

    sockets: Path = Path("/run/docker/plugins")
    specs: tuple[Path, ...] = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))


@dataclass(frozen=True)
class Found:
    """What Docker finds of a plugin: its URL, and the TLSConfig of a .json file, None without one."""

    url: str
    tls: Mapping[str, Any] | None = None

    def address(self) -> Address:
        """Return where the plugin listens. Raises DiscoveryError.

        Everything but unix and https is plain HTTP, and the path after the host is dropped; unix with two slashes
        names a file beside the daemon: the host comes before the path. Source: moby pkg/plugins/client.go.
        """
        scheme, host, path = parse(self.url)
        secure = scheme == "https"
        # the files of TLSConfig are looked at even where nothing is to be secured
        context = _tls_context(self.tls or {}) if secure or self.tls else None
        if scheme == "unix":
            return _unix_address(host or path)
        if not host and not path:
            raise DiscoveryError(NO_HOST)
        # in "tcp:/127.0.0.1:8787" the path takes the place of the host
        named = host or urllib.parse.quote(path, safe=IN_A_HOST)
        post = f'Post "{"https" if secure else "http"}://{named}/Plugin.Activate"'
        if not host:
            raise DiscoveryError(f"{post}: dial tcp: lookup {path.rpartition(':')[0] or path}: no such host")
        name, port = _host_and_port(host, 443 if secure else 80)
        if port > LAST_PORT:
            raise DiscoveryError(f"{post}: dial tcp: address {port}: invalid port")
        return Address(host=name, port=port, tls=context if secure else None)


@dataclass
class Lookup:
    """A search for a driver by the files of a learner; lookup.py says why it failed."""

    driver: str
    folder: Path
    """Where the learner's files are."""
    file: Path | None = None
    """The file that Docker takes: the learner's, or one that a package has brought. None if there is none."""
    place: str = ""
    """That file's path on a machine, "/etc/docker/plugins/ddd-tcp.spec"."""
    text: str = ""
    """What is in it."""
    url: str = ""
    tls: Mapping[str, Any] | None = None
    wanted: str = ""
    """How the plugin listens in this step: "TCP", "HTTP" (or TLS, if the address says so), "mutual TLS"."""
    error: str = ""
    """Why the driver was not reached, in Docker's words; "" where those are not known here, or it was reached."""
    met: str = ""
    """What broke off the TLS handshake, in OpenSSL's words."""

    @property
    def own(self) -> bool:
        """Docker takes a file of the learner."""
        return bool(self.file and self.file.is_relative_to(self.folder))


def find(name: str, places: Places = Places()) -> Address:
    """Return the address of a plugin. Raises DiscoveryError in Docker's words, NotFound where nothing is there."""
    return locate(name, places).address()


def locate(name: str, places: Places) -> Found:
    """Return what is found of a plugin. Raises DiscoveryError: a broken file is an error, and no other is tried."""
    path = winner(name, places)
    if path.suffix == ".spec":
        return _read_spec(path)
    return _read_json(path) if path.suffix == ".json" else Found(f"unix://{path}", {"InsecureSkipVerify": True})


def winner(name: str, places: Places) -> Path:
    """Return the file of a plugin: the first one that exists, broken or not. Raises NotFound.

    For a socket only sockets count, and links to them, whether or not somebody listens. Docker checks no name: ".."
    leads out.
    """
    for path in _candidates(places.sockets, f"{name}.sock", name):
        if _is_socket(path):
            return path
    for folder in places.specs:
        for path in (*_candidates(folder, f"{name}.spec", name), *_candidates(folder, f"{name}.json", name)):
            if path.exists():
                return path
    raise NotFound(f'plugin "{name}" not found')


def _candidates(folder: Path, file: str, name: str) -> tuple[Path, Path]:
    """Return the two paths of a file: FOLDER/FILE and FOLDER/NAME/FILE."""
    return Path(os.path.normpath(f"{folder}/{file}")), Path(os.path.normpath(f"{folder}/{name}/{file}"))


def _is_socket(path: Path) -> bool:
    """Tell whether this is a socket, or a link to one."""
    try:
        return path.is_socket()
    except OSError:
        return False


def _read_spec(path: Path) -> Found:
    """Return what a .spec file says: one URL. Raises DiscoveryError. A https address in it is never verified."""
    url = _read(path).strip(WHITE_SPACE)
    if not parse(url)[0]:
        raise DiscoveryError("Unknown protocol")
    return Found(url, {"InsecureSkipVerify": True})


def _read_json(path: Path) -> Found:
    """Return what a .json file says: Addr, and TLSConfig. Raises DiscoveryError.

    Without TLSConfig a https address is verified by the system's roots; with one that names no CAFile it is not
    verified, whatever InsecureSkipVerify says. Name and unknown fields do not count.
    """
    try:
        said = gojson.unmarshal(gojson.decode(_read(path)), PLUGIN)
    except ValueError as error:
        raise DiscoveryError(str(error)) from None
    tls = said["TLSConfig"]
    if tls is not None:
        tls["InsecureSkipVerify"] = tls["InsecureSkipVerify"] or not tls["CAFile"]
    return Found(said["Addr"], tls)


# moby pkg/plugins/plugins.go; go-connections tlsconfig/config.go has more, which nobody sets for a plugin
_TLS = {"CAFile": str, "CertFile": str, "KeyFile": str, "InsecureSkipVerify": bool, "ExclusiveRootPools": bool}
PLUGIN = gojson.Struct(
    "plugins.Plugin", {"Addr": str, "TLSConfig": gojson.Struct("tlsconfig.Options", _TLS, pointer=True)}
)


def _read(path: Path) -> str:
    """Return a file's text. Raises DiscoveryError."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        raise DiscoveryError(f"read {path}: {(error.strerror or str(error)).lower()}") from None


def parse(url: str) -> tuple[str, str, str]:
    """Return scheme, host and path of a URL, "" for what it lacks. Raises DiscoveryError as Go's url.Parse fails.

    Source: Go net/url url.go (parse, parseAuthority, parseHost); Docker looks at neither the query nor the fragment.
    """
    wrong = f"parse {gojson.quote_text(url)}: "
    before, _, fragment = url.partition("#")
    if re.search(r"[\x00-\x1f\x7f]", before):
        raise DiscoveryError(f"{wrong}net/url: invalid control character in URL")
    if before.startswith(":"):
        raise DiscoveryError(f"{wrong}missing protocol scheme")
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", before)
    scheme, rest = (match[1].lower(), before[match.end() :]) if match else ("", before)
    rest = rest.partition("?")[0]
    if not scheme and ":" in rest.split("/")[0]:
        raise DiscoveryError(f"{wrong}first path segment in URL cannot contain colon")
    authority, path = "", rest if rest.startswith("/") or not scheme else ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        path = slash + path
    try:
        found = scheme, _host_of(authority), _unescaped(path)
        _unescaped(fragment)
    except ValueError as error:
        raise DiscoveryError(f"{wrong}{error}") from None
    return found


def _host_of(authority: str) -> str:
    """Return the host of USER@HOST. Raises ValueError in Go's words."""
    user, _, host = authority.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*", user):
        raise ValueError("net/url: invalid userinfo")
    _unescaped(user)
    if host.startswith("["):
        address, bracket, port = host.rpartition("]")
        if not bracket:
            raise ValueError("missing ']' in host")
        zone = address.find("%25")
        host = (address if zone < 0 else address[:zone] + "%" + address[zone + 3 :]) + bracket + port
        checked = address if zone < 0 else address[:zone]
    else:
        port, checked = "".join(host.rpartition(":")[1:]) if ":" in host else "", host
    if not re.fullmatch(r"(:[0-9]*)?", port):
        raise ValueError(f"invalid port {gojson.quote_text(port)} after host")
    odd = re.search(r"%.{0,2}|[ \\^`{|}/]", checked)
    if odd:
        escape = odd[0].startswith("%")
        told = f"invalid URL escape {gojson.quote_text(odd[0])}"
        raise ValueError(told if escape else f"invalid character {gojson.quote_text(odd[0])} in host name")
    return host


def _unescaped(text: str) -> str:
    """Return a text with its %XX replaced. Raises ValueError in Go's words."""
    for escape in re.findall(r"%.{0,2}", text, re.DOTALL):
        if not re.fullmatch(r"%[0-9A-Fa-f]{2}", escape):
            raise ValueError(f"invalid URL escape {gojson.quote_text(escape)}")
    return os.fsdecode(urllib.parse.unquote_to_bytes(os.fsencode(text)))


def _host_and_port(host: str, usual: int) -> tuple[str, int]:
    """Return the name and the port of "name:port" or "[::1]:port", the usual port where none is named."""
    name, _, port = host.rpartition(":") if re.search(r":[0-9]*$", host) else (host, "", "")
    return name.strip("[]"), int(port) if port else usual


def _unix_address(path: str) -> Address:
    """Return the address of a socket. Raises DiscoveryError if the path does not fit into one, or is none."""
    if not path:
        raise DiscoveryError(NO_HOST)
    if "\0" in path:
        raise DiscoveryError(f"{gojson.quote_text(path)} is no path of a Unix socket")
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise DiscoveryError(f"Unix socket path {json.dumps(path)} is too long")
    return Address(path=path)


def _tls_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return how to speak TLS. Raises DiscoveryError if a file cannot be read: Docker does not try that again.

    Source: docker/go-connections tlsconfig/config.go (Client, certPool, getCert): TLS 1.2 at least, and the CAFile
    counts beside the system's roots unless ExclusiveRootPools is true.
    """
    ca = options.get("CAFile") or ""
    no_roots = options.get("ExclusiveRootPools") or options.get("InsecureSkipVerify")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if no_roots else ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.get("InsecureSkipVerify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif ca:
        wrong = f"could not read CA certificate {json.dumps(ca)}"
        _load(
            lambda: context.load_verify_locations(ca),
            wrong,
            ca,
            f"failed to append certificates from PEM file: {json.dumps(ca)}",
        )
    own = [options.get(name) or "" for name in ("CertFile", "KeyFile")]
    if any(own):
        # one of the two that is not named is a file without a name to Go, which opens both
        lacking = next((path for path in own if not os.path.isfile(path)), own[0])
        _load(lambda: context.load_cert_chain(*own), "Could not load X509 key pair", lacking)
    return context


def _load(action: Any, wrong: str, path: str, no_pem: str = "") -> None:
    """Do what reads a file of certificates. Raises DiscoveryError; no_pem is for a file with something else in it."""
    try:
        action()
    except ssl.SSLError:
        raise DiscoveryError(no_pem or wrong) from None
    except OSError as error:
        raise DiscoveryError(f"{wrong}: open {path}: {(error.strerror or str(error)).lower()}") from None


def scan(places: Places = Places()) -> list[str]:
    """Return the names of all plugins there are, as `docker volume ls` finds them; a name may come twice.

    Any socket counts, whatever its ending, but no link to one, though a link is found by its name.
    """
    return [*_sockets(places.sockets), *(name for folder in places.specs for name in _specs(folder))]


def _sockets(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's sockets, and NAME for NAME/NAME.sock."""
    for entry in _entries(folder):
        inner = folder / entry.name / f"{entry.name}.sock"
        if entry.is_dir(follow_symlinks=False) and _is_socket(inner):
            yield entry.name
        elif _is_socket(folder / entry.name) and not entry.is_symlink():
            yield os.path.splitext(entry.name)[0]


def _specs(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's .spec and .json files; in a folder NAME the first file of that name counts."""
    for entry in _entries(folder):
        file = entry.name
        if entry.is_dir(follow_symlinks=False):
            inner = [each.name for each in _entries(folder / file)]
            file = next((each for each in inner if os.path.splitext(each)[0] == file), file)
        name, ending = os.path.splitext(file)
        if ending in (".spec", ".json"):
            yield name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, by name; nothing if there is no such folder, or it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []
