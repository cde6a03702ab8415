"""POST /dead-letters of the refresh function: stores whatever arrives, so that its senders never have to give up."""

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from events.dead_letters import read_undelivered, store
from events.receiver import answer_failure
from shared.logs import get_log

log = get_log("events")


def install_dead_letter_endpoint(app: FastAPI) -> None:
    """Add POST /dead-letters to `app`, made by create_event_app."""

    @app.post("/dead-letters", include_in_schema=False)
    async def receive_dead_letter(request: Request) -> Response:
        given = read_undelivered(dict(request.headers), await request.body())
        resources = app.state.resources
        fields = {"ce_id": given.event.id, "ce_type": given.event.type}
        request.scope["state"]["log"] = fields
        try:
            pool = await resources.pool()
            timeout_s = resources.settings.database_acquire_timeout_s
            async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
                letter = await store(connection, given.event, given.topic, given.reason, given.attempts)
        except Exception as exc:
            return answer_failure(exc, request)
        fields["outcome"] = "duplicate" if letter is None else "stored"
        if letter is None:
            return JSONResponse({"status": "duplicate"})
        log.warning(
            "dead_letter_stored",
            dead_letter=letter,
            ce_id=given.event.id,
            ce_type=given.event.type,
            topic=given.topic,
            reason=given.reason,
            attempts=given.attempts,
        )
        return JSONResponse({"status": "done", "dead_letter": letter})
