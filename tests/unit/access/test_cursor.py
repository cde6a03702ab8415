"""Cursors of lists."""

import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from shared.cursor import decode_cursor, encode_cursor, page
from shared.problems import Problem

NOW = datetime(2024, 5, 1, 12, 30, 0, 123456, UTC)
ID = uuid.UUID("9f3c1c9e-5d7e-4b1f-8f0a-2b7d6c5e4f3a")


def test_a_position_reads_back_exactly() -> None:
    """Microseconds, UUIDs, numbers and texts survive: no item is skipped or repeated."""
    cursor = encode_cursor("sources", NOW, ID, 7, "ü")
    assert decode_cursor("sources", cursor, datetime, uuid.UUID, int, str) == (NOW, ID, 7, "ü")


def test_no_cursor_is_the_beginning() -> None:
    """The first page has a position of Nones, which the queries understand."""
    assert decode_cursor("sources", None, datetime, uuid.UUID) == (None, None)


@pytest.mark.parametrize(
    "cursor",
    [
        "%%%",
        "aGVsbG8",
        encode_cursor("keys", NOW, ID),
        encode_cursor("sources", NOW),
        encode_cursor("sources", "yesterday", ID),
        encode_cursor("sources", NOW, 5),
        encode_cursor("sources", 5, ID),
        encode_cursor("sources", NOW.replace(tzinfo=None), ID),
        "W1td",
    ],
)
def test_a_foreign_cursor_is_a_problem(cursor: str) -> None:
    """A cursor of another list, or a made-up one, is refused with 422 and never reaches a query."""
    with pytest.raises(Problem) as caught:
        decode_cursor("sources", cursor, datetime, uuid.UUID)
    assert (caught.value.status, caught.value.slug) == (422, "invalid-cursor")


def test_numbers_that_postgres_has_not_are_refused() -> None:
    """A number beyond bigint would be an error of the database."""
    with pytest.raises(Problem):
        decode_cursor("passages", encode_cursor("passages", 2**63), int)


def test_a_page_ends_where_the_next_begins() -> None:
    """One row more than asked for tells that there is a next page; the cursor is that of the last row shown."""
    rows: list[dict[str, Any]] = [{"ordinal": number} for number in range(4)]
    kept, cursor = page("passages", rows, 3, "ordinal")
    assert [row["ordinal"] for row in kept] == [0, 1, 2]
    assert decode_cursor("passages", cursor, int) == (2,)
    assert page("passages", rows, 4, "ordinal") == (rows, None)


def test_a_cursor_can_be_put_into_a_url() -> None:
    """It has letters, digits, - and _ alone."""
    cursor = encode_cursor("sources", NOW, "?&=+/ü" + orjson.dumps({}).decode())
    assert cursor.replace("-", "").replace("_", "").isalnum()
