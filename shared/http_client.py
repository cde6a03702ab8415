"""A keep-alive HTTP/1.1 client for small requests to one server.

Parsing is httptools', which uvicorn has loaded already; a general client costs 239 ms of import (aiohttp) and five
times the CPU a request. It speaks what a model server needs: one origin, bodies in memory, no redirects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

# Idle connections beyond these are closed: searches at once seldom exceed them, and opening one takes 0.2 ms.
_IDLE_LIMIT = 32


class ConnectionLost(OSError):
    """The server closed the connection before it had answered."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers (names in lower case) and the whole body."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, most_bytes: int | None) -> None:
        self.transport: asyncio.Transport | None = None
        self._most_bytes = most_bytes
        self.used = False
        self._answer: asyncio.Future[Response] | None = None
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return not self._closed and self.transport is not None and not self.transport.is_closing()

    def ask(self, request: bytes) -> asyncio.Future[Response]:
        """Send one request and return its answer to come."""
        assert self.transport is not None  # noqa: S101 -- set before the connection is handed out
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size_bytes = 0
        self.transport.write(request)
        return self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._fail(ConnectionLost("the server spoke out of turn"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self._fail(ConnectionLost(f"the server answered something other than HTTP: {exc}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._fail(ConnectionLost("the server closed the connection"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._body.append(data)
        self._size_bytes += len(data)
        if self._most_bytes is not None and self._size_bytes > self._most_bytes:
            self._fail(ConnectionLost(f"the answer has more than {self._most_bytes} bytes"))

    def on_message_complete(self) -> None:
        """Called by the parser."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            answer.set_result(Response(self._parser.get_status_code(), self._headers, body))
        if not self._parser.should_keep_alive():
            self.close()

    def close(self) -> None:
        """Close at once; an answer under way fails."""
        self._closed = True
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, error: ConnectionLost) -> None:
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(error)


class HttpClient:
    """Requests to the origin of `url`, whose path is put before every request's.

    An answer of more than `most_bytes` counts as a lost connection.
    """

    def __init__(self, url: str, most_bytes: int | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no HTTP address; expected something like http://triton:8000.")
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")
        self._netloc = parts.netloc.rpartition("@")[2].encode("ascii")
        self._most_bytes = most_bytes
        self._idle: deque[_Connection] = deque()

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: bytes = b"", *, timeout_s: float
    ) -> Response:
        """Send a request that may safely be sent twice. `headers`: whole lines, each ending in CRLF.

        Raises: OSError when there is no answer (ConnectionLost among them), TimeoutError after `timeout_s`.
        """
        head = f"{method} {self._path}{path} HTTP/1.1\r\n".encode()
        message = b"%bHost: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (head, self._netloc, headers, len(body), body)
        async with asyncio.timeout(timeout_s):
            while True:
                connection = self._take_idle() or await self._connect()
                try:
                    return await self._ask(connection, message)
                except ConnectionLost:
                    # The server may close an idle connection while the request is on its way: only a fresh one counts.
                    if not connection.used:
                        raise

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, connection: _Connection, message: bytes) -> Response:
        try:
            response = await connection.ask(message)
        except BaseException:  # cancelled and timed out too: an answer that came later would be taken for the next one
            connection.close()
            raise
        if connection.open and len(self._idle) < _IDLE_LIMIT:
            connection.used = True
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def forget_closed(self) -> bool:
        """Drop idle connections that the server has closed; tell whether there were any."""
        before = len(self._idle)
        self._idle = deque(connection for connection in self._idle if connection.open)
        return len(self._idle) < before

    def _take_idle(self) -> _Connection | None:
        """The connection used last, so that the others can be closed by the server's idle timeout."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def _connect(self) -> _Connection:
        context = ssl.create_default_context() if self._tls else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._most_bytes), self._host, self._port, ssl=context
        )
        return connection
