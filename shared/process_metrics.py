"""What this one process has done since it started, for GET /metrics of its own port; gone with the process.

What must survive the process is noted (shared/activity.py) and summed up by the function metrics.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from shared.exposition import Counter, Histogram

# From an answer out of memory to the longest request; .2 s is the objective of a search.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter(
    "research_kb_process_requests_total", "Requests answered by this process.", ("function", "method", "status")
)
REQUEST_SECONDS = Histogram(
    "research_kb_process_request_seconds", "Seconds of a request in this process.", SECONDS, ("function",)
)
INFERENCES = Counter(
    "research_kb_inference_requests_total",
    "Requests of this process to the model server, by outcome: ok, refused, unavailable.",
    ("model", "outcome"),
)
INFERENCE_SECONDS = Histogram(
    "research_kb_inference_request_seconds", "Seconds of a request to the model server.", SECONDS, ("model",)
)
STARTED_S: dict[str, float] = {}
"""Seconds from the start of the process until each function's app was made."""


def count_request(function: str, method: str, status: int, seconds: float) -> None:
    """Count one answer; an invented method counts as `other`, so that labels stay bounded."""
    REQUESTS.add(function, method if method in METHODS else "other", str(status))
    REQUEST_SECONDS.observe(seconds, function)


def count_inference(model: str, outcome: str, seconds: float) -> None:
    """Count one request to the model server."""
    INFERENCES.add(model, outcome)
    INFERENCE_SECONDS.observe(seconds, model)


def mark_started(function: str) -> None:
    """Note how long after the process's start its app was made; where the system tells no start, nothing is noted."""
    with suppress(OSError, IndexError, ValueError):
        # Field 22, in clock ticks after boot; the name before it may hold spaces and ends with a parenthesis.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        STARTED_S[function] = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
