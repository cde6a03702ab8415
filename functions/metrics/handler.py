"""Adding events up: each once, by a claim in the transaction of its sums."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from events.cloudevents import CloudEvent
from events.processed import claim
from events.receiver import Outcome
from events.topics import SEARCH_PERFORMED, SOURCE_DELETED
from functions.metrics import catalogue
from functions.metrics.sums import Sums, sum_up
from shared.database import load_sql
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection


async def handle_event(event: CloudEvent, held: Resources) -> Outcome:
    """Add one event to the sums, or nothing where it was added before."""
    sums = sum_up(event.data or {}) if event.type == SEARCH_PERFORMED else Sums()
    sums.count(catalogue.EVENTS, event.type)
    if event.type == SOURCE_DELETED and event.time:
        passed = datetime.now(UTC) - datetime.fromisoformat(event.time)
        sums.observe(catalogue.DELETION, max(passed.total_seconds(), 0.0))
    pool = await held.pool()
    timeout_s = held.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        if not await claim(connection, "metrics", event):
            return "duplicate"
        await add(connection, sums)
    return "done"


async def add(connection: "Connection", sums: Sums) -> None:
    """Add `sums` in the caller's transaction. Rows are locked in the order of their keys: two events never deadlock."""
    counters = [
        {"name": name, "labels": dict(labels), "value": value} for (name, labels), value in sums.counters.items()
    ]
    histograms = [
        {
            "name": family.name,
            "labels": dict(labels),
            "bounds": family.bounds,
            "counts": observed.counts,
            "total": observed.total,
        }
        for (family, labels), observed in sums.histograms.items()
    ]
    await connection.execute(load_sql(__file__, "add_counters"), counters)
    if histograms:
        await connection.execute(load_sql(__file__, "add_histograms"), histograms)
