"""Docker's discovery with a learner's files: found by Docker's rules, in folders that are the check's own.

The address that a file names is made to listen, with TLS where the step wants it, and what comes in goes on to the
plugin's socket. So the plugin under test needs neither TCP nor TLS of its own.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from unittest import SkipTest

from workshop import repository
from workshop.daemon.calls import attempt, host_header, url
from workshop.plugins.folders import private_folder
from workshop.plugins.under_test import PluginUnderTest
from workshop.protocol import in_memory
from workshop.protocol.discovery import DiscoveryError, Found, Lookup, Places, locate, winner
from workshop.protocol.exchange import Address, Exchange, request

CERTIFICATES = "/etc/docker/ddd-certs"
"""Where a learner's file says that the certificates are. A check makes its own, and reads them in its folder."""
LIMIT = 3.0
"""How long a learner's file is waited for, in seconds."""
MACHINE = {"run": "/run/docker/plugins", "etc": "/etc/docker/plugins", "usr": "/usr/lib/docker/plugins"}
REFUSED = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the plugin wants a client certificate, but Docker showed none",
    "HTTP_REQUEST": "the plugin speaks TLS, but Docker spoke plain HTTP",
    "CERTIFICATE_VERIFY_FAILED": "the plugin does not accept the client certificate",
}
"""Why a TLS server breaks off a handshake: OpenSSL's reason, in a sentence."""
NEIGHBOURS = 2.0
"""How long to wait for a port that another check may have, in seconds."""


def files_beside(plugin: Path | None) -> Path | None:
    """Return the folder of a plugin's file, None where no .spec or .json of a learner is in it."""
    names = [each.name for each in plugin.parent.iterdir()] if plugin else []
    own = any(name.endswith((".spec", ".json")) and not name.startswith(".") for name in names)
    return plugin.parent if plugin and own else None


@contextlib.contextmanager
def discovery(plugin: PluginUnderTest) -> Iterator[Discovery]:
    """Give Docker's folders, with the learner's files in /etc/docker/plugins. Raises SkipTest without such files."""
    if plugin.beside is None:
        raise SkipTest("looks at .spec and .json files, which have to be beside the file of --plugin FILE")
    with private_folder() as folder:
        for name in MACHINE:
            (folder / name).mkdir()
        for file in plugin.beside.iterdir():
            if not file.name.startswith("."):  # .progress.json is none
                (folder / "etc" / file.name).symlink_to(file)
        yield Discovery(plugin, plugin.beside, folder)


class Discovery:
    """A machine's folders for plugins, and Docker that looks into them."""

    def __init__(self, plugin: PluginUnderTest, files: Path, folder: Path) -> None:
        self.plugin = plugin
        self.files = files
        self.folder = folder
        self.places = Places(folder / "run", (folder / "etc", folder / "usr"))

    def installed(self, file: str, text: str) -> None:
        """Put a file where packages put theirs: /usr/lib/docker/plugins."""
        (self.folder / "usr" / file).write_text(text)

    def reaches(self, driver: str, over: str) -> Exchange:
        """Want Docker to find a driver by a file of the learner, and to activate the plugin. Return the answer.

        over is how the plugin listens: "TCP", "HTTP or HTTPS" as the address says, or "mutual TLS", where a caller
        without a certificate gets no answer.
        """
        address = self.find(driver, over)
        answer = self.call(address, self.server(address, over))
        assert self.lookup.own, f"wanted your file to be the first that Docker finds for the driver {driver}"
        assert answer.status, f"wanted an answer for the driver {driver} over {over}, not\n{answer.failure}"
        return self.plugin.is_activated(answer)

    def refuses_an_impostor(self, driver: str) -> None:
        """Want Docker not to call a program whose certificate is of another authority than the one in the file."""
        address = self.find(driver, "TLS")
        answer = self.call(address, _server_context(made_certificates(self.folder / "impostor")))
        assert not answer.status, f"wanted Docker to refuse a program that only claims to be the driver {driver}"
        self.plugin.exchanges.pop()

    @property
    def limit(self) -> float:
        """How long to wait for an answer, in seconds. A learner's plugin has answered before, in step 2.1."""
        return self.plugin.limit if self.plugin.by_others else min(self.plugin.limit, LIMIT)

    @property
    def lookup(self) -> Lookup:
        """What is known about the search so far."""
        assert self.plugin.lookup
        return self.plugin.lookup

    def find(self, driver: str, over: str) -> Address:
        """Return the address of a driver as Docker finds it. A file that Docker cannot use fails the check."""
        lookup = self.plugin.lookup = Lookup(driver, self.files, wanted=over)
        try:
            path = winner(driver, self.places)
            etc = self.folder / "etc"
            lookup.file = self.files / path.relative_to(etc) if path.is_relative_to(etc) else path
            lookup.place = self.on_a_machine(str(path))
            lookup.text = path.read_text(errors="replace")
            found = locate(driver, self.places)
            lookup.url, lookup.tls = found.url, found.tls
            return self.with_certificates(found).address()
        except (DiscoveryError, OSError) as error:
            lookup.error = self.on_a_machine(str(error))
        raise AssertionError(f"wanted a file that leads Docker to the driver {driver}, not\n{lookup.error}")

    def with_certificates(self, found: Found) -> Found:
        """Return what was found, with the check's own certificates for those of the course."""
        tls = dict(found.tls or {})
        for name in ("CAFile", "CertFile", "KeyFile"):
            path = tls.get(name) or ""
            if path.startswith(f"{CERTIFICATES}/"):
                tls[name] = str(self.certificates() / path.removeprefix(f"{CERTIFICATES}/"))
        return Found(found.url, None if found.tls is None else tls)

    def certificates(self) -> Path:
        """Return the folder of the check's own certificates. Raises SkipTest without openssl."""
        self.plugin.needs_socket()
        return made_certificates(self.folder / "certs")

    def on_a_machine(self, text: str) -> str:
        """Return text with the paths that a machine would have."""
        for name, path in {"certs": CERTIFICATES, **MACHINE}.items():
            text = text.replace(str(self.folder / name), path)
        return text

    def server(self, address: Address, over: str) -> ssl.SSLContext | None:
        """Return how the plugin's side speaks TLS in this step, None where it does not. Raises SkipTest."""
        if over == "mutual TLS":
            return _server_context(self.certificates(), mutual=True)
        return _server_context(self.certificates()) if over == "HTTP or HTTPS" and address.tls else None

    def call(self, address: Address, server: ssl.SSLContext | None) -> Exchange:
        """Activate the plugin at an address that is made to listen for it. Raises SkipTest where that cannot be."""
        sent = request("Plugin.Activate", shape=self.plugin.shape, host=host_header(address))
        printed = self.plugin.printed()
        with contextlib.ExitStack() as stack:
            relay = None
            near = in_memory.listeners.get(f"unix://{self.plugin.socket}")
            if not address.path:
                self.check_address(address)
            if near and not address.path:
                stack.enter_context(in_memory.listening(str(address), near))
            elif not address.path:
                listener = self.listen(address)
                relay = stack.enter_context(Relay(listener, self.plugin.socket, server, self.limit))
            made = attempt(address, "Plugin.Activate", sent, self.limit)
        self.lookup.met = relay.met if relay else ""
        self.explain(made.exchange, f'Post "{url(address, self.plugin.shape)}/Plugin.Activate": {made.wrong}')
        made.exchange.printed = printed
        self.plugin.keep(made.exchange)
        return made.exchange

    def explain(self, answer: Exchange, dockers: str) -> None:
        """Say in an answer that failed why it did. dockers is what Docker says, where no TLS is in it."""
        if answer.status:
            return
        if "CERTIFICATE_VERIFY_FAILED" in answer.failure:
            answer.failure = "Docker does not accept the plugin's certificate"
        elif self.lookup.met:
            answer.failure = f"no answer: {REFUSED.get(self.lookup.met, self.lookup.met)}"
        elif "SSL" in answer.failure:
            answer.failure = "no answer: Docker spoke TLS, but the plugin speaks plain HTTP"
        else:
            self.lookup.error = dockers

    def check_address(self, address: Address) -> None:
        """Want an address where something can be made to listen: a file that names another machine fails the check."""
        lookup = self.lookup
        lookup.error = f"dial tcp: address {address.port}: invalid port" if address.port > 65535 else ""
        assert not lookup.error, f"wanted a port up to 65535, not\n{address.port}"
        assert _is_loopback(address.host), f"wanted an address of this machine alone, not {address.host}"

    def listen(self, address: Address) -> socket.socket:
        """Return a socket that listens at an address. Raises SkipTest where another program has the port."""
        try:
            return _listener(address.host, address.port, time.monotonic() + NEIGHBOURS)
        except OSError as error:
            file = self.lookup.file and self.lookup.file.name
            taken = "another program has it" if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
            raise SkipTest(
                f"cannot listen at port {address.port} of {address.host}: {taken}. That is no fault of yours. "
                f"Stop that program, or name another port in {file}: any is right."
            ) from None


class Relay:
    """A listener that passes the bytes of its callers on to a plugin's socket, and back."""

    def __init__(self, listener: socket.socket, plugin: Path, server: ssl.SSLContext | None, limit: float) -> None:
        self.listener = listener
        self.plugin = plugin
        self.server = server
        self.limit = limit
        self.met = ""
        """OpenSSL's reason for the end of a handshake that failed."""
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self) -> Relay:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # this wakes accept
        self.listener.close()
        self.thread.join()

    def serve(self) -> None:
        """Serve one caller after the other until the listener is closed."""
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(self.limit)
                try:
                    self.pass_on(caller)
                except ssl.SSLError as error:
                    self.met = error.reason or str(error)
                except OSError:
                    pass  # one of the two has gone: the caller sees that by itself

    def pass_on(self, caller: socket.socket) -> None:
        """Pass bytes both ways until one side closes. Raises OSError, ssl.SSLError where a handshake fails."""
        with contextlib.ExitStack() as stack:
            near = caller
            if self.server:
                near = stack.enter_context(self.server.wrap_socket(caller, server_side=True))
            far = stack.enter_context(socket.socket(socket.AF_UNIX))
            far.settimeout(self.limit)
            far.connect(str(self.plugin))
            while True:
                ready, _, _ = select.select([near, far], [], [], self.limit)
                if not ready:
                    return
                for each in ready:
                    # of TLS this is a whole record: nothing of it stays behind, where select cannot see it
                    data = each.recv(1 << 16)
                    if not data:
                        return
                    (far if each is near else near).sendall(data)


def _listener(host: str, port: int, deadline: float) -> socket.socket:
    """Return a socket that listens at a port. One that is taken is asked for again up to the deadline. Raises OSError.

    The course names one port for all, so several learners on one machine check their files at the same port: each
    check has it for a moment.
    """
    while True:
        try:
            return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, and can be reached by nobody else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server_context(certificates: Path, mutual: bool = False) -> ssl.SSLContext:
    """Return how a server speaks TLS with these certificates; with mutual, a caller has to show its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server-key.pem")
    if mutual:
        context.load_verify_locations(certificates / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def made_certificates(folder: Path) -> Path:
    """Return a folder with what part2/make-certs.sh makes, made unless it is there. Raises SkipTest without openssl."""
    if not folder.exists():
        if not which("openssl"):
            raise SkipTest("makes certificates with openssl. Install it:   sudo apt-get install openssl")
        home = repository.find_clone()
        script = home / "part2" / "make-certs.sh" if home else Path(__file__).parent / "make-certs.sh"
        subprocess.run(["sh", str(script), str(folder)], check=True, capture_output=True)
    return folder
