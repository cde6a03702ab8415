"""A function's side of a subscription: one record POSTed until it is taken, or a dead letter."""

import asyncio
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from events.bridge import metrics
from events.bridge.graveyard import Graveyard, wrap_record
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

log = get_log("delivery")


class EventGivenUp(Exception):
    """An event became a dead letter."""


class Delivery:
    """Delivers the records of one subscription, through every failure of the receiver."""

    def __init__(self, subscription: Subscription, settings: BridgeSettings, sink: Sink, graveyard: Graveyard) -> None:
        self._subscription, self._settings, self._sink, self._graveyard = subscription, settings, sink, graveyard
        self._backoff = Backoff(settings.bridge_backoff_first_s, settings.bridge_backoff_cap_s)
        self._slots = asyncio.Semaphore(settings.bridge_concurrency)
        self._outage = Outage()
        self._count = {v: metrics.DELIVERED.labels(subscription.name, v.value) for v in Verdict}
        self._seconds = metrics.SECONDS.labels(subscription.name)
        self._in_flight = metrics.IN_FLIGHT.labels(subscription.name)
        metrics.OUTAGE.labels(subscription.name).set_function(lambda: self._outage.is_on)

    async def process(self, partition: Partition, lane: Hashable, record: Any) -> None:
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
