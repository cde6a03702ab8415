"""The keys function: makes, lists and revokes API keys, and shows what they have used.

What needs the database driver is imported by the first request, so that the function is ready sooner.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Query, Response

from functions.keys.models import KeyList, MadeKey, NewKey, Usage
from shared.access import Caller, install_admission, require
from shared.administrators import check_unlimited
from shared.app import create_function_app
from shared.cursor import Cursor, Limit
from shared.openapi import problem_response
from shared.problems import Problem
from shared.resources import Resources
from shared.settings import Settings

Administrator = Annotated[Caller, require("admin")]
Anyone = Annotated[Caller, require()]
UNKNOWN: dict[int | str, dict[str, Any]] = {404: problem_response("No such key.")}


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    app = create_function_app("keys", settings or Settings(), resources)
    install_admission(app)
    _add_key_routes(app, app.state.resources)
    _add_usage_route(app, app.state.resources)
    return app


def _add_key_routes(app: FastAPI, held: Resources) -> None:
    @app.post("/keys", status_code=201, tags=["keys"])
    async def post_key(caller: Administrator, asked: NewKey, response: Response) -> MadeKey:
        """Make a key. Its text is in this answer alone: only a hash is kept."""
        from functions.keys.keyring import create_key

        check_unlimited(caller, "Keys")
        response.headers["Cache-Control"] = "no-store"
        return await create_key(await held.pool(), asked)

    @app.get("/keys", tags=["keys"])
    async def get_keys(caller: Administrator, limit: Limit = 50, cursor: Cursor = None) -> KeyList:
        """List keys, newest first, revoked and expired ones included."""
        from functions.keys.keyring import list_keys

        check_unlimited(caller, "Keys")
        return await list_keys(await held.pool(), limit, cursor)

    @app.delete("/keys/{key_id}", status_code=204, responses=UNKNOWN, tags=["keys"])
    async def delete_key(caller: Administrator, key_id: UUID) -> None:
        """Revoke a key, from the next request on; again, it changes nothing.

        Also the last administrator's, since a leaked key must go at once: whoever runs the server makes a new one
        with `python -m functions.keys.bootstrap`.
        """
        from functions.keys.keyring import revoke_key

        check_unlimited(caller, "Keys")
        await revoke_key(await held.pool(), key_id)


def _add_usage_route(app: FastAPI, held: Resources) -> None:
    @app.get("/usage", responses=UNKNOWN, tags=["keys"])
    async def get_usage(
        caller: Anyone,
        key_id: Annotated[UUID | None, Query(description="Another key, for administrators; absent: your own.")] = None,
    ) -> Usage:
        """Show what a key may use and has used."""
        from functions.keys.keyring import read_usage

        wanted = key_id or caller.key_id
        if wanted != caller.key_id:
            _check_administrator(caller)
        return await read_usage(await held.pool(), wanted)


def _check_administrator(caller: Caller) -> None:
    if not caller.may("admin"):
        raise Problem(
            403,
            "missing-scope",
            "The API key lacks a scope",
            "The usage of another key needs the scope admin.",
            "Leave key_id out to see your own usage.",
            required_scopes=["admin"],
        )
    check_unlimited(caller, "Keys")
