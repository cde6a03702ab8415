"""Publishing: events go into the table outbox in the transaction of the change they tell of.

The bridge relays them to Kafka afterwards, or the function itself does (events/publisher.py), so a change and its event
exist together or not at all. A source's events keep their order when the transactions that publish them hold a lock on
the source: ids then follow commits.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.topics import TOPIC_OF_TYPE
from shared.database import load_sql
from shared.trace_context import current_traceparent

if TYPE_CHECKING:
    import asyncpg

CHANNEL = "outbox"
"""What LISTEN listens on."""

_keys: ContextVar[set[str] | None] = ContextVar("enqueued_keys", default=None)


@contextmanager
def enqueued_keys() -> Iterator[set[str]]:
    """Gather the partition keys of what is put into the outbox from here on, in this context and those made in it."""
    keys: set[str] = set()
    token = _keys.set(keys)
    try:
        yield keys
    finally:
        _keys.reset(token)


async def enqueue(
    connection: "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]", events: Sequence[CloudEvent]
) -> None:
    """Publish `events` when the caller's transaction commits, in this order, as part of the present trace.

    Raises
    ------
    ValueError
        When an event has no partition key, or a type that belongs to no topic.
    """
    here = current_traceparent()
    if here is not None:
        events = [replace(event, traceparent=here) for event in events]
    await put(connection, [(topic_of(event), _key_of(event), event) for event in events])


async def put(
    connection: "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]",
    addressed: Sequence[tuple[str, str, CloudEvent]],
) -> None:
    """Put (topic, key, event) into the outbox, in order: for replays, which go where the event came from."""
    if not addressed:
        return
    documents = [json.dumps(event.to_json(), ensure_ascii=False, allow_nan=False) for _, _, event in addressed]
    topics, keys = [topic for topic, _, _ in addressed], [key for _, key, _ in addressed]
    await connection.execute(load_sql(__file__, "enqueue"), topics, keys, documents)
    gathered = _keys.get()
    if gathered is not None:
        gathered.update(keys)


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
