"""gunicorn, which serves the app: its settings, its start and its end."""
# mypy: allow-subclassing-any, allow-untyped-calls

import contextlib
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Iterable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from ddd import kernel, listener, log
from ddd.app import app, volumes
from ddd.folders import to_install
from ddd.worker import ENDING, OneThreadEach

try:
    from ddd import metrics
except ModuleNotFoundError:  # prometheus_client: an earlier version was installed without
    metrics = None  # type: ignore[assignment]

OPEN_FILES = 16384  # as many connections, and what 64 calls open besides


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
    """Answer a call that gunicorn has read. A body that is shorter than it was said to be is refused.

    gunicorn says that a body ends by itself, so that Flask takes one that broke off for whole.
    """
    del environ["wsgi.input_terminated"]
    return app(environ, start_response)


SETTINGS = {
    # one process, so that nothing has to be told to another; threads, because Docker calls on several connections at
    # once, and so many, because a call keeps one while it waits for its volume or its disk
    "workers": 1,
    "worker_class": OneThreadEach,
    "threads": 64,
    # Docker keeps its connections open. A call on one that was closed comes back without its body: never close first
    "keepalive": 7 * 24 * 3600,
    "control_socket_disable": True,
    # there is no proxy whose word on the path would count
    "forwarder_headers": "",
    "pre_fork": note_others,
    "post_worker_init": clear,
}


class Master(Arbiter):
    """gunicorn's master, but a signal waits while a worker starts: that one has the master's handlers at first.

    A SIGTERM would be lost on it, and the master wait for its end for half a minute.
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
        """End the workers, and remove the socket that was made. What has taken its place is another plugin's.

        gunicorn would remove that, and end with an error where somebody has deleted the file.
        """
        if self.app.made and not self.app.made.is_there():
            self.systemd = True  # to gunicorn: the file is not its own
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
        # beyond so many connections the next ones wait in the socket: the calls of the others need open files, too
        self.cfg.set("worker_connections", max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 512, 256))

    def load(self) -> Any:
        """Return what gunicorn serves."""
        return serve

    def run(self) -> None:
        """Serve until a signal ends it."""
        Master(self).run()


def run() -> None:
    """Serve Docker's calls until SIGTERM. Where the root or the socket cannot be had, exit with a sentence."""
    sys.stderr = log.stderr
    allow_open_files()
    os.environ.pop("SCRIPT_NAME", None)  # gunicorn would take it for the beginning of every path
    volumes.prepare()
    log.install(app)
    if metrics:
        metrics.install(app)
        sockets = metrics.listen()
        SETTINGS["post_fork"] = lambda arbiter, worker: metrics.serve(sockets)
    elif os.environ.get("DDD_METRICS"):
        sys.exit(f"DDD_METRICS needs prometheus_client. {to_install()}")
    # gunicorn's own way of making a socket lets everybody in; the file of systemd's socket it leaves alone at the end
    bind, made = [], None
    if not listener.from_systemd():
        bind = [f"fd://{listener.listen(listener.SOCKET).detach()}"]
        made = listener.Made(listener.SOCKET)
    for sentence in kernel.limits():
        print(sentence, file=sys.stderr)
    Server(bind, made).run()


def allow_open_files() -> None:
    """Raise the number of files that may be open, as far as this process may do so: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
