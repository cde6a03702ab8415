"""Making a backup: the objects, a dump whose rows find theirs among them, the manifest last."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.backup.dumping import dump_place
from cli.backup.manifest import (
    DATABASE,
    FORMAT,
    LISTING,
    MANIFEST,
    Manifest,
    is_incomplete,
    measure,
    write_listing,
    write_manifest,
)
from cli.backup.place import Place
from cli.backup.programs import find_programs
from cli.errors import CommandFailed, UsageError
from cli.main import version
from cli.progress import ProgressDisplay
from shared.database import load_sql

if TYPE_CHECKING:
    import asyncpg


async def make_backup(place: Place, folder: Path, display: ProgressDisplay) -> Manifest:
    """Back up `place` into `folder`, which is made, or empty, or holds an interrupted backup, which is replaced."""
    started_at = datetime.now(UTC)
    connection = await place.connect()
    try:
        versions: Any = await connection.fetchrow(load_sql(__file__, "versions"))
        major = versions["server_version_num"] // 10_000
        programs = find_programs(major)
        await _refuse_foreign(connection, place)
        await asyncio.to_thread(_prepare, folder)
        dumped = await dump_place(connection, place, programs, folder, display)
    finally:
        await connection.close()
    await asyncio.to_thread(write_listing, folder, dumped.objects)
    manifest = Manifest(
        format=FORMAT,
        made_at=started_at.isoformat(timespec="seconds"),
        release=version(),
        postgres=major,
        vector=versions["vector"],
        migrations=dumped.migrations,
        rows=dumped.rows,
        database=await asyncio.to_thread(measure, folder, DATABASE),
        listing=await asyncio.to_thread(measure, folder, LISTING),
        objects=len(dumped.objects),
        objects_bytes=sum(part.size_bytes for part in dumped.objects),
    )
    await asyncio.to_thread(write_manifest, folder, manifest)
    return manifest


async def _refuse_foreign(connection: "asyncpg.Connection[Any]", place: Place) -> None:
    tables = {row["name"] for row in await connection.fetch(load_sql(__file__, "tables"))}
    if not {"schema_migrations", "documents"} <= tables:
        raise CommandFailed(
            "There is nothing to back up", f"{place.said} has no tables of this project.", "Correct DATABASE_URL."
        )


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / MANIFEST).exists():
        raise UsageError("The folder holds a backup", str(folder), "Name a new folder: a backup is never overwritten.")
    if is_incomplete(folder):
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if any(folder.iterdir()):
        raise UsageError("The folder is not empty", str(folder), "Name a new folder, or an empty one.")
    folder.chmod(0o700)  # it will hold documents and the hashes of keys
    (folder / DATABASE).touch()  # from now on it is an interrupted backup, and known as such
