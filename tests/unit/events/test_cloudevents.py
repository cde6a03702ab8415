"""CloudEvents on their way through JSON, HTTP and Kafka."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.cloudevents import CloudEvent, MalformedEvent
from events.topics import MAX_EVENT_BYTES

BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "content-type": "application/json"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# What CloudEvents' String type and Kafka's UTF-8 both allow.
attribute_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40
).filter(lambda text: not text.startswith('"'))
data_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def make_event(**changes: Any) -> CloudEvent:
    return CloudEvent(**({"id": "1", "source": "/s", "type": "t"} | changes))


@given(
    st.builds(
        CloudEvent,
        id=attribute_texts,
        source=attribute_texts,
        type=attribute_texts,
        subject=st.none() | attribute_texts,
        time=st.none() | st.just("2026-03-01T09:30:00.123Z"),
        data=st.none()
        | st.dictionaries(data_texts, data_texts | st.integers() | st.lists(data_texts, max_size=3), max_size=3),
        partitionkey=st.none() | attribute_texts,
        traceparent=st.none() | st.just(TRACE),
        extensions=st.dictionaries(
            st.sampled_from(["deadreason", "knativekafkaoffset", "x1"]), attribute_texts, max_size=2
        ),
    )
)
def test_every_form_gives_the_same_event_back(event: CloudEvent) -> None:
    """An event survives the JSON format, HTTP binary and structured mode, and a Kafka record, whatever its texts."""
    document = event.to_json()
    headers, value, key = event.to_kafka()
    assert CloudEvent.from_json(json.loads(json.dumps(document))) == event
    assert CloudEvent.from_http(*event.to_binary()) == event
    structured = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    assert CloudEvent.from_http(structured, json.dumps(document, ensure_ascii=False).encode()) == event
    assert CloudEvent.from_kafka(headers, value, key) == event
    assert (
        CloudEvent.from_kafka([("content-type", b"application/cloudevents+json")], json.dumps(document).encode())
        == event
    )


def test_header_values_are_percent_encoded_ascii() -> None:
    """Space, quote, percent and what is not ASCII are encoded in HTTP headers, as the HTTP binding says; no more."""
    headers, _ = make_event(subject='Häm "x" 5%', source="/a?b=c&d:e/f").to_binary()
    assert headers["ce-subject"] == "H%C3%A4m%20%22x%22%205%25"
    assert headers["ce-source"] == "/a?b=c&d:e/f"


def test_kafka_headers_are_plain_utf8() -> None:
    """Kafka headers carry the ce_ prefix and UTF-8 without percent-encoding; the key is the partition key."""
    headers, value, key = make_event(subject="Hämö 5%", partitionkey="k1", data={"a": 1}).to_kafka()
    assert ("ce_subject", "Hämö 5%".encode()) in headers
    assert ("content-type", b"application/json") in headers
    assert (value, key) == (b'{"a":1}', b"k1")


def test_key_of_a_record_stands_in_for_a_missing_partition_key() -> None:
    """A producer that sets only the record's key has set the partition key."""
    headers, value, _ = make_event().to_kafka()
    assert CloudEvent.from_kafka(headers, value, b"abc").partitionkey == "abc"


def test_header_names_come_in_any_case() -> None:
    """HTTP header names are case-insensitive."""
    event = CloudEvent.from_http({name.upper(): value for name, value in BINARY.items()}, b"{}")
    assert event == make_event(data={})


def test_integers_and_booleans_become_their_canonical_strings() -> None:
    """Attributes in JSON may be integers and booleans; null means absent."""
    event = CloudEvent.from_json(
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "number": 7, "flag": True, "subject": None}
    )
    assert event.extensions == {"number": "7", "flag": "true"}


def test_data_base64_holds_json_too() -> None:
    """JSON data may come in base64."""
    document = make_event().to_json() | {"data_base64": base64.b64encode(b'{"a":1}').decode()}
    assert CloudEvent.from_json(document).data == {"a": 1}


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"ce-specversion": None}, b"{}", "specversion"),
        ({"ce-specversion": "0.3"}, b"{}", "specversion"),
        ({"ce-id": None}, b"{}", "id"),
        ({"ce-id": ""}, b"{}", "id"),
        ({"ce-source": None, "ce-type": None}, b"{}", "source, type"),
        ({"ce-my_name": "x"}, b"{}", "my_name"),
        ({"ce-x": "y" * 5000}, b"{}", "longer than"),
        ({"ce-x": "ö" * 2500}, b"{}", "not percent-encoded"),
        ({"ce-x": "%C3%B6" * 2500}, b"{}", "longer than"),
        ({"ce-x": "a%0Ab"}, b"{}", "control"),
        ({"ce-x": "%ff"}, b"{}", "UTF-8"),
        ({"ce-time": "yesterday"}, b"{}", "RFC 3339"),
        ({f"ce-x{n}": "y" for n in range(70)}, b"{}", "at most 64"),
        ({"content-type": "text/xml"}, b"<a/>", "only JSON"),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", "not supported"),
        ({"content-type": "application/cloudevents+json"}, b"[1]", "object"),
        ({"content-type": "application/cloudevents+json"}, b"null", "object"),
        ({}, b"[1]", "object"),
        ({}, b"{", "not JSON"),
        ({}, b"\xff\xfe", "not JSON"),
        ({}, b'{"a": NaN}', "NaN"),
        ({}, b'{"a": 1e999}', "out of range"),
        ({}, b'{"a": "\\u0000"}', "NUL"),
        ({}, b'{"a": "\\ud800"}', "surrogate"),
        ({}, b'{"a":' * 100 + b"1" + b"}" * 100, "deeper"),
        ({}, b"[" * 100_000, "not JSON"),
        ({}, b'{"a": "' + b"x" * MAX_EVENT_BYTES + b'"}', "at most"),
    ],
)
def test_malformed_http_requests_are_refused(headers: dict[str, str | None], body: bytes, said: str) -> None:
    """What breaks a rule of CloudEvents or of storage is refused with a message that names it."""
    given_headers = {name: value for name, value in (BINARY | headers).items() if value is not None}
    with pytest.raises(MalformedEvent, match=said):
        CloudEvent.from_http(given_headers, body)


def test_an_escaped_backslash_is_no_nul() -> None:
    r"""The six characters \u0000, written out in a text on JSON, are harmless."""
    event = make_event(data={"text": "\\u0000"})
    assert CloudEvent.from_http(*event.to_binary()) == event


@pytest.mark.parametrize(
    "document",
    [
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "bad": {"a": 1}},
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "bad": 2**40},
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "Bad": "x"},
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": "text"},
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {}, "data_base64": "e30="},
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data_base64": "%%%"},
        {"specversion": 1.0, "id": "1", "source": "/s", "type": "t"},
    ],
)
def test_malformed_documents_are_refused(document: dict[str, Any]) -> None:
    """The JSON format has its own ways to be wrong."""
    with pytest.raises(MalformedEvent):
        CloudEvent.from_json(document)


def test_kafka_headers_that_are_no_utf8_are_refused() -> None:
    """A Kafka header is UTF-8 or the record is malformed."""
    with pytest.raises(MalformedEvent, match="UTF-8"):
        CloudEvent.from_kafka([("ce_specversion", b"1.0"), ("ce_id", b"\xff")], b"")
    with pytest.raises(MalformedEvent, match="specversion"):
        CloudEvent.from_kafka([], b"just text", b"key")


@pytest.mark.parametrize("broken", ["x", "00-0af7", TRACE.upper(), "ff" + TRACE[2:], "00-" + "0" * 32 + TRACE[35:]])
def test_a_broken_trace_context_is_dropped(broken: str) -> None:
    """A traceparent that is none is left out, as Trace Context asks; the event is taken all the same."""
    assert CloudEvent.from_http(BINARY | {"ce-traceparent": broken}, b"{}").traceparent is None
    assert CloudEvent.from_http(BINARY | {"ce-traceparent": TRACE}, b"{}").traceparent == TRACE


@pytest.mark.parametrize("body", [b'{"a": "\xed\xa0\x80"}', '{"a": "\\u0000"}'.encode("utf-16")])
def test_data_is_utf_8(body: bytes) -> None:
    """A surrogate in raw bytes and another encoding are refused: the database would refuse them later."""
    with pytest.raises(MalformedEvent):
        CloudEvent.from_http(BINARY, body)


@pytest.mark.parametrize("name", ["id", "source", "partitionkey"])
def test_what_is_indexed_is_short(name: str) -> None:
    """An id, source or key longer than an index entry may be is refused."""
    assert CloudEvent.from_http(BINARY | {f"ce-{name}": "x" * 1024}, b"").to_json()[name] == "x" * 1024
    with pytest.raises(MalformedEvent, match="longer than 1024 bytes"):
        CloudEvent.from_http(BINARY | {f"ce-{name}": "x" * 1025}, b"")
