"""Part 2: a plugin that Docker can activate."""

import fcntl
import json
import os
import signal
import socket
import stat
import sys

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"

app = Flask(__name__, static_folder=None)
# Flask would answer OPTIONS by itself: only what has a route of ours is answered
app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False


@app.route("/", methods=["GET", "POST"])
def greet():
    return "Hello! I am ddd, a Docker plugin.\n"


@app.post("/Plugin.Activate")
def activate():
    """Say what this plugin is for. Docker asks once, with an empty body, and remembers the answer until it restarts."""
    return answer({"Implements": ["VolumeDriver"]})


def answer(body, status=200):
    """Return body in the form that Docker reads: a JSON object of the plugin media type."""
    return app.response_class(json.dumps(body) + "\n", status, mimetype=MEDIA_TYPE)


@app.errorhandler(HTTPException)
def refuse(error):
    """Answer an error the way Docker can print it: a status that is not 200, and a sentence in Err."""
    unknown = f"ddd does not answer {request.method} {request.path}."
    return answer({"Err": error.description if request.url_rule else unknown}, error.code)


def listen(path):
    """Return a socket that listens at path; where that cannot be, end the program with a sentence."""
    if len(os.fsencode(path)) > 107:
        sys.exit(f"{path} is too long for a socket: choose a path of at most 107 bytes with DDD_SOCKET=…")
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
        # two plugins that start at once take turns: the second finds the first one listening
        turn = os.open(folder, os.O_RDONLY)
        fcntl.flock(turn, fcntl.LOCK_EX)
        make_room(path)
        listener = socket.socket(socket.AF_UNIX)
        # whoever may write to the socket may ask for volumes: it is closed to other users from its first instant
        umask = os.umask(0o177)
        listener.bind(path)
        os.umask(umask)
        listener.listen(1024)
        os.close(turn)
    except OSError as error:
        sys.exit(f"No socket can be made at {path}: {error.strerror}. Run as root, or choose a place with DDD_SOCKET=…")
    return listener


def make_room(path):
    """Remove the socket that a plugin left behind when it was killed, and nothing else."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        sys.exit(f"{path} is there and is no socket. Look what it is, and move it away.")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            sys.exit(f"{path} is there and cannot be tried: {error}. Look what it is, and move it away.")
        else:
            sys.exit(f"A plugin listens at {path} already. End it, or choose another place with DDD_SOCKET=…")


def serve():
    """Answer Docker's calls until Ctrl-C or SIGTERM, then take the socket away."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    listener = listen(SOCKET)
    ours = os.stat(SOCKET)
    try:
        print(f"ddd listens at {SOCKET}. Ctrl-C ends it.", flush=True)
        server = make_server(f"unix://{SOCKET}", 0, app, threaded=True, fd=listener.fileno())
        # a signal that comes just before the server waits for callers is seen when that wait ends: after 0.1 s
        server.serve_forever(poll_interval=0.1)
    finally:
        # a plugin that was started later may have taken the place: its socket stays
        if os.path.exists(SOCKET) and os.path.samestat(os.stat(SOCKET), ours):
            os.unlink(SOCKET)


if __name__ == "__main__":
    serve()
