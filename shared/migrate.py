"""Apply the plain SQL migrations, forward only, each once and in its own transaction.

`python -m shared.migrate` reads DATABASE_URL (or the file that DATABASE_URL_FILE names).
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncpg

from shared.database import explain_away, no_connection
from shared.secret_files import SecretFileError, read_setting

FOLDER = Path(__file__).parent / "migrations"
LOCK = 7_236_154  # any number that no other program locks; one migration at a time

LOCK_TIMEOUT_S = 3
"""Requests behind a waiting migration are as late as this at most; a search or a transaction of ours takes less."""
PGVECTOR = (0, 8, 4)
"""The oldest that is sound: 0.8.3 and older may corrupt HNSW indexes while vacuum runs."""
ATTEMPTS = 20
"""Two minutes in all: longer than any statement may take."""


class UnfitDatabase(Exception):
    """The database cannot be migrated as it is; the message says what to do."""


async def check_pgvector(connection: "asyncpg.Connection[Any]") -> None:
    """Raise UnfitDatabase unless pgvector is there, and sound."""
    row = await connection.fetchrow(
        "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
    )
    wanted = ".".join(map(str, PGVECTOR))
    if row is None:
        raise UnfitDatabase(f"This Postgres has no pgvector: install {wanted} or newer.")
    if as_numbers(row["installed_version"] or row["default_version"]) >= PGVECTOR:
        return
    if as_numbers(row["default_version"]) >= PGVECTOR:
        action = "run ALTER EXTENSION vector UPDATE, as a superuser."
    else:
        action = f"install {wanted} or newer."
    found = row["installed_version"] or row["default_version"]
    raise UnfitDatabase(f"pgvector {found} may corrupt indexes, {wanted} is the oldest that does not: {action}")


def as_numbers(version: str) -> tuple[int, ...]:
    """Return 0.8.4 as (0, 8, 4)."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


async def applied(connection: "asyncpg.Connection[Any]") -> set[str]:
    """Return the names of the migrations that this database has."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
    )
    return {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations applied now."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await check_pgvector(connection)
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        known = await applied(connection)
        fresh = [path for path in sorted(FOLDER.glob("*.sql")) if path.stem not in known]
        for path in fresh:
            await _apply_patiently(connection, path.stem, path.read_text())
        return [path.stem for path in fresh]
    finally:
        await connection.close()


async def _apply_patiently(connection: "asyncpg.Connection[Any]", name: str, sql: str) -> None:
    """Apply one migration; whoever waits for a table's lock makes everyone else wait: let them pass, try again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
                await connection.execute(sql)
                await connection.execute("INSERT INTO schema_migrations (name) VALUES ($1)", name)
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(LOCK_TIMEOUT_S)


def main() -> None:
    """Migrate the database that DATABASE_URL names."""
    try:
        dsn = read_setting("DATABASE_URL")
    except SecretFileError as exc:
        sys.exit(str(exc))
    if not dsn:
        sys.exit("DATABASE_URL is not set: name the database, e.g. postgresql://user:password@host/research_kb")
    try:
        names = asyncio.run(migrate(dsn))
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as exc:
        sys.exit(f"A migration got no lock in {ATTEMPTS} attempts: {exc}. End long transactions and run it again.")
    except UnfitDatabase as exc:
        sys.exit(str(exc))
    except no_connection() as exc:
        sys.exit(explain_away(dsn, exc))
    print("migrations applied:", ", ".join(names) if names else "none, up to date")


if __name__ == "__main__":
    main()
