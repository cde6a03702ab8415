"""The ingest function: takes documents in, tells where they stand, and replays dead letters."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import ORJSONResponse
from pydantic import ValidationError

from functions.ingest.dead_letters import add_dead_letter_routes
from functions.ingest.examples import ACCEPT_RESPONSES, DOCUMENT_BODY
from functions.ingest.files import read_file
from functions.ingest.inline import InlineDocument
from functions.ingest.memory import UploadRoom, body_size
from functions.ingest.ndjson import accept_lines, collection_refused, read_lines
from functions.ingest.progress import DocumentList, DocumentStatus, State, find_document, list_documents
from functions.ingest.settings import IngestSettings
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.cursor import Cursor, Limit
from shared.documents import Submission, accept
from shared.openapi import NOT_FOUND
from shared.problems import Problem
from shared.resources import Resources

Ingester = Annotated[Caller, require("ingest")]
Reader = Annotated[Caller, require("read")]
CollectionName = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]


def create_app(settings: IngestSettings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    settings = settings or IngestSettings()
    app = create_function_app("ingest", settings, resources, max_body_bytes=settings.max_document_bytes + 2**16)
    held: Resources = app.state.resources
    install_admission(app)
    add_document_routes(app, settings, held)
    add_dead_letter_routes(app, held)
    return app


def _read_inline(body: bytes, caller: Caller, trace_id: str | None) -> Submission:
    try:
        return InlineDocument.model_validate_json(body).submission(caller.key_id, trace_id)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors(include_url=False, include_context=False)) from exc


async def _accept_one(held: Resources, caller: Caller, submission: Submission) -> Response:
    if not caller.may_see(submission.bibliography.collection):
        raise collection_refused(submission.bibliography.collection)
    [receipt] = await accept(held, [submission])
    status_url = f"/documents/{receipt.document_id}"
    body = {
        "id": str(receipt.document_id),
        "source_id": str(receipt.source_id),
        "status_url": status_url,
        "duplicate": receipt.duplicate,
    }
    return ORJSONResponse(body, 200 if receipt.duplicate else 202, headers={"Location": status_url})


async def _take_in(request: Request, caller: Caller, settings: IngestSettings, held: Resources) -> Response:
    """Read, check and store what a request brings, by its content type."""
    trace_id = request.scope["state"].get("trace_id")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _accept_one(held, caller, await read_file(request, caller.key_id, trace_id))
    if kind == "application/json":
        body = await request.body()
        # In a thread, here and below: parsing 64 MB takes a second, in which no other request would be served.
        return await _accept_one(held, caller, await asyncio.to_thread(_read_inline, body, caller, trace_id))
    if kind == "application/x-ndjson":
        body = await request.body()
        limit = settings.max_ndjson_lines
        good, bad = await asyncio.to_thread(read_lines, body, caller, caller.key_id, trace_id, limit)
        if not good and not bad:
            raise Problem(422, "empty-body", "The request has no lines", "", "Send one JSON document a line.")
        return ORJSONResponse({"items": await accept_lines(held, settings, good, bad)}, 202)
    detail = f"Content-Type {kind or 'is missing'}."
    action = "Send multipart/form-data (a file), application/json or application/x-ndjson."
    raise Problem(415, "unsupported-content-type", "The request's content type is not supported", detail, action)


def add_document_routes(app: FastAPI, settings: IngestSettings, held: Resources) -> None:
    """Add the routes below /documents."""
    room = UploadRoom(settings.upload_memory_bytes, settings.upload_patience_s)

    @app.post(
        "/documents", status_code=202, responses=ACCEPT_RESPONSES, openapi_extra=DOCUMENT_BODY, tags=["documents"]
    )
    async def post_document(request: Request, caller: Ingester) -> Response:
        """Take in one document (a file or JSON) or many (NDJSON); what is answered 202 is stored, to be indexed."""
        async with room.hold(body_size(request, settings.max_document_bytes)):
            return await _take_in(request, caller, settings, held)

    @app.get("/documents", tags=["documents"])
    async def get_documents(
        caller: Reader,
        collection: CollectionName = None,
        state: State | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> DocumentList:
        """List documents, newest first."""
        return await list_documents(held, caller, collection, state, limit, cursor)

    @app.get("/documents/{document_id}", responses=NOT_FOUND, tags=["documents"])
    async def get_document(caller: Reader, document_id: UUID) -> DocumentStatus:
        """Tell where one document stands; on failure why, and what to do."""
        return await find_document(held, caller, document_id)
