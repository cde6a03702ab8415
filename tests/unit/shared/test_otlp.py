"""Our OTLP encoding, held to OpenTelemetry's own protocol and SDK."""

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from shared.otlp import SCOPE, encode
from shared.trace_context import Context
from shared.tracing import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Span

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def make_span(name: str = "work", kind: int = INTERNAL, function: str = "search", parent: str = PARENT) -> Span:
    span = Span(name, kind, Context(TRACE, f"{kind:016x}", sampled=True, function=function), parent, {})
    span.start_ns, span.end_ns = 1_764_380_000_123_456_789, 1_764_380_000_223_456_789
    return span


def parse(body: bytes) -> ExportTraceServiceRequest:
    """Parse OTLP's JSON with the protocol's own definitions; an unknown or wrongly typed field raises.

    OTLP writes ids in hex, where protobuf's JSON has base64: the one difference there is.
    """
    document = json.loads(body)
    for group in document["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            for name in {"traceId", "spanId", "parentSpanId"} & set(span):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request = ExportTraceServiceRequest()
    ParseDict(document, request)
    return request


def values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def test_every_field_arrives_as_it_was_meant() -> None:
    """Ids, names, kinds, times, flags, attributes of each type, and the status of a failure."""
    span = make_span(kind=CLIENT)
    span.attributes |= {"text": "ünï", "count": 2**53 + 1, "share": 0.5, "yes": True, "no": False, "below": -7}
    span.error = "TimeoutError"

    request = parse(encode([span], "research-kb", {"service.version": "1.2.3"}))

    [group] = request.resource_spans
    assert values(group.resource.attributes) == {"service.name": "research-kb-search", "service.version": "1.2.3"}
    [scope] = group.scope_spans
    assert scope.scope.name == SCOPE
    [parsed] = scope.spans
    assert parsed.trace_id.hex() == TRACE
    assert parsed.span_id.hex() == f"{CLIENT:016x}"
    assert parsed.parent_span_id.hex() == PARENT
    assert (parsed.name, parsed.kind) == ("work", ProtoSpan.SPAN_KIND_CLIENT)
    assert (parsed.start_time_unix_nano, parsed.end_time_unix_nano) == (span.start_ns, span.end_ns)
    assert parsed.flags == 1
    assert values(parsed.attributes) == span.attributes
    assert [type(value) for value in values(parsed.attributes).values()] == [str, int, float, bool, bool, int]
    assert (parsed.status.code, parsed.status.message) == (Status.STATUS_CODE_ERROR, "TimeoutError")


def test_kinds_are_the_protocols() -> None:
    """Our numbers are OTLP's."""
    assert (INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER) == (
        ProtoSpan.SPAN_KIND_INTERNAL, ProtoSpan.SPAN_KIND_SERVER, ProtoSpan.SPAN_KIND_CLIENT,
        ProtoSpan.SPAN_KIND_PRODUCER, ProtoSpan.SPAN_KIND_CONSUMER,
    )  # fmt: skip


def test_a_root_has_no_parent_and_a_success_no_status() -> None:
    """Fields without meaning are absent."""
    [group] = parse(encode([make_span(parent="")], "x", {})).resource_spans
    parsed = group.scope_spans[0].spans[0]
    assert parsed.parent_span_id == b""
    assert not parsed.HasField("status")


def test_functions_of_one_process_are_services_of_their_own() -> None:
    """Spans are grouped by function, in their order."""
    spans = [make_span("a"), make_span("b", function="ingest"), make_span("c"), make_span("d", function="")]
    groups = parse(encode(spans, "kb", {})).resource_spans
    found = {values(g.resource.attributes)["service.name"]: [s.name for s in g.scope_spans[0].spans] for g in groups}
    assert found == {"kb-search": ["a", "c"], "kb-ingest": ["b"], "kb": ["d"]}
