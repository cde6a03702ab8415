"""One round of publishing: the waiting events of some keys, each key's in order, keys side by side.

A round holds an advisory lock for each of its keys until its transaction ends: whoever else publishes a key waits, and
reads the key's rows only then. So no event overtakes an older one of its key, whichever process published that.
Rows are not locked: deleting a source need not wait for a sink.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from events.event_sinks import EventSinks, NotTaken
from events.outbox_rows import Row, bury, mark_published
from shared.database import load_sql
from shared.logs import get_log

if TYPE_CHECKING:
    import asyncpg

LOCKS = 0x726B6250
"""The advisory locks' namespace: the bytes of "rkbP"."""
ROWS = 200
"""Of one round: some hundred milliseconds with a sink that waits for its broker."""
AT_ONCE = 16
"""Requests under way: enough to fill a broker's batches."""

log = get_log("publisher")


@dataclass
class Round:
    """What became of one round's rows. `left`: keys worth another attempt soon; `stuck`: keys that are not."""

    taken: list[Row] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    buried: int = 0
    is_away: bool = False
    is_full: bool = False


async def publish_round(
    pool: "asyncpg.Pool[Any]", keys: Collection[str], sinks: EventSinks, stop: asyncio.Event, acquire_timeout_s: float
) -> Round:
    """Publish up to ROWS of the oldest events of `keys`, mark those that their sink took; begin none after `stop`."""
    async with pool.acquire(timeout=acquire_timeout_s) as connection, connection.transaction():
        await connection.execute(load_sql(__file__, "lock_keys"), LOCKS, list(keys))
        records = await connection.fetch(load_sql(__file__, "unpublished_of_keys"), list(keys), ROWS)
        rows = [Row.read(record) for record in records]
        done = await _send(rows, sinks, stop)
        unpublishable = [row for row in rows if row.event is None]
        await bury(connection, unpublishable)
        await mark_published(connection, done.taken)
    done.buried, done.is_full = len(unpublishable), len(rows) == ROWS
    return done


async def _send(rows: list[Row], sinks: EventSinks, stop: asyncio.Event) -> Round:
    done = Round()
    lanes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.event is not None:
            lanes[row.partition_key].append(row)
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(key: str, lane: list[Row]) -> None:
        for row in lane:
            async with slots:
                if done.is_away or stop.is_set():  # nothing more to a sink that is away
                    done.left.add(key)
                    return
                try:
                    await sinks.send(row)
                except NotTaken as exc:
                    _note(done, key, row, exc)
                    return
            done.taken.append(row)

    await asyncio.gather(*(run(key, lane) for key, lane in lanes.items()))
    return done


def _note(done: Round, key: str, row: Row, exc: NotTaken) -> None:
    if exc.away and done.is_away:
        done.left.add(key)
        return  # said once a round
    done.is_away = done.is_away or exc.away
    (done.left if exc.retry else done.stuck).add(key)
    say = log.warning if exc.retry else log.error
    say("event_not_taken", outbox_id=row.id, topic=row.topic, detail=str(exc)[:500])
