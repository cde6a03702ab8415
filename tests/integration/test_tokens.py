"""Tokens on a real database: budgets of subjects, collections, and what the keys function shows of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

import functions.keys.main
import functions.sources.main
from functions.refresh.retention import sweep
from functions.refresh.settings import RefreshSettings
from shared.resources import Resources
from tests.conftest import Api, Stack
from tests.oidc import LocalIssuer, serving_issuer

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


class Server:
    """The keys and sources functions in this process, on the stack's database, trusting a local issuer."""

    def __init__(self, issuer: LocalIssuer, apps: dict[str, FastAPI]) -> None:
        self.issuer, self._apps = issuer, apps

    async def ask(self, path: str, *, method: str = "GET", **claims: Any) -> httpx.Response:
        """Send one request with a fresh token that says `claims`."""
        app = self._apps["keys" if path.startswith(("/usage", "/keys")) else "sources"]
        headers = {"Authorization": f"Bearer {self.issuer.token(**claims)}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, headers=headers)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(stack: Stack) -> AsyncIterator[Server]:
    """Two functions that accept tokens."""
    async with serving_issuer() as issuer:
        settings = issuer.settings(database_url=stack.database_url, object_store_url=(stack.home / "objects").as_uri())
        held = Resources(settings)
        apps = {
            "keys": functions.keys.main.create_app(settings, held),
            "sources": functions.sources.main.create_app(settings, held),
        }
        yield Server(issuer, apps)
        for app in apps.values():
            await app.state.door.close()
        await held.close()


@pytest.fixture
def subject() -> str:
    """A subject that nobody else uses."""
    return f"ada-{uuid.uuid4().hex[:8]}"


async def test_a_subject_has_one_budget_whatever_its_token(server: Server, subject: str) -> None:
    """Different tokens of one subject count together, across functions, and GET /usage shows it."""
    first = await server.ask("/usage", sub=subject, tier="standard", scope="read", jti="1")
    second = await server.ask("/sources?limit=1", sub=subject, tier="standard", scope="read", jti="2")
    third = await server.ask("/usage", sub=subject, tier="standard", scope="read", jti="3")
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 200]
    assert second.headers["RateLimit"].startswith('"hour";r=998;')
    usage = third.json()
    assert (usage["name"], usage["tier"], usage["scopes"]) == (subject, "standard", ["read"])
    assert (usage["total_requests"], usage["window"]["remaining"], usage["in_flight"]) == (3, 997, 1)
    assert usage["key_id"] == first.json()["key_id"]


async def test_what_the_last_token_says_holds(server: Server, subject: str) -> None:
    """A token with another tier changes the limits at once; the hour goes on."""
    await server.ask("/usage", sub=subject)
    assert (await server.ask("/usage", sub=subject)).json()["limits"] == {"per_hour": 100, "concurrent": 5}
    usage = (await server.ask("/usage", sub=subject, tier="premium")).json()
    assert (usage["limits"]["per_hour"], usage["window"]["requests"]) == (10_000, 3)


async def test_the_hour_of_a_subject_is_limited(server: Server, database: Pool, subject: str) -> None:
    """Of 40 requests at once against 25 left exactly 25 pass, and the refusal names the tier."""
    holder = uuid.UUID((await server.ask("/usage", sub=subject, tier="free")).json()["key_id"])
    await database.execute("UPDATE key_usage SET window_requests = 75 WHERE key_id = $1", holder)
    slots = asyncio.Semaphore(4)

    async def ask(number: int) -> httpx.Response:
        async with slots:
            return await server.ask("/usage", sub=subject, tier="free", jti=str(number))

    responses = await asyncio.gather(*(ask(number) for number in range(40)))
    assert sorted(response.status_code for response in responses) == [200] * 25 + [429] * 15
    refused = next(response for response in responses if response.status_code == 429)
    assert refused.json()["type"].endswith("rate-limited")
    assert "tier free" in refused.json()["detail"]


async def test_slots_of_a_subject_are_limited(server: Server, database: Pool, subject: str) -> None:
    """Five requests under way elsewhere hold all slots of tier free; one that ends makes room."""
    holder = uuid.UUID((await server.ask("/usage", sub=subject)).json()["key_id"])
    hold = "UPDATE key_usage SET leases = ARRAY(SELECT (extract(epoch FROM now() + '1 min') * 1e6)::bigint + n "
    await database.execute(hold + "FROM generate_series(1, 5) AS n) WHERE key_id = $1", holder)
    refused = await server.ask("/usage", sub=subject)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (429, "too-many-at-once")
    await database.execute("UPDATE key_usage SET leases = leases[2:] WHERE key_id = $1", holder)
    assert (await server.ask("/usage", sub=subject)).status_code == 200


async def test_a_missing_scope_is_told(server: Server, subject: str) -> None:
    """403 with the scopes that the token's claim holds, and it costs nothing."""
    refused = await server.ask("/keys", sub=subject, scope="openid search")
    assert (refused.status_code, refused.json()["title"]) == (403, "The token lacks a scope")
    assert "the token holds search" in refused.json()["detail"]
    assert (await server.ask("/usage", sub=subject)).json()["total_requests"] == 1


async def test_a_token_sees_its_collections_alone(server: Server, api: Api, collection: str, subject: str) -> None:
    """Lists leave others out, their sources are 404; a list of two shows both."""
    document = await api.index(text="Weak instruments bias estimates.", title="Weak", collection=collection)
    path = f"/sources/{document['source_id']}"
    for names, status, count in (([collection], 200, 1), (["another"], 404, 0), (["another", collection], 200, 1)):
        claims: dict[str, Any] = {"sub": subject, "scope": "read", "collections": names}
        assert (await server.ask(path, **claims)).status_code == status
        listed = await server.ask(f"/sources?collection={collection}", **claims)
        assert len(listed.json()["items"]) == count


async def test_subjects_are_no_keys(server: Server, subject: str) -> None:
    """An administrator's token lists keys without the subjects, and reads another subject's usage."""
    other = (await server.ask("/usage", sub=subject)).json()["key_id"]
    listed = (await server.ask("/keys?limit=200", sub=f"{subject}-admin", scope="admin")).json()["items"]
    assert listed
    assert other not in {key["id"] for key in listed}
    assert (await server.ask(f"/usage?key_id={other}", sub=f"{subject}-admin", scope="admin")).status_code == 200
    assert (await server.ask(f"/usage?key_id={other}", sub=f"{subject}-2", scope="read")).status_code == 403


async def test_a_refused_token_is_a_problem_document(server: Server) -> None:
    """401 as application/problem+json with WWW-Authenticate."""
    refused = await server.ask("/usage", aud="another")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert 'error_description="The token is for another audience"' in refused.headers["www-authenticate"]


async def test_the_stack_accepts_no_tokens_unless_told(stack: Stack, server: Server) -> None:
    """Without TOKEN_ISSUER a token is 401, and the answer says that none are accepted."""
    headers = {"Authorization": f"Bearer {server.issuer.token()}"}
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        refused = await client.get("/usage", headers=headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (401, "token-not-accepted")


async def test_subjects_not_seen_for_long_are_swept(stack: Stack, server: Server, database: Pool, subject: str) -> None:
    """With their budgets, after USAGE_WINDOWS_HOURS; subjects seen since stay."""
    old, young = [
        uuid.UUID((await server.ask("/usage", sub=f"{subject}-{age}")).json()["key_id"]) for age in ("old", "young")
    ]
    await database.execute(
        "UPDATE key_usage SET window_started_at = now() - interval '2 years' WHERE key_id = $1", old
    )
    held = Resources(RefreshSettings(database_url=stack.database_url))
    try:
        assert (await sweep(held, RefreshSettings(database_url=stack.database_url)))["sweep_token_subjects"] >= 1
    finally:
        await held.close()
    rows = "SELECT id FROM token_subjects UNION ALL SELECT key_id FROM key_usage"
    counted = f"SELECT count(*) FROM ({rows}) AS held WHERE id = $1"
    assert await database.fetchval(counted, old) == 0
    assert await database.fetchval(counted, young) == 2
