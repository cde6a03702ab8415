"""Figures of a run: one JSON line each in $CLUSTER_NOTES, and on the terminal."""

import json
import os
from pathlib import Path
from typing import Any


def note(what: str, **figures: Any) -> None:
    """Record figures with the load of the machine at this moment."""
    line = json.dumps({"what": what, "load": round(os.getloadavg()[0], 1)} | figures)
    print(line)
    if path := os.environ.get("CLUSTER_NOTES"):
        with Path(path).open("a") as notes:
            notes.write(line + "\n")
