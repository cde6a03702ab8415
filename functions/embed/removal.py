"""model.removed: the vectors of a model that answers no searches go, some with each event; its index goes first."""

from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.processed import claim
from events.receiver import Outcome
from events.topics import MODEL_REMOVED
from functions.embed.model_index import LOCK_TIMEOUT_MS
from shared.database import load_sql
from shared.logs import get_log
from shared.models import Model, sql_for
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

VECTORS_AN_EVENT = 5000
"""Some 50 ms of work without the index, as a sweep's batch."""

log = get_log("embed")


async def handle_removed(event: CloudEvent, held: Resources) -> Outcome:
    """Delete the next vectors; a model that is wanted again keeps what is left."""
    data: dict[str, Any] = event.data or {}
    pool = await held.pool()
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection:
        if data["after_passage"] == 0:
            await _drop_index(connection, data["model"])
        async with connection.transaction():
            if not await claim(connection, "embed", event):
                return "duplicate"
            model = await _removed_model(connection, data["model"])
            if model is not None:
                await _delete_some(connection, model, data["after_passage"], event)
    return "done"


async def _removed_model(connection: "Connection", name: str) -> Model | None:
    """Return the model with its row locked, or None where it is not being removed."""
    row = await connection.fetchrow(load_sql(__file__, "removed_model"), name)
    return Model(**row) if row else None


async def _drop_index(connection: "Connection", name: str) -> None:
    async with connection.transaction():
        model = await _removed_model(connection, name)
        if model is not None:
            await connection.execute(load_sql(__file__, "limit_lock_wait"), str(LOCK_TIMEOUT_MS))
            await connection.execute(sql_for(load_sql(__file__, "drop_index"), model))


async def _delete_some(connection: "Connection", model: Model, after: int, event: CloudEvent) -> None:
    row: Any = await connection.fetchrow(load_sql(__file__, "delete_vectors"), model.id, after, VECTORS_AN_EVENT)
    if row["deleted"] < VECTORS_AN_EVENT:
        log.info("model_vectors_deleted", model=model.name)
        return
    rest = CloudEvent.new(
        type=MODEL_REMOVED,
        source="/research-kb/embed",
        data={"model": model.name, "after_passage": row["last"]},
        partitionkey=event.partitionkey or model.name,
        subject=model.name,
    )
    await enqueue(connection, [rest])
