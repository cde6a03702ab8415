"""A query is embedded by the model that is asked for, or not at all."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.search.queries import Queries
from shared.inference import QueryVector
from shared.models import ModelMismatch
from shared.problems import DependencyUnavailable


class Server:
    """Gives vectors of one model, whatever its address was thought to serve."""

    def __init__(self, model: str) -> None:
        self.model = model

    async def embed_query(self, _: str) -> QueryVector:
        vector = QueryVector(b"\x00" * 8)
        vector.model = self.model
        return vector


def queries(**servers: Server) -> Queries:
    """Return the queries of settings that name these servers."""
    resources: Any = SimpleNamespace(settings=SimpleNamespace(embedder_model="a"), embedder=servers.get)
    return Queries(resources)


async def test_each_model_has_its_server() -> None:
    """The vector is of the model that was asked for."""
    both = queries(a=Server("a"), b=Server("b"))
    assert both.expected_model == "a"
    assert (await both.embed("query", "b")).model == "b"


async def test_a_server_of_another_model_is_refused() -> None:
    """An address that serves another model than the settings say gives no vector."""
    with pytest.raises(ModelMismatch, match=r"those of a; the model server serves b"):
        await queries(a=Server("b")).embed("query", "a")


async def test_a_model_without_a_server_is_said() -> None:
    """The reason names the model."""
    with pytest.raises(DependencyUnavailable, match="none is known for b"):
        await queries(a=Server("a")).embed("query", "b")
