"""Room for the bodies of uploads: together they never take more memory than the process may give them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Request

from shared.problems import Problem

SMALL_BYTES: Final = 2**20
"""A body of this size or less needs no room: as many as one process serves at once do no harm."""
RETRY_AFTER_S: Final = 10


class UploadRoom:
    """`most` bytes of bodies at once; who does not fit waits in turn, at most `patience_s` seconds."""

    def __init__(self, most: int, patience_s: float) -> None:
        self._most, self._patience_s = most, patience_s
        self._free = most
        self._turn, self._freed = asyncio.Lock(), asyncio.Event()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Have room for `size` bytes while entered. Raises Problem (503) when none comes free in time."""
        size = 0 if size <= SMALL_BYTES else min(size, self._most)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._take(size)
        except TimeoutError:
            detail = f"Uploads take up the {self._most / 2**20:.0f} MiB that this process has for them."
            action = "Try again after the time in Retry-After."
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise Problem(503, "uploads-busy", "Too much is being uploaded", detail, action, headers) from None
        try:
            yield
        finally:
            self._free += size
            self._freed.set()

    async def _take(self, size: int) -> None:
        if size == 0:
            return
        async with self._turn:  # first come, first served: or small uploads would keep a large one out for ever
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size


def body_size(request: Request, most: int) -> int:
    """Return the bytes that a request says its body has; `most` when it does not say."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else most
