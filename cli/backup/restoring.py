"""Restoring a backup: everything is checked before anything is changed, and the database changes in one transaction."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.backup.copying import check_objects, copy_in
from cli.backup.loading import load_dump
from cli.backup.manifest import DATABASE, Manifest, Unusable, check_file, listed_objects, read_manifest
from cli.backup.place import Place
from cli.backup.programs import Programs, find_programs
from cli.backup.resuming import resume_documents
from cli.errors import CommandFailed
from cli.progress import ProgressDisplay
from shared.database import load_sql
from shared.migrate import FOLDER as MIGRATIONS
from shared.migrate import migrate
from shared.objects import Objects

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True)
class Restored:
    """What a restore has done."""

    manifest: Manifest
    migrations: list[str]
    resumed: int
    sessions: int
    removed: int


async def check_backup(folder: Path, display: ProgressDisplay) -> Manifest:
    """Return the manifest of a backup of which every byte is as it was. Raises: Unusable."""
    manifest = read_manifest(folder)
    for part in (manifest.listing, manifest.database):
        await asyncio.to_thread(check_file, folder, part)
    parts = list(listed_objects(folder))
    if len(parts) != manifest.objects:
        said = f"{len(parts)} objects are listed; there were {manifest.objects}"
        raise Unusable("The backup is damaged", f"{said}.", "Use another backup.")
    await check_objects(parts, folder, lambda done: display.show("checked", done, len(parts)))
    return manifest


async def restore_backup(place: Place, folder: Path, display: ProgressDisplay, *, replace: bool) -> Restored:
    """Restore the backup in `folder` into an empty place, or with `replace` into one whose content goes."""
    manifest = await check_backup(folder, display)
    unknown = sorted(set(manifest.migrations) - {path.stem for path in MIGRATIONS.glob("*.sql")})
    if unknown:
        raise Unusable(
            "The backup is of a newer release",
            f"Release {manifest.release} made it; this one does not know {', '.join(unknown)}.",
            "Restore it with that release, or a later one.",
        )
    connection = await place.connect()
    try:
        programs = await _fitting_programs(connection, manifest)
        await _refuse_occupied(connection, place, replace=replace)
        store = Objects(place.object_store_url)
        before = await store.keys("documents/")
        if before and not replace:
            raise _store_occupied(place, len(before))
        parts = list(listed_objects(folder))
        await copy_in(store, parts, folder, lambda done: display.show("objects", done, len(parts)))
        sessions = await connection.fetchval(load_sql(__file__, "other_sessions"))
        await asyncio.to_thread(load_dump, programs, place, folder / DATABASE, display)
        await _check_rows(connection, manifest)
        fresh = await migrate(place.database_url)
        resumed = await resume_documents(connection)
    finally:
        await connection.close()
    removed = before - {part.name for part in parts}
    for key in removed:
        await store.delete(key)
    return Restored(manifest, fresh, resumed, sessions, len(removed))


async def _fitting_programs(connection: "asyncpg.Connection[Any]", manifest: Manifest) -> Programs:
    versions: Any = await connection.fetchrow(load_sql(__file__, "versions"))
    major, vector = versions["server_version_num"] // 10_000, versions["vector"]
    if major < manifest.postgres:
        raise CommandFailed(
            "The server is older than the backup",
            f"It is Postgres {major}; the backup is of Postgres {manifest.postgres}.",
            f"Restore into Postgres {manifest.postgres} or newer.",
        )
    if vector is None or _numbers(vector) < _numbers(manifest.vector):
        raise CommandFailed(
            "The server's pgvector is older than the backup's",
            f"It has {vector or 'none'}; the backup has {manifest.vector}.",
            f"Install pgvector {manifest.vector} or newer.",
        )
    return find_programs(major)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


async def _refuse_occupied(connection: "asyncpg.Connection[Any]", place: Place, *, replace: bool) -> None:
    """A migrated database without documents and keys is empty; one with other tables is somebody else's."""
    tables = {row["name"] for row in await connection.fetch(load_sql(__file__, "tables"))}
    if not tables:
        return
    if not {"schema_migrations", "documents"} <= tables:
        raise CommandFailed(
            "The database belongs to something else",
            f"{place.said} has the tables {', '.join(sorted(tables)[:5])}.",
            "Name an empty database in DATABASE_URL.",
        )
    rows: Any = await connection.fetchrow(load_sql(__file__, "contents"))
    held = {name: count for name, count in dict(rows).items() if count}
    if held and not replace:
        raise CommandFailed(
            "The database is not empty",
            f"{place.said} holds {', '.join(f'{count} {name}' for name, count in held.items())}.",
            "Name an empty database in DATABASE_URL, or give --replace: what it holds is deleted then.",
        )


def _store_occupied(place: Place, count: int) -> CommandFailed:
    return CommandFailed(
        "The object store is not empty",
        f"{place.object_store_url} holds {count} objects below documents/.",
        "Name an empty one in OBJECT_STORE_URL; or, where a failed restore left them or nobody needs them, give "
        "--replace: what database and store hold is deleted then.",
    )


async def _check_rows(connection: "asyncpg.Connection[Any]", manifest: Manifest) -> None:
    rows = dict(await connection.fetchrow(load_sql(__file__, "contents")) or {})
    if rows != manifest.rows:
        raise CommandFailed("The restored database differs", f"It has {rows}; the backup had {manifest.rows}.", "")
