"""Kafka's side of a subscription: its records to whatever processes them; per key in order, keys side by side.

What is committed is the end of the unbroken run of finished records, so a crash delivers again, never skips. A key that
is retried holds up only itself until the window of its partition is full.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from events.bridge import metrics
from events.bridge.kafka import RETRY_S, connection_options
from events.bridge.partition import Partition, Process
from events.bridge.settings import BridgeSettings
from events.bridge.subscriptions import Subscription
from shared.logs import get_log

SESSION_TIMEOUT_MS = 6000
"""The least that brokers allow by default: so long the partitions of a killed bridge wait for another one."""
REVOKE_GRACE_S = 4.0
"""For requests in flight when a partition moves to another bridge: below the session timeout."""
COMMIT_TIMEOUT_S = 5.0
"""Of one commit: the client itself waits for a broker that is away for ever, a shutdown cannot."""
POLL_MS = 500
"""Of one wait for records; a stop is noticed after at most this long."""

log = get_log("delivery")


class Consumer:
    """Has the records of one subscription processed until `stop` is set, through every failure of Kafka."""

    def __init__(
        self, subscription: Subscription, settings: BridgeSettings, process: Process, stop: asyncio.Event
    ) -> None:
        self._subscription, self._settings, self._process, self._stop = subscription, settings, process, stop
        self._consumer: Any = None
        self._partitions: dict[TopicPartition, Partition] = {}
        self._value_bytes = 0

    async def run(self) -> None:
        """Consume until stopped."""
        while not self._stop.is_set():
            try:
                await self._consume()
            except (KafkaError, OSError) as exc:
                log.warning("delivery_interrupted", subscription=self._subscription.name, error=repr(exc)[:500])
                await asyncio.sleep(RETRY_S)

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
        except (KafkaError, TimeoutError) as exc:
            # A rebalance or a broker on its way: the next commit covers it, or others redeliver.
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


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tells the consumer which partitions come and go."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish or abandon the work on partitions before another consumer gets them."""
        await self._consumer.release(list(revoked), REVOKE_GRACE_S)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with new partitions."""
        self._consumer.assign(assigned)
