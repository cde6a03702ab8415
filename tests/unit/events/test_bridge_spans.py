"""The bridge's spans: below the work that published, one an attempt, none where nothing is recorded."""

from collections.abc import Iterator

import pytest

from events.bridge.request import make_request
from events.bridge.retry import Answer
from events.bridge.spans import delivery_span, end_delivery, publish_span
from events.cloudevents import CloudEvent
from shared.trace_context import parse_traceparent
from shared.tracing import NOTHING, Span, record_to

TRACE, ORIGIN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def make_event(flags: str = "01") -> CloudEvent:
    traceparent = f"00-{TRACE}-{ORIGIN}-{flags}"
    return CloudEvent("1", "/s", "source.deleted", data={}, partitionkey="k", traceparent=traceparent)


@pytest.fixture
def recorded() -> Iterator[list[Span]]:
    """The spans that end while everything is recorded."""
    spans: list[Span] = []
    record_to(spans.append)
    yield spans
    record_to(None)


def test_each_attempt_is_a_span_below_the_publishing(recorded: list[Span]) -> None:
    """Two attempts are siblings, the request goes on from the latest, and each says how it ended."""
    publishing = publish_span(make_event(), "research-kb.sources")
    publishing.end()
    headers, value, _ = make_event().to_kafka()
    request = make_request([*headers, ("traceparent", publishing.context.traceparent().encode())], value, 0, 0)
    for number, answer in enumerate((Answer(None, "no connection"), Answer(200)), start=1):
        end_delivery(delivery_span(request, "refresh", number), answer)

    first, second = recorded[1:]
    assert publishing.parent_id == ORIGIN
    assert first.parent_id == second.parent_id == publishing.context.span_id
    sent = parse_traceparent(request.headers["traceparent"])
    assert sent is not None
    assert (sent.trace_id, sent.span_id) == (TRACE, second.context.span_id)
    assert (first.error, second.error) == ("no answer", "")
    assert {span.context.function for span in recorded} == {"bridge"}


def test_what_is_not_sampled_passes_unchanged(recorded: list[Span]) -> None:
    """No span, and the request carries the event's traceparent as it came."""
    event = make_event("00")
    assert publish_span(event, "t") is NOTHING
    headers, value, _ = event.to_kafka()
    request = make_request(headers, value, 0, 0)
    assert delivery_span(request, "refresh", 1) is NOTHING
    end_delivery(NOTHING, Answer(200))
    assert request.headers["traceparent"] == event.traceparent
    assert not recorded
