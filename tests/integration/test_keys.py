"""API keys over HTTP: made, used, limited, revoked."""

import asyncio
import hashlib
import os
import stat
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest

from shared.api_keys import mint_key
from tests.conftest import ROOT, Api, Stack

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


async def make_key(api: Api, **asked: Any) -> dict[str, Any]:
    """POST /keys; a standard key that may search and read unless `asked` says otherwise."""
    body = {"name": "test", "tier": "standard", "scopes": ["search", "read"], **asked}
    response = await api.client.post("/keys", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def ask(api: Api, key: dict[str, Any], path: str = "/usage", method: str = "GET") -> httpx.Response:
    """Send one request with another key."""
    return await api.client.request(method, path, headers={"Authorization": f"Bearer {key['key']}"})


async def test_a_key_is_shown_once(api: Api, database: Pool) -> None:
    """Its text is in the answer alone; the database holds SHA-256 of the secret and nothing that contains it."""
    made = await make_key(api, name="shown once")
    listed = (await api.client.get("/keys")).json()["items"][0]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    secret = made["key"].rpartition("_")[2]
    stored: Any = await database.fetchrow("SELECT *, api_keys::text AS whole FROM api_keys WHERE id = $1", made["id"])
    assert stored["secret_sha256"] == hashlib.sha256(secret.encode()).digest()
    assert secret not in stored["whole"]


@pytest.mark.parametrize(
    ("tier", "limits"),
    [
        ("free", {"per_hour": 100, "concurrent": 5}),
        ("standard", {"per_hour": 1000, "concurrent": 20}),
        ("premium", {"per_hour": 10_000, "concurrent": 100}),
    ],
)
async def test_tiers_have_their_limits(api: Api, tier: str, limits: dict[str, int]) -> None:
    """The limits of the three tiers; an administrator may ask for others."""
    assert (await make_key(api, tier=tier))["limits"] == limits
    assert (await make_key(api, tier=tier, limits={"per_hour": 7}))["limits"] == limits | {"per_hour": 7}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tier": "gold"},
        {"scopes": []},
        {"scopes": ["write"]},
        {"collections": []},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00"},
        {"limits": {"per_hour": 0}},
        {"unknown": 1},
        {"name": ""},
        {"name": "\x00"},
    ],
)
async def test_a_wrong_key_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    """422 as a problem document that names the field."""
    body = {"name": "test", "tier": "free", "scopes": ["read"], **wrong}
    response = await api.client.post("/keys", json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"].startswith(next(iter(wrong)))


async def test_both_headers_carry_a_key(api: Api) -> None:
    """Authorization: Bearer and X-API-Key, each alone."""
    made = await make_key(api)
    async with httpx.AsyncClient(base_url=api.client.base_url) as client:
        for headers in ({"Authorization": f"Bearer {made['key']}"}, {"X-API-Key": made["key"]}):
            assert (await client.get("/usage", headers=headers)).json()["key_id"] == made["id"]
        assert (await client.get("/usage")).status_code == 401


async def test_a_scope_is_needed_and_named(api: Api) -> None:
    """403 says which scope is missing, and costs nothing."""
    made = await make_key(api, scopes=["search"])
    refused = await ask(api, made, "/keys")
    assert refused.status_code == 403
    assert refused.json()["required_scopes"] == ["admin"]
    assert refused.headers["ratelimit"] == '"hour";r=1000;t=3600'
    usage = (await ask(api, made)).json()
    assert (usage["window"]["requests"], usage["refused_requests"]) == (1, 0)


async def test_every_answer_tells_the_budget(api: Api) -> None:
    """RateLimit and RateLimit-Policy are on answers of every status; each admitted request takes one."""
    made = await make_key(api)
    for left, path in ((999, "/usage"), (998, "/sources/not-a-uuid"), (997, f"/sources/{uuid.uuid4()}")):
        response = await ask(api, made, path)
        assert response.headers["ratelimit-policy"] == '"hour";q=1000;w=3600'
        name, remaining, reset = response.headers["ratelimit"].split(";")
        assert (name, remaining) == ('"hour"', f"r={left}")
        assert 3590 <= int(reset.removeprefix("t=")) <= 3600


async def test_the_hour_begins_with_the_first_request_and_allows_no_more(api: Api, database: Pool) -> None:
    """Of 20 requests at once over several connections exactly 7 pass; refused ones cost nothing; then a new hour."""
    made = await make_key(api, limits={"per_hour": 7, "concurrent": 100})
    responses = await asyncio.gather(*(ask(api, made) for _ in range(20)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 7 + [429] * 13
    refused = next(response for response in responses if response.status_code == 429)
    assert refused.json()["type"].endswith("rate-limited")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit"].startswith('"hour";r=0;t=')
    await database.execute(
        "UPDATE key_usage SET window_started_at = window_started_at - interval '1 hour' WHERE key_id = $1", made["id"]
    )
    usage = (await ask(api, made)).json()
    assert usage["window"]["requests"] == 1
    assert [window["requests"] for window in usage["ended_windows"]] == [7]
    assert usage["refused_requests"] == 13
    assert usage["total_requests"] == 8


async def test_a_whole_answer_means_a_free_slot(api: Api) -> None:
    """With one slot, a client that waits for each answer is never refused, whatever the answer was."""
    made = await make_key(api, limits={"per_hour": 10_000, "concurrent": 1}, scopes=["read"])
    paths = ["/usage", "/sources?limit=x", f"/sources/{uuid.uuid4()}", "/stats", "/sources"] * 20
    statuses = {(await ask(api, made, path)).status_code for path in paths}
    assert statuses == {200, 404, 422}


async def test_leases_end_by_themselves(api: Api, database: Pool) -> None:
    """Slots held by a process that died are refused until they expire, then free again."""
    made = await make_key(api, limits={"concurrent": 2})
    held = "UPDATE key_usage SET leases = ARRAY(SELECT (extract(epoch FROM now() + $2) * 1e6)::bigint + n "
    held += "FROM generate_series(1, 2) AS n) WHERE key_id = $1"
    await database.execute(held, made["id"], timedelta(minutes=1))
    refused = await ask(api, made)
    assert refused.status_code == 429
    assert refused.json()["type"].endswith("too-many-at-once")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit"] == '"hour";r=1000;t=3600'
    await database.execute(held, made["id"], timedelta(minutes=-1))
    assert (await ask(api, made)).json()["in_flight"] == 1


async def test_a_revoked_key_is_out_at_once(api: Api) -> None:
    """DELETE works again and again; the key gets 401; an unknown one is 404."""
    made = await make_key(api)
    assert (await ask(api, made)).status_code == 200
    for _ in range(2):
        assert (await api.client.delete(f"/keys/{made['id']}")).status_code == 204
    refused = await ask(api, made)
    assert refused.status_code == 401
    assert refused.json()["type"].endswith("revoked-key")
    assert (await api.client.delete(f"/keys/{uuid.uuid4()}")).status_code == 404


async def test_an_expired_key_is_out(api: Api, database: Pool) -> None:
    """401 from the moment on that the key was made with."""
    made = await make_key(api, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert (await ask(api, made)).status_code == 200
    await database.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", made["id"])
    refused = await ask(api, made)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (401, "expired-key")


async def test_a_wrong_secret_is_an_unknown_key(api: Api) -> None:
    """Nothing tells a guesser that the key's id exists."""
    made = await make_key(api)
    guess = made["key"][:-1] + ("a" if made["key"][-1] != "a" else "b")
    stranger = "rkb_" + "0" * 32 + "_" + "a" * 52
    answers = [(await ask(api, {"key": text})).json() for text in (guess, stranger)]
    for answer in answers:
        answer.pop("trace_id")
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 401


async def test_a_key_sees_its_own_usage_and_an_administrator_any(api: Api) -> None:
    """Another key's usage needs the scope admin."""
    one, other = await make_key(api), await make_key(api)
    assert (await ask(api, one)).json()["key_id"] == one["id"]
    assert (await ask(api, one, f"/usage?key_id={other['id']}")).status_code == 403
    assert (await api.client.get(f"/usage?key_id={other['id']}")).json()["window"]["started_at"] is None
    assert (await api.client.get(f"/usage?key_id={uuid.uuid4()}")).status_code == 404


async def test_an_administrator_of_some_collections_makes_no_keys(api: Api, collection: str) -> None:
    """Else it could give itself a key for all of them."""
    made = await make_key(api, scopes=["admin"], collections=[collection])
    body = {"name": "more", "tier": "free", "scopes": ["read"]}
    refused = await api.client.post("/keys", json=body, headers={"Authorization": f"Bearer {made['key']}"})
    assert refused.status_code == 403
    assert (await ask(api, made, "/keys")).status_code == 403
    assert (await ask(api, made, f"/keys/{made['id']}", "DELETE")).status_code == 403


async def test_the_list_of_keys_has_pages(api: Api) -> None:
    """Following next_cursor meets every key once, newest first."""
    made = [(await make_key(api))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None and len(seen) < 6:
        answer = (await api.client.get("/keys", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert seen[:5] == made[::-1]


def bootstrap(stack: Stack, path: Path, option: str = "--output", status: int = 0) -> str:
    """Run the program that makes the first key; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "functions.keys.bootstrap", option, str(path)],
        cwd=ROOT, env=os.environ | stack.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


async def test_the_first_key_is_made_once_and_again_when_it_is_gone(stack: Stack, api: Api, tmp_path: Path) -> None:
    """Mode 0600, nothing secret printed, kept while it is valid, replaced when it was revoked or the file is gone."""
    path = tmp_path / "deep" / "api-key"
    printed = bootstrap(stack, path)
    first = path.read_text().strip()
    assert first not in printed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bootstrap(stack, path)
    assert path.read_text().strip() == first
    usage = (await ask(api, {"key": first})).json()
    assert (usage["tier"], usage["scopes"]) == ("premium", ["search", "read", "ingest", "admin"])
    assert (await api.client.delete(f"/keys/{usage['key_id']}")).status_code == 204
    bootstrap(stack, path)
    assert (await ask(api, {"key": path.read_text().strip()})).status_code == 200
    path.write_text("rubbish")
    bootstrap(stack, path)
    assert (await ask(api, {"key": path.read_text().strip()})).status_code == 200


async def test_a_key_made_elsewhere_becomes_the_first_key(stack: Stack, api: Api, tmp_path: Path) -> None:
    """Registered from its file, which stays as it is; again, nothing changes; a revoked one is refused, not revived."""
    path = tmp_path / "api-key"
    key = mint_key()
    path.write_text(key.reveal() + "\n")
    assert key.secret not in bootstrap(stack, path, "--register")
    bootstrap(stack, path, "--register")
    assert path.read_text() == key.reveal() + "\n"
    usage = (await ask(api, {"key": key.reveal()})).json()
    assert (usage["tier"], usage["scopes"]) == ("premium", ["search", "read", "ingest", "admin"])
    assert (await api.client.delete(f"/keys/{key.id}")).status_code == 204
    assert "revoked" in bootstrap(stack, path, "--register", status=1)
    assert (await ask(api, {"key": key.reveal()})).status_code == 401
    path.write_text("rubbish")
    assert "holds no key" in bootstrap(stack, path, "--register", status=1)
