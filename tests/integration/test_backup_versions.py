"""Backups of sources that have several versions, or change while they are copied."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import cli.backup.dumping
from cli.backup.copying import copy_out
from cli.backup.manifest import Checked, Manifest, listed_objects
from functions.extract.settings import ExtractSettings
from functions.sources.removal import remove_source
from shared.access import Caller
from shared.migrate import migrate
from shared.objects import Objects
from shared.resources import Resources
from tests.integration.backup_rig import (
    Place,
    back_up,
    deliver_all,
    refusal,
    restore,
    states,
    submit,
)

pytestmark = pytest.mark.stack
Happening = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """What happens when nothing does."""


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let things happen during a backup: `before` the first, second, ... copying of what rows name, or `after` it."""

    def arrange(*, before: tuple[Happening, ...] = (), after: tuple[Happening, ...] = ()) -> None:
        firsts, lasts = iter(before), iter(after)

        async def disturbed(*given: Any) -> dict[str, Checked]:
            await next(firsts, nothing)()
            copied = await copy_out(*given)
            await next(lasts, nothing)()
            return copied

        monkeypatch.setattr(cli.backup.dumping, "copy_out", disturbed)

    return arrange


async def delete(place: Place, external_id: str) -> None:
    """Delete a source as DELETE /sources/{id} does."""
    held = Resources(ExtractSettings(**place.arguments()))
    admin = Caller(uuid.uuid4(), "premium", frozenset({"admin"}), None)
    try:
        await remove_source(held, admin, await source_id(place, external_id))
    finally:
        await held.close()


async def source_id(place: Place, external_id: str) -> uuid.UUID:
    """The id of a source."""
    async with place.connection() as connection:
        found: uuid.UUID = await connection.fetchval("SELECT id FROM sources WHERE external_id = $1", external_id)
    return found


async def searchable(place: Place) -> list[str]:
    """The texts of the passages that searches see, each of which has postings and counts."""
    async with place.connection() as connection:
        rows = await connection.fetch("SELECT text FROM passages WHERE live ORDER BY text")
        counted = await connection.fetchval("SELECT sum(passages) FROM collections")
        posted = await connection.fetchval("SELECT count(DISTINCT passage_id) FROM postings")
    assert counted == posted == len(rows)
    return [row["text"] for row in rows]


def copied(folder: Path, made: Manifest) -> set[str]:
    """The objects of a backup: those that are listed are those that lie there."""
    keys = {part.name for part in listed_objects(folder)}
    lying = {str(path.relative_to(folder / "objects")) for path in (folder / "objects").rglob("*") if path.is_file()}
    assert keys == lying
    assert len(keys) == made.objects
    return keys


async def test_a_replaced_version_is_no_loss(places: Any, tmp_path: Path) -> None:
    """The bytes of a replaced version are gone days before its row: backups go on, of the restored system too."""
    place, other = await places(), await places()
    await migrate(place.database_url)
    await submit(place, "First. Anchors hold ships.", external_id="note")
    await deliver_all(place)
    await submit(place, "Second. Keels steady boats.", external_id="note")
    await deliver_all(place)
    assert await states(place) == {"superseded": 1, "indexed": 1}
    made = await back_up(place, tmp_path / "backup")
    assert len(copied(tmp_path / "backup", made)) == 1
    await restore(other, tmp_path / "backup")
    assert await searchable(other) == await searchable(place) != []
    assert (await back_up(other, tmp_path / "again")).rows == made.rows


async def test_a_failed_version_before_a_newer_one_may_be_swept(places: Any, tmp_path: Path) -> None:
    """Its bytes are kept while they are there, and may be gone before its row is; those of a lone one may not."""
    place = await places()
    await migrate(place.database_url)
    await submit(place, "Failed.", external_id="note")
    async with place.connection() as connection:
        await connection.execute("UPDATE documents SET state = 'failed'")
        key = await connection.fetchval("SELECT object_key FROM documents")
    await submit(place, "Newer.", external_id="note")
    assert key in copied(tmp_path / "kept", await back_up(place, tmp_path / "kept"))
    await Objects(place.object_store_url).delete(key)
    assert (await back_up(place, tmp_path / "swept")).objects == 1
    async with place.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE state = 'queued'")
    assert (await refusal(back_up(place, tmp_path / "lost"))).title == "1 objects are missing in the object store"


async def test_what_changes_while_it_is_copied(places: Any, tmp_path: Path, meanwhile: Callable[..., None]) -> None:
    """A source deleted meanwhile is not in the backup, one replaced again and again is in it as its last version.

    So every row of the backup has its bytes, and the restored system can be backed up.
    """
    place, other = await places(), await places()
    await migrate(place.database_url)
    for name in ("kept", "deleted", "replaced"):
        await submit(place, f"First of {name}.", external_id=name)
    await deliver_all(place)
    deleted = await source_id(place, "deleted")

    async def first() -> None:
        await delete(place, "deleted")
        await submit(place, "Second of replaced.", external_id="replaced")
        await deliver_all(place)

    async def second() -> None:
        await submit(place, "Third of replaced.", external_id="replaced")
        await deliver_all(place)

    meanwhile(before=(first, second))
    made = await back_up(place, tmp_path / "backup")
    assert made.rows["sources"] == 2
    assert not any(str(deleted) in key for key in copied(tmp_path / "backup", made))
    await restore(other, tmp_path / "backup")
    assert await searchable(other) == ["First of kept.", "Third of replaced."]
    assert copied(tmp_path / "again", await back_up(other, tmp_path / "again")) == copied(tmp_path / "backup", made)


async def test_copies_of_what_is_deleted_afterwards(
    places: Any, tmp_path: Path, meanwhile: Callable[..., None]
) -> None:
    """Before the dump's snapshot was taken: the copies are discarded. After it: row and bytes are in the backup."""
    place = await places()
    await migrate(place.database_url)
    for name in ("kept", "first", "last"):
        await submit(place, f"Of {name}.", external_id=name)
    await deliver_all(place)
    last = await source_id(place, "last")
    meanwhile(after=(partial(delete, place, "first"), partial(delete, place, "last")))
    made = await back_up(place, tmp_path / "backup")
    assert made.rows["sources"] == len(copied(tmp_path / "backup", made)) == 2
    folders = {path.name for path in (tmp_path / "backup" / "objects" / "documents").iterdir()}
    assert folders == {str(last), str(await source_id(place, "kept"))}


async def test_what_goes_too_fast_is_no_backup(
    places: Any, tmp_path: Path, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with an error instead of going on for ever, and the folder can be used again."""
    place = await places()
    await migrate(place.database_url)
    monkeypatch.setattr(cli.backup.dumping, "SNAPSHOTS", 2)

    async def replace() -> None:
        await submit(place, f"Version {uuid.uuid4().hex}.", external_id="clock")
        await deliver_all(place)

    await replace()
    meanwhile(before=(replace,) * 3)
    assert (await refusal(back_up(place, tmp_path / "backup"))).title.startswith("Documents are replaced or deleted")
    assert (await back_up(place, tmp_path / "backup")).objects == 1


async def test_a_long_dump_is_no_idle_transaction(places: Any, tmp_path: Path, meanwhile: Callable[..., None]) -> None:
    """The session that holds the snapshot waits for copies and pg_dump, longer than servers let sessions be idle."""
    place = await places()
    await migrate(place.database_url)
    await submit(place, "One.")
    async with place.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '200ms'")
    meanwhile(before=(nothing, partial(asyncio.sleep, 1)))
    assert (await back_up(place, tmp_path / "backup")).objects == 1
