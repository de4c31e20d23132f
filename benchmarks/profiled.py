"""ddd, watched: every other call is timed, the others are profiled.

    python benchmarks/profiled.py

Calls have to come one after the other. When the server ends, the folder that PROFILE names has both.
"""

import cProfile
import json
import os
import time

from gunicorn.workers.gthread import ThreadWorker

from ddd import server

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


def save(arbiter, worker):
    """Write down what was watched."""
    profile.dump_stats(os.path.join(os.environ["PROFILE"], "profile"))
    with open(os.path.join(os.environ["PROFILE"], "times"), "w") as file:
        json.dump(times[::2], file)


ThreadWorker.handle = watched
server.SETTINGS["worker_exit"] = save
server.run()
