"""Cold import of each Lambda handler: CPU seconds of a fresh interpreter, as a ratio to a bare Mangum app.

CPU time, since wall time on a shared machine measures the neighbours. Runs are interleaved (bare, search, sources, ...,
bare, search, ...); the ratio is of medians. Nothing is connected: a handler connects with its first request.
`python -m bench.lambda_import --runs 9` exits 1 where a ratio is above its bound.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import machine, tell

CHECKOUT = Path(__file__).resolve().parent.parent
# The search function imports more: it talks to Postgres and to Triton.
LONGEST_RATIO = {"search": 1.6}
LONGEST_RATIO_OF_OTHERS = 1.3


def handlers() -> dict[str, str]:
    """Return the modules to import, by name; the yardstick first."""
    names = sorted(path.parent.name for path in (CHECKOUT / "functions").glob("*/aws.py"))
    return {"bare": "bench.bare_lambda"} | {name: f"functions.{name}.aws" for name in names}


def cpu_seconds(module: str) -> float:
    """Return the user and system time of importing `module` in a fresh interpreter, its start included."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-c", f"import {module}"], cwd=CHECKOUT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"importing {module} failed with exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(runs: int) -> dict[str, list[float]]:
    """Import each handler `runs` times, interleaved, after one import that fills the caches of bytecode."""
    modules = handlers()
    for module in modules.values():
        cpu_seconds(module)
    seconds: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(runs):
        for name, module in modules.items():
            seconds[name].append(cpu_seconds(module))
    return seconds


def judge(seconds: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return medians, ratios to the bare app, and whether each is within its bound."""
    bare = median(seconds["bare"])
    found = []
    for name, values in seconds.items():
        ratio = median(values) / bare
        bound = 1.0 if name == "bare" else LONGEST_RATIO.get(name, LONGEST_RATIO_OF_OTHERS)
        within = name == "bare" or ratio <= bound
        found.append({"name": name, "cpu_s": median(values), "ratio": ratio, "bound": bound, "within": within})
    return found


def main() -> int:
    """Measure, print, and return 1 when a handler is over its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    known = machine()
    seconds = measure(options.runs)
    judged = judge(seconds)
    columns = ["name", "cpu_s", "ratio", "bound", "within"]
    rows = [[row[column] for column in columns] for row in judged]
    data = {"machine": known, "runs": options.runs, "handlers": judged, "imports": seconds}
    tell("lambda_import", columns, rows, data)
    return 0 if all(row["within"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
