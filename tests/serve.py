"""ddd's app under Werkzeug's server, as the tests start it: what the app promises depends on no server.

A spoilt ddd that lies beside a copy of this file is the one that runs.
"""

import os
import signal
import sys
import threading

from werkzeug.serving import make_server

from ddd import listener
from ddd.app import app, volumes


def serve() -> None:
    """Answer Docker's calls until Ctrl-C or SIGTERM, then take the socket away."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    listening = listener.listen(listener.SOCKET)
    try:
        threading.Thread(target=volumes.clear, args=[volumes.left_aside()], daemon=True).start()
        server = make_server(f"unix://{listener.SOCKET}", 0, app, threaded=True, fd=listening.fileno())
        server.serve_forever(poll_interval=0.1)
    finally:
        os.unlink(listener.SOCKET)


if __name__ == "__main__":
    volumes.prepare()
    serve()
