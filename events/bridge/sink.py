"""The HTTP side of a delivery: one POST, one Answer, never an exception."""

import json
from types import TracebackType
from typing import Self

import aiohttp

from events.bridge.request import DeliveryRequest
from events.bridge.retry import Answer, parse_retry_after

MAX_REASON_BYTES = 64 * 1024
"""Of an answer's body that is read for the reason; problem documents have a few hundred."""
CONNECT_TIMEOUT_S = 5.0
"""Above a cluster's slowest healthy connect; a cold start is waited for after the connect."""


class Sink:
    """A keep-alive HTTP client for one subscription's address."""

    def __init__(self, url: str, timeout_s: float, connections: int) -> None:
        self.url = url
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=connections, ttl_dns_cache=10)
        # The receiver's keep-alive may end first: aiohttp then retries on a fresh connection only for idempotent
        # methods, so a stale one shows as "no answer" and the delivery is simply tried again.
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._session.close()

    async def post(self, request: DeliveryRequest) -> Answer:
        """Send the request; network failures and timeouts are answers without a status."""
        try:
            async with self._session.post(
                self.url, data=request.body, headers=request.headers, allow_redirects=False
            ) as response:
                if 200 <= response.status < 300:
                    await response.read()
                    return Answer(response.status)
                retry_after_s = parse_retry_after(response.headers.get("Retry-After"))
                body = await response.content.read(MAX_REASON_BYTES)
                return Answer(response.status, _reason(response.status, body), retry_after_s)
        except aiohttp.ClientConnectorError as exc:
            return Answer(None, f"no connection: {exc.os_error.strerror or exc}", unreached=True)
        except TimeoutError:
            return Answer(None, "no answer within the time allowed")
        except (aiohttp.ClientError, OSError) as exc:
            return Answer(None, f"no answer: {type(exc).__name__} {exc}".strip())


def _reason(status: int, body: bytes) -> str:
    """Return what a problem document says, else the status."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"HTTP {status}"
    said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
    return f"HTTP {status}: {': '.join(said)}" if said else f"HTTP {status}"
