"""The program that is the stack: `python -m local.foreground` until Ctrl-C; `--detached FILE` writes failures there."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from local.first_run import finish_first_run
from local.journal import FOLLOW_PAUSE_S, Follower, format_line
from local.life import supervise
from local.settings import StackError, StackSettings, read_settings
from local.supervisor import Supervisor


class Console:
    """Where the supervisor's lines go: the terminal, and the file that `make logs` reads."""

    def __init__(self, settings: StackSettings, detached: bool) -> None:
        self._settings = settings
        self._detached = detached
        self._colour = sys.stdout.isatty()
        self._log: TextIO | None = None

    def say(self, name: str, text: str) -> None:
        """Print one event of the stack's life."""
        line = (
            f"{time.strftime('%H:%M:%S')} {name}: {text}" if name != "stack" else f"{time.strftime('%H:%M:%S')} {text}"
        )
        if self._detached:
            # Standard output is the log file.
            print(line, flush=True)
            return
        # A terminal or pipe that went away must not keep the stack from ending in order.
        with contextlib.suppress(OSError):
            print(format_line("stack", line, self._colour), flush=True)
        with (self._settings.logs / "stack.log").open("a") as log:
            log.write(line + "\n")

    async def follow(self) -> None:
        """Print what the parts log from now on, for ever."""
        follower = Follower(self._settings.logs)
        while True:
            for name, line in follower.read_new():
                # The supervisor's own lines have been printed already.
                if name != "stack":
                    print(format_line(name, line, self._colour), flush=True)
            await asyncio.sleep(FOLLOW_PAUSE_S)


async def run(settings: StackSettings, detached: bool) -> None:
    """Supervise a stack until it is told to end. Raises StackError when it cannot be started."""
    console = Console(settings, detached)

    async def introduce(supervisor: Supervisor) -> None:
        # Detached, the caller does this at its own terminal.
        if not detached:
            await finish_first_run(settings, supervisor.record.addresses)

    await supervise(settings, console.say, introduce, None if detached else console.follow)


def main() -> int:
    """Run, and turn a StackError into one readable line."""
    parser = argparse.ArgumentParser(prog="python -m local.foreground", description=__doc__)
    parser.add_argument("--detached", type=Path, metavar="FILE")
    failure: Path | None = parser.parse_args().detached
    try:
        asyncio.run(run(read_settings(), failure is not None))
    except (StackError, OSError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        if failure is not None:
            failure.write_text(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
