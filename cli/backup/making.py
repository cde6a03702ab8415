"""Making a backup: the dump first, then the objects that its rows name, the manifest last.

Objects never change and are named by submission, so whatever the dump's rows name is there, unless somebody deleted it
in between; that is found out and said.
"""

import asyncio
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.backup.copying import copy_out
from cli.backup.manifest import (
    DATABASE,
    FORMAT,
    LISTING,
    MANIFEST,
    Manifest,
    is_incomplete,
    listed_objects,
    measure,
    write_manifest,
)
from cli.backup.place import Place
from cli.backup.programs import Programs, find_programs
from cli.errors import CommandFailed, UsageError
from cli.main import version
from cli.progress import ProgressDisplay
from shared.database import load_sql
from shared.objects import Objects

if TYPE_CHECKING:
    import asyncpg

POLL_S = 0.2
MEGABYTE = 2**20


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
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            migrations = sorted(await _migrations(connection))
            rows = dict(await connection.fetchrow(load_sql(__file__, "contents")) or {})
            keys = [row["object_key"] for row in await connection.fetch(load_sql(__file__, "object_keys"))]
            await asyncio.to_thread(_dump, programs, place, snapshot, folder / DATABASE, display)
        display.show("objects", 0, len(keys))
        missing = await copy_out(
            Objects(place.object_store_url), keys, folder, lambda done: display.show("objects", done, len(keys))
        )
        await _refuse_lost(connection, place, missing)
    finally:
        await connection.close()
    parts = list(listed_objects(folder))
    manifest = Manifest(
        format=FORMAT,
        made_at=started_at.isoformat(timespec="seconds"),
        release=version(),
        postgres=major,
        vector=versions["vector"],
        migrations=migrations,
        rows=rows,
        database=await asyncio.to_thread(measure, folder, DATABASE),
        listing=await asyncio.to_thread(measure, folder, LISTING),
        objects=len(parts),
        objects_bytes=sum(part.size_bytes for part in parts),
        deleted_meanwhile=missing,
    )
    await asyncio.to_thread(write_manifest, folder, manifest)
    return manifest


async def _migrations(connection: "asyncpg.Connection[Any]") -> set[str]:
    return {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}


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


def _dump(programs: Programs, place: Place, snapshot: str, path: Path, display: ProgressDisplay) -> None:
    url, environment = place.libpq()
    command = [programs.path("pg_dump"), "--format=custom", "--no-owner", "--no-privileges"]
    command += ["--extension=vector", f"--snapshot={snapshot}", f"--file={path}", f"--dbname={url}", "--no-password"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as program:
        try:
            while program.poll() is None:
                time.sleep(POLL_S)
                if path.exists():
                    display.show("dump, MB", path.stat().st_size // MEGABYTE, None)
        except BaseException:
            program.kill()
            raise
        said = program.stderr.read().decode(errors="replace").strip() if program.stderr else ""
    if program.returncode != 0:
        raise CommandFailed("pg_dump failed", said[-2000:], "Correct what it names and run the command again.")


async def _refuse_lost(connection: "asyncpg.Connection[Any]", place: Place, missing: list[str]) -> None:
    """Objects whose rows were deleted since the dump may be missing; others may not."""
    lost = [row["object_key"] for row in await connection.fetch(load_sql(__file__, "still_named"), missing)]
    if lost:
        some = ", ".join(lost[:3]) + (" and more" if len(lost) > 3 else "")
        raise CommandFailed(
            f"{len(lost)} objects are missing in the object store",
            f"Documents name them, and {place.object_store_url} lacks them: {some}.",
            "Correct OBJECT_STORE_URL; or delete those sources and load them again.",
        )
