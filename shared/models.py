"""Embedding models: every vector knows its model, and one model at a time answers searches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.database import load_sql
from shared.problems import Problem

if TYPE_CHECKING:
    import asyncpg

    from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the table models; `dimension` is the length of its vectors."""

    id: int
    name: str
    dimension: int
    active: bool


class ModelMismatch(Problem):
    """The model server and the stored vectors do not belong together; 503 where it meets a request."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            503,
            "model-mismatch",
            "The embedder is not the one that made the vectors",
            detail,
            "Set EMBEDDER_MODEL and the model server to the same model, or register the new one under its own name.",
        )


def sql_for(template: str, model: Model) -> str:
    """Fill a template's {model} and {dimension}: integers only, since an index expression takes no parameters."""
    return template.replace("{model}", str(int(model.id))).replace("{dimension}", str(int(model.dimension)))


async def find_model(connection: "Connection | asyncpg.Pool[Any]", name: str) -> Model | None:
    """Return the model of that name, or None."""
    row = await connection.fetchrow(load_sql(__file__, "model_named"), name)
    return Model(**row) if row else None


async def active_model(connection: "Connection | asyncpg.Pool[Any]") -> Model | None:
    """Return the model whose vectors answer searches, or None before the first."""
    row = await connection.fetchrow(load_sql(__file__, "model_active"))
    return Model(**row) if row else None


async def models_in_use(connection: "Connection | asyncpg.Pool[Any]") -> list[Model]:
    """Return the models whose vectors new passages get: the active one first, then those kept current beside it."""
    return [Model(**row) for row in await connection.fetch(load_sql(__file__, "models_in_use"))]


async def hold_models_in_use(connection: "Connection") -> list[Model]:
    """Return them as they stay until the caller's transaction ends: none is removed before its vectors are committed.

    Locks are taken in one order everywhere: sources and documents, models, a collection.
    """
    await connection.execute(load_sql(__file__, "hold_models"))
    # A statement of its own: what a lock had to wait for would be told as it was before.
    return await models_in_use(connection)


def check_model(model: Model, name: str, dimension: int) -> None:
    """Raise ModelMismatch unless `model` is the one that the model server serves."""
    if model.name != name:
        raise ModelMismatch(f"The database expects {model.name}, the model server serves {name}.")
    if model.dimension != dimension:
        raise ModelMismatch(
            f"{name} gives vectors of dimension {dimension}; those in the database have {model.dimension}."
        )


async def register_model(connection: "Connection", name: str, dimension: int) -> int:
    """Make the model and its vector index known and return its id; again, it changes nothing.

    While the index is made nobody writes vectors: for a full library there is add_model.

    Raises
    ------
    ModelMismatch
        When a model of that name with another dimension is there already.
    """
    model = await add_model(connection, name, dimension)
    await connection.execute(sql_for(load_sql(__file__, "model_index"), model))
    return model.id


async def add_model(connection: "Connection", name: str, dimension: int) -> Model:
    """Make the model alone known; the events that embed the library make its index (functions/embed/model_index.py).

    Raises
    ------
    ModelMismatch
        When a model of that name with another dimension is there already.
    """
    await connection.execute(load_sql(__file__, "model_add"), name, dimension)
    model = await find_model(connection, name)
    assert model is not None  # noqa: S101 -- inserted or found just now, and rows of models are never deleted
    check_model(model, name, dimension)
    return model


async def activate(connection: "Connection", model_id: int) -> None:
    """Let the vectors of a model answer searches from the next search on."""
    async with connection.transaction():
        await connection.execute(load_sql(__file__, "model_deactivate"), model_id)
        await connection.execute(load_sql(__file__, "model_activate"), model_id)
