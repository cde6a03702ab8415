"""Vectors of one model for passages that have none, and what follows when a document has all of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import SOURCE_INDEXED
from shared.database import load_sql
from shared.logs import get_log
from shared.models import Model, ModelMismatch, check_model, models_in_use
from shared.resources import Resources
from shared.serving import serving_model
from shared.versions import replace_document, retire_document

if TYPE_CHECKING:
    from shared.database import Connection

log = get_log("embed")


@dataclass(frozen=True, slots=True)
class Made:
    """Vectors of `passages` by `model`, in the same order."""

    model: Model
    passages: list[int]
    vectors: list[bytes]


async def wanted_models(held: Resources) -> list[Model]:
    """Return the models whose vectors new passages get: the active one first, then those with a server besides it.

    Raises
    ------
    ModelMismatch
        When the model server does not serve what EMBEDDER_MODEL says.
    """
    pool = await held.pool()
    models = await models_in_use(pool)
    if not models or not models[0].active:
        await serving_model(held)  # the first one ever answers searches
        models = await models_in_use(pool)
    elif models[0].name == held.settings.embedder_model:
        await serving_model(held)
    return [model for model in models if model.active or held.embedder(model.name) is not None]


async def embed_rows(held: Resources, model: Model, rows: Sequence[Any]) -> Made:
    """Embed the passages in `rows` (id, heading, text).

    Raises: ModelMismatch, InferenceUnavailable, InferenceRefused.
    """
    if not rows:
        return Made(model, [], [])
    server = held.embedder(model.name)
    if server is None:
        raise ModelMismatch(f"No model server is known for {model.name}.")
    info = await server.model("embedder")
    check_model(model, info.model_name, info.dimension)
    vectors = await server.embed_passages([f"{row['heading']}\n{row['text']}".strip() for row in rows])
    return Made(model, [row["id"] for row in rows], vectors)


async def add_vectors(connection: "Connection", made: Made) -> None:
    """Store vectors of passages that still exist, in the caller's transaction."""
    await connection.execute(load_sql(__file__, "add_embeddings"), made.model.id, made.passages, made.vectors)


async def finish_if_complete(
    connection: "Connection", document_id: uuid.UUID, row: Any, active: Model
) -> str | None:
    """Finish the document (`row`: its lock_document) when it has every vector of the active model.

    Returns the object key of the version that was replaced, if one was.
    """
    embedded = await connection.fetchval(load_sql(__file__, "count_embedded"), document_id, active.id)
    # Failed: the delivery of some passages was given up, and yet all of them have come.
    if embedded < row["passages_total"] or row["state"] not in {"embedding", "failed"}:
        return None
    return await finish(connection, document_id, row)


async def finish(connection: "Connection", document_id: uuid.UUID, row: Any) -> str | None:
    """Mark a document indexed, after switching from the version before it, and announce it."""
    if row["outdated"]:  # a newer version was quicker: this one must not come back
        return await retire_document(connection, row["collection_id"], document_id)
    replaced = None
    if row["current_document"] != document_id:
        replaced = await replace_document(connection, row["collection_id"], row["current_document"], document_id)
    await connection.execute(load_sql(__file__, "finish_document"), document_id, row["collection_id"])
    data = {
        "source_id": str(row["source_id"]),
        "document_id": str(document_id),
        "collection": row["collection"],
        "passages": row["passages_total"],
    }
    key = str(row["source_id"])
    event = CloudEvent.new(
        type=SOURCE_INDEXED,
        source="/research-kb/embed",
        data=data,
        partitionkey=key,
        subject=key,
    )
    await enqueue(connection, [event])
    log.info("source_indexed", source_id=key, passages=row["passages_total"])
    return replaced
