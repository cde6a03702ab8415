"""Outbox to Kafka: what a transaction put into the outbox reaches its topic after the commit, at least once.

One relay is active per database: it holds a session advisory lock, others stand by and take over when its session
ends. Rows shared out with SKIP LOCKED would let two relays publish one key's events at once, in either order; a single
relay that reads in id order and has every batch acknowledged before the next cannot, and one is fast enough (some
thousand events a second). A relay that lost its session while a batch was under way may publish events that its
successor publishes too: the same ids, which handlers drop.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events import outbox_rows
from events.activity import gather_activity
from events.bridge.kafka import open_producer
from events.bridge.metrics import GATHERED, RELAY_ACTIVE, RELAYED
from events.bridge.settings import BridgeSettings
from events.bridge.spans import publish_span
from events.outbox import CHANNEL
from events.outbox_rows import Row, bury, mark_published
from shared.database import UNAVAILABLE, load_sql
from shared.logs import get_log
from shared.tracing import NOTHING, Span

LOCK = 0x726B625F72656C79
"""The advisory lock: the bytes of "rkb_rely", unlikely to be anyone else's."""
RETRY_S = 1.0
"""Between attempts to reach Postgres or Kafka, and to become the active relay."""
CONNECT_TIMEOUT_S = 5.0
LOST: tuple[type[BaseException], ...] = (asyncpg.PostgresError, *UNAVAILABLE)
"""What a connection to Postgres raises when it, the server or a statement fails."""

log = get_log("relay")


class Relay:
    """Publishes the outbox until `stop` is set, through every failure of Postgres and Kafka."""

    def __init__(self, settings: BridgeSettings, stop: asyncio.Event) -> None:
        self._settings, self._stop = settings, stop
        self._wake = asyncio.Event()
        self._gather_at = 0.0

    async def run(self) -> None:
        """Relay until stopped."""
        while not self._stop.is_set():
            try:
                await self._serve_session()
            except (KafkaError, *LOST) as exc:
                log.warning("relay_interrupted", error=repr(exc)[:500])
                await _wait(self._stop, RETRY_S)
            finally:
                RELAY_ACTIVE.set(0)

    async def _serve_session(self) -> None:
        connection = await asyncpg.connect(self._settings.database_url, timeout=CONNECT_TIMEOUT_S, command_timeout=60)
        try:
            await self._subscribe(connection)
            if not await self._become_active(connection):
                return
            producer = await open_producer(self._settings)
            try:
                await self._relay_rounds(connection, producer)
            finally:
                await producer.stop()
        finally:
            await _close(connection)

    async def _subscribe(self, connection: Any) -> None:
        def wake(*_: Any) -> None:
            self._wake.set()

        await connection.add_listener(CHANNEL, wake)
        connection.add_termination_listener(wake)

    async def _become_active(self, connection: Any) -> bool:
        """Wait for the lock; False when stopped first."""
        while not await connection.fetchval(load_sql(__file__, "lock_relay"), LOCK):
            if await _wait(self._stop, RETRY_S):
                return False
        RELAY_ACTIVE.set(1)
        log.info("relay_started")
        return True

    async def _relay_rounds(self, connection: Any, producer: AIOKafkaProducer) -> None:
        batch = self._settings.bridge_relay_batch
        while not self._stop.is_set():
            self._wake.clear()
            await self._gather_activity(connection)
            published = await relay_batch(connection, producer, batch)
            if published < batch:
                await self._pause()

    async def _gather_activity(self, connection: Any) -> None:
        """Turn what was noted into outbox rows, once an interval: a burst of searches is one event, not hundreds."""
        now = time.monotonic()
        if now >= self._gather_at:
            self._gather_at = now + self._settings.bridge_gather_interval_s
            GATHERED.inc(await gather_activity(connection))

    async def _pause(self) -> None:
        """Wait for a notification, a stop or the poll; then let the events of concurrent transactions gather."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wake, self._stop)]
        try:
            await asyncio.wait(waits, timeout=self._rest_s(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._wake.is_set():
            await asyncio.sleep(self._settings.bridge_relay_linger_s)

    def _rest_s(self) -> float:
        """Return how long nothing is due."""
        return min(self._settings.bridge_relay_poll_s, max(self._gather_at - time.monotonic(), 0.0))


async def relay_batch(connection: Any, producer: AIOKafkaProducer, limit: int) -> int:
    """Publish up to `limit` of the oldest events and mark those that Kafka acknowledged; return how many rows it saw.

    Raises the first failure after marking what succeeded. Of a key with a failure nothing behind it is marked, so that
    the next round publishes the key's events in their order.
    """
    rows = [Row.read(record) for record in await connection.fetch(load_sql(outbox_rows.__file__, "unpublished"), limit)]
    if not rows:
        return 0
    good = [row for row in rows if row.event is not None]
    acknowledged, failure = await _publish(producer, good)
    async with connection.transaction():
        await bury(connection, [row for row in rows if row.event is None])
        await mark_published(connection, acknowledged)
    RELAYED.inc(len(acknowledged))
    if failure is not None:
        raise failure
    return len(rows)


async def _publish(producer: AIOKafkaProducer, rows: Sequence[Row]) -> tuple[list[Row], BaseException | None]:
    sent: list[tuple[Row, asyncio.Future[Any]]] = []
    failure: BaseException | None = None
    try:
        for row in rows:
            assert row.event is not None  # noqa: S101 -- the caller has sorted the others out
            headers, value, _ = row.event.to_kafka()
            key = row.partition_key.encode()
            publishing = publish_span(row.event, row.topic)
            if publishing is not NOTHING:
                # The event's own traceparent stays what it is, where the event began; a hop's goes beside it.
                headers.append(("traceparent", publishing.context.traceparent().encode()))
            future = await producer.send(row.topic, value, key=key, headers=headers)
            future.add_done_callback(partial(_end_span, publishing))
            sent.append((row, future))
    except KafkaError as exc:
        failure = exc
    outcomes = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
    broken: set[str] = set()
    acknowledged = []
    for (row, _), outcome in zip(sent, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            failure = failure or outcome
            broken.add(row.partition_key)
        elif row.partition_key not in broken:
            acknowledged.append(row)
    return acknowledged, failure


def _end_span(publishing: Span, acknowledged: "asyncio.Future[Any]") -> None:
    failed = acknowledged.cancelled() or acknowledged.exception() is not None
    publishing.end("KafkaError" if failed else "")


async def _wait(stop: asyncio.Event, timeout_s: float) -> bool:
    """Wait for `stop`, at most `timeout_s`; return whether it is set."""
    try:
        await asyncio.wait_for(stop.wait(), timeout_s)
    except TimeoutError:
        return False
    return True


async def _close(connection: Any) -> None:
    try:
        await connection.close(timeout=2)
    except LOST:
        connection.terminate()
