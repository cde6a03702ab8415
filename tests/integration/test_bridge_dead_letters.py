"""What the bridge cannot deliver or publish: dead letters, which hold up nothing and can be replayed."""

import json
import uuid
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from events.cloudevents import CloudEvent
from events.dead_letters import DeadLetter, get_letter, list_letters, replay, store
from events.malformed import wrap_malformed
from events.topics import DOCUMENTS_TOPIC
from shared.documents import Bibliography, Submission, register
from shared.problems import Problem
from tests.integration.bridge_events import letters_of, make_events, publish
from tests.integration.bridge_rig import Rig, until

pytestmark = pytest.mark.stack


async def test_poison_becomes_a_dead_letter_that_can_be_replayed(rig: Rig) -> None:
    """422 ends in a stored dead letter after one attempt, fails its document, and a replay brings both back."""
    submission = Submission(b"text", "text/plain", Bibliography(external_id=uuid.uuid4().hex, collection="bridge"))
    async with rig.database.acquire() as connection, connection.transaction():
        receipt = (await register(connection, [submission], announce=True))[0]
    document_id = str(receipt.document_id)

    async def refuse(event: CloudEvent) -> web.Response | None:
        if (event.data or {}).get("document_id") == document_id:
            return web.json_response({"title": "Bad PDF", "detail": "page 3 is töricht"}, status=422)
        return None

    rig.receiver.answer = refuse
    await rig.start_bridge()

    async def document() -> Any:
        return await rig.database.fetchrow("SELECT state, problem FROM documents WHERE id = $1", receipt.document_id)

    async def has_failed() -> bool:
        return bool((await document())["state"] == "failed")

    await until(has_failed)
    async with rig.database.acquire() as connection:
        found = await list_letters(connection, limit=200)
    letter = next(item for item in found if item.event["data"].get("document_id") == document_id)
    assert (letter.topic, letter.attempts) == (DOCUMENTS_TOPIC, 1)
    assert letter.reason == "HTTP 422: Bad PDF: page 3 is töricht"
    problem = (await document())["problem"]
    assert letter.reason in problem["detail"]
    assert f"/dead-letters/{letter.id}/replay" in problem["action"]

    rig.receiver.answer = None
    async with rig.database.acquire() as connection, connection.transaction():
        replayed = await replay(connection, letter.id)
    assert replayed.replayed_at is not None
    row = await document()
    assert (row["state"], row["problem"]) == ("queued", None)
    await until(lambda: letter.event["id"] in rig.receiver.done)
    arrived = [event for event in rig.receiver.arrived if event.id == letter.event["id"]]
    assert len(arrived) == 2
    assert arrived[1].without("knativekafkaoffset", "knativekafkapartition").to_json() == letter.event


async def test_retries_are_bounded(rig: Rig) -> None:
    """A handler that always fails gets the event as often as is set, then it is a dead letter that says so."""
    poison, *others = make_events(10, keys=10)

    async def fail(event: CloudEvent) -> web.Response | None:
        return web.Response(status=500) if event.id == poison.id else None

    rig.receiver.answer = fail
    await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="3")
    await publish(rig, [poison, *others])

    async def is_dead() -> bool:
        return bool(await letters_of(rig, {poison.id}))

    await until(is_dead)
    letter = (await letters_of(rig, {poison.id}))[0]
    assert (letter.attempts, letter.reason) == (3, "HTTP 500")
    assert [event.id for event in rig.receiver.arrived].count(poison.id) == 3
    await until(lambda: {event.id for event in others} <= set(rig.receiver.done))


async def test_patience_with_a_receiver_that_is_away_is_bounded(rig: Rig) -> None:
    """Without patience attempts count whatever the cause."""
    events = make_events(4, keys=4)
    ids = {event.id for event in events}

    async def unavailable(event: CloudEvent) -> web.Response | None:
        return web.Response(status=503) if event.id in ids else None

    rig.receiver.answer = unavailable
    await rig.start_bridge(BRIDGE_MAX_ATTEMPTS="2", BRIDGE_OUTAGE_PATIENCE_S="0")
    await publish(rig, events)

    async def all_dead() -> bool:
        return len(await letters_of(rig, ids)) == 4

    await until(all_dead)


async def test_records_that_are_no_events_hold_up_nothing(rig: Rig) -> None:
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
        async with rig.database.acquire() as connection:
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


async def test_an_unpublishable_row_holds_up_no_other(rig: Rig) -> None:
    """A row in the outbox that is no event becomes a dead letter; what comes after it is published."""
    marker = uuid.uuid4().hex
    await rig.database.execute(
        "INSERT INTO outbox (topic, partition_key, event) VALUES ($1, $2, $3)", DOCUMENTS_TOPIC, marker, {"id": marker}
    )
    ids = await publish(rig, make_events(1))
    await rig.start_bridge()
    await until(lambda: ids <= set(rig.receiver.done))

    async def reasons() -> list[str]:
        async with rig.database.acquire() as connection:
            found = await list_letters(connection, limit=200)
        return [letter.reason for letter in found if letter.partition_key == marker]

    await until(reasons)
    assert (await reasons())[0].startswith("not publishable: ")


async def test_a_dead_letter_is_stored_and_replayed_once(rig: Rig) -> None:
    """A second delivery stores nothing; a second replay is refused, as is that of what is no event or not there."""
    event = make_events(1)[0]
    async with rig.database.acquire() as connection:
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
