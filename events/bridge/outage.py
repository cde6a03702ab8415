"""Telling a receiver that is away from an event that fails: the first must not cost any event its attempts."""

import asyncio
import random
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

FAILING_KEYS = 3
"""So many different keys failing in a row, with no success between them, can hardly be the events' own fault."""
PROBE_INTERVAL_S = (0.5, 1.5)
"""Between two probes of a receiver that is away: it is back in use about a second after it is back."""


class Outage:
    """The state of one receiver, from what its deliveries see. While it is away, one request at a time probes it."""

    def __init__(self, probe_interval_s: tuple[float, float] = PROBE_INTERVAL_S) -> None:
        self._probe_interval_s = probe_interval_s
        self._failing: set[Hashable] = set()
        self._away = False
        self._probe = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Tell whether the receiver is thought to be away."""
        return self._away

    def succeeded(self) -> None:
        """Note that the receiver took or refused an event: it is there."""
        self._failing.clear()
        self._away = False

    def failed(self, key: Hashable, *, unreached: bool) -> bool:
        """Note that a delivery for `key` got no usable answer; return whether the receiver is thought to be away."""
        self._failing.add(key)
        self._away = self._away or unreached or len(self._failing) >= FAILING_KEYS
        return self._away

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Enter at once while the receiver is there; while it is away, one by one and paced."""
        if not self._away:
            yield
            return
        async with self._probe:
            if self._away:
                await asyncio.sleep(random.uniform(*self._probe_interval_s))  # noqa: S311 -- spreads load, guards nothing
                yield
                return
        yield
