"""Kafka to HTTP: the records of a topic, POSTed to a function; per key in order, keys side by side.

What is committed is the end of the unbroken run of finished records, so a crash delivers again, never skips. A key that
is retried holds up only itself until the window of its partition is full.
"""

import asyncio
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from events.bridge import metrics
from events.bridge.graveyard import Graveyard, wrap_record
from events.bridge.kafka import RETRY_S, connection_options
from events.bridge.outage import Outage
from events.bridge.partition import Partition
from events.bridge.request import DeliveryRequest, make_request
from events.bridge.retry import Answer, Backoff, Verdict, judge
from events.bridge.settings import BridgeSettings
from events.bridge.sink import Sink
from events.bridge.spans import SERVICE, delivery_span, end_delivery
from events.bridge.subscriptions import Subscription
from events.cloudevents import MalformedEvent
from shared.error_reports import report
from shared.logs import get_log
from shared.trace_context import parse_traceparent

SESSION_TIMEOUT_MS = 6000
"""The least that brokers allow by default: so long the partitions of a killed bridge wait for another one."""
REVOKE_GRACE_S = 4.0
"""For requests in flight when a partition moves to another bridge: below the session timeout."""
COMMIT_TIMEOUT_S = 5.0
"""Of one commit: the client itself waits for a broker that is away for ever, a shutdown cannot."""
POLL_MS = 500
"""Of one wait for records; a stop is noticed after at most this long."""

log = get_log("delivery")


class EventGivenUp(Exception):
    """An event became a dead letter."""


class Delivery:
    """Delivers one subscription until `stop` is set, through every failure of Kafka and of the receiver."""

    def __init__(
        self,
        subscription: Subscription,
        settings: BridgeSettings,
        sink: Sink,
        graveyard: Graveyard,
        stop: asyncio.Event,
    ) -> None:
        self._subscription, self._settings, self._sink = subscription, settings, sink
        self._graveyard, self._stop = graveyard, stop
        self._backoff = Backoff(settings.bridge_backoff_first_s, settings.bridge_backoff_cap_s)
        self._slots = asyncio.Semaphore(settings.bridge_concurrency)
        self._outage = Outage()
        self._consumer: Any = None
        self._partitions: dict[TopicPartition, Partition] = {}
        self._value_bytes = 0
        self._count = {v: metrics.DELIVERED.labels(subscription.name, v.value) for v in Verdict}
        self._seconds = metrics.SECONDS.labels(subscription.name)
        self._in_flight = metrics.IN_FLIGHT.labels(subscription.name)

    async def run(self) -> None:
        """Deliver until stopped."""
        while not self._stop.is_set():
            try:
                await self._consume()
            except (KafkaError, OSError) as exc:
                log.warning("delivery_interrupted", subscription=self._subscription.name, error=repr(exc)[:500])
                await asyncio.sleep(RETRY_S)

    # ------------------------------------------------------------ consuming

    async def _consume(self) -> None:
        settings = self._settings
        consumer = AIOKafkaConsumer(
            **connection_options(settings),
            group_id=f"{settings.bridge_group_prefix}.{self._subscription.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
            max_partition_fetch_bytes=2 * 2**20,
            fetch_max_bytes=8 * 2**20,
        )
        self._consumer = consumer
        committer: asyncio.Task[None] | None = None
        try:
            await consumer.start()
            consumer.subscribe([self._subscription.topic], listener=_Rebalance(self))
            committer = asyncio.create_task(self._commit_regularly())
            while not self._stop.is_set():
                self._dispatch(await consumer.getmany(timeout_ms=POLL_MS, max_records=500))
        finally:
            if committer is not None:
                committer.cancel()
            await self.release(list(self._partitions), settings.bridge_shutdown_grace_s)
            await consumer.stop()
            self._consumer = None

    def _dispatch(self, batches: dict[TopicPartition, list[Any]]) -> None:
        for name, records in batches.items():
            partition = self._partitions.get(name)
            if partition is None:
                continue  # revoked since it was fetched: whoever has it now reads these records again
            for record in records:
                self._value_bytes += len(record.value or b"")
                partition.add(record)
            if self._is_full(partition):
                self._consumer.pause(name)

    def _is_full(self, partition: Partition) -> bool:
        settings = self._settings
        return (
            len(partition.ledger) >= settings.bridge_window_records or self._value_bytes >= settings.bridge_window_bytes
        )

    def _on_finished(self, partition: Partition, size_bytes: int) -> None:
        self._value_bytes -= size_bytes
        if self._consumer is None or not self._consumer.paused():
            return
        for name in self._consumer.paused():
            held = self._partitions.get(name)
            if held is not None and not self._is_full(held):
                self._consumer.resume(name)

    # ------------------------------------------------------------ offsets

    def assign(self, names: Iterable[TopicPartition]) -> None:
        """Begin with partitions that this consumer was given."""
        for name in names:
            self._partitions[name] = Partition(self._process, self._on_finished)

    async def release(self, names: Iterable[TopicPartition], grace_s: float) -> None:
        """End the work on partitions that are taken away; commit what is finished, abandon the rest."""
        held = {name: self._partitions[name] for name in names if name in self._partitions}
        await asyncio.gather(*(partition.close(grace_s) for partition in held.values()))
        await self._commit(held)
        for name, partition in held.items():
            self._value_bytes -= partition.value_bytes
            self._partitions.pop(name, None)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.bridge_commit_interval_s)
            await self._commit(self._partitions)
            self._report_lag()

    async def _commit(self, partitions: dict[TopicPartition, Partition]) -> None:
        offsets = {
            name: offset
            for name, partition in partitions.items()
            if (offset := partition.ledger.uncommitted) is not None
        }
        if not offsets or self._consumer is None:
            return
        ledgers = {name: partitions[name].ledger for name in offsets}
        try:
            await asyncio.wait_for(self._consumer.commit(offsets), COMMIT_TIMEOUT_S)
        except (
            KafkaError,
            TimeoutError,
        ) as exc:  # a rebalance or a broker on its way: the next commit covers it, or others redeliver
            log.warning("commit_failed", subscription=self._subscription.name, error=repr(exc)[:300])
            return
        for name, offset in offsets.items():
            ledgers[name].committed(offset)

    def _report_lag(self) -> None:
        lag = 0
        for name, partition in self._partitions.items():
            end = self._consumer.highwater(name)
            if end is not None and partition.ledger.watermark is not None:
                lag += max(end - partition.ledger.watermark, 0)
            else:
                lag += len(partition.ledger)
        metrics.LAG.labels(self._subscription.name).set(lag)
        metrics.OUTAGE.labels(self._subscription.name).set(self._outage.is_on)

    # ------------------------------------------------------------ one record

    async def _process(self, partition: Partition, lane: Hashable, record: Any) -> None:
        """Deliver one record or bury it; returns only when it needs nothing more."""
        try:
            await self._deliver(partition, lane, record)
        except Exception as exc:
            # A bug here must not hold up the key, and with it the partition, for ever.
            log.exception("delivery_crashed", subscription=self._subscription.name, offset=record.offset)
            report(exc, "delivery_crashed", SERVICE)
            if not self._subscription.is_last_resort:
                await self._give_up(record, f"the bridge failed: {exc!r}", 0)

    async def _deliver(self, partition: Partition, lane: Hashable, record: Any) -> None:
        try:
            request = self._request_of(record)
        except MalformedEvent as exc:
            with _busy(partition):
                await self._give_up(record, f"not a CloudEvent: {exc}", 0, malformed=True)
            return
        counted = attempts = 0
        started = time.monotonic()
        while True:
            async with self._outage.turn(), self._slots:
                with _busy(partition):
                    attempts += 1
                    answer = await self._attempt(request, attempts)
                    verdict = self._verdict_of(answer)
                    if verdict is Verdict.POISON:
                        await self._give_up(record, answer.reason, attempts, request)
                        return
            if verdict is Verdict.DONE:
                log.info("event_delivered", **self._told(request), attempts=attempts, took_ms=_since_ms(started))
                return
            if self._counts(lane, answer, started, request):
                counted += 1
                if counted >= self._settings.bridge_max_attempts and not self._subscription.is_last_resort:
                    with _busy(partition):
                        await self._give_up(record, answer.reason, attempts, request)
                    return
                await asyncio.sleep(self._backoff.delay_s(counted, answer.retry_after_s))

    def _request_of(self, record: Any) -> DeliveryRequest:
        value = record.value or b""
        try:
            return make_request(record.headers, value, record.partition, record.offset)
        except MalformedEvent as exc:
            if not self._subscription.is_last_resort:
                raise
            headers, wrapped = wrap_record(record.headers, value, str(exc), record.key)
            return make_request(headers, wrapped, record.partition, record.offset)

    async def _attempt(self, request: DeliveryRequest, number: int) -> Answer:
        started = time.perf_counter()
        span = delivery_span(request, self._subscription.name, number)
        self._in_flight.inc()
        try:
            answer = await self._sink.post(request)
            end_delivery(span, answer)
            return answer
        finally:
            self._in_flight.dec()
            self._seconds.observe(time.perf_counter() - started)

    def _told(self, request: DeliveryRequest) -> dict[str, str]:
        """Return what every log line about an event says of it."""
        context = parse_traceparent(request.incoming_traceparent)
        return {
            "subscription": self._subscription.name,
            "ce_id": request.headers.get("ce-id", ""),
            "ce_type": request.headers.get("ce-type", ""),
            "trace_id": context.trace_id if context is not None else "",
        }

    def _verdict_of(self, answer: Answer) -> Verdict:
        verdict = judge(answer)
        if verdict is Verdict.POISON and self._subscription.is_last_resort:
            verdict = Verdict.RETRY
        self._count[verdict].inc()
        if verdict is not Verdict.RETRY:
            if self._outage.is_on:
                log.info("outage_ended", subscription=self._subscription.name)
            self._outage.succeeded()
        return verdict

    def _counts(self, lane: Hashable, answer: Answer, started: float, request: DeliveryRequest) -> bool:
        """Tell whether a failed attempt is the event's: not while the receiver as a whole is away, within patience."""
        log.info("delivery_failed", **self._told(request), reason=answer.reason[:300])
        if answer.status not in (None, 502, 503, 504):
            return True
        was_on = self._outage.is_on
        away = self._outage.failed(lane, unreached=answer.unreached)
        if away and not was_on:
            log.warning("outage_began", subscription=self._subscription.name, reason=answer.reason[:300])
        return not (away and time.monotonic() - started < self._settings.bridge_outage_patience_s)

    async def _give_up(
        self,
        record: Any,
        reason: str,
        attempts: int,
        request: DeliveryRequest | None = None,
        *,
        malformed: bool = False,
    ) -> None:
        await self._graveyard.bury(record, reason, attempts, malformed=malformed)
        metrics.DEAD.labels(self._subscription.name).inc()
        told = self._told(request) if request is not None else {"subscription": self._subscription.name}
        report(EventGivenUp(), "event_given_up", SERVICE, told.get("trace_id", ""))
        log.warning(
            "event_given_up",
            **told,
            partition=record.partition,
            offset=record.offset,
            attempts=attempts,
            reason=reason[:500],
        )


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tells the delivery which partitions come and go."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish or abandon the work on partitions before another consumer gets them."""
        await self._delivery.release(list(revoked), REVOKE_GRACE_S)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with new partitions."""
        self._delivery.assign(assigned)


def _since_ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


@contextmanager
def _busy(partition: Partition) -> Iterator[None]:
    """Mark the current lane as one to wait for when its partition closes."""
    task: asyncio.Task[Any] | None = asyncio.current_task()
    assert task is not None  # noqa: S101 -- lanes are tasks
    partition.busy.add(task)
    try:
        yield
    finally:
        partition.busy.discard(task)
