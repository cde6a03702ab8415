"""Documents through Kafka and functions that were at zero."""

import time
import uuid

from tests.cluster.conftest import settled
from tests.cluster.kube import Cluster
from tests.cluster.notes import note

WORDS = ["heron", "walrus", "gecko", "lemur", "otter", "puffin", "quokka", "tapir", "urchin", "vervet"]


def text(word: str) -> str:
    """Return a short article about a word that no other document has."""
    return f"# The {word}\n\nObservers counted the {word} at dawn.\n\n## Methods\n\nA {word} is counted once a day.\n"


def test_ten_documents_from_zero(cluster: Cluster) -> None:
    """Ten documents submitted while every function is at zero are all searchable, each under its own word."""
    collection = f"cluster-{uuid.uuid4().hex[:8]}"
    cluster.await_zero()
    began = time.monotonic()
    host = cluster.host("ingest")
    receipts = {}
    for word in WORDS:
        document = {"title": word, "text": text(word), "media_type": "text/markdown", "collection": collection}
        answer = cluster.send(host, "POST", "/documents", document)
        assert answer.status == 202, answer.body
        receipts[word] = answer.json()["id"]
    accepted = round(time.monotonic() - began, 2)
    seconds = {}
    for word, identity in receipts.items():
        settled(cluster, identity)
        seconds[word] = round(time.monotonic() - began, 2)
    for word in WORDS:
        answer = cluster.request("search", "POST", "/search", {"query": word, "collection": collection})
        assert answer.status == 200, answer.body
        assert answer.json()["hits"][0]["source"]["title"] == word
    note("ten_documents", accepted_s=accepted, first_s=min(seconds.values()), last_s=max(seconds.values()))
