"""Settings of event functions on Lambda; each field is an environment variable of the same name in capitals."""

from pydantic import Field

from shared.file_settings import FileSettings, SettingsConfigDict


class LambdaSettings(FileSettings):
    """How long a record is tried before it becomes a dead letter."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    # Of a handler that fails (a bug, a timeout): as the bridge's BRIDGE_MAX_ATTEMPTS.
    lambda_max_attempts: int = Field(default=12, ge=1)
    # While what the handler depends on is away, attempts don't count, for this long: longer than a failover.
    lambda_outage_patience_s: float = Field(default=3600.0, ge=0)
    # Kept of the invocation's time for reporting: a commit and an answer.
    lambda_reserve_s: float = Field(default=3.0, gt=0)
