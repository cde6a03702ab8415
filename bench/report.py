"""How a measurement is told: a table for people, a JSON file for the record."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return what a figure must be read with: when, which commit, which machine."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 -- git is where the checkout came from
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "processor": _processor(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def tell(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], data: dict[str, Any]) -> None:
    """Print `rows` under `columns` and write `data` to bench/results/`name`.json."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(columns), *texts]) for place in range(len(columns))]
    print(f"\n{name}{_caution(data)}")
    for row in [list(columns), *texts]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def _caution(data: dict[str, Any]) -> str:
    """Say when something else kept the machine busy: such figures compare within the run at best."""
    known = data["machine"]
    busy = known["load_before"] > known["cores"] / 2
    return f" (the machine was busy before it began, load {known['load_before']}: indicative only)" if busy else ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
