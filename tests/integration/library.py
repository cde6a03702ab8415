"""Sources put into the database directly, as ingestion leaves them: for tests of what reads and deletes them."""

import uuid
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from shared.documents import Bibliography, Submission, register
from shared.lexical import index_passages
from shared.models import register_model
from shared.versions import adopt_document

Pool: TypeAlias = "asyncpg.Pool[Any]"
MODEL, DIMENSION = "all-MiniLM-L6-v2", 384
ONES = b"\x00\x00\x80\x3f" * DIMENSION


@dataclass(frozen=True)
class Kept:
    """A source in the database."""

    id: uuid.UUID
    document_id: uuid.UUID
    object_key: str


async def keep_source(
    database: Pool,
    collection: str,
    texts: list[str] | None = None,
    *,
    submitted_by: uuid.UUID | None = None,
    **said: Any,
) -> Kept:
    """Store a source with one passage a text, indexed and embedded; announce nothing."""
    texts = texts or ["Weak instruments bias estimates."]
    bibliography = Bibliography(collection=collection, **{"external_id": uuid.uuid4().hex, **said})
    submission = Submission("\n".join(texts).encode(), "text/plain", bibliography, submitted_by=submitted_by)
    async with database.acquire() as connection, connection.transaction():
        model = await register_model(connection, MODEL, DIMENSION)
        await register(connection, [submission], announce=False)
        rows = [(submission.document_id, submission.source_id, number, text) for number, text in enumerate(texts)]
        await connection.executemany(
            "INSERT INTO passages (document_id, source_id, collection_id, ordinal, text, section, "
            "page_start, page_end, char_start, char_end, tokens, live) "
            "SELECT $1, $2, collection_id, $3, $4, '{Methods}', $3 + 1, $3 + 1, 0, length($4), 5, true "
            "FROM sources WHERE id = $2",
            rows,
        )
        await connection.execute(
            "INSERT INTO embeddings (passage_id, model_id, collection_id, source_id, live, embedding) "
            "SELECT id, $2, collection_id, source_id, true, $3 FROM passages WHERE document_id = $1",
            submission.document_id,
            model,
            ONES,
        )
        await connection.execute(
            "UPDATE documents SET state = 'indexed', passages_total = $2, passages_embedded = $2 WHERE id = $1",
            submission.document_id,
            len(texts),
        )
        await connection.execute("UPDATE sources SET passages = $2 WHERE id = $1", submission.source_id, len(texts))
        await adopt_document(connection, submission.document_id)
        number = await connection.fetchval("SELECT collection_id FROM sources WHERE id = $1", submission.source_id)
        await index_passages(connection, number, submission.document_id)
    return Kept(submission.source_id, submission.document_id, submission.object_key)


async def traces(database: Pool, *needles: str) -> dict[str, int]:
    """Return for each table how many of its rows contain one of `needles` anywhere; tables without are left out."""
    tables = await database.fetch(
        "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    found: dict[str, int] = {}
    for table in tables:
        condition = " OR ".join(f"strpos(t::text, ${n}) > 0" for n in range(1, len(needles) + 1))
        count = await database.fetchval(f"SELECT count(*) FROM {table['name']} AS t WHERE {condition}", *needles)
        if count:
            found[table["name"]] = count
    return found
