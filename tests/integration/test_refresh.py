"""What refresh keeps in order: retention, and BM25 impacts after drift."""

import asyncio

import asyncpg
import httpx
import pytest

from tests.conftest import Api, Stack

pytestmark = pytest.mark.stack


async def test_sweep_deletes_what_is_past_its_retention(
    stack: Stack, api: Api, database: "asyncpg.Pool[asyncpg.Record]", collection: str
) -> None:
    """Old bookkeeping rows go, young ones and the documents stay."""
    await api.index(title="Kept", text="This stays.", collection=collection)
    await database.execute(
        "INSERT INTO processed_events (handler, event_source, event_id, processed_at) "
        "VALUES ('extract', '/old', 'x', now() - interval '30 days'), ('extract', '/young', 'x', now())"
    )
    await database.execute(
        "INSERT INTO outbox (topic, partition_key, event, created_at, published_at) "
        "VALUES ('research-kb.sources', 'old', '{}', now() - interval '2 days', now() - interval '2 days')"
    )
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.post(f"{stack.internal_url}/refresh/sweep")
    assert response.status_code == 200, response.text
    swept = response.json()["swept"]
    assert swept["sweep_processed_events"] >= 1
    assert swept["sweep_outbox"] >= 1
    rows = await database.fetch("SELECT event_source FROM processed_events WHERE event_id = 'x'")
    assert [row["event_source"] for row in rows] == ["/young"]
    assert (await api.search("stays", collection=collection))["hits"]


async def test_drifted_lengths_are_rewritten(
    api: Api, database: "asyncpg.Pool[asyncpg.Record]", collection: str
) -> None:
    """When documents much longer than the first arrive, the frozen average follows the true one."""
    await api.index(title="Short", text="Brief note.", collection=collection)
    for n in range(12):
        await api.index(
            title=f"Long {n}", text=f"Long tale number {n}. " + "Storks migrate south. " * 30, collection=collection
        )
    deadline = asyncio.get_running_loop().time() + 20
    while True:
        row = await database.fetchrow(
            "SELECT average_length, total_length::float8 / passages AS true_average FROM collections WHERE name = $1",
            collection,
        )
        assert row is not None
        drift = abs(row["average_length"] / row["true_average"] - 1)
        if drift <= 0.02:
            return
        assert asyncio.get_running_loop().time() < deadline, f"drifted by {drift:.0%} and not rewritten"
        await asyncio.sleep(0.2)
