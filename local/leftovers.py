"""Ending the processes that a stack's record names when nobody supervises them any more."""

from __future__ import annotations

import signal

from local.record import StackRecord
from local.settings import StackError, StackSettings
from local.triton import Triton

# Postgres flushes its data, the bridge waits for what is under way.
PATIENCE_S = 40.0


def end_leftovers(settings: StackSettings, record: StackRecord | None) -> int:
    """End what a killed supervisor left, by pid and start time; returns how many processes there were.

    Raises StackError for a process that cannot be ended.
    """
    if record is None:
        return 0
    guard = record.parts.get("guard")
    if guard and guard.identity:
        # It ends them in order at this moment, the functions before what they use.
        guard.identity.wait(PATIENCE_S)
    living = [part.identity for part in record.parts.values() if part.identity and part.identity.is_alive()]
    for identity in reversed(living):
        # SIGINT is an orderly, quick end for every part, Postgres included (where SIGTERM waits for clients).
        identity.send(signal.SIGINT)
    for identity in living:
        if not identity.wait(PATIENCE_S):
            identity.send_to_group(signal.SIGKILL)
            if not identity.wait(PATIENCE_S):
                raise StackError(f"Process {identity.pid} of the stack in {settings.home} does not end, even killed.")
    Triton(settings, 0, 0, 0).sweep()
    return len(living)
