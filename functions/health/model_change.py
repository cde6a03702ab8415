"""Changing the embedding model without an outage: embed beside, switch, go back, remove."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import EMBEDDINGS_REQUESTED, MODEL_REMOVED
from functions.health.embedding_models import EmbeddingModel, EmbeddingModelList
from shared.cursor import decode_cursor, page
from shared.database import load_sql
from shared.models import ModelMismatch, activate, active_model, add_model, find_model
from shared.problems import Problem

if TYPE_CHECKING:
    import asyncpg

    from shared.inference import Inference
    from shared.models import Model
    from shared.resources import Resources

SOURCE = "/research-kb/health"
LANES = 4
"""Chains of events that embed the library: enough to keep a model server busy, few enough to leave searches room."""
LEAST_LANE = 1000
"""Ids a lane: a small library needs no more than one."""
NO_LANE = (0, 0)
"""A library without passages has one event too: it makes the index."""
COUNT_TIMEOUT_S = 20.0
"""Of looking at every vector: gateways give a request up after 29 s or more."""
MISSING_MOST = 1000
"""Missing vectors are counted up to here, as in missing_vectors."""
REST_S = 10
"""From the switch to the removal: a search that began before the switch still reads the old vectors."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The passages of the library, and the vectors of each model by its id."""

    passages: int
    vectors: dict[int, int]


async def list_models(held: "Resources", limit: int, cursor: str | None) -> EmbeddingModelList:
    """Return a page of models, oldest first."""
    (after,) = decode_cursor("models", cursor, int)
    pool = await held.pool()
    rows = await pool.fetch(load_sql(__file__, "list_models"), after, limit + 1, None)
    kept, next_cursor = page("models", rows, limit, "id")
    counts = await _count(pool)
    return EmbeddingModelList(items=[_model(held, row, counts) for row in kept], next_cursor=next_cursor)


async def start_embedding(held: "Resources", name: str) -> EmbeddingModel:
    """Register the model and ask for vectors of every passage that has none; a Problem 409 where nobody serves it."""
    info = await _server(held, name).model("embedder")
    if info.model_name != name:
        raise ModelMismatch(f"The model server of {name} serves {info.model_name}.")
    known = await _row(held, name)
    if known is not None and known["removed"]:
        raise _conflict("model-being-removed", f"The vectors of {name} are being deleted.", "Try again when they are.")
    pool = await held.pool()
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection:
        model = await add_model(connection, name, info.dimension)
        # First, by itself: passages that come from here on get its vectors, and those that came before are counted.
        await connection.execute(load_sql(__file__, "keep_model"), model.id)
        async with connection.transaction():
            bounds: Any = await connection.fetchrow(load_sql(__file__, "passage_bounds"))
            lanes = split(bounds["first"], bounds["last"]) or [NO_LANE]
            await enqueue(connection, [_request(name, number, *lane) for number, lane in enumerate(lanes)])
    return await _told(held, name)


async def activate_model(held: "Resources", name: str, *, force: bool) -> EmbeddingModel:
    """Switch, in one transaction; a Problem 404 or 409 where that would make searches worse and `force` is not set."""
    pool = await held.pool()
    model = await find_model(pool, name)
    if model is None:
        raise _unknown(name)
    if not force:
        info = await _server(held, name).model("query_embedder")
        if info.model_name != name:
            raise ModelMismatch(f"The model server of {name} serves {info.model_name}.")
        if not model.active:
            # Slow in a large library, so before the switch and without its locks: passages that come meanwhile get
            # vectors of both models.
            await _check_complete(held, model)
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        await connection.execute(load_sql(__file__, "lock_models"))
        model = await find_model(connection, name)
        if model is None:
            raise _unknown(name)
        if not model.active:
            await activate(connection, model.id)
    return await _told(held, name)


async def remove_model(held: "Resources", name: str) -> EmbeddingModel:
    """Let a model's vectors be deleted; a Problem 409 while it answers searches, or did a moment ago."""
    pool = await held.pool()
    timeout_s = held.settings.database_acquire_timeout_s
    before = await _row(held, name)
    if before is None:
        raise _unknown(name)
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        outcome: Any = await connection.fetchrow(load_sql(__file__, "remove_model"), name, REST_S)
        if outcome is None:
            raise _unknown(name)
        if outcome["active"]:
            action = "Activate another model first: POST /models/activate."
            raise _conflict("model-in-use", f"The vectors of {name} answer searches.", action)
        if outcome["resting"]:
            detail, action = f"{name} answered searches until a moment ago.", "Try again after the time in Retry-After."
            raise _conflict("model-in-use", detail, action, {"Retry-After": str(REST_S)})
        await enqueue(connection, [_event(MODEL_REMOVED, name, name, {"model": name, "after_passage": 0})])
    left = await _row(held, name)
    return _model(held, left or {**before, "removed": True, "kept": False})


def split(first: int | None, last: int | None) -> list[tuple[int, int]]:
    """Return the ranges of ids, inclusive, that together are `first` to `last`: at most LANES, none of them small."""
    if first is None or last is None:
        return []
    count = max(1, min(LANES, (last - first + 1) // LEAST_LANE))
    starts = [first + (last - first + 1) * number // count for number in range(count)]
    ends = [start - 1 for start in starts[1:]] + [last]
    return list(zip(starts, ends, strict=True))


async def _check_complete(held: "Resources", model: "Model") -> None:
    row: Any = await _row(held, model.name)
    if row is None:
        raise _unknown(model.name)
    if row["index"] != "ready":
        action = "Wait while state is building (GET /models); POST /models/embed asks for it again."
        raise _conflict("index-missing", f"The vector index of {model.name} is not made yet.", action)
    pool = await held.pool()
    active = await active_model(pool)
    try:
        missing: int = await pool.fetchval(
            load_sql(__file__, "missing_vectors"), model.id, active.id if active else None, timeout=COUNT_TIMEOUT_S
        )
    except TimeoutError as exc:
        detail = f"Whether every passage has a vector of {model.name} was not found out in {COUNT_TIMEOUT_S:.0f} s."
        action = "Look whether its events have ended (docs/operate.md, Change the model), then use `force`."
        raise _conflict("vectors-not-checked", detail, action) from exc
    if missing:
        raise Problem(
            409,
            "vectors-missing",
            "Vectors are missing",
            f"{missing}{' or more' if missing >= MISSING_MOST else ''} passages that answer searches by meaning now "
            f"have no vector of {model.name}.",
            "Wait while state is building (GET /models); POST /models/embed asks for them again; `force` does without.",
            missing=missing,
        )


async def _count(pool: "asyncpg.Pool[Any]") -> Counts | None:
    """Count passages and vectors; None where that takes too long."""
    try:
        row: Any = await pool.fetchrow(load_sql(__file__, "count_vectors"), timeout=COUNT_TIMEOUT_S)
    except TimeoutError:
        return None
    return Counts(row["passages"], dict(zip(row["models"], row["vectors"], strict=True)))


def _server(held: "Resources", name: str) -> "Inference":
    server = held.embedder(name)
    if server is None:
        action = f"Set NEXT_EMBEDDER_MODEL={name} and NEXT_TRITON_URL to its model server, for every function."
        raise _conflict("model-not-served", f"The settings name no model server for {name}.", action)
    return server


def _request(name: str, number: int, first: int, last: int) -> CloudEvent:
    data = {"model": name, "first_passage": first, "last_passage": last}
    return _event(EMBEDDINGS_REQUESTED, name, f"{name}/{number}", data)


def _event(event_type: str, name: str, key: str, data: dict[str, Any]) -> CloudEvent:
    return CloudEvent.new(type=event_type, source=SOURCE, data=data, partitionkey=key, subject=name)


async def _row(held: "Resources", name: str) -> Any:
    pool = await held.pool()
    return await pool.fetchrow(load_sql(__file__, "list_models"), None, 1, name)


async def _told(held: "Resources", name: str) -> EmbeddingModel:
    row = await _row(held, name)
    if row is None:  # removed since
        raise _unknown(name)
    return _model(held, row)


def _model(held: "Resources", row: Any, counts: Counts | None = None) -> EmbeddingModel:
    """Describe a model; without counts what it lacks is left open."""
    vectors = counts.vectors.get(row["id"], 0) if counts else None
    missing = counts.passages - counts.vectors.get(row["id"], 0) if counts else None
    if row["active"]:
        state = "active"
    elif row["removed"]:
        state = "removing"
    elif row["kept"]:
        state = "ready" if missing == 0 and row["index"] == "ready" else "building"
    else:
        state = "idle"
    shown = {name: row[name] for name in ("name", "dimension", "active", "index", "index_phase")}
    served = held.embedder(row["name"]) is not None
    return EmbeddingModel(state=state, served=served, vectors=vectors, missing=missing, **shown)


def _unknown(name: str) -> Problem:
    return Problem(404, "unknown-model", "No such model", f"There is no model {name}.", "GET /models lists them.")


def _conflict(slug: str, detail: str, action: str, headers: dict[str, str] | None = None) -> Problem:
    return Problem(409, slug, "The model cannot be changed now", detail, action, headers)
