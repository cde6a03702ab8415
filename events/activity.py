"""What was served becomes events: notes taken from the table activity and put into the outbox, in one transaction.

A note is in exactly one event, however many processes gather and wherever one of them is killed.
"""

import uuid
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import SEARCH_PERFORMED
from shared.database import load_sql

if TYPE_CHECKING:
    from shared.database import Connection

NOTES = 1000
"""Of one event: some 300 bytes each, well below an event's limit."""

SOURCE = "/research-kb/activity"


async def gather_activity(connection: "Connection") -> int:
    """Turn the notes that wait into events and return how many notes that were.

    The bridge does so every second; where there is none, the sweep does, and whatever publishes the outbox after it.
    """
    total = 0
    while True:
        async with connection.transaction():
            rows = await connection.fetch(load_sql(__file__, "take_activity"), NOTES)
            if rows:
                await enqueue(connection, [performed(rows)])
        total += len(rows)
        if len(rows) < NOTES:
            return total


def performed(rows: list[Any]) -> CloudEvent:
    """Return the event of `rows`, columns kind and note (JSON text). A key of its own: these events have no order."""
    import orjson

    data: dict[str, list[Any]] = {}
    for row in rows:
        data.setdefault(row["kind"], []).append(orjson.loads(row["note"]))
    return CloudEvent.new(type=SEARCH_PERFORMED, source=SOURCE, data=data, partitionkey=str(uuid.uuid4()))
