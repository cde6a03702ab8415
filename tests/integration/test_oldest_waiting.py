"""The age of the oldest document that waits: what tells that ingestion stands still where no bridge reports a lag."""

from typing import Any, TypeAlias

import asyncpg
import pytest

import functions.metrics.exposition
from shared.database import load_sql

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"

NAME = "research_kb_documents_oldest_waiting_seconds"
STATE = load_sql(functions.metrics.exposition.__file__, "state")
ADD = """
WITH c AS (INSERT INTO collections (name) VALUES ('oldest-waiting') RETURNING id),
s AS (
    INSERT INTO sources (id, collection_id, identity, title, source_type)
    SELECT gen_random_uuid(), id, 'note:oldest', 'Oldest', 'note' FROM c RETURNING id)
INSERT INTO documents (
    id, source_id, state, created_at, fingerprint, object_key, media_type, size_bytes, bibliography)
SELECT gen_random_uuid(), s.id, d.state, now() - make_interval(days => d.days), '', 'x', 'text/plain', 0, '{}'
FROM s, (VALUES ('indexed', 9000), ('failed', 9000), ('superseded', 9000),
                ('queued', 3000), ('extracting', 4000), ('embedding', 2000)) AS d (state, days)
"""
DAY_S = 86400


async def age(connection: Any) -> float:
    """Return the gauge's value."""
    (value,) = [row["value"] for row in await connection.fetch(STATE) if row["name"] == NAME]
    return float(value)


async def test_the_oldest_that_waits_counts_and_nothing_else(database: Pool) -> None:
    """Of three states the oldest; what settled long ago does not count, and 0 is what is left without any."""
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(ADD)
        for state, days in (("extracting", 4000), ("queued", 3000), ("embedding", 2000)):
            assert await age(connection) == pytest.approx(days * DAY_S, abs=7200)  # a day of a clock change has 25 h
            await connection.execute("UPDATE documents SET state = 'indexed' WHERE state = $1", state)
        assert await age(connection) == 0
        await transaction.rollback()


async def test_the_index_of_states_is_enough(database: Pool) -> None:
    """Each scrape asks: three steps in an index, however many documents there are."""
    async with database.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join([row[0] for row in await connection.fetch(f"EXPLAIN {STATE}")])
    assert plan.count("using documents_state on documents") == 3, plan
