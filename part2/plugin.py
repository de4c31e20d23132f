"""ddd, a Docker volume plugin."""

import atexit
import os
import signal
import socket
import stat
import sys

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"

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
    serve()
