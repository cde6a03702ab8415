"""A document that waits for extraction."""

import uuid
from dataclasses import dataclass
from typing import Any

from shared.database import load_sql
from shared.resources import Resources


@dataclass(frozen=True, slots=True)
class Job:
    """A document to extract, as the database knows it."""

    id: uuid.UUID
    source_id: uuid.UUID
    collection_id: int
    state: str
    object_key: str
    media_type: str
    filename: str | None
    bibliography: dict[str, Any]
    trace_id: str | None
    outdated: bool


async def find_job(held: Resources, document_id: uuid.UUID) -> Job | None:
    """Return the document's job, None when it was deleted."""
    pool = await held.pool()
    row = await pool.fetchrow(load_sql(__file__, "load_document"), document_id)
    return Job(**row) if row else None
