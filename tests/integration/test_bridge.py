"""The bridge between a real Postgres, a real Apache Kafka and HTTP: every event arrives, in order, claimed once."""

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from events.cloudevents import CloudEvent
from events.processed import claim, is_processed
from events.topics import DOCUMENTS_TOPIC
from tests.integration.bridge_events import by_key, make_events, publish
from tests.integration.bridge_rig import Rig, until

pytestmark = pytest.mark.stack


async def test_events_travel_from_outbox_to_function(rig: Rig) -> None:
    """An event arrives as published, with partition and offset added; its row is marked, a deletion's is gone."""
    source = str(uuid.uuid4())
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    submitted = make_events(1)[0]
    deleted = CloudEvent.new(
        source="/tests/ä b", type="source.deleted", data={"source_id": source, "collection": "ü"}, partitionkey=source,
        traceparent=trace,
    )  # fmt: skip
    ids = await publish(rig, [submitted, deleted])
    await rig.start_bridge()
    await until(lambda: {event.id for event in rig.receiver.arrived} >= ids)
    for event in (submitted, deleted):
        arrived = next(item for item in rig.receiver.arrived if item.id == event.id)
        assert set(arrived.extensions) == {"knativekafkaoffset", "knativekafkapartition"}
        assert arrived.without("knativekafkaoffset", "knativekafkapartition") == event

    async def is_marked() -> bool:
        rows = await rig.database.fetch(
            "SELECT event ->> 'id' AS id, published_at FROM outbox WHERE event ->> 'id' = ANY ($1)", list(ids)
        )
        return [row["id"] for row in rows if row["published_at"]] == [submitted.id]

    await until(is_marked)


async def test_keys_keep_their_order_side_by_side(rig: Rig) -> None:
    """Each key's events arrive in order; a key that is retried delays no other; parallelism stays within its bound."""
    events = make_events(120, keys=12)
    ids = {event.id for event in events}
    stuck = events[0].partitionkey
    failures = 0
    released = asyncio.Event()

    async def answer(event: CloudEvent) -> web.Response | None:
        nonlocal failures
        await asyncio.sleep(0.01)
        if event.partitionkey == stuck and not released.is_set():
            failures += 1
            return web.json_response({}, status=503)
        return None

    rig.receiver.answer = answer
    await rig.start_bridge(BRIDGE_CONCURRENCY="5", BRIDGE_MAX_ATTEMPTS="1000")
    await publish(rig, events)
    others = {event.id for event in events if event.partitionkey != stuck}
    await until(lambda: others <= set(rig.receiver.done))
    assert failures > 1
    assert not ids - others & set(rig.receiver.done)
    released.set()
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())
    assert 1 < rig.receiver.most_at_once <= 5


async def test_an_event_posted_to_the_ingress_reaches_its_function(rig: Rig) -> None:
    """As a KafkaSink and KafkaSource would: 202 when Kafka has it, delivered to the function's own address.

    What is no event, or on the wrong topic, is refused at once. No relay, no clock, no database is needed.
    """
    event = make_events(1)[0]
    sinks = json.dumps({"extract": f"{rig.receiver.url}/extract"})
    off = {"BRIDGE_RELAY": "false", "BRIDGE_SWEEP_INTERVAL_S": "0", "DATABASE_URL": ""}
    bridge = await rig.start_bridge(BRIDGE_INGRESS="true", BRIDGE_SINKS=sinks, INTERNAL_URL="http://127.0.0.1:1", **off)
    headers, body = event.to_binary()
    topics = f"http://127.0.0.1:{bridge.port}/topics"
    async with httpx.AsyncClient(base_url=topics, timeout=30) as client:

        async def post(topic: str, headers: dict[str, str], body: bytes) -> int:
            try:
                return (await client.post(f"/{topic}", headers=headers, content=body)).status_code
            except httpx.ConnectError:
                return 0  # it is still starting

        async def taken() -> bool:
            return await post(DOCUMENTS_TOPIC, headers, body) == 202

        await until(taken)
        assert await post("research-kb.passages", headers, body) == 422
        assert await post("elsewhere", headers, body) == 404
        assert await post(DOCUMENTS_TOPIC, {"content-type": "application/json"}, body) == 400
        assert await post(DOCUMENTS_TOPIC, headers, b" " * (2 * 2**20 + 1)) == 413
    await until(lambda: event.id in rig.receiver.done)
    arrived = next(item for item in rig.receiver.arrived if item.id == event.id)
    assert set(arrived.extensions) == {"knativekafkaoffset", "knativekafkapartition"}
    assert arrived.partitionkey == event.partitionkey


async def test_an_event_is_claimed_once(rig: Rig) -> None:
    """Of two deliveries at once one claims the event, the other waits for it; every handler has its own claim."""
    event = make_events(1)[0]
    async with rig.database.acquire() as one, rig.database.acquire() as two:
        first = one.transaction()
        await first.start()
        assert await claim(one, "extract", event)
        second = asyncio.create_task(_claim_alone(two, event))
        await asyncio.sleep(0.1)
        assert not second.done()
        await first.rollback()
        assert await second
        assert not await _claim_alone(one, event)
        assert await is_processed(one, "extract", event)
        assert not await is_processed(one, "embed", event)


async def _claim_alone(connection: Any, event: CloudEvent) -> bool:
    async with connection.transaction():
        return await claim(connection, "extract", event)


async def test_a_misconfigured_bridge_says_what_is_missing(tmp_path: Path) -> None:
    """Without its settings the bridge ends at once and names them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "events.bridge", env={}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"KAFKA_BOOTSTRAP" in said
    assert b"INTERNAL_URL" in said
