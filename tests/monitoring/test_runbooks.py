"""What a runbook tells to type does what the page says."""

import asyncio
import re
from typing import Any, TypeAlias

import asyncpg
import pytest

from events.bridge.relay import LOCK
from tests.conftest import ROOT, Stack

Pool: TypeAlias = "asyncpg.Pool[Any]"

PAGE = (ROOT / "docs" / "runbooks" / "outbox-stuck.md").read_text(encoding="utf-8")
(END_RELAY,) = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.S)
HOLDER = END_RELAY.replace("pg_terminate_backend(pid)", "pid")
GIVE_UP_S = 60


def test_the_lock_that_is_named_is_the_relays() -> None:
    """Postgres shows a bigint's upper half as classid, its lower half as objid, and 1 as objsubid."""
    named = {key: int(value) for key, value in re.findall(r"(classid|objid|objsubid) = (\d+)", END_RELAY)}
    assert named == {"classid": LOCK >> 32, "objid": LOCK & 0xFFFFFFFF, "objsubid": 1}


async def holders(database: Pool) -> list[int]:
    """Return the sessions that the page's statement would end."""
    return [row["pid"] for row in await database.fetch(HOLDER)]


async def relayed_by_another(database: Pool, before: int) -> None:
    """Wait until the lock is held by another session than `before`."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            if set(await holders(database)) - {before}:
                return
            await asyncio.sleep(0.2)


@pytest.mark.stack
async def test_only_the_relay_is_ended_and_comes_back(stack: Stack, database: Pool) -> None:
    """A session with another advisory lock lives on; the relay's lock is soon held by a new session."""
    bystander = await asyncpg.connect(stack.database_url)
    try:
        await bystander.execute("SELECT pg_advisory_lock(7236154), pg_advisory_lock(1, 2)")
        (relay,) = await holders(database)
        assert [row[0] for row in await database.fetch(END_RELAY)] == [True]
        await relayed_by_another(database, relay)
        assert await bystander.fetchval("SELECT 1") == 1
    finally:
        await bystander.close()
