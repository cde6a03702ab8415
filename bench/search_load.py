"""Search under load on SciFact: 100 users who pause 2 s between queries, then 16 queries always in flight.

The generator is a process of its own (bench.load), so that its work is not the server's event loop's; both share the
machine's cores, as the figures must be read. Every query is asked once: no cache of query vectors helps.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.queries import scifact
from bench.report import machine, tell
from bench.stack import environment, measuring_client
from cli.evaluation import collection_name, load
from cli.evaluation_set import read_evaluation_set
from cli.progress import ProgressDisplay

CHECKOUT = Path(__file__).resolve().parent.parent
USERS_P95_BOUND_MS = 200.0
IN_FLIGHT_BOUND_QPS = 120.0
SCENARIOS: dict[str, list[str]] = {
    "100 users, 2 s pause": ["--clients", "100", "--pause", "2", "--duration", "60"],
    "16 in flight": ["--clients", "16", "--pause", "0", "--duration", "30"],
}


def run_load(arguments: list[str], collection: str, key: str) -> dict[str, Any]:
    """Return the summary of one run of the load generator."""
    addresses = environment()
    command = [sys.executable, "-m", "bench.load", "--url", addresses["RESEARCH_KB_URL"], "--collection", collection]
    done = subprocess.run(
        [*command, *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"RESEARCH_KB_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"The load generator failed:\n{done.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def judge(name: str, summary: dict[str, Any]) -> bool:
    """Return whether a scenario is within its bound: no error, nothing degraded, fast enough."""
    clean = not summary["errors"] and not summary["degraded"]
    if name.startswith("100 users"):
        return clean and summary["p95_ms"] <= USERS_P95_BOUND_MS
    return clean and summary["queries_a_second"] >= IN_FLIGHT_BOUND_QPS


def main() -> int:
    """Load SciFact, measure, print, and return 1 when a scenario is not within its bound."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    known = machine()
    evaluation_set = read_evaluation_set(scifact())
    collection = collection_name(evaluation_set.name)
    with measuring_client(collection) as (server, key):
        with ProgressDisplay() as display:
            load(server, evaluation_set, collection, 3600, display)
        found = {name: run_load(arguments, collection, key) for name, arguments in SCENARIOS.items()}
    columns = ["answers", "queries_a_second", "p50_ms", "p95_ms", "p99_ms", "max_ms", "errors", "degraded"]
    rows = [[name, *(summary[column] for column in columns), judge(name, summary)] for name, summary in found.items()]
    tell("search_load", ["scenario", *columns, "within"], rows, {"machine": known, "scenarios": found})
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
