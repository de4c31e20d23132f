"""ddd's server with next to nothing behind it: what a call costs before ddd has done anything.

    python benchmarks/empty.py wsgi|flask

It answers each call with what ddd answers to Get of a volume, whatever is asked: by a function, or by Flask.
"""

import sys

from flask import Flask

from ddd import listener, server
from ddd.app import MEDIA_TYPE

ANSWER = '{"Volume": {"Name": "bench-01234567", "Mountpoint": "/var/lib/ddd/volumes/bench-01234567/data"}, "Err": ""}\n'

flask = Flask(__name__)


@flask.post("/<path:endpoint>")
def answer(endpoint):
    """Answer as ddd does."""
    return flask.response_class(ANSWER, mimetype=MEDIA_TYPE)


def wsgi(environ, start_response):
    """Answer without Flask."""
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER.encode()]


class Empty(server.Server):
    """gunicorn with ddd's settings, without ddd."""

    def load(self):
        """Return what gunicorn serves."""
        return {"flask": flask, "wsgi": wsgi}[sys.argv[1]]


server.SETTINGS.pop("post_worker_init")  # it looks for what a ddd has left on its disk
listening = listener.listen(listener.SOCKET)
Empty([f"fd://{listening.detach()}"], listener.Made(listener.SOCKET)).run()
