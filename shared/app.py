"""The frame of every function: /live, /ready, problem details, ids, one canonical log line a request."""

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.body_limit import BodyLimit
from shared.logs import configure_logs, get_log
from shared.problems import install_problem_handlers
from shared.resources import Resources
from shared.settings import Settings

VERSION = "0.1.0"
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = {"/live", "/ready", "/metrics"}

log = get_log("requests")


class RequestLog:
    """ASGI middleware: bind trace and request id, log one line a request with status and duration."""

    def __init__(self, app: ASGIApp, function: str) -> None:
        self.app, self.function = app, function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        match = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").decode("latin-1"))
        trace_id = match.group(1) if match else secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-trace-id", trace_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(trace_id=trace_id, function=self.function):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                took_ms = round((time.perf_counter() - started) * 1000, 1)
                fields = scope["state"].get("log", {})
                log.info(
                    "request_served",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    took_ms=took_ms,
                    **fields,
                )


def create_function_app(
    name: str,
    settings: Settings,
    resources: Resources | None = None,
    *,
    title: str | None = None,
    description: str = "",
    max_body_bytes: int = 2**20,
) -> FastAPI:
    """Return a FastAPI app with the frame installed; `app.state.resources` holds the connections.

    Given `resources`, they belong to the caller and stay open; without, they are made here and closed at shutdown.
    """
    configure_logs(settings.log_level)
    own = resources is None
    held = resources or Resources(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if own:
            await held.close()

    app = FastAPI(
        title=title or f"research-kb {name}",
        version=VERSION,
        description=description,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.name, app.state.settings, app.state.resources = name, settings, held
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=max_body_bytes)
    app.add_middleware(RequestLog, function=name)

    @app.get("/live", include_in_schema=False)
    async def live() -> dict[str, Any]:
        return {"status": "live"}

    @app.get("/ready", include_in_schema=False)
    async def ready() -> dict[str, Any]:
        return {"status": "ready", "function": name}

    return app
