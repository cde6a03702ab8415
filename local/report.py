"""What `make status` shows: each part's state, process, ports and memory, and the sums."""

from __future__ import annotations

from typing import Any

import psutil

from local.identity import Identity
from local.record import STOPPED, PartRecord, StackRecord
from local.settings import StackSettings

COLUMNS = ("part", "state", "pid", "ports", "RSS MB", "PSS MB", "restarts", "note")


def describe(settings: StackSettings, record: StackRecord | None) -> dict[str, Any]:
    """The stack as a document: state, address, parts, memory in bytes.

    RSS counts a page once for every process that has it; PSS divides it among them, so only PSS adds up.
    """
    state = _state(record)
    report: dict[str, Any] = {"state": state, "home": str(settings.home)}
    if record is None or state == STOPPED:
        return report | {"parts": {}, "memory": {"rss_bytes": 0, "pss_bytes": 0}}
    supervisor = PartRecord(state=record.state)
    if record.supervisor:
        supervisor.pid, supervisor.started = record.supervisor.pid, record.supervisor.started
    parts = {name: _describe_part(part) for name, part in record.parts.items()}
    # The supervisor's tree is the whole stack; alone it is what remains without the others' trees.
    parts["supervisor"] = _describe_part(supervisor, alone=True)
    return report | {
        "url": f"http://{settings.address(record.port)}",
        "internal_url": f"http://{settings.address(record.ports['internal'])}",
        "internal_port": record.ports["internal"],
        "parts": parts,
        "memory": {unit: sum(part[unit] or 0 for part in parts.values()) for unit in ("rss_bytes", "pss_bytes")},
    }


def _state(record: StackRecord | None) -> str:
    if record is None or record.state == STOPPED:
        return STOPPED
    if record.is_live():
        states = {part.state for part in record.parts.values()}
        return record.state if states <= {"ready"} or record.state != "ready" else "degraded"
    living = any(part.identity and part.identity.is_alive() for part in record.parts.values())
    return "without supervisor" if living else STOPPED


def _describe_part(part: PartRecord, alone: bool = False) -> dict[str, Any]:
    rss, pss = _memory(part.identity, alone)
    own_rss = rss if alone else _memory(part.identity, alone=True)[0]
    return {
        "state": part.state if part.external or rss is not None else "dead",
        "external": part.external,
        "pid": part.pid,
        "ports": part.ports,
        "restarts": part.restarts,
        "note": part.note,
        "rss_bytes": rss,
        "pss_bytes": pss,
        # Of the process itself, without its children (Postgres' backends, Triton's stubs, extraction workers).
        "process_rss_bytes": own_rss,
    }


def _memory(identity: Identity | None, alone: bool) -> tuple[int | None, int | None]:
    """(RSS, PSS) in bytes of a process and, unless alone, all below it; (None, None) when it is gone."""
    if identity is None or not identity.is_alive():
        return None, None
    rss = pss = 0
    try:
        process = psutil.Process(identity.pid)
        below = [] if alone else process.children(recursive=True)
    except psutil.NoSuchProcess:
        return None, None
    for member in [process, *below]:
        try:
            memory = member.memory_full_info()
        except psutil.Error:
            continue
        rss += memory.rss
        pss += getattr(memory, "pss", memory.rss)
    return rss, pss


def render(report: dict[str, Any], colour: bool) -> str:
    """The report as a table for people."""
    if report["state"] == STOPPED:
        return f"no stack runs in {report['home']}"
    rows = [COLUMNS, *(_row(name, part) for name, part in report["parts"].items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if colour:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    functions = report["parts"].get("functions", {})
    lines += [
        "",
        f"state     {report['state']}, in {report['home']}",
        f"public    {report['url']}",
        f"internal  {report['internal_url']} (event functions, /metrics; port {report['internal_port']})",
        f"memory    whole stack {_mb(report['memory']['pss_bytes'])} MB (PSS; sum of RSS "
        f"{_mb(report['memory']['rss_bytes'])} MB), process of all functions "
        f"{_mb(functions.get('process_rss_bytes'))} MB RSS",
    ]
    return "\n".join(lines)


def _row(name: str, part: dict[str, Any]) -> tuple[str, ...]:
    ports = " ".join(f"{label} {port}" for label, port in part["ports"].items())
    note = part["note"] or ""
    state = f"{part['state']} (external)" if part["external"] else part["state"]
    memory = (_mb(part["rss_bytes"]), _mb(part["pss_bytes"]))
    return (name, state, str(part["pid"] or "-"), ports or "-", *memory, str(part["restarts"]), note)


def _mb(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 1e6:.0f}"
