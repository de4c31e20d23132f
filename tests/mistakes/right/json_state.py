"""A right plugin: its state is a dict, kept in a JSON file."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import sys
import threading

from flask import Flask, jsonify, request
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
ROOT = os.environ.get("DDD_ROOT", "/var/lib/ddd")
STATE = os.path.join(ROOT, "state.json")
NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")

app = Flask(__name__)
lock = threading.RLock()
volumes = {}


def load():
    global volumes
    os.makedirs(ROOT, exist_ok=True)
    if os.path.exists(STATE):
        with open(STATE) as file:
            volumes = json.load(file)


def save():
    with open(STATE + ".new", "w") as file:
        json.dump(volumes, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(STATE + ".new", STATE)


def folder(name):
    return os.path.join(ROOT, "data", name)


def error(message, code=400):
    return jsonify({"Err": message}), code


@app.errorhandler(Exception)
def failed(problem):
    return error(f"ddd cannot do this: {problem}", getattr(problem, "code", 500))


def ask():
    data = request.get_json(force=True)
    if not isinstance(data, dict):
        raise ValueError("Docker sends a JSON object")
    name = data.get("Name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name")
    return data


@app.route("/", methods=["GET", "POST"])
def hello():
    return "Hello, I am a volume plugin\n"


@app.route("/Plugin.Activate", methods=["POST"])
def activate():
    return jsonify({"Implements": ["VolumeDriver"]})


@app.route("/VolumeDriver.Capabilities", methods=["POST"])
def capabilities():
    return jsonify({"Capabilities": {"Scope": "local"}})


@app.route("/VolumeDriver.Create", methods=["POST"])
def create():
    data = ask()
    name = data["Name"]
    options = data.get("Opts") or {}
    if options:
        return error("unknown option: " + ", ".join(options))
    with lock:
        if name not in volumes:
            os.makedirs(folder(name), exist_ok=True)
            volumes[name] = {"mounts": {}}
            save()
    return jsonify({"Err": ""})


@app.route("/VolumeDriver.Get", methods=["POST"])
def get():
    name = ask()["Name"]
    if name not in volumes:
        return error(f"no such volume: {name}", 404)
    return jsonify({"Volume": {"Name": name, "Mountpoint": folder(name)}, "Err": ""})


@app.route("/VolumeDriver.List", methods=["POST"])
def list_volumes():
    with lock:
        found = [{"Name": name, "Mountpoint": folder(name)} for name in volumes]
    return jsonify({"Volumes": found, "Err": ""})


@app.route("/VolumeDriver.Path", methods=["POST"])
def path():
    name = ask()["Name"]
    if name not in volumes:
        return error(f"no such volume: {name}", 404)
    return jsonify({"Mountpoint": folder(name), "Err": ""})


@app.route("/VolumeDriver.Mount", methods=["POST"])
def mount():
    data = ask()
    name = data["Name"]
    with lock:
        if name not in volumes:
            return error(f"no such volume: {name}", 404)
        mounts = volumes[name]["mounts"]
        mounts[data["ID"]] = mounts.get(data["ID"], 0) + 1
        save()
    return jsonify({"Mountpoint": folder(name), "Err": ""})


@app.route("/VolumeDriver.Unmount", methods=["POST"])
def unmount():
    data = ask()
    name = data["Name"]
    with lock:
        if name not in volumes:
            return error(f"no such volume: {name}", 404)
        mounts = volumes[name]["mounts"]
        if data["ID"] in mounts:
            mounts[data["ID"]] -= 1
            if mounts[data["ID"]] == 0:
                del mounts[data["ID"]]
            save()
    return jsonify({"Err": ""})


@app.route("/VolumeDriver.Remove", methods=["POST"])
def remove():
    name = ask()["Name"]
    with lock:
        if name not in volumes:
            return error(f"no such volume: {name}", 404)
        if volumes[name]["mounts"]:
            return error(f"volume {name} is in use", 409)
        with open("/proc/self/mounts") as table:
            if any(line.split()[1].startswith(os.path.realpath(folder(name)) + "/") for line in table):
                return error(f"something is mounted in volume {name}", 409)
        gone = volumes.pop(name)
        try:
            shutil.rmtree(folder(name))
        except OSError:
            volumes[name] = gone
            raise
        save()
    return jsonify({"Err": ""})


def stop(number, frame):
    os.unlink(SOCKET)
    sys.exit(0)


if __name__ == "__main__":
    load()
    if os.path.exists(SOCKET):
        if not stat.S_ISSOCK(os.stat(SOCKET).st_mode):
            sys.exit(SOCKET + " is not a socket")
        probe = socket.socket(socket.AF_UNIX)
        if probe.connect_ex(SOCKET) == 0:
            sys.exit("a plugin is already listening at " + SOCKET)
        os.unlink(SOCKET)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    sock.bind(SOCKET)
    os.umask(old)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sock.listen(100)
    make_server("unix://" + SOCKET, 0, app, threaded=True, fd=sock.fileno()).serve_forever()
