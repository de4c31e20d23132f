"""The plugin of part 3 for daily use: gunicorn -c part3/gunicorn.conf.py"""

import os
import select
import sys
import threading

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
# one process, so that nothing has to be told to another; threads, because Docker calls on several connections at once
workers = 1
worker_class = OneThreadEach
threads = 16
# Docker keeps its connections. One that is closed under a call comes back without its body: never be the one who closes
keepalive = 7 * 24 * 3600
# gunicorn's own way of opening a Unix socket lets everybody in, so it is given ours; SIGHUP reads this file again
if not hasattr(plugin, "listener"):
    plugin.prepare()
    plugin.listener = plugin.listen(plugin.SOCKET).detach()
bind = f"fd://{plugin.listener}"
control_socket_disable = True


def post_worker_init(worker):
    # not after a SIGHUP: the worker before this one may still be making a volume there
    if worker.age == 1:
        threading.Thread(target=plugin.clear, daemon=True).start()
