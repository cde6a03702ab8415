"""What FastAPI cannot know of our HTTP functions, for their OpenAPI documents: keys, problem details, rate limits."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "Problem details (RFC 9457) with what to do about it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "action"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:research-kb:problem:missing-scope"]},
        "title": {"type": "string", "examples": ["The API key lacks a scope"]},
        "status": {"type": "integer", "examples": [403]},
        "detail": {"type": "string"},
        "action": {"type": "string", "description": "What the caller can do."},
        "instance": {"type": "string", "description": "The path of the request."},
        "trace_id": {"type": "string", "description": "Names the request in the server's log."},
        "errors": {
            "type": "array",
            "description": "Of an invalid request: each field and what is wrong with it.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "required_scopes": {"type": "array", "items": {"type": "string"}},
    },
}
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rkb_<id>_<secret>",
        "description": "An API key, or a JWT of the issuer that the server's TOKEN_ISSUER names.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
RATE_LIMIT_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "Requests left in the key's hour (r) and seconds until it ends (t).",
        "schema": {"type": "string", "examples": ['"hour";r=997;t=3540']},
    },
    "RateLimit-Policy": {
        "description": "Requests an hour (q) and the window in seconds (w).",
        "schema": {"type": "string", "examples": ['"hour";q=1000;w=3600']},
    },
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_AUTHENTICATE = {"WWW-Authenticate": {"schema": {"type": "string"}}}


def problem_response(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an entry for a route's `responses` that is a problem document."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: problem_response("Unknown, or in a collection that the key may not see.")
}
ADMISSION_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: problem_response("No valid API key or token.", _AUTHENTICATE),
    403: problem_response("The key or token lacks the scope.", RATE_LIMIT_HEADERS),
    422: problem_response("The request is not valid.", RATE_LIMIT_HEADERS),
    429: problem_response(
        "The hour's requests or the slots of the key are used up.", RATE_LIMIT_HEADERS | _RETRY_AFTER
    ),
    503: problem_response("A part that this needs is away.", _RETRY_AFTER),
}


def document_admission(route: APIRoute, scopes: Iterable[str]) -> None:
    """Write keys, scopes and the refusals into the documentation of a route; of several scopes one suffices."""
    route.responses = {**ADMISSION_RESPONSES, **route.responses}
    needed = [[scope] for scope in scopes] or [[]]
    security = [{scheme: names} for names in needed for scheme in SECURITY_SCHEMES]
    route.openapi_extra = {**(route.openapi_extra or {}), "security": security}


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """Add the components that the routes refer to and the headers of every admitted answer; return `document`."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = SECURITY_SCHEMES
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            if operation.get("security"):
                _add_rate_limits(operation["responses"])
    return document


def _add_rate_limits(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if status.startswith("2"):
            response["headers"] = RATE_LIMIT_HEADERS | response.get("headers", {})


def install_schema(app: FastAPI) -> None:
    """Make `app.openapi()` return the completed document."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete_document(original())
        assert app.openapi_schema is not None  # noqa: S101 -- original() has just set it
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of extending it
