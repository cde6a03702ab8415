"""When a delivery is tried again, and after how long."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

RETRIED_STATUSES = frozenset({404, 408, 409, 429})
"""Besides every 5xx: what Knative's KafkaSource retries."""
MAX_RETRY_AFTER_S = 300.0
"""A receiver that asks for more is asked again all the same: the event's other attempts must not take days."""


class Verdict(Enum):
    """What an answer means for the event."""

    DONE = "done"
    RETRY = "retry"
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a delivery. `status` is None when nothing did; `unreached` when nobody was listening."""

    status: int | None
    reason: str = ""
    retry_after_s: float = 0.0
    unreached: bool = False


def judge(answer: Answer) -> Verdict:
    """Return what to do, by KafkaSource's rules."""
    status = answer.status
    if status is None or status >= 500 or status in RETRIED_STATUSES:
        return Verdict.RETRY
    return Verdict.DONE if 200 <= status < 300 else Verdict.POISON


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter (Brooker 2015, "Exponential Backoff and Jitter")."""

    first_s: float
    cap_s: float

    def delay_s(self, attempt: int, retry_after_s: float = 0.0) -> float:
        """Return the pause after failed attempt `attempt`, from 1: at least what the receiver asked for."""
        ceiling = min(self.cap_s, self.first_s * 2 ** min(attempt - 1, 30))
        return max(random.uniform(0, ceiling), retry_after_s)  # noqa: S311 -- spreads load, guards nothing


def parse_retry_after(value: str | None, now: datetime | None = None) -> float:
    """Return the seconds that a Retry-After header asks for, 0 to MAX_RETRY_AFTER_S; 0 when absent or unreadable."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
