"""What a run measured, for people: medians, and ratios to the bare function of the same round."""

import json
from collections import defaultdict
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

from tests.cluster.stages import STAGES


def print_report(notes: Path) -> None:
    """Print the notes of a run; nothing where there are none."""
    lines = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    rounds = [line for line in lines if line["what"] == "cold_start"]
    if rounds:
        print_cold_starts(rounds)
        print_stages(rounds)
    for line in lines:
        if line["what"] != "cold_start":
            print(f"\n{line['what']}: " + ", ".join(f"{key} {value}" for key, value in line.items() if key != "what"))


def print_cold_starts(rounds: list[dict[str, Any]]) -> None:
    """Print seconds from zero to the first byte, and the median of the ratios to bare within each round."""
    seconds = defaultdict[str, list[float]](list)
    ratios = defaultdict[str, list[float]](list)
    for line in rounds:
        for name, value in line["seconds"].items():
            seconds[name].append(value)
            ratios[name].append(value / line["seconds"]["bare"])
    bare = median(seconds["bare"])
    loads = [line["load"] for line in rounds]
    print(f"\nFrom zero to the first byte, {len(rounds)} rounds, load {min(loads)} to {max(loads)}:")
    print(f"{'what':24} {'median s':>9} {'min':>6} {'max':>6} {'of medians':>11} {'median ratio':>13}")
    for name, values in sorted(seconds.items(), key=lambda item: median(item[1])):
        ratio = f"{median(values) / bare:>11.2f} {median(ratios[name]):>13.2f}"
        print(f"{name:24} {median(values):>9.2f} {min(values):>6.2f} {max(values):>6.2f} {ratio}")


def print_stages(rounds: list[dict[str, Any]]) -> None:
    """Print the median milliseconds of each stage of a start: where the time goes."""
    names = [name for name, _, _ in STAGES]
    stages = defaultdict[str, dict[str, list[float]]](lambda: defaultdict(list))
    for line in rounds:
        for what, parts in line["stages"].items():
            for name, value in parts.items():
                stages[what][name].append(value * 1000)
    print("\nStages of these starts, median ms:")
    print(f"{'what':24} " + " ".join(f"{name:>10}" for name in names))
    for what, parts in sorted(stages.items()):
        print(f"{what:24} " + " ".join(f"{median(parts[name] or [nan]):>10.0f}" for name in names))
