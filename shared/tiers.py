"""What a tier allows: requests an hour, and requests at the same time."""

from typing import Literal, NamedTuple

Tier = Literal["free", "standard", "premium"]
SCOPES = ("search", "read", "ingest", "admin")
"""What a caller may hold; none implies another."""


class TierLimits(NamedTuple):
    """Requests an hour and at once."""

    per_hour: int
    concurrent: int


TIERS: dict[Tier, TierLimits] = {
    "free": TierLimits(100, 5),
    "standard": TierLimits(1000, 20),
    "premium": TierLimits(10_000, 100),
}
