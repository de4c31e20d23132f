"""A right plugin: Python's http.server, without Flask."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from secrets import token_hex
from socketserver import ThreadingMixIn, UnixStreamServer

SOCKET = os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
ROOT = Path(os.environ.get("DDD_ROOT", "/var/lib/ddd")).resolve()
LOCK = threading.Lock()


class Refused(Exception):
    pass


def find(request):
    name = request.get("Name")
    if not isinstance(name, str) or not re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}", name):
        raise Refused(f"Name {name!r} is not valid")
    return ROOT / name


def existing(request):
    volume = find(request)
    if not (volume / "data").is_dir():
        raise Refused(f"there is no volume {volume.name}")
    return volume


def describe(volume):
    return {"Name": volume.name, "Mountpoint": str(volume / "data")}


def activate(request):
    return {"Implements": ["VolumeDriver"]}


def capabilities(request):
    return {"Capabilities": {"Scope": "local"}}


def create(request):
    volume = find(request)
    for option in request.get("Opts") or {}:
        raise Refused(f"option {option} is not known")
    (volume / "mounts").mkdir(parents=True, exist_ok=True)
    (volume / "data").mkdir(exist_ok=True)
    return {"Err": ""}


def get(request):
    return {"Volume": describe(existing(request)), "Err": ""}


def list_volumes(request):
    return {"Volumes": [describe(data.parent) for data in ROOT.glob("*/data")], "Err": ""}


def path(request):
    return {"Mountpoint": str(existing(request) / "data"), "Err": ""}


def mount(request):
    volume = existing(request)
    if not re.fullmatch("[a-zA-Z0-9]{1,64}", request.get("ID", "")):
        raise Refused("ID is not valid")
    (volume / "mounts" / f"{request['ID']}.{token_hex(8)}").touch()
    return {"Mountpoint": str(volume / "data"), "Err": ""}


def unmount(request):
    for record in (existing(request) / "mounts").iterdir():
        if record.stem == request.get("ID"):
            record.unlink()
            break
    return {"Err": ""}


def remove(request):
    volume = existing(request)
    if list((volume / "mounts").iterdir()):
        raise Refused(f"volume {volume.name} is in use")
    if f" {volume}/" in Path("/proc/self/mounts").read_text():
        raise Refused(f"something is mounted inside volume {volume.name}")
    shutil.rmtree(volume)
    return {"Err": ""}


CALLS = {
    "/Plugin.Activate": activate,
    "/VolumeDriver.Capabilities": capabilities,
    "/VolumeDriver.Create": create,
    "/VolumeDriver.Get": get,
    "/VolumeDriver.List": list_volumes,
    "/VolumeDriver.Path": path,
    "/VolumeDriver.Mount": mount,
    "/VolumeDriver.Unmount": unmount,
    "/VolumeDriver.Remove": remove,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, b"Hello from http.server\n", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/":
            return self.do_GET()
        try:
            if self.path not in CALLS:
                raise Refused(f"no call {self.path}")
            request = json.loads(body) if body or "Driver" in self.path else {}
            if not isinstance(request, dict):
                raise Refused("the body is not a JSON object")
            with LOCK:
                self.answer(200, json.dumps(CALLS[self.path](request)).encode())
        except (Refused, ValueError, TypeError) as error:
            self.answer(400, json.dumps({"Err": str(error)}).encode())

    def answer(self, status, body, kind="application/vnd.docker.plugins.v1.2+json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "docker"


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        os.umask(0o177)
        super().server_bind()
        os.umask(0o022)


def make_room():
    if not os.path.exists(SOCKET):
        return
    if not stat.S_ISSOCK(os.stat(SOCKET).st_mode):
        sys.exit(f"{SOCKET} is a file")
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(SOCKET) == 0:
            sys.exit(f"{SOCKET} is answered by somebody")
    os.unlink(SOCKET)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    make_room()
    try:
        server = Server(SOCKET, Handler)
        server.serve_forever()
    finally:
        os.unlink(SOCKET)
