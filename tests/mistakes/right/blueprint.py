"""A right plugin: a Blueprint for the volume driver, its records in SQLite."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import sys
import threading

from flask import Blueprint, Flask, current_app, jsonify, request
from werkzeug.serving import make_server

driver = Blueprint("driver", __name__)
lock = threading.Lock()


class Refused(Exception):
    """The text is for whoever typed the docker command."""


def database():
    found = sqlite3.connect(os.path.join(current_app.config["ROOT"], "volumes.db"), isolation_level=None)
    found.execute("CREATE TABLE IF NOT EXISTS volumes (name TEXT PRIMARY KEY)")
    found.execute("CREATE TABLE IF NOT EXISTS mounts (name TEXT, id TEXT)")
    return found


def named():
    request.payload = request.get_json(force=True)
    name = request.payload["Name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise Refused(f"{name!r} is not a volume name")
    return name


def existing():
    name = named()
    if not database().execute("SELECT 1 FROM volumes WHERE name = ?", [name]).fetchone():
        raise Refused(f"volume {name} does not exist")
    return name


def place(name):
    return os.path.join(current_app.config["ROOT"], "volumes", name)


@driver.app_errorhandler(Exception)
def refused(problem):
    return jsonify(Err=str(problem) or "error"), getattr(problem, "code", 400)


@driver.post("/VolumeDriver.Create")
def create():
    name = named()
    if request.payload.get("Opts"):
        raise Refused("no options are known: " + ", ".join(request.payload["Opts"]))
    with lock:
        os.makedirs(place(name), exist_ok=True)
        database().execute("INSERT OR IGNORE INTO volumes VALUES (?)", [name])
    return jsonify(Err="")


@driver.post("/VolumeDriver.Get")
def get():
    name = existing()
    return jsonify(Volume=dict(Name=name, Mountpoint=place(name), Status={}), Err="")


@driver.post("/VolumeDriver.List")
def list_all():
    rows = database().execute("SELECT name FROM volumes").fetchall()
    return jsonify(Volumes=[dict(Name=name, Mountpoint=place(name)) for (name,) in rows], Err="")


@driver.post("/VolumeDriver.Path")
def path():
    return jsonify(Mountpoint=place(existing()), Err="")


@driver.post("/VolumeDriver.Mount")
def mount():
    with lock:
        name = existing()
        database().execute("INSERT INTO mounts VALUES (?, ?)", [name, request.payload["ID"]])
    return jsonify(Mountpoint=place(name), Err="")


@driver.post("/VolumeDriver.Unmount")
def unmount():
    with lock:
        name = existing()
        one = "SELECT rowid FROM mounts WHERE name = ? AND id = ? LIMIT 1"
        database().execute(f"DELETE FROM mounts WHERE rowid IN ({one})", [name, request.payload["ID"]])
    return jsonify(Err="")


@driver.post("/VolumeDriver.Remove")
def remove():
    with lock:
        name = existing()
        if database().execute("SELECT 1 FROM mounts WHERE name = ?", [name]).fetchone():
            raise Refused(f"volume {name} is in use")
        with open("/proc/mounts") as mounts:
            if place(name) + "/" in mounts.read():
                raise Refused(f"something is mounted inside volume {name}")
        shutil.rmtree(place(name))
        database().execute("DELETE FROM volumes WHERE name = ?", [name])
    return jsonify(Err="")


@driver.post("/VolumeDriver.Capabilities")
def capabilities():
    return jsonify(Capabilities={"Scope": "local"})


def create_app(root):
    app = Flask(__name__)
    app.config["ROOT"] = os.path.realpath(root)
    app.register_blueprint(driver)

    @app.route("/", methods=["GET", "POST"])
    def index():
        return "volume plugin"

    @app.post("/Plugin.Activate")
    def activate():
        return jsonify(Implements=["VolumeDriver"])

    return app


def main():
    path = os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
    root = os.environ.get("DDD_ROOT", "/var/lib/ddd")
    os.makedirs(root, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.lexists(path):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            sys.exit(f"{path} is in the way")
        if sock.connect_ex(path) == 0:
            sys.exit(f"{path} is in use")
        os.unlink(path)
    os.umask(0o177)
    sock.bind(path)
    os.umask(0o022)
    for number in [signal.SIGTERM, signal.SIGINT]:
        signal.signal(number, lambda number, frame: (os.unlink(path), os._exit(0)))
    sock.listen()
    make_server(f"unix://{path}", 0, create_app(root), threaded=True, fd=sock.fileno()).serve_forever()


if __name__ == "__main__":
    main()
