"""Events that could not be delivered: stored with the reason, listed, and put back on their topic on demand."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from events.cloudevents import CloudEvent, MalformedEvent
from events.malformed import wrap_malformed
from events.outbox import put
from events.topics import DOCUMENT_SUBMITTED, PASSAGES_EXTRACTED, RECORD_MALFORMED, TOPIC_OF_TYPE
from shared.database import load_sql
from shared.problems import TYPE_PREFIX, Problem

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]

REASON, ATTEMPTS, TOPIC = "deadreason", "deadattempts", "deadtopic"
"""Extensions that the bridge adds to a dead letter."""
_ADDED = (REASON, ATTEMPTS, TOPIC, "knativekafkaoffset", "knativekafkapartition")
_KNATIVE = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
"""Extensions that Knative adds to what goes to a dead letter sink."""
_MAX_REASON_CHARACTERS = 2000
_MAX_ATTEMPTS = 2**31 - 1
_WAITING = {DOCUMENT_SUBMITTED: ["queued", "extracting"], PASSAGES_EXTRACTED: ["embedding"]}
"""States in which a document waits for an event. In a later one the event was done, though its answer got lost."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What arrives at the dead letter endpoint: the event as it was, where from, why, after how many attempts."""

    event: CloudEvent
    topic: str
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A stored dead letter; `event` is the whole CloudEvent in the JSON format."""

    id: int
    topic: str
    partition_key: str
    event: dict[str, Any]
    reason: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None


def read_undelivered(headers: Mapping[str, str], body: bytes) -> Undelivered:
    """Read what the bridge or Knative posts. What is no CloudEvent is wrapped as record.malformed: nothing is lost."""
    said = {
        name.lower().removeprefix("ce-"): unquote(value).replace("\x00", "\ufffd") for name, value in headers.items()
    }
    try:
        event = CloudEvent.from_http(headers, body)
        said = dict(event.extensions)
    except MalformedEvent as exc:
        event = wrap_malformed(
            [(n, v.encode()) for n, v in headers.items() if n.lower().startswith("ce-")], body, str(exc)
        )
    return Undelivered(
        event.without(*_ADDED, *_KNATIVE),
        said.get(TOPIC) or TOPIC_OF_TYPE.get(event.type, ""),
        _reason(said)[:_MAX_REASON_CHARACTERS],
        min(int(said[ATTEMPTS][:12]), _MAX_ATTEMPTS) if said.get(ATTEMPTS, "").isdecimal() else 0,
    )


def _reason(said: Mapping[str, str]) -> str:
    if REASON in said:
        return said[REASON]
    parts = [said[name] for name in ("knativeerrorcode", "knativeerrordata") if said.get(name)]
    return " ".join(parts) or "No reason was given by the sender."


async def store(connection: "Connection", event: CloudEvent, topic: str, reason: str, attempts: int) -> int | None:
    """Store a dead letter in the caller's transaction and fail its document; None when it lies there already."""
    key = event.partitionkey or event.id
    document = json.dumps(event.to_json(), ensure_ascii=False)
    letter: int | None = await connection.fetchval(
        load_sql(__file__, "store_dead_letter"), topic, key, document, reason, attempts
    )
    document_id = _document_id(event.data)
    if letter is not None and document_id is not None:
        problem = json.dumps(_delivery_problem(letter, event.type, reason, attempts), ensure_ascii=False)
        await connection.execute(
            load_sql(__file__, "fail_document"), document_id, problem, _WAITING.get(event.type, [])
        )
    return letter


def _document_id(data: Mapping[str, Any] | None) -> uuid.UUID | None:
    try:
        return uuid.UUID((data or {}).get("document_id"))
    except (ValueError, TypeError, AttributeError):
        return None


def _delivery_problem(letter: int, event_type: str, reason: str, attempts: int) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + "delivery-given-up",
        "title": f"The delivery of {event_type} was given up",
        "status": 500,
        "detail": f"After {attempts} attempts: {reason}",
        "action": f"Remove the cause, then replay the event: research-kb events dead-letters replay {letter}, "
        f"or POST /dead-letters/{letter}/replay.",
        "dead_letter": letter,
    }


async def list_letters(
    connection: "Connection", *, limit: int, below: int | None = None, replayed: bool = False
) -> list[DeadLetter]:
    """Return up to `limit` dead letters, newest first, with ids below `below`; replayed ones only when asked for."""
    rows = await connection.fetch(load_sql(__file__, "dead_letters"), below, replayed, limit)
    return [_letter(row) for row in rows]


async def get_letter(connection: "Connection", letter_id: int) -> DeadLetter:
    """Return one dead letter; Problem 404 when there is none."""
    row = await connection.fetchrow(load_sql(__file__, "dead_letter"), letter_id)
    if row is None:
        detail = f"There is no dead letter {letter_id}."
        raise Problem(404, "dead-letter-not-found", "No such dead letter", detail, "GET /dead-letters lists them.")
    return _letter(row)


async def replay(connection: "Connection", letter_id: int) -> DeadLetter:
    """Put the event back on its topic, unchanged, in the caller's transaction; return the letter.

    A document that failed because of this letter waits again, unless others of its events are still given up.

    Raises
    ------
    Problem
        404 unknown, 409 replayed before, 422 when the record was no CloudEvent or its topic is not known.
    """
    letter = await get_letter(connection, letter_id)
    event = _replayable(letter)
    if await connection.fetchval(load_sql(__file__, "mark_replayed"), letter_id) is None:
        action = "If it failed again, a newer dead letter holds it: GET /dead-letters."
        raise Problem(409, "already-replayed", "Replayed before", f"Dead letter {letter_id} was replayed.", action)
    await put(connection, [(letter.topic, letter.partition_key, event)])
    document_id = _document_id(event.data)
    if document_id is not None:
        await connection.fetchval(load_sql(__file__, "revive_document"), document_id, letter_id)
    return await get_letter(connection, letter_id)


def _replayable(letter: DeadLetter) -> CloudEvent:
    event = CloudEvent.from_json(letter.event)
    if event.type == RECORD_MALFORMED or not letter.topic:
        detail = f"Dead letter {letter.id} is no event that a topic could take."
        action = "Publish a corrected event; docs/events.md says how."
        raise Problem(422, "not-replayable", "This record cannot be replayed", detail, action)
    return event


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(**{**row, "event": json.loads(row["event"])})
