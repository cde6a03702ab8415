"""Pods killed while they work."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.conftest import settled
from tests.cluster.kube import Answer, Cluster
from tests.cluster.notes import note

DOCUMENTS = 30
SEARCHES = 60


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
    failed, killed = 0, 0
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(cluster.send, host, "POST", "/search", body) for _ in range(SEARCHES)]
        for _ in range(3):
            time.sleep(0.5)
            killed += kill(cluster, "search")
        for future in asked:
            try:
                answer = future.result()
            except OSError:
                answer = Answer(502, b"", 0)
            if answer.status != 200:  # cut off by the kill; asking again must do
                failed += 1
                assert answer.status in {502, 503, 504}, answer.body
                answer = cluster.send(host, "POST", "/search", body)
            if not answer.json()["degraded"]:
                assert hits(answer) == expected
    note("killed_while_searching", killed=killed, searches=SEARCHES, asked_again=failed)


def hits(answer: Answer) -> list[str]:
    """Return the ids of the hits."""
    assert answer.status == 200, answer.body
    return [hit["id"] for hit in answer.json()["hits"]]
