"""Each event handler on the real stack: once, twice, malformed, and against what is gone."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from events.cloudevents import CloudEvent
from events.topics import DOCUMENT_SUBMITTED, DOCUMENTS_TOPIC, PASSAGES_EXTRACTED, SOURCE_INDEXED
from tests.conftest import Api, Stack

pytestmark = pytest.mark.stack


def make_event(event_type: str, data: dict[str, Any]) -> CloudEvent:
    """Return an event as an outside producer would make it."""
    return CloudEvent.new(type=event_type, source="/tests", data=data, partitionkey=str(uuid.uuid4()))


async def deliver(stack: Stack, function: str, event: CloudEvent) -> httpx.Response:
    """POST an event to a function in binary mode."""
    headers, body = event.to_binary()
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(f"{stack.internal_url}/{function}", headers=headers, content=body)


async def counts(database: "asyncpg.Pool[Any]", source_id: str) -> tuple[int, ...]:
    """Return the numbers of documents, passages, vectors and events of a source."""
    row = await database.fetchrow(
        "SELECT (SELECT count(*) FROM documents WHERE source_id = $1::uuid), "
        "(SELECT count(*) FROM passages WHERE source_id = $1::uuid), "
        "(SELECT count(*) FROM embeddings WHERE source_id = $1::uuid), "
        "(SELECT count(*) FROM outbox WHERE partition_key = $1::uuid::text)",
        source_id,
    )
    return tuple(row or ())


async def test_outside_producer_publishes_inline_text(stack: Stack, api: Api, collection: str) -> None:
    """A document.submitted record with the text in it becomes a searchable source."""
    event = make_event(
        DOCUMENT_SUBMITTED,
        {"title": "From outside", "text": "Quagmires were crossed on stilts.", "collection": collection},
    )
    headers, value, key = event.to_kafka()
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(DOCUMENTS_TOPIC, value, key=key, headers=headers)
    finally:
        await producer.stop()
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        listed = (await api.client.get("/documents", params={"collection": collection})).json()["items"]
        if listed and listed[0]["state"] == "indexed":
            break
        assert asyncio.get_running_loop().time() < deadline, listed
        await asyncio.sleep(0.2)
    assert (await api.search("stilts", collection=collection))["hits"][0]["source"]["title"] == "From outside"


async def test_extract_twice_is_extract_once(
    stack: Stack, api: Api, database: "asyncpg.Pool[Any]", collection: str
) -> None:
    """The second delivery of an event is answered as a duplicate and changes nothing."""
    data = {"title": "Echo", "text": "An echo answers twice.", "collection": collection, "external_id": "echo"}
    event = make_event(DOCUMENT_SUBMITTED, data)
    first = await deliver(stack, "extract", event)
    assert (first.status_code, first.json()) == (200, {"status": "done"})
    [document] = (await api.client.get("/documents", params={"collection": collection})).json()["items"]
    await api.settled(document["id"])
    before = await counts(database, document["source_id"])
    second = await deliver(stack, "extract", event)
    assert (second.status_code, second.json()) == (200, {"status": "duplicate"})
    assert await counts(database, document["source_id"]) == before


async def test_embed_and_refresh_twice_change_nothing(
    stack: Stack, api: Api, database: "asyncpg.Pool[Any]", collection: str
) -> None:
    """Redelivered passages.extracted and source.indexed leave rows and scores as they are."""
    status = await api.index(title="Again", text="Once more unto the breach.", collection=collection)
    before = await counts(database, status["source_id"])
    ids = {"document_id": status["id"], "source_id": status["source_id"]}
    embed = make_event(PASSAGES_EXTRACTED, ids | {"first_ordinal": 0, "last_ordinal": 0})
    refresh = make_event(SOURCE_INDEXED, ids | {"collection": collection, "passages": 1})
    for function, event in (("embed", embed), ("embed", embed), ("refresh", refresh), ("refresh", refresh)):
        assert (await deliver(stack, function, event)).status_code == 200
    assert await counts(database, status["source_id"]) == before


@pytest.mark.parametrize(
    ("function", "event_type", "data"),
    [
        ("extract", DOCUMENT_SUBMITTED, {"document_id": str(uuid.UUID(int=1)), "source_id": str(uuid.UUID(int=2))}),
        (
            "embed",
            PASSAGES_EXTRACTED,
            {
                "document_id": str(uuid.UUID(int=1)),
                "source_id": str(uuid.UUID(int=2)),
                "first_ordinal": 0,
                "last_ordinal": 3,
            },
        ),
        (
            "refresh",
            SOURCE_INDEXED,
            {
                "source_id": str(uuid.UUID(int=2)),
                "document_id": str(uuid.UUID(int=1)),
                "collection": "gone-for-good",
                "passages": 1,
            },
        ),
    ],
)
async def test_events_of_deleted_documents_are_done(
    stack: Stack, function: str, event_type: str, data: dict[str, Any]
) -> None:
    """An event whose document was deleted meanwhile is acknowledged: there is nothing left to do."""
    response = await deliver(stack, function, make_event(event_type, data))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("function", ["extract", "embed", "refresh"])
async def test_poison_is_refused_with_a_reason(stack: Stack, function: str) -> None:
    """What is no CloudEvent, of another type, or with wrong data is answered 400 or 422: never tried again."""
    wrong = {"extract": DOCUMENT_SUBMITTED, "embed": PASSAGES_EXTRACTED, "refresh": SOURCE_INDEXED}[function]
    async with httpx.AsyncClient() as client:
        bare = await client.post(f"{stack.internal_url}/{function}", content=b"{}")
    other = await deliver(stack, function, make_event("weather.changed", {}))
    invalid = await deliver(stack, function, make_event(wrong, {"document_id": 7}))
    assert [r.status_code for r in (bare, other, invalid)] == [400, 422, 422]
    assert all(r.json()["detail"] for r in (bare, other, invalid))


async def test_events_are_not_taken_on_the_public_address(stack: Stack, api: Api) -> None:
    """A CloudEvent posted to the public address finds nobody: 404, with or without a key."""
    headers, body = make_event(DOCUMENT_SUBMITTED, {"text": "x"}).to_binary()
    for path in ("/", "/extract", "/embed", "/refresh", "/metrics"):
        assert (await api.client.post(path, headers=headers, content=body)).status_code == 404


async def test_uri_outside_the_object_store_is_poison(stack: Stack) -> None:
    """An event cannot make the server read a file of its own choosing."""
    for uri in ("file:///etc/passwd", "https://example.org/x", "s3://other/bucket"):
        response = await deliver(stack, "extract", make_event(DOCUMENT_SUBMITTED, {"uri": uri}))
        assert response.status_code == 422, response.text
