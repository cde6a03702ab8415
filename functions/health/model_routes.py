"""The endpoints below /models: the embedding model is changed while searches are answered."""

from typing import Annotated, Any

from fastapi import FastAPI
from starlette.convertors import Convertor, register_url_convertor

from functions.health.embedding_models import Activation, ChosenModel, EmbeddingModel, EmbeddingModelList, ModelName
from shared.access import Caller, require
from shared.administrators import check_unlimited
from shared.cursor import Cursor, Limit
from shared.openapi import problem_response
from shared.resources import Resources

Reader = Annotated[Caller, require("read")]
Administrator = Annotated[Caller, require("admin")]
NOT_SERVED: dict[int | str, dict[str, Any]] = {
    409: problem_response("No model server is known for it, or it is being removed.")
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: problem_response("No such model.")}
NOT_READY: dict[int | str, dict[str, Any]] = {
    **UNKNOWN,
    409: problem_response("Vectors are missing, or no model server is known for it; `force` does it all the same."),
}
IN_USE: dict[int | str, dict[str, Any]] = {**UNKNOWN, 409: problem_response("It answers searches, or did just now.")}


class ModelNameConvertor(Convertor[str]):
    """A model's name in a path, which may have a slash in it; what is done with models is no name of one."""

    regex = "(?!(?:embed|activate)$).+"

    def convert(self, value: str) -> str:
        """Return the name."""
        return value

    def to_string(self, value: str) -> str:
        """Return the name."""
        return value


register_url_convertor("model", ModelNameConvertor())


def add_model_routes(app: FastAPI, held: Resources) -> None:
    """Add the endpoints."""

    @app.get("/models", tags=["models"])
    async def get_models(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> EmbeddingModelList:
        """List the embedding models whose vectors lie in the database, with what each lacks."""
        from functions.health.model_change import list_models

        return await list_models(held, limit, cursor)

    @app.post("/models/embed", status_code=202, responses=NOT_SERVED, tags=["models"])
    async def post_embed(caller: Administrator, asked: ChosenModel) -> EmbeddingModel:
        """Embed the library with the model of a second model server, beside the one that answers searches.

        From now on new passages get vectors of both; those stored already get theirs through events. Again, it asks
        for what is missing.
        """
        from functions.health.model_change import start_embedding

        check_unlimited(caller, "Models")
        return await start_embedding(held, asked.model)

    @app.post("/models/activate", responses=NOT_READY, tags=["models"])
    async def post_activate(caller: Administrator, asked: Activation) -> EmbeddingModel:
        """Let a model's vectors answer searches from the next search on; to go back, activate the one before."""
        from functions.health.model_change import activate_model

        check_unlimited(caller, "Models")
        return await activate_model(held, asked.model, force=asked.force)

    @app.delete("/models/{name:model}", status_code=202, responses=IN_USE, tags=["models"])
    async def delete_model(caller: Administrator, name: ModelName) -> EmbeddingModel:
        """Delete the vectors and the index of a model that answers no searches, in batches, through events."""
        from functions.health.model_change import remove_model

        check_unlimited(caller, "Models")
        return await remove_model(held, name)
