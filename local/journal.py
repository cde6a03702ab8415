"""The parts' log files: kept within bounds, followed, and made readable."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROTATE_BYTES = 16_000_000
FOLLOW_PAUSE_S = 0.25
# What every line of the functions carries and no reader of a console misses.
HIDDEN = ("timestamp", "level", "event", "component", "trace_id", "request_id", "function")
COLOURS = {"postgres": 34, "kafka": 35, "triton": 32, "functions": 36, "bridge": 33, "stack": 1, "guard": 31}


def rotate_logs(folder: Path) -> None:
    """Keep one older generation of each file that has grown large. Writers append, so truncating is safe."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > ROTATE_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            with path.open("r+b") as file:
                file.truncate(0)


def format_line(name: str, line: str, colour: bool) -> str:
    """One line for people: the part, and of a JSON line the event first, its fields after it."""
    text = _readable(line)
    if not colour:
        return f"{name:<9} {text}"
    return f"\x1b[{COLOURS.get(name, 0)}m{name:<9}\x1b[0m {text}"


def _readable(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        fields: dict[str, Any] = json.loads(line)
    except ValueError:
        return line
    moment = str(fields.get("timestamp", ""))[11:19]
    level = str(fields.get("level", "info"))
    mark = "" if level in ("info", "debug") else f"{level.upper()} "
    who = fields.get("function") or fields.get("component") or ""
    rest = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if key not in HIDDEN)
    return " ".join(filter(None, [moment, f"{mark}{who}", str(fields.get("event", "")), rest]))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_last(folder: Path, lines: int) -> Iterator[tuple[str, str]]:
    """(part, line) of the last lines of each file, one file after the other."""
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines()[-lines:]:
            yield path.stem, line


class Follower:
    """Reads what is appended to the files of a folder from now on; files that appear later from their start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets = {path: path.stat().st_size for path in folder.glob("*.log")}

    def read_new(self) -> Iterator[tuple[str, str]]:
        """(part, line) of every complete line that was appended since the last call."""
        for path in sorted(self._folder.glob("*.log")):
            offset = self._offsets.get(path, 0)
            size = path.stat().st_size
            if size < offset:
                offset = 0
            with path.open("rb") as file:
                file.seek(offset)
                whole, newline, _ = file.read(size - offset).rpartition(b"\n")
            self._offsets[path] = offset + len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines():
                yield path.stem, line

    def follow(self) -> Iterator[tuple[str, str]]:
        """Every new line, for ever."""
        while True:
            yield from self.read_new()
            time.sleep(FOLLOW_PAUSE_S)
