"""Metrics for Prometheus: the calls, what is on the disk, and the log."""
# mypy: allow-subclassing-any, allow-untyped-calls

import contextlib
import functools
import os
import threading
import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ddd import log
from ddd.app import volumes

BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.1, 1, 5, 15, 60]  # in seconds: Podman waits 5, Docker 60

disable_created_metrics()
registry = CollectorRegistry()
calls = Counter("ddd_calls", "Calls that were answered", ["endpoint", "outcome"], registry=registry)
seconds = Histogram("ddd_call_duration_seconds", "Time of a call", ["endpoint"], registry=registry, buckets=BUCKETS)


@functools.cache
def numbers_of(endpoint: str, outcome: str) -> tuple[Counter, Histogram]:
    """Return the counter and the histogram for such a call: looking them up takes longer than counting."""
    return calls.labels(endpoint, outcome), seconds.labels(endpoint)


def count(response: Response) -> Response:
    """Count a call. One that no endpoint answers is "other": callers cannot add names to the metrics."""
    endpoint = (request.url_rule.rule[1:] if request.url_rule else "") or "other"
    number, duration = numbers_of(endpoint, log.outcome(response))
    number.inc()
    duration.observe(time.perf_counter() - g.begun)
    return response


class OnDisk(Collector):
    """What is on the disk, and what the log has dropped: read at each scrape, one scrape at a time."""

    def __init__(self) -> None:
        self.turn = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; without those of the disk while the disk is away."""
        yield CounterMetricFamily("ddd_log_lines_dropped", "Lines without room in the log", log.stderr.dropped)
        with self.turn, contextlib.suppress(OSError):
            with volumes.open_all() as folder:
                there = [count_files(name, folder) for name in volumes.names()]
                room = os.statvfs(folder)
            yield GaugeMetricFamily("ddd_volumes", "Volumes", len(there))
            yield GaugeMetricFamily("ddd_mounts", "Records of Mounts without their Unmount", sum(there))
            yield GaugeMetricFamily("ddd_aside", "What is on its way in or out", len(os.listdir(volumes.aside)))
            yield GaugeMetricFamily("ddd_free_bytes", "Free space on the disk", room.f_bavail * room.f_frsize)


def count_files(name: str, folder: int) -> int:
    """Return how many Mounts of a volume are recorded; 0 if the volume is gone."""
    with contextlib.suppress(OSError):
        mounts = os.open(f"{name}/mounts", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            return len(os.listdir(mounts))
        finally:
            os.close(mounts)
    return 0


registry.register(OnDisk())


def install(app: Flask) -> None:
    """Count each call that the app answers. The log notes when a call begins: install the log, too."""
    app.after_request(count)
