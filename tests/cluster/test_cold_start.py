"""From zero to the first byte: a bare function, every function, a first search."""

import copy
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Cluster
from tests.cluster.notes import note

ROUNDS = int(os.environ.get("ROUNDS") or 10)
BARE, TWIN = "bare", "search-twin"


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
    for round_ in range(1, ROUNDS + 1):
        cluster.await_zero(*names)
        order = [name for name in names if name != TWIN]
        random.shuffle(order)  # what runs beside them hits all alike
        seconds = {}
        for name in order:
            answer = cluster.send(hosts[name], "GET", "/live")
            assert answer.status == 200, f"{name}: {answer.status} {answer.body!r}"
            seconds[name] = round(answer.seconds, 3)
        found = cluster.send(hosts[TWIN], "POST", "/search", query)
        assert found.status == 200, found.body
        assert found.json()["hits"]
        seconds["POST /search"] = round(found.seconds, 3)
        degraded, took_ms = found.json()["degraded"], found.json()["took_ms"]
        note("cold_start", round=round_, seconds=seconds, degraded=degraded, took_ms=took_ms)
