"""Users in a process of their own: `python -m tests.cluster.load --host HOST ...` prints one JSON object.

Each asks, pauses, asks; every query is some words of the sample, so that few are asked twice. GATEWAY and
RESEARCH_KB_API_KEY say where and as whom. Bounded in time and number.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.load import LONGEST_S, MOST_CLIENTS, Client, Tally, be_user

SAMPLE = Path(__file__).parents[2] / "sample" / "articles"
TIMEOUT_S = 90.0


def queries() -> Iterator[str]:
    """Yield queries without end: five words in a row from anywhere in the sample."""
    words = re.findall(r"[a-z]{3,}", " ".join(path.read_text() for path in SAMPLE.glob("*.md")).lower())
    while True:
        start = random.randrange(len(words) - 5)  # noqa: S311 -- chooses words, guards nothing
        yield " ".join(words[start : start + 5])


async def generate(options: argparse.Namespace) -> dict[str, object]:
    """Return the summary of `options.users` users after `options.duration` seconds."""
    headers = {"Host": options.host, "Authorization": f"Bearer {os.environ['RESEARCH_KB_API_KEY']}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0)
    tally = Tally()
    gateway = os.environ["GATEWAY"]
    async with aiohttp.ClientSession(gateway, headers=headers, timeout=timeout, connector=connector) as session:
        client = Client(session, queries(), {"collection": options.collection}, tally)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as users:
            for _ in range(options.users):
                users.create_task(be_user(client, options.pause, began + options.duration))
    return tally.summary(time.perf_counter() - began)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--pause", type=float, default=2.0)
    parser.add_argument("--duration", type=float, default=60.0)
    options = parser.parse_args()
    if options.users > MOST_CLIENTS or options.duration > LONGEST_S:
        parser.error("more than is allowed")
    print(json.dumps(asyncio.run(generate(options))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
