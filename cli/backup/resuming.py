"""What was accepted and not finished when a backup was made goes on after it is restored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cli.backup.place import Place
from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import DOCUMENT_SUBMITTED, PASSAGES_EXTRACTED
from shared.database import batches, load_sql

if TYPE_CHECKING:
    import asyncpg

SOURCE = "/research-kb/restore"
PASSAGES_PER_EVENT = 32
"""As extract announces them by default; those that have vectors are passed over by embed."""

EVENTS_PER_STATEMENT = 500


async def resume_documents(connection: "asyncpg.Connection[Any]") -> int:
    """Announce every unsettled document anew and let unfinished events be published again; return how many documents.

    Handlers look at the state of what they are told of: an event too many changes nothing.
    """
    async with connection.transaction():
        await connection.execute(load_sql(__file__, "publish_again"))
        rows = await connection.fetch(load_sql(__file__, "unsettled"))
        events = [event for row in rows for event in _events_of(row)]
        for batch in batches(events, EVENTS_PER_STATEMENT):
            await enqueue(connection, batch)
    return len(rows)


async def resume_place(place: Place) -> int:
    """Do the same in the database of `place`."""
    connection = await place.connect()
    try:
        return await resume_documents(connection)
    finally:
        await connection.close()


def _events_of(row: Any) -> Iterator[CloudEvent]:
    key, document = str(row["source_id"]), {"document_id": str(row["id"]), "source_id": str(row["source_id"])}
    if row["state"] != "embedding":
        yield CloudEvent.new(
            type=DOCUMENT_SUBMITTED, source=SOURCE, data=document, partitionkey=key, subject=key
        )  # fmt: skip
        return
    total = row["passages_total"]
    for first in range(0, total, PASSAGES_PER_EVENT):
        ordinals = {"first_ordinal": first, "last_ordinal": min(first + PASSAGES_PER_EVENT, total) - 1}
        yield CloudEvent.new(
            type=PASSAGES_EXTRACTED, source=SOURCE, data=document | ordinals, partitionkey=key, subject=key
        )
