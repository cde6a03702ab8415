"""The load generator, a process of its own: users who pause between queries, or a fixed number always in flight.

Prints one JSON object. Talks to this machine only, for a bounded time.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.queries import unique_queries
from cli.metrics import percentile

# Nothing here may load another machine or run without end.
LONGEST_S = 600.0
MOST_CLIENTS = 1000
# A caller that waits longer has given up.
TIMEOUT_S = 30.0


@dataclass
class Tally:
    """What the clients saw: seconds of each good answer, errors by kind, answers with something left out."""

    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    degraded: Counter[str] = field(default_factory=Counter)

    def summary(self, took_s: float) -> dict[str, Any]:
        """Return counts, rate and latencies in milliseconds."""
        in_ms = [value * 1000 for value in self.seconds]
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
        return {
            "answers": len(in_ms),
            "errors": dict(self.errors),
            "degraded": dict(self.degraded),
            "seconds": round(took_s, 2),
            "queries_a_second": round(len(in_ms) / took_s, 1),
        } | {name: round(percentile(in_ms, share), 2) for name, share in shares.items()}


@dataclass(frozen=True)
class Client:
    """Asks the server and tallies the answer."""

    session: aiohttp.ClientSession
    queries: Iterator[str]
    body: dict[str, Any]
    tally: Tally

    async def ask(self) -> None:
        """Ask one query that was not asked before."""
        query = next(self.queries)
        started = time.perf_counter()
        try:
            async with self.session.post("/search", json={"query": query, **self.body}) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as exc:
            self.tally.errors[type(exc).__name__] += 1
            return
        seconds = time.perf_counter() - started
        if response.status != 200:
            self.tally.errors[str(response.status)] += 1
            return
        self.tally.seconds.append(seconds)
        # Parsing every answer would cost the generator what the server should have.
        if b'"degraded":[]' not in answer:
            self.tally.degraded.update(str(entry) for entry in json.loads(answer)["degraded"])


async def be_user(client: Client, pause_s: float, until: float) -> None:
    """Ask, pause, ask, ... until the time is up; users begin spread over one pause."""
    await asyncio.sleep(random.random() * pause_s)  # noqa: S311 -- spreads load, guards nothing
    while time.perf_counter() < until:
        await client.ask()
        await asyncio.sleep(pause_s)


async def generate(options: argparse.Namespace, key: str) -> dict[str, Any]:
    """Return the summary of `options.clients` clients after `options.duration` seconds."""
    tally = Tally()
    body = {"collection": options.collection, "limit": options.limit}
    async with aiohttp.ClientSession(
        options.url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        connector=aiohttp.TCPConnector(limit=0),
    ) as session:
        client = Client(session, unique_queries(options.seed), body, tally)
        for _ in range(10):
            await client.ask()
        tally.seconds.clear()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(options.clients):
                group.create_task(be_user(client, options.pause, started + options.duration))
        return tally.summary(time.perf_counter() - started)


def read_options() -> argparse.Namespace:
    """Return the options. Raises: SystemExit for another machine or an unbounded load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--clients", type=int, required=True, help="users, or queries in flight when --pause is 0")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between a user's queries")
    parser.add_argument("--duration", type=float, required=True, help="seconds")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    if urlsplit(options.url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        parser.error("the load generator talks to this machine only")
    if not (0 < options.duration <= LONGEST_S and 0 < options.clients <= MOST_CLIENTS and options.pause >= 0):
        parser.error(f"at most {LONGEST_S:.0f} s and {MOST_CLIENTS} clients")
    return options


def main() -> None:
    """Generate load and print its summary; the key comes from RESEARCH_KB_API_KEY, not from the process list."""
    options = read_options()
    json.dump(asyncio.run(generate(options, os.environ["RESEARCH_KB_API_KEY"])), sys.stdout)


if __name__ == "__main__":
    main()
