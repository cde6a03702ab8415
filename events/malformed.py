"""Records that are no CloudEvents, wrapped into one so that they can be stored and looked at, never replayed."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable

from events.cloudevents import CloudEvent
from events.topics import RECORD_MALFORMED

MAX_VALUE_BYTES = 256 * 1024
"""Of the value that is kept: enough to recognise it; in base64 it still fits a record together with the headers."""
_MAX_HEADER_BYTES = 1024
_MAX_HEADERS = 64


def wrap_malformed(
    headers: Iterable[tuple[str, bytes]], value: bytes, error: str, key: str | None = None
) -> CloudEvent:
    """Return an event of type record.malformed that holds the record; the same record gives the same id."""
    kept = [(name[:200], text[:_MAX_HEADER_BYTES]) for name, text in headers][:_MAX_HEADERS]
    digest = hashlib.sha256(repr(kept).encode() + value)
    data = {
        "error": error[:1000],
        "headers": [[_printable(name.encode(errors="replace")), _printable(text)] for name, text in kept],
        "value_base64": b64encode(value[:MAX_VALUE_BYTES]).decode(),
        "value_bytes": len(value),
    }
    identity = digest.hexdigest()
    return CloudEvent(identity, "/research-kb/malformed", RECORD_MALFORMED, data=data, partitionkey=key or identity)


def _printable(text: bytes) -> str:
    return text.decode(errors="replace").replace("\x00", "\ufffd")
