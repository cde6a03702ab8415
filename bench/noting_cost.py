"""What noting a request adds to giving its lease back: three statements in turn, on a throwaway Postgres.

`release_lease` notes nothing (the release before), `end_request` notes without waiting for the disk, and the third is
the same with the wait. Milliseconds from the caller's side; notes are gathered meanwhile.
"""

import argparse
import asyncio
import time
import uuid
from statistics import median
from typing import Any

import asyncpg

from bench.report import machine, tell
from cli.metrics import percentile
from events.activity import gather_activity
from shared.migrate import migrate

NOTE = (
    '{"function":"search","method":"POST","status":200,"seconds":0.018412,"search":{"outcome":"found","seconds":0.0151,'
    '"hits":10,"stages":{"embed":0.0061,"lexical":0.0032,"dense":0.0029,"fuse":0.0004,"load":0.0012},'
    '"top_score":4.3127,"score_gap":0.6214}}'
)
WAITING = "SELECT end_request($1, $2, $3, false), set_config('synchronous_commit', 'on', true)"
STATEMENTS = {
    "release_lease": "SELECT release_lease($1, $2), $3::text",
    "end_request": "SELECT end_request($1, $2, $3, false)",
    "end_request, waiting for the disk": WAITING,
}


async def measure(dsn: str, turns: int) -> dict[str, list[float]]:
    """Return the milliseconds of each statement."""
    await migrate(dsn)
    connection: Any = await asyncpg.connect(dsn)
    gatherer: Any = await asyncpg.connect(dsn)
    key = uuid.uuid4()
    await connection.execute(
        "INSERT INTO api_keys (id, name, secret_sha256, tier, scopes, per_hour, concurrent) "
        "VALUES ($1, 'bench', '', 'premium', '{search}', 1, 1)",
        key,
    )
    await connection.execute("INSERT INTO key_usage (key_id) VALUES ($1)", key)
    taken: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    gathered = time.monotonic()
    for turn in range(turns):
        for name, statement in STATEMENTS.items():
            await connection.execute("UPDATE key_usage SET leases = $2 WHERE key_id = $1", key, [turn])
            started = time.perf_counter()
            await connection.fetchrow(statement, key, turn, NOTE)
            taken[name].append((time.perf_counter() - started) * 1000)
        if time.monotonic() - gathered > 1:
            await gather_activity(gatherer)
            gathered = time.monotonic()
    await connection.close()
    await gatherer.close()
    return taken


def main() -> None:
    """Measure at the database given, which is migrated and filled: a throwaway one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dsn", help="of a throwaway Postgres, as `python -m local.postgres --home FOLDER` prints it")
    parser.add_argument("--turns", type=int, default=3000)
    options = parser.parse_args()
    taken = asyncio.run(measure(options.dsn, options.turns))
    rows = [[name, median(values), percentile(values, 0.95)] for name, values in taken.items()]
    tell("noting_cost", ["statement", "p50_ms", "p95_ms"], rows, {"machine": machine(), "turns": options.turns})


if __name__ == "__main__":
    main()
