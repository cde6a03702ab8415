"""Accepting documents: identity, fingerprint, duplicates, and the transaction that stores row and event together."""

import asyncio
import contextlib
import hashlib
import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from events.cloudevents import CloudEvent
from events.outbox import enqueue
from events.processed import claim
from events.topics import DOCUMENT_SUBMITTED
from shared.database import load_sql
from shared.problems import DependencyUnavailable
from shared.resources import Resources

if TYPE_CHECKING:
    from shared.database import Connection

# Fixed for ever: the ids of all sources derive from it.
NAMESPACE = uuid.UUID("6f2d1c1e-53c5-5f0e-9f0c-7d0d9a3f2b10")
DEFAULT_COLLECTION = "default"

SourceType = Literal["paper", "textbook", "code_repo", "note"]
Name = Field(default=DEFAULT_COLLECTION, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")


MAX_DEPTH = 64
"""Of nested metadata, as of events: validators and databases give up somewhere above a hundred."""

ATTEMPTS = 3
"""Of a transaction whose source or collection was deleted under it, or that a concurrent one has made Postgres end."""


def _storable(value: Any) -> Any:
    """Refuse what JSON can say and Postgres or our encoder cannot keep."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise ValueError("holds a NUL character; remove it")
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
            children = [*item, *item.values()] if isinstance(item, dict) else item
            pending += [(child, depth + 1) for child in children]
        elif isinstance(item, int):
            if not -(2**63) <= item < 2**64:
                raise ValueError("holds an integer of more than 64 bits; write it as text")
        elif isinstance(item, float) and not isfinite(item):
            raise ValueError("holds a number that is not finite")
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

    _kept = field_validator("title", "authors", "venue", "doi", "arxiv_id", "url", "external_id", "metadata")(_storable)

    @field_validator("doi")
    @classmethod
    def _plain_doi(cls, value: str | None) -> str | None:
        """DOIs are case-insensitive and often given as URLs (DOI Handbook, 2.4)."""
        plain = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", value or "", flags=re.I)
        return plain.strip().lower() or None


@dataclass(frozen=True)
class Submission:
    """One document as handed in: bytes and what is said of them. What is computed of the bytes is computed once."""

    body: bytes
    media_type: str
    bibliography: Bibliography
    filename: str | None = None
    submitted_by: uuid.UUID | None = None
    trace_id: str | None = None
    document_id: uuid.UUID = field(default_factory=uuid.uuid4)

    @cached_property
    def body_sha256(self) -> bytes:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.body).digest()

    @property
    def identity(self) -> str:
        """The name of the source within its collection: external_id, else doi, else SHA-256 of the bytes."""
        said = self.bibliography
        if said.external_id:
            return f"external:{said.external_id}"
        return f"doi:{said.doi}" if said.doi else f"sha256:{self.body_sha256.hex()}"

    @cached_property
    def source_id(self) -> uuid.UUID:
        """The same for every submission of the same source, on every replica."""
        return uuid.uuid5(NAMESPACE, f"{self.bibliography.collection}\n{self.identity}")

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of bytes and bibliography: equal means that submitting again changes nothing."""
        said = orjson.dumps(self.bibliography.model_dump(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(self.body_sha256 + self.media_type.encode() + b"\n" + said).digest()

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


async def accept(
    resources: Resources, submissions: list[Submission], *, event: CloudEvent | None = None
) -> list[Accepted]:
    """Store bytes, rows and document.submitted events of `submissions`; return their receipts in order.

    A submission equal to the latest version of its source, unless that one failed, changes nothing. Those that an
    outside `event` brought are taken in once: there are no receipts when that was done before.

    Raises
    ------
    DependencyUnavailable
        When Postgres or the object store is away: nothing was accepted then.
    """
    import asyncpg

    from shared.database import is_temporary

    # Hashing 64 MB takes a tenth of a second, in which no other request would be served.
    await asyncio.to_thread(_hash, submissions)
    stored: set[uuid.UUID] = set()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receipts = await _accept(resources, submissions, stored, event)
            break
        except (asyncpg.ForeignKeyViolationError, asyncpg.DeadlockDetectedError) as exc:
            if attempt == ATTEMPTS:
                raise DependencyUnavailable("The source", "It is being deleted at the same time.") from exc
        except Exception as exc:
            if is_temporary(exc):
                raise DependencyUnavailable("Postgres", str(exc) or type(exc).__name__) from exc
            raise
    kept = {receipt.document_id for receipt in receipts}
    for item in submissions:
        if item.document_id in stored and item.document_id not in kept:
            with contextlib.suppress(DependencyUnavailable):  # what was accepted stays accepted
                await resources.objects.delete(item.object_key)
    return receipts


def _hash(submissions: list[Submission]) -> list[tuple[uuid.UUID, bytes]]:
    """Compute ids and fingerprints, which the submissions keep."""
    return [(item.source_id, item.fingerprint) for item in submissions]


async def _accept(
    resources: Resources, submissions: list[Submission], stored: set[uuid.UUID], event: CloudEvent | None
) -> list[Accepted]:
    async def store(item: Submission) -> None:
        if item.document_id not in stored:
            await resources.objects.put(item.object_key, item.body)
            stored.add(item.document_id)

    pool = await resources.pool()
    known = await _latest(pool, submissions)
    for item in submissions:
        if not _same(known.get(item.source_id), item):
            await store(item)
    timeout_s = resources.settings.database_acquire_timeout_s
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction():
        if event is not None and not await claim(connection, "extract", event):
            return []
        receipts = await register(connection, submissions, announce=True)
        for item, receipt in zip(submissions, receipts, strict=True):
            if not receipt.duplicate:  # the version known before has failed or was deleted meanwhile
                await store(item)
        return receipts


async def collection_ids(connection: "Connection", names: set[str]) -> dict[str, int]:
    """Return the ids of the collections by name, making those that are missing."""

    async def known() -> dict[str, int]:
        rows = await connection.fetch(load_sql(__file__, "collections_named"), list(names))
        return {row["name"]: row["id"] for row in rows}

    while len(found := await known()) < len(names):  # again when one was deleted between the two
        await connection.execute(load_sql(__file__, "add_collections"), sorted(names))
    return found


async def register(connection: "Connection", submissions: list[Submission], *, announce: bool) -> list[Accepted]:
    """Write the rows of `submissions`, whose bytes are in the object store, in the caller's transaction."""
    collections = await collection_ids(connection, {item.bibliography.collection for item in submissions})
    first = {item.source_id: item for item in reversed(submissions)}
    sources = [_source_row(item, collections[item.bibliography.collection]) for _, item in sorted(first.items())]
    await connection.execute(load_sql(__file__, "add_sources"), sources)
    # Two statements: only one begun after the locks are held sees what their holders committed. A source deleted
    # before its lock is held is missed by the rows' foreign key.
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
    key = row["source_id"]
    return CloudEvent.new(
        type=DOCUMENT_SUBMITTED,
        source="/research-kb/ingest",
        data={"document_id": row["id"], "source_id": key},
        partitionkey=key,
        subject=key,
    )
