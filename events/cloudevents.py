"""CloudEvents 1.0 in the three forms they travel in: JSON, HTTP (binary and structured), Kafka records.

Strict where a lenient reading would pass a wrong event on: versions, required attributes, names, sizes.
Data is JSON, an object or absent; no other content is part of this system's contract.
"""

import re
import uuid
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from events.payload import MalformedEvent, dump, load

__all__ = ["CloudEvent", "MalformedEvent", "encode_header"]

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
MAX_ATTRIBUTE_BYTES = 4096
"""Of one attribute's value: twice the longest URL in common use."""
MAX_KEY_BYTES = 1024
"""Of what identifies an event and its order: an index entry of Postgres has at most 2704 bytes."""
MAX_ATTRIBUTES = 64
"""Of one event: ours have nine, brokers and tracers add a handful."""

_NAME = re.compile(r"[a-z0-9]{1,64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_JSON_TYPE = re.compile(r"(application/json|text/json|application/[\w.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
# CloudEvents' String type: no C0 or C1 controls, no surrogates, no noncharacters.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Printable ASCII except space, quote and percent stays as it is in an HTTP header (HTTP binding, 3.1.3.2).
_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_CORE = ("id", "source", "type", "subject", "time", "partitionkey", "traceparent")
_KEYS = frozenset({"id", "source", "partitionkey"})
_HANDLED = frozenset({*_CORE, "specversion", "datacontenttype", "data", "data_base64"})


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event. `partitionkey` is its Kafka key; `extensions` holds every further attribute by its bare name."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    data: dict[str, Any] | None = None
    partitionkey: str | None = None
    traceparent: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def new(
        cls,
        *,
        source: str,
        type: str,  # noqa: A002 -- the attribute's own name
        data: dict[str, Any],
        partitionkey: str,
        subject: str | None = None,
        traceparent: str | None = None,
    ) -> "CloudEvent":
        """Return a new event with a random id and the current time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(str(uuid.uuid4()), source, type, subject, now, data, partitionkey, traceparent)

    def without(self, *names: str) -> "CloudEvent":
        """Return the event without the extensions named."""
        return replace(self, extensions={name: value for name, value in self.extensions.items() if name not in names})

    def attributes(self) -> dict[str, str]:
        """Return the context attributes that are set, by bare name, specversion included."""
        pairs = ((name, getattr(self, name)) for name in _CORE)
        present = {name: value for name, value in pairs if value is not None}
        return {"specversion": "1.0", **present, **self.extensions}

    def to_json(self) -> dict[str, Any]:
        """Return the event in the CloudEvents JSON format."""
        document: dict[str, Any] = dict(self.attributes())
        if self.data is not None:
            document |= {"datacontenttype": JSON, "data": self.data}
        return document

    def to_binary(self) -> tuple[dict[str, str], bytes]:
        """Return HTTP headers (`ce-` prefix, values percent-encoded) and body in binary content mode."""
        headers = {f"ce-{name}": encode_header(value) for name, value in self.attributes().items()}
        if self.data is None:
            return headers, b""
        headers["content-type"] = JSON
        return headers, dump(self.data)

    def to_kafka(self) -> tuple[list[tuple[str, bytes]], bytes, bytes | None]:
        """Return record headers (`ce_` prefix, UTF-8), value and key in binary content mode."""
        headers = [(f"ce_{name}", value.encode()) for name, value in self.attributes().items()]
        key = self.partitionkey.encode() if self.partitionkey is not None else None
        if self.data is None:
            return headers, b"", key
        return [*headers, ("content-type", JSON.encode())], dump(self.data), key

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "CloudEvent":
        """Read the CloudEvents JSON format. Raises MalformedEvent."""
        if not isinstance(document, Mapping):
            raise MalformedEvent("a CloudEvent in JSON is an object")
        attributes = {
            name: _canonical(name, value)
            for name, value in document.items()
            if name not in ("data", "data_base64") and value is not None
        }
        _check_attributes(attributes)
        return _build(attributes, _json_data(document, attributes.get("datacontenttype")))

    @classmethod
    def from_http(cls, headers: Mapping[str, str], body: bytes) -> "CloudEvent":
        """Read an HTTP request in binary or structured content mode; names in any case. Raises MalformedEvent."""
        lowered = {name.lower(): value for name, value in headers.items()}
        content_type = lowered.get("content-type", "")
        if _is_structured(content_type):
            return cls.from_json(_load_object(body))
        attributes = {
            name[3:]: _decode_header(name, value) for name, value in lowered.items() if name.startswith("ce-")
        }
        _check_attributes(attributes)
        return _build(attributes, _body_data(body, content_type))

    @classmethod
    def from_kafka(
        cls, headers: Iterable[tuple[str, bytes]], value: bytes | None, key: bytes | None = None
    ) -> "CloudEvent":
        """Read a Kafka record in binary or structured content mode; its key stands in for a missing partitionkey."""
        named = {name: _utf8(name, text) for name, text in headers if name == "content-type" or name.startswith("ce_")}
        content_type = named.pop("content-type", "")
        if _is_structured(content_type):
            event = cls.from_json(_load_object(value or b""))
        else:
            attributes = {name[3:]: text for name, text in named.items()}
            _check_attributes(attributes)
            event = _build(attributes, _body_data(value or b"", content_type))
        if event.partitionkey is None and key:
            return replace(event, partitionkey=_checked("partitionkey", _utf8("the record's key", key)))
        return event


def encode_header(value: str) -> str:
    """Percent-encode an attribute's value for an HTTP header."""
    return quote(value, safe=_HEADER_SAFE)


def _decode_header(name: str, value: str) -> str:
    unquoted = value
    if len(value) >= 2 and value[0] == value[-1] == '"':
        unquoted = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(unquoted.encode("latin-1")).decode()
    except UnicodeError as exc:
        raise MalformedEvent(f"header {name} is not percent-encoded UTF-8") from exc


def _utf8(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise MalformedEvent(f"{name} is not UTF-8") from exc


def _is_structured(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents") and media_type != STRUCTURED:
        raise MalformedEvent(f"content type {media_type} is not supported; send {STRUCTURED} or binary mode")
    return media_type == STRUCTURED


def _check_attributes(attributes: dict[str, str]) -> None:
    if "specversion" not in attributes:
        raise MalformedEvent("no CloudEvent: specversion is missing")
    if attributes["specversion"] != "1.0":
        raise MalformedEvent(f"specversion {attributes['specversion'][:20]!r} is not supported; it must be 1.0")
    missing = [name for name in ("id", "source", "type") if not attributes.get(name)]
    if missing:
        raise MalformedEvent(f"missing or empty: {', '.join(missing)}")
    if len(attributes) > MAX_ATTRIBUTES:
        raise MalformedEvent(f"{len(attributes)} attributes; at most {MAX_ATTRIBUTES} are taken")
    for name, value in attributes.items():
        _checked(name, value)
    if not _TIME.fullmatch(attributes.get("time", "1970-01-01T00:00:00Z")):
        raise MalformedEvent("time is not an RFC 3339 timestamp")


def _build(attributes: dict[str, str], data: dict[str, Any] | None) -> CloudEvent:
    core = {name: attributes.get(name) for name in ("subject", "time", "partitionkey", "traceparent")}
    if core["traceparent"] is not None and not _TRACEPARENT.fullmatch(core["traceparent"]):
        core["traceparent"] = None  # Trace Context, 3.2.2: a broken one starts a new trace, it breaks nothing else
    extensions = {name: value for name, value in attributes.items() if name not in _HANDLED}
    return CloudEvent(
        attributes["id"], attributes["source"], attributes["type"], data=data, extensions=extensions, **core
    )


def _checked(name: str, value: str) -> str:
    """Return `value` when name and value obey CloudEvents' rules."""
    if not _NAME.fullmatch(name):
        raise MalformedEvent(f"attribute name {name[:64]!r} is not lower-case letters and digits")
    most = MAX_KEY_BYTES if name in _KEYS else MAX_ATTRIBUTE_BYTES
    if len(value) > most or (not value.isascii() and len(value.encode("utf-8", "surrogatepass")) > most):
        raise MalformedEvent(f"{name} is longer than {most} bytes")
    if _FORBIDDEN.search(value):
        raise MalformedEvent(f"{name} holds control or unassigned characters")
    return value


def _canonical(name: str, value: Any) -> str:
    """Return the canonical string of a JSON attribute: CloudEvents allows strings, booleans and 32-bit integers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return str(value)
    raise MalformedEvent(f"{name[:64]} is neither a string nor a boolean nor a 32-bit integer")


def _json_data(document: Mapping[str, Any], content_type: str | None) -> dict[str, Any] | None:
    _require_json(content_type or JSON)
    if document.get("data_base64") is not None:
        if document.get("data") is not None:
            raise MalformedEvent("data and data_base64 exclude each other")
        try:
            return _body_data(b64decode(document["data_base64"], validate=True), content_type or JSON)
        except (Base64Error, TypeError, ValueError) as exc:
            raise MalformedEvent("data_base64 is not JSON in base64") from exc
    return _object(document.get("data"))


def _body_data(body: bytes, content_type: str) -> dict[str, Any] | None:
    if not body:
        return None
    _require_json(content_type or JSON)
    return _object(load(body))


def _require_json(content_type: str) -> None:
    if not _JSON_TYPE.fullmatch(content_type.strip()):
        raise MalformedEvent(f"data of type {content_type[:80]!r}: only JSON is taken")


def _object(data: Any) -> dict[str, Any] | None:
    if data is None or isinstance(data, dict):
        return data
    raise MalformedEvent("data is not a JSON object")


def _load_object(body: bytes) -> dict[str, Any]:
    document = _object(load(body))
    if document is None:
        raise MalformedEvent("a CloudEvent in JSON is an object")
    return document
