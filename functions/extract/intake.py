"""Documents that outside producers bring along in their own document.submitted events."""

from typing import Any

from pydantic import ValidationError

from events.cloudevents import CloudEvent
from events.processed import is_processed
from events.receiver import Outcome
from functions.extract.limits import Limits
from shared.documents import Bibliography, Submission, accept
from shared.problems import Problem
from shared.resources import Resources


async def take_in(event: CloudEvent, data: dict[str, Any], held: Resources) -> Outcome:
    """Accept the document in `data` of an outside producer's event; its own document.submitted goes on from there.

    Raises
    ------
    Problem
        422 when the event names no usable object or its bibliography is not valid.
    """
    pool = await held.pool()
    if await is_processed(pool, "extract", event):
        return "duplicate"
    receipts = await accept(held, [await _submission(event, data, held)], event=event)
    return "done" if any(not receipt.duplicate for receipt in receipts) else "duplicate"


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
        body, filename = await held.objects.get(key, Limits().body_bytes), key.rsplit("/", 1)[-1]
        media_type = data.get("media_type") or "application/octet-stream"
    else:
        body, filename = data["text"].encode(), None
        media_type = data.get("media_type") or "text/plain"
    return Submission(body, media_type, bibliography, filename, None, trace_id)
