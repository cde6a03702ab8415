"""Documents given as files: multipart/form-data with the bibliography as form fields."""

from pathlib import PurePath
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from functions.ingest.inline import empty_document
from shared.documents import Bibliography, Submission
from shared.problems import Problem

_FIELDS = set(Bibliography.model_fields)


def _metadata(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        detail = f"The form field metadata is not JSON: {exc}."
        raise Problem(422, "invalid-request", "The request is not valid", detail, 'Send e.g. {"topic": "iv"}.') from exc


def _bibliography(form: FormData) -> Bibliography:
    unknown = sorted(set(form) - _FIELDS - {"file"})
    if unknown:
        detail = f"Unknown form fields: {', '.join(unknown)}."
        raise Problem(
            422, "invalid-request", "The request is not valid", detail, f"Known: {', '.join(sorted(_FIELDS))}."
        )
    values: dict[str, Any] = {name: form[name] for name in form if name in _FIELDS and form[name] != ""}
    if "authors" in form:
        values["authors"] = [author for author in form.getlist("authors") if author]
    if "metadata" in values:
        values["metadata"] = _metadata(str(values["metadata"]))
    try:
        return Bibliography.model_validate(values)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def _printable(text: str) -> str:
    """Return `text` without what Postgres cannot store or a terminal would obey: NUL, controls, surrogates."""
    return "".join(character for character in text if character.isprintable())


async def read_file(request: Request, submitted_by: UUID, trace_id: str | None) -> Submission:
    """Return the uploaded file as a submission; problems for a broken form, a missing or an empty file."""
    try:
        form = await request.form(max_files=1, max_fields=2100)
    except HTTPException as exc:  # what Starlette makes of its MultiPartException
        raise Problem(
            400, "malformed-form", "The multipart body is malformed", str(exc.detail), "Send it anew."
        ) from exc
    try:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            action = "curl -F file=@paper.pdf ..."
            raise Problem(422, "missing-file", "The form has no file", "The field file is missing.", action)
        said = _bibliography(form)
        body = await upload.read()
    finally:
        await form.close()
    if not body:
        raise empty_document("The file has no bytes.")
    name = _printable(PurePath((upload.filename or "").replace("\\", "/")).name)[:300] or None
    media_type = _printable((upload.content_type or "application/octet-stream").split(";")[0]).strip().lower()[:200]
    return Submission(body, media_type, said, name, submitted_by, trace_id)
