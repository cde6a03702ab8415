# ruff: noqa: S311 -- random vectors, not secrets
"""The dense leg: what the graph finds, with filters and in small collections, against comparing every vector."""

import random
import struct
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from functions.search.requests import SearchFilters
from functions.search.scope import Scope
from functions.search.settings import SearchSettings
from functions.search.store import SCAN_COST, Store, ranked_query
from shared.models import Model, ModelMismatch, activate, active_model, check_model, register_model, sql_for
from shared.resources import Resources
from tests.conftest import Stack

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"
DIMENSION, PASSAGES, BUCKETS = 24, 6000, 100


def make_vector(rng: random.Random, centre: list[float] | None = None) -> list[float]:
    """Return a unit vector, near `centre` if there is one."""
    spread = [rng.gauss(0, 1) for _ in range(DIMENSION)]
    values = [a + b for a, b in zip(spread, centre, strict=True)] if centre else spread
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def packed(vector: list[float]) -> bytes:
    """Return the float32 bytes that the pool takes for a halfvec."""
    return struct.pack(f"<{len(vector)}f", *vector)


class Library:
    """PASSAGES vectors of a model of their own, in clusters as those of texts are; a bucket holds each hundredth."""

    def __init__(self, model: Model, collection_id: int, vectors: dict[int, list[float]]) -> None:
        self.model, self.collection_id, self.vectors = model, collection_id, vectors

    def nearest(self, query: list[float], bucket: int | None, count: int) -> list[int]:
        """Return the ids of the nearest passages, by comparing every vector."""
        rows = list(self.vectors.items())
        chosen = rows if bucket is None else rows[bucket::BUCKETS]
        closeness = {key: sum(a * b for a, b in zip(query, vector, strict=True)) for key, vector in chosen}
        return sorted(closeness, key=lambda key: -closeness[key])[:count]

    def scope(self, bucket: int | None = None, *, everything: int = PASSAGES, passages: int | None = None) -> Scope:
        """Return the scope of the library or of a bucket; sizes decide between graph and comparison."""
        count = passages if passages is not None else PASSAGES // (BUCKETS if bucket is not None else 1)
        filters = SearchFilters(metadata={"bucket": bucket}).values() if bucket is not None else None
        return Scope([self.collection_id], frozenset(), count, everything, "0", self.model, filters)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def store(stack: Stack) -> AsyncIterator[Store]:
    """The search function's queries on the stack's database."""
    resources = Resources(SearchSettings(database_url=stack.database_url))
    yield Store(resources)
    await resources.close()


async def add_vectors(database: Pool, collection_id: int, model_id: int, vectors: list[list[float]]) -> list[int]:
    """Store one passage a vector, in as many sources as there are buckets, and return the passages' ids."""
    sources, documents = [uuid.uuid4() for _ in range(BUCKETS)], [uuid.uuid4() for _ in range(BUCKETS)]
    async with database.acquire() as connection, connection.transaction():
        await connection.executemany(
            "INSERT INTO sources (id, collection_id, identity, title, source_type, metadata, passages)"
            " VALUES ($1, $2, $3, 't', 'paper', $4, $5)",
            [(s, collection_id, f"test:{s}", {"bucket": n}, len(vectors) // BUCKETS) for n, s in enumerate(sources)],
        )
        await connection.executemany(
            "INSERT INTO documents (id, source_id, state, fingerprint, object_key, media_type, size_bytes,"
            " bibliography) VALUES ($1, $2, 'indexed', '', '', '', 0, '{}')",
            list(zip(documents, sources, strict=True)),
        )
        rows = await connection.fetch(
            "INSERT INTO passages (document_id, source_id, collection_id, ordinal, text, char_start, char_end, tokens,"
            " live) SELECT d, s, $1, o, '', 0, 0, 1, true FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY"
            " AS u (d, s, o) ORDER BY o RETURNING id",
            collection_id,
            [documents[n % BUCKETS] for n in range(len(vectors))],
            [sources[n % BUCKETS] for n in range(len(vectors))],
        )
        ids = [row["id"] for row in rows]
        await connection.executemany(
            "INSERT INTO embeddings (passage_id, model_id, collection_id, source_id, live, embedding)"
            " SELECT $1, $2, collection_id, source_id, true, $3 FROM passages WHERE id = $1",
            [(key, model_id, packed(vector)) for key, vector in zip(ids, vectors, strict=True)],
        )
    return ids


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def library(database: Pool) -> Library:
    """The vectors that this module searches, under a model that is never active."""
    rng = random.Random(1)
    centres = [make_vector(rng) for _ in range(40)]
    vectors = [make_vector(rng, [4 * value for value in rng.choice(centres)]) for _ in range(PASSAGES)]
    name = f"test-{uuid.uuid4().hex[:8]}"
    async with database.acquire() as connection:
        number = await register_model(connection, name, DIMENSION)
        collection_id = await connection.fetchval("INSERT INTO collections (name) VALUES ($1) RETURNING id", name)
    ids = await add_vectors(database, collection_id, number, vectors)
    await database.execute("ANALYZE embeddings, passages, sources")
    return Library(Model(number, name, DIMENSION, active=False), collection_id, dict(zip(ids, vectors, strict=True)))


async def recall(store: Store, library: Library, scope: Scope, bucket: int | None, count: int) -> float:
    """Return the share of the truly nearest `count` that the leg finds, over 20 queries."""
    rng = random.Random(2)
    found = 0
    for _ in range(20):
        query = make_vector(rng, [2 * value for value in rng.choice(list(library.vectors.values()))])
        truth = library.nearest(query, bucket, count)
        hits = await store.dense(packed(query), library.model, scope, count)
        assert list(hits.scores.values()) == sorted(hits.scores.values(), reverse=True)
        found += len(set(truth) & set(hits.scores))
    return found / (20 * count)


async def test_graph_finds_the_nearest(store: Store, library: Library) -> None:
    """Unfiltered, the graph brings at least 97 % of the hundred nearest."""
    assert await recall(store, library, library.scope(), None, 100) >= 0.97


async def test_filter_of_one_percent_compares_every_vector(store: Store, library: Library) -> None:
    """A filter that leaves few rows costs nothing of the exact result, though half precision may swap neighbours."""
    assert await recall(store, library, library.scope(7), 7, 30) >= 0.99


async def test_graph_under_a_filter_of_one_percent(store: Store, library: Library) -> None:
    """Where the graph answers a 1 % filter, it goes on until enough rows have passed: the filter eats no result."""
    many = PASSAGES  # claims that the filter leaves many, so that the graph is asked
    scope = library.scope(7, everything=many * many // SCAN_COST // 2, passages=many)
    assert await recall(store, library, scope, 7, 30) >= 0.95


async def test_small_collection_beside_a_large_one(store: Store, library: Library, database: Pool) -> None:
    """A collection of a hundred passages in an index of thousands is found whole."""
    rng = random.Random(3)
    name = f"test-{uuid.uuid4().hex[:8]}"
    number = await database.fetchval("INSERT INTO collections (name) VALUES ($1) RETURNING id", name)
    vectors = [make_vector(rng) for _ in range(BUCKETS)]
    ids = await add_vectors(database, number, library.model.id, vectors)
    scope = Scope([number], frozenset(), BUCKETS, PASSAGES + BUCKETS, "0", library.model)
    hits = await store.dense(packed(make_vector(rng)), library.model, scope, BUCKETS)
    assert set(hits.scores) == set(ids)


async def test_similarities_of_other_candidates_come_along(store: Store, library: Library) -> None:
    """The cosine of passages that rank low is returned on request, equal to the definition."""
    rng = random.Random(4)
    query = make_vector(rng)
    others = rng.sample(list(library.vectors), 50)
    hits = await store.dense(packed(query), library.model, library.scope(), 10, others)
    assert set(hits.others) == set(others)
    for key in others:
        truth = sum(a * b for a, b in zip(query, library.vectors[key], strict=True))
        assert hits.others[key] == pytest.approx(truth, abs=2e-3)


async def test_settings_do_not_outlive_the_statement(library: Library, database: Pool) -> None:
    """The search's own ef_search is gone with its statement: the next user of the connection has the default."""
    query = ranked_query(library.model, 10)
    vector = packed(make_vector(random.Random(5)))
    async with database.acquire() as connection:
        before = await connection.fetchval("SHOW hnsw.ef_search")
        await connection.fetchrow(query, vector, "123", None, [])
        assert await connection.fetchval("SHOW hnsw.ef_search") == before


async def test_plans_keep_the_index(library: Library, database: Pool) -> None:
    """After many executions the graph is still what answers, and small scopes are read by index."""
    from functions.search import store as module
    from shared.database import load_sql

    def literal(name: str) -> str:
        return sql_for(load_sql(module.__file__, name), library.model)

    vector = packed(make_vector(random.Random(6)))
    async with database.acquire() as connection:
        statement = await connection.prepare(ranked_query(library.model, 100))
        for _ in range(8):
            await statement.fetch(vector, "100", [library.collection_id], [])
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        ranked = await connection.fetch(
            "EXPLAIN " + ranked_query(library.model, 100), vector, "100", [library.collection_id], [1, 2, 3]
        )
        await connection.execute("RESET plan_cache_mode")
        small = await connection.fetch("EXPLAIN " + literal("dense_collection"), vector, [1], 100, 50_000, [1, 2, 3])
    plan = "\n".join(row[0] for row in ranked)
    assert f"Index Scan using embeddings_hnsw_{library.model.id}" in plan, plan
    plan = "\n".join(row[0] for row in small)
    assert "Seq Scan on embeddings" not in plan, plan


async def test_model_of_another_dimension_is_refused_by_name(database: Pool, library: Library) -> None:
    """Registering a known name with another dimension, or serving another model, says which."""
    async with database.acquire() as connection:
        assert await register_model(connection, library.model.name, DIMENSION) == library.model.id
        with pytest.raises(ModelMismatch, match=library.model.name):
            await register_model(connection, library.model.name, DIMENSION + 1)
    with pytest.raises(ModelMismatch, match="other-model"):
        check_model(library.model, "other-model", DIMENSION)


async def test_switching_the_active_model_is_atomic(database: Pool, library: Library) -> None:
    """Within one transaction another model takes over; rolled back, the first is active as before."""
    before = await active_model(database)
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await activate(connection, library.model.id)
        now = await active_model(connection)
        assert now is not None
        assert now.name == library.model.name
        await transaction.rollback()
    assert await active_model(database) == before
