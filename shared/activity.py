"""Noting what was served and refused, so that it is counted though no process of a function lives to be asked.

A request's note is written by the statement that gives its lease back, before the client has its whole answer: an
answer is noted or nobody has got it. Refusals cost nothing of the kind: they are counted here and noted once a second,
and before a process that is frozen between requests stands still.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.logs import get_log
from shared.problems import DependencyUnavailable, Problem

if TYPE_CHECKING:
    from shared.door import Door

REFUSALS_EVERY_S = 1.0
"""However many are refused: one row a second a process, so that nobody fills the database from outside."""

AGAIN_AFTER_S = (1, 2, 4, 8, 16, 32)
"""A note whose statement got no answer is tried again; together below LEASE_S, while the lease tells what was done."""

log = get_log("activity")


class Activity:
    """The notes of one function of this process."""

    def __init__(self, function: str, door: "Door", noted: Callable[[], None] | None = None) -> None:
        """`noted` is called after each note, to have it gathered; None where somebody else does."""
        self._function, self._door, self._noted = function, door, noted
        self._cold = True
        self._refused: Counter[tuple[str, str]] = Counter()
        self._noting_refusals = False
        self._noting = asyncio.Lock()
        self._settled_at = float("-inf")
        self._closing = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def end_request(
        self, key_id: uuid.UUID, lease: int, method: str, status: int, seconds: float, search: dict[str, Any] | None
    ) -> None:
        """Give a lease back and note the request. Where that fails, the answer goes out all the same."""
        note: dict[str, Any] = {
            "function": self._function, "method": method, "status": status, "seconds": round(seconds, 6),
        }  # fmt: skip
        if self._cold:
            self._cold = False
            note["cold"] = True
        if search is not None:
            note["search"] = search
        text = json.dumps(note, separators=(",", ":"))
        try:
            await self._end(key_id, lease, text, again=False)
        except DependencyUnavailable as exc:
            log.warning("lease_kept", key_id=str(key_id), reason=str(exc.__cause__))
            self._start(self._end_later(key_id, lease, text))
        if self._noted is not None:
            self._noted()

    def refuse(self, problem: Problem) -> None:
        """Count a refused request; one that failed for want of a database was not refused."""
        if problem.refused is None:
            return
        self._refused[problem.refused] += 1
        if not self._noting_refusals:
            self._noting_refusals = True
            self._start(self._note_refusals_regularly())

    async def settle(self) -> None:
        """Note refusals before the process stands still.

        At most once a second, whatever is noted regularly: a flood's rest is noted during a later request.
        """
        async with self._noting:
            now = asyncio.get_running_loop().time()
            if self._refused and now - self._settled_at >= REFUSALS_EVERY_S:
                self._settled_at = now
                await self._note_refusals()

    async def close(self) -> None:
        """Note what is left; give up what the database does not take now."""
        self._closing.set()
        await asyncio.gather(*self._under_way)
        if lost := self._refused.total():
            log.error("activity_lost", refusals=lost)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)  # the loop alone would let it be collected
        task.add_done_callback(self._under_way.discard)

    async def _pause(self, wait_s: float) -> None:
        """Wait, but no longer than until close()."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), wait_s)

    async def _end(self, key_id: uuid.UUID, lease: int, note: str, *, again: bool) -> None:
        from shared.database import load_sql

        await self._door.fetchrow(load_sql(__file__, "end_request"), key_id, lease, note, again)

    async def _end_later(self, key_id: uuid.UUID, lease: int, note: str) -> None:
        for wait_s in AGAIN_AFTER_S:
            await self._pause(wait_s)
            try:
                await self._end(key_id, lease, note, again=True)
            except DependencyUnavailable:
                if self._closing.is_set():
                    break
            else:
                return
        log.error("activity_lost", requests=1)

    async def _note_refusals_regularly(self) -> None:
        try:
            while self._refused:
                await self._pause(REFUSALS_EVERY_S)
                async with self._noting:
                    noted = await self._note_refusals()
                if not noted and self._closing.is_set():
                    break
        finally:
            self._noting_refusals = False

    async def _note_refusals(self) -> bool:
        """Note what was refused since the last time; keep it and return False where the database does not take it."""
        from shared.database import load_sql

        if not self._refused:
            return True
        taken, self._refused = self._refused, Counter()
        notes = [
            json.dumps({"reason": reason, "tier": tier, "count": count}) for (reason, tier), count in taken.items()
        ]
        try:
            await self._door.fetchrow(load_sql(__file__, "note_activity"), "refusals", notes)
        except Exception as exc:  # whatever it is, the next second may be better
            log.warning("refusals_kept", reason=str(exc.__cause__ or exc) or type(exc).__name__)
            self._refused += taken
            return False
        return True
