"""Wrong plugins that are whole programs, in other languages: nothing in the checker leans on Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Perl, with what every Debian has of it: one answer for every call.
PERL = r"""
use IO::Socket::UNIX;
$SIG{TERM} = $SIG{INT} = sub { unlink $ENV{DDD_SOCKET}; exit 0 };
umask 0177;
my $listener = IO::Socket::UNIX->new(Local => $ENV{DDD_SOCKET}, Listen => 16) or die "no socket: $!\n";
while (1) {
    my $caller = $listener->accept or next;
    my $head = "";
    while (my $line = <$caller>) { $head .= $line; last if $line eq "\r\n"; }
    next unless $head;
    my ($length) = $head =~ /Content-Length: (\d+)/;
    read $caller, my $body, $length if $length;
    my $status = "200 OK";
    my $answer = '{"Err": ""}';
    ANSWER
    print $caller "HTTP/1.1 $status\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n$answer";
}
"""


@dataclass(frozen=True)
class Program:
    """A whole program: step is the first check of its part that fails, and diagnosis what is said of it."""

    name: str
    step: str
    diagnosis: str
    needs: str
    text: str

    @property
    def part(self) -> str:
        """The part whose checks it is given."""
        return self.step.partition(".")[0]

    def command(self, folder: Path) -> tuple[list[str], Path | None]:
        """Write the program into a folder, and return the command that runs it."""
        (folder / "program").write_text(self.text)
        return [self.needs, str(folder / "program")], None


def perl(answer: str) -> str:
    """Return the plugin in Perl with lines of its own before it answers."""
    return PERL.replace("    ANSWER\n", f"    {answer}\n")


PROGRAMS = [
    Program("Perl that says hello", "2.1", "no HTTP", "perl", perl('print $caller "Hello, Docker!\\n"; next;')),
    Program("Perl that answers text", "2.1", "bare text", "perl", perl('$answer = "VolumeDriver";')),
    Program("Perl that forgets Implements", "2.1", "Implements is no list", "perl", perl("")),
    Program("Perl that dies", "2.1", "crash at a call", "perl", perl('die "out of pearls\\n" if $head =~ /Activate/;')),
    Program("Perl for one caller", "1.4", "one caller at a time", "perl", perl('$answer = "Hello";')),
    Program("Perl without a file", "1.1", "ended at the start", "perl", 'die "I have no idea\\n";'),
    Program("Shell that ends", "1.1", "ended at the start", "sh", "echo I am no plugin\n"),
    Program("Shell that waits", "1.1", "does not listen", "sh", "exec sleep 100\n"),
]


# A plugin that is not like ours at all, and has no bug that Docker would notice on a good day: HTTP/1.0, no
# Content-Type, folders with names of their own, errors under status 200, and everything in memory.
FORGETFUL = """
import http.server, json, os, signal, socketserver, sys, uuid
folders = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "somebody"
    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = json.loads(data or "{}")
        said = answer(self.path.rpartition(".")[2], asked if isinstance(asked, dict) else {})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())
def answer(method, asked):
    name = asked.get("Name")
    if method == "Activate":
        return {"Implements": ["VolumeDriver", "NetworkDriver"]}
    if method == "Capabilities":
        return {"capabilities": {"scope": "GLOBAL"}}
    if method == "List":
        return {"Volumes": [{"Name": each, "Mountpoint": folders[each]} for each in folders] or None}
    if not isinstance(name, str) or not name:
        return {"Err": "no name"}
    if method == "Create":
        folders.setdefault(name, os.path.join(os.environ["DDD_ROOT"], uuid.uuid4().hex))
        os.makedirs(folders[name], exist_ok=True)
        return {}
    if name not in folders:
        return {"Err": "no such volume"}
    if method == "Get":
        return {"Volume": {"Name": name, "Mountpoint": "", "CreatedAt": "2026-11-23T12:00:00.123456789+01:00"}}
    if method == "Remove":
        del folders[name]
        return {"Err": None}
    return {"Mountpoint": folders[name]} if method in ("Mount", "Path") else {}
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, request_queue_size = True, 64
if os.path.exists(os.environ["DDD_SOCKET"]):
    os.unlink(os.environ["DDD_SOCKET"])
os.umask(0o077)
server = Server(os.environ["DDD_SOCKET"], Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server.serve_forever()
"""

# A plugin with a store of its own, which is the folder that it is given: it ignores DDD_ROOT. It takes a name that it
# does not know for all volumes, as a careless one does that joins it to a path. Its faults are further words:
# "keeps" removes nothing, "loses" loses another volume with each one, "knows" answers every Get with a volume,
# "hides" has no List.
FIXED = """
import http.server, json, os, shutil, signal, socketserver, sys
store, faults = sys.argv[1], sys.argv[2:]
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def address_string(self):
        return "somebody"
    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            asked = json.loads(data)
        except ValueError:
            asked = {}
        said = answer(self.path.rpartition(".")[2], asked if isinstance(asked, dict) else {})
        data = json.dumps(said).encode()
        self.send_response(500 if said.get("Err") else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
def wipe(names):
    for each in names:
        shutil.rmtree(os.path.join(store, each), ignore_errors=True)
def answer(method, asked):
    name, there = asked.get("Name"), os.listdir(store)
    if method == "Activate":
        return {"Implements": ["VolumeDriver"]}
    if method == "List" and "hides" not in faults:
        return {"Volumes": [{"Name": each} for each in there]}
    if method == "Remove" and "keeps" in faults:
        return {"Err": "it stays"}
    if method == "Remove":
        wipe([name] if name in there else there)
        wipe(there[:] if "loses" in faults else [])
        return {}
    if method == "Create" and isinstance(name, str) and name.replace("-", "").isalnum():
        os.makedirs(os.path.join(store, name), exist_ok=True)
        return {}
    if method == "Get" and (name in there or "knows" in faults):
        return {"Volume": {"Name": name}}
    if method in ("Mount", "Path") and name in there:
        return {"Mountpoint": os.path.join(store, name)}
    return {} if method == "Unmount" and name in there else {"Err": "no"}
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, request_queue_size = True, 64
if os.path.exists(os.environ["DDD_SOCKET"]):
    os.unlink(os.environ["DDD_SOCKET"])
os.umask(0o077)
server = Server(os.environ["DDD_SOCKET"], Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server.serve_forever()
"""

# Answers in pieces, as HTTP/1.1 allows; the sizes of the pieces are right, or are not.
CHUNKS = r"""
    my $sent = '{"Implements": ["VolumeDriver"]}';
    my $pieces = join "", map { sprintf("%x\r\n%s\r\n", length($_) + WRONG, $_) } unpack("(A9)*", $sent);
    print $caller "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pieces}0\r\n\r\n"; next;
"""
CHUNKED = perl(CHUNKS.replace("WRONG", "0"))
MISCOUNTED = perl(CHUNKS.replace("WRONG", "7"))
SHORT = perl(
    """print $caller "HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n" . '{"Implements": ["VolumeDriver"]}'; next;"""
)
