"""Kafka batches through event functions on Lambda: order, partial failures, dead letters, a document's whole way."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

from events.aws.handler import EventHandler
from events.cloudevents import CloudEvent
from events.dead_letters import list_letters
from events.receiver import create_event_app
from shared.problems import DependencyUnavailable, Problem
from shared.settings import Settings
from tests.aws.conftest import Environment
from tests.aws.lambda_events import kafka_event, kafka_record, recorded, request_event
from tests.conftest import Stack

pytestmark = pytest.mark.stack
TOPIC = "research-kb.sources"
ROOT = Path(__file__).parents[2]


class Plan:
    """A function whose answers a test decides by the event's subject; `handled` holds what it took."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], Awaitable[None]]] = {}
        self.handled: list[str] = []

    def create_app(self) -> FastAPI:
        async def handle(event: CloudEvent, _: Any) -> Any:
            subject = str(event.subject)
            if subject in self.answers:
                await self.answers[subject]()
            self.handled.append(subject)
            return "done"

        return create_event_app("planned", {"source.indexed": handle}, Settings())


@pytest_asyncio.fixture(loop_scope="session")
async def planned(environment: Environment, rows: Any) -> AsyncIterator[tuple[Any, Plan]]:
    await rows.execute("TRUNCATE delivery_attempts, dead_letters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMBDA_MAX_ATTEMPTS", "3")
        plan = Plan()
        handler = await environment.make(lambda: EventHandler("planned", plan.create_app))
    yield handler, plan
    await environment.close_one(handler)


def make_record(partition: int, offset: int, subject: str) -> dict[str, Any]:
    source = str(uuid.uuid4())
    data = {"source_id": source, "document_id": str(uuid.uuid4()), "collection": "ü", "passages": 1}
    event = CloudEvent.new(
        source="/tests/ä", type="source.indexed", data=data, partitionkey=source, subject=subject
    )  # fmt: skip
    return kafka_record(TOPIC, partition, offset, event)


async def letters(rows: Any) -> list[Any]:
    async with rows.acquire() as connection:
        return await list_letters(connection, limit=50)


def failures(answer: dict[str, Any]) -> dict[str, int]:
    named = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
    return {item["partition"]: item["offset"] for item in named}


async def away() -> None:
    raise DependencyUnavailable("The model server", "connection refused")


async def broken() -> None:
    raise KeyError("a bug")


async def poison() -> None:
    raise Problem(422, "unusable", "The event cannot be used", "It never can.", "Nothing.")


async def test_a_partition_stops_at_its_first_failure(
    environment: Environment, planned: tuple[Any, Plan]
) -> None:
    """The first failed record of each partition is reported, those behind it wait; other partitions are finished."""
    handler, plan = planned
    plan.answers["b"] = away
    batch = kafka_event(
        *(make_record(0, offset, subject) for offset, subject in ((7, "a"), (8, "b"), (9, "c"))),
        *(make_record(3, offset, subject) for offset, subject in ((100, "x"), (101, "y"))),
    )
    assert failures(await environment.call(handler, batch)) == {f"{TOPIC}-0": 8}
    assert sorted(plan.handled) == ["a", "x", "y"]
    assert [subject for subject in plan.handled if subject in "xy"] == ["x", "y"]
    del plan.answers["b"]
    rest = kafka_event(make_record(0, 8, "b"), make_record(0, 9, "c"))
    assert await environment.call(handler, rest) == {"batchItemFailures": []}
    assert plan.handled[-2:] == ["b", "c"]


async def test_poison_is_a_dead_letter_at_once(environment: Environment, planned: tuple[Any, Plan], rows: Any) -> None:
    """What can never work is stored with its reason and holds up nothing: 4xx, an unknown type, no event at all."""
    handler, plan = planned
    plan.answers["p"] = poison
    strange = CloudEvent.new(source="/tests", type="unknown.type", data={}, partitionkey="k")
    batch = kafka_event(
        make_record(1, 1, "p"),
        kafka_record(TOPIC, 1, 2, strange),
        kafka_record(TOPIC, 1, 3, None, b"\xff\x00 no event"),
        make_record(1, 4, "good"),
    )
    assert await environment.call(handler, batch) == {"batchItemFailures": []}
    assert plan.handled == ["good"]
    stored = {letter.event["type"]: letter for letter in await letters(rows)}
    assert set(stored) == {"source.indexed", "unknown.type", "record.malformed"}
    assert {letter.topic for letter in stored.values()} == {TOPIC}
    assert "It never can." in stored["source.indexed"].reason
    assert stored["source.indexed"].event["source"] == "/tests/ä"


async def test_attempts_are_bounded(environment: Environment, planned: tuple[Any, Plan], rows: Any) -> None:
    """A handler that always fails is tried LAMBDA_MAX_ATTEMPTS times, in whatever invocation; then a dead letter."""
    handler, plan = planned
    plan.answers["bug"] = broken
    batch = kafka_event(make_record(2, 1, "bug"), make_record(2, 2, "next"))
    for _ in range(2):
        assert failures(await environment.call(handler, batch)) == {f"{TOPIC}-2": 1}
    assert plan.handled == []
    assert await environment.call(handler, batch) == {"batchItemFailures": []}
    assert plan.handled == ["next"]
    assert [letter.attempts for letter in await letters(rows)] == [3]


async def test_an_outage_uses_no_attempts_but_ends(
    environment: Environment, planned: tuple[Any, Plan], rows: Any
) -> None:
    """While a dependency is away the record is sent back however often; after LAMBDA_OUTAGE_PATIENCE_S it is buried."""
    handler, plan = planned
    plan.answers["away"] = away
    batch = kafka_event(make_record(4, 1, "away"))
    for _ in range(5):
        assert failures(await environment.call(handler, batch)) == {f"{TOPIC}-4": 1}
    await rows.execute("UPDATE delivery_attempts SET first_at = first_at - interval '2 hours'")
    assert await environment.call(handler, batch) == {"batchItemFailures": []}
    assert "connection refused" in (await letters(rows))[0].reason


async def test_without_time_left_nothing_is_begun(
    environment: Environment, planned: tuple[Any, Plan], rows: Any
) -> None:
    """A record that could not be finished goes back unattempted and uncounted; one that takes too long is cut off."""
    handler, plan = planned
    batch = kafka_event(make_record(5, 1, "late"))
    assert failures(await environment.call(handler, batch, left_ms=1000)) == {f"{TOPIC}-5": 1}
    assert await rows.fetchval("SELECT count(*) FROM delivery_attempts") == 0

    async def too_long() -> None:
        await asyncio.sleep(60)

    plan.answers["late"] = too_long
    assert failures(await environment.call(handler, batch, left_ms=3200)) == {f"{TOPIC}-5": 1}
    assert await rows.fetchval("SELECT attempts FROM delivery_attempts") == 1
    assert plan.handled == []


async def test_a_database_that_is_away_sends_everything_back(environment: Environment) -> None:
    """Nothing can be counted or buried: the record is reported, and the event source's own limit holds."""
    plan = Plan()
    plan.answers["b"] = poison
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        handler = await environment.make(lambda: EventHandler("planned", plan.create_app))
    assert failures(await environment.call(handler, kafka_event(make_record(6, 1, "b")))) == {f"{TOPIC}-6": 1}
    await environment.close_one(handler)


async def take_outbox(rows: Any, kind: str, source_id: str) -> dict[str, Any]:
    """Return the outbox's newest event of a type as MSK would deliver it."""
    text = await rows.fetchval(
        "SELECT event::text FROM outbox WHERE event ->> 'type' = $1 AND partition_key = $2 ORDER BY id DESC LIMIT 1",
        kind, source_id,
    )  # fmt: skip
    assert text is not None, f"no {kind} in the outbox"
    event = CloudEvent.from_json(json.loads(text))
    return kafka_event(kafka_record(f"research-kb.{kind}", 0, 1, event))


async def test_a_document_goes_all_the_way_on_lambda(
    environment: Environment, functions: dict[str, Any], key: str, rows: Any, aws: str
) -> None:
    """POST /documents, extract (bytes from S3), embed, refresh, POST /search: every step a Lambda handler."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    name = f"lambda-{uuid.uuid4().hex[:8]}"
    document = {"title": "Kalman", "text": "A quokka filters its observations recursively.", "collection": name}
    posted = request_event("api_gateway_v2", "POST", "/documents", headers, json.dumps(document))
    receipt = json.loads((await environment.call(functions["ingest"], posted))["body"])
    for function, kind in (
        ("extract", "document.submitted"), ("embed", "passages.extracted"), ("refresh", "source.indexed"),
    ):  # fmt: skip
        batch = await take_outbox(rows, kind, receipt["source_id"])
        assert await environment.call(functions[function], batch) == {"batchItemFailures": []}
    body = json.dumps({"query": "quokka observations", "collection": name})
    asked = request_event("api_gateway_v2", "POST", "/search", headers, body)
    found = await environment.call(functions["search"], asked)
    hits = json.loads(found["body"])["hits"]
    assert [hit["source"]["id"] for hit in hits] == [receipt["source_id"]]


async def test_a_schedule_sweeps(environment: Environment, functions: dict[str, Any], rows: Any) -> None:
    """EventBridge's tick makes refresh sweep; other events are refused."""
    await rows.execute(
        "INSERT INTO delivery_attempts VALUES ('planned', 't', 0, 1, 1, now() - interval '9 days')"
    )  # fmt: skip
    tick = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
    assert await environment.call(functions["refresh"], tick) == {"status": "done"}
    assert await rows.fetchval("SELECT count(*) FROM delivery_attempts WHERE topic = 't'") == 0
    with pytest.raises(ValueError, match="Kafka batches"):
        await environment.call(functions["embed"], tick)


async def test_every_function_exports_a_handler(stack: Stack) -> None:
    """functions/NAME/aws.py is there for each function and has what Lambda looks for, without AWS or a database."""
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
    code = "".join(f"from functions.{name}.aws import handler; assert callable(handler)\n" for name in names)
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PATH": "/usr/bin:/bin"}
    environment["RESEARCH_KB_HOME"] = str(stack.home)  # the tokenizer's place, as the image's home is
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, env=environment)
    assert await process.wait() == 0


async def test_the_recorded_event_is_read(environment: Environment, planned: tuple[Any, Plan], rows: Any) -> None:
    """A record without the attributes of an event is poison, not an error of the function."""
    handler, _ = planned
    assert await environment.call(handler, recorded("msk")) == {"batchItemFailures": []}
    assert [letter.event["type"] for letter in await letters(rows)] == ["record.malformed"]
