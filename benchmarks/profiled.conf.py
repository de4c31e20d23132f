"""Part 3 under gunicorn, watched: every other call is timed, the others are profiled.

    gunicorn -c benchmarks/profiled.conf.py

Calls have to come one after the other. When the server ends, the folder that PROFILE names has both.
"""

import cProfile
import json
import os
import time

from gunicorn.workers.gthread import ThreadWorker

# gunicorn's own settings are variables of its file: here they are those of part 3, and what follows
__file__ = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "part3", "gunicorn.conf.py")
with open(__file__) as file:
    exec(compile(file.read(), __file__, "exec"))

profile = cProfile.Profile()
times = []


handle = ThreadWorker.handle


def watched(self, conn):
    """Do what gunicorn's worker does, from the first byte of a call to the last one of its answer."""
    profiled, begun = len(times) % 2, time.perf_counter()
    if profiled:
        profile.enable()
    try:
        kept = handle(self, conn)
    finally:
        profile.disable()
    if kept is True:  # a call was answered: the connection was not only tried, or closed
        times.append((time.perf_counter() - begun) * 1000)
    return kept


ThreadWorker.handle = watched


def worker_exit(server, worker):
    profile.dump_stats(os.path.join(os.environ["PROFILE"], "profile"))
    with open(os.path.join(os.environ["PROFILE"], "times"), "w") as file:
        json.dump(times[::2], file)
