"""Pods killed while they work."""

import http.client
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.conftest import settled
from tests.cluster.kube import Answer, Cluster
from tests.cluster.notes import note

DOCUMENTS = 30
KILLS, PAUSE_S = 3, 1.0


def kill(cluster: Cluster, *services: str) -> int:
    """Kill every pod of these Services at once, without a goodbye; return how many there were."""
    pods = [pod for service in services for pod in cluster.pods(service)]
    if pods:
        cluster.run("delete", "pod", "--grace-period=0", "--force", "--wait=false", *pods, check=False)
    return len(pods)


def test_killed_while_ingesting(cluster: Cluster) -> None:
    """Documents whose functions are killed again and again are all indexed: nothing is lost, nothing is there twice."""
    collection = f"cluster-{uuid.uuid4().hex[:8]}"
    paragraph = "Observers counted them at dawn and again at dusk. " * 40
    host, identities, killed = cluster.host("ingest"), [], 0
    for number in range(DOCUMENTS):
        text = "\n\n".join(f"# Part {part} of report {number}\n\n{paragraph}" for part in range(4))
        body = {"title": f"Report {number}", "text": text, "media_type": "text/markdown", "collection": collection}
        body["external_id"] = f"report-{number}"
        answer = cluster.send(host, "POST", "/documents", body)
        assert answer.status == 202, answer.body
        identities.append(answer.json()["id"])
        if number % 10 == 9:
            killed += kill(cluster, "extract", "embed")
    for _ in range(4):
        time.sleep(3)
        killed += kill(cluster, "extract", "embed")
    sources = [settled(cluster, identity, within_s=600) for identity in identities]
    assert len(set(sources)) == DOCUMENTS
    stats = cluster.request("stats", "GET", f"/stats?collection={collection}").json()
    counts = [len(passages(cluster, source)) for source in sources]
    note("killed_while_ingesting", killed=killed, sources=stats["sources"], passages=stats["passages"])
    assert stats["sources"] == DOCUMENTS
    assert stats["passages"] == sum(counts)
    # The reports differ in a number alone: passages twice or missing would tell one from another.
    assert len(set(counts)) == 1, counts


def passages(cluster: Cluster, source: str) -> list[str]:
    """Return the ids of a source's passages, each once."""
    answer = cluster.request("sources", "GET", f"/sources/{source}/passages?limit=200")
    assert answer.status == 200, answer.body
    found = [str(item["id"]) for item in answer.json()["items"]]
    assert len(set(found)) == len(found)
    return found


def test_killed_while_searching(cluster: Cluster, library: str) -> None:
    """Searches go on while their pods are killed: who asks again is answered, as before."""
    host = cluster.host("search")
    body = {"query": "instrumental variables", "collection": library, "rerank": False}
    expected = hits(cluster.send(host, "POST", "/search", body))
    over = threading.Event()

    def ask() -> tuple[int, int]:
        """Search until the last kill is past; return how many were answered, and how many of them had to ask again."""
        answered, again = 0, 0
        while not over.is_set():
            try:
                answer = cluster.send(host, "POST", "/search", body)
            except (OSError, http.client.HTTPException):
                answer = Answer(502, b"", 0)
            if answer.status != 200:  # cut off by the kill; asking again must do
                again += 1
                assert answer.status in {502, 503, 504}, answer.body
                answer = cluster.send(host, "POST", "/search", body)
            if not answer.json()["degraded"]:
                assert hits(answer) == expected
            answered += 1
        return answered, again

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        killed = []
        for _ in range(KILLS):
            time.sleep(PAUSE_S)
            killed.append(kill(cluster, "search"))
        time.sleep(PAUSE_S)
        over.set()
        answered, again = (sum(column) for column in zip(*(future.result() for future in asked), strict=True))
    note("killed_while_searching", killed=sum(killed), searches=answered, asked_again=again)
    assert all(killed), killed


def hits(answer: Answer) -> list[str]:
    """Return the ids of the hits."""
    assert answer.status == 200, answer.body
    return [hit["id"] for hit in answer.json()["hits"]]
