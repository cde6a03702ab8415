"""The refresh function: brings derived data up to date, sweeps, and keeps the dead letters."""

from typing import Any

from fastapi import FastAPI

from events.dead_letter_endpoint import install_dead_letter_endpoint
from events.receiver import create_event_app
from events.topics import SOURCE_DELETED, SOURCE_INDEXED
from functions.refresh.handler import handle_source_changed, handle_sweep
from functions.refresh.settings import RefreshSettings
from shared.resources import Resources


def create_app(settings: RefreshSettings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    found = settings or RefreshSettings()
    handlers = {SOURCE_INDEXED: handle_source_changed, SOURCE_DELETED: handle_source_changed}
    app = create_event_app("refresh", handlers, found, resources)
    install_dead_letter_endpoint(app)

    @app.post("/sweep", include_in_schema=False)
    async def post_sweep() -> dict[str, Any]:
        """Sweep now. Whatever comes in the body is only the tick of a clock."""
        return {"swept": await handle_sweep(app.state.resources, found)}

    return app
