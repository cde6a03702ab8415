"""Settings of the refresh function: how long rows are kept that only bookkeeping needs."""

from pydantic import Field

from shared.settings import Settings


class RefreshSettings(Settings):
    """Retention in hours; nothing grows without bound."""

    # Kafka redelivers within minutes and keeps records for seven days: a replay of a whole topic is still recognised.
    processed_events_hours: float = Field(default=8 * 24, gt=0)
    # Published rows serve only to see what happened lately.
    outbox_hours: float = Field(default=1, gt=0)
    # A year and a month, so that a year's usage can be compared with the year before.
    usage_windows_hours: float = Field(default=396 * 24, gt=0)
    # Replayed dead letters; those not replayed are kept until somebody decides.
    dead_letters_hours: float = Field(default=30 * 24, gt=0)
    # A year and a month, so that a change of models or weights can be judged against the year before.
    feedback_hours: float = Field(default=396 * 24, gt=0)
    # Versions replaced by newer ones: long enough for a submitter to see what became of them.
    superseded_hours: float = Field(default=7 * 24, gt=0)
    # Rows a statement: locks are held for milliseconds.
    sweep_batch: int = Field(default=5000, gt=0)
