"""Latency of one search at a time on SciFact, against its floor: embedding the query at Triton and the two SQL legs.

The floor is the same statements and the same model, one after the other, from this process; the search is the whole
POST /search from the caller's side, ten hits. They take turns, each with queries that were never asked before.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import aiohttp

from bench.queries import scifact, unique_queries
from bench.report import machine, tell
from bench.stack import environment, measuring_client
from cli.evaluation import collection_name, load
from cli.evaluation_set import read_evaluation_set
from cli.metrics import percentile
from cli.progress import ProgressDisplay
from functions.search.pipeline import LEAST_CANDIDATES
from functions.search.scope import Scope
from functions.search.settings import SearchSettings
from functions.search.store import Store
from shared.models import Model
from shared.resources import Resources

LARGEST_RATIO = 2.0
WARM_UP = 20


@dataclass
class Timings:
    """Milliseconds of each turn."""

    embed: list[float] = field(default_factory=list)
    lexical: list[float] = field(default_factory=list)
    dense: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    search: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Drop what was measured while connections opened and statements were prepared."""
        for values in vars(self).values():
            values.clear()


@dataclass(frozen=True)
class Floor:
    """The parts of a search that no implementation can leave out."""

    held: Resources
    store: Store
    scope: Scope
    model: Model

    async def run(self, query: str, timings: Timings) -> None:
        """Embed, ask the lexical leg, ask the dense leg."""
        marks = [time.perf_counter()]
        vector = await self.held.inference.embed_query(query)
        marks.append(time.perf_counter())
        await self.store.lexical(query, self.scope, LEAST_CANDIDATES)
        marks.append(time.perf_counter())
        await self.store.dense(vector, self.model, self.scope, LEAST_CANDIDATES)
        marks.append(time.perf_counter())
        embed, lexical, dense = ((after - before) * 1000 for before, after in pairwise(marks))
        timings.embed.append(embed)
        timings.lexical.append(lexical)
        timings.dense.append(dense)
        timings.floor.append(embed + lexical + dense)


async def search(session: aiohttp.ClientSession, query: str, collection: str, timings: Timings) -> None:
    """Ask the server one query. Raises: SystemExit when it answers anything but a whole answer."""
    started = time.perf_counter()
    async with session.post("/search", json={"query": query, "collection": collection}) as response:
        body = await response.read()
    timings.search.append((time.perf_counter() - started) * 1000)
    if response.status != 200 or b'"degraded":[]' not in body:
        raise SystemExit(f"Not a whole answer: {response.status} {body[:500]!r}")


async def measure(collection: str, key: str, queries: int) -> Timings:
    """Return the timings of `queries` turns."""
    addresses = environment()
    settings = SearchSettings(database_url=addresses["DATABASE_URL"], triton_url=addresses["TRITON_URL"])
    held = Resources(settings)
    store = Store(held)
    timings, texts = Timings(), unique_queries(int(time.time()))
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with aiohttp.ClientSession(addresses["RESEARCH_KB_URL"], headers=headers) as session:
            scope = await store.scope([collection])
            if scope.model is None:
                raise SystemExit("The database has no active model")
            floor = Floor(held, store, scope, scope.model)
            for turn in range(WARM_UP + queries):
                if turn == WARM_UP:
                    timings.forget()
                await floor.run(next(texts), timings)
                await search(session, next(texts), collection, timings)
    finally:
        await held.close()
    return timings


def summarise(timings: Timings) -> dict[str, Any]:
    """Return median and 95th percentile of each part in milliseconds, and the ratio of the medians."""
    parts = {
        name: {"p50_ms": percentile(values, 0.5), "p95_ms": percentile(values, 0.95)}
        for name, values in vars(timings).items()
    }
    return {"parts": parts, "ratio": median(timings.search) / median(timings.floor)}


def main() -> int:
    """Measure, print, and return 1 when a search takes more than twice its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=300)
    options = parser.parse_args()
    known = machine()
    evaluation_set = read_evaluation_set(scifact())
    collection = collection_name(evaluation_set.name)
    with measuring_client(collection) as (server, key):
        with ProgressDisplay() as display:
            load(server, evaluation_set, collection, 3600, display)
        found = summarise(asyncio.run(measure(collection, key, options.queries)))
    within = found["ratio"] <= LARGEST_RATIO
    rows = [[name, part["p50_ms"], part["p95_ms"]] for name, part in found["parts"].items()]
    tell("search_latency", ["part", "p50_ms", "p95_ms"], rows, {"machine": known, "within": within} | found)
    print(f"a search takes {found['ratio']:.2f} times its floor, at most {LARGEST_RATIO:g}: {within}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
