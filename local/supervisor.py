"""The stack's parent: starts the parts, keeps them alive, ends them; leaves nothing behind, even when killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine

from local.child import Child
from local.guarding import Guarding
from local.identity import identify
from local.journal import rotate_logs
from local.leftovers import end_leftovers
from local.orphans import adopt_orphans, end_orphans
from local.parts import PORTS, Blueprint, Part
from local.ports import choose_ports
from local.preflight import check_address, check_space, make_home, take_lock
from local.record import READY, STARTING, STOPPED, PartRecord, StackRecord, read_record, write_record
from local.settings import StackSettings
from local.together import start_together
from local.triton import Triton

HOUSEKEEPING_S = 10.0

Say = Callable[[str, str], None]


class Supervisor:
    """One stack from start to end. `say(part, text)` prints what happens."""

    def __init__(self, settings: StackSettings, say: Say) -> None:
        self.settings = settings
        self.say = say
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._guard = Guarding(Triton(settings, 0, 0, 0).shared_memory_prefix)
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
        await start_together(starts)
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
        self._guard.dismiss()
        for part in self.record.parts.values():
            part.state = STOPPED
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

    def _start_guard(self, restarts: int = 0) -> None:
        self._guard.start()
        identity = identify(self._guard.pid) if self._guard.pid else None
        self.record.parts["guard"] = PartRecord(
            state=READY, pid=self._guard.pid, started=identity.started if identity else None, restarts=restarts
        )
        self._write()

    def _announce(self, pid: int, part: Part) -> None:
        self._guard.announce(pid, part.stop_signal, part.stop_phase)

    def _forget(self, pid: int) -> None:
        self._guard.forget(pid)
        end_orphans(self._known())

    def _known(self) -> set[int]:
        own = {child.process.pid for child in self._children if child.process is not None}
        return own | ({self._guard.pid} if self._guard.pid else set())

    async def _housekeep(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if not self._holds_home():
                self.say("stack", f"{self.settings.home} was removed or replaced; a stack without its data ends")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            end_orphans(self._known())
            await asyncio.to_thread(rotate_logs, self.settings.logs)
            if self._guard.is_dead():
                self.say("guard", "died; starting it again")
                self._start_guard(self.record.parts["guard"].restarts + 1)

    def _holds_home(self) -> bool:
        """False when the folder that was locked is gone, and another stack may live in one of the same name."""
        try:
            return os.path.samestat(os.fstat(self._lock), (self.settings.run / "lock").stat())
        except OSError:
            return False

    def _write(self) -> None:
        if self._holds_home():
            write_record(self.settings, self.record)


async def _then(done: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    await work
    done.set()


async def _after(needed: list[asyncio.Event], work: Callable[[], Coroutine[None, None, None]]) -> None:
    for event in needed:
        await event.wait()
    await work()
