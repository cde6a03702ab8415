"""Cursors of lists: where the next page begins, opaque to the caller."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Query

from shared.problems import Problem

MAX_PAGE = 200
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items a page.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="The next_cursor of the page before; absent: the first page.")
]
_PARSERS: dict[type, Any] = {datetime: datetime.fromisoformat, uuid.UUID: uuid.UUID}


def encode_cursor(listing: str, *position: Any) -> str:
    """Return the cursor after an item of `listing` whose sort key is `position` (str, int, datetime, UUID)."""
    data = orjson.dumps([listing, *position], default=str)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str | None, *types: type) -> tuple[Any, ...]:
    """Return the sort key in `cursor`, one value per type; Nones for no cursor; a Problem 422 for a foreign one."""
    if cursor is None:
        return (None,) * len(types)
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        name, *values = parts
        if name != listing:
            raise ValueError(f"a cursor of {name}")
        return tuple(_read(kind, value) for kind, value in zip(types, values, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as exc:
        raise _foreign_cursor() from exc


def page(listing: str, rows: Sequence[Any], limit: int, *position: str) -> tuple[Sequence[Any], str | None]:
    """Return the page in `rows` (fetched with LIMIT limit + 1) and the cursor after it, of the columns `position`."""
    if len(rows) <= limit:
        return rows, None
    kept = rows[:limit]
    return kept, encode_cursor(listing, *(kept[-1][name] for name in position))


def _read(kind: type, value: Any) -> Any:
    parse = _PARSERS.get(kind)
    read = parse(value) if parse else value
    if type(read) is not kind:
        raise ValueError(f"{type(value).__name__} is no {kind.__name__}")
    if isinstance(read, datetime):
        if read.tzinfo is None:
            raise ValueError("a time without its zone")
        read = read.astimezone(UTC)  # the driver does the same, and overflows near the first and the last year
    if isinstance(read, int) and not -(2**63) <= read < 2**63:
        raise ValueError("no bigint")
    if isinstance(read, str) and "\x00" in read:
        raise ValueError("Postgres has no text with NUL")
    return read


def _foreign_cursor() -> Problem:
    return Problem(
        422,
        "invalid-cursor",
        "The cursor is not valid",
        "It is not one that this list has given out.",
        "Start again without a cursor, and pass next_cursor on unchanged.",
    )
