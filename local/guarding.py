"""The supervisor's end of the guard: starts it, keeps it told, sends it home."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


class Guarding:
    """One guard process and all that it has been told, so that a successor can be told the same."""

    def __init__(self, shared_memory_prefix: str) -> None:
        self._prefix = shared_memory_prefix
        self._parts: dict[int, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start a guard, or another one in place of a dead one."""
        # Isolated and without site-packages: nothing but the standard library, 8 MB instead of 20.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._tell(f"sweep {self._prefix}")
        for words in self._parts.values():
            self._tell(words)

    def is_dead(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def announce(self, pid: int, number: signal.Signals, phase: int) -> None:
        """Tell it of a process to end should the supervisor be killed."""
        self._parts[pid] = f"start {pid} {int(number)} {phase}"
        self._tell(self._parts[pid])

    def forget(self, pid: int) -> None:
        """Tell it that a process is gone and its number may become somebody else's."""
        if self._parts.pop(pid, None):
            self._tell(f"gone {pid}")

    def dismiss(self) -> None:
        """Send it home with nothing to do."""
        if self._process is None or self._process.stdin is None:
            return
        self._tell("bye")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, words: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # Broken when it has died: its successor is told everything again.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{words}\n".encode())
            self._process.stdin.flush()
