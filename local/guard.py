"""Ends the stack's processes when its supervisor is gone without having done so itself.

The supervisor starts it with the plain interpreter and writes to its standard input: `start PID SIGNAL PHASE`,
`gone PID`, `sweep PREFIX`, `bye`. End of input without `bye` means that the supervisor was
killed. Standard library only: it lives as long as the stack does, in 8 MB.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

# Longer than any part takes to leave in order; what is still there then is killed.
GRACE_S = 15.0
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the kernel's folder of named segments


def main() -> None:
    """Follow the supervisor's words; act when they end."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A terminal's Ctrl-C is the supervisor's affair; this process leaves when its input ends.
        signal.signal(ignored, signal.SIG_IGN)
    processes: dict[int, tuple[int, int]] = {}
    prefixes: list[str] = []
    for line in sys.stdin:
        word, *arguments = line.split()
        if word == "start":
            pid, number, phase = map(int, arguments)
            processes[pid] = (number, phase)
        elif word == "gone":
            processes.pop(int(arguments[0]), None)
        elif word == "sweep":
            prefixes.append(arguments[0])
        elif word == "bye":
            return
    end_all(processes)
    for prefix in prefixes:
        sweep(prefix)


def end_all(processes: dict[int, tuple[int, int]]) -> None:
    """Ask each process (pid -> signal, phase) to leave, phase by phase from the first; kill the groups that stay."""
    for phase in sorted({phase for _, phase in processes.values()}):
        members = {pid: number for pid, (number, own) in processes.items() if own == phase}
        for pid, number in members.items():
            _signal(os.kill, pid, number)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline and any(_is_alive(pid) for pid in members):
            time.sleep(0.1)
        for pid in members:
            _signal(os.killpg, pid, signal.SIGKILL)


def sweep(prefix: str) -> None:
    """Remove the shared memory segments whose names start with prefix."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(SHARED_MEMORY):
            if entry.name.startswith(prefix):
                os.unlink(entry.path)  # noqa: PTH108 - pathlib would double what this process imports


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(pid, number)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib would double what this process imports
            # Dead, but nobody has reaped it: in a container the first process may never do so.
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except ProcessLookupError:
        return False
    except OSError:
        # Alive and another user's, or a system without /proc.
        return True


if __name__ == "__main__":
    main()
