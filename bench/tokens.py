"""What a token costs a request beside a key: checking it, and being admitted, which includes checking.

One caller, in turns, on a throwaway Postgres; the issuer's keys are fetched once. CPU is this process's, which checks
tokens and talks to Postgres; the whole is the time until the answer.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import asyncpg

from bench.report import machine, tell
from functions.keys.keyring import create_key
from functions.keys.models import NewKey
from shared.access import admit
from shared.door import Door
from shared.migrate import migrate
from tests.oidc import serving_issuer

MOST_TURNS = 9000  # a premium caller's hour, and some left


async def measure(dsn: str, turns: int) -> dict[str, list[tuple[float, float]]]:
    """Return the microseconds of each way, of CPU and of the whole."""
    await migrate(dsn)
    connection: Any = await asyncpg.connect(dsn)
    made = await create_key(connection, NewKey(name="bench", tier="premium", scopes=["search"]))
    taken: dict[str, list[tuple[float, float]]] = {}
    async with serving_issuer() as issuer:
        door = Door(issuer.settings(database_url=dsn))
        tokens = await door.tokens()
        sent = {
            "RS256": issuer.token(tier="premium"),
            "ES256": issuer.token(issuer.ec, "two", "ES256", tier="premium", sub="bob"),
        }
        ways: dict[str, Callable[[], Awaitable[Any]]] = {"admit a key": lambda: _admit(door, made.key)}
        for name, text in sent.items():
            ways[f"check {name}"] = lambda text=text: tokens.holder(text)  # type: ignore[misc]  # bound now
            ways[f"admit {name}"] = lambda text=text: _admit(door, text)  # type: ignore[misc]  # bound now
        for _ in range(turns):
            for name, way in ways.items():
                started, busy = time.perf_counter(), time.process_time()
                await way()
                spent = (time.process_time() - busy) * 1e6, (time.perf_counter() - started) * 1e6
                taken.setdefault(name, []).append(spent)
            await connection.execute("UPDATE key_usage SET leases = '{}'")
        await door.close()
    await connection.close()
    return taken


async def _admit(door: Door, text: str) -> None:
    await admit(door, [(b"authorization", b"Bearer " + text.encode())], ("search",))


def main() -> None:
    """Measure at the database given, which is migrated and filled: a throwaway one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dsn", help="of a throwaway Postgres, as `python -m local.postgres --home FOLDER` prints it")
    parser.add_argument("--turns", type=int, default=2000, choices=range(1, MOST_TURNS), metavar="1..9000")
    options = parser.parse_args()
    taken = asyncio.run(measure(options.dsn, options.turns))
    rows = [[name, *(median(column) for column in zip(*values, strict=True))] for name, values in taken.items()]
    tell("tokens", ["way", "cpu_us", "whole_us"], rows, {"machine": machine(), "turns": options.turns})


if __name__ == "__main__":
    main()
