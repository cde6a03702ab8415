"""Spans as OTLP over HTTP takes them: ExportTraceServiceRequest in its JSON form.

The SDK takes six times the processor time a span and a good half second of import (docs/decisions.md); tests hold this
encoding to its protocol, field by field.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.tracing import Span

SCOPE = "research-kb"
STATUS_ERROR = 2


def encode(spans: Iterable[Span], service: str, resource: Mapping[str, str]) -> bytes:
    """Return the body of one export. Spans are grouped by function: its service is named `<service>-<function>`."""
    import orjson

    groups: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        groups.setdefault(span.context.function, []).append(_span(span))
    return orjson.dumps({"resourceSpans": [_group(service, *item, resource) for item in groups.items()]})


def _group(service: str, function: str, spans: list[dict[str, Any]], resource: Mapping[str, str]) -> dict[str, Any]:
    name = f"{service}-{function}" if function else service
    attributes = [_pair("service.name", name), *(_pair(key, value) for key, value in resource.items())]
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {"name": SCOPE}, "spans": spans}]}


def _span(span: Span) -> dict[str, Any]:
    context = span.context
    encoded: dict[str, Any] = {
        "traceId": context.trace_id,
        "spanId": context.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),  # 64 bits are text in protobuf's JSON
        "endTimeUnixNano": str(span.end_ns),
        "flags": 1,
    }
    if span.parent_id:
        encoded["parentSpanId"] = span.parent_id
    if span.attributes:
        encoded["attributes"] = [_pair(key, value) for key, value in span.attributes.items()]
    if span.error:
        encoded["status"] = {"code": STATUS_ERROR, "message": span.error}
    return encoded


def _pair(key: str, value: str | int | float | bool) -> dict[str, Any]:
    return {"key": key, "value": _value(value)}


def _value(value: str | int | float | bool) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}
