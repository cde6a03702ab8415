"""Grandchildren whose parent died: on Linux they become the supervisor's own children, and it ends them.

A killed tritonserver leaves its stubs, a killed postmaster its backends (each a session of its own, so that no group
signal reaches them), killed functions their extraction workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Ask the kernel to hand this process the orphans among its descendants. Elsewhere than on Linux: nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(known: Collection[int]) -> int:
    """Kill and reap every adopted child; returns how many. `known` are pids that the caller started and waits for.

    What shares this process's session is a child that some subprocess.run waits for, and is left alone.
    """
    ended = 0
    for pid in _child_pids():
        if pid in known:
            continue
        with contextlib.suppress(ProcessLookupError, ChildProcessError, PermissionError):
            if os.getsid(pid) != os.getsid(0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                ended += 1
    return ended


def _child_pids() -> list[int]:
    try:
        return [int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()]
    except OSError:
        return []
