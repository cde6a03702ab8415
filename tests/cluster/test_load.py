"""A burst from zero, and a release under load."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.cluster.kube import Cluster
from tests.cluster.notes import note

CHECKOUT = Path(__file__).parents[2]
DURATION_S = float(os.environ.get("BURST_S") or 60)


def under_load(
    cluster: Cluster, collection: str, users: int, duration_s: float, meanwhile: Callable[[], None] = lambda: None
) -> tuple[dict[str, Any], list[tuple[float, int]]]:
    """Run users in a process of their own; return what they saw, and the pods of search over time."""
    command = [sys.executable, "-m", "tests.cluster.load", "--host", cluster.host("search"), "--collection", collection]
    command += ["--users", str(users), "--duration", str(duration_s)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    began, pods = time.monotonic(), []
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(meanwhile)
        while process.poll() is None:
            pods.append((round(time.monotonic() - began, 1), len(cluster.pods("search"))))
            time.sleep(2)
            assert time.monotonic() - began < 10 * duration_s, "the load generator does not end"
        other.result()
    said = process.stdout.read() if process.stdout else ""
    assert process.returncode == 0, said
    return json.loads(said), pods


def changes(pods: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Keep of the counts of pods those that differ from the one before."""
    return [pair for place, pair in enumerate(pods) if place == 0 or pair[1] != pods[place - 1][1]]


def test_burst_from_zero(cluster: Cluster, library: str) -> None:
    """From 0 to 100 users at once for a minute: no request fails."""
    cluster.await_zero("search")
    summary, pods = under_load(cluster, library, 100, DURATION_S)
    note("burst", **summary, pods=changes(pods))
    assert not summary["errors"], summary
    assert summary["answers"] >= 100


def test_release_under_load(cluster: Cluster, library: str) -> None:
    """A new revision takes over while users search: no request fails, and the old one has no pod in the end."""
    old = revision(cluster)

    def release() -> None:
        time.sleep(DURATION_S / 4)
        annotations = {"research-kb/released": str(time.time())}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        cluster.run("patch", "ksvc", "search", "--type=merge", "-p", json.dumps(patch))
        cluster.await_ready("search", 600)

    summary, pods = under_load(cluster, library, 50, DURATION_S, release)
    new = revision(cluster)
    note("release", **summary, pods=changes(pods), revisions=[old, new])
    assert new != old
    assert not summary["errors"], summary
    cluster.await_gone(old)


def revision(cluster: Cluster) -> str:
    """Return the newest ready revision of search."""
    return str(cluster.get("ksvc", "search")["status"]["latestReadyRevisionName"])
