"""The records of one partition on their way: one lane per key, lanes side by side, one watermark for all."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from events.bridge.ledger import Ledger

Process = Callable[["Partition", Hashable, Any], Awaitable[None]]


class Partition:
    """Runs `process(partition, lane, record)` for every record: in order within a key, at once across keys.

    Records without a key have a lane of their own each. `process` returns only when a record is finished, and marks
    the parts that must not be cut short by entering `busy`.
    """

    def __init__(self, process: Process, on_finished: Callable[["Partition", int], None]) -> None:
        self.ledger = Ledger()
        self.value_bytes = 0
        self.busy: set[asyncio.Task[None]] = set()
        self._process, self._on_finished = process, on_finished
        self._lanes: dict[Hashable, deque[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def add(self, record: Any) -> None:
        """Take a record; its lane starts to work on it as soon as those before it are finished."""
        self.ledger.start(record.offset)
        self.value_bytes += _size(record)
        name: Hashable = record.key if record.key else record.offset
        lane = self._lanes.get(name)
        if lane is not None:
            lane.append(record)
            return
        self._lanes[name] = deque([record])
        task = asyncio.create_task(self._run_lane(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_lane(self, name: Hashable) -> None:
        lane = self._lanes[name]
        while lane and not self._closing:
            record = lane[0]
            await self._process(self, name, record)
            lane.popleft()
            self.ledger.finish(record.offset)
            self.value_bytes -= _size(record)
            self._on_finished(self, _size(record))
        del self._lanes[name]

    async def close(self, grace_s: float) -> None:
        """Start nothing more; abandon what waits, let requests in flight finish for `grace_s`, then abandon them."""
        self._closing = True
        for task in self._tasks - self.busy:
            task.cancel()
        if self.busy:
            await asyncio.wait(set(self.busy), timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))


def _size(record: Any) -> int:
    return len(record.value or b"")
