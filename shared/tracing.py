"""Spans: what took how long, within which trace. Nothing is recorded until `record_to` names a place for spans.

    with span("parse", PARSE_ATTRIBUTES):   # below the present span, if that is recorded
        ...

Off, `span` is one look at a variable. No span holds a query, a key, a body or a statement's values.
"""

import time
from collections.abc import Callable
from contextvars import Token
from typing import Any

from shared.trace_context import CURRENT, Context, new_span_id, new_trace_id, parse_traceparent

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""Span kinds, by OTLP's numbers."""

Attributes = dict[str, str | int | float | bool]
Sink = Callable[["Span"], None]

_SAMPLED_BITS = 2**64 - 1
"""The part of a trace id that decides, as in OpenTelemetry's TraceIdRatioBased: every service decides alike."""


class _Recording:
    """Where finished spans go, and from which trace ids on they are not sampled."""

    sink: Sink | None = None
    bound: int = 0


def record_to(sink: Sink | None, ratio: float = 1.0) -> None:
    """Give finished spans to `sink`, from now on; None turns recording off. `ratio` of new traces are sampled."""
    _Recording.sink, _Recording.bound = sink, round(ratio * 2**64)


def is_recording() -> bool:
    """Tell whether spans go anywhere."""
    return _Recording.sink is not None


def is_sampled(trace_id: str) -> bool:
    """Decide about a new trace by its id."""
    return _Recording.sink is not None and int(trace_id, 16) & _SAMPLED_BITS < _Recording.bound


class Span:
    """One piece of work. Entered, what happens inside belongs to it; `end` sends it off."""

    __slots__ = (
        "_ended",
        "_token",
        "attributes",
        "context",
        "end_ns",
        "error",
        "kind",
        "name",
        "parent_id",
        "start_ns",
    )

    def __init__(self, name: str, kind: int, context: Context, parent_id: str, attributes: Attributes | None) -> None:
        self.name, self.kind, self.context, self.parent_id = name, kind, context, parent_id
        self.attributes: Attributes = attributes if attributes is not None else {}
        self.start_ns, self.end_ns, self.error = time.time_ns(), 0, ""
        self._token: Token[Context | None] | None = None
        self._ended = False

    def set(self, name: str, value: str | int | float | bool) -> None:
        """Add an attribute."""
        self.attributes[name] = value

    def end(self, error: str = "") -> None:
        """Finish, once; `error` names a kind of failure, never its message, which may quote what it failed on."""
        if self._ended:
            return
        self._ended = True
        self.end_ns, self.error = max(time.time_ns(), self.start_ns), error or self.error
        sink = _Recording.sink
        if sink is not None and self.context.sampled:
            sink(self)

    def __enter__(self) -> "Span":
        self._token = CURRENT.set(self.context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)
        self.end(kind.__name__ if kind is not None else "")


class _Nothing(Span):
    """The span of work that is not recorded: it does nothing and is shared by all."""

    __slots__ = ()

    def set(self, name: str, value: str | int | float | bool) -> None:
        """Forget it."""

    def end(self, error: str = "") -> None:
        """Send nothing."""

    def __enter__(self) -> "Span":
        return self

    def __exit__(self, *_: Any) -> None:
        pass


NOTHING: Span = _Nothing("", INTERNAL, Context("", "", sampled=False), "", None)


def span(name: str, kind: int = INTERNAL, attributes: Attributes | None = None) -> Span:
    """Return a span below the present one; outside of a recorded trace, one that does nothing."""
    if _Recording.sink is None:
        return NOTHING
    above = CURRENT.get()
    if above is None or not above.sampled:
        return NOTHING
    return Span(name, kind, Context(above.trace_id, new_span_id(), True, above.function), above.span_id, attributes)


def remote_span(
    traceparent: str | None, name: str, kind: int, function: str, attributes: Attributes | None = None
) -> Span:
    """Return a span below the one that `traceparent` names, which is obeyed; one that does nothing unless sampled."""
    above = parse_traceparent(traceparent) if _Recording.sink is not None and traceparent else None
    if above is None or not above.sampled:
        return NOTHING
    return Span(name, kind, Context(above.trace_id, new_span_id(), True, function), above.span_id, attributes)


def request_span(above: Context | None, function: str) -> Span:
    """Return the span of a request: always one, since its context names the trace whether recorded or not.

    What `above` says about sampling is obeyed; a new trace is decided by its id. Where nothing is recorded here, the
    context stays what came in, so that what is recorded elsewhere hangs together.
    """
    if above is None:
        trace_id = new_trace_id()
        return Span("", SERVER, Context(trace_id, new_span_id(), is_sampled(trace_id), function), "", None)
    own = new_span_id() if _Recording.sink is not None else above.span_id
    return Span("", SERVER, Context(above.trace_id, own, above.sampled, function), above.span_id, None)
