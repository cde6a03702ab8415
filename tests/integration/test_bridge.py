"""The bridge between a real Postgres, a real Apache Kafka and HTTP: order, retries, dead letters, kills."""

import asyncio
import json
import signal
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from aiokafka import AIOKafkaProducer

from events.cloudevents import CloudEvent
from events.dead_letters import DeadLetter, get_letter, list_letters, replay, store
from events.malformed import wrap_malformed
from events.outbox import enqueue
from events.processed import claim, is_processed
from events.topics import DOCUMENTS_TOPIC
from shared.database import open_pool
from shared.documents import Bibliography, Submission, register
from shared.problems import Problem
from tests.integration.bridge_rig import Broker, Receiver, Rig, free_port, serve_postgres, until

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A broker, a database and a receiver of this module's own."""
    home = tmp_path_factory.mktemp("bridge")
    broker = Broker(home)
    broker.start()
    try:
        async with serve_postgres(home) as database_url:
            receiver = Receiver(database_url, free_port())
            await receiver.start()
            built = Rig(broker, database_url, receiver, home)
            yield built
            await built.end_bridges()
            await receiver.stop()
    finally:
        broker.end()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def database(rig: Rig) -> AsyncIterator["asyncpg.Pool[Any]"]:
    pool = await open_pool(rig.database_url, 4, 60)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def clean(rig: Rig) -> AsyncIterator[None]:
    """Each test starts without bridges and with a receiver that takes everything."""
    rig.receiver.answer = None
    rig.receiver.arrived.clear()
    rig.receiver.done.clear()
    rig.receiver.most_at_once = 0
    yield
    await rig.end_bridges()


def make_events(count: int, keys: int = 1) -> list[CloudEvent]:
    """Return document.submitted events, round robin over as many source ids; `subject` is the number within the key."""
    sources = [str(uuid.uuid4()) for _ in range(keys)]
    return [
        CloudEvent.new(
            source="/tests",
            type="document.submitted",
            data={"document_id": str(uuid.uuid4()), "source_id": sources[n % keys]},
            partitionkey=sources[n % keys],
            subject=str(n // keys),
        )
        for n in range(count)
    ]


async def publish(database: "asyncpg.Pool[Any]", events: Sequence[CloudEvent]) -> set[str]:
    """Publish through the outbox, some per transaction; return the ids."""
    async with database.acquire() as connection:
        for start in range(0, len(events), 20):
            async with connection.transaction():
                await enqueue(connection, events[start : start + 20])
    return {event.id for event in events}


async def letters_of(database: "asyncpg.Pool[Any]", ids: set[str]) -> list[DeadLetter]:
    async with database.acquire() as connection:
        found = await list_letters(connection, limit=200, replayed=True)
    return [letter for letter in found if letter.event["id"] in ids]


def by_key(events: Sequence[CloudEvent], ids: set[str]) -> dict[str, list[int]]:
    """Return the order in which each key's events arrived for the first time."""
    order: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for event in events:
        if event.id in ids and event.id not in seen:
            seen.add(event.id)
            order[str(event.partitionkey)].append(int(str(event.subject)))
    return order


async def test_events_travel_from_outbox_to_function(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """An event arrives as published, with partition and offset added; its row is marked, a deletion's is gone."""
    source = str(uuid.uuid4())
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    submitted = make_events(1)[0]
    deleted = CloudEvent.new(
        source="/tests/ä b", type="source.deleted", data={"source_id": source, "collection": "ü"}, partitionkey=source,
        traceparent=trace,
    )  # fmt: skip
    ids = await publish(database, [submitted, deleted])
    await rig.start_bridge()
    await until(lambda: {event.id for event in rig.receiver.arrived} >= ids)
    for event in (submitted, deleted):
        arrived = next(item for item in rig.receiver.arrived if item.id == event.id)
        assert set(arrived.extensions) == {"knativekafkaoffset", "knativekafkapartition"}
        assert arrived.without("knativekafkaoffset", "knativekafkapartition") == event

    async def is_marked() -> bool:
        rows = await database.fetch(
            "SELECT event ->> 'id' AS id, published_at FROM outbox WHERE event ->> 'id' = ANY ($1)", list(ids)
        )
        return [row["id"] for row in rows if row["published_at"]] == [submitted.id]

    await until(is_marked)


async def test_keys_keep_their_order_side_by_side(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
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
    await publish(database, events)
    others = {event.id for event in events if event.partitionkey != stuck}
    await until(lambda: others <= set(rig.receiver.done))
    assert failures > 1
    assert not ids - others & set(rig.receiver.done)
    released.set()
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())
    assert 1 < rig.receiver.most_at_once <= 5


async def test_poison_becomes_a_dead_letter_that_can_be_replayed(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """422 ends in a stored dead letter after one attempt, fails its document, and a replay brings both back."""
    submission = Submission(b"text", "text/plain", Bibliography(external_id=uuid.uuid4().hex, collection="bridge"))
    async with database.acquire() as connection, connection.transaction():
        receipt = (await register(connection, [submission], announce=True))[0]
    document_id = str(receipt.document_id)

    async def refuse(event: CloudEvent) -> web.Response | None:
        if (event.data or {}).get("document_id") == document_id:
            return web.json_response({"title": "Bad PDF", "detail": "page 3 is töricht"}, status=422)
        return None

    rig.receiver.answer = refuse
    await rig.start_bridge()

    async def document() -> Any:
        return await database.fetchrow("SELECT state, problem FROM documents WHERE id = $1", receipt.document_id)

    async def has_failed() -> bool:
        return bool((await document())["state"] == "failed")

    await until(has_failed)
    async with database.acquire() as connection:
        found = await list_letters(connection, limit=200)
    letter = next(item for item in found if item.event["data"].get("document_id") == document_id)
    assert (letter.topic, letter.attempts) == (DOCUMENTS_TOPIC, 1)
    assert letter.reason == "HTTP 422: Bad PDF: page 3 is töricht"
    problem = (await document())["problem"]
    assert letter.reason in problem["detail"]
    assert f"/dead-letters/{letter.id}/replay" in problem["action"]

    rig.receiver.answer = None
    async with database.acquire() as connection, connection.transaction():
        replayed = await replay(connection, letter.id)
    assert replayed.replayed_at is not None
    row = await document()
    assert (row["state"], row["problem"]) == ("queued", None)
    await until(lambda: letter.event["id"] in rig.receiver.done)
    arrived = [event for event in rig.receiver.arrived if event.id == letter.event["id"]]
    assert len(arrived) == 2
    assert arrived[1].without("knativekafkaoffset", "knativekafkapartition").to_json() == letter.event


async def test_retries_are_bounded(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """A handler that always fails gets the event as often as is set, then it is a dead letter that says so."""
    poison, *others = make_events(10, keys=10)

    async def fail(event: CloudEvent) -> web.Response | None:
        return web.Response(status=500) if event.id == poison.id else None

    rig.receiver.answer = fail
    await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="3")
    await publish(database, [poison, *others])

    async def is_dead() -> bool:
        return bool(await letters_of(database, {poison.id}))

    await until(is_dead)
    letter = (await letters_of(database, {poison.id}))[0]
    assert (letter.attempts, letter.reason) == (3, "HTTP 500")
    assert [event.id for event in rig.receiver.arrived].count(poison.id) == 3
    await until(lambda: {event.id for event in others} <= set(rig.receiver.done))


async def test_records_that_are_no_events_hold_up_nothing(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """Raw bytes, foreign headers and structured records on the topic: the bad end as dead letters, the good arrive."""
    good = make_events(1)[0]
    marker = uuid.uuid4().hex
    structured = [("content-type", b"application/cloudevents+json")]
    producer = AIOKafkaProducer(bootstrap_servers=rig.broker.bootstrap, max_request_size=2 * 2**20)
    await rig.start_bridge()
    await until(lambda: _is_up(rig), 60)
    await producer.start()
    try:
        for value, headers in [
            (f"raw {marker} \0".encode(), []),
            (f"binary {marker}".encode(), [("ce_specversion", b"1.0"), ("ce_id", b"\xff")]),
            (f"huge {marker} ".encode() + b"x" * 1_040_000, []),
            (b"", []),
            (json.dumps(good.to_json()).encode(), structured),
        ]:
            await producer.send_and_wait(DOCUMENTS_TOPIC, value, key=b"\xffkey", headers=headers)
    finally:
        await producer.stop()
    await until(lambda: good.id in rig.receiver.done)

    async def stored() -> list[DeadLetter]:
        async with database.acquire() as connection:
            found = await list_letters(connection, limit=200)
        return [letter for letter in found if letter.event["type"] == "record.malformed"]

    async def has_all() -> bool:
        return len(await stored()) == 4

    await until(has_all)
    assert {letter.topic for letter in await stored()} == {DOCUMENTS_TOPIC}
    assert all(letter.reason.startswith("not a CloudEvent") for letter in await stored())


async def _is_up(rig: Rig) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"http://127.0.0.1:{rig.bridges[-1].port}/metrics")).text
    except httpx.HTTPError:
        return False
    return "research_kb_bridge_relay_active 1.0" in metrics


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


async def test_a_killed_bridge_loses_nothing(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """SIGKILL in the middle: after the restart every event has arrived, each key's still in order."""
    events = make_events(300, keys=30)

    async def slowly(_: CloudEvent) -> None:
        await asyncio.sleep(0.02)

    rig.receiver.answer = slowly
    bridge = await rig.start_bridge()
    ids = await publish(database, events)
    await until(lambda: len(rig.receiver.done) > 60)
    await bridge.end(signal.SIGKILL)
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())


async def test_a_killed_broker_loses_nothing(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """SIGKILL of Kafka in the middle: publishing and delivery go on by themselves once it is back."""
    events = make_events(400, keys=40)

    async def slowly(_: CloudEvent) -> None:
        await asyncio.sleep(0.02)

    rig.receiver.answer = slowly
    await rig.start_bridge()
    ids = await publish(database, events[:200])
    await until(lambda: len(rig.receiver.done) > 60)
    rig.broker.end(signal.SIGKILL)
    ids |= await publish(database, events[200:])
    await asyncio.sleep(1)
    rig.broker.start()
    await until(lambda: ids <= set(rig.receiver.done), 90)
    assert all(sorted(order) == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())
    assert not await letters_of(database, ids)


async def test_a_receiver_that_is_away_costs_no_event_its_attempts(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """While nobody listens, and while everything is answered 503, events wait; afterwards all arrive, none is dead."""
    events = make_events(60, keys=20)
    await rig.receiver.stop()
    try:
        await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="2")
        ids = await publish(database, events)
        await asyncio.sleep(4)
    finally:
        await rig.receiver.start()
    unavailable_until = time.monotonic() + 4

    async def unavailable(_: CloudEvent) -> web.Response | None:
        return web.Response(status=503) if time.monotonic() < unavailable_until else None

    rig.receiver.answer = unavailable
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(3)) for order in by_key(rig.receiver.arrived, ids).values())
    assert not await letters_of(database, ids)


async def test_patience_with_a_receiver_that_is_away_is_bounded(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """Without patience attempts count whatever the cause."""
    events = make_events(4, keys=4)
    ids = {event.id for event in events}

    async def unavailable(event: CloudEvent) -> web.Response | None:
        return web.Response(status=503) if event.id in ids else None

    rig.receiver.answer = unavailable
    await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="2", BRIDGE_OUTAGE_PATIENCE_S="0")
    await publish(database, events)

    async def all_dead() -> bool:
        return len(await letters_of(database, ids)) == 4

    await until(all_dead)


async def test_two_bridges_share_the_work_and_survive_each_other(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """With a second bridge joining and the first leaving mid-way every event arrives, each key's in order."""
    events = make_events(400, keys=40)

    async def slowly(_: CloudEvent) -> None:
        await asyncio.sleep(0.03)

    rig.receiver.answer = slowly
    first = await rig.start_bridge()
    ids = await publish(database, events[:200])
    await until(lambda: len(rig.receiver.done) > 20)
    await rig.start_bridge()
    await asyncio.sleep(2)
    ids |= await publish(database, events[200:])
    await until(lambda: len(set(rig.receiver.done) & ids) > 220)
    assert await first.end() == 0
    await until(lambda: ids <= set(rig.receiver.done))
    assert all(order == list(range(10)) for order in by_key(rig.receiver.arrived, ids).values())


async def test_sigterm_finishes_what_is_in_flight_and_commits(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """After SIGTERM requests in flight are finished and committed: the next bridge delivers no event twice."""
    events = make_events(100, keys=100)

    async def slowly(_: CloudEvent) -> None:
        await asyncio.sleep(0.3)

    rig.receiver.answer = slowly
    bridge = await rig.start_bridge()
    ids = await publish(database, events)
    await until(lambda: len(rig.receiver.done) > 20)
    assert await bridge.end() == 0
    assert rig.receiver.at_once == 0
    started = len([event for event in rig.receiver.arrived if event.id in ids])
    assert len(rig.receiver.done) == started
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))
    # Finished records behind an unfinished one of their partition may come again; they are few, not all.
    assert len(rig.receiver.arrived) - len(ids) < started


async def test_an_unpublishable_row_holds_up_no_other(rig: Rig, database: "asyncpg.Pool[Any]") -> None:
    """A row in the outbox that is no event becomes a dead letter; what comes after it is published."""
    marker = uuid.uuid4().hex
    await database.execute(
        "INSERT INTO outbox (topic, partition_key, event) VALUES ($1, $2, $3)", DOCUMENTS_TOPIC, marker, {"id": marker}
    )
    ids = await publish(database, make_events(1))
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))

    async def reasons() -> list[str]:
        async with database.acquire() as connection:
            found = await list_letters(connection, limit=200)
        return [letter.reason for letter in found if letter.partition_key == marker]

    await until(reasons)
    assert (await reasons())[0].startswith("not publishable: ")


async def test_an_event_is_claimed_once(database: "asyncpg.Pool[Any]") -> None:
    """Of two deliveries at once one claims the event, the other waits for it; every handler has its own claim."""
    event = make_events(1)[0]
    async with database.acquire() as one, database.acquire() as two:
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


async def test_a_dead_letter_is_stored_and_replayed_once(database: "asyncpg.Pool[Any]") -> None:
    """A second delivery stores nothing; a second replay is refused, as is that of what is no event or not there."""
    event = make_events(1)[0]
    async with database.acquire() as connection:
        letter = await store(connection, event, DOCUMENTS_TOPIC, "why", 3)
        assert letter is not None
        assert await store(connection, event, DOCUMENTS_TOPIC, "why", 3) is None
        assert (await get_letter(connection, letter)).event == event.to_json()
        assert [item.id for item in await list_letters(connection, limit=1, below=letter + 1)] == [letter]
        await replay(connection, letter)
        assert letter not in [item.id for item in await list_letters(connection, limit=200)]
        assert letter in [item.id for item in await list_letters(connection, limit=200, replayed=True)]
        raw = await store(connection, wrap_malformed([], b"\0", "raw"), DOCUMENTS_TOPIC, "why", 0)
        for wanted, status in [(letter, 409), (raw, 422), (2**40, 404)]:
            assert wanted is not None
            with pytest.raises(Problem) as caught:
                await replay(connection, wanted)
            assert caught.value.status == status


async def test_a_misconfigured_bridge_says_what_is_missing(tmp_path: Path) -> None:
    """Without its settings the bridge ends at once and names them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "events.bridge", env={}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"KAFKA_BOOTSTRAP" in said
    assert b"INTERNAL_URL" in said
