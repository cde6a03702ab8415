"""One passages.extracted event: vectors for the passages that have none; after the last, the source is indexed."""

import uuid
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.processed import claim
from events.receiver import Outcome
from events.topics import SOURCE_INDEXED
from shared.database import load_sql
from shared.logs import get_log
from shared.resources import Resources
from shared.serving import serving_model
from shared.versions import replace_document, retire_document

if TYPE_CHECKING:
    from shared.database import Connection

log = get_log("embed")


async def handle_extracted(event: CloudEvent, held: Resources) -> Outcome:
    """Embed the passages that the event names; those that have vectors, or are gone, are left alone."""
    data: dict[str, Any] = event.data or {}
    document_id = uuid.UUID(data["document_id"])
    pool = await held.pool()
    model = await serving_model(held)
    rows = await pool.fetch(
        load_sql(__file__, "passages_without_vectors"),
        document_id,
        data["first_ordinal"],
        data["last_ordinal"],
        model.id,
    )
    vectors = await held.inference.embed_passages([f"{row['heading']}\n{row['text']}".strip() for row in rows])
    old_object = None
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        # The document's state decides what is done, not the claim: see extract.
        new = await claim(connection, "embed", event)
        passages = [row["id"] for row in rows]
        old_object = await store_vectors(connection, document_id, model.id, passages, vectors)
    if old_object:
        await held.objects.delete(old_object)
    return "done" if new else "duplicate"


async def store_vectors(
    connection: "Connection",
    document_id: uuid.UUID,
    model_id: int,
    passages: list[int],
    vectors: list[bytes],
) -> str | None:
    """Store vectors in the caller's transaction and finish the document when they were the last.

    Returns the object key of the version that was replaced, if one was.
    """
    row = await connection.fetchrow(load_sql(__file__, "lock_document"), document_id)
    if row is None:
        return None
    await connection.execute(load_sql(__file__, "add_embeddings"), model_id, passages, vectors)
    embedded = await connection.fetchval(load_sql(__file__, "count_embedded"), document_id, model_id)
    # Failed: the delivery of some passages was given up, and yet all of them have come.
    if embedded < row["passages_total"] or row["state"] not in {"embedding", "failed"}:
        return None
    return await finish(connection, document_id, row)


async def finish(connection: "Connection", document_id: uuid.UUID, row: Any) -> str | None:
    """Mark a document indexed, after switching from the version before it, and announce it."""
    if row["outdated"]:  # a newer version was quicker: this one must not come back
        return await retire_document(connection, row["collection_id"], document_id)
    replaced = None
    if row["current_document"] != document_id:
        replaced = await replace_document(connection, row["collection_id"], row["current_document"], document_id)
    await connection.execute(load_sql(__file__, "finish_document"), document_id, row["collection_id"])
    data = {
        "source_id": str(row["source_id"]),
        "document_id": str(document_id),
        "collection": row["collection"],
        "passages": row["passages_total"],
    }
    key = str(row["source_id"])
    event = CloudEvent.new(
        type=SOURCE_INDEXED,
        source="/research-kb/embed",
        data=data,
        partitionkey=key,
        subject=key,
    )
    await enqueue(connection, [event])
    log.info("source_indexed", source_id=key, passages=row["passages_total"])
    return replaced
