"""Dead letters over HTTP: list, show, replay; for admins."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import BaseModel, ConfigDict

from events.dead_letters import get_letter, list_letters, replay
from shared.access import Caller, require
from shared.cursor import Cursor, Limit, decode_cursor, page
from shared.openapi import NOT_FOUND, problem_response
from shared.resources import Resources

Admin = Annotated[Caller, require("admin")]
LetterId = Annotated[int, Path(ge=1, le=2**63 - 1)]


class DeadLetterAnswer(BaseModel):
    """An event that could not be delivered, and why."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    topic: str
    partition_key: str
    event: dict[str, Any]
    reason: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None


class DeadLetterList(BaseModel):
    """A page of dead letters, newest first."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None


def add_dead_letter_routes(app: FastAPI, held: Resources) -> None:
    """Add the routes below /dead-letters."""
    timeout_s = held.settings.database_acquire_timeout_s

    @app.get("/dead-letters", tags=["events"])
    async def get_dead_letters(
        _: Admin, limit: Limit = 50, cursor: Cursor = None, replayed: bool = False
    ) -> DeadLetterList:
        """List events that could not be delivered, newest first; those replayed already only when asked for."""
        (below,) = decode_cursor("dead-letters", cursor, int)
        pool = await held.pool()
        async with pool.acquire(timeout=timeout_s) as connection:
            letters = await list_letters(connection, limit=limit + 1, below=below, replayed=replayed)
        rows = [DeadLetterAnswer.model_validate(letter) for letter in letters]
        kept, following = page("dead-letters", [row.model_dump() for row in rows], limit, "id")
        return DeadLetterList(items=[DeadLetterAnswer(**row) for row in kept], next_cursor=following)

    @app.get("/dead-letters/{letter_id}", responses=NOT_FOUND, tags=["events"])
    async def get_dead_letter(_: Admin, letter_id: LetterId) -> DeadLetterAnswer:
        """Show one dead letter with its whole event."""
        pool = await held.pool()
        async with pool.acquire(timeout=timeout_s) as connection:
            return DeadLetterAnswer.model_validate(await get_letter(connection, letter_id))

    @app.post(
        "/dead-letters/{letter_id}/replay",
        status_code=202,
        responses={**NOT_FOUND, 409: problem_response("It was replayed before.")},
        tags=["events"],
    )
    async def replay_dead_letter(_: Admin, letter_id: LetterId) -> DeadLetterAnswer:
        """Put the event back on its topic, unchanged; its document waits again."""
        pool = await held.pool()
        async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
            return DeadLetterAnswer.model_validate(await replay(connection, letter_id))
