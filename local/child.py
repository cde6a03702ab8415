"""One supervised process: started, watched, restarted when it dies, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from local.identity import identify
from local.parts import Part
from local.record import PartRecord
from local.settings import REPOSITORY, StackError

# A restart at once mends most deaths; a part that cannot live must not keep a core busy with dying.
BACKOFF_FIRST_S = 0.5
BACKOFF_CAP_S = 30.0
# Having lived this long it has recovered, and the next death is a new one.
HEALTHY_S = 60.0
# What a killed predecessor leaves (a lock, a backend in its last query) is gone by the third try.
FIRST_STARTS = 3
POLL_S = 0.1
TAIL_LINES = 12


@dataclass
class Child:
    """The process of one part. `changed` is called after every change of `record`; `say` prints a line."""

    part: Part
    logs: Path
    environment: dict[str, str]
    record: PartRecord
    changed: Callable[[], None]
    say: Callable[[str, str], None]
    started: Callable[[int, Part], None]
    gone: Callable[[int], None]
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    _ready_at: float = field(default=0.0)

    @property
    def log_file(self) -> Path:
        return self.logs / f"{self.part.name}.log"

    async def start(self) -> None:
        """Start it and wait until it is ready and settled. Raises StackError with the end of its log."""
        for attempt in range(1, FIRST_STARTS + 1):
            try:
                await self._start_once()
                return
            except _DiedEarly as death:
                if attempt == FIRST_STARTS:
                    raise StackError(f"{self.part.name} {death}. The end of its log:\n{self._log_tail()}") from death
                self.say(self.part.name, f"{death}; trying again")
                await asyncio.sleep(backoff_s(attempt))

    async def keep(self) -> None:
        """Restart it whenever it dies, until it is told to stop."""
        deaths = 0
        while not self.stopping:
            status = await self._wait()
            if self.stopping:
                return
            deaths = 1 if time.monotonic() - self._ready_at > HEALTHY_S else deaths + 1
            pause_s = backoff_s(deaths)
            self.say(self.part.name, f"died ({_describe(status)}); starting it again in {pause_s:.1f} s")
            self.record.restarts += 1
            self._set_state("restarting")
            await asyncio.sleep(pause_s)
            if not self.stopping:
                await self._try_restart()

    async def stop(self) -> None:
        """Ask it to leave, kill it when it does not; afterwards nothing of it is left."""
        self.stopping = True
        if self.process is None:
            return
        if self.process.poll() is None:
            self._set_state("stopping")
            self.process.send_signal(self.part.stop_signal)
            try:
                await asyncio.wait_for(self._wait(), self.part.stop_timeout_s)
            except TimeoutError:
                self.say(self.part.name, f"did not leave within {self.part.stop_timeout_s:.0f} s and was killed")
        self._clean_up()
        self._set_state("stopped")

    async def _try_restart(self) -> None:
        try:
            await self._start_once()
        except (StackError, OSError, subprocess.SubprocessError) as error:
            # _wait sees at once that nothing runs, and the backoff grows.
            self.say(self.part.name, str(error))
            self._clean_up()

    async def _start_once(self) -> None:
        self._set_state("starting")
        begun = time.monotonic()
        command = await asyncio.to_thread(self.part.prepare)
        if self.stopping:
            return
        self._spawn(command)
        await self._wait_until_ready(begun + self.part.ready_timeout_s)
        await asyncio.to_thread(self.part.settle)
        self._ready_at = time.monotonic()
        self._set_state("ready")
        self.say(self.part.name, f"ready after {self._ready_at - begun:.1f} s{self._place()}")

    def _spawn(self, command: list[str]) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            # Straight to the file: it goes on logging when the supervisor is killed, and costs the supervisor nothing.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment | self.part.variables(),
                cwd=REPOSITORY,
                start_new_session=True,
            )
        self.started(self.process.pid, self.part)
        identity = identify(self.process.pid)
        self.record.pid, self.record.started = self.process.pid, identity.started if identity else None
        self.changed()

    async def _wait_until_ready(self, deadline: float) -> None:
        assert self.process is not None  # noqa: S101 - spawned by the caller
        while not await asyncio.to_thread(self.part.is_ready):
            if self.process.poll() is not None:
                self._clean_up()
                raise _DiedEarly(f"ended before it was ready ({_describe(self.process.returncode)})")
            if time.monotonic() > deadline:
                self._clean_up()
                raise StackError(
                    f"{self.part.name} was not ready within {self.part.ready_timeout_s:.0f} s. The end of its log:\n"
                    f"{self._log_tail()}"
                )
            await asyncio.sleep(POLL_S)
        if self.process.poll() is not None:
            self._clean_up()
            raise _DiedEarly("ended, and something else answers at its port")

    async def _wait(self) -> int:
        while self.process is not None and self.process.poll() is None:  # noqa: ASYNC110 - waitpid has no event
            await asyncio.sleep(POLL_S)
        if self.process is None:
            return 0
        self._clean_up()
        return self.process.returncode

    def _clean_up(self) -> None:
        """End what is left of the process group and remove what it left behind."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.gone(self.process.pid)
        self.part.sweep()

    def _set_state(self, state: str) -> None:
        self.record.state = state
        self.changed()

    def _place(self) -> str:
        return "".join(f", {name} {port}" for name, port in self.part.ports.items())

    def _log_tail(self) -> str:
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except OSError:
            return f"(no log in {self.log_file})"


class _DiedEarly(StackError):
    """A start that failed and is worth another try."""


def backoff_s(deaths: int) -> float:
    """Seconds to wait before the next start after so many deaths in a row: doubling, capped, with jitter of a half."""
    ceiling: float = min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2 ** min(deaths - 1, 16))
    return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads restarts, guards no secret


def _describe(status: int) -> str:
    if status < 0:
        try:
            return f"killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"killed by signal {-status}"
    return f"exit status {status}"
