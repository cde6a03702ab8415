"""The front of every event function: what it answers, and so what the sender does next."""

import json
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from events.cloudevents import CloudEvent
from events.receiver import Handler, Outcome, create_event_app
from shared.problems import DependencyUnavailable, Problem
from shared.resources import Resources
from shared.settings import Settings

SOURCE = "0b0e2b1c-8d1c-5f4a-9d0e-2b1c8d1c4f4a"
EVENT = CloudEvent.new(
    source="/t", type="source.deleted", data={"source_id": SOURCE, "collection": "c"}, partitionkey=SOURCE
)


def make_app(handler: Handler) -> FastAPI:
    return create_event_app("refresh", {"source.deleted": handler}, Settings(database_url="postgresql://127.0.0.1:1/x"))


def answering(result: Outcome | Exception) -> Handler:
    async def handle(_: CloudEvent, __: Resources) -> Outcome:
        if isinstance(result, Exception):
            raise result
        return result

    return handle


async def post(app: FastAPI, headers: dict[str, str], body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        return await client.post("/", headers=headers, content=body)


async def test_both_content_modes_reach_the_handler() -> None:
    """Binary and structured requests give the handler the same event."""
    seen: list[CloudEvent] = []

    async def handle(event: CloudEvent, _: Resources) -> Outcome:
        seen.append(event)
        return "done"

    app = make_app(handle)
    structured = {"content-type": "application/cloudevents+json"}
    for headers, body in [EVENT.to_binary(), (structured, json.dumps(EVENT.to_json()).encode())]:
        response = await post(app, headers, body)
        assert (response.status_code, response.json()) == (200, {"status": "done"})
    assert seen == [EVENT, EVENT]


async def test_a_duplicate_is_a_success() -> None:
    """An event that was done before is answered 200, saying so."""
    response = await post(make_app(answering("duplicate")), *EVENT.to_binary())
    assert (response.status_code, response.json()) == (200, {"status": "duplicate"})


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [({"ce-id": ""}, 400, "malformed-event"), ({"ce-type": "source.indexed"}, 422, "unknown-event-type"),
     ({"content-type": "text/plain"}, 400, "malformed-event")],
)  # fmt: skip
async def test_poison_is_refused_with_a_reason(change: dict[str, str], status: int, slug: str) -> None:
    """What can never succeed is answered 400 or 422 with a problem that says why."""
    headers, body = EVENT.to_binary()
    response = await post(make_app(answering("done")), headers | change, body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].endswith(slug)
    assert response.json()["detail"]


async def test_data_that_breaks_its_schema_is_poison() -> None:
    """Data that does not follow the schema of its type is answered 422 and names the field."""
    headers, _ = EVENT.to_binary()
    response = await post(make_app(answering("done")), headers, b'{"source_id": "x", "collection": "c"}')
    assert response.status_code == 422
    assert "data/source_id" in response.json()["detail"]


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (Problem(404, "gone", "Gone", "No such object"), 422),
        (Problem(429, "busy", "Busy"), 503),
        (Problem(500, "odd", "Odd"), 503),
        (DependencyUnavailable("Triton", "no answer"), 503),
        (ConnectionRefusedError("refused"), 503),
        (TimeoutError(), 503),
        (asyncpg.SerializationError("again"), 503),
        (asyncpg.DeadlockDetectedError("again"), 503),
        (asyncpg.CannotConnectNowError("starting"), 503),
        (asyncpg.DiskFullError("full"), 503),
        (asyncpg.UndefinedTableError("missing"), 500),
        (asyncpg.exceptions.DataError("bad parameter"), 500),
        (KeyError("bug"), 500),
    ],
)
async def test_failures_say_whether_trying_again_helps(raised: Exception, status: int) -> None:
    """Servers and locks: 503 with Retry-After. The event's own fault: 422, never 404 or 409. A bug: 500."""
    response = await post(make_app(answering(raised)), *EVENT.to_binary())
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in response.headers) == (status == 503)


async def test_a_too_large_body_is_refused() -> None:
    """A body above the limit is answered 413, which the sender treats as poison."""
    headers, _ = EVENT.to_binary()
    response = await post(make_app(answering("done")), headers, b"x" * (3 * 2**20))
    assert response.status_code == 413


async def test_it_is_live_and_ready_without_any_dependency() -> None:
    """/live and /ready answer from memory: nothing is reachable here."""
    transport = httpx.ASGITransport(app=make_app(answering("done")))
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        answers: list[Any] = [(await client.get(path)).status_code for path in ("/live", "/ready")]
    assert answers == [200, 200]
