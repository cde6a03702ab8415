"""Errors over HTTP: RFC 9457 problem details, each with what to do about it."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.error_reports import report
from shared.logs import get_log

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:research-kb:problem:"

log = get_log("problems")


class Problem(Exception):
    """An error that its caller can read: `status`, a stable `slug`, a title, the detail and what to do."""

    def __init__(  # the fields of RFC 9457 and no more
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        action: str = "",
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status, self.slug, self.title, self.detail, self.action = status, slug, title, detail, action
        self.headers = headers or {}
        self.extra = extra
        # Why nobody was let in, and the key's tier: to be counted, no part of the document.
        self.refused: tuple[str, str] | None = None

    def body(self, instance: str | None = None, trace_id: str | None = None) -> dict[str, Any]:
        """Return the members of the problem document."""
        members = {
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "action": self.action,
            "instance": instance,
            "trace_id": trace_id,
        }
        return {name: value for name, value in (members | self.extra).items() if value is not None}


class DependencyUnavailable(Problem):
    """A database, model server or object store does not answer: the same request may succeed later."""

    def __init__(self, dependency: str, detail: str, retry_after_s: int = 2) -> None:
        super().__init__(
            503,
            "dependency-unavailable",
            f"{dependency} is not available",
            detail,
            "Try again after the time in Retry-After; GET /health tells which part is away.",
            {"Retry-After": str(retry_after_s)},
        )


_TITLES = {404: ("not-found", "No such resource"), 405: ("method-not-allowed", "Method not allowed")}
_ACTIONS = {
    404: "Compare the path with /openapi.json.",
    405: "Use one of the methods in the Allow header.",
}


def respond(problem: Problem, request: Request) -> JSONResponse:
    """Return the response of a problem."""
    trace_id = request.scope.get("state", {}).get("trace_id")
    return JSONResponse(
        problem.body(request.url.path, trace_id), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def _where(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"


def validation_problem(exc: RequestValidationError) -> Problem:
    """Turn FastAPI's validation errors into one problem that names each field."""
    errors = [{"field": _where(error["loc"]), "message": error["msg"]} for error in exc.errors()]
    detail = "; ".join(f"{error['field']}: {error['message']}" for error in errors[:5])
    action = "Correct the fields named in errors; /openapi.json holds the schema and examples."
    return Problem(422, "invalid-request", "The request is not valid", detail, action, errors=errors)


def _unreadable_body(cause: Exception) -> Problem:
    """Return the problem of a body that is not JSON at all: the same kind as JSON with wrong fields."""
    detail = f"The body cannot be read as JSON in UTF-8: {type(cause).__name__}."
    return Problem(422, "invalid-request", "The request is not valid", detail, "Send JSON, encoded as UTF-8.")


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` as application/problem+json: raised, validation, unknown path, bug."""

    async def on_problem(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, Problem)  # noqa: S101 -- registered for this type alone
        return respond(exc, request)

    async def on_validation(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RequestValidationError)  # noqa: S101 -- registered for this type alone
        return respond(validation_problem(exc), request)

    async def on_http(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, HTTPException)  # noqa: S101 -- registered for this type alone
        if isinstance(exc.__cause__, Problem):  # FastAPI takes whatever reading the body raises for a 400
            return respond(exc.__cause__, request)
        if exc.status_code == 400 and isinstance(exc.__cause__, ValueError | RecursionError):
            return respond(_unreadable_body(exc.__cause__), request)
        slug, title = _TITLES.get(exc.status_code, ("http-error", str(exc.detail)))
        detail = "" if exc.detail == title else str(exc.detail)
        headers = dict(exc.headers or {})
        return respond(
            Problem(exc.status_code, slug, title, detail, _ACTIONS.get(exc.status_code, ""), headers), request
        )

    async def on_bug(request: Request, exc: Exception) -> JSONResponse:
        from shared.database import is_temporary

        # Outside of the request's log context by now: whoever answers bugs is the outermost.
        state = request.scope.get("state", {})
        trace_id, function = state.get("trace_id", ""), getattr(request.app.state, "name", "")
        log.error("request_failed", path=request.url.path, trace_id=trace_id, function=function, exc_info=exc)
        if is_temporary(exc):
            return respond(DependencyUnavailable("A part that this needs", type(exc).__name__), request)
        report(exc, "request_failed", function, trace_id)
        action = "Report the trace_id to the operator; the server's log holds the cause."
        return respond(Problem(500, "internal-error", "The server failed", type(exc).__name__, action), request)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
