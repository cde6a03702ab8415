"""Counts that survive every process: each answer, refusal, document and verdict once, whatever is killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from events.cloudevents import CloudEvent
from events.topics import SEARCH_PERFORMED
from functions.metrics import catalogue
from tests.conftest import ROOT, Api, Stack, free_port
from tests.integration.test_crashes import pid_of

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"

UNCOUNTED = """
SELECT (SELECT count(*) FROM activity) + (
    SELECT count(*) FROM outbox AS o
    WHERE o.event->>'type' = ANY ($1) AND NOT EXISTS (
        SELECT FROM processed_events AS p WHERE p.handler = 'metrics' AND p.event_id = o.event->>'id'))
"""
"""Notes that are in no event yet, and events that were not added up yet (published outbox rows stay for an hour)."""


async def counted(database: Pool, timeout_s: float = 60) -> None:
    """Wait until everything noted so far is in the sums."""
    async with asyncio.timeout(timeout_s):
        while await database.fetchval(UNCOUNTED, [SEARCH_PERFORMED]):  # noqa: ASYNC110 -- a row tells nobody
            await asyncio.sleep(0.1)


async def scrape(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample of an exposition by name and labels."""
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.get(f"{url}/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def total(stack: Stack, name: str, **labels: str) -> float:
    """Return the sum of all series of a metric that have these labels."""
    wanted = set(labels.items())
    return sum(value for (key, having), value in (await scrape(stack.internal_url)).items()
               if key == name and wanted <= having)  # fmt: skip


async def grown(stack: Stack, name: str, least: float, **labels: str) -> None:
    """Wait until a metric has reached `least`."""
    async with asyncio.timeout(60):
        while await total(stack, name, **labels) < least:  # noqa: ASYNC110 -- metrics are polled
            await asyncio.sleep(0.2)


@asynccontextmanager
async def metrics_process(stack: Stack) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run the function metrics alone, as in production."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uvicorn", "--factory", "functions.metrics.main:create_app", "--port", str(port),
        "--log-level", "critical", cwd=ROOT, env=os.environ | stack.environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                try:
                    await client.get(f"{url}/ready")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def make_event(function: str, requests: int) -> CloudEvent:
    """An event of requests of one function, which no other test counts."""
    request = {"function": function, "method": "GET", "status": 200, "seconds": 0.25}
    data = {"requests": [request] * requests, "starts": [{"function": function}]}
    return CloudEvent.new(type=SEARCH_PERFORMED, source="/tests", data=data, partitionkey=str(uuid.uuid4()))


async def post(client: httpx.AsyncClient, url: str, event: CloudEvent) -> int:
    """Deliver an event; return the status, 0 where nobody answered."""
    headers, body = event.to_binary()
    try:
        return (await client.post(url, headers=headers, content=body)).status_code
    except httpx.TransportError:
        return 0


async def test_every_answer_is_counted_once_though_the_bridge_is_killed(
    stack: Stack, api: Api, database: Pool, collection: str
) -> None:
    """Searches go on while the bridge is killed twice: the counter has grown by exactly the number of answers."""
    await api.index(title="Counting", text="Sheep are counted one by one.", collection=collection)
    await counted(database)
    before = await total(stack, "research_kb_searches_total")
    served = await total(stack, "research_kb_requests_total", function="search", status="200")
    answers = 0

    async def ask(turns: int) -> None:
        nonlocal answers
        for turn in range(turns):
            answer = await api.search(f"sheep {turn}", collection=collection)
            assert answer["hits"]
            answers += 1

    asking = [asyncio.create_task(ask(25)) for _ in range(8)]
    for _ in range(2):
        await asyncio.sleep(0.5)
        os.kill(pid_of(stack, "bridge"), signal.SIGKILL)
        await asyncio.sleep(1)
    await asyncio.gather(*asking)
    await counted(database)
    assert answers == 200
    assert await total(stack, "research_kb_searches_total") == before + answers
    assert await total(stack, "research_kb_search_seconds_count") == before + answers
    assert await total(stack, "research_kb_requests_total", function="search", status="200") == served + answers


async def test_events_add_once_though_the_function_is_killed(stack: Stack, database: Pool) -> None:
    """Every event several times, to two processes of which one is killed half way: each adds once."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    events = [make_event(name, 3) for _ in range(40)]
    async with httpx.AsyncClient(timeout=60) as client:
        async with metrics_process(stack) as (url, process):
            halfway = [asyncio.create_task(post(client, f"{url}/", event)) for event in events * 2]
            await halfway[15]
            process.kill()
            await asyncio.gather(*halfway)
        again = [post(client, f"{stack.internal_url}/metrics", event) for event in events * 2]
        assert set(await asyncio.gather(*again)) == {200}
    rows = await database.fetch("SELECT name, value FROM counters WHERE labels->>'function' = $1", name)
    assert {row["name"]: row["value"] for row in rows} == {
        "research_kb_requests_total": 120, "research_kb_cold_starts_total": 40,
    }  # fmt: skip
    found = await scrape(stack.internal_url)
    label = ("function", name)
    assert found["research_kb_request_seconds_count", frozenset({label})] == 120
    assert found["research_kb_request_seconds_sum", frozenset({label})] == 30
    assert found["research_kb_request_seconds_bucket", frozenset({label, ("le", "0.3")})] == 120
    assert found["research_kb_request_seconds_bucket", frozenset({label, ("le", "0.2")})] == 0
    await database.execute("DELETE FROM counters WHERE labels->>'function' = $1", name)
    await database.execute("DELETE FROM histograms WHERE labels->>'function' = $1", name)


async def test_malformed_and_foreign_events_add_nothing(stack: Stack, database: Pool) -> None:
    """422 poison; the sums stay."""
    before = await database.fetchval("SELECT sum(value) FROM counters WHERE name = 'research_kb_events_handled_total'")
    wrong = CloudEvent.new(type=SEARCH_PERFORMED, source="/t", data={"requests": [{"query": "why"}]}, partitionkey="k")
    foreign = CloudEvent.new(type="document.submitted", source="/t", data={"text": "x"}, partitionkey="k")
    async with httpx.AsyncClient(timeout=60) as client:
        for event in (wrong, foreign):
            assert await post(client, f"{stack.internal_url}/metrics", event) == 422
    after = await database.fetchval("SELECT sum(value) FROM counters WHERE name = 'research_kb_events_handled_total'")
    assert after == before


async def test_documents_and_deletions_are_timed(stack: Stack, api: Api, database: Pool, collection: str) -> None:
    """A document that becomes searchable, one that fails, and a deletion each add once."""
    await counted(database)
    names = {"indexed": 0.0, "failed": 0.0}
    for outcome in names:
        names[outcome] = await total(stack, "research_kb_documents_settled_total", outcome=outcome)
    fresh = await total(stack, "research_kb_document_freshness_seconds_count")
    gone = await total(stack, "research_kb_deletion_seconds_count")
    status = await api.index(title="Fresh", text="Bread from this morning.", collection=collection)
    broken = await api.client.post(
        "/documents",
        files={"file": ("nothing.pdf", b"%PDF-1.4 of nothing", "application/pdf")},
        data={"collection": collection},
    )
    assert broken.status_code == 202, broken.text
    assert (await api.settled(broken.json()["id"]))["state"] == "failed"
    assert (await api.client.delete(f"/sources/{status['source_id']}")).is_success
    await grown(stack, "research_kb_deletion_seconds_count", gone + 1)
    await counted(database)
    for outcome, count in names.items():
        assert await total(stack, "research_kb_documents_settled_total", outcome=outcome) == count + 1
    assert await total(stack, "research_kb_document_freshness_seconds_count") == fresh + 1


async def test_feedback_is_kept_and_counted_once(stack: Stack, api: Api, database: Pool, collection: str) -> None:
    """201, then 200 for the same again; the counter grows by one."""
    await api.index(title="Verdicts", text="Juries return verdicts.", collection=collection)
    response = await api.client.post("/search", json={"query": "verdicts", "collection": collection})
    given = {"search_id": response.headers["x-trace-id"], "passage_id": response.json()["hits"][0]["id"],
             "verdict": "clicked", "rank": 1}  # fmt: skip
    await counted(database)
    before = await total(stack, "research_kb_feedback_total", verdict="clicked")
    first = await api.client.post("/feedback", json=given)
    assert (first.status_code, first.json()["duplicate"]) == (201, False), first.text
    second = await api.client.post("/feedback", json=given)
    assert (second.status_code, second.json()["duplicate"]) == (200, True), second.text
    await counted(database)
    assert await total(stack, "research_kb_feedback_total", verdict="clicked") == before + 1


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [
        ({"verdict": "great"}, 422, "invalid-request"),
        ({"search_id": "x"}, 422, "invalid-request"),
        ({"passage_id": 0}, 422, "invalid-request"),
        ({"passage_id": "7"}, 422, "invalid-request"),
        ({"rank": 0}, 422, "invalid-request"),
        ({"comment": "thanks"}, 422, "invalid-request"),
        ({"passage_id": 2**62}, 404, "passage-not-found"),
    ],
)
async def test_feedback_that_makes_no_sense_is_a_problem(
    api: Api, change: dict[str, Any], status: int, slug: str
) -> None:
    """Problem documents that say what to do."""
    given = {"search_id": "0" * 32, "passage_id": 1, "verdict": "relevant"} | change
    response = await api.client.post("/feedback", json=given)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].endswith(slug)
    assert response.json()["action"]


async def test_refusals_are_counted_by_reason_and_tier(stack: Stack, api: Api, database: Pool) -> None:
    """A request without a key, and one with a key that lacks the scope."""
    made = await api.client.post("/keys", json={"name": "reader", "tier": "free", "scopes": ["read"]})
    before = {
        reason: await total(stack, "research_kb_request_refusals_total", reason=reason)
        for reason in ("missing", "scope")
    }
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as stranger:
        for _ in range(3):
            assert (await stranger.post("/search", json={"query": "x"})).status_code == 401
        headers = {"X-API-Key": made.json()["key"]}
        assert (await stranger.post("/search", json={"query": "x"}, headers=headers)).status_code == 403
    await grown(stack, "research_kb_request_refusals_total", before["missing"] + 3, reason="missing")
    await counted(database)
    assert await total(stack, "research_kb_request_refusals_total", reason="missing") == before["missing"] + 3
    assert await total(stack, "research_kb_request_refusals_total", reason="scope", tier="free") >= 1


async def test_the_previous_releases_statement_still_gives_leases_back(database: Pool, api: Api) -> None:
    """release_lease(key, lease) frees the slot and notes nothing; a repeated end_request notes once."""
    made = (await api.client.post("/keys", json={"name": "old", "tier": "free", "scopes": ["search"]})).json()
    await api.client.get("/usage", headers={"Authorization": f"Bearer {made['key']}"})
    key_id = uuid.UUID(made["id"])
    note = '{"function": "tests", "method": "GET", "status": 200, "seconds": 0}'

    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("DELETE FROM activity")
        await connection.execute("UPDATE key_usage SET leases = '{1,2}' WHERE key_id = $1", key_id)
        await connection.execute("SELECT release_lease($1, 1)", key_id)
        assert await connection.fetchval("SELECT leases FROM key_usage WHERE key_id = $1", key_id) == [2]
        assert await connection.fetchval("SELECT count(*) FROM activity") == 0
        for again in (False, True, True):
            await connection.execute("SELECT end_request($1, 2, $2, $3)", key_id, note, again)
        assert await connection.fetchval("SELECT leases FROM key_usage WHERE key_id = $1", key_id) == []
        assert await connection.fetchval("SELECT count(*) FROM activity") == 1
        await transaction.rollback()


async def test_the_exposition_has_every_family_and_is_not_public(stack: Stack) -> None:
    """Each metric of the catalogue, of its type; the public address knows no /metrics."""
    async with httpx.AsyncClient(timeout=30) as client:
        text = (await client.get(f"{stack.internal_url}/metrics")).text
        assert (await client.get(f"{stack.base_url}/metrics")).status_code == 404
    types = {family.name: family.type for family in text_string_to_metric_families(text)}
    for family in catalogue.FAMILIES:
        assert types.get(family.name.removesuffix("_total")) == family.kind, family.name
    found = await scrape(stack.internal_url)
    assert found["research_kb_database_up", frozenset()] == 1
    assert found["research_kb_inference_up", frozenset()] == 1
    assert found["research_kb_database_connections_limit", frozenset()] > 0
    assert found["research_kb_keys", frozenset({("tier", "premium")})] >= 1
    assert ("research_kb_process_start_seconds", frozenset({("function", "search")})) in found


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_promtool_finds_nothing_to_say(stack: Stack) -> None:
    """`promtool check metrics` takes the exposition; it reads the kb of our prefix as a unit, which it is not."""
    async with httpx.AsyncClient(timeout=30) as client:
        text = (await client.get(f"{stack.internal_url}/metrics")).content
    checked = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await checked.communicate(text)
    lines = [line for line in said.decode().splitlines() if not line.endswith("should not contain abbreviated units")]
    assert not [line for line in lines if "research_kb_" in line], lines
