"""What a restore must not do: empty a store that is in use, or leave half of a backup."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.migrate import migrate
from shared.objects import Objects
from tests.conftest import Stack
from tests.integration.backup_rig import back_up, make_places, refusal, restore, run, states, submit

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture(loop_scope="session")
async def places(stack: Stack, tmp_path: Path) -> AsyncIterator[Any]:
    """A maker of places."""
    async with make_places(stack, tmp_path) as make:
        yield make


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
        patch.setattr("cli.backup.restoring._load", fail)
        with pytest.raises(OSError, match="disk"):
            await restore(drill, tmp_path / "backup")
    refused = await refusal(restore(drill, tmp_path / "backup"))
    assert (refused.title, "--replace" in refused.action) == ("The object store is not empty", True)
    assert (await restore(drill, tmp_path / "backup", replace=True)).removed == 0
    assert await states(drill) == {"queued": 2}
    assert len(await Objects(drill.object_store_url).keys("documents/")) == 2
