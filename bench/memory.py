"""Memory of the idle stack: each part's resident and proportional sizes, and the sum, against their bounds.

Judged is resident memory (RSS), the stricter one: it counts a page that several processes share once for each of them,
where the proportional size (PSS) divides it among them.
"""

import sys
from typing import Any

from bench.report import machine, tell
from bench.stack import running_stack
from local.report import describe
from local.settings import read_settings

MB = 1_000_000
FUNCTIONS_BOUND_MB = 250
STACK_BOUND_MB = 2000


def sizes() -> list[dict[str, Any]]:
    """Return name, rss_mb and pss_mb of each part that runs here."""
    parts = describe(read_settings(), running_stack())["parts"]
    return [
        {"part": name, "rss_mb": part["rss_bytes"] / MB, "pss_mb": part["pss_bytes"] / MB}
        for name, part in parts.items()
        if part["rss_bytes"] is not None
    ]


def main() -> int:
    """Measure, print, and return 1 when a bound is exceeded."""
    known = machine()
    rows = sizes()
    total = {name: sum(row[name] for row in rows) for name in ("rss_mb", "pss_mb")}
    functions_mb = next(row["rss_mb"] for row in rows if row["part"] == "functions")
    within = {"functions": functions_mb <= FUNCTIONS_BOUND_MB, "stack": total["rss_mb"] <= STACK_BOUND_MB}
    told = [[row["part"], row["rss_mb"], row["pss_mb"]] for row in rows]
    told.append(["stack", total["rss_mb"], total["pss_mb"]])
    data = {"machine": known, "parts": rows, "total": total, "within": within}
    tell("memory", ["part", "rss_mb", "pss_mb"], told, data)
    print(f"functions at most {FUNCTIONS_BOUND_MB} MB: {within['functions']}")
    print(f"stack at most {STACK_BOUND_MB} MB: {within['stack']}")
    return 0 if all(within.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
