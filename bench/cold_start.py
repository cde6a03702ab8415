"""Cold start of each function: from exec to the first 200 on /ready, as a ratio to a bare FastAPI app.

Runs are interleaved (bare, search, sources, ..., bare, search, ...), so that what else the machine does hits all alike;
the ratio is of medians. Nothing is connected: /ready answers from memory.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.report import machine, tell

CHECKOUT = Path(__file__).resolve().parent.parent
# The search function imports more: it talks to Postgres and to Triton.
LONGEST_RATIO = {"search": 1.6}
LONGEST_RATIO_OF_OTHERS = 1.3
POLL_EVERY_S = 0.002
GIVE_UP_AFTER_S = 60.0


def functions() -> list[str]:
    """Return the names of the functions: the folders with a main.py."""
    return sorted(path.parent.name for path in (CHECKOUT / "functions").glob("*/main.py"))


def command(name: str, port: int) -> list[str]:
    """Return the command that starts function `name`, or the bare app, as a container would."""
    target = ["bench.bare:app"] if name == "bare" else ["--factory", f"functions.{name}.main:create_app"]
    return [sys.executable, "-m", "uvicorn", *target, "--port", str(port), "--log-level", "warning", "--no-access-log"]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether GET /ready answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@dataclass(frozen=True)
class Start:
    """One cold start: seconds from exec to the first 200, and the processor seconds that it took until its end."""

    seconds: float
    cpu_seconds: float


def start_once(name: str) -> Start:
    """Start an app, wait for its first 200, kill it. Raises: RuntimeError when it ends or takes too long."""
    port = free_port()
    # Settings ask for an address; none of these is ever dialled.
    environment = {"DATABASE_URL": "postgresql://127.0.0.1:1/none"} | os.environ
    started = time.perf_counter()
    with subprocess.Popen(command(name, port), cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE) as process:
        try:
            _await_ready(name, port, process, started)
            seconds = time.perf_counter() - started
            used = psutil.Process(process.pid).cpu_times()
        finally:
            process.kill()
    return Start(seconds, used.user + used.system)


def _await_ready(name: str, port: int, process: "subprocess.Popen[bytes]", started: float) -> None:
    while not answers(port):
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            raise RuntimeError(f"{name} ended before it was ready:\n{said[-2000:]}")
        if time.perf_counter() - started > GIVE_UP_AFTER_S:
            raise RuntimeError(f"{name} is not ready after {GIVE_UP_AFTER_S:.0f} s")
        time.sleep(POLL_EVERY_S)


def measure(names: list[str], runs: int) -> dict[str, list[Start]]:
    """Return each run of each app, after one run of each that warms the file cache and bytecode."""
    taken: dict[str, list[Start]] = {name: [] for name in names}
    for name in names:
        start_once(name)
    for _ in range(runs):
        for name in names:
            taken[name].append(start_once(name))
    return taken


def judge(taken: dict[str, list[Start]]) -> list[dict[str, Any]]:
    """Return medians, ratios to the bare app, and whether each is within its bound."""
    bare = median(start.seconds for start in taken["bare"])
    found = []
    for name, starts in taken.items():
        seconds = median(start.seconds for start in starts)
        figures = {
            "name": name,
            "median_s": seconds,
            "fastest_s": min(start.seconds for start in starts),
            "cpu_s": median(start.cpu_seconds for start in starts),
            "ratio": seconds / bare,
        }
        bound = 1.0 if name == "bare" else LONGEST_RATIO.get(name, LONGEST_RATIO_OF_OTHERS)
        found.append(figures | {"bound": bound, "within": name == "bare" or seconds / bare <= bound})
    return found


def main() -> int:
    """Measure, print, and return 1 when a function is over its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("functions", nargs="*", help="default: all")
    options = parser.parse_args()
    known = machine()
    taken = measure(["bare", *(options.functions or functions())], options.runs)
    judged = judge(taken)
    columns = ["name", "median_s", "fastest_s", "cpu_s", "ratio", "bound", "within"]
    tell(
        "cold_start",
        columns,
        [[row[column] for column in columns] for row in judged],
        {
            "machine": known,
            "runs": options.runs,
            "functions": judged,
            "starts": {name: [asdict(start) for start in starts] for name, starts in taken.items()},
        },
    )
    return 0 if all(row["within"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
