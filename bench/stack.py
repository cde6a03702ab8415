"""The running embedded stack that is measured: its addresses, a client of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

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
    return dict(os.environ) | running_stack().addresses


@contextmanager
def measuring_client(collection: str) -> Iterator[tuple[Server, str]]:
    """Give a client whose limits a measurement does not reach, and its key; the key is revoked at the end."""
    url = environment()["RESEARCH_KB_URL"]
    with Server(url) as admin, evaluation_key(admin, collection) as key, Server(url, key, patience_s=60) as server:
        yield server, key
