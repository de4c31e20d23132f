"""gunicorn, which serves the app: its settings and its worker."""
# mypy: allow-subclassing-any, allow-untyped-calls

import select
import socket
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from ddd import kernel, listener, log
from ddd.app import app, volumes


class OneThreadEach(ThreadWorker):
    """gunicorn's worker with threads, but one that has answered waits a moment for the next call on its connection.

    Docker's calls come in pairs, such as Get and Create. From gunicorn's main thread to another and back takes as long
    as all the rest of a Get. With more connections than threads nobody waits: the thread is for the others then.
    """

    def handle(self, conn: Any) -> Any:
        """Answer a call, and those that follow it at once on the same connection."""
        kept = super().handle(conn)
        while kept is True and self.alive and self.nr_conns <= self.cfg.threads and readable(conn.sock):
            kept = super().handle(conn)
        return kept


def readable(connection: socket.socket, milliseconds: int = 5) -> bool:
    """Tell whether something comes on a connection within this time."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(milliseconds))


def clear(worker: Any) -> None:
    """Delete in the background what an earlier run left aside, once a worker is there that answers."""
    # not after a SIGHUP: the worker before this one may still be making a volume there
    if worker.age == 1:
        threading.Thread(target=volumes.clear, args=[volumes.left_aside()], daemon=True).start()


SETTINGS = {
    # one process, so that nothing has to be told to another; threads, because Docker calls on several connections at
    # once, and so many, because a caller who stops halfway through a call keeps one
    "workers": 1,
    "worker_class": OneThreadEach,
    "threads": 64,
    # Docker keeps its connections open. A call on one that was closed comes back without its body: never close first
    "keepalive": 7 * 24 * 3600,
    "control_socket_disable": True,
    "post_worker_init": clear,
}


class Server(BaseApplication):
    """The app under gunicorn, on the sockets in bind. With none, gunicorn takes the one that systemd has made."""

    def __init__(self, bind: list[str]) -> None:
        self.bind = bind
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings: at the start, and again at each SIGHUP."""
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", self.bind)

    def load(self) -> Flask:
        """Return what gunicorn serves."""
        return app


def run() -> None:
    """Serve Docker's calls until SIGTERM. Where the root or the socket cannot be had, exit with a sentence."""
    volumes.prepare()
    for sentence in kernel.limits():
        print(sentence)
    log.install(app)
    # gunicorn's own way of making a socket lets everybody in; the file of systemd's socket it leaves alone at the end
    bind = [] if listener.from_systemd() else [f"fd://{listener.listen(listener.SOCKET).detach()}"]
    Server(bind).run()
