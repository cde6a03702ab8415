"""Which document an event is about: one that ingest stored, or one that a producer brings along."""

import uuid
from typing import Any

from pydantic import ValidationError

from events.cloudevents import CloudEvent
from shared.documents import Bibliography, Submission, accept
from shared.problems import Problem
from shared.resources import Resources


async def take_in(event: CloudEvent, held: Resources) -> uuid.UUID:
    """Return the id of the event's document, storing first what an outside producer sent.

    Redelivery of an outside event finds the document by its fingerprint and goes on where the first left off.

    Raises
    ------
    Problem
        422 when the event names no usable object or its bibliography is not valid.
    """
    data: dict[str, Any] = event.data or {}
    if "document_id" in data:
        return uuid.UUID(data["document_id"])
    [receipt] = await accept(held, [await _submission(event, data, held)], announce=False)
    return receipt.document_id


async def _submission(event: CloudEvent, data: dict[str, Any], held: Resources) -> Submission:
    said = {name: value for name, value in data.items() if name in Bibliography.model_fields and value is not None}
    try:
        bibliography = Bibliography.model_validate(said)
    except ValidationError as exc:
        errors = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()[:5])
        raise Problem(
            422, "invalid-event-data", "The event's data are not valid", errors, "Correct and resend."
        ) from exc
    trace_id = event.traceparent.split("-")[1] if event.traceparent else None
    if uri := data.get("uri"):
        key = held.objects.key_of(uri)
        body, filename = await held.objects.get(key), key.rsplit("/", 1)[-1]
        media_type = data.get("media_type") or "application/octet-stream"
    else:
        body, filename = data["text"].encode(), None
        media_type = data.get("media_type") or "text/plain"
    return Submission(body, media_type, bibliography, filename, None, trace_id)
