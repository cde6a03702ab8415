"""When the bridge tries again and how long it waits."""

from datetime import UTC, datetime

import pytest

from events.bridge.retry import MAX_RETRY_AFTER_S, Answer, Backoff, Verdict, judge, parse_retry_after


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(None, "retry"), (200, "done"), (202, "done"), (204, "done"), (301, "poison"), (304, "poison"), (400, "poison"),
     (401, "poison"), (404, "retry"), (405, "poison"), (408, "retry"), (409, "retry"), (413, "poison"),
     (422, "poison"), (429, "retry"), (500, "retry"), (503, "retry"), (599, "retry")],
)  # fmt: skip
def test_statuses_are_judged_as_by_kafkasource(status: int | None, verdict: str) -> None:
    """Network errors, 5xx, 404, 408, 409 and 429 are retried; every other status from 300 on is poison."""
    assert judge(Answer(status)) is Verdict(verdict)


def test_backoff_grows_to_its_cap_with_full_jitter() -> None:
    """The pause is uniform between 0 and first * 2^(n-1), capped; a receiver's wish is a lower bound."""
    backoff = Backoff(0.5, 30)
    for attempt, ceiling in [(1, 0.5), (2, 1), (5, 8), (7, 30), (1000, 30)]:
        delays = [backoff.delay_s(attempt) for _ in range(300)]
        assert 0 <= min(delays) < 0.2 * ceiling
        assert 0.8 * ceiling < max(delays) <= ceiling
    assert backoff.delay_s(1, retry_after_s=7) == 7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 0), ("", 0), ("5", 5), (" 5 ", 5), ("99999", MAX_RETRY_AFTER_S), ("soon", 0), ("-3", 0), ("²", 0),
     ("Sun, 01 Mar 2026 09:30:20 GMT", 20), ("Sun, 01 Mar 2026 09:29:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float) -> None:
    """Both forms of Retry-After are read, bounded; what cannot be read asks for nothing."""
    assert parse_retry_after(value, datetime(2026, 3, 1, 9, 30, tzinfo=UTC)) == seconds
