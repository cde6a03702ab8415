"""Which function answers what, in the one process of the embedded stack."""

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from local.dispatch import InternalDispatch, PublicDispatch
from local.gateway import EVENT_FUNCTIONS, HTTP_FUNCTIONS


def make_function(name: str) -> ASGIApp:
    """An app that answers with its name and the path that it saw."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{name} {scope['path']}".encode()})

    return app


FUNCTIONS = {name: make_function(name) for name in (*HTTP_FUNCTIONS, *EVENT_FUNCTIONS)}


async def ask(app: ASGIApp, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/search", "search"),
        ("/feedback", "search"),
        ("/sources", "sources"),
        ("/sources/1/passages", "sources"),
        ("/collections/a%2Fb", "sources"),
        ("/stats?collection=x", "stats"),
        ("/health", "health"),
        ("/live", "health"),
        ("/ready", "health"),
        ("/openapi.json", "health"),
        ("/docs", "health"),
        ("/documents/1", "ingest"),
        ("/dead-letters/1/replay", "ingest"),
        ("/keys", "keys"),
        ("/usage", "keys"),
    ],
)
async def test_public_paths_go_to_their_owners_unchanged(path: str, owner: str) -> None:
    """As CONTRACT's table of endpoints says."""
    answer = await ask(PublicDispatch(FUNCTIONS), path)
    seen = httpx.URL(path).path
    assert answer.text == f"{owner} {seen}"


@pytest.mark.parametrize("path", ["/", "/extract", "/embed", "/refresh", "/refresh/dead-letters", "/metrics", "/x"])
async def test_events_metrics_and_unknown_paths_are_not_public(path: str) -> None:
    """404 as a problem document that says what to do."""
    answer = await ask(PublicDispatch(FUNCTIONS), path, "POST")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["instance"]) == (404, path)
    assert problem["action"]
    assert problem["trace_id"] == answer.headers["x-trace-id"]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/extract", "extract /"),
        ("/embed", "embed /"),
        ("/refresh", "refresh /"),
        ("/refresh/dead-letters", "refresh /dead-letters"),
        ("/ready", "health /ready"),
    ],
)
async def test_internal_paths_lose_the_name_of_the_function(path: str, seen: str) -> None:
    """An event function answers at / wherever it runs."""
    assert (await ask(InternalDispatch(FUNCTIONS), path, "POST")).text == seen


async def test_metrics_are_internal() -> None:
    """GET is the exposition, POST an event of the function metrics, which answers at /metrics and at /."""
    assert (await ask(InternalDispatch(FUNCTIONS), "/metrics")).text == "metrics /metrics"
    assert (await ask(InternalDispatch(FUNCTIONS), "/metrics", "POST")).text == "metrics /"


async def test_http_functions_are_not_internal() -> None:
    """The internal address asks for no key, so nothing that needs one answers there."""
    assert (await ask(InternalDispatch(FUNCTIONS), "/search", "POST")).status_code == 404
