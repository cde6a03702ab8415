"""Each event's effect happens once: a row per handler and event, written in the transaction of the effect."""

from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from shared.database import load_sql

if TYPE_CHECKING:
    import asyncpg


async def claim(
    connection: "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]", handler: str, event: CloudEvent
) -> bool:
    """Claim `event` for `handler` in the caller's transaction; False when it was done before.

    Two deliveries at once: the second waits here until the first commits (then False) or rolls back (then True).
    """
    return await connection.fetchval(load_sql(__file__, "claim_event"), handler, event.source, event.id) is not None


async def is_processed(
    connection: "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Pool[Any]",
    handler: str,
    event: CloudEvent,
) -> bool:
    """Tell whether the event was done before: a cheap look before long work; only `claim` decides."""
    return bool(await connection.fetchval(load_sql(__file__, "event_processed"), handler, event.source, event.id))
