"""What the endpoints below /models take and give."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

NAME = r"^[^\x00-\x1f]+$"
ModelName = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME)]
EXAMPLE: JsonDict = {
    "name": "bge-small-en-v1.5",
    "dimension": 384,
    "state": "building",
    "active": False,
    "served": True,
    "index": "ready",
    "index_phase": None,
    "vectors": 61_440,
    "missing": 1312,
}


class EmbeddingModel(BaseModel):
    """An embedding model whose vectors lie in the database."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str
    dimension: int
    state: Literal["active", "ready", "building", "idle", "removing"] = Field(
        description="active: its vectors answer searches; ready: it could take over, nothing is missing; building: "
        "vectors or the index are missing or were not counted, new passages get vectors; "
        "idle: new passages get none of it; removing: its vectors are "
        "being deleted."
    )
    active: bool
    served: bool = Field(description="Whether the settings of this function name a model server for it.")
    index: Literal["ready", "building", "missing"] = Field(description="Its vector index; searches are slow without.")
    index_phase: str | None = Field(description="What the making of the index is at, as Postgres names it.")
    vectors: int | None = Field(description="Null: not counted, since a change was asked for or there are too many.")
    missing: int | None = Field(description="Passages that have no vector of it; null as `vectors`.")


class EmbeddingModelList(BaseModel):
    """A page of models, oldest first."""

    items: list[EmbeddingModel]
    next_cursor: str | None = None


class ChosenModel(BaseModel):
    """A model by its name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"model": "bge-small-en-v1.5"}]})

    model: str = Field(min_length=1, max_length=200, pattern=NAME)


class Activation(ChosenModel):
    """The model whose vectors are to answer searches."""

    force: bool = Field(
        default=False, description="Even though vectors are missing, or no model server for it is known or answers."
    )
