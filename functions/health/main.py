"""The health function: the state of every part, the change of the model, and the API's document, which needs no key."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from functions.health.model_routes import add_model_routes
from functions.health.models import Health
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.resources import Resources
from shared.settings import Settings

Reader = Annotated[Caller, require("read")]
FOLDER = Path(__file__).parent
UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "It cannot serve (a Health document), or keys cannot be checked (a Problem).",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Health"}},
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
}
# The page's script is its own and reads this origin only: nothing is loaded from elsewhere.
DOCS_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"


@cache
def _read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    app = create_function_app("health", settings or Settings(), resources)
    install_admission(app)
    held: Resources = app.state.resources

    @app.get("/health", responses=UNHEALTHY, tags=["health"])
    async def get_health(caller: Reader, response: Response) -> Health:
        """Check every part now. 200 when searches are answered (ok or degraded), else 503."""
        from functions.health.checks import check_health

        health = await check_health(held)
        if health.status == "down":
            response.status_code = 503
        response.headers["Cache-Control"] = "no-store"
        return health

    add_model_routes(app, held)

    @app.get("/openapi.json", include_in_schema=False)
    async def get_document() -> Response:
        return Response(_read("openapi.json"), media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        return HTMLResponse(_read("docs.html"), headers={"Content-Security-Policy": DOCS_POLICY})

    return app
