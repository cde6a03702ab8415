"""A stack's life: claimed, started, introduced, served until a signal, ended."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine

from local.record import READY
from local.settings import StackSettings
from local.supervisor import Say, Supervisor


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
