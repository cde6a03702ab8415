"""Settings of the bridge; each field is an environment variable of the same name in capitals."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from shared.settings import TelemetrySettings


class BridgeSettings(TelemetrySettings):
    """Where the bridge takes events from and puts them, and how hard it tries."""

    # What this bridge does: outbox to Kafka, Kafka to HTTP, HTTP (POST /topics/<topic> on BRIDGE_PORT) to Kafka.
    bridge_relay: bool = True
    bridge_delivery: bool = True
    bridge_ingress: bool = False

    kafka_bootstrap: str
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = Field(default="", repr=False)
    # LISTEN and the advisory lock need a session of their own: no transaction pooler here. Only the relay needs it.
    database_url: str = Field(default="", repr=False, validate_default=True)
    # Where /extract, /embed, /refresh and what is below them are; {function} in it: each at an address of its own.
    internal_url: str = Field(default="", validate_default=True)
    # URL by subscription, for those that are elsewhere.
    bridge_sinks: dict[str, str] = Field(default={})
    log_level: str = "info"

    # GET /live and /metrics; 0: none.
    bridge_port: int = Field(default=0, ge=0, le=65535)
    bridge_listen: str = "127.0.0.1"
    # Off where topics are declared elsewhere (Strimzi, a managed Kafka).
    bridge_create_topics: bool = True
    # Two deployments that share a Kafka need two prefixes.
    bridge_group_prefix: str = "research-kb"

    # Requests in flight per subscription: enough to fill Triton's batches, few enough to leave searches room.
    bridge_concurrency: int = Field(default=16, ge=1, le=1000)
    # With the backoff below: about a minute and a half on average before an event is given up.
    bridge_max_attempts: int = Field(default=12, ge=1)
    bridge_backoff_first_s: float = Field(default=0.5, gt=0)
    bridge_backoff_cap_s: float = Field(default=30.0, gt=0)
    # Above a cold start (4 s) and the longest handler (a book's extraction).
    bridge_delivery_timeout_s: float = Field(default=120.0, gt=0)
    # While the receiver as a whole is away, attempts don't count, up to this long per event: longer than a failover.
    bridge_outage_patience_s: float = Field(default=3600.0, ge=0)
    # Uncommitted records per partition: what a stuck key lets pass it, and what a crash delivers again.
    bridge_window_records: int = Field(default=1000, ge=1)
    # Of record values held per subscription.
    bridge_window_bytes: int = Field(default=32 * 2**20, ge=2**20)
    bridge_commit_interval_s: float = Field(default=1.0, gt=0)
    # How long SIGTERM waits for requests in flight; below Kubernetes' 30 s.
    bridge_shutdown_grace_s: float = Field(default=20.0, ge=0)

    # Retention is counted in hours; ten minutes keep a pod that scales to zero asleep most of the time.
    # 0: another clock does it.
    bridge_sweep_interval_s: float = Field(default=600.0, ge=0)

    # One round of the relay: one SELECT, one UPDATE, some milliseconds of Kafka.
    bridge_relay_batch: int = Field(default=500, ge=1, le=10000)
    # NOTIFY wakes the relay; this is for notifications lost with a connection.
    bridge_relay_poll_s: float = Field(default=1.0, gt=0)
    # Gathers the events of concurrent transactions into one round; the latency that a single event pays.
    bridge_relay_linger_s: float = Field(default=0.02, ge=0)
    # What was served in this time is one event; metrics are scraped every 15 s or so.
    bridge_gather_interval_s: float = Field(default=1.0, gt=0)

    @field_validator("database_url")
    @classmethod
    def _needed_by_relay(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("bridge_relay"):
            raise ValueError("required by the relay (BRIDGE_RELAY=false does without)")
        return value

    @field_validator("internal_url")
    @classmethod
    def _needed_by_delivery(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("bridge_delivery"):
            raise ValueError("required by the delivery (BRIDGE_DELIVERY=false does without)")
        return value
