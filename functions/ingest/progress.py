"""Where accepted documents stand."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from shared.access import Caller
from shared.cursor import decode_cursor, page
from shared.database import load_sql
from shared.problems import Problem
from shared.resources import Resources

State = Literal["queued", "extracting", "embedding", "indexed", "failed", "superseded"]


class DocumentStatus(BaseModel):
    """One submission and how far it has come."""

    id: UUID
    source_id: UUID
    collection: str
    external_id: str | None
    state: State = Field(description="superseded: a newer version of the source arrived before this one was searchable")
    progress: float = Field(ge=0, le=1, description="share of the work done, by passages")
    media_type: str
    filename: str | None
    size_bytes: int
    pages: int | None
    passages_total: int
    passages_embedded: int
    problem: dict[str, Any] | None = Field(description="why it failed and what to do (RFC 9457)")
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None


class DocumentList(BaseModel):
    """A page of documents, newest first."""

    items: list[DocumentStatus]
    next_cursor: str | None


def _progress(row: dict[str, Any]) -> float:
    """Extraction counts as a tenth, vectors as the rest: embedding takes about nine tenths of the time."""
    if row["state"] in {"indexed", "superseded"}:
        return 1.0
    total = row["passages_total"]
    return round(0.1 + 0.9 * row["passages_embedded"] / total, 3) if total else 0.0


def _status(row: Any) -> DocumentStatus:
    values = dict(row)
    return DocumentStatus(**values, progress=_progress(values))


async def find_document(resources: Resources, caller: Caller, document_id: UUID) -> DocumentStatus:
    """Return one document; a Problem 404 when there is none that the caller may see."""
    pool = await resources.pool()
    row = await pool.fetchrow(load_sql(__file__, "find_document"), document_id, caller.collections)
    if row is None:
        action = "Compare the id with the answer of POST /documents; deleting a source deletes its documents."
        raise Problem(404, "document-not-found", "No such document", str(document_id), action)
    return _status(row)


async def list_documents(
    resources: Resources, caller: Caller, collection: str | None, state: State | None, limit: int, cursor: str | None
) -> DocumentList:
    """Return one page of the documents that the caller may see."""
    created_at, last_id = decode_cursor("documents", cursor, datetime, UUID)
    pool = await resources.pool()
    rows = await pool.fetch(
        load_sql(__file__, "list_documents"), collection, state, caller.collections, created_at, last_id, limit + 1
    )
    kept, following = page("documents", rows, limit, "created_at", "id")
    return DocumentList(items=[_status(row) for row in kept], next_cursor=following)
