"""Publishing: events go into the table outbox in the transaction of the change they tell of.

The bridge relays them to Kafka afterwards, so a change and its event exist together or not at all. A source's events
keep their order when the transactions that publish them hold a lock on the source: ids then follow commits.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.topics import TOPIC_OF_TYPE
from shared.database import load_sql

if TYPE_CHECKING:
    import asyncpg

CHANNEL = "outbox"
"""What LISTEN listens on."""


async def enqueue(
    connection: "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]", events: Sequence[CloudEvent]
) -> None:
    """Publish `events` when the caller's transaction commits, in this order.

    Raises
    ------
    ValueError
        When an event has no partition key, or a type that belongs to no topic.
    """
    if not events:
        return
    topics = [topic_of(event) for event in events]
    keys = [_key_of(event) for event in events]
    documents = [json.dumps(event.to_json(), ensure_ascii=False, allow_nan=False) for event in events]
    await connection.execute(load_sql(__file__, "enqueue"), topics, keys, documents)


def topic_of(event: CloudEvent) -> str:
    """Return the topic that carries events of this type."""
    try:
        return TOPIC_OF_TYPE[event.type]
    except KeyError:
        raise ValueError(f"no topic carries events of type {event.type!r}") from None


def _key_of(event: CloudEvent) -> str:
    if not event.partitionkey:
        raise ValueError(f"event {event.id} has no partition key; give it the source's id")
    return event.partitionkey
