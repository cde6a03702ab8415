"""An answer whose last byte waits for the end of what it holds."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Message, Send

_ENDING: set[asyncio.Task[None]] = set()
"""Releases under way: the loop keeps weak references only, and one must not vanish with its cancelled request."""


class Answer:
    """ASGI send that adds headers and awaits `release` before the client can have the whole answer.

    The start waits for the first part of the body: an answer without a body is whole with its head.
    """

    def __init__(
        self,
        send: Send,
        headers: list[tuple[bytes, bytes]],
        release: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._send, self._headers, self._release = send, headers, release
        self._start: Message | None = None
        self._left_bytes: int | None = None
        self._ended = False
        self.status: int | None = None  # None: nothing was answered yet

    async def __call__(self, message: Message) -> None:
        """Pass one message on, the last one after the release."""
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            self._left_bytes = next((int(value) for name, value in headers if name.lower() == b"content-length"), None)
            self.status = message["status"]
            self._start = {**message, "headers": [*headers, *self._headers]}
            return
        if self._is_last(message):
            await self.end()
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send(message)

    def _is_last(self, message: Message) -> bool:
        if message["type"] != "http.response.body":
            return True  # a whole file, say: what follows is beyond our sight
        if self._left_bytes is not None:
            self._left_bytes -= len(message.get("body", b""))
            if self._left_bytes <= 0:
                return True
        return not message.get("more_body", False)

    async def end(self) -> None:
        """Release, once, even when the request is cancelled meanwhile."""
        if self._ended:
            return
        self._ended = True
        task = asyncio.create_task(self._release())
        _ENDING.add(task)
        task.add_done_callback(_ENDING.discard)
        await asyncio.shield(task)
