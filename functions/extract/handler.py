"""One document.submitted event: find the document, parse it, store its passages, announce them."""

import asyncio
import uuid
from typing import Any

from events.cloudevents import CloudEvent
from events.processed import claim
from events.receiver import Outcome
from functions.extract.document import Extracted
from functions.extract.failures import ExtractionFailed, ExtractorUnavailable, failure
from functions.extract.intake import take_in
from functions.extract.job import Job, find_job
from functions.extract.limits import Limits
from functions.extract.passages import Passage, split
from functions.extract.settings import ExtractSettings
from functions.extract.storage import store_failure, store_passages
from functions.extract.tokens import load
from shared.database import load_sql
from shared.logs import get_log
from shared.problems import DependencyUnavailable
from shared.resources import Resources
from shared.tracing import span

# Text handed over as JSON up to this size is parsed in this process: no parser is involved, and it takes microseconds.
PLAIN_IN_PROCESS_BYTES = 200_000

log = get_log("extract")


async def handle_submitted(event: CloudEvent, held: Resources, settings: ExtractSettings) -> Outcome:
    """Extract the document that the event names, or accept the one that it brings, which is announced anew.

    Done already, outdated or deleted: nothing happens.
    """
    data: dict[str, Any] = event.data or {}
    if "document_id" not in data:
        return await take_in(event, data, held)
    job = await find_job(held, uuid.UUID(data["document_id"]))
    if job is None or job.state not in {"queued", "extracting"}:
        return "duplicate"
    pool = await held.pool()
    if job.outdated:
        await pool.execute(load_sql(__file__, "set_state"), job.id, "superseded", None)
        return "done"
    try:
        body = await held.objects.get(job.object_key)
        with span("parse"):
            extracted = await parse(job, body, held, settings)
        with span("cut passages"):
            passages = await asyncio.to_thread(cut, extracted, job, settings)
    except ExtractionFailed as exc:
        await store_failure(pool, job.id, exc)
        log.warning("document_failed", document_id=str(job.id), slug=exc.slug)
        return "done"
    async with pool.acquire(timeout=settings.database_acquire_timeout_s) as connection, connection.transaction():
        # The document's state decides, not the claim: an attempt that ended after its event was given up has changed
        # nothing, and the replay of that event must.
        new = await claim(connection, "extract", event)
        await store_passages(connection, job, extracted, passages, settings.passages_per_event)
    return "done" if new else "duplicate"


async def parse(job: Job, body: bytes, held: Resources, settings: ExtractSettings) -> Extracted:
    """Parse in this process what needs no parser, all else in a child with limits.

    Raises
    ------
    ExtractionFailed
        When the document is at fault.
    DependencyUnavailable
        When the child could not work: the same document may succeed later.
    """
    if job.media_type == "text/plain" and job.filename is None and len(body) <= PLAIN_IN_PROCESS_BYTES:
        from functions.extract.parsers import plain

        return plain.parse(body.decode())
    from functions.extract import sandbox

    pool = await held.pool()
    await pool.execute(load_sql(__file__, "set_state"), job.id, "extracting", None)
    limits = Limits(memory_bytes=settings.parse_memory_bytes, wall_s=settings.parse_timeout_s, pages=settings.max_pages)
    try:
        return await sandbox.extract(body, job.media_type, job.filename, limits)
    except ExtractorUnavailable as exc:
        raise DependencyUnavailable("The parser's process", str(exc)) from exc


def cut(extracted: Extracted, job: Job, settings: ExtractSettings) -> list[Passage]:
    """Split a parsed document into passages that fit the embedder; raises ExtractionFailed when there are none."""
    title = job.bibliography.get("title") or extracted.title or job.filename or ""
    passages = split(extracted, title, load(settings.tokenizer()))
    if not passages:
        raise failure("empty-document", "No text was found in it.")
    return passages
