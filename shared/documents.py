"""Accepting documents: identity, fingerprint, duplicates, and the transaction that stores row and event together."""

import hashlib
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.topics import DOCUMENT_SUBMITTED
from shared.database import load_sql
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

# Fixed for ever: the ids of all sources derive from it.
NAMESPACE = uuid.UUID("6f2d1c1e-53c5-5f0e-9f0c-7d0d9a3f2b10")
DEFAULT_COLLECTION = "default"

SourceType = Literal["paper", "textbook", "code_repo", "note"]
Name = Field(default=DEFAULT_COLLECTION, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")


def _clean(value: Any) -> Any:
    """Refuse NUL, which Postgres cannot store in text."""
    if "\x00" in str(value):
        raise ValueError("holds a NUL character; remove it")
    return value


class Bibliography(BaseModel):
    """What a submitter says of a document; every field is optional."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: str | None = Field(default=None, max_length=1000)
    authors: list[str] = Field(default=[], max_length=2000)
    year: int | None = Field(default=None, ge=0, le=3000)
    venue: str | None = Field(default=None, max_length=1000)
    doi: str | None = Field(default=None, max_length=300)
    arxiv_id: str | None = Field(default=None, max_length=100)
    url: str | None = Field(default=None, max_length=4000)
    source_type: SourceType = "paper"
    collection: str = Name
    external_id: str | None = Field(default=None, min_length=1, max_length=500)
    metadata: dict[str, Any] = {}

    _no_nul = field_validator("title", "authors", "venue", "doi", "arxiv_id", "url", "external_id", "metadata")(_clean)

    @field_validator("doi")
    @classmethod
    def _plain_doi(cls, value: str | None) -> str | None:
        """DOIs are case-insensitive and often given as URLs (DOI Handbook, 2.4)."""
        return re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", value.strip(), flags=re.I).lower() if value else None


@dataclass(frozen=True, slots=True)
class Submission:
    """One document as handed in: bytes and what is said of them."""

    body: bytes
    media_type: str
    bibliography: Bibliography
    filename: str | None = None
    submitted_by: uuid.UUID | None = None
    trace_id: str | None = None
    document_id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def identity(self) -> str:
        """The name of the source within its collection: external_id, else doi, else SHA-256 of the bytes."""
        said = self.bibliography
        if said.external_id:
            return f"external:{said.external_id}"
        return f"doi:{said.doi}" if said.doi else f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def source_id(self) -> uuid.UUID:
        """The same for every submission of the same source, on every replica."""
        return uuid.uuid5(NAMESPACE, f"{self.bibliography.collection}\n{self.identity}")

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of bytes and bibliography: equal means that submitting again changes nothing."""
        said = orjson.dumps(self.bibliography.model_dump(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(hashlib.sha256(self.body).digest() + self.media_type.encode() + b"\n" + said).digest()

    @property
    def object_key(self) -> str:
        """Where the bytes lie in the object store."""
        return f"documents/{self.source_id}/{self.document_id}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receipt of one submission."""

    document_id: uuid.UUID
    source_id: uuid.UUID
    duplicate: bool


async def accept(resources: Resources, submissions: list[Submission], *, announce: bool = True) -> list[Accepted]:
    """Store bytes, rows and outbox rows of `submissions`; return their receipts in order.

    A submission equal to the latest version of its source, unless that one failed, changes nothing. `announce` puts
    a document.submitted event into the outbox; the extract function, which goes on at once, has no use for one.

    Raises
    ------
    DependencyUnavailable
        When Postgres or the object store is away: nothing was accepted then.
    """
    pool = await resources.pool()
    settings = resources.settings
    known = await _latest(pool, submissions)
    for item in submissions:
        if not _same(known.get(item.source_id), item):
            await resources.objects.put(item.object_key, item.body)
    async with pool.acquire(timeout=settings.database_acquire_timeout_s) as connection, connection.transaction():
        return await register(connection, submissions, announce=announce)


async def collection_ids(connection: "Connection", names: set[str]) -> dict[str, int]:
    """Return the ids of the collections by name, making those that are missing."""

    async def known() -> dict[str, int]:
        rows = await connection.fetch(load_sql(__file__, "collections_named"), list(names))
        return {row["name"]: row["id"] for row in rows}

    found = await known()
    if len(found) < len(names):
        await connection.execute(load_sql(__file__, "add_collections"), sorted(names))
        found = await known()
    return found


async def register(connection: "Connection", submissions: list[Submission], *, announce: bool) -> list[Accepted]:
    """Write the rows of `submissions`, whose bytes are in the object store, in the caller's transaction."""
    collections = await collection_ids(connection, {item.bibliography.collection for item in submissions})
    first = {item.source_id: item for item in reversed(submissions)}
    sources = [_source_row(item, collections[item.bibliography.collection]) for _, item in sorted(first.items())]
    await connection.execute(load_sql(__file__, "add_sources"), sources)
    # Two statements: only one begun after the locks are held sees what their holders committed.
    await connection.fetch(load_sql(__file__, "lock_sources"), list(first))
    latest = await _latest(connection, submissions)
    receipts, fresh = [], []
    for item in submissions:
        known = latest.get(item.source_id)
        if _same(known, item) and known:
            receipts.append(Accepted(known[2], item.source_id, duplicate=True))
            continue
        latest[item.source_id] = (item.fingerprint, "queued", item.document_id)
        fresh.append(_document_row(item))
        receipts.append(Accepted(item.document_id, item.source_id, duplicate=False))
    if fresh:
        await connection.execute(load_sql(__file__, "add_documents"), fresh)
        if announce:
            await enqueue(connection, [_submitted(row) for row in fresh])
    return receipts


def _same(known: tuple[bytes, str, uuid.UUID] | None, item: Submission) -> bool:
    return known is not None and known[0] == item.fingerprint and known[1] != "failed"


async def _latest(executor: Any, submissions: list[Submission]) -> dict[uuid.UUID, tuple[bytes, str, uuid.UUID]]:
    wanted = list({item.source_id for item in submissions})
    rows = await executor.fetch(load_sql(__file__, "latest_documents"), wanted)
    return {row["source_id"]: (row["fingerprint"], row["state"], row["id"]) for row in rows}


def _source_row(item: Submission, collection_id: int) -> dict[str, Any]:
    said = item.bibliography
    fallback = item.filename or said.external_id or said.doi or "Untitled"
    return {
        **said.model_dump(exclude={"collection"}),
        "id": str(item.source_id),
        "collection_id": collection_id,
        "identity": item.identity,
        "title": said.title or fallback,
        "submitted_by": str(item.submitted_by) if item.submitted_by else None,
    }


def _document_row(item: Submission) -> dict[str, Any]:
    return {
        "id": str(item.document_id),
        "source_id": str(item.source_id),
        "fingerprint": item.fingerprint.hex(),
        "object_key": item.object_key,
        "media_type": item.media_type,
        "filename": item.filename,
        "size_bytes": len(item.body),
        "bibliography": item.bibliography.model_dump(),
        "trace_id": item.trace_id,
        "submitted_by": str(item.submitted_by) if item.submitted_by else None,
    }


def _submitted(row: dict[str, Any]) -> CloudEvent:
    trace = f"00-{row['trace_id']}-{uuid.uuid4().hex[:16]}-01" if row["trace_id"] else None
    key = row["source_id"]
    return CloudEvent.new(
        type=DOCUMENT_SUBMITTED,
        source="/research-kb/ingest",
        data={"document_id": row["id"], "source_id": key},
        partitionkey=key,
        subject=key,
        traceparent=trace,
    )
