"""Part 3 under gunicorn, with a profile of all that a worker thread does: gunicorn -c benchmarks/profiled.conf.py

The figures go to the file that PROFILE names when the server ends. Calls have to come one after the other.
"""

import cProfile
import os

from gunicorn.workers.gthread import ThreadWorker

ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "part3", "gunicorn.conf.py")
with open(ours) as file:
    exec(compile(file.read(), ours, "exec"), globals() | {"__file__": ours}, globals())

profile = cProfile.Profile()


class Profiled(ThreadWorker):
    """gunicorn's own worker, watched from the first byte of a call to the last one of its answer."""

    def handle(self, conn):
        profile.enable()
        try:
            return super().handle(conn)
        finally:
            profile.disable()


worker_class = Profiled


def worker_exit(server, worker):
    profile.dump_stats(os.environ["PROFILE"])
