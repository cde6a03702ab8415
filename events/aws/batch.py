"""One batch of Kafka records: partitions side by side, each in order up to its first failure, which Lambda sends again.

Poison becomes a dead letter in Postgres at once and is not reported. A record whose handler fails is reported until
LAMBDA_MAX_ATTEMPTS; while a dependency is away attempts don't count, for LAMBDA_OUTAGE_PATIENCE_S. Then it becomes a
dead letter too. Where Postgres itself is away nothing can be counted or buried: the record is reported, and the event
source's own limit and its on-failure destination are what remains.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from events.aws.local_client import LocalAnswer, post
from events.aws.records import KafkaRecord
from events.aws.settings import LambdaSettings
from events.cloudevents import CloudEvent, MalformedEvent
from events.dead_letters import store
from events.malformed import wrap_malformed
from shared.database import is_temporary, load_sql
from shared.logs import get_log
from shared.problems import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

RETRIED = frozenset({404, 408, 409, 429})
"""Besides every 5xx, as Knative and the bridge do."""
AWAY = frozenset({429, 502, 503, 504})
"""The dependency's failure, not the event's."""

log = get_log("events")


class Batch:
    """Processes partitions of one invocation until `deadline` (of the loop's clock)."""

    def __init__(self, name: str, app: "FastAPI", settings: LambdaSettings, deadline: float) -> None:
        self._name, self._app, self._settings, self._deadline = name, app, settings, deadline

    async def process(self, partitions: list[list[KafkaRecord]]) -> list[dict[str, Any]]:
        """Process every partition; return the first record of each that is to be sent again."""
        failures = await asyncio.gather(*(self._process_partition(records) for records in partitions))
        return [failure.identifier for failure in failures if failure is not None]

    async def _process_partition(self, records: list[KafkaRecord]) -> KafkaRecord | None:
        for record in records:
            if self._left_s() <= 0:
                log.warning("batch_cut_short", topic=record.topic, partition=record.partition, offset=record.offset)
                return record
            if not await self._is_finished(record):
                return record
        return None

    def _left_s(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()

    async def _is_finished(self, record: KafkaRecord) -> bool:
        """Handle one record; False when it is to be sent again."""
        try:
            event = CloudEvent.from_kafka(record.headers, record.value, record.key)
        except MalformedEvent as exc:
            event = wrap_malformed(record.headers, record.value, str(exc))
            return await self._bury(record, event, f"not a CloudEvent: {exc}", 0)
        answer = await self._deliver(record, event)
        if 200 <= answer.status < 300:
            return True
        if answer.status < 500 and answer.status not in RETRIED:
            return await self._bury(record, event, answer.reason, 1)
        return await self._give_up_or_retry(record, event, answer)

    async def _deliver(self, record: KafkaRecord, event: CloudEvent) -> LocalAnswer:
        headers, body = event.to_binary()
        headers |= {"ce-knativekafkapartition": str(record.partition), "ce-knativekafkaoffset": str(record.offset)}
        incoming = dict(record.headers).get("traceparent", b"").decode("latin-1") or event.traceparent
        if incoming and incoming.isascii() and incoming.isprintable():
            headers["traceparent"] = incoming
        try:
            async with asyncio.timeout(self._left_s()):
                return await post(self._app, "/", headers, body)
        except TimeoutError:
            return LocalAnswer(500, b'{"title": "The handler took longer than the invocation may last"}')

    async def _give_up_or_retry(self, record: KafkaRecord, event: CloudEvent, answer: LocalAnswer) -> bool:
        is_away = answer.status in AWAY
        attempts, seconds = await self._count(record, counts=not is_away)
        settings = self._settings
        if attempts >= settings.lambda_max_attempts or (is_away and seconds >= settings.lambda_outage_patience_s):
            return await self._bury(record, event, answer.reason, max(attempts, 1))
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.warning("event_sent_back", **place, reason=answer.reason, attempts=attempts)
        return False

    async def _count(self, record: KafkaRecord, *, counts: bool) -> tuple[int, float]:
        place = (self._name, record.topic, record.partition, record.offset)
        try:
            pool = await self._app.state.resources.pool()
            row = await pool.fetchrow(load_sql(__file__, "count_attempt"), *place, counts)
        except Exception as exc:
            if not isinstance(exc, Problem) and not is_temporary(exc):
                raise
            log.warning("attempt_not_counted", error=repr(exc)[:300])
            return 0, 0.0
        return row["attempts"], row["seconds"]

    async def _bury(self, record: KafkaRecord, event: CloudEvent, reason: str, attempts: int) -> bool:
        """Store a dead letter; False when Postgres cannot take it now."""
        held = self._app.state.resources
        try:
            pool = await held.pool()
            timeout_s = held.settings.database_acquire_timeout_s
            async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
                letter = await store(connection, event, record.topic, reason, attempts)
        except Exception as exc:
            if not isinstance(exc, Problem) and not is_temporary(exc):
                raise
            log.warning("dead_letter_delayed", topic=record.topic, offset=record.offset, error=repr(exc)[:300])
            return False
        log.warning("dead_letter_stored", dead_letter=letter, ce_id=event.id, topic=record.topic, reason=reason)
        return True
