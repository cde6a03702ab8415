"""Asking each part how it is, all at once, none for longer than CHECK_TIMEOUT_S."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from functions.health.models import Dependencies, Dependency, Events, Health, ServedModel, State, Triton
from shared.database import UNAVAILABLE, load_sql
from shared.models import Model, active_model
from shared.problems import Problem
from shared.resources import Resources
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.inference import Inference

CHECK_TIMEOUT_S = 2.0
"""Shorter than the patience of those who ask (load balancers and uptime checks: 5 s and more)."""

BACKLOG_S = 60.0
"""The bridge relays within a second; a minute means that it or Kafka is away."""

MODELS = ("query_embedder", "embedder", "reranker")
NEXT_QUERIES = "next_query_embedder"
STANDIN = "research-kb-standin"

Part = TypeVar("Part", bound=Dependency)


async def check_health(held: Resources) -> Health:
    """Return the state of the server and of each part. Searches need Postgres alone: the lexical leg answers."""
    postgres, triton, objects, events = await asyncio.gather(
        _checked(Dependency, lambda: _check_postgres(held)),
        _checked(Triton, lambda: _check_triton(held)),
        _checked(Dependency, lambda: _check_objects(held)),
        _checked(Events, lambda: _check_events(held)),
    )
    parts = Dependencies(postgres=postgres, triton=triton, object_store=objects, events=events)
    return Health(status=_overall(parts), version=VERSION, dependencies=parts)


def _overall(parts: Dependencies) -> State:
    if parts.postgres.status == "down":
        return "down"
    states = {parts.postgres.status, parts.triton.status, parts.object_store.status, parts.events.status}
    return "ok" if states == {"ok"} else "degraded"


async def _checked(kind: type[Part], check: Callable[[], Awaitable[Part]]) -> Part:
    """Run one check against the clock; whatever a part that is away raises becomes its state."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            part = await check()
    except TimeoutError:
        return kind(status="down", latency_ms=None, detail=f"No answer within {CHECK_TIMEOUT_S:g} s.")
    except Problem as exc:
        return kind(status="down", latency_ms=None, detail=exc.detail or exc.title)
    except UNAVAILABLE as exc:
        return kind(status="down", latency_ms=None, detail=type(exc).__name__)
    part.latency_ms = round((time.perf_counter() - started) * 1000, 2)
    return part


async def _check_postgres(held: Resources) -> Dependency:
    pool = await held.pool()
    await pool.fetchval("SELECT 1")
    return Dependency(status="ok", latency_ms=None)


async def _check_objects(held: Resources) -> Dependency:
    await held.objects.check()
    return Dependency(status="ok", latency_ms=None)


async def _check_events(held: Resources) -> Events:
    pool = await held.pool()
    row: Any = await pool.fetchrow(load_sql(__file__, "events_waiting"))
    late = (row["oldest_s"] or 0) > BACKLOG_S
    detail = "Events wait: the bridge or Kafka is away, new documents are indexed when they are back." if late else ""
    return Events(status="degraded" if late else "ok", latency_ms=None, detail=detail, **dict(row))


async def _check_triton(held: Resources) -> Triton:
    server = await held.inference.server()
    active = await active_model(await held.pool())
    places = _places(held)
    checked = await asyncio.gather(*(_check_model(held, *place, active) for place in places.values()))
    models = dict(zip(places, checked, strict=True))
    away = [name for name, model in models.items() if model.status != "ok"]
    detail = f"Not ready: {', '.join(away)}." if away else await _readiness(held)
    by_next = active is not None and places.get(NEXT_QUERIES, (None,))[0] is _answering(held, active)
    needed = NEXT_QUERIES if by_next else "query_embedder"
    status: State = "down" if needed in away else "degraded" if detail else "ok"
    return Triton(
        status=status,
        latency_ms=None,
        detail=detail,
        server=server,
        standin=server == STANDIN,
        models=models,
    )


def _places(held: Resources) -> "dict[str, tuple[Inference, str]]":
    """Return the server and the name there of each model that is served, those of a second server as next_."""
    places = {name: (held.inference, name) for name in MODELS}
    following = held.embedder(held.settings.next_embedder_model) if held.settings.next_triton_url else None
    if following is not None and following is not held.inference:
        places |= {f"next_{name}": (following, name) for name in ("query_embedder", "embedder")}
    return places


def _answering(held: Resources, active: Model | None) -> "Inference":
    """Return the server that embeds queries; the first one where none is known for the active model."""
    return (held.embedder(active.name) if active else None) or held.inference


async def _readiness(held: Resources) -> str:
    """Return what the server says is not ready; it knows of models that have ended since they were asked last."""
    try:
        await held.inference.ready()
    except Problem as exc:
        return exc.detail
    return ""


async def _check_model(held: Resources, inference: "Inference", name: str, active: Model | None) -> ServedModel:
    try:
        info = await inference.model(name)
    except Problem as exc:
        return ServedModel(status="down", detail=exc.detail)
    served = ServedModel(status="ok", model_name=info.model_name, precision=info.precision, method=info.method or None)
    if name != "query_embedder" or active is None or inference is not _answering(held, active):
        return served
    if (active.name, active.dimension) != (info.model_name, info.dimension):
        served.status, served.detail = "down", f"The vectors are those of {active.name}, {active.dimension}."
    return served
