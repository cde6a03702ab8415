"""The lexical index: BM25 postings in plain tables, kept current inside the caller's transaction.

Term weights are stored with the collection's frozen average length; idf joins at query time. Every writer of a
collection holds its row first (`lexical_lock`), so do both calls last in a transaction, and keep it short.
"""

import uuid
from typing import TYPE_CHECKING, Any

from shared.database import load_sql

if TYPE_CHECKING:
    import asyncpg

    from shared.database import Connection

DRIFT_TOLERANCE = 0.02
"""Share by which the average length may be off: scores then move by less than half a percent."""

REWRITE_BATCH = 200
"""Passages a transaction: some 16 000 postings, so that ingestion waits a fraction of a second at most."""


async def index_passages(connection: "Connection", collection_id: int, document_id: uuid.UUID) -> int:
    """Make the document's passages searchable and return their number; again, it changes nothing.

    They were inserted without `lexical_length`. Heading and text are indexed together; passages and the vectors that
    are there already turn live.
    """
    await connection.execute(load_sql(__file__, "lexical_lock"), collection_id)
    indexed: int = await connection.fetchval(load_sql(__file__, "lexical_index"), collection_id, document_id)
    return indexed


async def remove_document(connection: "Connection", collection_id: int, document_id: uuid.UUID) -> int:
    """Delete the document's passages with postings, vectors and counts and return their number.

    The exact inverse of inserting and indexing them: terms that no passage holds any more vanish. The rows of the
    document and its source are the caller's.
    """
    await connection.execute(load_sql(__file__, "lexical_lock"), collection_id)
    removed: int = await connection.fetchval(load_sql(__file__, "lexical_remove"), collection_id, document_id)
    return removed


async def rewrites_due(pool: "asyncpg.Pool[Any]", collections: list[int] | None = None) -> list[int]:
    """Return the ids of the collections (of those given, or of all) whose impacts should be rewritten now."""
    rows = await pool.fetch(load_sql(__file__, "lexical_rewrites_due"), DRIFT_TOLERANCE, collections)
    return [row["id"] for row in rows]


async def rewrite_impacts(pool: "asyncpg.Pool[Any]", collection_id: int, batch: int = REWRITE_BATCH) -> int:
    """Move a collection to its present average length, `batch` passages a transaction; return how many.

    Killed half way, the next call goes on where this one stopped. Nothing happens unless `rewrites_due` names it.
    """
    if not await rewrites_due(pool, [collection_id]):
        return 0
    await _locked(pool, collection_id, "lexical_begin_rewrite", DRIFT_TOLERANCE)
    total = 0
    while count := await _locked(pool, collection_id, "lexical_rewrite", batch):
        total += count
    return total


async def _locked(pool: "asyncpg.Pool[Any]", collection_id: int, name: str, *arguments: Any) -> int:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(load_sql(__file__, "lexical_lock"), collection_id)
        value: int | None = await connection.fetchval(load_sql(__file__, name), collection_id, *arguments)
        return value or 0
