"""Which function answers a path, when all of them live in one process: decided by the first segment alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.problems import MEDIA_TYPE, Problem

# The first segment of a public path -> the function that owns it.
PUBLIC: Mapping[str, str] = {
    "search": "search",
    "feedback": "search",
    "sources": "sources",
    "collections": "sources",
    "stats": "stats",
    "health": "health",
    "models": "health",
    "live": "health",
    "ready": "health",
    "openapi.json": "health",
    "docs": "health",
    "documents": "ingest",
    "dead-letters": "ingest",
    "keys": "keys",
    "usage": "keys",
}
# The event functions, each below a segment of its own name, which it does not see.
INTERNAL = ("extract", "embed", "refresh", "metrics")


class PublicDispatch:
    """ASGI app of the public address: hands a request on as it is. What is not of an HTTP function is 404."""

    def __init__(self, functions: Mapping[str, ASGIApp]) -> None:
        self._apps = {segment: functions[name] for segment, name in PUBLIC.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._apps.get(_first_segment(scope))
        if app is None:
            await _answer_unknown(scope, send, "The documentation at /docs lists every path.")
            return
        await app(scope, receive, send)


class InternalDispatch:
    """ASGI app of the internal address: /extract, /embed, /refresh, /metrics and what is below them; /live, /ready.

    GET /metrics is the exposition of the function metrics, and of this process.
    """

    def __init__(self, functions: Mapping[str, ASGIApp]) -> None:
        self._events = {name: functions[name] for name in INTERNAL}
        self._probes = functions["health"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        segment = _first_segment(scope)
        if scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD"):
            await self._events["metrics"](scope, receive, send)
        elif segment in self._events:
            await self._events[segment](_without_first_segment(scope, segment), receive, send)
        elif segment in ("live", "ready"):
            await self._probes(scope, receive, send)
        else:
            await _answer_unknown(scope, send, "Event functions answer at /extract, /embed, /refresh and /metrics.")


def _first_segment(scope: Scope) -> str:
    path: str = scope["path"]
    return path[1:].partition("/")[0]


def _without_first_segment(scope: Scope, segment: str) -> Scope:
    path = scope["path"][1 + len(segment) :] or "/"
    return {**scope, "path": path, "raw_path": path.encode()}


async def _answer_unknown(scope: Scope, send: Send, action: str) -> None:
    trace_id = secrets.token_hex(16)
    detail = f"Nothing answers {scope['method']} {scope['path']} at this address."
    problem = Problem(404, "not-found", "No such path", detail, action)
    body = json.dumps(problem.body(scope["path"], trace_id), ensure_ascii=False).encode(errors="replace")
    await _answer(send, 404, MEDIA_TYPE, body, trace_id)


async def _answer(send: Send, status: int, media_type: str, body: bytes, trace_id: str | None = None) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    if trace_id:
        headers.append((b"x-trace-id", trace_id.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
