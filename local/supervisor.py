"""The stack's parent: starts the parts, keeps them alive, ends them; leaves nothing behind, even when killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

from local.child import Child
from local.identity import identify
from local.journal import rotate_logs
from local.leftovers import end_leftovers
from local.orphans import adopt_orphans, end_orphans
from local.parts import PORTS, Blueprint, Part
from local.ports import choose_ports
from local.preflight import check_address, check_space, make_home, take_lock
from local.record import READY, STARTING, STOPPED, PartRecord, StackRecord, read_record, write_record
from local.settings import StackError, StackSettings
from local.triton import Triton

GUARD = Path(__file__).with_name("guard.py")
HOUSEKEEPING_S = 10.0

Say = Callable[[str, str], None]


class Supervisor:
    """One stack from start to end. `say(part, text)` prints what happens."""

    def __init__(self, settings: StackSettings, say: Say) -> None:
        self.settings = settings
        self.say = say
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock = -1

    def claim(self) -> None:
        """Take the home, check what can be checked, end a killed predecessor. Raises StackError."""
        make_home(self.settings)
        self._lock = take_lock(self.settings)
        check_space(self.settings)
        before = read_record(self.settings)
        end_leftovers(self.settings, before)
        check_address(self.settings)
        ports = choose_ports(self.settings.listen, PORTS, before.ports if before else {})
        self.blueprint = Blueprint(self.settings, ports)
        self.blueprint.describe_surroundings()
        self.record = StackRecord(
            port=self.settings.port, listen=self.settings.listen, supervisor=identify(os.getpid()), ports=ports
        )
        self._write()

    async def start(self) -> None:
        """Start every part in the order that they need. Raises StackError; what was started is then still to stop."""
        adopt_orphans()
        self._start_guard()
        for name, variable in self.blueprint.external().items():
            self.record.parts[name] = PartRecord(state=READY, external=True, note=f"{variable} is set")
        # Every part at once, as far as it needs no other: a start is mostly imports, and there are several cores.
        settled = {name: asyncio.Event() for name in ("postgres", "kafka", "triton")}
        starts = [self._settle_external(name, settled[name]) for name in self.blueprint.external()]
        starts += [_then(settled[part.name], self._child(part).start()) for part in self.blueprint.stateful()]
        functions, bridge = (self._child(part) for part in self.blueprint.functions())
        starts.append(_after([settled["postgres"]], functions.start))
        starts.append(_after([settled["postgres"], settled["kafka"]], bridge.start))
        starts.append(_after([settled["postgres"], settled["triton"]], self._register_model))
        await _together(starts)
        self.record.addresses = dict(self.blueprint.environment)
        self._keepers = [asyncio.create_task(child.keep()) for child in self._children]
        self._keepers.append(asyncio.create_task(self._housekeep()))

    async def stop(self) -> None:
        """End every part, those that use others first; nothing of the stack remains."""
        self.set_state("stopping")
        for child in self._children:
            child.stopping = True
        for phase in sorted({child.part.stop_phase for child in self._children}):
            await asyncio.gather(*(child.stop() for child in self._children if child.part.stop_phase == phase))
        for task in self._keepers:
            task.cancel()
        end_orphans(self._known())
        self._dismiss_guard()
        self.set_state(STOPPED)

    def set_state(self, state: str) -> None:
        self.record.state = state
        self._write()

    def _child(self, part: Part) -> Child:
        record = PartRecord(state=STARTING, ports=part.ports, note=part.note)
        self.record.parts[part.name] = record
        child = Child(
            part=part,
            logs=self.settings.logs,
            environment=self.blueprint.environment,
            record=record,
            changed=self._write,
            say=self.say,
            started=self._announce,
            gone=self._forget,
        )
        self._children.append(child)
        return child

    async def _settle_external(self, name: str, settled: asyncio.Event) -> None:
        await asyncio.to_thread(self.blueprint.settle_external, name)
        settled.set()

    async def _register_model(self) -> None:
        await asyncio.to_thread(self.blueprint.register_model)

    def _announce(self, pid: int, part: Part) -> None:
        self._tell_guard(f"start {pid} {int(part.stop_signal)} {part.stop_phase}")

    def _forget(self, pid: int) -> None:
        self._tell_guard(f"gone {pid}")
        end_orphans(self._known())

    def _known(self) -> set[int]:
        own = {child.process.pid for child in self._children if child.process is not None}
        return own | ({self._guard.pid} if self._guard else set())

    def _start_guard(self) -> None:
        # -S -E -I: nothing but the standard library, whatever the environment says; 8 MB instead of 20.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        identity = identify(self._guard.pid)
        self.record.parts["guard"] = PartRecord(
            state=READY, pid=self._guard.pid, started=identity.started if identity else None
        )
        triton = Triton(self.settings, 0, 0, 0)
        self._tell_guard(f"sweep {triton.shared_memory_prefix}")
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                self._announce(child.process.pid, child.part)

    def _tell_guard(self, words: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        try:
            self._guard.stdin.write(f"{words}\n".encode())
            self._guard.stdin.flush()
        except BrokenPipeError:
            # Housekeeping notices the death and starts another, which is told everything again.
            return

    def _dismiss_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._tell_guard("bye")
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()
            self._guard.wait()
            self.record.parts["guard"].state = STOPPED

    async def _housekeep(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if not self._holds_home():
                self.say("stack", f"{self.settings.home} was removed or replaced; a stack without its data ends")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            end_orphans(self._known())
            await asyncio.to_thread(rotate_logs, self.settings.logs)
            if self._guard is not None and self._guard.poll() is not None:
                restarts = self.record.parts["guard"].restarts + 1
                self.say("guard", "died; starting it again")
                self._start_guard()
                self.record.parts["guard"].restarts = restarts
                self._write()

    def _holds_home(self) -> bool:
        """False when the folder that was locked is gone, and another stack may live in one of the same name."""
        try:
            return os.path.samestat(os.fstat(self._lock), (self.settings.run / "lock").stat())
        except OSError:
            return False

    def _write(self) -> None:
        if self._holds_home():
            write_record(self.settings, self.record)


async def _together(starts: list[Coroutine[None, None, None]]) -> None:
    """Await all of them; the errors of those that failed become one StackError."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except BaseExceptionGroup as failures:
        expected, other = failures.split((StackError, OSError, subprocess.SubprocessError))
        if other is not None or expected is None:
            raise
        reasons = "\n".join(str(error) for error in _flatten(expected))
    else:
        return
    raise StackError(reasons)


def _flatten(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _flatten(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _then(done: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    await work
    done.set()


async def _after(needed: list[asyncio.Event], work: Callable[[], Coroutine[None, None, None]]) -> None:
    for event in needed:
        await event.wait()
    await work()


async def supervise(
    settings: StackSettings,
    say: Say,
    introduce: Callable[[Supervisor], Awaitable[None]],
    follow: Callable[[], Awaitable[None]] | None,
) -> None:
    """Run a stack until SIGINT or SIGTERM: introduce when all serves, then follow (for ever) if given.

    Raises StackError when it could not be started, after ending what was.
    """
    supervisor = Supervisor(settings, say)
    supervisor.claim()
    ended = _listen_for_signals(say)
    try:
        await _until(ended, _live(supervisor, introduce, follow))
    finally:
        await supervisor.stop()
        say("stack", "stopped")


async def _live(
    supervisor: Supervisor,
    introduce: Callable[[Supervisor], Awaitable[None]],
    follow: Callable[[], Awaitable[None]] | None,
) -> None:
    begun = time.monotonic()
    await supervisor.start()
    supervisor.say("stack", f"ready after {time.monotonic() - begun:.1f} s")
    supervisor.set_state(READY)
    await introduce(supervisor)
    if follow:
        await follow()
    await asyncio.Event().wait()


async def _until(ended: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Run work until it fails (the error is raised) or ended is set (work is cancelled)."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def _listen_for_signals(say: Say) -> asyncio.Event:
    ended = asyncio.Event()

    def end() -> None:
        if not ended.is_set():
            say("stack", "stopping")
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    return ended
