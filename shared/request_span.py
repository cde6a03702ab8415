"""A request's span: which trace it continues, and what is said of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import Scope

from shared.trace_context import Context, parse_traceparent
from shared.tracing import CONSUMER, Span


def incoming_context(headers: Iterable[tuple[bytes, bytes]]) -> Context | None:
    """Return the context that a request brings.

    Of an event it is the one in `traceparent`, where the last hop put its own span, as long as that is in the event's
    own trace (`ce-traceparent`): an intermediary that traces only itself must not cut the event's trace.
    """
    hop = event = None
    for name, value in headers:
        if name == b"traceparent":
            hop = parse_traceparent(value.decode("latin-1"))
        elif name == b"ce-traceparent":
            event = parse_traceparent(value.decode("latin-1"))
    return event if event is not None and (hop is None or hop.trace_id != event.trace_id) else hop


def describe_request(span: Span, scope: Scope, status: int, fields: Mapping[str, Any]) -> None:
    """Name a request's span by its route, so that names are few, and say how it ended. The query string stays out."""
    route = getattr(scope.get("route"), "path", None)
    span.name = f"{scope['method']} {route}" if route else scope["method"]
    span.set("http.request.method", scope["method"])
    span.set("url.path", scope["path"])
    span.set("http.response.status_code", status)
    if "ce_id" in fields:
        span.name, span.kind = f"process {fields.get('ce_type', 'event')}", CONSUMER
        span.set("cloudevents.event_id", fields["ce_id"])
        span.set("cloudevents.event_type", fields.get("ce_type", ""))
    if status >= 500:
        span.error = f"HTTP {status}"
