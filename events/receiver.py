"""The front of every event function: CloudEvents in by POST /, the answer tells the sender what to do next.

2xx done or duplicate; 400/422 poison, to the dead letters at once; 503 try again; 500 a bug, retried, then dead.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import structlog
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from events.cloudevents import CloudEvent, MalformedEvent
from events.processed import claim, is_processed
from events.validate import InvalidEvent, validate
from shared.app import create_function_app
from shared.database import is_temporary, load_sql
from shared.error_reports import report
from shared.logs import get_log
from shared.problems import Problem, respond
from shared.resources import Resources
from shared.settings import Settings

__all__ = ["Handler", "Outcome", "answer_failure", "claim", "create_event_app", "is_processed"]

Outcome = Literal["done", "duplicate"]
Handler = Callable[[CloudEvent, Resources], Awaitable[Outcome]]

MAX_BODY_BYTES = 2 * 2**20
"""Above every event's limit, so that a too large one gets the parser's message instead of a bare 413."""
RETRY_AFTER_S = 2
"""A failover or restart takes seconds; the sender's own backoff grows from here."""

log = get_log("events")


def create_event_app(
    handler_name: str, handlers: Mapping[str, Handler], settings: Settings, resources: Resources | None = None
) -> FastAPI:
    """Return the app of an event function: /live, /ready and POST / for the event types in `handlers`.

    A handler does its effect and `claim(connection, handler_name, event)` in one transaction and returns "duplicate"
    when the claim was refused, else "done". It may raise Problem: 4xx means poison, 429 and 5xx mean try again.
    """
    app = create_function_app(handler_name, settings, resources, max_body_bytes=MAX_BODY_BYTES)
    app.state.cold = True

    @app.post("/", include_in_schema=False)
    async def receive(request: Request) -> Response:
        try:
            event = read_event(dict(request.headers), await request.body(), handlers)
        except Problem as problem:
            said = {name: request.headers.get(f"ce-{name}", "")[:100] for name in ("id", "type")}
            fields = {"ce_id": said["id"], "ce_type": said["type"], "outcome": "rejected"}
            request.scope["state"]["log"] = fields
            log.warning("event_rejected", problem=problem.slug, detail=problem.detail, ce_id=said["id"])
            report(problem, "event_rejected")
            return respond(problem, request)
        fields = {"ce_id": event.id, "ce_type": event.type}
        request.scope["state"]["log"] = fields
        with structlog.contextvars.bound_contextvars(**fields):
            try:
                outcome = await handlers[event.type](event, app.state.resources)
                await _note_start(app)
            except Exception as exc:
                return answer_failure(exc, request)
        fields["outcome"] = outcome
        return JSONResponse({"status": outcome})

    return app


async def _note_start(app: FastAPI) -> None:
    """Note the first event of this process: how often a function had to be started. It is tried again by the next."""
    from shared.database import UNAVAILABLE

    if not app.state.cold:
        return
    app.state.cold = False
    pool = await app.state.resources.pool()
    try:
        await pool.execute(load_sql(__file__, "note_start"), json.dumps({"function": app.state.name}))
    except UNAVAILABLE as exc:
        app.state.cold = True
        log.warning("start_not_noted", error=repr(exc)[:300])


def read_event(headers: Mapping[str, str], body: bytes, types: Mapping[str, object]) -> CloudEvent:
    """Parse and validate an HTTP request into an event of one of `types`; raise Problem 400 or 422."""
    try:
        event = CloudEvent.from_http(headers, body)
    except MalformedEvent as exc:
        action = "Send a CloudEvent 1.0 in binary or structured mode; docs/events.md shows both."
        raise Problem(400, "malformed-event", "Not a CloudEvent", str(exc), action) from exc
    if event.type not in types:
        detail = f"{event.type[:100]} is not handled here; {', '.join(sorted(types))} is."
        raise Problem(422, "unknown-event-type", "Unknown event type", detail, "Send it to its own topic or function.")
    try:
        validate(event)
    except InvalidEvent as exc:
        action = f"Compare the data with events/schemas/{event.type}.json."
        raise Problem(422, "invalid-event", "The event's data is not valid", str(exc), action) from exc
    return event


def answer_failure(exc: Exception, request: Request) -> Response:
    """Turn what a handler raised into the answer that makes the sender do the right thing."""
    fields = request.scope["state"].setdefault("log", {})
    if isinstance(exc, Problem):
        answer = _problem_answer(exc)
        fields["outcome"] = "rejected" if answer.status == 422 else "postponed"
        return respond(answer, request)
    if is_temporary(exc):
        fields["outcome"] = "postponed"
        log.warning("event_postponed", error=type(exc).__name__, detail=str(exc)[:500])
        return respond(_try_again(str(exc) or type(exc).__name__), request)
    fields["outcome"] = "failed"
    log.error("event_failed", exc_info=exc)
    report(exc, "event_failed")
    action = "Report the trace_id to the operator; the function's log holds the cause."
    return respond(Problem(500, "internal-error", "The handler failed", type(exc).__name__, action), request)


def _problem_answer(problem: Problem) -> Problem:
    """Return a handler's problem with the status that its sender understands: 422 for 4xx, 503 for the rest."""
    if problem.status < 500 and problem.status not in (408, 429):
        log.warning("event_rejected", problem=problem.slug, detail=problem.detail)
        report(problem, "event_rejected")
        return _with_status(problem, 422, problem.headers)
    log.warning("event_postponed", problem=problem.slug, detail=problem.detail)
    return _with_status(problem, 503, {"Retry-After": str(RETRY_AFTER_S)} | problem.headers)


def _with_status(problem: Problem, status: int, headers: dict[str, str]) -> Problem:
    return Problem(
        status, problem.slug, problem.title, problem.detail, problem.action, headers=headers, **problem.extra
    )


def _try_again(detail: str) -> Problem:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    action = "Deliver the event again after the time in Retry-After."
    return Problem(503, "dependency-unavailable", "A dependency is not available", detail, action, headers=headers)
