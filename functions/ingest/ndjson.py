"""Many documents in one request, one JSON object a line; a bad line holds up no good one."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from functions.ingest.inline import InlineDocument
from functions.ingest.settings import IngestSettings
from shared.access import Caller
from shared.database import batches
from shared.documents import Accepted, Submission, accept
from shared.problems import Problem
from shared.resources import Resources


def _line_problem(exc: ValidationError) -> dict[str, Any]:
    errors = [f"{'.'.join(map(str, error['loc'])) or 'line'}: {error['msg']}" for error in exc.errors()[:5]]
    action = "Correct the line and send it again; the other lines are not affected."
    return Problem(422, "invalid-line", "The line is not a valid document", "; ".join(errors), action).body()


def collection_refused(collection: str) -> Problem:
    """Return the problem of a collection outside the key's limits."""
    detail = f"This key may not use the collection {collection!r}."
    return Problem(403, "collection-forbidden", "The key is limited to other collections", detail, "Use another key.")


def read_lines(
    body: bytes, caller: Caller, submitted_by: UUID, trace_id: str | None, max_lines: int
) -> tuple[dict[int, Submission], dict[int, dict[str, Any]]]:
    """Return submissions and problems by line number, from 1; blank lines are skipped."""
    count = body.count(b"\n")
    if count > max_lines:
        detail = f"{count} lines; the limit is {max_lines}."
        raise Problem(413, "too-many-lines", "The request has too many lines", detail, "Send them in several requests.")
    good: dict[int, Submission] = {}
    bad: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            document = InlineDocument.model_validate_json(line)
        except ValidationError as exc:
            bad[number] = _line_problem(exc)
            continue
        if not caller.may_see(document.collection):
            bad[number] = collection_refused(document.collection).body()
            continue
        try:
            good[number] = document.submission(submitted_by, trace_id)
        except Problem as exc:
            bad[number] = exc.body()
    return good, bad


def _item(line: int, receipt: Accepted) -> dict[str, Any]:
    status_url = f"/documents/{receipt.document_id}"
    return {
        "line": line,
        "id": str(receipt.document_id),
        "source_id": str(receipt.source_id),
        "status_url": status_url,
        "duplicate": receipt.duplicate,
    }


async def accept_lines(
    resources: Resources, settings: IngestSettings, good: dict[int, Submission], bad: dict[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Accept the good lines in batches; return one item a line, in order.

    When a part goes away half way, the lines not yet accepted say so: those accepted before stay accepted.
    """
    items: list[dict[str, Any]] = [{"line": line, "problem": problem} for line, problem in bad.items()]
    for batch in batches(list(good.items()), settings.ndjson_batch):
        try:
            receipts = await accept(resources, [submission for _, submission in batch])
        except Problem as exc:
            if not any("id" in item for item in items):
                raise
            items += [{"line": line, "problem": exc.body()} for line, _ in batch]
            continue
        items += [_item(line, receipt) for (line, _), receipt in zip(batch, receipts, strict=True)]
    return sorted(items, key=lambda item: int(item["line"]))
