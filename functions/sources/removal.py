"""Deleting sources and collections, from every table and from the object store."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import SOURCE_DELETED
from functions.sources.catalogue import unknown_source
from shared.access import Caller
from shared.database import load_sql
from shared.lexical import remove_document
from shared.problems import Problem
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

ATTEMPTS = 3
"""Of a transaction that a concurrent one has made Postgres end: each time the other one has gone on."""

BATCH = 100
"""Sources listed at a time while a collection goes; each is deleted in its own short transaction."""

ROUNDS = 5
"""How often a collection is emptied again when documents keep coming, before the caller is told."""


async def remove_source(resources: Resources, caller: Caller, source_id: UUID) -> None:
    """Delete a source; a Problem 404 or 403 where the caller may not see or delete it.

    Its objects go after the commit. Where the store fails then, an administrator's second DELETE, some minutes later,
    finishes the work.
    """
    keys = await _remove_rows(resources, caller, source_id)
    if keys is None and not (caller.may("admin") and caller.collections is None):
        raise unknown_source(source_id)
    objects = await resources.objects.delete_folder(f"documents/{source_id}/", keys or set())
    if keys is None and not objects:
        raise unknown_source(source_id)


async def remove_collection(resources: Resources, caller: Caller, name: str) -> None:
    """Delete a collection with all its sources; a Problem 404 or 403 where the caller may not see or delete it."""
    pool = await resources.pool()
    row = await pool.fetchrow(load_sql(__file__, "find_collection"), name, caller.key_id)
    if row is None or not caller.may_see(name):
        raise Problem(404, "collection-not-found", "No such collection", name, "GET /sources names each collection.")
    if row["foreign_sources"] and not caller.may("admin"):
        raise _foreign(f"{row['foreign_sources']} of its sources were put in by others.")
    for _ in range(ROUNDS):
        await _empty(resources, caller, row["id"])
        try:
            if await pool.fetchval(load_sql(__file__, "delete_collection"), row["id"]):
                return
        except asyncpg.ForeignKeyViolationError:
            continue  # a source came between the look and the delete
    detail = "Documents keep coming into it while it is being deleted; what was there before is gone."
    raise Problem(409, "collection-in-use", "The collection is in use", detail, "Stop the ingestion, then try again.")


async def _empty(resources: Resources, caller: Caller, collection_id: int) -> None:
    pool = await resources.pool()
    while rows := await pool.fetch(load_sql(__file__, "collection_sources"), collection_id, BATCH):
        for row in rows:
            keys = await _remove_rows(resources, caller, row["id"])
            if keys is not None:
                await resources.objects.delete_folder(f"documents/{row['id']}/", keys)


async def _remove_rows(resources: Resources, caller: Caller, source_id: UUID) -> set[str] | None:
    """Delete the rows of a source and announce it; return its object keys, None for no source that one may see."""
    pool = await resources.pool()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await _remove_in_transaction(connection, caller, source_id)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the loop returns or raises")


async def _remove_in_transaction(connection: "Connection", caller: Caller, source_id: UUID) -> set[str] | None:
    source: Any = await connection.fetchrow(load_sql(__file__, "lock_source"), source_id)
    if source is None or not caller.may_see(source["collection"]):
        return None
    if not caller.may("admin") and source["submitted_by"] != caller.key_id:
        raise _foreign("It was put in with another key.")
    documents = await connection.fetch(load_sql(__file__, "source_documents"), source_id)
    for document in documents:
        await remove_document(connection, source["collection_id"], document["id"])
    await connection.execute(load_sql(__file__, "delete_source"), source_id, str(source_id))
    await enqueue(connection, [_deleted(source_id, source["collection"])])
    return {document["object_key"] for document in documents}


def _deleted(source_id: UUID, collection: str) -> CloudEvent:
    return CloudEvent.new(
        source="/research-kb/sources",
        type=SOURCE_DELETED,
        data={"source_id": str(source_id), "collection": collection},
        partitionkey=str(source_id),
        subject=str(source_id),
    )


def _foreign(detail: str) -> Problem:
    action = "Use an admin key; the scope ingest deletes what its own key has put in."
    return Problem(403, "not-yours", "This key may not delete it", detail, action, required_scopes=["admin"])
