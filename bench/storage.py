"""Storage: bytes that Postgres keeps for each passage, by table and index, for docs/capacity.md.

Counts what the running stack holds; load something first (`bench.ingest` does). Nothing is judged.
"""

import asyncio
import sys
from typing import Any

from bench.report import machine, tell
from bench.stack import environment

# Bookkeeping that does not grow with the collection.
LEAST_SHARE = 0.001
_RELATIONS = """
SELECT c.relname AS name, CASE c.relkind WHEN 'i' THEN 'index of ' || t.relname ELSE 'table' END AS kind,
       CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END AS bytes
  FROM pg_class c
  LEFT JOIN pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_class t ON t.oid = i.indrelid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
 ORDER BY bytes DESC
"""


async def measure() -> tuple[int, list[dict[str, Any]]]:
    """Return the number of passages and each relation with its bytes."""
    import asyncpg

    connection = await asyncpg.connect(environment()["DATABASE_URL"])
    try:
        await connection.execute("VACUUM")
        passages = await connection.fetchval("SELECT count(*) FROM passages")
        return passages, [dict(row) for row in await connection.fetch(_RELATIONS)]
    finally:
        await connection.close()


def main() -> int:
    """Measure and print."""
    known = machine()
    passages, relations = asyncio.run(measure())
    if not passages:
        raise SystemExit("The database holds no passage: ingest something first")
    total = sum(each["bytes"] for each in relations)
    rows = [[each["name"], each["kind"], each["bytes"] // passages, 100 * each["bytes"] / total]
            for each in relations if each["bytes"] > LEAST_SHARE * total]  # fmt: skip
    rows.append(["all", "", total // passages, 100.0])
    data = {"machine": known, "passages": passages, "relations": relations, "total_bytes": total}
    tell("storage", ["relation", "kind", "bytes_a_passage", "percent"], rows, data)
    print(f"{passages} passages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
