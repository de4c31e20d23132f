"""Part 3 under gunicorn, with a profile of all that a worker thread does: gunicorn -c benchmarks/profiled.conf.py

The figures go to the file that PROFILE names when the server ends. Calls have to come one after the other.
"""

import cProfile
import os

from gunicorn.workers.gthread import ThreadWorker

# gunicorn's own settings are variables of its file: here they are those of part 3, and what follows
__file__ = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "part3", "gunicorn.conf.py")
with open(__file__) as file:
    exec(compile(file.read(), __file__, "exec"))

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
