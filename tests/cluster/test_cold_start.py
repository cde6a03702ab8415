"""From zero to the first byte: a bare function, every function, a first search."""

import copy
import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Answer, Cluster
from tests.cluster.notes import note
from tests.cluster.stages import PodWatch, watching

ROUNDS = int(os.environ.get("ROUNDS") or 10)
BARE, TWIN, SEARCH = "bare", "search-twin", "POST /search"


@pytest.fixture(scope="module")
def yardsticks(cluster: Cluster) -> Iterator[None]:
    """The bare function, and a second search: one is asked /live, the other searches."""
    for name, of, image in ((BARE, "health", "bare"), (TWIN, "search", "search")):
        cluster.run("apply", "-f", "-", text=json.dumps(twin(cluster.get("ksvc", of), name, image)))
    for name in (BARE, TWIN):
        cluster.await_ready(name)
    yield
    cluster.run("delete", "ksvc", BARE, TWIN)


def twin(service: dict[str, Any], name: str, image: str) -> dict[str, Any]:
    """Return a Service of the same resources, scale and probes under another name, with another image."""
    template = copy.deepcopy(service["spec"]["template"])
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {"app.kubernetes.io/name": name}
    container = template["spec"]["containers"][0]
    folder, _, old = container["image"].rpartition("/")
    container |= {"name": name, "image": f"{folder}/{image}:{old.partition(':')[2]}"}
    return {
        "apiVersion": service["apiVersion"],
        "kind": "Service",
        "metadata": {"name": name, "namespace": service["metadata"]["namespace"]},
        "spec": {"template": template},
    }


def test_first_byte_from_zero(cluster: Cluster, library: str, yardsticks: None) -> None:
    """Every function answers its first request from zero, and a first search with a key finds passages by both legs."""
    names = [name for name in cluster.services() if not cluster.stays(name)]
    hosts = {name: cluster.host(name) for name in names}
    query = {"query": "weak instruments and two-stage least squares", "collection": library}
    with watching(cluster) as watch:
        for round_ in range(1, ROUNDS + 1):
            cluster.await_zero(*names)
            order = [name for name in names if name != TWIN]
            random.shuffle(order)  # what runs beside them hits all alike
            answers, stages = {}, {}
            for name in order:
                answers[name], stages[name] = timed(watch, cluster, hosts, name, "GET", "/live")
                assert answers[name].status == 200, f"{name}: {answers[name].status} {answers[name].body!r}"
            found, stages[SEARCH] = timed(watch, cluster, hosts, TWIN, "POST", "/search", query)
            assert found.status == 200, found.body
            assert found.json()["hits"]
            seconds = {name: round(answer.seconds, 3) for name, answer in (answers | {SEARCH: found}).items()}
            degraded, took_ms = found.json()["degraded"], found.json()["took_ms"]
            note("cold_start", round=round_, seconds=seconds, stages=stages, degraded=degraded, took_ms=took_ms)


def timed(
    watch: PodWatch, cluster: Cluster, hosts: dict[str, str], name: str, *request: Any
) -> tuple[Answer, dict[str, float]]:
    """Send a request to a Service at zero; return the answer, and the seconds of each stage of the start."""
    sent = time.time()
    answer = cluster.send(hosts[name], *request)
    return answer, watch.stages(name, sent, sent + answer.seconds)
