"""Errors as problem details."""

from collections.abc import Callable

import asyncpg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.objects import Objects
from shared.problems import Problem, install_problem_handlers


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (lambda: asyncpg.CannotConnectNowError("starting up"), 503),
        (lambda: asyncpg.DeadlockDetectedError("deadlock"), 503),
        (TimeoutError, 503),
        (ConnectionRefusedError, 503),
        (lambda: asyncpg.DataError("wrong argument"), 500),
        (lambda: KeyError("x"), 500),
    ],
)
def test_what_may_work_later_is_503(raised: Callable[[], Exception], status: int) -> None:
    """A database that goes away during a request is answered 503 with Retry-After, a bug 500."""
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise raised()

    response = TestClient(app, raise_server_exceptions=False).get("/")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in response.headers) == (status == 503)


@pytest.mark.parametrize("key", ["../x", "a/../x", "./x", "a/./x", "a//x", "", "a/%2e%2e/x", "/x"])
def test_a_uri_stays_inside_the_store(key: str) -> None:
    """Whatever leads out of the store, or names nothing in it, is refused."""
    store = Objects("file:///srv/objects")
    assert store.key_of("file:///srv/objects/papers/a.pdf") == "papers/a.pdf"
    with pytest.raises(Problem) as refused:
        store.key_of(f"file:///srv/objects/{key}")
    assert refused.value.status == 422


def test_a_body_that_is_no_utf8_is_an_invalid_request() -> None:
    """Bytes that are no text are answered like JSON with wrong fields: 422, with what to do."""
    app = FastAPI()
    install_problem_handlers(app)

    @app.post("/echo")
    async def echo(body: dict[str, str]) -> dict[str, str]:
        return body

    response = TestClient(app).post("/echo", content=b"\xff\xfe\x06)", headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["type"].endswith("invalid-request")
    assert response.json()["action"]
