"""gunicorn, which serves the app: its settings, its start and its end."""
# mypy: allow-subclassing-any, allow-untyped-calls

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http import wsgi

from ddd import kernel, listener, log
from ddd.app import app, volumes
from ddd.folders import to_install
from ddd.worker import ENDING, OneThreadEach

try:
    from ddd import exporter, metrics
except ModuleNotFoundError:  # prometheus_client: an earlier version was installed without it
    metrics = None  # type: ignore[assignment]

FEWEST_FILES = 1024  # 512 connections, and as many files for the calls
OPEN_FILES = 16384  # enough for thousands of connections, and for what 64 calls open


def note_others(arbiter: Any, worker: Any) -> None:
    """Note for a worker that is about to be made which ones are there, by their pids."""
    worker.others = list(arbiter.WORKERS)


def clear(worker: Any) -> None:
    """Delete in the background what a plugin or a worker left aside, once a worker is there that answers."""
    threading.Thread(target=clear_after, args=[worker.others, volumes.left_aside()], daemon=True).start()


def clear_after(others: list[int], left: list[str]) -> None:
    """Delete what was left aside when the workers have ended that were there before a SIGHUP: one may work on it."""
    for pid in others:
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            ended = select.poll()
            ended.register(process)
            ended.poll()
            os.close(process)
    volumes.clear(left)


def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a call that gunicorn has read. A body that is shorter than its Content-Length is refused.

    gunicorn marks the end of every body, so that Flask would take one that broke off for complete.
    """
    del environ["wsgi.input_terminated"]
    return app(environ, start_response)


class InOnePiece(wsgi.Response):
    """An answer that leaves in one piece. gunicorn sends the head first, and then the body.

    If ddd were killed in between, Docker would take the half answer of a Get for "no such volume". It would forget the
    volume's labels, and of `docker volume rm`, which asks twice, it would say that it is done.
    """

    def __init__(self, call: Any, connection: socket.socket, settings: Any) -> None:
        super().__init__(call, self, settings)
        self.connection, self.parts = connection, list[bytes]()

    def sendall(self, data: bytes) -> None:
        """Keep what gunicorn would send, until it closes the answer."""
        self.parts.append(data)

    def close(self) -> None:
        """Send all of the answer."""
        super().close()
        self.connection.sendall(b"".join(self.parts))


wsgi.Response = InOnePiece
SETTINGS = {
    # one process, so that there is no state to share; threads, because Docker calls on several connections at once;
    # and so many, because a call keeps its thread while it waits for its volume or its disk
    "workers": 1,
    "worker_class": OneThreadEach,
    "threads": 64,
    # Docker keeps its connections open. A call on one that was closed comes again with an empty body: never close first
    "keepalive": 7 * 24 * 3600,
    "control_socket_disable": True,
    # there is no proxy whose headers would count
    "forwarder_headers": "",
    "pre_fork": note_others,
    "post_worker_init": clear,
}


class Master(Arbiter):
    """gunicorn's master, but a signal waits while a worker starts: at first the worker has the master's handlers.

    A SIGTERM would be lost then, and the master would wait half a minute for the worker to exit.
    """

    def spawn_worker(self) -> int:
        """Start a worker, and return its pid."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            pid: int = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, and remove the socket that was made. A file that has replaced it is another plugin's.

        gunicorn would remove that file, too; and if somebody has deleted the file, it would exit with an error.
        """
        if self.app.made and not self.app.made.is_there():
            self.systemd = True  # tells gunicorn not to remove the file
        super().stop(graceful)


class Server(BaseApplication):
    """The app under gunicorn, on the sockets in bind. With none, gunicorn takes the one that systemd has made."""

    def __init__(self, bind: list[str], made: listener.Made | None) -> None:
        self.bind = bind
        self.made = made
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings: at the start, and again at each SIGHUP."""
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", self.bind)
        # not all of the open files: the calls need some, too
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.cfg.set("worker_connections", max(files - 512, files // 2, 128))

    def load(self) -> Any:
        """Return what gunicorn serves."""
        return serve

    def run(self) -> None:
        """Serve until a signal ends it."""
        Master(self).run()


def run() -> None:
    """Serve Docker's calls until SIGTERM. If ddd cannot have the root or the socket, exit with a sentence."""
    sys.stderr = log.stderr
    allow_open_files()
    os.environ.pop("SCRIPT_NAME", None)  # gunicorn would take it for the beginning of every path
    volumes.prepare()
    log.install(app)
    if metrics:
        metrics.install(app)
        sockets = exporter.listen()
        SETTINGS["post_fork"] = lambda arbiter, worker: exporter.serve(sockets)
    elif os.environ.get("DDD_METRICS"):
        sys.exit(f"DDD_METRICS needs prometheus_client. {to_install()}")
    # gunicorn's own sockets are open to everybody. At its end, gunicorn does not remove the file of systemd's socket
    bind, made = [], None
    if not listener.from_systemd():
        bind = [f"fd://{listener.listen(listener.SOCKET).detach()}"]
        made = listener.Made(listener.SOCKET)
    for sentence in kernel.limits():
        print(sentence, file=sys.stderr)
    Server(bind, made).run()


def allow_open_files() -> None:
    """Raise the limit of open files, as far as this process may: each connection is an open file. Say if it is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if 0 <= wanted < FEWEST_FILES:
        needs = f"it needs {FEWEST_FILES} to answer 64 calls at once. Raise the limit: ulimit -n, or LimitNOFILE="
        print(f"ddd may open only {wanted} files, and {needs}", file=sys.stderr)
