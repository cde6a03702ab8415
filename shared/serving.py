"""The embedding model that the model server serves, as the database knows it.

`python -m shared.serving` registers it (and lets it answer searches when it is the first), or says why that can't be:
deployments run it after the migrations, so that a wrong model is refused before anything is embedded with it.
"""

import asyncio
import sys

from pydantic import ValidationError

from shared.database import explain_away, no_connection
from shared.models import Model, ModelMismatch, activate, active_model, check_model, find_model, register_model
from shared.problems import Problem
from shared.resources import Resources
from shared.settings import Settings

_known: dict[tuple[str, str], Model] = {}


async def serving_model(held: Resources) -> Model:
    """Return the model that EMBEDDER_MODEL names, after checking once a process that the model server serves it.

    Raises
    ------
    ModelMismatch
        When name or dimension differ between settings, model server and database.
    """
    settings = held.settings
    place = (settings.database_url, settings.embedder_model)
    if place not in _known:
        info = await held.inference.model("embedder")
        if info.model_name != settings.embedder_model:
            raise ModelMismatch(
                f"EMBEDDER_MODEL is {settings.embedder_model}; the model server serves {info.model_name}."
            )
        _known[place] = await _registered(held, info.model_name, info.dimension)
    return _known[place]


async def _registered(held: Resources, name: str, dimension: int) -> Model:
    pool = await held.pool()
    async with pool.acquire(timeout=held.settings.database_acquire_timeout_s) as connection:
        model = await find_model(connection, name)
        if model is None:
            await register_model(connection, name, dimension)
            model = await find_model(connection, name)
        assert model is not None  # noqa: S101 -- registered just now
        check_model(model, name, dimension)
        if await active_model(connection) is None:
            await activate(connection, model.id)
    return model


def _settings() -> Settings:
    """Return the settings; a program ends with a line for each that is wrong."""
    try:
        return Settings()
    except ValidationError as exc:
        names = [(".".join(str(part) for part in error["loc"]).upper(), error["msg"]) for error in exc.errors()]
        sys.exit("\n".join(f"{name or 'settings'}: {message}" for name, message in names))


async def _main() -> None:
    held = Resources(_settings())
    try:
        model = await serving_model(held)
    except Problem as exc:
        sys.exit(f"{exc}\n{exc.action}")
    except no_connection() as exc:
        sys.exit(explain_away(held.settings.database_url, exc))
    finally:
        await held.close()
    print(f"embedding model {model.name}, dimension {model.dimension}")


if __name__ == "__main__":
    asyncio.run(_main())
