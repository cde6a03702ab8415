"""Starting several things at once, with one readable error for those that fail."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine

from local.settings import StackError


async def start_together(starts: list[Coroutine[None, None, None]]) -> None:
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
