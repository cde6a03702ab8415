"""The cluster, and a library in it; skipped, and said so, where there is none."""

import os
import time
from pathlib import Path

import pytest

from tests.cluster.kube import Cluster

SAMPLE = Path(__file__).parents[2] / "sample" / "articles"
COLLECTION = "cluster-sample"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here: `pytest -m cluster`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that the environment names."""
    missing = [name for name in ("KUBECONFIG", "GATEWAY", "RESEARCH_KB_API_KEY") if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no cluster: {', '.join(missing)} not set (`make cluster-test`)")
    return Cluster.from_environment()


@pytest.fixture(scope="session")
def library(cluster: Cluster) -> str:
    """A collection with the sample's articles, all searchable; its name."""
    host = cluster.host("ingest")
    receipts = [
        cluster.send(host, "POST", "/documents", document(path)).json() for path in sorted(SAMPLE.glob("*.md"))
    ]
    for receipt in receipts:
        settled(cluster, receipt["id"])
    return COLLECTION


def document(path: Path) -> dict[str, str]:
    """Return an article as a document."""
    text = path.read_text()
    return {
        "title": path.stem.replace("-", " "),
        "text": text,
        "media_type": "text/markdown",
        "external_id": path.stem,
        "collection": COLLECTION,
    }


def settled(cluster: Cluster, identity: str, within_s: float = 300) -> str:
    """Wait until a document is done with; assert that it is searchable; return its source's id."""
    host, deadline = cluster.host("ingest"), time.monotonic() + within_s
    while True:
        answer = cluster.send(host, "GET", f"/documents/{identity}")
        assert answer.status == 200, answer.body
        status = answer.json()
        if status["state"] == "indexed":
            return str(status["source_id"])
        assert status["state"] not in {"failed", "superseded"}, status
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
