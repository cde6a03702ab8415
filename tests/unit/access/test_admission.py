"""What is decided before the database is asked, and what routes say about it."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.access import Caller, install_admission, presented_key, require
from shared.api_keys import mint_key
from shared.app import create_function_app
from shared.problems import Problem
from shared.settings import Settings

KEY = mint_key()
TEXT = KEY.reveal().encode()
NOWHERE = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", log_level="critical")


def make_app() -> FastAPI:
    """An app with one route for the scope search, one for ingest or admin, and one for any key."""
    app = create_function_app("test", NOWHERE)
    install_admission(app)

    @app.get("/searching")
    async def searching(caller: Annotated[Caller, require("search")]) -> str:
        return caller.tier

    @app.post("/either")
    async def either(caller: Annotated[Caller, require("ingest", "admin")], body: dict[str, int]) -> str:
        return str(body)

    @app.get("/anyone")
    async def anyone(caller: Annotated[Caller, require()]) -> str:
        return caller.tier

    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client that calls `app` in this process and sees its 500s."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer " + TEXT)],
        [(b"authorization", b"bearer  " + TEXT)],
        [(b"x-api-key", TEXT)],
        [(b"authorization", b"Basic abc"), (b"x-api-key", TEXT)],
    ],
)
def test_a_key_comes_in_either_header(headers: list[tuple[bytes, bytes]]) -> None:
    """Authorization: Bearer and X-API-Key are both understood; another scheme's header is not in the way."""
    assert presented_key(headers) == KEY


def test_three_parts_between_dots_are_a_token() -> None:
    """In Authorization alone: X-API-Key holds keys."""
    assert presented_key([(b"authorization", b"Bearer a.b.c")]) == "a.b.c"
    with pytest.raises(Problem):
        presented_key([(b"x-api-key", b"a.b.c")])


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ([], "missing-key"),
        ([(b"authorization", b"Basic abc")], "missing-key"),
        ([(b"authorization", b"Bearer ")], "invalid-key"),
        ([(b"x-api-key", b"rkb_nonsense")], "invalid-key"),
    ],
)
def test_without_a_key_nobody_comes_in(headers: list[tuple[bytes, bytes]], slug: str) -> None:
    """401, and WWW-Authenticate says how to do better."""
    with pytest.raises(Problem) as caught:
        presented_key(headers)
    assert (caught.value.status, caught.value.slug) == (401, slug)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_key_is_asked_for_before_the_body_is_read() -> None:
    """A caller without a key learns nothing of what the body should be: 401 even where the body is not valid."""
    async with client_of(make_app()) as client:
        response = await client.post("/either", content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["action"]


async def test_another_method_is_told_which_ones_there_are() -> None:
    """405 lists the methods of all routes of the path, not of the first alone."""
    app = make_app()

    @app.get("/either")
    async def look(caller: Annotated[Caller, require("read")]) -> str:
        return caller.tier

    async with client_of(app) as client:
        response = await client.options("/either")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_without_a_database_nobody_comes_in() -> None:
    """503 with Retry-After: a key that cannot be checked is no key."""
    async with client_of(make_app()) as client:
        response = await client.get("/anyone", headers={"X-API-Key": KEY.reveal()})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0


async def test_a_route_outside_the_gate_lets_nobody_in() -> None:
    """A router that was given no AdmittingRoute fails at its first request instead of standing open."""
    app = make_app()
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten(caller: Annotated[Caller, require("read")]) -> str:
        return caller.tier

    app.include_router(router)
    async with client_of(app) as client:
        response = await client.get("/forgotten", headers={"X-API-Key": KEY.reveal()})
    assert response.status_code == 500


def test_the_document_names_keys_scopes_and_refusals() -> None:
    """Both ways to send a key, the scopes as alternatives, problem documents, and the budget's headers."""
    document = make_app().openapi()
    either = document["paths"]["/either"]["post"]
    assert either["security"] == [
        {"bearer": ["ingest"]},
        {"apiKey": ["ingest"]},
        {"bearer": ["admin"]},
        {"apiKey": ["admin"]},
    ]
    assert document["paths"]["/anyone"]["get"]["security"] == [{"bearer": []}, {"apiKey": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    for status in ("401", "403", "422", "429", "503"):
        assert list(either["responses"][status]["content"]) == ["application/problem+json"]
    assert {"RateLimit", "RateLimit-Policy"} <= set(either["responses"]["200"]["headers"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
