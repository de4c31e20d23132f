"""The endpoints, from Docker's JSON to an answer that Docker can print. The server calls volumes.prepare() first."""

import json
import os
import socket
import threading
from typing import Any

from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from ddd import kernel, options
from ddd.volumes import NAME, InUse, NoSuchVolume, Volumes

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"

volumes = Volumes(os.environ.get("DDD_ROOT") or "/var/lib/ddd")
mountpoint = volumes.mountpoint

app = Flask(__name__, static_folder=None)
# Flask would answer OPTIONS by itself: only an endpoint that has a route here is answered
app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024


@app.route("/", methods=["GET", "POST"])
def greet() -> str:
    """Say which plugin this is, to a person who asks with curl."""
    return "Hello! I am ddd, a Docker plugin.\n"


@app.post("/Plugin.Activate")
def activate() -> Response:
    """Say what this plugin is for. Docker asks once, with an empty body, and remembers the answer until it restarts."""
    return answer({"Implements": ["VolumeDriver"]})


@app.post("/VolumeDriver.Capabilities")
def capabilities() -> Response:
    """Say that a volume is known on this machine only."""
    return answer({"Capabilities": {"Scope": "local"}})


@app.post("/VolumeDriver.Create")
def create() -> Response:
    """Make a volume. One that exists already stays as it is."""
    name, sent = asked("Name"), body().get("Opts")
    if not isinstance(sent, dict | None):
        abort(400, "Opts is not an object: send {} or null.")
    try:
        wanted = options.read(sent or {})
    except ValueError as error:
        abort(400, str(error))
    volumes.create(name, wanted)
    return answer({"Err": ""})


@app.post("/VolumeDriver.Get")
def get() -> Response:
    """Say whether there is such a volume, where, and since when."""
    if not request.get_data():
        # Docker sends a call that broke again, but with an empty body: still no answer
        return hang_up()
    name = asked("Name")
    created_at = volumes.created(name).isoformat(timespec="seconds")
    return answer({"Volume": {"Name": name, "Mountpoint": mountpoint(name), "CreatedAt": created_at}, "Err": ""})


@app.post("/VolumeDriver.List")
def list_volumes() -> Response:
    """Name every volume."""
    # written out here, which takes a third of the time of json.dumps: a name has no character that JSON would escape
    before, after = json.dumps(mountpoint("?")).rsplit("?", 1)
    names = volumes.names()
    each = [f'{{"Name": "{name}", "Mountpoint": {before}{name}{after}}}' for name in names]
    return answer(f'{{"Volumes": [{", ".join(each)}], "Err": ""}}')


@app.post("/VolumeDriver.Path")
def path() -> Response:
    """Say where the volume is. Docker no longer sends Path; by its source, Podman can."""
    name = asked("Name")
    with volumes.open_one(name):
        return answer({"Mountpoint": mountpoint(name), "Err": ""})


@app.post("/VolumeDriver.Mount")
def mount() -> Response:
    """Record that a container is about to use the volume, and say which folder to give it."""
    name, mount_id = asked("Name"), asked("ID")
    volumes.mount(name, mount_id, kernel.caller(connection()))
    return answer({"Mountpoint": mountpoint(name), "Err": ""})


@app.post("/VolumeDriver.Unmount")
def unmount() -> Response:
    """Delete one record of a Mount with this ID."""
    name, mount_id = asked("Name"), asked("ID")
    volumes.unmount(name, mount_id)
    return answer({"Err": ""})


@app.post("/VolumeDriver.Remove")
def remove() -> Response:
    """Remove the volume with all that is in it, unless somebody may use it."""
    gone = volumes.remove(asked("Name"))
    # Docker waits a minute for an answer, Podman 5 seconds: the files are deleted after the answer
    done = answer({"Err": ""})
    done.call_on_close(threading.Thread(target=volumes.delete, args=[gone], daemon=True).start)
    return done


# what is sent


@app.before_request
def refuse_chunks() -> None:
    """Refuse a body that does not say beforehand how long it is. Docker and Podman send no such body."""
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        abort(400, "ddd does not read a chunked body: send a Content-Length.")


def body() -> dict[str, Any]:
    """Return the JSON object of this call. Docker sends no Content-Type, so `force` tells Flask not to look for one."""
    try:
        sent = request.get_json(force=True, silent=True)
    except RecursionError:
        sent = None
    if not isinstance(sent, dict):
        abort(400, 'The body is not a JSON object: send one, such as {"Name": "mango"}.')
    return sent


def asked(key: str) -> str:
    """Return the name that is sent under key. Docker checks no name: refuse one that could lead out of the root."""
    name = body().get(key)
    if key == "Name":
        g.volume = name  # for the log, whatever it is
    if not isinstance(name, str) or not NAME.fullmatch(name):
        rule = "1 to 255 letters, digits, _ . and -, beginning with a letter or a digit"
        abort(400, f"{key} {json.dumps(name)[:80]} cannot be used: take {rule}.")
    return name


def connection() -> socket.socket:
    """Return the socket that this call came through, whichever server runs the plugin."""
    found = request.environ.get("werkzeug.socket") or request.environ["gunicorn.socket"]
    assert isinstance(found, socket.socket)
    return found


# what is answered


def answer(body: dict[str, object] | str, status: int = 200) -> Response:
    """Return an answer as Docker reads it: an object, or its JSON, with the media type of plugins."""
    text = body if isinstance(body, str) else json.dumps(body)
    return app.response_class(text + "\n", status, mimetype=MEDIA_TYPE)


def hang_up() -> Response:
    """End the call without an answer: Docker takes this for trouble with the plugin, and asks again.

    Any error that Get answers means "no such volume" to Docker, and makes it forget the volume's labels.
    """
    connection().shutdown(socket.SHUT_RDWR)
    return answer({"Err": "nobody reads this"}, 503)


@app.errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response:
    """Answer an error in the form that Docker can print: a status that is not 200, and a sentence in Err."""
    if error.code == 413 or "HTTP_TRANSFER_ENCODING" in request.environ:
        connection().shutdown(socket.SHUT_RD)  # the server would wait for what it does not read
    said = "The body is shorter than its Content-Length." if type(error) is ClientDisconnected else error.description
    unknown = f"ddd does not answer {request.method} {request.path}."
    return answer({"Err": said if request.url_rule else unknown}, error.code or 500)


@app.errorhandler(NoSuchVolume)
def missing(error: NoSuchVolume) -> Response:
    """Say that there is no such volume. Docker may believe this: no other error of Get gets an answer."""
    return answer({"Err": str(error)}, 404)


@app.errorhandler(InUse)
@app.errorhandler(options.OtherOptions)
def conflict(error: Exception) -> Response:
    """Say who may use the volume, so that it is not removed; or what an existing volume has, so that none is made."""
    return answer({"Err": str(error)}, 409)


@app.errorhandler(Exception)
def trouble(error: Exception) -> Response:
    """Answer a fault that can pass, such as a full disk, with what it is; but give no answer to Get."""
    known = isinstance(error, OSError)  # its text names the file, its repr does not
    app.logger.error("%s: %s", request.path, error if known else repr(error), exc_info=not known)
    if request.path == "/VolumeDriver.Get":
        return hang_up()
    return answer({"Err": f"ddd is in trouble: {error}. Fix that, and try again."}, 500)
