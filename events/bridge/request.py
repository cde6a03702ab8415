"""From a Kafka record to the HTTP request that KafkaSource would make of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.cloudevents import CloudEvent, MalformedEvent, encode_header
from shared.trace_context import parse_traceparent

MAX_HEADER_BYTES = 4096
"""Of one attribute: servers refuse longer header lines."""
MAX_HEADERS = 64
MAX_TRACEPARENT_BYTES = 128
"""Of a record's own traceparent: version 00 has 55."""

_NAME = re.compile(r"ce_[a-z0-9]{1,64}")
_CONTENT_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """Headers and body of one POST; the same object serves every attempt."""

    headers: dict[str, str]
    body: bytes
    incoming_traceparent: str | None = None


def make_request(headers: Iterable[tuple[str, bytes]], value: bytes, partition: int, offset: int) -> DeliveryRequest:
    """Return the request for a record: binary mode, attributes unchanged, the value not even parsed.

    A structured record is turned into binary mode. Raises MalformedEvent for what is no CloudEvent.
    """
    named = dict(headers)
    if "ce_specversion" in named:
        sent, body = _binary_headers(named), value
    else:
        sent, body = CloudEvent.from_kafka(named.items(), value).to_binary()
    sent["ce-knativekafkapartition"] = str(partition)
    sent["ce-knativekafkaoffset"] = str(offset)
    traceparent = _hop_of(named) or sent.get("ce-traceparent")
    if traceparent is not None:
        sent["traceparent"] = traceparent
    return DeliveryRequest(sent, body, traceparent)


def _hop_of(named: Mapping[str, bytes]) -> str | None:
    """Return the record's own traceparent, the relay's span: `ce_traceparent` names where the event began."""
    value = named.get("traceparent", b"")[:MAX_TRACEPARENT_BYTES].decode("latin-1")
    return value if parse_traceparent(value) is not None else None


def _binary_headers(named: dict[str, bytes]) -> dict[str, str]:
    if len(named) > MAX_HEADERS:
        raise MalformedEvent(f"{len(named)} headers; at most {MAX_HEADERS} are taken")
    headers = {}
    for name, value in named.items():
        if name.startswith("ce_"):
            headers["ce-" + name[3:]] = _attribute(name, value)
    content_type = named.get("content-type", b"application/json").decode("latin-1")
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise MalformedEvent("content-type is not printable ASCII")
    headers["content-type"] = content_type
    return headers


def _attribute(name: str, value: bytes) -> str:
    if not _NAME.fullmatch(name):
        raise MalformedEvent(f"header {name[:64]!r} is not ce_ with lower-case letters and digits")
    if len(value) > MAX_HEADER_BYTES:
        raise MalformedEvent(f"{name} is longer than {MAX_HEADER_BYTES} bytes")
    try:
        return encode_header(value.decode())
    except UnicodeDecodeError as exc:
        raise MalformedEvent(f"{name} is not UTF-8") from exc
