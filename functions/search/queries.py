"""A query's vector, by the model that is asked for and by no other."""

from typing import TYPE_CHECKING

from shared.models import ModelMismatch
from shared.problems import DependencyUnavailable

if TYPE_CHECKING:
    from shared.inference import QueryVector
    from shared.resources import Resources


class Queries:
    """Embeds queries. `expected_model` is the one that answered last: the next search most likely needs it again."""

    def __init__(self, resources: "Resources") -> None:
        self._resources = resources
        self.expected_model = resources.settings.embedder_model

    async def embed(self, query: str, model_name: str) -> "QueryVector":
        """Return the query's vector in the space of `model_name`.

        Raises
        ------
        DependencyUnavailable
            When no model server is known for the model, or it does not answer.
        ModelMismatch
            When the server serves another model: vectors of two models are never compared.
        InferenceRefused
            When the server refuses the text.
        """
        server = self._resources.embedder(model_name)
        if server is None:
            raise DependencyUnavailable("model server", f"none is known for {model_name}, whose vectors are searched")
        vector = await server.embed_query(query)
        if vector.model != model_name:
            raise ModelMismatch(f"The vectors are those of {model_name}; the model server serves {vector.model}.")
        return vector
