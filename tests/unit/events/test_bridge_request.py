"""From Kafka records to the requests that KafkaSource would make."""

import json

import pytest

from events.bridge.request import make_request
from events.cloudevents import CloudEvent, MalformedEvent

EVENT = CloudEvent(
    "1", "/s", "source.deleted", "Ümlaut 5%", "2026-03-01T09:30:00Z", {"a": 1}, "key",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", {"x": "y"},
)  # fmt: skip


def test_binary_records_pass_unchanged() -> None:
    """Attributes and value arrive as they were, with partition, offset and the trace context for HTTP."""
    headers, value, _ = EVENT.to_kafka()
    request = make_request(headers, value, 3, 42)
    assert request.body is value
    assert request.headers["traceparent"] == EVENT.traceparent
    arrived = CloudEvent.from_http(request.headers, request.body)
    assert arrived.extensions == {"x": "y", "knativekafkapartition": "3", "knativekafkaoffset": "42"}
    assert arrived.without("knativekafkapartition", "knativekafkaoffset") == EVENT


def test_structured_records_become_binary() -> None:
    """A structured record is delivered in binary mode like every other."""
    value = json.dumps(EVENT.to_json()).encode()
    request = make_request([("content-type", b"application/cloudevents+json")], value, 0, 0)
    assert request.headers["ce-subject"] == "%C3%9Cmlaut%205%25"
    assert json.loads(request.body) == {"a": 1}


def test_the_value_is_not_judged_here() -> None:
    """A value that is no JSON is the function's to refuse: it knows the contract, the bridge only carries."""
    assert make_request([("ce_specversion", b"1.0"), ("ce_id", b"1")], b"{", 0, 0).body == b"{"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"text/plain")],
        [("ce_specversion", b"1.0"), ("ce_Bad-Name", b"x")],
        [("ce_specversion", b"1.0"), ("ce_id", b"\xff")],
        [("ce_specversion", b"1.0"), ("ce_id", b"x" * 5000)],
        [("ce_specversion", b"1.0"), ("content-type", b"a\r\nx: y")],
        [("ce_specversion", b"1.0"), *[(f"ce_x{n}", b"y") for n in range(70)]],
    ],
)
def test_what_no_request_can_carry_is_malformed(headers: list[tuple[str, bytes]]) -> None:
    """Records that are no CloudEvent, or whose headers HTTP cannot carry, are malformed."""
    with pytest.raises(MalformedEvent):
        make_request(headers, b"x", 0, 0)


def test_line_breaks_cannot_split_a_header() -> None:
    """A line break in an attribute is percent-encoded, not sent."""
    request = make_request([("ce_specversion", b"1.0"), ("ce_id", b"a\r\nevil: 1")], b"", 0, 0)
    assert request.headers["ce-id"] == "a%0D%0Aevil:%201"


def test_a_records_own_traceparent_is_the_last_hop() -> None:
    """The relay's span goes on in the request; the event's own traceparent stays what it is. A broken hop is none."""
    hop = b"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
    headers, value, _ = EVENT.to_kafka()
    request = make_request([*headers, ("traceparent", hop)], value, 0, 0)
    assert request.headers["traceparent"] == request.incoming_traceparent == hop.decode()
    assert request.headers["ce-traceparent"] == EVENT.traceparent
    broken = make_request([*headers, ("traceparent", b"x\r\ny: z")], value, 0, 0)
    assert broken.headers["traceparent"] == EVENT.traceparent
