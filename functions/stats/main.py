"""The stats function: how much the library holds."""

from typing import Annotated, Any

from fastapi import FastAPI, Query

from functions.stats.models import Stats
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.resources import Resources
from shared.settings import Settings

Reader = Annotated[Caller, require("read")]
CollectionName = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$", description="Absent: all that the key may see."),
]


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    app = create_function_app("stats", settings or Settings(), resources)
    install_admission(app)
    held: Resources = app.state.resources

    @app.get("/stats", tags=["stats"])
    async def get_stats(caller: Reader, collection: CollectionName = None) -> Stats:
        """Count sources, passages, documents by state, terms, and vectors by model; a new collection counts zeros."""
        from shared.database import load_sql

        pool = await held.pool()
        row: Any = await pool.fetchrow(load_sql(__file__, "stats"), caller.collections, collection)
        return Stats(collection=collection, **dict(row))

    return app
