"""Gathering what was noted where no bridge does: by the functions whose sink takes the events, after their answers."""

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from events.activity import gather_activity
from events.event_sinks import EventSinks
from events.outbox import enqueued_keys
from events.topics import ACTIVITY_TOPIC
from shared.database import is_temporary
from shared.logs import get_log
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.resources import Resources

INTERVAL_S = 1.0
"""As the bridge's: what one second served is one event."""

log = get_log("gatherer")


def takes_activity(held: "Resources") -> bool:
    """Tell whether this process publishes the events of what was served; others leave their notes to those that do."""
    return held.settings.publishes and bool(EventSinks(held.settings).address(ACTIVITY_TOPIC))


class Gatherer:
    """Gathers once after each second in which something was noted; what it cannot gather is the sweep's."""

    def __init__(self, held: "Resources") -> None:
        self._held = held
        self._wanted = False
        self._gathering: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Have what was noted gathered and published, off the path of any request."""
        self._wanted = True
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.create_task(self._gather_while_wanted(), context=Context())

    async def _gather_while_wanted(self) -> None:
        while self._wanted:
            await asyncio.sleep(INTERVAL_S)
            self._wanted = False
            await self._gather()

    async def _gather(self) -> None:
        publisher = self._held.publisher
        try:
            pool = await self._held.pool()
            timeout_s = self._held.settings.database_acquire_timeout_s
            with enqueued_keys() as keys:
                async with pool.acquire(timeout=timeout_s) as connection:
                    await gather_activity(connection)
        except Exception as exc:
            # A background task has nobody to raise to; the notes stay where they are.
            if not isinstance(exc, Problem) and not is_temporary(exc):
                log.exception("gathering_crashed")
                return
            log.warning("gathering_postponed", error=repr(exc)[:300])
            return
        if publisher is not None:
            publisher.publish_soon(keys)
