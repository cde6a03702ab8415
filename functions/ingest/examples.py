"""The OpenAPI description of POST /documents: three content types, so no signature to derive it from."""

from typing import Any

from functions.ingest.inline import InlineDocument
from shared.documents import Bibliography
from shared.openapi import problem_response

_EXAMPLE = {
    "title": "Identification of causal effects using instrumental variables",
    "abstract": "We show how instruments identify a local average treatment effect ...",
    "authors": ["Joshua Angrist", "Guido Imbens", "Donald Rubin"],
    "year": 1996,
    "venue": "Journal of the American Statistical Association",
    "collection": "causal",
    "external_id": "angrist-1996",
}
_RECEIPT = {
    "id": "0d0a6c5e-6c0f-4b8e-9f27-2f2a0d1a7f11",
    "source_id": "5f1d8a2e-3c2b-5a8e-8f67-1c2b3d4e5f60",
    "status_url": "/documents/0d0a6c5e-6c0f-4b8e-9f27-2f2a0d1a7f11",
    "duplicate": False,
}
_UUID = {"type": "string", "format": "uuid"}
_RECEIPT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Receipt",
    "required": ["id", "source_id", "status_url", "duplicate"],
    "properties": {
        "id": _UUID,
        "source_id": _UUID,
        "status_url": {"type": "string"},
        "duplicate": {"type": "boolean", "description": "the same bytes and bibliography are known: nothing changed"},
    },
}
_ITEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "LineReceipt",
    "required": ["line"],
    "properties": {
        "line": {"type": "integer", "minimum": 1},
        **_RECEIPT_SCHEMA["properties"],
        "problem": {"type": "object", "description": "why this line was not accepted (RFC 9457)"},
    },
}
_ITEMS_SCHEMA = {
    "type": "object",
    "title": "LineReceipts",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": _ITEM_SCHEMA}},
}


def _inlined(model: type[Bibliography]) -> dict[str, Any]:
    return model.model_json_schema(ref_template="#/components/schemas/{model}")


def _form_schema() -> dict[str, Any]:
    schema = _inlined(Bibliography)
    metadata = {"type": "string", "description": "a JSON object as text", "contentMediaType": "application/json"}
    properties = {"file": {"type": "string", "format": "binary"}, **schema["properties"], "metadata": metadata}
    return {"type": "object", "title": "FileDocument", "required": ["file"], "properties": properties}


DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _inlined(InlineDocument), "example": _EXAMPLE},
            "multipart/form-data": {"schema": _form_schema()},
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "one JSON document (as under application/json) a line"},
                "example": '{"title": "A", "abstract": "..."}\n{"title": "B", "text": "..."}\n',
            },
        },
    }
}

ACCEPT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Known already: nothing changed",
        "content": {"application/json": {"schema": _RECEIPT_SCHEMA, "example": _RECEIPT | {"duplicate": True}}},
    },
    202: {
        "description": "Stored; it will be indexed. For NDJSON, one item a line",
        "content": {
            "application/json": {"schema": {"anyOf": [_RECEIPT_SCHEMA, _ITEMS_SCHEMA]}, "example": _RECEIPT},
        },
    },
    400: problem_response("The multipart body is malformed."),
    413: problem_response("The body is over the limit."),
    415: problem_response("The content type is not supported."),
}
