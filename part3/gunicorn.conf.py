"""The plugin of part 3 for daily use: gunicorn -c part3/gunicorn.conf.py"""

import contextlib
import json
import os
import secrets
import select
import sys
import threading
import time

from flask import g, has_request_context, request
from gunicorn.workers.gthread import ThreadWorker

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plugin


class OneThreadEach(ThreadWorker):
    """gunicorn's worker with threads, but one that has answered waits a moment for the next call on its connection.

    Docker's calls come in pairs, such as Get and Create. From gunicorn's main thread to another and back takes as long
    as all the rest of a Get. With more connections than threads nobody waits: the thread is for the others then.
    """

    def handle(self, conn):
        kept = super().handle(conn)
        while kept is True and self.alive and self.nr_conns <= self.cfg.threads and readable(conn.sock):
            kept = super().handle(conn)
        return kept


def readable(connection, milliseconds=5):
    """Tell whether something comes on a connection within this time."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(milliseconds))


wsgi_app = "plugin:app"
# one process, so that nothing has to be told to another; threads, because Docker calls on several connections at once,
# and so many, because a caller who stops half-way through a call keeps one
workers = 1
worker_class = OneThreadEach
threads = 64
# Docker keeps its connections. One that is closed under a call comes back without its body: never be the one who closes
keepalive = 7 * 24 * 3600
# systemd may have opened the socket already: gunicorn finds that one by itself, and leaves its file alone at the end.
# Else it is given ours: gunicorn's own way of opening one lets everybody in. SIGHUP reads this file again
if not hasattr(plugin, "bind"):
    plugin.prepare()
    given = os.environ.get("LISTEN_PID") == str(os.getpid())
    plugin.bind = [] if given else [f"fd://{plugin.listen(plugin.SOCKET).detach()}"]
bind = plugin.bind
control_socket_disable = True


def post_worker_init(worker):
    plugin.app.before_request(begin_call)
    plugin.app.after_request(log_call)
    plugin.app.logger.addFilter(name_call)
    # not after a SIGHUP: the worker before this one may still be making a volume there
    if worker.age == 1:
        threading.Thread(target=plugin.clear, args=[os.listdir(plugin.ASIDE)], daemon=True).start()


def begin_call():
    """Give a call a name for the log, and note when it began."""
    g.call, g.begun = secrets.token_hex(4), time.perf_counter()


def log_call(response):
    """Write a call into the log, in one line: what was asked, how long it took in milliseconds, what came of it."""
    took, status = (time.perf_counter() - g.begun) * 1000, response.status_code
    outcome = "hung-up" if status == 503 else status
    err = "" if status in (200, 503) else response.json["Err"]
    asked = f"call={g.call} endpoint={quoted(request.path[1:])} volume={quoted(volume_of_call())}"
    # straight to stderr, which costs a third of Python's logging; a log that cannot be written costs no answer
    with contextlib.suppress(OSError):
        os.write(2, f"{asked} ms={took:.1f} outcome={outcome} err={quoted(err)}\n".encode())
    return response


def volume_of_call():
    """Return the name that was sent, whatever it is; where none can be read, nothing."""
    try:
        return str(plugin.body().get("Name", ""))
    except Exception:
        return ""


def quoted(text):
    """Return a text short, and on one line whatever is in it: a volume's name is anything that was sent."""
    return json.dumps(text[:100])


def name_call(record):
    """Put the call's name before what the plugin itself logs in it."""
    if has_request_context():
        record.msg = f"call={g.call} {record.msg}"
    return True
