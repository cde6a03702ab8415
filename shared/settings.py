"""Settings that every function reads; a function with more of its own extends this class.

Each field is an environment variable of the same name in capitals (docs/configuration.md lists them all),
or a file that the variable with _FILE behind its name names.
"""

from pathlib import Path

from pydantic import Field

from shared.file_settings import FileSettings, SettingsConfigDict
from shared.token_settings import TokenSettings


class UnusableSetting(ValueError):
    """Well-formed settings with which a function cannot work here; the message says why and what to do."""


class TelemetrySettings(FileSettings):
    """Where spans and errors go; read by every function and by the bridge."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    # OTLP over HTTP: spans go to /v1/traces below it. Empty: tracing is off.
    otel_exporter_otlp_endpoint: str = ""
    # name=value,name=value with percent-encoded values; credentials of a hosted collector.
    otel_exporter_otlp_headers: str = Field(default="", repr=False)
    # Each function's service is named by this, a hyphen and its own name.
    otel_service_name: str = "research-kb"
    # The share of new traces that are recorded: all, since a search's spans cost less than a hundredth of the search.
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)
    # Empty: errors are only logged.
    sentry_dsn: str = Field(default="", repr=False)
    sentry_environment: str = "production"


class Settings(TelemetrySettings, TokenSettings):
    """Addresses of the stateful parts, the limits of talking to them, and whose tokens are accepted."""

    research_kb_home: Path = Path(".local")
    database_url: str = Field(repr=False)
    triton_url: str = "http://127.0.0.1:8001"
    object_store_url: str = ""  # empty: a folder below research_kb_home
    embedder_model: str = "all-MiniLM-L6-v2"
    # A second model server during a change of the model; empty: there is none.
    next_triton_url: str = ""
    next_embedder_model: str = ""
    log_level: str = "info"

    # Eight connections keep two cores busy; more only queue inside Postgres instead of here.
    database_pool_size: int = Field(default=8, ge=1, le=100)
    # Longer than a busy pool's wait, shorter than a caller's patience.
    database_acquire_timeout_s: float = Field(default=5.0, gt=0)
    # A statement that takes longer is a fault, not work: rewrites and deletes go in batches.
    database_command_timeout_s: float = Field(default=60.0, gt=0)
    # Embedding 32 full passages takes about 1 s on one busy core.
    triton_timeout_s: float = Field(default=30.0, gt=0)

    # Where events go that this process commits, each until its 2xx; all empty: the bridge relays them.
    event_sinks: dict[str, str] = Field(default={})  # URL by topic
    k_sink: str = ""  # as a SinkBinding injects it
    k_sink_topic: str = ""  # the one topic that k_sink takes; empty: every topic that event_sinks does not name
    # A KafkaSink answers when the brokers have the event; their failover takes longer, and the event is sent again.
    event_sink_timeout_s: float = Field(default=10.0, gt=0)

    @property
    def publishes(self) -> bool:
        """Whether this process publishes its events itself."""
        return bool(self.k_sink or self.event_sinks)

    def object_store(self) -> str:
        """Return the URL of the object store: the configured one, or the folder `objects` below the home."""
        return self.object_store_url or (self.research_kb_home.resolve() / "objects").as_uri()
