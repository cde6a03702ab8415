"""The frame of every function: /live, /ready, problem details, ids, one canonical log line a request."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.body_limit import BodyLimit
from shared.logs import configure_logs, get_log
from shared.metrics_endpoint import install_metrics_endpoint
from shared.problems import install_problem_handlers
from shared.process_metrics import count_request, mark_started
from shared.request_span import describe_request, incoming_context
from shared.resources import Resources
from shared.settings import Settings
from shared.trace_context import new_span_id
from shared.tracing import request_span
from shared.version import VERSION

_QUIET = {"/live", "/ready", "/metrics"}

# FastAPI's would record messages of exceptions, and looks for somebody to record for at every request.
_NONE_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

log = get_log("requests")


class RequestLog:
    """ASGI middleware: one log line and one span a request, with ids, status and duration."""

    def __init__(self, app: ASGIApp, function: str) -> None:
        self.app, self.function = app, function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self.app(scope, receive, send)
            return
        span = request_span(incoming_context(scope["headers"]), self.function)
        trace_id = span.context.trace_id
        state = scope.setdefault("state", {})
        state["trace_id"] = trace_id
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-trace-id", trace_id.encode())]
            await send(message)

        ids = {"trace_id": trace_id, "request_id": new_span_id(), "function": self.function}
        with structlog.contextvars.bound_contextvars(**ids), span:
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                count_request(self.function, scope["method"], status, seconds)
                fields: dict[str, Any] = state.get("log", {})
                if span.context.sampled:
                    describe_request(span, scope, status, fields)
                log.info(
                    "event_handled" if "ce_id" in fields else "request_served",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    took_ms=round(seconds * 1000, 1),
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
    telemetry.install(settings)
    own = resources is None
    held = resources or Resources(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if own:
            await held.close()
        await telemetry.finish()

    app = FastAPI(
        title=title or f"research-kb {name}",
        version=VERSION,
        description=description,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=_NONE_OF_ITS_OWN,
    )
    app.state.name, app.state.settings, app.state.resources = name, settings, held
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=max_body_bytes)
    app.add_middleware(RequestLog, function=name)
    if settings.publishes:
        from events.publisher import PublishAfterRequest

        app.add_middleware(PublishAfterRequest, held=held)
    install_metrics_endpoint(app)

    @app.get("/live", include_in_schema=False)
    async def live() -> dict[str, Any]:
        return {"status": "live"}

    @app.get("/ready", include_in_schema=False)
    async def ready() -> dict[str, Any]:
        return {"status": "ready", "function": name}

    mark_started(name)
    return app
