"""A right plugin: a class, its methods added with add_url_rule; the mounts of a volume are lines of a file."""

import atexit
import os
import re
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SOCKET = Path(os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock"))


class VolumePlugin:
    def __init__(self, root):
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.app = Flask("volume-plugin")
        self.app.register_error_handler(HTTPException, self.on_http_error)
        self.app.add_url_rule("/", view_func=self.hello, methods=["GET", "POST"])
        self.route("/Plugin.Activate", self.activate)
        for verb in ("Create", "Get", "List", "Path", "Mount", "Unmount", "Remove", "Capabilities"):
            self.route(f"/VolumeDriver.{verb}", getattr(self, verb.lower()))

    def route(self, path, method):
        self.app.add_url_rule(path, endpoint=path, view_func=method, methods=["POST"])

    def on_http_error(self, problem):
        return {"Err": problem.description}, problem.code

    def body(self):
        body = request.get_json(force=True)
        return body if isinstance(body, dict) else {}

    def folder(self, name):
        return self.root / name / "_data"

    def name(self):
        name = self.body().get("Name")
        if isinstance(name, str) and re.fullmatch(r"[a-zA-Z0-9][\w.-]{0,99}", name, re.ASCII):
            return name
        return None

    def users(self, name):
        return (self.root / name / "mounts").read_text().split()

    def write_users(self, name, users):
        new = self.root / name / "mounts.new"
        new.write_text("".join(f"{user}\n" for user in users))
        new.replace(self.root / name / "mounts")

    def missing(self, name):
        if name is None:
            return {"Err": "Name is missing, or not valid"}, 400
        if not self.folder(name).is_dir():
            return {"Err": f"no volume {name}"}, 404
        return None

    def hello(self):
        return "I am a plugin\n"

    def activate(self):
        return {"Implements": ["VolumeDriver"]}

    def capabilities(self):
        return {"Capabilities": {"Scope": "local"}}

    def create(self):
        name = self.name()
        if name is None:
            return {"Err": "Name is missing, or not valid"}, 400
        options = self.body().get("Opts")
        if options:
            return {"Err": f"options are not known: {' '.join(options)}"}, 400
        with self.lock:
            if not self.folder(name).is_dir():
                self.folder(name).parent.mkdir(exist_ok=True)
                self.write_users(name, [])
                self.folder(name).mkdir()
        return {"Err": ""}

    def get(self):
        name = self.name()
        if problem := self.missing(name):
            return problem
        return {"Volume": {"Name": name, "Mountpoint": str(self.folder(name))}, "Err": ""}

    def list(self):
        names = [folder.parent.name for folder in self.root.glob("*/_data")]
        return {"Volumes": [{"Name": name, "Mountpoint": str(self.folder(name))} for name in names], "Err": ""}

    def path(self):
        name = self.name()
        return self.missing(name) or {"Mountpoint": str(self.folder(name)), "Err": ""}

    def mount(self):
        name, mount_id = self.name(), self.body().get("ID")
        with self.lock:
            if problem := self.missing(name):
                return problem
            if not isinstance(mount_id, str) or not mount_id.isalnum():
                return {"Err": "ID is missing, or not valid"}, 400
            self.write_users(name, [*self.users(name), mount_id])
        return {"Mountpoint": str(self.folder(name)), "Err": ""}

    def unmount(self):
        name, mount_id = self.name(), self.body().get("ID")
        with self.lock:
            if problem := self.missing(name):
                return problem
            users = self.users(name)
            if mount_id in users:
                users.remove(mount_id)
                self.write_users(name, users)
        return {"Err": ""}

    def remove(self):
        name = self.name()
        with self.lock:
            if problem := self.missing(name):
                return problem
            if self.users(name):
                return {"Err": f"{name} is in use"}, 409
            if f" {self.root / name}/" in Path("/proc/self/mounts").read_text():
                return {"Err": f"something is mounted inside {name}"}, 409
            shutil.rmtree(self.root / name)
        return {"Err": ""}


def listen():
    listener = socket.socket(socket.AF_UNIX)
    if SOCKET.is_socket():
        if listener.connect_ex(str(SOCKET)) == 0:
            sys.exit("another plugin listens here")
        SOCKET.unlink()
    if SOCKET.exists():
        sys.exit(f"{SOCKET} is a file")
    mask = os.umask(0o077)
    listener.bind(str(SOCKET))
    os.umask(mask)
    atexit.register(SOCKET.unlink)
    listener.listen()
    return listener


if __name__ == "__main__":
    plugin = VolumePlugin(os.environ.get("DDD_ROOT", "/var/lib/ddd"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    listener = listen()
    server = make_server(f"unix://{SOCKET}", 0, plugin.app, threaded=True, fd=listener.fileno())
    server.serve_forever()
