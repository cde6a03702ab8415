"""Sweeping rows that only bookkeeping needed, in batches."""

from datetime import timedelta

from functions.refresh.settings import RefreshSettings
from shared.database import load_sql
from shared.resources import Resources

OBJECTS = 100
"""Deleted before their rows are: a few seconds' work at an object store across the network."""


async def sweep(held: Resources, settings: RefreshSettings) -> dict[str, int]:
    """Delete what is older than its retention; return the number of rows by query."""
    ages_hours = {
        "sweep_processed_events": settings.processed_events_hours,
        "sweep_outbox": settings.outbox_hours,
        "sweep_usage_windows": settings.usage_windows_hours,
        "sweep_token_subjects": settings.usage_windows_hours,
        "sweep_dead_letters": settings.dead_letters_hours,
        "sweep_feedback": settings.feedback_hours,
        "sweep_delivery_attempts": settings.processed_events_hours,
    }
    swept = {name: await _sweep(held, name, timedelta(hours=age), settings) for name, age in ages_hours.items()}
    return swept | {"sweep_superseded": await _sweep_superseded(held, settings)}


async def _sweep(held: Resources, name: str, age: timedelta, settings: RefreshSettings) -> int:
    pool = await held.pool()
    total, batch = 0, settings.sweep_batch
    while True:
        deleted = int((await pool.execute(load_sql(__file__, name), age, batch)).split()[-1])
        total += deleted
        if deleted < batch:
            return total


async def _sweep_superseded(held: Resources, settings: RefreshSettings) -> int:
    """Delete replaced versions, their bytes first: a row that stays is found again by the next sweep."""
    pool = await held.pool()
    age, total = timedelta(hours=settings.superseded_hours), 0
    while rows := await pool.fetch(load_sql(__file__, "superseded"), age, OBJECTS):
        for row in rows:
            await held.objects.delete(row["object_key"])
        await pool.execute(load_sql(__file__, "delete_documents"), [row["id"] for row in rows])
        total += len(rows)
    return total
