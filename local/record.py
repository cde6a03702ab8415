"""run/stack.json: what the stack in this home is made of, for down, status, logs and the next start."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local.identity import Identity
from local.settings import StackSettings

STARTING, READY, STOPPED = "starting", "ready", "stopped"


@dataclass
class PartRecord:
    """One part: a process of the stack, or something external that it uses."""

    state: str = "waiting"
    external: bool = False
    pid: int | None = None
    started: str | None = None
    ports: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    note: str | None = None

    @property
    def identity(self) -> Identity | None:
        return Identity(self.pid, self.started) if self.pid is not None and self.started is not None else None


@dataclass
class StackRecord:
    """A stack: who supervises it, where it answers, its parts.

    `addresses` are the variables of programs that use the stack; it holds secrets, and the file is 0600.
    """

    port: int
    listen: str
    state: str = STARTING
    supervisor: Identity | None = None
    ports: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    parts: dict[str, PartRecord] = field(default_factory=dict)

    def is_live(self) -> bool:
        """True while its supervisor runs."""
        return self.supervisor is not None and self.supervisor.is_alive()


def record_path(settings: StackSettings) -> Path:
    return settings.run / "stack.json"


def read_record(settings: StackSettings) -> StackRecord | None:
    """The record in this home; None where there is none or a cut-off one (it is written whole, so: from elsewhere)."""
    try:
        raw: dict[str, Any] = json.loads(record_path(settings).read_text())
        supervisor = raw.pop("supervisor")
        parts = {name: PartRecord(**part) for name, part in raw.pop("parts").items()}
        return StackRecord(**raw, parts=parts, supervisor=Identity(**supervisor) if supervisor else None)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_record(settings: StackSettings, record: StackRecord) -> None:
    """Replace the file as a whole, readable by its owner alone."""
    path = record_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(record), file, indent=2)
    fresh.replace(path)
