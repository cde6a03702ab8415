# ruff: noqa: S311 -- random texts, not secrets
"""The lexical index against the definition of BM25, under change, filters and concurrency."""

import asyncio
import math
import random
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from functions.search import store as store_module
from functions.search.requests import SearchFilters
from functions.search.scope import Scope
from functions.search.settings import SearchSettings
from functions.search.store import Store
from shared.lexical import index_passages, remove_document, rewrite_impacts, rewrites_due
from shared.resources import Resources
from tests.conftest import Stack

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprtvz" for b in "aou" for c in ("rk", "lm", "nt", "mp", "xt", "bt")]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def store(stack: Stack) -> AsyncIterator[Store]:
    """The search function's queries on the stack's database."""
    settings = SearchSettings(database_url=stack.database_url)
    resources = Resources(settings)
    yield Store(resources)
    await resources.close()


async def make_collection(database: Pool, name: str) -> int:
    """Return the id of a new collection."""
    number: int = await database.fetchval("INSERT INTO collections (name) VALUES ($1) RETURNING id", name)
    return number


async def add_document(
    database: Pool, collection_id: int, texts: list[str], *, index: bool = True, **said: Any
) -> tuple[uuid.UUID, list[int]]:
    """Store a document of one passage a text and return its id and theirs."""
    source_id, document_id = uuid.uuid4(), uuid.uuid4()
    async with database.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO sources (id, collection_id, identity, title, source_type, metadata, passages) "
            "VALUES ($1, $2, $3, 'a title', $4, $5, $6)",
            source_id,
            collection_id,
            f"test:{source_id}",
            said.get("source_type", "paper"),
            said.get("metadata", {}),
            len(texts),
        )
        await connection.execute(
            "INSERT INTO documents (id, source_id, state, fingerprint, object_key, media_type, size_bytes,"
            " bibliography) VALUES ($1, $2, $3, '', '', 'text/plain', 0, '{}')",
            document_id,
            source_id,
            said.get("state", "indexed"),
        )
        rows = await connection.fetch(
            "INSERT INTO passages (document_id, source_id, collection_id, ordinal, text, char_start, char_end, tokens,"
            " live) SELECT $1, $2, $3, o, t, 0, length(t), 1, false FROM unnest($4::text[]) WITH ORDINALITY AS u (t, o)"
            " ORDER BY o RETURNING id",
            document_id,
            source_id,
            collection_id,
            texts,
        )
        if index:
            await index_passages(connection, collection_id, document_id)
    return document_id, [row["id"] for row in rows]


async def remove(database: Pool, collection_id: int, document_id: uuid.UUID) -> int:
    """Remove a document from the index in a transaction of its own."""
    async with database.acquire() as connection, connection.transaction():
        return await remove_document(connection, collection_id, document_id)


async def scope_of(
    database: Pool, *ids: int, filters: SearchFilters | None = None, passages: int | None = None
) -> Scope:
    """Return the scope of collections; `passages` claims another size, which decides the plan."""
    held = await database.fetchval("SELECT sum(passages)::bigint FROM collections WHERE id = ANY ($1)", list(ids))
    count = passages if passages is not None else held
    return Scope(list(ids), frozenset(), count, 10**9, "0", None, filters.values() if filters else None)


def make_texts(count: int, seed: int) -> list[str]:
    """Return texts of 5 to 60 words, whose frequencies fall as those of language do."""
    random_words = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]
    return [" ".join(random_words.choices(WORDS, weights, k=random_words.randint(5, 60))) for _ in range(count)]


def bm25(texts: list[str], query: str, average: float) -> list[float]:
    """Return the scores of `texts` by the definition (Robertson and Zaragoza 2009), words taken as they stand."""
    bags = [Counter(re.findall(r"\w+", text)) for text in texts]
    scores = [0.0] * len(texts)
    for term in set(query.split()):
        frequency = sum(term in bag for bag in bags)
        if frequency:
            idf = math.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
            for row, bag in enumerate(bags):
                tf, length = bag[term], bag.total()
                scores[row] += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / average))
    return scores


async def image(database: Pool, collection_id: int) -> tuple[Any, ...]:
    """Return everything the lexical index knows of a collection, but for ids and versions."""
    statistics = await database.fetchrow(
        "SELECT passages, total_length, average_length, frozen_passages FROM collections WHERE id = $1", collection_id
    )
    terms = await database.fetch(
        "SELECT t.term, t.document_frequency, count(p.*), sum(p.frequency), round(sum(p.impact)::numeric, 3)"
        " FROM terms AS t LEFT JOIN postings AS p ON p.term_id = t.id WHERE t.collection_id = $1"
        " GROUP BY t.id ORDER BY 1",
        collection_id,
    )
    assert statistics is not None
    return tuple(statistics), [tuple(row) for row in terms]


async def test_scores_are_bm25(database: Pool, store: Store, collection: str) -> None:
    """Every score equals the definition with the collection's frozen average length."""
    number = await make_collection(database, collection)
    texts = make_texts(300, 1)
    _, ids = await add_document(database, number, texts)
    average = await database.fetchval("SELECT average_length FROM collections WHERE id = $1", number)
    assert average == pytest.approx(sum(len(text.split()) for text in texts) / len(texts))
    query = " ".join(random.Random(2).sample(WORDS, 6))
    expected = {key: score for key, score in zip(ids, bm25(texts, query, average), strict=True) if score > 0}
    found = await store.lexical(query, await scope_of(database, number), 300)
    assert found.terms == 6
    assert found.scores == pytest.approx(expected, rel=1e-4)
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)


async def test_indexing_again_changes_nothing(database: Pool, collection: str) -> None:
    """A second call finds nothing left to do."""
    number = await make_collection(database, collection)
    document_id, _ = await add_document(database, number, make_texts(5, 3))
    before = await image(database, number)
    async with database.acquire() as connection, connection.transaction():
        assert await index_passages(connection, number, document_id) == 0
    assert await image(database, number) == before


async def test_removal_leaves_no_trace(database: Pool, collection: str) -> None:
    """Removing a document brings back the index as it was before it; the last one leaves nothing at all."""
    number = await make_collection(database, collection)
    first, _ = await add_document(database, number, [*make_texts(5, 4), "the and of"])
    before = await image(database, number)
    second, ids = await add_document(database, number, make_texts(7, 5))
    assert await image(database, number) != before
    assert await remove(database, number, second) == 7
    assert await image(database, number) == before
    assert not await database.fetchval("SELECT count(*) FROM postings WHERE passage_id = ANY ($1)", ids)
    assert await remove(database, number, second) == 0
    await remove(database, number, first)
    assert await image(database, number) == ((0, 0, 0.0, 0), [])


async def test_second_collection_changes_no_score_in_the_first(database: Pool, store: Store, collection: str) -> None:
    """Statistics are each collection's own; a search over both adds them up."""
    first, second = await make_collection(database, collection), await make_collection(database, collection + "-2")
    texts, others = make_texts(60, 6), make_texts(80, 7)
    _, ids = await add_document(database, first, texts)
    query = " ".join(WORDS[:20:5])
    alone = await store.lexical(query, await scope_of(database, first), 100)
    _, other_ids = await add_document(database, second, others)
    assert (await store.lexical(query, await scope_of(database, first), 100)).scores == alone.scores
    both = await store.lexical(query, await scope_of(database, first, second), 200)
    averages = await database.fetch(
        "SELECT average_length FROM collections WHERE id IN ($1, $2) ORDER BY id", first, second
    )
    together = [
        *bm25(texts + others, query, averages[0][0])[: len(texts)],
        *bm25(texts + others, query, averages[1][0])[len(texts) :],
    ]
    expected = {key: score for key, score in zip(ids + other_ids, together, strict=True) if score > 0}
    assert both.scores == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("exact", [True, False])
async def test_filters_eat_no_results(database: Pool, store: Store, collection: str, exact: bool) -> None:
    """Whichever way a filtered search goes, it finds what the exact sum over the filtered passages finds."""
    number = await make_collection(database, collection)
    texts = make_texts(6000, 8)
    ids: list[int] = []
    for bucket in range(20):
        _, some = await add_document(
            database, number, texts[bucket * 300 : bucket * 300 + 300], metadata={"bucket": bucket}
        )
        ids += some
    average = await database.fetchval("SELECT average_length FROM collections WHERE id = $1", number)
    filters = SearchFilters(metadata={"bucket": 7})
    claimed = 300 if exact else store_module.EXACT_PASSAGES + 1
    scope = await scope_of(database, number, filters=filters, passages=claimed)
    hits = 0
    for seed in range(10):
        query = " ".join(random.Random(seed).sample(WORDS[:150], 5))
        everything = dict(zip(ids, bm25(texts, query, average), strict=True))
        best = sorted(ids[2100:2400], key=lambda key: -everything[key])[:10]
        found = await store.lexical(query, scope, 100)
        assert set(found.scores) <= set(ids[2100:2400])
        assert found.scores == pytest.approx({key: everything[key] for key in found.scores}, rel=1e-4)
        hits += len(set(best) & set(list(found.scores)[:10]))
    assert hits >= (100 if exact else 97)


async def test_rewrite_follows_the_average(database: Pool, store: Store, collection: str) -> None:
    """Once the average has drifted, a rewrite, killed half way, ends with impacts as if indexed with the new one."""
    number = await make_collection(database, collection)
    short, long = ["karkus lumpen"] * 3, make_texts(60, 9)
    _, first = await add_document(database, number, short)
    _, second = await add_document(database, number, long)
    assert await rewrites_due(database, [number]) == [number]
    async with asyncio.timeout(30):
        task = asyncio.create_task(rewrite_impacts(database, number, batch=10))
        half_way = "SELECT coalesce(rewrite_position, 0) > 0 FROM collections WHERE id = $1"
        while not await database.fetchval(half_way, number):  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        _, third = await add_document(database, number, make_texts(10, 10))
        await rewrite_impacts(database, number, batch=10)
    assert await rewrites_due(database, [number]) == []
    row = await database.fetchrow(
        "SELECT c.average_length, c.rewrite_position, max(abs(p.impact - bm25_impact(p.frequency, a.lexical_length,"
        " c.average_length))) AS error, count(*) FROM collections AS c JOIN passages AS a ON a.collection_id = c.id"
        " JOIN postings AS p ON p.passage_id = a.id WHERE c.id = $1 GROUP BY c.id",
        number,
    )
    assert row is not None
    assert row["rewrite_position"] is None
    assert row["error"] < 1e-5
    texts = [*short, *long, *make_texts(10, 10)]
    true_average = sum(len(text.split()) for text in texts) / len(texts)
    assert row["average_length"] == pytest.approx(true_average, rel=0.02)
    assert first < second < third


async def test_streaming_documents_cause_few_rewrites(database: Pool, collection: str) -> None:
    """While documents are under way, a rewrite waits until the collection has doubled; the last one settles it."""
    number = await make_collection(database, collection)
    waiting, _ = await add_document(database, number, ["still on its way"], index=False, state="queued")
    rewrites = 0
    for seed, text in enumerate(make_texts(64, 11)):
        await add_document(database, number, [text + " karkus" * (seed % 7)])
        if await rewrites_due(database, [number]):
            await rewrite_impacts(database, number)
            rewrites += 1
    assert rewrites <= 6
    await database.execute("UPDATE documents SET state = 'indexed' WHERE id = $1", waiting)
    await rewrite_impacts(database, number)
    row = await database.fetchrow(
        "SELECT total_length::float8 / passages AS true, average_length FROM collections WHERE id = $1", number
    )
    assert row is not None
    assert row["average_length"] == pytest.approx(row["true"], rel=0.02)


async def test_concurrent_documents_add_up(database: Pool, collection: str) -> None:
    """Documents that share their words are indexed and removed at once without deadlock, and nothing is lost."""
    number = await make_collection(database, collection)
    doomed = [(await add_document(database, number, make_texts(4, seed)))[0] for seed in range(6)]
    random.Random(1).shuffle(doomed)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for seed in range(12):
            group.create_task(add_document(database, number, make_texts(4, 100 + seed)[:: 1 if seed % 2 else -1]))
        for document_id in doomed:
            group.create_task(remove(database, number, document_id))
    statistics, terms = await image(database, number)
    texts = [text for seed in range(12) for text in make_texts(4, 100 + seed)]
    assert statistics[0] == 48
    assert statistics[1] == sum(len(text.split()) for text in texts)
    frequencies = Counter(word for text in texts for word in set(text.split()))
    assert {row[0]: row[1] for row in terms} == dict(frequencies)
    assert all(row[1] == row[2] for row in terms)


async def test_prepared_plan_reads_by_index(database: Pool, collection: str) -> None:
    """After the sixth execution one plan serves all searches, and it scans neither postings nor terms whole."""
    from shared.database import load_sql

    number = await make_collection(database, collection)
    await add_document(database, number, make_texts(500, 12))
    query = load_sql(store_module.__file__, "lexical_ranked")
    async with database.acquire() as connection:
        statement = await connection.prepare(query)
        for _ in range(8):
            await statement.fetch(" ".join(WORDS[:5]), [number], 300, 150, 100)
        row = await connection.fetchrow(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = $1", statement.get_name()
        )
        assert row is not None
        assert row["generic_plans"] >= 3
        await connection.execute("ANALYZE postings, terms")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE searching (text, integer[], integer, integer, integer) AS {query}")
        lines = await connection.fetch(f"EXPLAIN EXECUTE searching ('{WORDS[0]}', '{{{number}}}', 300, 150, 100)")
        await connection.execute("DEALLOCATE searching")
        await connection.execute("RESET plan_cache_mode")
    plan = "\n".join(line[0] for line in lines)
    assert not re.search(r"Seq Scan on (postings|terms|passages)", plan), plan


async def test_query_of_stop_words(database: Pool, store: Store, collection: str) -> None:
    """A query without a word to look up finds nothing and says so by `terms`."""
    number = await make_collection(database, collection)
    await add_document(database, number, ["to be or not to be", "something else"])
    found = await store.lexical("to be or not to be", await scope_of(database, number), 10)
    assert (found.terms, found.scores) == (0, {})


async def test_long_query_is_bounded(database: Pool, store: Store, collection: str) -> None:
    """4000 characters of common words are answered well within the leg's time."""
    number = await make_collection(database, collection)
    await add_document(database, number, make_texts(3000, 13))
    query = " ".join(WORDS * 4)[:4000]
    scope = await scope_of(database, number)
    await store.lexical(query, scope, 100)
    started = asyncio.get_running_loop().time()
    found = await store.lexical(query, scope, 100)
    assert len(found.scores) == 100
    assert asyncio.get_running_loop().time() - started < 1
