"""How long to wait before a request is sent again."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Doubles from half a second: a dependency that restarts is back within the first four attempts.
FIRST_PAUSE_S = 0.5
# A longer pause would only hide that the server is back.
LONGEST_PAUSE_S = 30.0


def backoff_s(attempt: int, jitter: float | None = None) -> float:
    """Return the pause in seconds before attempt `attempt` + 1 (from 1), half of it random.

    Exponential with equal jitter, so that many clients refused at once do not come back at once.
    """
    whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** (attempt - 1)))
    share = random.random() if jitter is None else jitter  # noqa: S311 -- spreads load, guards nothing
    return whole / 2 + share * whole / 2


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a Retry-After header, given in seconds or as an HTTP date; None when unusable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
