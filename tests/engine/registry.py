"""A registry on 127.0.0.1:5000 that keeps what is pushed until it ends: enough for `docker plugin push` and `upgrade`.

Source: the OCI Distribution Specification, "Pushing Blobs" and "Pulling manifests".
"""

import hashlib

from flask import Flask, Response, request

ADDRESS = "127.0.0.1:5000"
app = Flask(__name__)
kept: dict[str, tuple[str, bytes]] = {}
"""What was pushed, by digest or tag: its media type, and its bytes."""


def keep(reference: str, data: bytes) -> Response:
    """Keep bytes by their digest, and by what they are called."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    kept[reference] = kept[digest] = (request.content_type or "application/octet-stream", data)
    return Response(status=201, headers={"Docker-Content-Digest": digest, "Location": f"{request.path}/{digest}"})


@app.get("/v2/")
def version() -> str:
    """Say that this is a registry."""
    return ""


@app.post("/v2/<path:name>/blobs/uploads/")
def begin(name: str) -> Response:
    """Say where a blob is put."""
    return Response(status=202, headers={"Location": f"/v2/{name}/blobs/uploads/whole"})


@app.put("/v2/<path:name>/blobs/uploads/whole")
def put_blob(name: str) -> Response:
    """Keep a blob."""
    return keep(request.args["digest"], request.get_data())


@app.put("/v2/<path:name>/manifests/<reference>")
def put_manifest(name: str, reference: str) -> Response:
    """Keep a manifest."""
    return keep(reference, request.get_data())


@app.get("/v2/<path:name>/<any(blobs, manifests):kind>/<reference>")
def get(name: str, kind: str, reference: str) -> Response:
    """Return a blob or a manifest; HEAD gets its headers."""
    if reference not in kept:
        return Response(status=404)
    media, data = kept[reference]
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return Response(data, content_type=media, headers={"Docker-Content-Digest": digest})


if __name__ == "__main__":
    host, _, port = ADDRESS.partition(":")
    app.run(host, int(port))
