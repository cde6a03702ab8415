"""Starts inside the images: from exec to the first 200 on /ready as a ratio to the bare image, resident memory, size.

`make images BUILD=docker FUNCTIONS="... bare"` first; $PREFIX and $TAG as there. Runs are interleaved, as in
bench.cold_start; what the engine needs to make a container is not in the figures.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.cold_start import LONGEST_RATIO, LONGEST_RATIO_OF_OTHERS
from bench.report import machine, tell
from deploy.images.build import BARE, functions, version

PROBE = Path(__file__).parent / "image_start.py"
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none"]  # noqa: S108 -- the container's


def reference(name: str) -> str:
    """Return the full name of an image."""
    return f"{os.environ.get('PREFIX') or 'research-kb'}/{name}:{os.environ.get('TAG') or version()}"


def docker(*arguments: str, text: str | None = None) -> str:
    """Run docker and return what it printed. Raises: SystemExit with what it said."""
    command = [shutil.which("docker") or "docker", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"docker {arguments[0]} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout.strip()


def start_once(name: str) -> dict[str, float]:
    """Start one image's program in a container of its own; return seconds to ready and resident MiB."""
    settings = ["-e", "DATABASE_URL=postgresql://127.0.0.1:1/none", "-e", "OBJECT_STORE_URL=file:///tmp/objects"]
    program = ["--entrypoint", "/app/venv/bin/python", reference(name), "-", name]
    said = docker("run", "--rm", "-i", *HARDENED, *settings, *program, text=PROBE.read_text())
    found: dict[str, float] = json.loads(said)
    return found


def measure(names: list[str], runs: int) -> dict[str, list[dict[str, float]]]:
    """Return each run of each image, after one of each that warms the file cache."""
    for name in names:
        start_once(name)
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            taken[name].append(start_once(name))
    return taken


def judge(name: str, runs: list[dict[str, float]], bare: float) -> dict[str, Any]:
    """Return an image's medians, its ratio to the bare one, and whether that is within its bound."""
    seconds = median(run["seconds"] for run in runs)
    size = int(docker("image", "inspect", "-f", "{{.Size}}", reference(name))) / 2**20
    bound = LONGEST_RATIO.get(name, LONGEST_RATIO_OF_OTHERS)
    return {
        "name": name,
        "median_s": seconds,
        "ratio": seconds / bare,
        "rss_mib": median(run["rss_mib"] for run in runs),
        "size_mib": size,
        "within": name == BARE or seconds / bare <= bound,
    }


def main() -> int:
    """Measure, print, and return 1 when an image is over its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("functions", nargs="*", help="default: all")
    options = parser.parse_args()
    known = machine()
    taken = measure([BARE, *(options.functions or functions())], options.runs)
    bare = median(run["seconds"] for run in taken[BARE])
    judged = [judge(name, runs, bare) for name, runs in taken.items()]
    columns = ["name", "median_s", "ratio", "rss_mib", "size_mib", "within"]
    rows = [[row[column] for column in columns] for row in judged]
    tell("images", columns, rows, {"machine": known, "images": judged})
    return 0 if all(row["within"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
