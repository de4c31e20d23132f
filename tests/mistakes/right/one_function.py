"""A right plugin: one function answers every path."""

import os
import re
import shutil
import signal
import socket
import sys
import threading
import uuid
from pathlib import Path

from flask import Flask, Response, json, request
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")
ROOT = os.path.realpath(os.environ.get("DDD_ROOT", "/var/lib/ddd"))

app = Flask(__name__)
lock = threading.Lock()


def reply(answer, status=200):
    return Response(json.dumps(answer) + "\n", status=status, mimetype="application/vnd.docker.plugins.v1.2+json")


def valid(text):
    return isinstance(text, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def everything(path):
    if path == "":
        return "Hello from one function\n"
    if path == "Plugin.Activate":
        return reply({"Implements": ["VolumeDriver"]})
    if path == "VolumeDriver.Capabilities":
        return reply({"Capabilities": {"Scope": "local"}})
    if path == "VolumeDriver.List":
        names = [name for name in os.listdir(ROOT) if os.path.isdir(f"{ROOT}/{name}/files")]
        return reply({"Volumes": [{"Name": name, "Mountpoint": f"{ROOT}/{name}/files"} for name in names]})

    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        return reply({"Err": "the body is not a JSON object"}, 400)
    name, mount_id = body.get("Name"), body.get("ID")
    if not valid(name):
        return reply({"Err": f"not a volume name: {name}"}, 400)
    volume = f"{ROOT}/{name}"
    files = f"{volume}/files"
    users = f"{volume}/users"

    with lock:
        if path == "VolumeDriver.Create":
            for option in body.get("Opts") or {}:
                return reply({"Err": f"there is no option {option}"}, 400)
            os.makedirs(users, exist_ok=True)
            os.makedirs(files, exist_ok=True)
            return reply({"Err": ""})
        if not os.path.isdir(files):
            return reply({"Err": f"no such volume: {name}"}, 404)
        if path == "VolumeDriver.Get":
            return reply({"Volume": {"Name": name, "Mountpoint": files}, "Err": ""})
        if path == "VolumeDriver.Path":
            return reply({"Mountpoint": files, "Err": ""})
        if path == "VolumeDriver.Mount":
            if not valid(mount_id):
                return reply({"Err": "not a mount ID"}, 400)
            open(f"{users}/{mount_id}.{uuid.uuid4().hex}", "w").close()
            return reply({"Mountpoint": files, "Err": ""})
        if path == "VolumeDriver.Unmount":
            for user in os.listdir(users):
                if user.rsplit(".", 1)[0] == mount_id:
                    os.remove(f"{users}/{user}")
                    break
            return reply({"Err": ""})
        if path == "VolumeDriver.Remove":
            if os.listdir(users):
                return reply({"Err": f"volume {name} is in use"}, 409)
            if f" {volume}/" in open("/proc/self/mounts").read():
                return reply({"Err": f"something is mounted in volume {name}"}, 409)
            shutil.rmtree(volume)
            return reply({"Err": ""})
    return reply({"Err": f"unknown call {path}"}, 404)


def alive():
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(SOCKET)
        return True
    except ConnectionRefusedError:
        return False


def main():
    os.makedirs(ROOT, exist_ok=True)
    if os.path.exists(SOCKET):
        if not Path(SOCKET).is_socket():
            sys.exit(f"{SOCKET} is not a socket")
        if alive():
            sys.exit("somebody listens already")
        os.remove(SOCKET)
    server_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server_socket.bind(SOCKET)
    os.chmod(SOCKET, 0o600)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    try:
        server_socket.listen()
        make_server(f"unix://{SOCKET}", 0, app, True, fd=server_socket.fileno()).serve_forever()
    finally:
        os.remove(SOCKET)


if __name__ == "__main__":
    main()
