"""Asking each part how it is, all at once, none for longer than CHECK_TIMEOUT_S."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from functions.health.models import Dependencies, Dependency, Events, Health, ServedModel, State, Triton
from shared.database import UNAVAILABLE, load_sql
from shared.models import active_model
from shared.problems import Problem
from shared.resources import Resources
from shared.version import VERSION

CHECK_TIMEOUT_S = 2.0
"""Shorter than the patience of those who ask (load balancers and uptime checks: 5 s and more)."""

BACKLOG_S = 60.0
"""The bridge relays within a second; a minute means that it or Kafka is away."""

MODELS = ("query_embedder", "embedder", "reranker")
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
    models = dict(zip(MODELS, await asyncio.gather(*(_check_model(held, name) for name in MODELS)), strict=True))
    away = [name for name, model in models.items() if model.status != "ok"]
    detail = f"Not ready: {', '.join(away)}." if away else await _readiness(held)
    status: State = "down" if "query_embedder" in away else "degraded" if detail else "ok"
    return Triton(
        status=status,
        latency_ms=None,
        detail=detail,
        server=server,
        standin=server == STANDIN,
        models=models,
    )


async def _readiness(held: Resources) -> str:
    """Return what the server says is not ready; it knows of models that have ended since they were asked last."""
    try:
        await held.inference.ready()
    except Problem as exc:
        return exc.detail
    return ""


async def _check_model(held: Resources, name: str) -> ServedModel:
    try:
        info = await held.inference.model(name)
    except Problem as exc:
        return ServedModel(status="down", detail=exc.detail)
    served = ServedModel(status="ok", model_name=info.model_name, precision=info.precision, method=info.method or None)
    if name == "query_embedder":
        active = await active_model(await held.pool())
        if active and (active.name, active.dimension) != (info.model_name, info.dimension):
            served.status, served.detail = "down", f"The vectors are those of {active.name}, {active.dimension}."
    return served
