"""When a request is sent again."""

from datetime import UTC, datetime

import pytest

from cli.pauses import LONGEST_PAUSE_S, backoff_s, retry_after_s


@pytest.mark.parametrize(("attempt", "shortest", "longest"), [(1, 0.25, 0.5), (2, 0.5, 1), (3, 1, 2), (40, 15, 30)])
def test_pauses_double_up_to_a_bound(attempt: int, shortest: float, longest: float) -> None:
    """Half of a pause is fixed, half random; it never exceeds the longest."""
    assert backoff_s(attempt, jitter=0) == shortest
    assert backoff_s(attempt, jitter=1) == longest <= LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7),
        ("0", 0),
        (None, None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str | None, expected: float | None) -> None:
    """Both forms of RFC 9110 are understood; a date that has passed means now; anything else means nothing."""
    assert retry_after_s(value, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == expected
