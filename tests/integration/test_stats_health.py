"""What the library holds, and how its parts are."""

from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest

from functions.health.main import create_app
from shared.settings import Settings
from tests.conftest import Api, Stack
from tests.integration.library import DIMENSION, MODEL, keep_source

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


async def test_statistics_are_exact(api: Api, database: Pool, collection: str) -> None:
    """Sources, passages, documents by state, distinct terms and vectors of a collection; zeros for a new name."""
    await keep_source(database, collection, ["Weak instruments.", "Strong instruments."])
    await keep_source(database, collection, ["Instruments."])
    stats = (await api.client.get("/stats", params={"collection": collection})).json()
    assert (stats["sources"], stats["passages"], stats["collection"]) == (2, 3, collection)
    assert stats["documents"] == {
        "queued": 0, "extracting": 0, "embedding": 0, "indexed": 2, "failed": 0, "superseded": 0,
    }  # fmt: skip
    terms = await database.fetchval(
        "SELECT count(*) FROM terms WHERE collection_id = (SELECT id FROM collections WHERE name = $1)", collection
    )
    assert stats["terms"] == terms >= 3
    [vectors] = [vectors for vectors in stats["vectors"] if vectors["model"] == MODEL]
    assert (vectors["vectors"], vectors["dimension"]) == (3, DIMENSION)
    empty = (await api.client.get("/stats", params={"collection": f"{collection}-none"})).json()
    assert (empty["sources"], empty["passages"], empty["terms"]) == (0, 0, 0)
    whole = (await api.client.get("/stats")).json()
    assert whole["collection"] is None
    assert whole["passages"] >= 3


async def test_health_names_every_part(api: Api) -> None:
    """Each dependency with its state and latency; 200 while searches are answered."""
    response = await api.client.get("/health")
    assert response.status_code == 200, response.text
    health = response.json()
    assert health["status"] in {"ok", "degraded"}
    parts = health["dependencies"]
    assert set(parts) == {"postgres", "triton", "object_store", "events"}
    for name in ("postgres", "object_store", "events"):
        assert parts[name]["status"] in {"ok", "degraded"}
        assert 0 < parts[name]["latency_ms"] < 2000
    if parts["triton"]["status"] == "ok":
        assert parts["triton"]["models"]["query_embedder"]["precision"]
        assert parts["triton"]["standin"] in {True, False}


def local_client(stack: Stack, **changed: Any) -> httpx.AsyncClient:
    """A health function of its own, with some addresses changed."""
    settings = Settings(
        **{"database_url": stack.database_url, "research_kb_home": stack.home, "log_level": "critical", **changed}
    )
    headers = {"X-API-Key": stack.api_key}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(settings)), base_url="http://test", headers=headers
    )


async def test_without_triton_it_serves_degraded(stack: Stack) -> None:
    """The lexical leg still answers: 200, degraded, and the part that is away is named."""
    async with local_client(stack, triton_url="http://127.0.0.1:9") as client:
        response = await client.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    triton = response.json()["dependencies"]["triton"]
    assert (triton["status"], triton["latency_ms"]) == ("down", None)
    assert triton["detail"]


async def test_without_postgres_it_cannot_serve(stack: Stack) -> None:
    """503 with Retry-After: keys cannot be checked, and nothing else tells a stranger how the parts are."""
    async with local_client(stack, database_url="postgresql://nobody@127.0.0.1:9/none") as client:
        response = await client.get("/health")
        assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
        assert response.headers["retry-after"]
        for path in ("/live", "/ready", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200


async def test_the_documents_need_no_key(stack: Stack) -> None:
    """/live, /ready, /openapi.json and /docs answer anyone; the page loads nothing from elsewhere."""
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        for path in ("/live", "/ready"):
            assert (await client.get(path)).status_code == 200
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
    assert "/sources/{source_id}" in document["paths"]
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
