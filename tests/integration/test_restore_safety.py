"""What a restore must not do: empty a store that is in use, or leave half of a backup."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.migrate import migrate
from shared.objects import Objects
from tests.conftest import ROOT
from tests.integration.backup_rig import Place, back_up, refusal, restore, run, states, submit
from tests.integration.bridge_rig import until

pytestmark = pytest.mark.stack
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql'"
LOADING = "query LIKE 'COPY public.a %'"


async def test_half_a_place_is_an_error_of_usage(places: Any, tmp_path: Path) -> None:
    """With one of the two variables nothing is done: the other one would be the running stack's."""
    place = await places()
    await migrate(place.database_url)
    for command in ("backup", "restore"):
        code, said = await run(place, command, tmp_path / "new", OBJECT_STORE_URL="")
        assert (code, said["title"]) == (2, "Database and object store belong together")
    assert not (tmp_path / "new").exists()
    assert (await run(place, "resume", OBJECT_STORE_URL=""))[0] == 0


async def test_a_store_in_use_is_not_restored_into(places: Any, tmp_path: Path) -> None:
    """An empty database beside it does not make it empty; --replace is what says that its objects may go."""
    live, drill = await places(), await places()
    await migrate(live.database_url)
    await submit(live, "One.", "Two.")
    await back_up(live, tmp_path / "backup")
    await submit(live, "Three.")
    objects = Objects(live.object_store_url)
    before = await objects.keys("documents/")
    mixed = replace(drill, object_store_url=live.object_store_url)
    refused = await refusal(restore(mixed, tmp_path / "backup"))
    assert (refused.title, "--replace" in refused.action) == ("The object store is not empty", True)
    assert await objects.keys("documents/") == before
    async with drill.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('public.documents')") is None


async def test_a_failed_restore_can_be_repeated(places: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects lie there already and no row does: that is refused with what to do, and doing it works."""
    place, drill = await places(), await places()
    await migrate(place.database_url)
    await submit(place, "One.", "Two.")
    await back_up(place, tmp_path / "backup")

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("cli.backup.restoring.load_dump", fail)
        with pytest.raises(OSError, match="disk"):
            await restore(drill, tmp_path / "backup")
    refused = await refusal(restore(drill, tmp_path / "backup"))
    assert (refused.title, "--replace" in refused.action) == ("The object store is not empty", True)
    assert (await restore(drill, tmp_path / "backup", replace=True)).removed == 0
    assert await states(drill) == {"queued": 2}
    assert len(await Objects(drill.object_store_url).keys("documents/")) == 2


async def make_long(places: Any, folder: Path) -> Place:
    """Make a backup in `folder` that takes seconds to load; return a place with a document of its own."""
    place: Place = await places()
    other: Place = await places()
    await migrate(place.database_url)
    await submit(place, "One.", "Two.")
    async with place.connection() as connection:
        # Its name comes first, and what is left of a line that is cut off is a line.
        await connection.execute("CREATE TABLE a AS SELECT repeat('x', 99) AS line FROM generate_series(1, 800000)")
    await back_up(place, folder)
    await migrate(other.database_url)
    await submit(other, "Of before.")
    return other


@asynccontextmanager
async def psql_in(place: Place) -> AsyncIterator[Callable[[str], Awaitable[list[int]]]]:
    """Yield a look at the sessions of psql that meet a condition: their process ids."""
    async with place.connection() as connection:

        async def look(condition: str) -> list[int]:
            return [row["pid"] for row in await connection.fetch(f"{SESSIONS} AND {condition}")]

        yield look


async def test_a_restore_that_is_killed_changes_nothing(places: Any, tmp_path: Path) -> None:
    """psql then reads an input that ends half way, here in the middle of a table, and must not commit it."""
    other = await make_long(places, tmp_path / "backup")
    command = [sys.executable, "-m", "cli.main", "restore", str(tmp_path / "backup"), "--replace"]
    async with psql_in(other) as look:
        killed = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=os.environ | other.variables())
        await until(partial(look, LOADING), 60)
        killed.kill()
        assert await killed.wait() < 0

        async def gone() -> bool:
            return await look("true") == []

        await until(gone, 60)
    assert await states(other) == {"queued": 1}


async def test_what_psql_complains_of_is_said(places: Any, tmp_path: Path) -> None:
    """Its end before it has read everything is its failure, not the pipe's; the database is as it was."""
    other = await make_long(places, tmp_path / "backup")
    async with psql_in(other) as look, other.connection() as connection:
        refused = asyncio.create_task(refusal(restore(other, tmp_path / "backup", replace=True)))
        await until(partial(look, LOADING), 60)
        for process in await look(LOADING):
            await connection.execute("SELECT pg_terminate_backend($1)", process)
        assert (await refused).title == "psql could not load the dump"
        assert "terminating connection" in (await refused).detail
    assert await states(other) == {"queued": 1}
