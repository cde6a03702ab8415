"""The index of a model beside another: made by an event, awaited by none, once, however often it is asked for."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from functions.embed import model_index
from functions.embed.model_index import ensure_index
from functions.health import model_change
from shared.database import load_sql
from shared.models import Model, add_model
from shared.resources import Resources
from shared.settings import Settings
from tests.conftest import Stack
from tests.drills.deployment import until

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"


@pytest_asyncio.fixture(loop_scope="session")
async def held(stack: Stack) -> AsyncIterator[Resources]:
    """Connections of a function, one at a time."""
    settings = Settings(database_url=stack.database_url, triton_url=stack.triton_url, database_pool_size=1)
    resources = Resources(settings)
    yield resources
    await resources.close()


@pytest_asyncio.fixture(loop_scope="session")
async def model(database: Pool) -> AsyncIterator[Model]:
    """A model without an index."""
    async with database.acquire() as connection:
        made = await add_model(connection, f"test-{uuid.uuid4().hex[:8]}", 8)
    yield made
    await database.execute("UPDATE models SET removed = true WHERE id = $1", made.id)
    await database.execute(f"DROP INDEX IF EXISTS embeddings_hnsw_{made.id}")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_index, "PATIENCE_S", 0.5)


async def shown(database: Pool, model: Model) -> tuple[str, str | None]:
    """Return what GET /models says of the model's index."""
    row: Any = await database.fetchrow(load_sql(model_change.__file__, "list_models"), None, 1, model.name)
    return row["index"], row["index_phase"]


async def oid(database: Pool, model: Model) -> int | None:
    """Return which index it is."""
    found: int | None = await database.fetchval("SELECT to_regclass($1)::oid::bigint", f"embeddings_hnsw_{model.id}")
    return found


async def test_it_is_made_once(database: Pool, held: Resources, model: Model) -> None:
    """In a small library it is there when the first event goes on; asked again, nothing is made anew."""
    assert await shown(database, model) == ("missing", None)
    await asyncio.gather(*(ensure_index(held, model) for _ in range(4)))
    assert await shown(database, model) == ("ready", None)
    first = await oid(database, model)
    await ensure_index(held, model)
    assert await oid(database, model) == first


async def test_nobody_waits_for_it(database: Pool, stack: Stack, held: Resources, model: Model) -> None:
    """Held up by an old transaction it shows its phase; others begin no second one, and its asker may go away."""
    reader = await asyncpg.connect(stack.database_url)
    try:
        async with reader.transaction(isolation="repeatable_read"):
            await reader.fetchval("SELECT count(*) FROM models")
            await asyncio.wait_for(ensure_index(held, model), 5)
            state, phase = await shown(database, model)
            assert state == "building"
            assert "waiting" in (phase or "")
            first = await oid(database, model)
            await held.close()
            other = Resources(held.settings)
            await asyncio.wait_for(ensure_index(other, model), 2)
            await other.close()
            assert (await shown(database, model))[0] == "building"
    finally:
        await reader.close()
    await until(lambda: _is_ready(database, model), 30)
    assert await oid(database, model) == first


async def _is_ready(database: Pool, model: Model) -> bool:
    return (await shown(database, model))[0] == "ready"


async def test_one_that_was_cut_off_is_made_anew(database: Pool, stack: Stack, held: Resources, model: Model) -> None:
    """An index whose making Postgres gave up is dropped by the next event, which makes another."""
    reader = await asyncpg.connect(stack.database_url)
    try:
        async with reader.transaction(isolation="repeatable_read"):
            await reader.fetchval("SELECT count(*) FROM models")
            await ensure_index(held, model)
            cut_off = await oid(database, model)
            cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE starts_with(query, $1)"
            assert await database.fetchval(cancel, "-- query model_index_concurrently")
            await until(lambda: _is_missing(database, model), 10)
            assert await oid(database, model) == cut_off
    finally:
        await reader.close()
    await ensure_index(held, model)
    await until(lambda: _is_ready(database, model), 30)
    assert await oid(database, model) != cut_off


async def _is_missing(database: Pool, model: Model) -> bool:
    return (await shown(database, model))[0] == "missing"
