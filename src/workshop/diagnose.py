"""From a failed check to its cause: what Docker does with such a plugin, and what to change.

A cause is a function that looks at the evidence and returns the explanation, or nothing where it is not the cause.
They are tried in order, and the first one counts. Where none fits, that is said: nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workshop import gojson
from workshop.discovery import Lookup
from workshop.wire import Exchange


@dataclass
class Evidence:
    """What is known about a failed check."""

    step: str
    wanted: str
    exchanges: list[Exchange] = field(default_factory=list)
    log: str = ""
    """What the plugin has printed since the check began."""
    trouble: str = ""
    """Why the plugin did not start; "" when it did."""
    ended: int | None = None
    """The plugin's exit status, None while it runs."""
    socket: Path = Path()
    listens: list[str] = field(default_factory=list)
    """What the plugin listens on instead: paths of sockets, and "TCP port N"."""
    file: Path | None = None
    """The plugin's file, where it is one in Python."""
    lookup: Lookup | None = None
    """The search for a driver that failed, where the step is one of discovery."""

    @property
    def demand(self) -> str:
        """What was wanted, in one line."""
        return self.wanted.partition("\n")[0]

    @property
    def last(self) -> Exchange:
        """The exchange that failed; an empty one where it did not come to one."""
        return self.exchanges[-1] if self.exchanges else Exchange("", b"")

    @property
    def html(self) -> bool:
        """The last answer is a page."""
        return bool(re.match(r"\s*<(!doctype|html)", self.last.text, re.IGNORECASE))

    @property
    def error(self) -> str:
        """The last line of the last Python traceback, such as "KeyError: 'name'", without a full stop at its end."""
        found = re.findall(r"^(\w[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*)$", self.log, re.MULTILINE)
        told = found and ("Traceback" in self.log or "SyntaxError" in self.log)
        return found[-1].rstrip(".?!") if told else ""

    @property
    def refused(self) -> bool:
        """The last answer is an error that Docker takes for one."""
        return bool(self.last.status) and not self.last.ok

    @property
    def code(self) -> list[tuple[int, str]]:
        """The lines of the plugin's file with their numbers, without those that are a comment."""
        text = self.file.read_text(errors="replace") if self.file and self.file.is_file() else ""
        lines = enumerate((line.strip() for line in text.splitlines()), 1)
        return [(number, line) for number, line in lines if not line.startswith("#")]

    @property
    def killed(self) -> bool:
        """The plugin was killed during the check: after that it is asked what there is."""
        return any(each.endpoint == "VolumeDriver.List" for each in self.exchanges[:-1])

    @property
    def nameless(self) -> bool:
        """The last call had no JSON object with a name."""
        try:
            sent = json.loads(self.last.sent)
        except ValueError:
            return True
        return not isinstance(sent, dict) or not isinstance(sent.get("Name"), str)

    @property
    def unrouted(self) -> bool:
        """The last answer says that there is no such path, and not that there is no such volume."""
        if self.last.status != 404 or self.asked("Bake"):
            return False
        # Flask says so of an unknown path, and so do the plugins of this course
        of_path = f"/{self.last.endpoint}" in self.last.err or "requested URL was not found" in self.last.err
        # these ask for no volume that could be unknown
        for_any = self.asked("Activate", "Create", "List", "Capabilities") and not self.route(self.last.endpoint)
        return self.html or of_path or for_any or not self.written

    @property
    def written(self) -> bool:
        """The method that was called stands in the plugin's file; where that cannot be read, it may."""
        method = self.last.endpoint.rpartition(".")[2]
        return not self.code or any(re.search(rf"""[./"']{method}["']""", line) for _, line in self.code)

    def asked(self, *methods: str) -> bool:
        """Tell whether the last call was one of these methods."""
        return self.last.endpoint.rpartition(".")[2] in methods

    def route(self, endpoint: str) -> tuple[int, str] | None:
        """Return the line of the plugin's file that has the route of an endpoint, and its number."""
        named = [(number, line) for number, line in self.code if re.search(rf"""["']/{endpoint}["']""", line)]
        # a comparison with the path is no route
        return next((found for found in named if "==" not in found[1]), None)


@dataclass(frozen=True)
class Diagnosis:
    """A cause by its key, and why it keeps the check from passing."""

    key: str
    why: str


Cause = Callable[[Evidence], str | None]
CAUSES: dict[str, Cause] = {}


def cause(key: str) -> Callable[[Cause], Cause]:
    """Put a cause at the end of the table."""

    def put(function: Cause) -> Cause:
        CAUSES[key] = function
        return function

    return put


def simple(key: str, fits: Callable[[Evidence], object], why: str) -> None:
    """Put a cause at the end of the table whose explanation is always the same."""
    CAUSES[key] = lambda evidence: why if fits(evidence) else None


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the first cause that fits the evidence; one with an empty key where none does."""
    for key, function in CAUSES.items():
        why = function(evidence)
        if why:
            return Diagnosis(key, why)
    return Diagnosis("", "The cause is not known to this tool. Above is all that was said, to the byte.")


def place(evidence: Evidence) -> tuple[int, str] | None:
    """Return the line of the plugin's file where to look, and its text: the traceback's, or that of the route."""
    if evidence.lookup:
        return line_at_fault(evidence.lookup) if evidence.lookup.own else None
    if not evidence.file or not evidence.file.is_file():
        return None
    lines = evidence.file.read_text(errors="replace").splitlines()
    frames = re.findall(rf'File "{re.escape(str(evidence.file.resolve()))}", line (\d+)', evidence.log)
    if frames:
        number = int(frames[-1])
        return (number, lines[number - 1].strip()) if number <= len(lines) else None
    endpoint = AT_FAULT.get(diagnose(evidence).key, evidence.last.endpoint)
    return evidence.route(endpoint) if endpoint else None


# the causes that show only at a later call
AT_FAULT = {
    "files lost at Unmount": "VolumeDriver.Unmount",
    "never lets go": "VolumeDriver.Unmount",
    "lets go too early": "VolumeDriver.Unmount",
    "Remove does not remove": "VolumeDriver.Remove",
}


LOOKING_UP = "Error response from daemon: create mango: error looking up volume plugin ddd: legacy plugin: "
WRONG_KIND = "Plugin does not implement the requested driver"


def docker_prints(evidence: Evidence) -> str:
    """Return what docker prints when it meets this answer; "" where it prints nothing of it, or it is not known.

    Source: tests/engine/test_diagnoses.py, where a real engine prints it. A status other than 200 is printed with the
    method before it, and with the whole body where that is no JSON with an Err.
    """
    if evidence.lookup:
        looking = f"Error response from daemon: create mango: error looking up volume plugin {evidence.lookup.driver}: "
        found = "legacy plugin: " if evidence.lookup.file else ""
        return f"{looking}{found}{evidence.lookup.error}" if evidence.lookup.error else ""
    last, name = evidence.last, re.search(r'"Name":"([^"]*)"', evidence.last.sent)
    text = f"{last.endpoint}: {last.err or last.text.strip()}"
    if last.endpoint == "Plugin.Activate" and last.status not in (0, 200):
        return LOOKING_UP + text
    implements = said(evidence).get("Implements")
    if last.endpoint == "Plugin.Activate" and isinstance(implements, list) and "VolumeDriver" not in implements:
        return LOOKING_UP + WRONG_KIND
    if last.endpoint in VERBS and evidence.refused and last.status != 200 and name:
        return f"Error response from daemon: {VERBS[last.endpoint]} {name[1]}: {text}"
    if last.endpoint == "VolumeDriver.Get" and evidence.refused and name:
        return f"Error response from daemon: get {name[1]}: no such volume"
    return ""


VERBS = {"VolumeDriver.Create": "create", "VolumeDriver.Remove": "remove"}


# A driver that is not found, or not reached by what the file says


def searched(e: Evidence) -> Lookup | None:
    """Return the search for a driver that failed; None where the plugin has been reached, and it answered wrongly."""
    impostor = "claims to be" in e.demand
    return e.lookup if e.lookup and (impostor or not e.last.status or not e.lookup.own) else None


def own_file(e: Evidence) -> Lookup | None:
    """Return the search, where Docker takes a file of the learner and does not reach the plugin by it."""
    lookup = searched(e)
    return lookup if lookup and lookup.own else None


def json_of(lookup: Lookup) -> dict[str, object]:
    """Return the object in the .json file that was found, an empty one where it is none."""
    try:
        value = gojson.decode(lookup.text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and lookup.place.endswith(".json") else {}


def line_at_fault(lookup: Lookup) -> tuple[int, str]:
    """Return the line of the file that Docker takes where to look, and its text."""
    lines = lookup.text.splitlines() or [""]
    number = line_of_json(lookup, lines) if lookup.place.endswith(".json") else 1
    return number, lines[number - 1].strip()


def line_of_json(lookup: Lookup, lines: list[str]) -> int:
    """Return the line at fault of a .json file: where it breaks off, or that of a wrong key, a path, the address."""
    if comma := trailing_comma(lookup.text):
        return comma
    try:
        json.JSONDecoder().raw_decode(lookup.text.lstrip())
    except json.JSONDecodeError as error:
        return min(error.lineno, len(lines))
    words = [f'"{key}"' for key in wrong_keys(lookup)] + re.findall(r"/etc/docker/ddd-certs/[\w.-]+", lookup.error)
    # with a handshake, the address was right
    words += ['"TLSConfig"'] if lookup.wanted == "mutual TLS" and lookup.url.lower().startswith("https:") else []
    words = [word.lower() for word in (*words, '"addr"')]
    return next((n for word in words for n, line in enumerate(lines, 1) if word in line.lower()), 1)


def trailing_comma(text: str) -> int:
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


def wrong_keys(lookup: Lookup) -> list[str]:
    """Return the keys of a .json file that mean nothing to Docker. Upper and lower case do not count to it."""
    told = json_of(lookup)
    tls = gojson.field(told, "TLSConfig")
    inner = [key for key in tls if key.lower() not in TLS_KEYS] if isinstance(tls, dict) else []
    return [key for key in told if key.lower() not in KEYS] + inner


@cause("a file of another name")
def _(e: Evidence) -> str | None:
    lookup = searched(e)
    if not lookup or lookup.own:
        return None
    files = [path.name for path in sorted(lookup.folder.iterdir()) if path.is_file()]
    others = [name for name in files if resembles(name, lookup.driver)]
    if others:
        return (
            f"There is {others[0]}, and Docker looks for {lookup.driver}.spec or {lookup.driver}.json, because the "
            f"driver that was asked for is {lookup.driver}. The file's name is the driver's name: rename it."
        )
    return None


def resembles(file: str, driver: str) -> bool:
    """Tell whether a file may be meant for a driver, and has another name. Files that were put aside are not."""
    other = {"ddd-tcp": "ddd-tls", "ddd-tls": "ddd-tcp"}.get(driver, "")
    ending = r"\.(spec|json)(\.\w+)?" if driver not in file else r"(\.\w+)*"
    return bool(re.fullmatch(rf"(?!\.|{other}\.|.*-\d+\.)[^.]*{ending}", file))


@cause("no file for the driver")
def _(e: Evidence) -> str | None:
    lookup = searched(e)
    if lookup and not lookup.file:
        return (
            f"No file leads to the driver {lookup.driver}. Docker looks in its places for {lookup.driver}.sock, then "
            f"{lookup.driver}.spec and {lookup.driver}.json: a file's name is the driver's name. This check takes the "
            f"folder of your plugin for /etc/docker/plugins. Make a file there, with the address of the plugin."
        )
    return None


@cause("the package's file comes first")
def _(e: Evidence) -> str | None:
    lookup = searched(e)
    if lookup and lookup.file and not lookup.own:
        return (
            f"Docker takes {lookup.place}, which a package has brought, and the plugin that this leads to is gone. A "
            f"file that leads nowhere is not passed over. Docker looks in /etc/docker/plugins first: make a file "
            f"{lookup.driver}.json there, which is {lookup.driver}.json beside your plugin here."
        )
    return None


@cause("JSON in the .spec")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.place.endswith(".spec") and lookup.text.lstrip().startswith(("{", "[")):
        return (
            "A .spec is not JSON: it is one line with the address, such as tcp://127.0.0.1:8787. What begins with a "
            "brace belongs in a .json. A .spec in the same folder comes before the .json, even if it is broken."
        )
    return None


@cause("JSON that Go cannot read")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if not lookup or not lookup.place.endswith(".json"):
        return None
    try:
        gojson.decode(lookup.text)
    except ValueError as error:
        comma = trailing_comma(lookup.text)
        where = f" After the comma of line {comma} comes no other key: take it away." if comma else ""
        return (
            f"Docker, which is written in Go, cannot read this JSON: {error}.{where} Docker does not pass over "
            "a broken file."
        )
    return None


@cause("a wrong key")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    keys = wrong_keys(lookup) if lookup else []
    if lookup and keys:
        return (
            f'Docker does not know the key "{keys[0]}", and says nothing about it. It reads Addr and TLSConfig, and '
            "in TLSConfig it reads CAFile, CertFile, KeyFile and InsecureSkipVerify."
        )
    return None


@cause("two slashes in unix://")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    found = re.match(r"unix://([^/]+)(/.*)?", lookup.url) if lookup else None
    if lookup and found:
        return (
            f"After unix:// a path begins with a slash of its own: unix:///{found[1]}{found[2] or ''} has three. With "
            f"two, {found[1]} is the host, and Docker takes that for the path, in its own folder. This step is "
            "about TCP: tcp://127.0.0.1:8787."
        )
    return None


@cause("a socket instead of an address of TCP")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.url.lower().startswith("unix:"):
        return "The file leads to a Unix socket. Here the driver is to be reached over TCP: tcp://127.0.0.1:8787."
    return None


@cause("an address without a scheme")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    address = (lookup.url or lookup.text.strip()) if lookup and not json_of(lookup) else lookup.url if lookup else ""
    if lookup and re.match(r"[^/:]*:\d+", address):
        return (
            f"An address begins with how it is spoken to: tcp:// or http://, https:// for TLS. So it is "
            f"tcp://{address}."
        )
    return None


@cause("no loopback address")
def _(e: Evidence) -> str | None:
    if e.lookup and "address of this machine alone" in e.demand:
        return (
            "Docker calls the address in the file, and whoever can reach it can call the plugin. The plugin is on this "
            "machine: name 127.0.0.1, which no other machine reaches."
        )
    return None


@cause("a certificate that cannot be read")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and re.match("could not read CA|failed to append|Could not load X509", lookup.error):
        return (
            f"Docker says: {lookup.error}. The files are ca.pem for CAFile, client.pem for CertFile and client-key.pem "
            "for KeyFile, all three in /etc/docker/ddd-certs."
        )
    return None


@cause("a plain http address for TLS")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.wanted == "mutual TLS" and not lookup.url.lower().startswith("https:"):
        return (
            f"The address is {lookup.url}, so Docker speaks plain HTTP, whatever TLSConfig says, and the plugin waits "
            "for TLS. Only https:// is TLS."
        )
    return None


@cause("https for a plugin without TLS")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.wanted == "TCP" and lookup.url.lower().startswith("https:"):
        return "https:// makes Docker speak TLS, and the plugin of this step speaks plain HTTP. Write tcp:// instead."
    return None


@cause("the plugin's certificate is not accepted")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and "Docker does not accept" in e.last.failure:
        return (
            "Docker could not verify the plugin's certificate. It is for 127.0.0.1 and localhost, and the authority "
            "that vouches for it is in /etc/docker/ddd-certs/ca.pem: Addr has to name one of the two hosts, and CAFile "
            "that file."
        )
    return None


@cause("a client certificate that is missing")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.met == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return (
            "The plugin wants to see who calls, and Docker had no certificate to show. CertFile and KeyFile in "
            "TLSConfig name it: client.pem and client-key.pem in /etc/docker/ddd-certs."
        )
    return None


@cause("another certificate than the client's")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.met == "CERTIFICATE_VERIFY_FAILED":
        return (
            "Docker shows a certificate that the plugin does not take for one of a client. Docker's own are client.pem "
            "and client-key.pem; server.pem and server-key.pem are the plugin's."
        )
    return None


@cause("anybody is taken for the plugin")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and "claims to be" in e.demand:
        return (
            "Docker called a program whose certificate is of another authority: it verifies nothing. Either CAFile is "
            "missing, and then Docker looks at no certificate whatever InsecureSkipVerify says, or InsecureSkipVerify "
            "is true."
        )
    return None


@cause("a file that Docker cannot use")
def _(e: Evidence) -> str | None:
    lookup = own_file(e)
    if lookup and lookup.error:
        return (
            f"Docker says: {lookup.error}. It does not pass over a broken file: the first one there is counts. A .spec "
            "holds one line, the address; a .json holds an object with Addr."
        )
    return None


# It does not start


# what the C libraries say of a machine that they cannot find; Werkzeug prints it in a line of its own
NO_SUCH_HOST = (
    "Name or service not known|nodename nor servname|Temporary failure in name resolution"
    "|No address associated with hostname"
)


@cause("syntax error")
def _(e: Evidence) -> str | None:
    if e.trouble and re.search(r"^\s*(Syntax|Indentation|Tab)Error", e.log, re.MULTILINE):
        return f"Python cannot read the file: {e.log.strip().rstrip('.?!').splitlines()[-1]}."
    return None


@cause("missing module")
def _(e: Evidence) -> str | None:
    found = re.search(r"ModuleNotFoundError: No module named '([^']+)'", e.log)
    return f"The plugin imports {found[1]}, which this Python does not have." if e.trouble and found else None


simple(
    "old server holds the place",
    lambda e: (
        e.trouble and re.search("address already in use", e.log, re.IGNORECASE) and (e.step not in ("1.6", "1.7"))
    ),
    (
        "The plugin wants a place that somebody has already: an earlier run of it that still goes on, or its "
        "socket. End that one, and let the plugin listen where DDD_SOCKET says."
    ),
)
simple(
    "stale socket stops it",
    lambda e: e.trouble and e.step == "1.6" and (not e.error or re.search("in use|refused", e.error)),
    (
        "A plugin that is killed leaves its socket behind. The next start finds it, and has to see that "
        "nobody listens there (connect is refused), and replace it. Until then Docker has no plugin."
    ),
)


simple(
    "a path taken for a host",
    # a word of more than 63 letters is no name of a machine at all
    lambda e: e.trouble and re.search(rf"^({NO_SUCH_HOST})$|'idna' codec.*label", e.log, re.MULTILINE),
    (
        "Flask took the path of the socket for the name of a machine, and there is no such machine. The host has to "
        'begin with unix://, and the path follows: app.run(host=f"unix://{SOCKET}").'
    ),
)


@cause("crash at the start")
def _(e: Evidence) -> str | None:
    return f"The plugin crashed before it listened: {e.error}." if e.trouble and e.ended and e.error else None


@cause("ended at the start")
def _(e: Evidence) -> str | None:
    if e.trouble and e.ended is not None:
        return (
            f"The program came to its end, with exit status {e.ended}, and nobody listens. "
            "A plugin goes on, and waits for Docker's calls."
        )
    return None


@cause("a port instead of the socket")
def _(e: Evidence) -> str | None:
    ports = [where for where in e.listens if where.startswith("TCP")]
    if e.trouble and ports:
        return (
            f"The plugin listens on {ports[0]}. Docker looks for plugins that are files: "
            f"let it listen on the Unix socket at {e.socket}, which DDD_SOCKET names."
        )
    return None


@cause("a socket with the wrong name")
def _(e: Evidence) -> str | None:
    beside = [where for where in e.listens if Path(where).parent == e.socket.parent]
    if e.trouble and beside:
        return (
            f"The plugin listens at {Path(beside[0]).name}, not at {e.socket.name}. To Docker the file's name is the "
            "driver's name: nobody will find it under the name that was asked for. Take the path from DDD_SOCKET."
        )
    return None


DOCKERS_PLACE = "/run/docker/plugins/ddd.sock"


@cause("a socket in another place")
def _(e: Evidence) -> str | None:
    if e.trouble and e.listens:
        remove = "./workshop clean" if e.listens[0] == DOCKERS_PLACE else f"rm {e.listens[0]}"
        return (
            f"The plugin listens at {e.listens[0]}, and not where DDD_SOCKET says, at {e.socket}. If its socket is "
            f"still there after this check, `{remove}` removes it."
        )
    return None


simple(
    "does not listen",
    lambda e: e.trouble,
    ("The plugin runs, but does not listen on any socket. Docker tries for 15 s to reach one, and gives up."),
)


@cause("no socket")
def _(e: Evidence) -> str | None:
    if e.last.failure == "there is no socket":
        return f"There is no socket at {e.socket}. The driver's name is the file's name, without .sock: is it this one?"
    return None


simple(
    "nobody behind the socket",
    lambda e: e.last.failure == "nobody listens on the socket" and e.ended is None,
    (
        "The file is there, but nobody listens: a plugin that was killed leaves its socket behind. Start the "
        "plugin again. As long as it is so, each `docker volume ls` takes 15 s."
    ),
)


# No answer


@cause("crash at a call")
def _(e: Evidence) -> str | None:
    if e.ended is not None and e.last.failure and e.step[0] != "1":
        return f"The plugin ended at this call, with exit status {e.ended}{': ' + e.error if e.error else ''}."
    return None


simple(
    "one caller at a time",
    lambda e: e.step == "1.4" and e.last.failure == "no answer in time",
    (
        "While one caller is connected and silent, nobody else is answered. Docker keeps connections open, "
        "and calls on several at once: answer each in a thread of its own (threaded=True)."
    ),
)
simple(
    "hangs",
    lambda e: e.last.failure == "no answer in time",
    (
        "The plugin took the call and does not answer. Docker waits 60 s, 120 s for Create and Mount, and for"
        " Plugin.Activate without end: every docker command that asks this plugin hangs with it."
    ),
)
simple(
    "closed without an answer",
    lambda e: e.last.failure.startswith("the connection was closed"),
    "The plugin closed the connection without an answer. Docker tries again for 15 s, then gives up.",
)


@cause("no HTTP")
def _(e: Evidence) -> str | None:
    found = re.search(r"not HTTP: (.*)", e.last.failure)
    return f"What comes back is not HTTP, but {found[1]}. Docker speaks nothing else to a plugin." if found else None


# An answer that is a page, or no JSON


simple(
    "reads an empty body",
    lambda e: e.last.status in (400, 415) and not e.last.sent and e.asked("Activate"),
    (
        "Docker sends Plugin.Activate with an empty body and no Content-Type. request.get_json() refuses that, with "
        "force=True too. Activate needs nothing from the body: do not read it."
    ),
)
simple(
    "get_json without force",
    lambda e: e.last.status == 415,
    (
        "Docker sends JSON without a Content-Type header, so Flask's request.get_json() refuses it. Tell it "
        "not to look: request.get_json(force=True)."
    ),
)


@cause("wrong case of a key")
def _(e: Evidence) -> str | None:
    found = re.match(r"KeyError: '(\w+)'", e.error)
    keys = {key.lower(): key for key in re.findall(r'"(\w+)":', e.last.sent)}
    if found and found[1] not in keys.values() and found[1].lower() in keys:
        sent = keys[found[1].lower()]
        return (
            f"The plugin looks for {found[1]!r} in the request, and Docker sends {sent!r}: upper and lower case count."
        )
    return None


simple(
    "Create again refused",
    lambda e: e.step == "3.4" and e.asked("Create") and e.refused and re.match("FileExistsError|$", e.error),
    "A Create of a volume that exists is harmless: Docker may send it twice. Answer success, change nothing.",
)


simple(
    "deletes what is mounted inside",
    lambda e: e.step == "3.15" and (e.last.ok or "is mounted in it" in e.demand),
    (
        "Something is mounted in the volume, and Remove deleted its files: to the file system a mounted disk is a "
        "folder like any other. /proc/self/mounts says what is mounted."
    ),
)


@cause("exception in a handler")
def _(e: Evidence) -> str | None:
    if e.error and e.last.status == 500:
        page = "a page of HTML" if e.html else "status 500"
        return f"The handler raised {e.error}. Docker gets {page}, and prints it to the user."
    return None


simple(
    "greets one method only",
    lambda e: e.step == "1.2" and e.last.status == 405,
    "The greeting has to come for GET, which curl sends, and for POST, which Docker sends: methods=[…].",
)


simple(
    "nothing at /",
    lambda e: e.step == "1.2" and e.last.status == 404,
    (
        'Nothing answers at /. Is there a function with @app.route("/", …), and above the line that starts the '
        "server? That line never comes back: it has to be the last one of the file."
    ),
)


@cause("a route that the server does not know")
def _(e: Evidence) -> str | None:
    if e.unrouted and e.route(e.last.endpoint):
        return (
            f"The route /{e.last.endpoint} is in the file, but the server did not know it. Is it below the line that "
            "starts the server? That line never comes back: move it to the end of the file."
        )
    return None


@cause("no such route")
def _(e: Evidence) -> str | None:
    if e.unrouted:
        return f"The plugin has no route /{e.last.endpoint}. This is what Docker calls, in this spelling."
    return None


@cause("wrong method")
def _(e: Evidence) -> str | None:
    if e.last.status == 405 and e.step not in ("1.2", "2.2"):
        return (
            f"The route is there, but not for {e.last.request.split()[0].decode()}. Docker calls everything with POST."
        )
    return None


simple(
    "error page in HTML",
    lambda e: e.html,
    (
        "The error is a page of HTML, and docker prints the whole page to its user. Answer errors as JSON, "
        '{"Err": "a sentence"}, for every path (app.errorhandler).'
    ),
)


@cause("status other than 200")
def _(e: Evidence) -> str | None:
    if e.last.status in range(201, 300):
        return f"Docker takes only status 200 for success: {e.last.status} is an error to it."
    return None


simple(
    "bare text",
    lambda e: e.last.status == 200 and e.last.json is None and (e.step[0] != "1"),
    "The answer is text, and Docker wants a JSON object. Return a dict, or json.dumps of one.",
)
simple(
    "JSON, but no object",
    lambda e: e.last.status and e.last.json is not None and (not isinstance(e.last.json, dict)),
    "The answer is JSON, but not an object: Docker reads {…}, and cannot decode anything else.",
)


# Err


def said(e: Evidence) -> dict[str, object]:
    """Return the last answer's object, an empty one where it is none."""
    return e.last.json if isinstance(e.last.json, dict) else {}


simple(
    "Err is no text",
    lambda e: not isinstance(said(e).get("Err"), str | None),
    "Err has to be a text: Docker cannot decode the whole answer otherwise.",
)


@cause("Err misspelt")
def _(e: Evidence) -> str | None:
    near = [key for key in said(e) if key.lower() in ("error", "errors", "message", "msg", "er", "errr")]
    if e.last.status != 200 and near and "Err" not in said(e):
        return f"The error stands under {near[0]!r}. Docker looks under 'Err', finds nothing, and prints the raw JSON."
    return None


simple(
    "Err null",
    lambda e: "Err" in said(e) and said(e)["Err"] is None and (e.last.status not in (0, 200)),
    "Err is null, so there is no sentence to print. Say in it what is wrong, and what to do.",
)
simple(
    "Err missing",
    lambda e: e.last.status not in (0, 200) and isinstance(e.last.json, dict) and (not e.last.err),
    'The answer is an error, but has no Err: docker prints the raw JSON. Send {"Err": "a sentence"}.',
)
simple(
    "error under status 200",
    lambda e: e.last.status == 200 and e.last.err and ("error status" in e.demand),
    (
        "The error comes under status 200. Docker reads Err and takes it for an error; Podman takes every 200"
        " for success, and never reads Err. Send it with a status such as 400 or 404."
    ),
)
simple(
    "success with an Err",
    lambda e: e.last.status == 200 and e.last.err,
    'Whatever stands in Err is an error to Docker. For success it is empty: {"Err": ""}.',
)


# Part 1


simple(
    "socket open to all",
    lambda e: e.step == "1.3",
    (
        "Every user of this machine may call the plugin, and so make, read and remove volumes. Take the "
        "rights away before anybody can connect: os.umask(0o177) around bind."
    ),
)


@cause("raises when asked to end")
def _(e: Evidence) -> str | None:
    if e.step != "1.5" or "exit status" not in e.demand:
        return None
    # Python may go on after this one: where the signal comes during a call, Werkzeug catches what the handler raises
    handler = re.search(r"^TypeError: .*(?:but 2 were given|, got 2)$", e.log, re.MULTILINE)
    if handler:
        return (
            f"The handler of the signal raised {handler[0]}. Python calls it with two arguments, the signal's number "
            "and where the program was: lambda *_: sys.exit() takes any."
        )
    # Ctrl-C without a handler is no mistake in the plugin's way out
    if e.error and not e.error.startswith("KeyboardInterrupt"):
        return (
            f"Asked to end, the plugin raised {e.error}. With that its exit status is not 0, which whoever started it "
            "takes for a failure: mend that."
        )
    return None


simple(
    "does not end when asked",
    lambda e: e.step == "1.5" and "exit status" in e.demand,
    (
        "SIGTERM (docker stop, systemd) and SIGINT (Ctrl-C) have to end the plugin, with status 0: it then "
        "had the time to clean up. Turn both into sys.exit() with signal.signal."
    ),
)
simple(
    "leaves its socket",
    lambda e: e.step == "1.5",
    (
        "The plugin ended, and its socket stayed. Docker finds it, and waits 15 s for an answer at every "
        "`docker volume ls`. Unlink the socket at the end (finally: …)."
    ),
)
simple(
    "goes on without a socket",
    lambda e: e.step in ("1.7", "1.8") and "still runs" in e.demand,
    (
        "The place of its socket is taken, and it runs all the same: nobody will ever call it. End it with a "
        'sentence: sys.exit("…").'
    ),
)


@cause("gives way with the wrong status")
def _(e: Evidence) -> str | None:
    status = re.search(r"with status 1, not (-?\d+)", e.demand) if e.step in ("1.7", "1.8") else None
    if status:
        well = ", which tells a script that all went well" if status[1] == "0" else ""
        return f'It gave way, but with status {status[1]}{well}. sys.exit("a sentence") prints it, and ends with 1.'
    return None


simple(
    "takes a living socket",
    lambda e: e.step == "1.7" and "sentence" not in e.demand,
    (
        "A second start took the socket of a plugin that runs: that one goes on, and nobody can reach it. Try "
        "to connect before you remove a socket; when somebody answers, end with a sentence."
    ),
)
simple(
    "replaces a file",
    lambda e: e.step == "1.8" and "sentence" not in e.demand,
    "There was a file in the socket's place that is not a socket, and the plugin did not leave it alone.",
)
simple(
    "a traceback instead of a sentence",
    lambda e: e.step in ("1.7", "1.8"),
    "It ended, but with a traceback. Say in one sentence what is in the way: sys.exit('…') prints it.",
)


# Part 2


simple(
    "another answer for another caller",
    lambda e: e.step == "2.1" and "the same answer" in e.demand,
    ("What a caller sends with Plugin.Activate does not matter: {} or nothing, with or without a Content-Type."),
)


@cause("Implements misspelt")
def _(e: Evidence) -> str | None:
    other = [key for key in said(e) if key != "Err"]
    if e.step == "2.1" and other and "Implements" not in said(e):
        return (
            f'There is no "Implements" in the answer, but there is "{other[0]}". Docker looks for "Implements", in '
            "this spelling, with a list under it."
        )
    return None


simple(
    "Implements is no list",
    lambda e: e.step == "2.1" and (not isinstance(said(e).get("Implements"), list)),
    'Docker wants a list under "Implements": ["VolumeDriver"]. It cannot decode anything else.',
)
simple(
    "wrong subsystem",
    lambda e: e.step == "2.1",
    (
        'The list does not name "VolumeDriver", in just this spelling. Docker then says "Plugin does not '
        'implement the requested driver", and remembers that until it is restarted.'
    ),
)


# Part 3


simple(
    "Opts null refused",
    lambda e: e.asked("Create") and e.refused and ('"Opts":null' in e.last.sent),
    'No options is {} from docker 20.10 and null from docker 28. Take both: body.get("Opts") or {}.',
)
simple(
    "Get knows only mounted volumes",
    lambda e: e.step == "3.2" and e.refused and ("mount" in e.last.err.lower()),
    "Docker asks Get before every Mount: a volume that exists has to be known, mounted or not.",
)
simple(
    "Get forgets",
    lambda e: e.step == "3.2" and e.refused,
    ("Create said yes, and Get says there is no such volume. To Docker the volume is gone, with its labels."),
)
simple(
    "no Volume in Get",
    lambda e: e.step == "3.2" and (not isinstance(said(e).get("Volume"), dict)),
    ('Get has to answer the volume in an object of its own: {"Volume": {"Name": …}}. Else it does not exist.'),
)
simple(
    "CreatedAt in a wrong format",
    lambda e: e.step == "3.2" and "CreatedAt" in e.demand,
    (
        "Docker decodes CreatedAt as a time of RFC 3339, with a time zone. When it cannot, the whole answer "
        "is lost, and the volume does not exist. Leave it out, or use datetime.now(UTC).isoformat()."
    ),
)
simple(
    "another Name from Get",
    lambda e: e.step == "3.2",
    "Docker goes on with the Name that Get answers: without it, it mounts and removes something else.",
)
simple(
    "Get knows everything",
    lambda e: e.step == "3.3",
    (
        "Get of a volume that does not exist has to be an error. One that says yes to everything takes every "
        "new volume of the machine: `docker run -v any:/data` asks all plugins."
    ),
)
simple(
    "List null",
    lambda e: e.asked("List") and "Volumes" in said(e) and (said(e)["Volumes"] is None),
    "Volumes is null. Without volumes the list is empty: [].",
)


@cause("null in List")
def _(e: Evidence) -> str | None:
    volumes = said(e).get("Volumes")
    if e.asked("List") and isinstance(volumes, list) and None in volumes:
        return "There is a null among the volumes: this crashes the Docker daemon."
    return None


simple(
    "no names in List",
    lambda e: e.asked("List") and "for each volume" in e.demand,
    'Each volume of List is an object with its name: {"Name": "mango"}.',
)
simple(
    "volumes lost by eight at once",
    lambda e: e.step == "3.16" and "success for all" in e.demand,
    (
        "Docker calls on several connections at once, and here calls got into each other's way. Let one "
        "finish what it reads and writes before the next (a lock), or make each change in one move (rename)."
    ),
)
simple(
    "no List of nothing",
    lambda e: e.step == "3.5" and e.asked("List") and (e.refused or "first start" in e.demand),
    "On its first start a plugin has no volumes, and List answers the empty list: this is what `docker volume ls` asks "
    "right after the installation.",
)
simple(
    "volumes lost by a restart",
    lambda e: e.step == "3.5" and e.asked("Get"),
    (
        "What was there before the plugin was stopped is not as it was. Docker does not send its volumes "
        "again: what a plugin keeps in memory alone is lost. Look on the disk, under DDD_ROOT."
    ),
)
simple(
    "mounts lost by a kill",
    lambda e: e.step == "3.10" and e.last.ok and e.asked("Remove") and e.killed,
    (
        "After the kill the plugin no longer knew that a container has the volume, and removed it under its "
        "feet. Write down each Mount before you answer it."
    ),
)
simple(
    "volumes lost by a kill",
    lambda e: e.step == "3.10" and "after the kill" in e.demand,
    "What was answered before the kill is not there after it: write to the disk before the answer.",
)
simple(
    "List is not the truth",
    lambda e: e.step == "3.5",
    "List has to name each volume that Create has made, once. It is what `docker volume ls` shows.",
)


@cause("Mountpoint empty or missing")
def _(e: Evidence) -> str | None:
    if e.asked("Mount") and e.last.ok and not said(e).get("Mountpoint"):
        keys = [key for key in said(e) if key != "Err"]
        other = f" The answer has {keys[0]!r} instead." if keys else ""
        return (
            f"There is no Mountpoint in the answer.{other} Docker starts the container all the same, with a folder of "
            "its own at that place: nothing that is written there is kept."
        )
    return None


simple(
    "Mountpoint relative",
    lambda e: e.asked("Mount") and e.last.ok and (not str(said(e)["Mountpoint"]).startswith("/")),
    ("The Mountpoint is relative. Docker's idea of the current folder is not yours: answer an absolute path."),
)
simple(
    "Mountpoint is not there",
    lambda e: "a folder at the Mountpoint" in e.demand and e.step != "3.8",
    "No folder is there: Docker cannot mount what does not exist. Make it at Create.",
)
simple(
    "the same ID twice refused",
    lambda e: e.step == "3.11" and e.asked("Mount") and e.refused,
    "`docker cp` mounts again with the ID of the running container. Refuse that, and docker cp fails.",
)
simple(
    "another folder for another container",
    lambda e: e.step in ("3.8", "3.11") and e.asked("Mount") and e.last.ok and " for both" in e.demand,
    "Two containers that share a volume share one folder: answer the same Mountpoint to each.",
)
simple(
    "Path is not Mount's folder",
    lambda e: e.step == "3.7" and "error status" not in e.demand,
    "Path says where the volume is mounted, so it has to say what Mount said. Podman asks it.",
)
simple(
    "files lost at Unmount",
    lambda e: e.step == "3.8" and e.last.ok,
    "Unmount says that one container has let go. It deletes nothing: only Remove does.",
)
simple(
    "Remove does not remove",
    lambda e: e.step == "3.9" and e.last.ok and not (e.asked("Remove") and "error status" in e.demand),
    "Remove said yes, and the volume is still known: Docker would show and use it again.",
)
simple(
    "lets go too early",
    lambda e: e.step == "3.11" and e.asked("Remove") and e.last.ok,
    (
        "`docker cp` sent Mount and Unmount with the container's own ID, and after that Unmount the plugin "
        "took the volume for free, with the container still writing. Count the Mounts of each ID; a set of "
        "IDs is not enough."
    ),
)
simple(
    "removes what is in use",
    lambda e: e.step == "3.10" and e.asked("Remove") and e.last.ok,
    "The volume went away while a container had it: that container loses its files. Remember who mounts.",
)
simple(
    "never lets go",
    lambda e: e.step in ("3.10", "3.11") and e.asked("Remove") and e.refused,
    "All have unmounted, and Remove is still refused: nobody can get rid of this volume.",
)
simple(
    "says yes to the unknown",
    lambda e: e.step in ("3.6", "3.7", "3.9") and e.last.ok,
    ("There is no such volume, so this has to be an error: Docker would go on with something that is not there."),
)
simple(
    "an empty body will do",
    lambda e: e.step == "3.12" and e.last.ok and e.nameless,
    (
        "This call has no name to work with. When a connection breaks, Docker sends its call again without "
        "the body: answered with success, it would go on with a volume that was never made."
    ),
)
simple(
    "a name that leaves the root",
    lambda e: e.step == "3.12" and "mount ID" not in e.demand,
    (
        "Docker checks no name: what a user types comes as it is, and a plugin that joins it to a path makes "
        "and deletes folders anywhere. Take only names that match [a-zA-Z0-9][a-zA-Z0-9_.-]* as a whole "
        "(re.fullmatch)."
    ),
)
simple(
    "an ID that leaves the root",
    lambda e: e.step == "3.12",
    "The mount's ID became part of a path, and made a file outside. Check it as you check the name.",
)
simple(
    "unknown scope",
    lambda e: e.step == "3.14",
    'The scope is "local" (volumes of this machine) or "global" (of the whole cluster).',
)
simple(
    "takes any option",
    lambda e: e.step == "3.13" and e.last.ok,
    "The plugin took an option that it does not have. Whoever typed -o size=1G believes in a limit, and there is none.",
)
simple(
    "does not name the option",
    lambda e: e.step == "3.13",
    "The error does not say which option it is about. Name it, so that one knows what to leave out.",
)
simple(
    "Mount and Remove in each other's way",
    lambda e: e.step == "3.16" and "Mount or Remove refused" in e.demand,
    (
        "Remove looked, then a Mount came, then Remove renamed: both were answered with success, and the container "
        "has lost its files. Each call has a thread. Let Mount and Remove hold one lock from the look to the change."
    ),
)
simple(
    "refused",
    lambda e: e.refused and e.last.err,
    "The plugin refused what it has to do. Its own reason stands in Err, above.",
)
