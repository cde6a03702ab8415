"""The running embedded stack that is measured: its addresses, its processes, a client of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from cli.evaluation import evaluation_key
from cli.server import Server
from local.record import StackRecord, read_record
from local.settings import read_settings


def running_stack() -> StackRecord:
    """Return the record of the stack that RESEARCH_KB_HOME names. Raises: SystemExit when it does not run."""
    record = read_record(read_settings())
    if record is None or not record.is_live():
        raise SystemExit("No stack runs in RESEARCH_KB_HOME: `make up DETACH=1` first")
    return record


def environment() -> dict[str, str]:
    """Return this process' environment with the stack's addresses: DATABASE_URL, TRITON_URL, RESEARCH_KB_URL, ..."""
    return dict(os.environ) | running_stack().environment


@contextmanager
def measuring_client(collection: str) -> Iterator[tuple[Server, str]]:
    """Give a client whose limits a measurement does not reach, and its key; the key is revoked at the end."""
    url = environment()["RESEARCH_KB_URL"]
    with Server(url) as admin, evaluation_key(admin, collection) as key, Server(url, key, patience_s=60) as server:
        yield server, key


def processes() -> dict[str, list[psutil.Process]]:
    """Return the processes of each part of the stack with all below them, the supervisor's own included."""
    record = running_stack()
    parts = {name: part.pid for name, part in record.parts.items() if part.pid is not None}
    if record.supervisor is not None:
        parts["supervisor"] = record.supervisor.pid
    tops = set(parts.values())
    found: dict[str, list[psutil.Process]] = {}
    for name, pid in parts.items():
        top = psutil.Process(pid)
        below = (
            [] if name == "supervisor" else [child for child in top.children(recursive=True) if child.pid not in tops]
        )
        found[name] = [top, *below]
    return found
