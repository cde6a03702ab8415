"""Which process a number means: a pid is used again, a pid with its start time is not."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process for good: its pid and when it started (in whatever unit the system counts)."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return identify(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send to it if it still lives."""
        if self.is_alive():
            os.kill(self.pid, number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send to the group that it leads, whether the leader lives or not."""
        try:
            if self.is_alive() or identify(self.pid) is None:
                os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is gone; False when it lives on after timeout_s."""
        deadline = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def identify(pid: int) -> Identity | None:
    """The process that has this pid now; None for none and for one that is dead but not yet reaped."""
    if sys.platform == "linux":
        return _identify_by_proc(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else Identity(pid, str(process.create_time()))
    except psutil.Error:
        return None


def _identify_by_proc(pid: int) -> Identity | None:
    try:
        # After the name, which may hold anything, in brackets: state is the first field, start time the twentieth.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Identity(pid, fields[19])
