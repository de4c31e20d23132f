"""ddd, a Docker volume plugin."""

import atexit
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"
ROOT = Path(os.environ.get("DDD_ROOT") or "/var/lib/ddd").resolve()
VOLUMES = ROOT / "volumes"
ASIDE = ROOT / "aside"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}")
RULE = "1 to 200 letters, digits, _ . and -, a letter or digit first"
LOCK = threading.Lock()

app = Flask(__name__)
app.json.mimetype = "application/vnd.docker.plugins.v1.2+json"


@app.route("/", methods=["GET", "POST"])
def greet():
    return "Hello! I am ddd, a Docker plugin.\n"


@app.post("/Plugin.Activate")
def activate():
    return {"Implements": ["VolumeDriver"]}


@app.errorhandler(HTTPException)
def refuse(error):
    reason = error.description
    if not request.url_rule:
        reason = f"ddd does not answer {request.method} {request.path}."
    return {"Err": reason}, error.code


@app.post("/VolumeDriver.Capabilities")
def capabilities():
    return {"Capabilities": {"Scope": "local"}}


@app.post("/VolumeDriver.Create")
def create():
    name = asked("Name")
    options = request.get_json(force=True).get("Opts")
    if options:
        named = ", ".join(options)
        abort(400, f"ddd takes no options: leave out {named}.")
    (VOLUMES / name / "mounts").mkdir(parents=True, exist_ok=True)
    (VOLUMES / name / "data").mkdir(exist_ok=True)
    return {"Err": ""}


@app.post("/VolumeDriver.Get")
def get():
    name = asked("Name")
    with existing(name):
        volume = {"Name": name, "Mountpoint": mountpoint(name)}
        return {"Volume": volume, "Err": ""}


@app.post("/VolumeDriver.List")
def list_volumes():
    volumes = [
        {"Name": data.parent.name, "Mountpoint": str(data)}
        for data in VOLUMES.glob("*/data")
    ]
    return {"Volumes": volumes, "Err": ""}


@app.post("/VolumeDriver.Path")
def path():
    name = asked("Name")
    with existing(name):
        return {"Mountpoint": mountpoint(name), "Err": ""}


@app.post("/VolumeDriver.Mount")
def mount():
    name, mount_id = asked("Name"), asked("ID")
    with LOCK, existing(name) as volume:
        record = f"{mount_id}.{secrets.token_hex(8)}"
        (volume / "mounts" / record).touch()
        return {"Mountpoint": mountpoint(name), "Err": ""}


@app.post("/VolumeDriver.Unmount")
def unmount():
    name, mount_id = asked("Name"), asked("ID")
    with LOCK, existing(name) as volume:
        for record in (volume / "mounts").iterdir():
            if record.stem == mount_id:
                record.unlink()
                break
    return {"Err": ""}


@app.post("/VolumeDriver.Remove")
def remove():
    name = asked("Name")
    with LOCK, existing(name) as volume:
        if any((volume / "mounts").iterdir()):
            abort(409, f"Volume {name} is in use.")
        if mounted_inside(volume):
            abort(409, f"Something is mounted in {volume}: unmount it.")
        gone = volume.rename(ASIDE / secrets.token_hex(16))
    shutil.rmtree(gone)
    return {"Err": ""}


def asked(key):
    body = request.get_json(force=True)
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, str) or not NAME.fullmatch(value):
        abort(400, f"{key} {value!r} is not valid: use {RULE}.")
    return value


def mountpoint(name):
    return str(VOLUMES / name / "data")


@contextmanager
def existing(name):
    try:
        (VOLUMES / name / "data").stat()
        yield VOLUMES / name
    except FileNotFoundError:
        abort(404, f"There is no volume {name}.")


def mounted_inside(folder):
    with open("/proc/self/mounts") as mounts:
        points = [line.split()[1] for line in mounts]
    return any(point.startswith(f"{folder}/") for point in points)


def listen(path):
    make_room(path)
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o177)
    listener.bind(path)
    atexit.register(os.unlink, path)
    os.umask(umask)
    listener.listen()
    return listener


def make_room(path):
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        sys.exit(f"{path} is not a socket. Move it away first.")
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            sys.exit(f"A plugin listens at {path}. Stop it first.")


def serve():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
    listener = listen(SOCKET)
    print(f"ddd listens at {SOCKET}. Ctrl-C ends it.", flush=True)
    server = make_server(
        f"unix://{SOCKET}", 0, app, threaded=True, fd=listener.fileno()
    )
    server.serve_forever()


if __name__ == "__main__":
    VOLUMES.mkdir(0o700, parents=True, exist_ok=True)
    ASIDE.mkdir(0o700, exist_ok=True)
    serve()
