"""embeddings.requested: vectors of one model for stored passages that have none, some with each event.

An event does a few passages of its range and asks for the rest with the next event, in the transaction that stores
their vectors: a crash loses nothing, and however large the library, one event a lane is under way.
"""

import uuid
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.processed import claim, is_processed
from events.receiver import Outcome
from events.topics import EMBEDDINGS_REQUESTED
from functions.embed.model_index import ensure_index
from functions.embed.vectors import add_vectors, embed_rows, finish_if_complete
from shared.database import load_sql
from shared.models import Model, hold_models_in_use, models_in_use
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

PASSAGES_AN_EVENT = 32
"""As many as extract announces at a time: some two seconds of work on a core."""


def request(model: str, first: int, last: int, key: str) -> CloudEvent:
    """Return the event that asks for vectors of a model for the passages with ids from `first` to `last`."""
    data = {"model": model, "first_passage": first, "last_passage": last}
    return CloudEvent.new(
        type=EMBEDDINGS_REQUESTED,
        source="/research-kb/embed",
        data=data,
        partitionkey=key,
        subject=model,
    )


async def handle_requested(event: CloudEvent, held: Resources) -> Outcome:
    """Embed the next passages of the range; a model that is no longer wanted ends it."""
    data: dict[str, Any] = event.data or {}
    pool = await held.pool()
    models = {model.name: model for model in await models_in_use(pool)}
    model = models.get(data["model"])
    if model is None:
        return "done"
    if await is_processed(pool, "embed", event):
        return "duplicate"
    await ensure_index(held, model)
    rows = await pool.fetch(
        load_sql(__file__, "range_without_vectors"),
        data["first_passage"],
        data["last_passage"],
        model.id,
        PASSAGES_AN_EVENT,
    )
    made = await embed_rows(held, model, rows)
    old_objects: list[str] = []
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        if not await claim(connection, "embed", event):
            return "duplicate"
        # A version switched at this moment would leave vectors behind that no search sees.
        await connection.execute(load_sql(__file__, "lock_sources_of"), made.passages)
        wanted = await hold_models_in_use(connection)
        if model.id not in {each.id for each in wanted}:
            return "done"
        await add_vectors(connection, made)
        old_objects = await _finish_waiting(connection, made.passages, wanted)
        if len(rows) == PASSAGES_AN_EVENT and rows[-1]["id"] < data["last_passage"]:
            key = event.partitionkey or model.name
            rest = request(model.name, rows[-1]["id"] + 1, data["last_passage"], key)
            await enqueue(connection, [rest])
    for key in old_objects:
        await held.objects.delete(key)
    return "done"


async def _finish_waiting(connection: "Connection", passages: list[int], models: list[Model]) -> list[str]:
    """Finish documents that waited for these vectors: those that came while the active model's server was not known."""
    active = next(model for model in models if model.active)
    replaced: list[str] = []
    for waiting in await connection.fetch(load_sql(__file__, "documents_waiting"), passages):
        document_id: uuid.UUID = waiting["id"]
        row = await connection.fetchrow(load_sql(__file__, "lock_document"), document_id)
        old = await finish_if_complete(connection, document_id, row, active) if row else None
        if old:
            replaced.append(old)
    return replaced
