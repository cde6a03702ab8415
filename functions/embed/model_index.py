"""The vector index of a model that is embedded beside another: begun by an event of its backfill, awaited by none.

Making it takes a look at every vector there is and waits for every transaction that is older: longer than any request
or delivery may. So it has a connection of its own and goes on when the event is answered; where it failed, the next
event begins it anew.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.database import load_sql
from shared.logs import get_log
from shared.models import Model, sql_for
from shared.resources import Resources

if TYPE_CHECKING:
    import asyncpg

    from shared.database import Connection

PATIENCE_S: Final = 5.0
"""An event waits so long: in a small library the index is there before the first vector is."""
TIMEOUT_S: Final = 6 * 3600.0
"""Above any backup that it has to wait for; nobody waits meanwhile."""
VISIBLE_S: Final = 10.0
"""A statement shows in pg_stat_activity within milliseconds."""
LOCK_TIMEOUT_MS: Final = 2000
"""Dropping an index waits for whoever reads or writes vectors, and others wait behind it: not for long."""
LOCK: Final = 0x726B625F696E6478
"""Any number that no other program locks: one process at a time looks and begins."""

log = get_log("embed")
_building: set[asyncio.Task[None]] = set()  # the event loop itself keeps no task


@dataclass(frozen=True, slots=True)
class IndexState:
    """`there` without `valid`: being made, or its making was cut off. `busy`: some index of vectors is being made."""

    there: bool
    valid: bool
    busy: bool


async def ensure_index(held: Resources, model: Model) -> None:
    """Begin to make the model's index unless it is there or is being made; wait for it a little."""
    pool = await held.pool()
    async with pool.acquire(timeout=held.settings.database_acquire_timeout_s) as connection:
        state = await _state(connection, model)
        if state.valid or state.busy:
            return
        if state.there:
            await _drop_cut_off(connection, model)
        building = await _begin(held, connection, model)
    if building is not None:
        await asyncio.wait({building}, timeout=PATIENCE_S)


async def _state(connection: "Connection", model: Model) -> IndexState:
    row: Any = await connection.fetchrow(load_sql(__file__, "index_state"), sql_for("embeddings_hnsw_{model}", model))
    return IndexState(**row)


async def _drop_cut_off(connection: "Connection", model: Model) -> None:
    async with connection.transaction():
        if not await connection.fetchval(load_sql(__file__, "try_index_lock"), LOCK):
            return
        state = await _state(connection, model)
        if state.there and not state.valid and not state.busy:
            await connection.execute(load_sql(__file__, "limit_lock_wait"), str(LOCK_TIMEOUT_MS))
            await connection.execute(sql_for(load_sql(__file__, "drop_index"), model))


async def _begin(held: Resources, connection: "Connection", model: Model) -> "asyncio.Task[None] | None":
    """Send the statement and return once others can see that it runs; None where somebody else was quicker.

    Two at once would wait for one another, of one model or of two.
    """
    async with connection.transaction():
        if not await connection.fetchval(load_sql(__file__, "try_index_lock"), LOCK):
            return None
        state = await _state(connection, model)
        if state.there or state.busy:
            return None
        building = asyncio.create_task(_build(held, model))
        _building.add(building)
        building.add_done_callback(_building.discard)
        async with asyncio.timeout(VISIBLE_S):
            while not building.done() and not (await _state(connection, model)).busy:  # noqa: ASYNC110 -- Postgres tells
                await asyncio.sleep(0.02)
    return building


async def _build(held: Resources, model: Model) -> None:
    import asyncpg

    from shared.database import UNAVAILABLE

    failures: tuple[type[BaseException], ...] = (*UNAVAILABLE, asyncpg.PostgresError)
    statement = sql_for(load_sql(__file__, "model_index_concurrently"), model)
    try:
        connection = await asyncpg.connect(held.settings.database_url, timeout=VISIBLE_S)
        # Ended like this, it is not cancelled: Postgres makes the index without whoever asked for it.
        held.on_close(lambda: _leave(connection))
        try:
            await connection.execute(statement, timeout=TIMEOUT_S)
        finally:
            await connection.close(timeout=1)
    except failures as exc:
        log.warning("model_index_not_made", model=model.name, error=repr(exc)[:300])
    else:
        log.info("model_index_made", model=model.name)


async def _leave(connection: "asyncpg.Connection[Any]") -> None:
    connection.terminate()
