"""Lanes of one partition: order within a key, parallelism across keys, ends that lose nothing."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from events.bridge.partition import Partition


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes = b"v"


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_stuck_key_holds_up_only_itself() -> None:
    """While one key waits, the others finish; the watermark stays before the stuck record."""
    stuck, done = asyncio.Event(), []

    async def process(_: Partition, lane: Hashable, record: Any) -> None:
        if record.offset == 0:
            await stuck.wait()
        done.append(record.offset)

    partition = Partition(process, lambda *_: None)
    for offset, key in enumerate([b"a", b"b", b"a", b"c", b"b"]):
        partition.add(Record(offset, key))
    await settle()
    assert sorted(done) == [1, 3, 4]
    assert partition.ledger.watermark is None
    stuck.set()
    await settle()
    assert done[3:] == [0, 2]
    assert partition.ledger.watermark == 5
    assert partition.value_bytes == 0


async def test_records_without_a_key_keep_no_order() -> None:
    """Records without a key wait for no other."""
    running = []

    async def process(_: Partition, lane: Hashable, record: Any) -> None:
        running.append(record.offset)
        await asyncio.sleep(60)

    partition = Partition(process, lambda *_: None)
    for offset in range(3):
        partition.add(Record(offset, None))
    await settle()
    assert running == [0, 1, 2]
    await partition.close(0)


async def test_closing_finishes_the_busy_and_abandons_the_waiting() -> None:
    """Closing waits for what is in flight, starts nothing more and never passes an unfinished record."""
    finished = []

    async def process(partition: Partition, lane: Hashable, record: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        if lane == b"waiting":
            await asyncio.sleep(60)
        partition.busy.add(task)
        await asyncio.sleep(0.05)
        partition.busy.discard(task)
        finished.append(record.offset)

    partition = Partition(process, lambda *_: None)
    for offset, key in enumerate([b"busy", b"busy", b"waiting"]):
        partition.add(Record(offset, key))
    await settle()
    await partition.close(grace_s=5)
    assert finished == [0]
    assert partition.ledger.watermark == 1
