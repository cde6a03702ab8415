"""One passages.extracted event: vectors for the passages that have none; after the last, the source is indexed."""

import uuid
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.processed import claim
from events.receiver import Outcome
from functions.embed.backfill import request
from functions.embed.vectors import Made, add_vectors, embed_rows, finish_if_complete, wanted_models
from shared.database import load_sql
from shared.logs import get_log
from shared.models import hold_models_in_use
from shared.problems import Problem
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

log = get_log("embed")


async def handle_extracted(event: CloudEvent, held: Resources) -> Outcome:
    """Embed the passages that the event names; those that have vectors, or are gone, are left alone."""
    document_id = uuid.UUID((event.data or {})["document_id"])
    made = await _embed(event, held)
    pool = await held.pool()
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        # The document's state decides what is done, not the claim: see extract.
        new = await claim(connection, "embed", event)
        old_object = await _store(connection, document_id, made, event, held)
    if old_object:
        await held.objects.delete(old_object)
    return "done" if new else "duplicate"


async def _embed(event: CloudEvent, held: Resources) -> list[Made]:
    """Return vectors of the active model, and of those kept current beside it where their servers answer."""
    data: dict[str, Any] = event.data or {}
    pool = await held.pool()
    made: list[Made] = []
    for model in await wanted_models(held):
        rows = await pool.fetch(
            load_sql(__file__, "passages_without_vectors"),
            uuid.UUID(data["document_id"]),
            data["first_ordinal"],
            data["last_ordinal"],
            model.id,
        )
        try:
            made.append(await embed_rows(held, model, rows))
        except Problem as exc:
            if model.active:
                raise
            # New documents do not wait for a model that answers no searches: its vectors are asked for below.
            log.warning("model_left_behind", model=model.name, detail=str(exc))
    return made


async def _store(
    connection: "Connection", document_id: uuid.UUID, made: list[Made], event: CloudEvent, held: Resources
) -> str | None:
    """Store vectors in the caller's transaction and finish the document when they were the last.

    The models are read again: one that came since, or whose server was away, gets an event of its own; one that went
    gets nothing. Returns the object key of the version that was replaced, if one was.
    """
    row = await connection.fetchrow(load_sql(__file__, "lock_document"), document_id)
    if row is None:
        return None
    models = await hold_models_in_use(connection)
    for each in made:
        if each.model.id in {model.id for model in models}:
            await add_vectors(connection, each)
    done = {each.model.id for each in made}
    late = [model for model in models if model.id not in done and held.embedder(model.name) is not None]
    if late:
        data: dict[str, Any] = event.data or {}
        ids: Any = await connection.fetchrow(
            load_sql(__file__, "passage_range"), document_id, data["first_ordinal"], data["last_ordinal"]
        )
        key = str(row["source_id"])
        lanes = [request(model.name, ids["first"], ids["last"], key) for model in late]
        await enqueue(connection, lanes if ids["first"] is not None else [])
    active = next(model for model in models if model.active)
    return await finish_if_complete(connection, document_id, row, active)
