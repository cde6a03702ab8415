"""What arrives at the dead letter endpoint, from the bridge or from Knative."""

import base64

from events.bridge.graveyard import wrap_record
from events.cloudevents import CloudEvent
from events.dead_letters import read_undelivered

EVENT = CloudEvent("1", "/s", "source.deleted", data={"source_id": "x"}, partitionkey="k", extensions={"own": "z"})


def arrive(**extensions: str) -> tuple[dict[str, str], bytes]:
    headers, body = EVENT.to_binary()
    return headers | {f"ce-{name}": value for name, value in extensions.items()}, body


def test_the_event_is_stored_as_it_was() -> None:
    """Reason, topic and attempts are read and taken off again; the event's own extensions stay."""
    given = read_undelivered(
        *arrive(
            deadreason="HTTP%20422:%20b%C3%A4d",
            deadattempts="3",
            deadtopic="research-kb.sources",
            knativekafkaoffset="7",
        )
    )
    assert given.event == EVENT
    assert (given.topic, given.reason, given.attempts) == ("research-kb.sources", "HTTP 422: bäd", 3)


def test_knatives_own_error_extensions_are_understood() -> None:
    """From a dead letter sink of Knative the topic follows from the type, the reason from its extensions."""
    given = read_undelivered(*arrive(knativeerrorcode="422", knativeerrordata="bad", knativeerrordest="http://extract"))
    assert given.event == EVENT
    assert (given.topic, given.reason, given.attempts) == ("research-kb.sources", "422 bad", 0)


def test_what_is_no_event_is_wrapped_not_lost() -> None:
    """A body that cannot be parsed is kept in record.malformed with its reason; the same one gives the same id."""
    headers, _ = arrive(deadreason="HTTP%20400", deadtopic="research-kb.sources", deadattempts="1")
    given = read_undelivered(headers, b'{"a": "\\u0000"')
    assert given.event.type == "record.malformed"
    assert given.event.data is not None
    assert base64.b64decode(given.event.data["value_base64"]) == b'{"a": "\\u0000"'
    assert (given.topic, given.reason, given.attempts) == ("research-kb.sources", "HTTP 400", 1)
    assert read_undelivered(headers, b'{"a": "\\u0000"').event.id == given.event.id


def test_any_record_becomes_an_event() -> None:
    """Whatever bytes a record holds, its wrapping is a CloudEvent that parses, with the key where it is usable."""
    for key, expected in [(b"k1", "k1"), (b"\xff", None), (b"a\x00b", None), (None, None)]:
        headers, value = wrap_record(
            [("x\ufffd", b"\x00\xff"), ("ce_id", b"9" * 9999)], b"\x00\xff" * 500_000, "why", key
        )
        event = CloudEvent.from_kafka(headers, value)
        assert event.data is not None
        assert event.data["value_bytes"] == 1_000_000
        assert event.partitionkey == (expected or event.id)


def test_marks_that_postgres_could_not_store_are_made_storable() -> None:
    """Of what is no event, a reason with NUL and a count beyond an integer hold nothing up."""
    headers, _ = arrive(deadreason="a%00b", deadtopic="research-kb.sources", deadattempts="9" * 30)
    given = read_undelivered(headers, b"{")
    assert (given.reason, given.attempts) == ("a\ufffdb", 2**31 - 1)
