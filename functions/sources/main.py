"""The sources function: lists what is in the library, shows its passages, and deletes.

What needs the database driver is imported by the first request, so that the function is ready sooner.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Path

from functions.sources.models import Filters, PassageList, Source, SourceList
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.cursor import Cursor, Limit
from shared.openapi import NOT_FOUND, problem_response
from shared.resources import Resources
from shared.settings import Settings

Reader = Annotated[Caller, require("read")]
Remover = Annotated[Caller, require("admin", "ingest")]
CollectionName = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]
IN_USE: dict[int | str, dict[str, Any]] = {409: problem_response("Documents keep coming into the collection.")}


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    app = create_function_app("sources", settings or Settings(), resources)
    install_admission(app)
    _add_reading(app, app.state.resources)
    _add_deleting(app, app.state.resources)
    return app


def _add_reading(app: FastAPI, held: Resources) -> None:
    @app.get("/sources", tags=["sources"])
    async def get_sources(caller: Reader, filters: Filters) -> SourceList:
        """List sources, newest first."""
        from functions.sources.catalogue import list_sources

        return await list_sources(await held.pool(), caller, filters)

    @app.get("/sources/{source_id}", responses=NOT_FOUND, tags=["sources"])
    async def get_source(caller: Reader, source_id: UUID) -> Source:
        """Show one source."""
        from functions.sources.catalogue import find_source

        return await find_source(await held.pool(), caller, source_id)

    @app.get("/sources/{source_id}/passages", responses=NOT_FOUND, tags=["sources"])
    async def get_passages(caller: Reader, source_id: UUID, limit: Limit = 50, cursor: Cursor = None) -> PassageList:
        """List the searchable passages of a source in reading order, with page, section and character range."""
        from functions.sources.catalogue import list_passages

        return await list_passages(await held.pool(), caller, source_id, limit, cursor)


def _add_deleting(app: FastAPI, held: Resources) -> None:
    @app.delete("/sources/{source_id}", status_code=204, responses=NOT_FOUND, tags=["sources"])
    async def delete_source(caller: Remover, source_id: UUID) -> None:
        """Delete a source with all its versions, passages, vectors and files. Scope ingest: what this key put in."""
        from functions.sources.removal import remove_source

        await remove_source(held, caller, source_id)

    @app.delete("/collections/{name}", status_code=204, responses=NOT_FOUND | IN_USE, tags=["sources"])
    async def delete_collection(caller: Remover, name: CollectionName) -> None:
        """Delete a collection with all its sources. Scope ingest: where this key put all of them in."""
        from functions.sources.removal import remove_collection

        await remove_collection(held, caller, name)
