"""Events after which derived data may be out of date, and the sweep that looks at everything."""

from events.activity import gather_activity
from events.cloudevents import CloudEvent
from events.receiver import Outcome
from functions.refresh.retention import sweep
from functions.refresh.settings import RefreshSettings
from shared.database import load_sql
from shared.lexical import rewrite_impacts, rewrites_due
from shared.logs import get_log
from shared.resources import Resources

log = get_log("refresh")


async def handle_source_changed(event: CloudEvent, held: Resources) -> Outcome:
    """Rewrite the BM25 impacts of the source's collection when its average length has drifted.

    Needs no row in processed_events: it derives the state from the state, however often it runs.
    """
    pool = await held.pool()
    name = (event.data or {})["collection"]
    collection_id = await pool.fetchval(load_sql(__file__, "collection_id"), name)
    if collection_id is not None:
        await _rewrite(held, [collection_id])
    return "done"


async def handle_sweep(held: Resources, settings: RefreshSettings) -> dict[str, int]:
    """Gather notes, publish events that were left, bring every collection up to date, delete what is past its time."""
    pool = await held.pool()
    async with pool.acquire(timeout=settings.database_acquire_timeout_s) as connection:
        await gather_activity(connection)
    published = await held.publisher.publish_left() if held.publisher is not None else {}
    await _rewrite(held, await rewrites_due(pool))
    swept = published | await sweep(held, settings)
    log.info("swept", **swept)
    return swept


async def _rewrite(held: Resources, collections: list[int]) -> None:
    pool = await held.pool()
    for collection_id in collections:
        if count := await rewrite_impacts(pool, collection_id):
            log.info("impacts_rewritten", collection_id=collection_id, passages=count)
