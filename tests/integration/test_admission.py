"""Leases on a real database: taken before the handler, back before the client has its whole answer."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from functions.keys.keyring import create_key
from functions.keys.models import AskedLimits, NewKey
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.settings import Settings
from tests.conftest import Stack, free_port

pytestmark = pytest.mark.stack
Pool: TypeAlias = "asyncpg.Pool[Any]"
Searcher = Annotated[Caller, require("search")]


def make_app(stack: Stack, held: asyncio.Event) -> FastAPI:
    """An app whose handlers wait, raise or stream."""
    app = create_function_app("test", Settings(database_url=stack.database_url, log_level="critical"))
    install_admission(app)

    @app.get("/wait")
    async def wait(caller: Searcher) -> str:
        await held.wait()
        return caller.tier

    @app.get("/raise")
    async def fail(caller: Searcher) -> str:
        raise RuntimeError(caller.tier)

    async def parts(*, broken: bool) -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(0.05)
        if broken:
            raise RuntimeError("half way")
        yield b"last"

    @app.get("/stream")
    async def stream(caller: Searcher, broken: bool = False) -> StreamingResponse:
        return StreamingResponse(parts(broken=broken))

    @app.get("/endless")
    async def endless(caller: Searcher) -> StreamingResponse:
        async def drip() -> AsyncIterator[bytes]:
            while True:
                yield b"."
                await asyncio.sleep(0.01)

        return StreamingResponse(drip())

    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` over TCP in this loop."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        await task


async def make_key(database: Pool, concurrent: int, per_hour: int = 1_000_000) -> tuple[uuid.UUID, dict[str, str]]:
    """A key that may search; its id and the header that carries it."""
    limits = AskedLimits(per_hour=per_hour, concurrent=concurrent)
    made = await create_key(database, NewKey(name="lease", tier="free", scopes=["search"], limits=limits))
    return made.id, {"X-API-Key": made.key}


async def leases_of(database: Pool, key_id: uuid.UUID) -> int:
    """How many slots the key holds now."""
    held: int = await database.fetchval("SELECT cardinality(leases) FROM key_usage WHERE key_id = $1", key_id)
    return held


async def test_slots_are_counted_across_replicas(stack: Stack, database: Pool) -> None:
    """Two processes' worth of apps share one key's three slots; the fourth request is refused, and none is lost."""
    held = asyncio.Event()
    key_id, headers = await make_key(database, concurrent=3)
    async with serving(make_app(stack, held)) as one, serving(make_app(stack, held)) as other:
        waiting = [asyncio.create_task(client.get("/wait", headers=headers)) for client in (one, other, one)]
        while await leases_of(database, key_id) < 3:  # noqa: ASYNC110 -- the state is in another process
            await asyncio.sleep(0.01)
        refused = await other.get("/wait", headers=headers)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (429, "too-many-at-once")
        held.set()
        assert [(await task).status_code for task in waiting] == [200] * 3
        assert await leases_of(database, key_id) == 0


async def test_a_free_slot_is_there_when_the_answer_is(stack: Stack, database: Pool) -> None:
    """At the moment a client has its whole answer the row holds no lease: after a return, an error, a stream."""
    held = asyncio.Event()
    held.set()
    key_id, headers = await make_key(database, concurrent=1)
    async with serving(make_app(stack, held)) as client:
        for path, status in (("/wait", 200), ("/raise", 500), ("/stream", 200), ("/stream?broken=maybe", 422)) * 10:
            assert (await client.get(path, headers=headers)).status_code == status
            assert await leases_of(database, key_id) == 0


async def test_a_broken_stream_gives_its_slot_back(stack: Stack, database: Pool) -> None:
    """A handler that fails half way through its answer holds nothing afterwards."""
    key_id, headers = await make_key(database, concurrent=1)
    async with serving(make_app(stack, asyncio.Event())) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/stream?broken=true", headers=headers)
        assert await leases_of(database, key_id) == 0


async def test_a_client_that_leaves_gives_its_slot_back(stack: Stack, database: Pool) -> None:
    """Closing the connection in the middle of a stream frees the slot soon, not after the lease's two minutes."""
    key_id, headers = await make_key(database, concurrent=1)
    async with serving(make_app(stack, asyncio.Event())) as client:
        async with client.stream("GET", "/endless", headers=headers) as response:
            assert response.status_code == 200
            assert await leases_of(database, key_id) == 1
        deadline = time.monotonic() + 5
        while await leases_of(database, key_id):
            assert time.monotonic() < deadline, "the slot is still held"
            await asyncio.sleep(0.02)


async def test_an_hour_is_shared_by_replicas(stack: Stack, database: Pool) -> None:
    """Sixty requests through two apps at once against a budget of twenty-five: exactly twenty-five pass."""
    held = asyncio.Event()
    held.set()
    _, headers = await make_key(database, concurrent=100, per_hour=25)
    async with serving(make_app(stack, held)) as one, serving(make_app(stack, held)) as other:
        asked = [client.get("/wait", headers=headers) for _ in range(30) for client in (one, other)]
        statuses = [response.status_code for response in await asyncio.gather(*asked)]
    assert sorted(statuses) == [200] * 25 + [429] * 35


async def test_the_door_opens_again_after_a_lost_connection(stack: Stack, database: Pool) -> None:
    """When Postgres ends the connection, the next requests come in on a new one."""
    held = asyncio.Event()
    held.set()
    _, headers = await make_key(database, concurrent=5)
    app = make_app(stack, held)
    async with serving(app) as client:
        assert (await client.get("/wait", headers=headers)).status_code == 200
        connection: asyncpg.Connection[Any] = app.state.door._connection
        await database.execute("SELECT pg_terminate_backend($1, 2000)", connection.get_server_pid())
        statuses = [(await client.get("/wait", headers=headers)).status_code for _ in range(3)]
    assert statuses[1:] == [200, 200]
    assert statuses[0] in {200, 503}
