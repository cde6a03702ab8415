"""The outbox's rows as those see them that publish them: read, marked, erased, or buried where no topic takes them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent, MalformedEvent
from events.topics import ERASED_TYPES, MAX_EVENT_BYTES
from shared.database import load_sql
from shared.logs import get_log

if TYPE_CHECKING:
    from shared.database import Connection

log = get_log("outbox")


@dataclass(frozen=True, slots=True)
class Row:
    """An outbox row ready to be published; `event` is None where the row holds no event that Kafka could take."""

    id: int
    topic: str
    partition_key: str
    text: str
    event: CloudEvent | None
    error: str = ""

    @classmethod
    def read(cls, record: Any) -> "Row":
        """Read a row with the columns of unpublished.sql."""
        text: str = record["event"]
        event, error = None, ""
        try:
            event = CloudEvent.from_json(json.loads(text))
        except MalformedEvent as exc:
            error = str(exc)
        if len(text.encode()) > MAX_EVENT_BYTES:
            event, error = None, f"{len(text.encode())} bytes; an event has at most {MAX_EVENT_BYTES}"
        return cls(record["id"], record["topic"], record["partition_key"], text, event, error)


async def mark_published(connection: "Connection", rows: Sequence[Row]) -> None:
    """Note that Kafka has these events; those that must leave no trace go."""
    erased = [row.id for row in rows if row.event is not None and row.event.type in ERASED_TYPES]
    kept = [row.id for row in rows if row.event is not None and row.event.type not in ERASED_TYPES]
    if kept:
        await connection.execute(load_sql(__file__, "mark_published"), kept)
    if erased:
        await connection.execute(load_sql(__file__, "erase_published"), erased)


async def bury(connection: "Connection", rows: Sequence[Row]) -> None:
    """Turn rows that can never be published into dead letters, so that they hold up nothing."""
    from events.dead_letters import store
    from events.malformed import wrap_malformed

    for row in rows:
        log.error("outbox_row_unpublishable", outbox_id=row.id, topic=row.topic, error=row.error)
        event = wrap_malformed([], row.text.encode(), row.error, row.partition_key)
        await store(connection, event, row.topic, f"not publishable: {row.error}", 0)
    if rows:
        await connection.execute(load_sql(__file__, "mark_published"), [row.id for row in rows])
