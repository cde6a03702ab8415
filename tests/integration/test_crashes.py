"""SIGKILL of each part in turn while documents are on their way: every accepted one is indexed, once."""

import asyncio
import json
import os
import signal
import uuid
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import Api, Stack

pytestmark = pytest.mark.stack

DOCUMENTS = 60


def pid_of(stack: Stack, part: str) -> int:
    """Return the process id of a part, as the stack records it."""
    return int(json.loads((stack.home / "run" / "stack.json").read_text())["parts"][part]["pid"])


def make_lines(collection: str) -> str:
    """Return documents of several passages, so that each part has work for a few seconds."""
    text = "\n\n".join(f"Paragraph {n} of a report on the migration of storks. " * 12 for n in range(6))
    return "\n".join(
        json.dumps({"title": f"Report {n}", "text": text, "external_id": str(n), "collection": collection})
        for n in range(DOCUMENTS)
    )


async def accepted(api: Api, collection: str) -> list[str]:
    """Submit the documents until all are accepted; return their ids."""
    headers = {"Content-Type": "application/x-ndjson"}
    for _ in range(60):
        try:
            response = await api.client.post("/documents", content=make_lines(collection), headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(1)
            continue
        if response.status_code == 202:
            items = response.json()["items"]
            if all("id" in item for item in items):
                return [item["id"] for item in items]
        await asyncio.sleep(1)
    raise AssertionError("the documents were not accepted within a minute")


async def all_indexed(api: Api, collection: str, timeout_s: float) -> dict[str, Any]:
    """Wait until every document of a collection is indexed; return its statistics."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    states: dict[str, int] = {}
    while True:
        try:
            response = await api.client.get("/stats", params={"collection": collection})
            if response.status_code == 200:
                stats: dict[str, Any] = response.json()
                states = {state: count for state, count in stats["documents"].items() if count}
                if states == {"indexed": DOCUMENTS}:
                    return stats
        except httpx.TransportError:
            pass
        assert asyncio.get_running_loop().time() < deadline, f"after {timeout_s} s: {states}"
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("part", ["triton", "bridge", "postgres", "kafka", "functions"])
async def test_a_killed_part_loses_and_doubles_nothing(
    stack: Stack, api: Api, database: "asyncpg.Pool[Any]", part: str
) -> None:
    """Killed without warning mid-ingest, a part comes back, and each document is indexed exactly once."""
    collection = f"crash-{part}-{uuid.uuid4().hex[:8]}"
    await accepted(api, collection)
    await asyncio.sleep(0.7)  # some are extracted by now, some embedded, most wait
    os.kill(pid_of(stack, part), signal.SIGKILL)
    stats = await all_indexed(api, collection, timeout_s=150)
    assert stats["sources"] == DOCUMENTS
    doubled = await database.fetch(
        "SELECT p.document_id, p.ordinal FROM passages p JOIN collections c ON c.id = p.collection_id "
        "WHERE c.name = $1 GROUP BY 1, 2 HAVING count(*) > 1",
        collection,
    )
    assert not doubled
    missing = await database.fetchval(
        "SELECT count(*) FROM passages p JOIN collections c ON c.id = p.collection_id "
        "WHERE c.name = $1 AND NOT EXISTS (SELECT FROM embeddings e WHERE e.passage_id = p.id)",
        collection,
    )
    assert missing == 0
    hits = (await api.search("migration of storks", collection=collection))["hits"]
    assert hits
