"""What extraction leaves in the database: passages, postings, the document's state and the events for embed."""

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import PASSAGES_EXTRACTED
from functions.extract.document import Extracted
from functions.extract.failures import ExtractionFailed
from functions.extract.job import Job
from functions.extract.passages import Passage
from shared.database import load_sql
from shared.lexical import index_passages
from shared.problems import Problem
from shared.versions import adopt_document

if TYPE_CHECKING:
    from shared.database import Connection


async def store_failure(pool: Any, document_id: uuid.UUID, exc: ExtractionFailed) -> None:
    """Mark the document failed, with the reason and what to do."""
    problem = Problem(422, exc.slug, exc.title, exc.detail, exc.action).body(f"/documents/{document_id}")
    await pool.execute(load_sql(__file__, "set_state"), document_id, "failed", problem)


async def store_passages(
    connection: "Connection",
    job: Job,
    extracted: Extracted,
    passages: list[Passage],
    passages_per_event: int,
) -> None:
    """Store the passages in the caller's transaction and announce them in batches.

    The first version of a source is searchable by words at once; a later one stays hidden, beside the version that
    answers searches, until its vectors are in.
    """
    row = await connection.fetchrow(load_sql(__file__, "lock_document"), job.id)
    if row is None or row["state"] not in {"queued", "extracting"}:
        return
    rows = [{"ordinal": ordinal, **asdict(passage)} for ordinal, passage in enumerate(passages)]
    await connection.execute(load_sql(__file__, "add_passages"), job.id, job.source_id, job.collection_id, rows)
    bibliography = complete(job.bibliography, extracted)
    await connection.execute(
        load_sql(__file__, "finish_extraction"), job.id, bibliography, extracted.pages, len(passages)
    )
    await enqueue(connection, announcements(job, len(passages), passages_per_event))
    if row["current_document"] is None:
        await adopt_document(connection, job.id)
        # Last: it locks the collection, which other documents wait for.
        await index_passages(connection, job.collection_id, job.id)


def complete(said: dict[str, Any], extracted: Extracted) -> dict[str, Any]:
    """Return the submitter's bibliography with gaps filled from the document itself."""
    found = {"title": extracted.title, "authors": list(extracted.authors), "year": extracted.year, "doi": extracted.doi}
    return {name: value or found.get(name) or value for name, value in said.items()}


def announcements(job: Job, total: int, size: int) -> list[CloudEvent]:
    """Return one passages.extracted event for each `size` passages, in order."""
    key = str(job.source_id)
    return [
        CloudEvent.new(
            type=PASSAGES_EXTRACTED,
            source="/research-kb/extract",
            data={
                "document_id": str(job.id),
                "source_id": key,
                "first_ordinal": first,
                "last_ordinal": min(first + size, total) - 1,
            },
            partitionkey=key,
            subject=key,
        )
        for first in range(0, total, size)
    ]
