"""Reading sources and their passages."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.sources.models import Passage, PassageList, Source, SourceFilters, SourceList
from shared.access import Caller
from shared.cursor import decode_cursor, page
from shared.database import load_sql
from shared.problems import Problem

if TYPE_CHECKING:
    import asyncpg


async def list_sources(pool: "asyncpg.Pool[Any]", caller: Caller, filters: SourceFilters) -> SourceList:
    """Return a page of the sources that the caller may see."""
    position = decode_cursor("sources", filters.cursor, datetime, UUID)
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(load_sql(__file__, "plan_anew"))
        rows = await connection.fetch(
            load_sql(__file__, "list_sources"),
            caller.collections,
            filters.collection,
            filters.source_type,
            filters.year_from,
            filters.year_to,
            filters.author,
            filters.title,
            filters.doi,
            filters.external_id,
            *position,
            filters.limit + 1,
        )
    kept, following = page("sources", rows, filters.limit, "created_at", "id")
    return SourceList(items=[Source(**dict(row)) for row in kept], next_cursor=following)


async def find_source(pool: "asyncpg.Pool[Any]", caller: Caller, source_id: UUID) -> Source:
    """Return one source; a Problem 404 when there is none that the caller may see."""
    row = await pool.fetchrow(load_sql(__file__, "find_source"), source_id, caller.collections)
    if row is None:
        raise unknown_source(source_id)
    return Source(**dict(row))


async def list_passages(
    pool: "asyncpg.Pool[Any]", caller: Caller, source_id: UUID, limit: int, cursor: str | None
) -> PassageList:
    """Return a page of the passages of a source that the caller may see."""
    (ordinal,) = decode_cursor(f"passages/{source_id}", cursor, int)
    await find_source(pool, caller, source_id)
    rows = await pool.fetch(load_sql(__file__, "list_passages"), source_id, ordinal, limit + 1)
    kept, following = page(f"passages/{source_id}", rows, limit, "ordinal")
    return PassageList(items=[Passage(**dict(row)) for row in kept], next_cursor=following)


def unknown_source(source_id: UUID) -> Problem:
    """Return the 404 of a source that does not exist or that the key may not see."""
    return Problem(404, "source-not-found", "No such source", str(source_id), "GET /sources lists the sources.")
