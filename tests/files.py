"""Wrong files beside a plugin that is right: the first step of part 2 that they fail, and the diagnosis they get."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PART = Path(__file__).parent.parent / "part2"
TCP, TLS = ((PART / name).read_text() for name in ("ddd-tcp.spec", "ddd-tls.json"))
PLAIN = '{\n  "Addr": "http://127.0.0.1:8788"\n}\n'


def free_port() -> int:
    """Return a port of loopback that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class WrongFiles:
    """The files beside part 2's plugin. Where a right one is left out here, it is there. name is the diagnosis, unless
    that has a name of its own."""

    name: str
    step: str
    files: Mapping[str, str]
    diagnosis: str = ""

    part = "2"
    needs = "openssl"

    @property
    def all(self) -> Mapping[str, str]:
        """Return the files with those that are right: ddd-tcp.spec where the step is a later one."""
        return {**({"ddd-tcp.spec": TCP} if self.step != "2.3" else {}), **self.files}

    def command(self, folder: Path) -> tuple[list[str], Path | None]:
        """Write the plugin and the files, at ports that nobody has; return the command that runs it, and its file."""
        file = folder / "plugin.py"
        file.write_text((PART / "plugin.py").read_text())
        for name, text in self.all.items():
            (folder / name).write_text(re.sub(r"(?<=127\.0\.0\.1:)\d+", str(free_port()), text))
        return [sys.executable, str(file)], file


def spec(name: str, text: str, diagnosis: str = "") -> WrongFiles:
    """Return a wrong ddd-tcp.spec."""
    return WrongFiles(name, "2.3", {"ddd-tcp.spec": text}, diagnosis)


def plain(name: str, old: str, new: str, diagnosis: str = "") -> WrongFiles:
    """Return a wrong ddd-tls.json of step 2.4, in which old has become new."""
    assert PLAIN.count(old) == 1
    return WrongFiles(name, "2.4", {"ddd-tls.json": PLAIN.replace(old, new)}, diagnosis)


def tls(name: str, old: str, new: str, diagnosis: str = "", step: str = "2.5") -> WrongFiles:
    """Return a wrong ddd-tls.json of step 2.5, in which old has become new."""
    assert TLS.count(old) == 1
    return WrongFiles(name, step, {"ddd-tls.json": TLS.replace(old, new)}, diagnosis)


CLIENT = """    "CertFile": "/etc/docker/ddd-certs/client.pem",
    "KeyFile": "/etc/docker/ddd-certs/client-key.pem",
"""
CA = '    "CAFile": "/etc/docker/ddd-certs/ca.pem",\n'

FILES = [
    WrongFiles("no file for the driver", "2.3", {}),
    WrongFiles("a file of another name", "2.3", {"ddd.spec": TCP}),
    WrongFiles("a .spec that the editor calls .txt", "2.3", {"ddd-tcp.spec.txt": TCP}, "a file of another name"),
    WrongFiles("a .spec without its ending", "2.3", {"ddd-tcp.txt": TCP}, "a file of another name"),
    spec("JSON in the .spec", '{"Addr": "tcp://127.0.0.1:8787"}\n'),
    spec("two slashes in unix://", "unix://run/ddd.sock\n"),
    spec("a socket instead of an address of TCP", "unix:///run/ddd.sock\n"),
    spec("an address without a scheme", "127.0.0.1:8787\n"),
    spec("localhost without a scheme", "localhost:8787\n", "an address without a scheme"),
    spec("an address in quotes", '"tcp://127.0.0.1:8787"\n'),
    spec("an address that is misspelt", "tcp:/127.0.0.1:8787\n"),
    spec("no colon in the address", "tcp//127.0.0.1:8787\n", "an address that is misspelt"),
    spec("no loopback address", "tcp://0.0.0.0:8787\n"),
    spec("https for a plugin without TLS", "https://127.0.0.1:8787\n"),
    spec("a file that Docker cannot use", "tcp://127.0.0.1:http\n"),
    spec("an empty .spec", "\n", "a file that Docker cannot use"),
    WrongFiles("the package's file comes first", "2.4", {}),
    WrongFiles("a .json of another name", "2.4", {"ddd-tls.jsn": PLAIN}, "a file of another name"),
    WrongFiles(
        "JSON in a .spec beside the .json",
        "2.4",
        {"ddd-tls.spec": PLAIN, "ddd-tls.json": PLAIN},
        "JSON in the .spec",
    ),
    plain("JSON that Go cannot read", '8788"\n', '8788",\n'),
    plain("a quote that is missing", '8788"\n', "8788\n", "JSON that Go cannot read"),
    WrongFiles(
        "an address alone in a .json", "2.4", {"ddd-tls.json": '"http://127.0.0.1:8788"'}, "JSON that Go cannot read"
    ),
    plain("a wrong key", '"Addr"', '"Address"'),
    plain("a .json without a scheme", "http://", "", "an address without a scheme"),
    WrongFiles("a plain http address for TLS", "2.5", {"ddd-tls.json": PLAIN}),
    tls("TLSConfig and a plain http address", "https://", "http://", "a plain http address for TLS"),
    tls("a comma after the last of TLSConfig", "false\n", "false,\n", "JSON that Go cannot read", "2.4"),
    tls("a comma that is missing", 'ca.pem",', 'ca.pem"', "JSON that Go cannot read", "2.4"),
    tls("a client certificate that is missing", CLIENT, ""),
    tls(
        "a wrong key for the client's",
        CLIENT,
        CLIENT.replace("CertFile", "Cert").replace("KeyFile", "Key"),
        "a wrong key",
    ),
    tls("a certificate that cannot be read", "client.pem", "clinet.pem", step="2.4"),
    tls(
        "a certificate without its key",
        '    "KeyFile": "/etc/docker/ddd-certs/client-key.pem",\n',
        "",
        step="2.4",
    ),
    tls("False as in Python", "false", "False", "JSON that Go cannot read", "2.4"),
    tls("the key for the certificate", "client.pem", "client-key.pem", "a certificate that cannot be read", "2.4"),
    WrongFiles("another certificate than the client's", "2.5", {"ddd-tls.json": TLS.replace("client", "server")}),
    tls("no CAFile", CA, "", "anybody is taken for the plugin"),
    tls("anybody is taken for the plugin", "false", "true"),
    tls("the plugin's certificate is not accepted", "ca.pem", "client.pem", step="2.4"),
    tls(
        "no TLSConfig", TLS[TLS.index(",\n") : TLS.rindex("\n}")], "", "the plugin's certificate is not accepted", "2.4"
    ),
    tls("a key for the CAFile", "ca.pem", "client-key.pem", "a certificate that cannot be read", "2.4"),
    tls("another host", "127.0.0.1", "127.0.0.2", "the plugin's certificate is not accepted", "2.4"),
]

RIGHT = {
    "another port": ("2.3", "ddd-tcp.spec", TCP.replace("8787", "PORT")),
    "http": ("2.3", "ddd-tcp.spec", "http://localhost:PORT/a/path"),
    "spaces around": ("2.3", "ddd-tcp.spec", "\n  tcp://127.0.0.1:PORT  \n\n"),
    "a folder of its own": ("2.3", "ddd-tcp/ddd-tcp.spec", "tcp://127.0.0.1:PORT"),
    "a .json for a .spec": ("2.3", "ddd-tcp.json", '{"Addr": "tcp://127.0.0.1:PORT"}'),
    "a .spec for a .json": ("2.4", "ddd-tls.spec", "tcp://127.0.0.1:PORT"),
    "a Name, lower case, and more": ("2.4", "ddd-tls.json", '{"Name": "x", "addr": "http://127.0.0.1:PORT", "y": 1} z'),
    "TLS too early": ("2.4", "ddd-tls.json", TLS.replace("8788", "PORT")),
    "mutual TLS": ("2.5", "ddd-tls.json", TLS.replace("8788", "PORT")),
    "mutual TLS to localhost": ("2.5", "ddd-tls.json", TLS.replace("127.0.0.1:8788", "localhost:PORT")),
}
"""Files that Docker accepts, and so do the checks: the step, the file, and its text, PORT standing for a free port."""
