"""What the health function gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["ok", "degraded", "down"]


class Dependency(BaseModel):
    """One part that this server needs."""

    status: State
    latency_ms: float | None = Field(description="Of the check; null where there was no answer.")
    detail: str = ""


class ServedModel(BaseModel):
    """A model at Triton."""

    status: State
    model_name: str | None = None
    precision: str | None = None
    method: str | None = Field(default=None, description="Of the reranker: cross-encoder or late-interaction.")
    detail: str = ""


class Triton(Dependency):
    """The model server."""

    server: str | None = Field(default=None, description="triton, or the name of the stand-in.")
    standin: bool | None = Field(default=None, description="Whether a stand-in serves where Triton cannot run.")
    models: dict[str, ServedModel] = {}


class Events(Dependency):
    """Ingestion's events. Functions have no Kafka client: a backlog tells that the bridge or Kafka is away."""

    waiting: int | None = Field(default=None, description="Events that are not on Kafka yet.")
    oldest_s: float | None = Field(default=None, description="Age of the oldest of them.")
    dead_letters: int | None = Field(default=None, description="Undeliverable events that nobody has replayed.")


class Dependencies(BaseModel):
    """Each part, checked just now."""

    postgres: Dependency
    triton: Triton
    object_store: Dependency
    events: Events


class Health(BaseModel):
    """Whether the server can serve: ok; degraded (searches are answered, something is away); down."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "version": "0.1.0",
                    "dependencies": {
                        "postgres": {"status": "ok", "latency_ms": 0.6, "detail": ""},
                        "triton": {
                            "status": "ok",
                            "latency_ms": 1.2,
                            "detail": "",
                            "server": "triton",
                            "standin": False,
                            "models": {"embedder": {"status": "ok", "model_name": "all-MiniLM-L6-v2"}},
                        },
                        "object_store": {"status": "ok", "latency_ms": 0.3, "detail": ""},
                        "events": {"status": "ok", "latency_ms": 0.5, "detail": "", "waiting": 0, "dead_letters": 0},
                    },
                }
            ]
        }
    )

    status: State
    version: str
    dependencies: Dependencies
