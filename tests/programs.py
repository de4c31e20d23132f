"""Wrong plugins that are whole programs, in other languages: nothing in the checker leans on Python."""

from __future__ import annotations

import shutil
import subprocess
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

# A plugin with the manners of docker/go-plugins-helpers, on which most plugins in Go are built: null for no volumes,
# text for a call that it cannot read or does not have, its socket taken from whoever has it, and left at the end. Like
# many of them it takes any name and any option, and counts mounts.
HELPERS_IN_PYTHON = """
import http.server, json, os, shutil, signal, socketserver, threading, uuid
root, lock = os.environ["DDD_ROOT"], threading.Lock()
class Refused(Exception):
    pass
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def address_string(self):
        return "somebody"
    def do_GET(self):
        self.answer(404, "404 page not found\\n", "text/plain; charset=utf-8")
    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/Plugin.Activate":
            return self.answer(200, json.dumps({"Implements": ["VolumeDriver"]}))
        subsystem, _, method = self.path.partition(".")
        if subsystem != "/VolumeDriver" or method not in CALLS:
            return self.do_GET()
        try:
            asked = (json.loads(data) or {}) if method not in ("List", "Capabilities") else {}
            assert isinstance(asked, dict) and isinstance(asked.get("Name", ""), str), "json: cannot unmarshal"
        except (ValueError, AssertionError) as error:
            return self.answer(400, (str(error) if data else "EOF") + "\\n", "text/plain; charset=utf-8")
        try:
            with lock:
                self.answer(200, json.dumps(CALLS[method](asked)))
        except Refused as error:
            self.answer(500, json.dumps({"Err": str(error)}))
    def answer(self, status, text, kind="application/vnd.docker.plugins.v1.1+json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
def folder(name):
    return os.path.join(root, name.encode().hex())
def known(asked):
    there = folder(asked.get("Name", ""))
    if not asked.get("Name") or not os.path.isdir(there):
        raise Refused("volume not found")
    return there
def create(asked):
    if not asked.get("Name"):
        raise Refused("volume name is required")
    for part in ("data", "mounts"):
        os.makedirs(os.path.join(folder(asked["Name"]), part), exist_ok=True)
    return {}
def told(name):
    return {"Name": name, "Mountpoint": os.path.join(folder(name), "data")}
def get(asked):
    known(asked)
    return {"Volume": told(asked["Name"])}
def names():
    return [bytes.fromhex(each).decode() for each in os.listdir(root)] if os.path.isdir(root) else []
def listed(asked):
    return {"Volumes": [told(name) for name in names()] or None}
def path(asked):
    return {"Mountpoint": os.path.join(known(asked), "data")}
def mount(asked):
    open(os.path.join(known(asked), "mounts", uuid.uuid4().hex), "w").close()
    return path(asked)
def unmount(asked):
    mounts = os.path.join(known(asked), "mounts")
    for each in os.listdir(mounts)[:1]:
        os.unlink(os.path.join(mounts, each))
    return {}
def remove(asked):
    there = known(asked)
    if os.listdir(os.path.join(there, "mounts")) or f" {there}/" in open("/proc/self/mountinfo").read():
        raise Refused("volume is in use")
    shutil.rmtree(there)
    return {}
CALLS = {"Create": create, "Get": get, "List": listed, "Path": path, "Mount": mount, "Unmount": unmount,
         "Remove": remove, "Capabilities": lambda asked: {"Capabilities": {"Scope": "local"}}}
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, request_queue_size = True, 64
if os.path.lexists(os.environ["DDD_SOCKET"]):
    os.unlink(os.environ["DDD_SOCKET"])
os.umask(0o117)
server = Server(os.environ["DDD_SOCKET"], Handler)
os.umask(0o022)
signal.signal(signal.SIGINT, signal.SIG_DFL)
server.serve_forever()
"""

# The same in Go, with the standard library alone.
HELPERS_IN_GO = r"""
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

type call struct {
	Name, ID string
	Opts     map[string]string
}
type volume struct {
	Name, Mountpoint string
	Status           map[string]interface{} `json:",omitempty"`
}
type mountpoint struct{ Mountpoint string }

var (
	root = os.Getenv("DDD_ROOT")
	lock sync.Mutex
)

func folder(name string) string { return filepath.Join(root, hex.EncodeToString([]byte(name))) }

// A volume is there from its last folder on: a kill amid create leaves none that is listed and cannot be mounted.
func whole(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "data"))
	return err == nil
}

func known(asked call) (string, error) {
	there := folder(asked.Name)
	if asked.Name == "" || !whole(there) {
		return "", errors.New("volume not found")
	}
	return there, nil
}

func told(name string) volume {
	return volume{Name: name, Mountpoint: filepath.Join(folder(name), "data")}
}

func create(asked call) (interface{}, error) {
	if asked.Name == "" {
		return nil, errors.New("volume name is required")
	}
	if err := os.MkdirAll(filepath.Join(folder(asked.Name), "mounts"), 0o755); err != nil {
		return nil, err
	}
	return struct{}{}, os.MkdirAll(filepath.Join(folder(asked.Name), "data"), 0o755)
}

func get(asked call) (interface{}, error) {
	_, err := known(asked)
	return map[string]volume{"Volume": told(asked.Name)}, err
}

func list(call) (interface{}, error) {
	var found []volume
	entries, _ := os.ReadDir(root)
	for _, entry := range entries {
		if whole(filepath.Join(root, entry.Name())) {
			name, _ := hex.DecodeString(entry.Name())
			found = append(found, told(string(name)))
		}
	}
	return map[string][]volume{"Volumes": found}, nil
}

func path(asked call) (interface{}, error) {
	there, err := known(asked)
	return mountpoint{filepath.Join(there, "data")}, err
}

func mount(asked call) (interface{}, error) {
	there, err := known(asked)
	if err != nil {
		return nil, err
	}
	record := make([]byte, 16)
	rand.Read(record)
	if err := os.WriteFile(filepath.Join(there, "mounts", hex.EncodeToString(record)), nil, 0o600); err != nil {
		return nil, err
	}
	return path(asked)
}

func unmount(asked call) (interface{}, error) {
	there, err := known(asked)
	if records, _ := os.ReadDir(filepath.Join(there, "mounts")); err == nil && len(records) > 0 {
		err = os.Remove(filepath.Join(there, "mounts", records[0].Name()))
	}
	return struct{}{}, err
}

func remove(asked call) (interface{}, error) {
	there, err := known(asked)
	if err != nil {
		return nil, err
	}
	records, _ := os.ReadDir(filepath.Join(there, "mounts"))
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if len(records) > 0 || strings.Contains(string(mounts), " "+there+"/") {
		return nil, errors.New("volume is in use")
	}
	return struct{}{}, os.RemoveAll(there)
}

func capabilities(call) (interface{}, error) {
	return map[string]map[string]string{"Capabilities": {"Scope": "local"}}, nil
}

func answer(w http.ResponseWriter, status int, body interface{}) {
	w.Header().Set("Content-Type", "application/vnd.docker.plugins.v1.1+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func serve(method string, reads bool, handle func(call) (interface{}, error)) {
	http.HandleFunc("/VolumeDriver."+method, func(w http.ResponseWriter, r *http.Request) {
		var asked call
		if reads {
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		lock.Lock()
		defer lock.Unlock()
		body, err := handle(asked)
		if err != nil {
			answer(w, 500, map[string]string{"Err": err.Error()})
			return
		}
		answer(w, 200, body)
	})
}

func main() {
	http.HandleFunc("/Plugin.Activate", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string][]string{"Implements": {"VolumeDriver"}})
	})
	serve("Capabilities", false, capabilities)
	serve("List", false, list)
	serve("Create", true, create)
	serve("Get", true, get)
	serve("Path", true, path)
	serve("Mount", true, mount)
	serve("Unmount", true, unmount)
	serve("Remove", true, remove)
	os.Remove(os.Getenv("DDD_SOCKET"))
	syscall.Umask(0o117)
	listener, err := net.Listen("unix", os.Getenv("DDD_SOCKET"))
	syscall.Umask(0o022)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", os.Getenv("DDD_SOCKET"))
	http.Serve(listener, nil)
}
"""


def helpers_in_go(folder: Path) -> list[str]:
    """Build the plugin in Go with the manners of its helpers in a folder; return its command."""
    shutil.copy(Path(__file__).parent.parent / "benchmarks" / "go" / "go.mod", folder)
    (folder / "main.go").write_text(HELPERS_IN_GO)
    subprocess.run(["go", "build", "-o", "plugin", "."], cwd=folder, check=True)
    return [str(folder / "plugin")]


def needy(text: str = HELPERS_IN_PYTHON) -> str:
    """Return a plugin that wants an option, as rclone and local-persist do: place, a folder where the files are."""
    old = '        raise Refused("volume name is required")\n'
    new = f"""{old}    told = asked.get("Opts") or {{}}
    if set(told) - {{"place"}}:
        raise Refused(f"unknown options {{sorted(set(told) - {{'place'}})}}")
    if not told.get("place"):
        raise Refused("place is required")
    os.makedirs(told["place"], exist_ok=True)
"""
    assert text.count(old) == 1
    return text.replace(old, new)
