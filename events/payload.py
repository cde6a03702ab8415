"""The JSON inside an event: parsed strictly, so that whatever passes here can be stored and sent again."""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from events.topics import MAX_EVENT_BYTES

MAX_DEPTH = 64
"""Of nested objects and arrays; validators and databases give up somewhere above a hundred."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedEvent(ValueError):
    """This is no CloudEvent as this system takes them; the message says what is wrong."""


def load(body: bytes) -> Any:
    """Parse JSON that a database can store again. Raises MalformedEvent."""
    if len(body) > MAX_EVENT_BYTES:
        raise MalformedEvent(f"{len(body)} bytes; an event has at most {MAX_EVENT_BYTES}: refer to the text by uri")
    try:
        # As text: of bytes, json would also take UTF-16 and lone surrogates.
        value = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        raise MalformedEvent(f"not JSON: {exc}") from exc
    if b"\\u" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_storable(value)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:40]} is out of range")
    return number


def _check_storable(value: Any) -> None:
    """Refuse what JSON can write and Postgres' jsonb cannot hold: NUL, lone surrogates, endless nesting."""
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            if "\x00" in item or (not item.isascii() and _SURROGATE.search(item)):
                raise MalformedEvent("a text holds NUL or a lone surrogate")
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise MalformedEvent(f"nested deeper than {MAX_DEPTH} levels")
            children = [*item, *item.values()] if isinstance(item, dict) else item
            pending.extend((child, depth + 1) for child in children)


def dump(data: Mapping[str, Any]) -> bytes:
    """Return compact JSON in UTF-8; a number that is not finite raises ValueError."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
