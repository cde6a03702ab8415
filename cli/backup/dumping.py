"""A dump of the database, and the bytes of every object that its rows need."""

import asyncio
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.backup.copying import copy_out, discard
from cli.backup.manifest import DATABASE, Checked
from cli.backup.place import Place
from cli.backup.programs import Programs
from cli.errors import CommandFailed
from cli.progress import ProgressDisplay
from shared.database import load_sql
from shared.objects import Objects

if TYPE_CHECKING:
    import asyncpg

SNAPSHOTS = 10
"""Tried until one has all its bytes. Each takes as long as listing the keys: documents would have to go that fast."""

POLL_S = 0.2
MEGABYTE = 2**20


@dataclass(frozen=True)
class Dumped:
    """What is in the dump, and the objects beside it, sorted by key."""

    migrations: list[str]
    rows: dict[str, int]
    objects: list[Checked]


class Copies:
    """The objects in a backup's folder, more with each look at the rows."""

    def __init__(self, store: Objects, folder: Path, display: ProgressDisplay) -> None:
        self._store, self._folder, self._display = store, folder, display
        self._copied: dict[str, Checked] = {}

    async def take(self, rows: list[Any]) -> list[str]:
        """Copy what the rows of object_keys.sql name and is not here; return the keys of what they need and lack."""
        before, total = len(self._copied), len(rows)
        wanted = [row["object_key"] for row in rows if row["object_key"] not in self._copied]
        self._copied |= await copy_out(
            self._store, wanted, self._folder, lambda done: self._display.show("objects", before + done, total)
        )
        return [row["object_key"] for row in rows if row["needed"] and row["object_key"] not in self._copied]

    def keep(self, rows: list[Any]) -> list[Checked]:
        """Discard what the rows do not name, and return what is left."""
        named = {row["object_key"] for row in rows}
        discard(self._folder, self._copied.keys() - named)
        return [self._copied[key] for key in sorted(self._copied.keys() & named)]


async def dump_place(
    connection: "asyncpg.Connection[Any]", place: Place, programs: Programs, folder: Path, display: ProgressDisplay
) -> Dumped:
    """Dump a snapshot of which every needed object was copied: most before it, so that it is not held for long."""
    copies = Copies(Objects(place.object_store_url), folder, display)
    await _refuse_lost(connection, place, await copies.take(await _keys(connection)))
    for _ in range(SNAPSHOTS):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # pg_dump is what works
            named = await _keys(connection)
            missing = await copies.take(named)
            if not missing:
                migrations = [row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")]
                rows = dict(await connection.fetchrow(load_sql(__file__, "contents")) or {})
                snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
                await asyncio.to_thread(_dump, programs, place, snapshot, folder / DATABASE, display)
                return Dumped(sorted(migrations), rows, await asyncio.to_thread(copies.keep, named))
        await _refuse_lost(connection, place, missing)
    raise CommandFailed(
        "Documents are replaced or deleted faster than they can be copied",
        f"{SNAPSHOTS} times some went between the look at their rows and the copying of their bytes.",
        "Run the command again when less is going on.",
    )


async def _keys(connection: "asyncpg.Connection[Any]", only: list[str] | None = None) -> list[Any]:
    return list(await connection.fetch(load_sql(__file__, "object_keys"), only))


async def _refuse_lost(connection: "asyncpg.Connection[Any]", place: Place, missing: list[str]) -> None:
    """Objects whose rows were deleted or superseded since they were looked at may be missing; others may not."""
    lost = [row["object_key"] for row in await _keys(connection, missing) if row["needed"]]
    if lost:
        some = ", ".join(lost[:3]) + (" and more" if len(lost) > 3 else "")
        raise CommandFailed(
            f"{len(lost)} objects are missing in the object store",
            f"Documents name them, and {place.object_store_url} lacks them: {some}.",
            "Correct OBJECT_STORE_URL; or delete those sources and load them again.",
        )


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
