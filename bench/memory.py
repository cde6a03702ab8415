"""Memory of the idle stack: each part's resident and proportional sizes, and the sum, against their bounds.

Judged is resident memory (RSS), the stricter one: it counts a page that several processes share once for each of them,
where the proportional size (PSS) divides it among them.
"""

import sys
from typing import Any

from bench.report import machine, tell
from bench.stack import processes

MB = 1_000_000
FUNCTIONS_BOUND_MB = 250
STACK_BOUND_MB = 2000


def sizes() -> list[dict[str, Any]]:
    """Return name, processes, rss_mb and pss_mb of each part."""
    rows = []
    for name, members in processes().items():
        memory = [process.memory_full_info() for process in members]
        rows.append(
            {
                "part": name,
                "processes": len(members),
                "rss_mb": sum(size.rss for size in memory) / MB,
                "pss_mb": sum(size.pss for size in memory) / MB,
            }
        )
    return rows


def main() -> int:
    """Measure, print, and return 1 when a bound is exceeded."""
    known = machine()
    rows = sizes()
    total = {name: sum(row[name] for row in rows) for name in ("processes", "rss_mb", "pss_mb")}
    functions_mb = next(row["rss_mb"] for row in rows if row["part"] == "functions")
    within = {"functions": functions_mb <= FUNCTIONS_BOUND_MB, "stack": total["rss_mb"] <= STACK_BOUND_MB}
    told = [[row["part"], row["processes"], row["rss_mb"], row["pss_mb"]] for row in rows]
    told.append(["stack", total["processes"], total["rss_mb"], total["pss_mb"]])
    data = {"machine": known, "parts": rows, "total": total, "within": within}
    tell("memory", ["part", "processes", "rss_mb", "pss_mb"], told, data)
    print(f"functions at most {FUNCTIONS_BOUND_MB} MB: {within['functions']}")
    print(f"stack at most {STACK_BOUND_MB} MB: {within['stack']}")
    return 0 if all(within.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
