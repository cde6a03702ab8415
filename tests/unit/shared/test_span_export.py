"""Spans on their way out: all arrive, shutdown flushes, a collector that is away costs spans and nothing else."""

import json
from typing import Any

import pytest
import structlog

from bench.collector import collecting
from shared.span_export import BATCH_SPANS, QUEUE_SPANS, SpanExporter
from shared.telemetry import parse_headers
from shared.trace_context import Context, new_span_id
from shared.tracing import INTERNAL, Span

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVE_UP_S = 30.0
NOBODY = "http://127.0.0.1:1"


def make_span(number: int = 0) -> Span:
    span = Span(f"span {number}", INTERNAL, Context(TRACE, new_span_id(), sampled=True, function="t"), "", None)
    span.end_ns = span.start_ns
    return span


def make_exporter(endpoint: str, headers: dict[str, str] | None = None) -> SpanExporter:
    return SpanExporter(endpoint, headers or {}, "test", {})


def test_shutdown_flushes_every_span() -> None:
    """What was added right before the end arrives, in batches, in order, with the headers configured."""
    count = BATCH_SPANS * 2 + 3
    with collecting() as collector:
        exporter = make_exporter(collector.url, {"x-token": "t"})
        for number in range(count):
            exporter.add(make_span(number))
        assert exporter.flush(GIVE_UP_S)
        names = [s["name"] for body in collector.bodies for s in _spans(body)]
        assert names == [f"span {number}" for number in range(count)]
        assert len(collector.bodies) >= 3
        assert all(headers["x-token"] == "t" for headers in collector.headers)
        assert exporter.sent == count


def _spans(body: bytes) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return spans


def test_later_spans_are_sent_after_a_flush() -> None:
    """The thread goes on: a process that was thawed, or tested, exports again."""
    with collecting() as collector:
        exporter = make_exporter(collector.url)
        for rounds in range(3):
            exporter.add(make_span(rounds))
            assert exporter.flush(GIVE_UP_S)
        assert exporter.sent == len(collector.spans()) == 3


@pytest.mark.parametrize("status", [503, 400])
def test_refused_spans_are_counted_and_logged(status: int) -> None:
    """A collector that refuses: tried again where that may help, then dropped, counted, logged."""
    with collecting() as collector, structlog.testing.capture_logs() as logs:
        collector.status = status
        exporter = make_exporter(collector.url)
        exporter.add(make_span())
        assert not exporter.flush(GIVE_UP_S)
    assert (exporter.sent, exporter.dropped) == (0, 1)
    assert [(line["event"], line["spans"]) for line in logs] == [("spans_dropped", 1)]


def test_a_restarting_collector_is_tried_again() -> None:
    """The first attempt is refused, the second taken: nothing is lost."""
    with collecting() as collector:
        exporter = make_exporter(collector.url)
        answers = iter([503, 200])
        post = exporter._post

        def refused_once(body: bytes) -> tuple[bool, str] | None:
            collector.status = next(answers)
            return post(body)

        exporter._post = refused_once  # type: ignore[method-assign]  # the moment between two attempts
        exporter.add(make_span())
        assert exporter.flush(GIVE_UP_S)
        assert len(collector.spans()) == 1


def test_a_lost_collector_costs_spans_only() -> None:
    """Nobody listens: adding never raises nor waits, the queue stays bounded, the flush returns, all are counted."""
    with structlog.testing.capture_logs() as logs:
        exporter = make_exporter(NOBODY)
        for number in range(QUEUE_SPANS * 2):
            exporter.add(make_span(number))
            assert len(exporter._queue) <= QUEUE_SPANS
        assert not exporter.flush(GIVE_UP_S)
    assert exporter.sent == 0
    assert exporter.dropped == QUEUE_SPANS * 2
    assert sum(line["spans"] for line in logs if line["event"] == "spans_dropped") == QUEUE_SPANS * 2


def test_headers_are_read_as_opentelemetry_defines_them() -> None:
    """Pairs separated by commas, percent-encoded values; a broken part is named by its place, not quoted."""
    assert parse_headers("authorization=Bearer%20abc, x=a%3Db ,") == {"authorization": "Bearer abc", "x": "a=b"}
    assert parse_headers("") == {}
    with pytest.raises(ValueError, match="part 2") as caught:
        parse_headers("a=b,secret")
    assert "secret" not in str(caught.value)


def test_an_endpoint_that_is_none_is_refused() -> None:
    """Said at the start, not at the first span."""
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make_exporter("collector:4317")
