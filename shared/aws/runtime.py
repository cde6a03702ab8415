"""One Lambda environment: one event loop, which stands still between invocations, and little to keep open."""

import asyncio
import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from shared import telemetry
from shared.aws.secrets import resolve_secrets

if TYPE_CHECKING:
    from fastapi import FastAPI

POOL_SIZE = 2
"""An environment serves one request at a time: a search's two legs. Thousands of environments share one database."""
SETTLING_S = 5.0
"""For events that a request has put into the outbox, where the function publishes them itself."""

Result = TypeVar("Result")
_loop: asyncio.AbstractEventLoop | None = None


class PoolTooLarge(ValueError):
    """DATABASE_POOL_SIZE is larger than an environment can use."""


def prepare_environment() -> None:
    """Fetch the secrets that variables name and bound the pool; call before settings are read.

    Raises
    ------
    PoolTooLarge
        When more connections are asked for than one request at a time can use.
    """
    resolve_secrets(os.environ)
    size = os.environ.setdefault("DATABASE_POOL_SIZE", str(POOL_SIZE))
    if not size.isdecimal() or int(size) > POOL_SIZE:
        raise PoolTooLarge(f"DATABASE_POOL_SIZE is {size}; on Lambda it is at most {POOL_SIZE} for an environment.")
    os.environ.setdefault("RESEARCH_KB_HOME", "/tmp/research-kb")  # noqa: S108 -- the only folder that can be written


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end on the environment's loop."""
    return _current().run_until_complete(work)


def thaw() -> None:
    """Let timers that fell due while the environment was frozen run first: they close connections that are too old."""
    run(asyncio.sleep(0))


def settle(app: "FastAPI") -> None:
    """Finish what a server would do in the background: the environment freezes as soon as the handler returns."""
    held = app.state.resources
    if hasattr(app.state, "activity"):  # of those that admit requests
        run(app.state.activity.settle())
    if held.settings.publishes:
        run(held.publisher.settle(SETTLING_S))
    telemetry.finish_now()


def close(app: "FastAPI") -> None:
    """Close every connection of `app`, as its lifespan would."""

    async def close_all() -> None:
        async with app.router.lifespan_context(app):
            pass

    run(close_all())


def _current() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 -- one a process, as Lambda's environments have it
    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
    asyncio.set_event_loop(_loop)  # Mangum asks for the current one
    return _loop


def end() -> None:
    """Close the loop, after the handlers' connections."""
    global _loop  # noqa: PLW0603 -- as above
    if _loop is not None:
        _loop.close()
        _loop = None
