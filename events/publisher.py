"""Publishing by the functions themselves, where sinks are configured and no bridge relays: on Knative.

Right after a request the events that it put into the outbox go to their sinks, off its path. What cannot be published
then (the sink is away, the process is killed) stays in the outbox until the sweep, by which refresh publishes what was
left. At least once: a row is marked after its sink has answered 2xx.
"""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from itertools import islice
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from events.event_sinks import EventSinks
from events.outbox import enqueued_keys
from events.publish_keys import ROWS, Round, publish_round
from shared.database import is_temporary, load_sql
from shared.logs import get_log
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.resources import Resources

KEYS = 100
"""Of one round, so that a large submission holds few locks at a time."""
ATTEMPTS = 5
"""With pauses of 1, 2, 4 and 8 s: a broker's failover. What takes longer is the sweep's."""
CLOSING_S = 5.0
"""How long a shutdown waits for the requests under way."""

log = get_log("publisher")


class Publisher:
    """Publishes one process's events, one round at a time, so that it never holds more than one connection."""

    def __init__(self, held: "Resources") -> None:
        self._held, self._sinks = held, EventSinks(held.settings)
        self._pending: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._wake, self._stop = asyncio.Event(), asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    def publish_soon(self, keys: Iterable[str]) -> None:
        """Publish the waiting events of `keys` in the background."""
        for key in keys:
            self._pending[key] = 0
            self._failed.pop(key, None)
        self._wake.set()
        if self._pending and not self._stop.is_set() and (self._runner is None or self._runner.done()):
            # A context of its own: the request that happens to start it has ended.
            self._runner = asyncio.create_task(self._run(), context=Context())

    async def publish_left(self) -> dict[str, int]:
        """Publish everything that waits, oldest first; return how many events were published and how many keys failed.

        Ends early when a sink is away.
        """
        pool, tried, published = await self._held.pool(), set[str](), 0
        while not self._stop.is_set():
            keys = [row["partition_key"] for row in await pool.fetch(
                load_sql(__file__, "unpublished_keys"), list(tried), ROWS)]  # fmt: skip
            if not keys:
                break
            done = await self._round(keys[:KEYS])
            published += len(done.taken)
            tried |= done.left | done.stuck
            if done.is_away:
                break
        return {"events_published": published, "keys_not_published": len(tried)}

    async def settle(self, timeout_s: float) -> None:
        """Wait until nothing is being published, at most `timeout_s`: for a process that is frozen between requests."""
        if self._runner is not None:
            await asyncio.wait({self._runner}, timeout=timeout_s)

    async def close(self) -> None:
        """Begin nothing more; let what is under way finish for CLOSING_S."""
        self._stop.set()
        self._wake.set()
        if self._runner is not None:
            await asyncio.wait({self._runner}, timeout=CLOSING_S)
            self._runner.cancel()
            await asyncio.wait({self._runner})
        await self._sinks.close()

    async def _run(self) -> None:
        while (self._pending or self._failed) and not self._stop.is_set():
            self._wake.clear()
            if not self._pending:
                await self._pause(2.0 ** (min(self._failed.values()) - 1))
                if not self._pending:
                    self._pending, self._failed = self._failed, {}
            batch = dict(islice(self._pending.items(), KEYS))
            for key in batch:
                del self._pending[key]
            await self._publish(batch)

    async def _publish(self, batch: dict[str, int]) -> None:
        """Publish the events of a batch of keys; keep those keys that deserve another attempt."""
        try:
            done = await self._round(list(batch))
        except Exception as exc:
            # A background task has nobody to raise to; what it leaves behind is the sweep's.
            if not isinstance(exc, Problem) and not is_temporary(exc):
                log.exception("publishing_crashed")
                return
            log.warning("publishing_postponed", error=repr(exc)[:500])
            done = Round(left=set(batch))
        if done.is_full:
            self._pending |= {key: batch[key] for key in batch if key not in done.left | done.stuck}
        given_up = [key for key in done.left if batch[key] + 1 >= ATTEMPTS]
        self._failed |= {key: batch[key] + 1 for key in done.left if key not in given_up and key not in self._pending}
        if given_up or done.stuck:
            log.warning("events_left_to_the_sweep", keys=len(given_up) + len(done.stuck))

    async def _round(self, keys: list[str]) -> Round:
        pool = await self._held.pool()
        done = await publish_round(pool, keys, self._sinks, self._stop, self._held.settings.database_acquire_timeout_s)
        if done.taken:
            log.info("events_published", events=len(done.taken), keys=len(keys))
        return done

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond a stop or new keys."""
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return


class PublishAfterRequest:
    """ASGI middleware: when a request has ended, and its transactions with it, have its events published."""

    def __init__(self, app: ASGIApp, held: "Resources") -> None:
        self.app, self.held = app, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with enqueued_keys() as keys:
            try:
                await self.app(scope, receive, send)
            finally:
                if keys and self.held.publisher is not None:
                    self.held.publisher.publish_soon(keys)
