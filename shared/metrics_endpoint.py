"""GET /metrics of a function's own port: what this process has done, and what the function adds to that."""

from collections.abc import Iterable

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from shared.exposition import CONTENT_TYPE, render
from shared.process_metrics import INFERENCE_SECONDS, INFERENCES, REQUEST_SECONDS, REQUESTS, STARTED_S
from shared.resources import Resources


def install_metrics_endpoint(app: FastAPI) -> None:
    """Add the route. The public address leads to no /metrics in any deployment."""
    app.state.more_metrics = None

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        text = expose(app.state.name, app.state.resources)
        if app.state.more_metrics is not None:
            text = await app.state.more_metrics() + text
        return PlainTextResponse(text, media_type=CONTENT_TYPE)


def expose(function: str, resources: "Resources") -> str:
    """Return the exposition of this process, with the collectors of the interpreter and of the process itself."""
    from prometheus_client import generate_latest

    lines: list[str] = []
    for family in (REQUESTS, REQUEST_SECONDS, INFERENCES, INFERENCE_SECONDS):
        lines.extend(family.lines())
    lines.extend(_connections(function, resources))
    lines.extend(
        render(
            "research_kb_process_start_seconds",
            "gauge",
            "Seconds from the start of this process until the function's app was made.",
            [({"function": name}, seconds) for name, seconds in STARTED_S.items()],
        )
    )
    return "\n".join([*lines, generate_latest().decode()])


def _connections(function: str, resources: "Resources") -> Iterable[str]:
    used, idle = resources.pool_connections()
    return render(
        "research_kb_pool_connections",
        "gauge",
        "Connections of this process's database pool, by state: used, idle.",
        [({"function": function, "state": "used"}, used), ({"function": function, "state": "idle"}, idle)],
    )
