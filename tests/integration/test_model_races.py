"""Changes of models against whoever writes vectors at that moment."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from functions.health import model_change
from shared.database import load_sql
from shared.models import Model, find_model, hold_models_in_use, models_in_use, register_model
from shared.problems import Problem
from shared.resources import Resources
from shared.settings import Settings
from tests.conftest import Stack

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"
DIMENSION = 8


@pytest_asyncio.fixture(loop_scope="session")
async def held(stack: Stack) -> AsyncIterator[Resources]:
    """Connections of a function."""
    resources = Resources(Settings(database_url=stack.database_url, triton_url=stack.triton_url))
    yield resources
    await resources.close()


@pytest_asyncio.fixture(loop_scope="session")
async def kept(database: Pool) -> AsyncIterator[Model]:
    """A model beside the active one that new passages get vectors of; no server of it is known."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    async with database.acquire() as connection:
        await register_model(connection, name, DIMENSION)
    await database.execute("UPDATE models SET kept = true WHERE name = $1", name)
    model = await find_model(database, name)
    assert model is not None
    yield model
    await database.execute("UPDATE models SET kept = false, removed = true WHERE name = $1", name)
    await database.execute(f"DROP INDEX IF EXISTS embeddings_hnsw_{model.id}")


async def test_removal_waits_for_vectors_that_are_being_written(database: Pool, held: Resources, kept: Model) -> None:
    """Whoever read the model before its removal commits first; who comes afterwards does not know it any more."""
    async with database.acquire() as writer:
        async with writer.transaction():
            assert kept in await hold_models_in_use(writer)
            removal = asyncio.create_task(model_change.remove_model(held, kept.name))
            await asyncio.sleep(0.5)
            assert not removal.done()
        assert (await asyncio.wait_for(removal, 10)).state == "removing"
        async with writer.transaction():
            assert kept not in await hold_models_in_use(writer)


async def test_writers_wait_for_a_removal_and_see_it(database: Pool, kept: Model) -> None:
    """A removal that is not committed yet holds writers up until it is."""
    remove = load_sql(model_change.__file__, "remove_model")
    async with database.acquire() as remover, database.acquire() as writer:

        async def write() -> list[Model]:
            async with writer.transaction():
                return await hold_models_in_use(writer)

        async with remover.transaction():
            await remover.fetchrow(remove, kept.name, 0)
            writing = asyncio.create_task(write())
            await asyncio.sleep(0.3)
            assert not writing.done()
        assert kept not in await asyncio.wait_for(writing, 10)


async def test_a_switch_waits_for_no_writer(database: Pool, kept: Model) -> None:
    """Ingestion and activation lock models in ways that go together."""
    async with (
        database.acquire() as writer, database.acquire() as switch, writer.transaction(), switch.transaction()
    ):  # fmt: skip
        await hold_models_in_use(writer)
        await switch.execute("SET LOCAL lock_timeout = '1s'")
        await switch.execute(load_sql(model_change.__file__, "lock_models"))
        assert kept in await asyncio.wait_for(hold_models_in_use(writer), 1)
    assert kept in await models_in_use(database)


async def test_what_takes_too_long_is_left_open(held: Resources, kept: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library too large to be counted in time is listed without counts, and a switch says that it was not checked."""
    monkeypatch.setattr(model_change, "COUNT_TIMEOUT_S", 0.00001)
    [listed] = [each for each in (await model_change.list_models(held, 200, None)).items if each.name == kept.name]
    assert (listed.state, listed.index, listed.vectors, listed.missing) == ("building", "ready", None, None)
    with pytest.raises(Problem) as refused:
        await model_change._check_complete(held, kept)
    assert (refused.value.status, refused.value.slug) == (409, "vectors-not-checked")
