"""How long a backup and its restore take: a library of random passages on a throwaway Postgres.

Each document has ten passages of 384 dimensions and some forty postings each, and an object of 20 000 bytes.
"""

import argparse
import asyncio
import os
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.report import machine, tell
from cli.backup.making import make_backup
from cli.backup.manifest import Manifest
from cli.backup.place import Place
from cli.backup.restoring import restore_backup
from cli.progress import ProgressDisplay
from shared.migrate import migrate
from shared.models import register_model
from shared.objects import Objects

PASSAGES, DIMENSION, TERMS, OBJECT_BYTES = 10, 384, 40, 20_000
SILENT = ProgressDisplay(silent=True)

FILL = (
    "INSERT INTO collections (name) VALUES ('bench')",
    "INSERT INTO sources (id, collection_id, identity, title, source_type) "
    "SELECT gen_random_uuid(), 1, n::text, 'Source ' || n, 'paper' FROM generate_series(1, $1::int) AS n",
    "INSERT INTO documents (id, source_id, state, fingerprint, object_key, media_type, size_bytes, bibliography) "
    "SELECT s.id, s.id, 'indexed', '', 'documents/' || s.id || '/' || s.id, 'text/plain', $2::int, '{}' "
    "FROM sources AS s WHERE $1::int > 0",
    "INSERT INTO passages (document_id, source_id, collection_id, ordinal, text, char_start, char_end, tokens, live) "
    "SELECT s.id, s.id, 1, n, repeat(md5(random()::text) || ' ', 30), 0, 990, 200, true "
    "FROM sources AS s, generate_series(1, $1::int) AS n",
    "INSERT INTO embeddings (passage_id, model_id, collection_id, source_id, live, embedding) "
    "SELECT p.id, 1, 1, p.source_id, true, ARRAY(SELECT random() - .5 + 0 * p.id "
    "FROM generate_series(1, $1::int))::real[]::vector::halfvec FROM passages AS p",
    "INSERT INTO postings (term_id, passage_id, frequency, impact) "
    "SELECT n * 97 + p.id % 89, p.id, 1, random() FROM passages AS p, generate_series(1, $1::int) AS n",
)


async def fill(dsn: str, documents: int, objects: Objects) -> None:
    """Migrate the database and fill it and the store."""
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await register_model(connection, "bench", DIMENSION)
        given = [(), (documents,), (1, OBJECT_BYTES), (PASSAGES,), (DIMENSION,), (TERMS,)]
        for statement, arguments in zip(FILL, given, strict=True):
            await connection.execute(statement, *arguments, timeout=1800)
        for row in await connection.fetch("SELECT object_key FROM documents"):
            await objects.put(row["object_key"], os.urandom(OBJECT_BYTES))
    finally:
        await connection.close()


async def measure(dsn: str, documents: int) -> tuple[Manifest, float, float]:
    """Return what was backed up, and the seconds of backup and restore; two databases are made and dropped."""
    owner = await asyncpg.connect(dsn)
    names = [f"bench_{uuid.uuid4().hex[:8]}" for _ in range(2)]
    with tempfile.TemporaryDirectory(prefix="rkb-bench-") as folder:
        try:
            for name in names:
                await owner.execute(f"CREATE DATABASE {name} TEMPLATE template1")
            one, other = (
                Place(urlsplit(dsn)._replace(path=f"/{name}").geturl(), (Path(folder) / name).as_uri())
                for name in names
            )
            await fill(one.database_url, documents, Objects(one.object_store_url))
            started = time.perf_counter()
            manifest = await make_backup(one, Path(folder) / "backup", SILENT)
            made = time.perf_counter()
            await restore_backup(other, Path(folder) / "backup", SILENT, replace=False)
            return manifest, made - started, time.perf_counter() - made
        finally:
            for name in names:
                await owner.execute(f"DROP DATABASE IF EXISTS {name}")
            await owner.close()


def main() -> None:
    """Measure at the server given: a throwaway one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dsn", help="of a throwaway Postgres, as `python -m local.postgres --home FOLDER` prints it")
    parser.add_argument("--documents", type=int, default=1000)
    options = parser.parse_args()
    manifest, backup_s, restore_s = asyncio.run(measure(options.dsn, options.documents))
    sizes = [manifest.database.size_bytes / 1e6, manifest.objects_bytes / 1e6]
    rows = [[options.documents, manifest.rows["passages"], *sizes, backup_s, restore_s]]
    columns = ["documents", "passages", "dump_mb", "objects_mb", "backup_s", "restore_s"]
    tell("backup", columns, rows, {"machine": machine()})


if __name__ == "__main__":
    main()
